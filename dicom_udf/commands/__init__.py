"""The commands of ``dicom-lake``: settings in, one call of a room below, an answer on stdout.

run_command(config)
├── writing    ingest · promote · upgrade · maintain · init · register
├── reading    query · queries · show · manifest · fetch · scan · status · failures · columns · verify · views
│              completion
└── output     rows on stdout, as wide as the terminal
"""

from __future__ import annotations

from typing import assert_never

from dicom_udf.commands.reading import (
    run_columns,
    run_completion,
    run_failures,
    run_fetch,
    run_manifest,
    run_queries,
    run_query,
    run_scan,
    run_show,
    run_status,
    run_verify,
    run_views,
)
from dicom_udf.commands.writing import run_ingest, run_init, run_maintain, run_promote, run_register, run_upgrade
from dicom_udf.config import (
    ColumnsConfig,
    CommandConfig,
    CompletionConfig,
    FailuresConfig,
    FetchConfig,
    IngestConfig,
    InitConfig,
    MaintainConfig,
    ManifestConfig,
    PromoteConfig,
    QueriesConfig,
    QueryConfig,
    RegisterConfig,
    ScanConfig,
    ShowConfig,
    StatusConfig,
    UpgradeConfig,
    VerifyConfig,
    ViewsConfig,
)

__all__ = ["run_command"]


def run_command(config: CommandConfig) -> None:
    """Run the command that settings are for; errors are raised as :mod:`dicom_udf.errors` has them."""
    match config:
        case IngestConfig():
            run_ingest(config)
        case PromoteConfig() if config.attributes:
            run_promote(config)
        case UpgradeConfig():  # or a promotion of nothing
            run_upgrade(config)
        case MaintainConfig():
            run_maintain(config)
        case InitConfig():
            run_init(config)
        case RegisterConfig():
            run_register(config)
        case QueryConfig():
            run_query(config)
        case QueriesConfig():
            run_queries(config)
        case ShowConfig():
            run_show(config)
        case ManifestConfig():
            run_manifest(config)
        case FetchConfig():
            run_fetch(config)
        case ScanConfig():
            run_scan(config)
        case StatusConfig():
            run_status(config)
        case FailuresConfig():
            run_failures(config)
        case ColumnsConfig():
            run_columns(config)
        case VerifyConfig():
            run_verify(config)
        case ViewsConfig():
            run_views(config)
        case CompletionConfig():
            run_completion(config)
        case _:
            assert_never(config)
