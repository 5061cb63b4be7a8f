"""Settings that are fixed when a lake is made: a command that names others is refused before it writes."""

from __future__ import annotations

from dicom_udf.config import LakeLocation
from dicom_udf.errors import ConfigurationError
from dicom_udf.lake.layout import INSTANCES
from dicom_udf.lake.targets import period_of_spec
from dicom_udf.table_metadata import current_schema, current_spec, read_metadata

__all__ = ["check_partitions"]


def check_partitions(location: LakeLocation, partition_by: str | None) -> None:
    """Check that a lake's partitions are those that a command names, by the metadata of ``instances``, without Spark.

    Args:
        location: The lake; one without tables accepts any.
        partition_by: ``day``, ``month`` or ``year``; None accepts the lake's.

    Raises:
        ConfigurationError: The lake has others.
        RunFailedError: Glue or S3 denies a request or doesn't answer.
    """
    metadata = read_metadata(location) if partition_by is not None else None
    if metadata is None:
        return
    period = period_of_spec(current_schema(metadata), current_spec(metadata))
    if period != partition_by:
        found = f"by the {period} of study_date" if period is not None else "otherwise by its owner"
        remedy = f"leave the option out or name {period}" if period is not None else "leave the option out"
        raise ConfigurationError(
            f"--partition-by {partition_by}: the lake {location.root} is partitioned {found}, which was fixed when its "
            f"table {location.database}.{INSTANCES.name} was made; {remedy}, or make another lake"
        )
