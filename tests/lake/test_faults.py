"""Java's texts as AWS words them, which no server for tests does."""

from __future__ import annotations

import errno
import os

import pytest

from dicom_udf.config import LakeLocation
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.lake.faults import to_spark_error, to_task_error, translate_spark_errors

PLACE = LakeLocation("s3://bucket/lake", catalog="glue")
SDK = "software.amazon.awssdk"
USER = "User: arn:aws:sts::111122223333:assumed-role/ingest/GlueJobRunnerSession"
GLUE, S3 = f"{SDK}.services.glue.model", f"{SDK}.services.s3.model"
BELOW = f"""
\tat {GLUE}.AccessDeniedException$BuilderImpl.build(AccessDeniedException.java:150)
\tat {SDK}.core.internal.http.pipeline.stages.RetryableStage.execute(RetryableStage.java:73)
\tat {SDK}.services.glue.DefaultGlueClient.updateTable(DefaultGlueClient.java:17052)
\tat org.apache.iceberg.aws.glue.GlueTableOperations.persistGlueTable(GlueTableOperations.java:362)"""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            f"{GLUE}.AccessDeniedException: {USER} is not authorized to perform: glue:UpdateTable on "
            "resource: arn:aws:glue:eu-central-1:111122223333:table/dicom/instances because no identity-based policy "
            f"allows the glue:UpdateTable action (Service: Glue, Status Code: 400, Request ID: 1){BELOW}",
            "Glue denies glue:UpdateTable on arn:aws:glue:eu-central-1:111122223333:table/dicom/instances "
            "(AccessDenied); grant it",
        ),
        (
            f"Job aborted due to stage failure: Task 0 in stage 3.0 failed 4 times: {S3}.S3Exception: "
            f"{USER} is not authorized to perform: kms:GenerateDataKey on resource: "
            "arn:aws:kms:eu-central-1:111122223333:key/0-a because no policy allows it "
            "(Service: S3, Status Code: 403, Request ID: 2)\n"
            f"\tat {SDK}.services.s3.DefaultS3Client.putObject(DefaultS3Client.java:1)",
            "KMS denies kms:GenerateDataKey on arn:aws:kms:eu-central-1:111122223333:key/0-a (403)",
        ),
        (
            f"x: y\nCaused by: {S3}.S3Exception: Access Denied (Service: S3, Status Code: 403)\n"
            f"\tat {SDK}.services.s3.DefaultS3Client.putObject(DefaultS3Client.java:1)",
            "S3 denies s3:PutObject on the bucket of the lake s3://bucket/lake (403)",
        ),
        (
            f"{GLUE}.GlueException: The security token included in the request is invalid. (Service: "
            f"Glue, Status Code: 400, Request ID: 3){BELOW}",
            "Glue does not accept the credentials for glue:UpdateTable on the databases dicom and dicom_staging (400)",
        ),
        (
            f"{GLUE}.GlueException: Rate exceeded (Service: Glue, Status Code: 400){BELOW}",
            "Glue throttles glue:UpdateTable on the databases dicom and dicom_staging (400) ",
        ),
        (
            f"{GLUE}.InternalServiceException: (Service: Glue, Status Code: 500){BELOW}",
            "Glue answered InternalService to glue:UpdateTable on the databases dicom and dicom_staging;",
        ),
        (
            f"{SDK}.services.sts.model.StsException: Not now (Service: Sts, Status Code: 500)",
            "STS answered 500 to sts:* on the databases dicom and dicom_staging;",
        ),
        (
            f"{SDK}.core.exception.SdkClientException: Unable to execute HTTP request: Connect to bucket failed"
            f"\n\tat {SDK}.services.s3.DefaultS3Client.getObject(DefaultS3Client.java:1)",
            "S3 did not answer s3:GetObject on the bucket of the lake s3://bucket/lake (no connection);",
        ),
    ],
)
def test_a_refusal_names_action_and_resource(text: str, sentence: str) -> None:
    error = to_spark_error(text, PLACE)
    assert isinstance(error, RunFailedError)
    assert str(error).startswith(sentence)


def test_what_is_not_of_aws_is_left_alone() -> None:
    assert to_spark_error("org.apache.spark.SparkException: Job aborted: java.lang.OutOfMemoryError", PLACE) is None


@pytest.mark.parametrize(
    "text",
    [
        "Job aborted: Task 0 in stage 3.0 failed 1 times: java.io.IOException: No space left on device\n\tat x",
        "OSError: [Errno 28] No space left on device",
        "Caused by: java.io.IOException: Disk quota exceeded",
    ],
)
def test_a_full_disk_is_named_with_the_remedy(text: str) -> None:
    message = str(to_spark_error(text, LakeLocation("/data/lake")))
    assert message.startswith(
        "no space is left on the disk of temporary files (TMPDIR, SPARK_LOCAL_DIRS) or of the lake /data"
    )
    assert message.endswith("make room and run again: the next run goes on where this one stopped")
    assert "/lake" not in str(to_spark_error(text, PLACE))


def test_another_failure_is_no_full_disk() -> None:
    assert to_spark_error("java.io.IOException: Input/output error", LakeLocation("/data/lake")) is None


def test_a_disk_that_is_full_while_the_driver_writes_is_named_too() -> None:
    with pytest.raises(RunFailedError, match="no space is left"), translate_spark_errors(LakeLocation("/data/lake")):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(PermissionError), translate_spark_errors(LakeLocation("/data/lake")):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/data/lake")


@pytest.mark.parametrize("kind", [RunFailedError, ConfigurationError])
def test_an_error_that_a_task_raised_has_its_own_message(kind: type[Exception]) -> None:
    text = f"Job aborted: Traceback\n  File x\ndicom_udf.errors.{kind.__name__}: S3 denies it; grant it\n\n\tat org.x"
    found = to_task_error(text)
    assert (type(found), str(found)) == (kind, "S3 denies it; grant it")
    assert to_task_error("java.lang.ArithmeticException: / by zero") is None
