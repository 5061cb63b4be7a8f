"""The evaluator that the policies are held against: it must be able to say no."""

import base64
import json

import pytest

from tests.terraform.iam import Call, calls_of, permissions, permitting

PUT = "cloudwatch:PutMetricData"
READ = {"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::source/studies/*"}
LIST = {
    "Sid": "List",
    "Effect": "Allow",
    "Action": ["s3:ListBucket"],
    "Resource": "arn:aws:s3:::source",
    "Condition": {"StringLikeIfExists": {"s3:prefix": "studies/*"}},
}
METRICS = {
    "Sid": "Metrics",
    "Effect": "Allow",
    "Action": "cloudwatch:PutMetricData",
    "Resource": "*",
    "Condition": {"StringEquals": {"cloudwatch:namespace": "DicomLake"}},
}
TABLES = {"Sid": "Tables", "Effect": "Allow", "Action": "glue:GetTable", "Resource": ["c", "d/dicom", "t/dicom/*"]}


@pytest.mark.parametrize(
    ("call", "allowed"),
    [
        (Call("s3:GetObject", ("arn:aws:s3:::source/studies/1.dcm",)), ["Read s3:GetObject"]),
        (Call("s3:GetObject", ("arn:aws:s3:::source/other/1.dcm",)), []),
        (Call("s3:DeleteObject", ("arn:aws:s3:::source/studies/1.dcm",)), []),
        (Call("s3:ListBucket", ("arn:aws:s3:::source",), {"s3:prefix": "studies/"}), ["List s3:ListBucket"]),
        (Call("s3:ListBucket", ("arn:aws:s3:::source",), {"s3:prefix": "other/"}), []),
        (Call("s3:ListBucket", ("arn:aws:s3:::source",)), ["List s3:ListBucket"]),
        (Call(PUT, ("*",), {"cloudwatch:namespace": "DicomLake"}), [f"Metrics {PUT}"]),
        (Call(PUT, ("*",), {"cloudwatch:namespace": "Other"}), []),
        (Call(PUT, ("*",)), []),
        (Call("glue:GetTable", ("c", "d/dicom", "t/dicom/instances")), ["Tables glue:GetTable"] * 3),
        (Call("glue:GetTable", ("c", "d/other", "t/other/instances")), []),
    ],
)  # fmt: skip
def test_a_call_is_allowed_where_a_statement_covers_all_of_it(call, allowed) -> None:
    assert permitting([READ, LIST, METRICS, TABLES], call) == allowed


def test_permissions_are_pairs_of_statement_and_action() -> None:
    assert permissions([READ, LIST]) == {"Read s3:GetObject", "List s3:ListBucket"}


def recorded(service: str, method: str, path: str, body: bytes = b"", **headers: str) -> str:
    authorization = f"AWS4-HMAC-SHA256 Credential=tests/20261123/eu-central-1/{service}/aws4_request, Signature=0"
    return json.dumps(
        {
            "headers": {"Authorization": authorization, **headers},
            "method": method,
            "url": f"http://127.0.0.1:5000{path}",
            "body": base64.b64encode(body).decode(),
            "body_encoded": True,
        }
    )


@pytest.mark.parametrize(
    ("request_", "actions"),
    [
        (("s3", "GET", "/lake?list-type=2&prefix=lake%2F"), ["s3:ListBucket"]),
        (("s3", "HEAD", "/lake"), ["s3:ListBucket"]),
        (("s3", "GET", "/lake/a%20b"), ["s3:GetObject", "kms:Decrypt"]),
        (("s3", "HEAD", "/lake/a"), ["s3:GetObject"]),
        (("s3", "PUT", "/lake/a"), ["s3:PutObject", "kms:GenerateDataKey"]),
        (("s3", "PUT", "/lake/a?partNumber=1&uploadId=x"), ["s3:PutObject", "kms:GenerateDataKey", "kms:Decrypt"]),
        (("s3", "DELETE", "/lake/a?uploadId=x"), ["s3:AbortMultipartUpload"]),
        (("s3", "DELETE", "/lake/a"), ["s3:DeleteObject"]),
        (("s3", "POST", "/lake?delete", b"<Key>a</Key><Key>b</Key>"), ["s3:DeleteObject", "s3:DeleteObject"]),
        (("monitoring", "POST", "/", b"Action=PutMetricData&Namespace=DicomLake"), ["cloudwatch:PutMetricData"]),
        (("iam", "POST", "/"), ["iam:?"]),
    ],
)
def test_a_request_is_the_action_that_aws_documents(request_, actions) -> None:
    calls = calls_of(recorded(*request_), account="1", region="eu-central-1", keys={"lake": "key"})
    assert [call.action for call in calls] == actions


def test_a_batch_of_sqs_is_the_action_of_one() -> None:
    body = json.dumps({"QueueUrl": "http://127.0.0.1:5000/1/events", "Entries": []}).encode()
    line = recorded("sqs", "POST", "/", body, **{"X-Amz-Target": "AmazonSQS.DeleteMessageBatch"})
    (call,) = calls_of(line, account="1", region="eu-central-1", keys={})
    assert (call.action, call.resources) == ("sqs:DeleteMessage", ("arn:aws:sqs:eu-central-1:1:events",))


def test_a_table_is_the_catalog_the_database_and_itself() -> None:
    body = json.dumps({"DatabaseName": "dicom", "Name": "instances"}).encode()
    line = recorded("glue", "POST", "/", body, **{"X-Amz-Target": "AWSGlue.GetTable"})
    (call,) = calls_of(line, account="1", region="r", keys={})
    base = "arn:aws:glue:r:1"
    assert call.resources == (f"{base}:catalog", f"{base}:database/dicom", f"{base}:table/dicom/instances")
