"""The command line that AWS Glue gives a script: its own arguments around those of the job."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["GLUE_ARGUMENTS", "RUN_ID", "glue_command_line"]

RUN_ID = "jr_0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"

GLUE_ARGUMENTS = {
    # What the service adds to every run.
    "--JOB_NAME": "dicom-lake-ingest",
    "--JOB_ID": "j_0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "--JOB_RUN_ID": RUN_ID,
    "--SECURITY_CONFIGURATION": "dicom-lake",
    "--WORKFLOW_NAME": "nightly",
    "--WORKFLOW_RUN_ID": "wr_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "--TempDir": "s3://artifacts/temporary/",
    "--RedshiftTempDir": "s3://artifacts/temporary/",
    "--mode": "batch",
    "--debug": "false",
    "--endpoint": "https://glue.eu-central-1.amazonaws.com",
    # What its guide lists, in "Job parameter reference".
    "--additional-python-modules": "s3://artifacts/dicom-lake-0.3.0.gluewheels.zip",
    "--auto-scale-within-microbatch": "true",
    "--class": "GlueApp",
    "--conf": "spark.sql.adaptive.enabled=true --conf spark.network.timeout=600s",
    "--continuous-log-conversionPattern": "%d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n",
    "--continuous-log-logGroup": "/aws-glue/jobs/dicom-lake",
    "--continuous-log-logStreamPrefix": "ingest",
    "--custom-logGroup-prefix": "/dicom-lake",
    "--custom-logStream-prefix": "ingest",
    "--customer-driver-env-vars": 'CUSTOMER_A=1,CUSTOMER_B="two, three"',
    "--customer-executor-env-vars": "CUSTOMER_A=1",
    "--datalake-formats": "iceberg",
    "--disable-proxy": "true",
    "--disable-proxy-v2": "true",
    "--enable-auto-scaling": "true",
    "--enable-continuous-cloudwatch-log": "true",
    "--enable-continuous-log-filter": "true",
    "--enable-data-lineage": "false",
    "--enable-glue-datacatalog": "true",
    "--enable-job-insights": "true",
    "--enable-lakeformation-fine-grained-access": "false",
    "--enable-metrics": "true",
    "--enable-observability-metrics": "true",
    "--enable-rename-algorithm-v2": "true",
    "--enable-s3-parquet-optimized-committer": "true",
    "--enable-spark-ui": "true",
    "--enable-spark-ui-legacy-path": "false",
    "--encryption-type": "sse-s3",
    "--executor-cores": "4",
    "--extra-files": "s3://artifacts/settings.json",
    "--extra-jars": "s3://artifacts/extra.jar",
    "--extra-py-files": "s3://artifacts/extra.zip",
    "--hudi-version": "1.0.2",
    "--job-bookmark-from": "jr_1",
    "--job-bookmark-to": "jr_2",
    "--job-bookmark-option": "job-bookmark-disable",
    "--continuation-option": "continuation-ignore",
    "--job-language": "python",
    "--library-set": "analytics",
    "--python-modules-installer-option": "--no-index",
    "--scriptLocation": "s3://artifacts/ingest_dicom_headers.py",
    "--spark-event-logs-path": "s3://artifacts/spark-events/",
    "--use-postgres-driver": "false",
    "--user-jars-first": "false",
    "--write-shuffle-files-to-s3": "false",
    "--write-shuffle-spills-to-s3": "false",
}
"""Each argument that Glue may put on the command line, with a value as it has it."""

_RARE = {
    # Bookmarks by range belong to job-bookmark-pause; the older name of bookmarks and WORKFLOW_ to older jobs and to
    # workflows: what a job never has together with the others.
    "--job-bookmark-from", "--job-bookmark-to", "--continuation-option", "--WORKFLOW_NAME", "--WORKFLOW_RUN_ID",
    "--mode", "--debug", "--endpoint", "--class",
}  # fmt: skip


def glue_command_line(arguments: Sequence[str]) -> list[str]:
    """Return a job's arguments amid all that Glue gives a run, as the script finds them in ``sys.argv[1:]``."""
    pairs = [(name, value) for name, value in GLUE_ARGUMENTS.items() if name not in _RARE]
    words = [word for pair in pairs for word in pair]
    middle = len(pairs) // 2 * 2
    return ["true", *words[:middle], *arguments, *words[middle:]]
