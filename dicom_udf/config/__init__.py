"""The settings of a command, the parser of its arguments, and the checks before anything is written.

::

    parse_job(IngestConfig, argv)    python, spark-submit, AWS Glue: only ``--name value``
    parse_command(argv)              the command ``dicom-lake``: SOURCE and SQL are positional
         │
         └── IngestConfig · PromoteConfig · UpgradeConfig · MaintainConfig · InitConfig · RegisterConfig
             ScanConfig · QueryConfig · QueriesConfig · ShowConfig · StatusConfig · FailuresConfig · ColumnsConfig
             VerifyConfig · ViewsConfig · CompletionConfig · ManifestConfig · FetchConfig
                  │
                  └── .location  ->  LakeLocation: root, database, catalog, how S3 and AWS are reached

Parsing reads the words alone. ``check_ingest`` and ``check_lake`` read the disk too, never the network. All raise
:class:`~dicom_udf.errors.ConfigurationError` with one sentence that names the argument and the remedy.
"""

from __future__ import annotations

from dicom_udf.config.arguments import CommandConfig, parse_command, parse_job
from dicom_udf.config.checks import (
    check_catalog,
    check_ingest,
    check_lake,
    check_new_lake,
    current_version,
    is_lake,
)
from dicom_udf.config.fetch_settings import DEFAULT_LAYOUT, FetchConfig, ManifestConfig, ManifestForm
from dicom_udf.config.ingest_settings import IngestConfig
from dicom_udf.config.lake_location import LakeLocation, S3Access, service_endpoint
from dicom_udf.config.options import ArchiveNames, ScanFormat, SqlDialect, parse_location
from dicom_udf.config.reading_commands import (
    ColumnsConfig,
    CompletionConfig,
    FailuresConfig,
    QueriesConfig,
    QueryConfig,
    ScanConfig,
    ShowConfig,
    StatusConfig,
    VerifyConfig,
    ViewsConfig,
)
from dicom_udf.config.shared_options import (
    WriterOptions,
)
from dicom_udf.config.writing_commands import (
    InitConfig,
    MaintainConfig,
    PromoteConfig,
    RegisterConfig,
    UpgradeConfig,
)

__all__ = [
    "DEFAULT_LAYOUT",
    "ArchiveNames",
    "ColumnsConfig",
    "CommandConfig",
    "CompletionConfig",
    "FailuresConfig",
    "FetchConfig",
    "IngestConfig",
    "InitConfig",
    "LakeLocation",
    "MaintainConfig",
    "ManifestConfig",
    "ManifestForm",
    "PromoteConfig",
    "QueriesConfig",
    "QueryConfig",
    "RegisterConfig",
    "S3Access",
    "ScanConfig",
    "ScanFormat",
    "ShowConfig",
    "SqlDialect",
    "StatusConfig",
    "UpgradeConfig",
    "VerifyConfig",
    "ViewsConfig",
    "WriterOptions",
    "check_catalog",
    "check_ingest",
    "check_lake",
    "check_new_lake",
    "current_version",
    "is_lake",
    "parse_command",
    "parse_job",
    "parse_location",
    "service_endpoint",
]
