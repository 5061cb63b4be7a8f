"""What a run is told: frozen settings, the only parser of arguments, and the checks made before anything is written.

::

    IngestConfig ── parse_ingest_arguments(argv)    python, spark-submit, AWS Glue: only ``--name value``
         │
         └───────── parse_command(argv)             the command ``dicom-lake``: SOURCE and SQL are positional
    QueryConfig · StatusConfig · FailuresConfig · ColumnsConfig · VerifyConfig
    InitConfig · RegisterConfig · MaintainConfig · PromoteConfig
         │
         └───────── .place  ->  LakePlace: root, database, catalog, how S3 and AWS are reached

Parsing looks at the words alone; ``check_ingest`` and ``check_lake`` look at the disk too, at no network. All raise
:class:`~dicom_udf.errors.ConfigurationError` with one sentence that names the argument and the remedy.
"""

from __future__ import annotations

from dicom_udf.config.arguments import (
    parse_command,
    parse_ingest_arguments,
    parse_maintain_arguments,
    parse_promote_arguments,
    to_arguments,
)
from dicom_udf.config.checks import check_catalog, check_ingest, check_lake, check_new_lake, is_lake
from dicom_udf.config.ingest_settings import IngestConfig
from dicom_udf.config.lake_options import CatalogOptions, LakeOptions, WriterOptions
from dicom_udf.config.place import LakePlace, S3Access, service_endpoint
from dicom_udf.config.settings import (
    ColumnsConfig,
    CommandConfig,
    FailuresConfig,
    QueryConfig,
    StatusConfig,
    VerifyConfig,
)
from dicom_udf.config.upkeep_settings import InitConfig, MaintainConfig, PromoteConfig, RegisterConfig

__all__ = [
    "CatalogOptions",
    "ColumnsConfig",
    "CommandConfig",
    "FailuresConfig",
    "IngestConfig",
    "InitConfig",
    "LakeOptions",
    "LakePlace",
    "MaintainConfig",
    "PromoteConfig",
    "QueryConfig",
    "RegisterConfig",
    "S3Access",
    "StatusConfig",
    "VerifyConfig",
    "WriterOptions",
    "check_catalog",
    "check_ingest",
    "check_lake",
    "check_new_lake",
    "is_lake",
    "parse_command",
    "parse_ingest_arguments",
    "parse_maintain_arguments",
    "parse_promote_arguments",
    "service_endpoint",
    "to_arguments",
]
