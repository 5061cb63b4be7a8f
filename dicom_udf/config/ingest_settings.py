"""The settings of an ingest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dicom_udf.config.options import (
    ArchiveNames,
    PartitionBy,
    exclude_option,
    include_option,
    local_file,
    metrics_namespace,
    number,
    option,
    partition_option,
    path_or_url,
    queue_url,
    ratio,
    run_id,
    size,
    source_option,
    switch,
)
from dicom_udf.config.shared_options import (
    WriterOptions,
)

__all__ = ["IngestConfig"]

_Deletes = Literal["propagate", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestConfig(WriterOptions):
    """One run that brings a lake up to date with a source, a manifest, an inventory or a queue of events."""

    source: str | None = source_option(None)
    """Absolute path (made by the parser) or URL, because rows name their object by it."""

    manifest: str | None = option(
        "instead of SOURCE: a list of objects in Parquet, CSV or JSON lines, by bucket and key, or by uri",
        None,
        parse=path_or_url,
        metavar="FILE",
        group="what and where",
    )
    """Local or ``s3://``. Columns size, etag and last_modified are optional: HEAD requests find missing values. An
    object that is not in the manifest doesn't count as deleted."""

    inventory: str | None = option(
        "instead of SOURCE: the manifest.json of an S3 Inventory in Parquet or CSV",
        None,
        parse=path_or_url,
        metavar="FILE",
        group="what and where",
    )
    """Local or ``s3://``. An inventory is late by a day or more, so no object counts as deleted."""

    queue: str | None = option(
        "instead of SOURCE: URL of an SQS queue; read the objects that its S3 events name, remove rows of deleted ones",
        None,
        parse=queue_url,
        group="what and where",
    )
    """S3 notifications and EventBridge events, mixed, also through SNS. A HEAD request decides if an event doesn't."""

    partition_by: PartitionBy | None = partition_option()
    """None: as the lake has it. A commit costs about 24 ms for each partition touched: month or year suits archives of
    many sparse dates."""

    report: str | None = option("file for the run's report as JSON", None, parse=local_file, metavar="FILE.json")
    """Absolute path; its folder must exist. None writes no file."""

    include: tuple[str, ...] = include_option()
    """Globs, separated by commas, on the key below the source: ``*`` (``/`` too), ``?``, ``[a-z]``."""

    exclude: tuple[str, ...] = exclude_option()
    """As ``include``; on whole keys if a manifest, an inventory or a queue names the objects. A name that matches both
    is skipped. A skipped object never counts as deleted."""

    deletes: _Deletes = option(
        "remove or keep the rows of objects that a whole listing or an event shows as deleted",
        "propagate",
        choices=_Deletes,
    )
    """A manifest or an inventory never removes rows."""

    allow_mass_delete: bool = option(
        "true allows a run that would delete half or more of this source's rows", False, parse=switch
    )
    """A bucket that was emptied, unmounted or mistyped looks the same as one whose objects were deleted."""

    max_fault_ratio: float = option(
        "exit with status 1 if faults / (instances + faults) is above this, 0 to 1; skipped files don't count",
        1.0,
        parse=ratio,
    )
    """Without unit. 1 never fails: one bad file in a million is the normal state of an archive."""

    max_messages: int | None = option(
        "most messages that a run takes from the queue [default: until it is empty]", None, parse=number
    )
    """A batch has at most 100,000 in any case, which bounds the memory of the driver."""

    error_queue: str | None = option(
        "URL of an SQS queue; send it a small JSON message for each file that is a fault", None, parse=queue_url
    )
    """Sent after the batch's commit. No message contains a value of a file. Skipped files make no messages."""

    run_id: str | None = option(
        "name of this run in ingest_run_id [default: Glue's JOB_RUN_ID, or a new one]", None, parse=run_id
    )
    """Letters, digits, ``.``, ``_``, ``-``: it becomes part of a path."""

    split_probe_bytes: int = option(
        "probe objects of at least this size for a zip directory, 1/32 of it if named .zip",
        32 << 20,
        parse=size,
        group="archives",
    )
    """A probe is one request; smaller objects cost none beside the one that reads them."""

    split_members: int = option("most members of a zip in one task", 2_000, parse=number, group="archives")
    """A retried task reads as many again."""

    split_bytes: int = option("bytes of a zip in one task, roughly", 1 << 30, parse=size, group="archives")
    """Counted in the stored zip, pixels included."""

    max_archive_depth: int = option("most archives inside each other", 3, parse=number, group="archives")
    """An object's own archive is 1; tar.gz counts once."""

    max_archive_members: int = option("most files of one object", 1_000_000, parse=number, group="archives")
    """Nested ones included; the rest is one ARCHIVE_LIMIT row."""

    max_inflated_bytes: int = option("most bytes inflated for one object", 1 << 40, parse=size, group="archives")
    """Bounds the time that a bomb takes."""

    max_inflation_ratio: int = option(
        "highest ratio of inflated to packed bytes of one member", 1_100, parse=number, group="archives"
    )
    """Enforced once 1 GiB of one object is above it: bzip2 and xz reach 45,000 on blank images, deflate 1,032."""

    max_nested_bytes: int = option(
        "largest archive inside another that can only be read from a copy on disk",
        16 << 30,
        parse=size,
        group="archives",
    )
    """Local disk of an executor for one task. Stored members are read in place and don't count."""

    archive_names: ArchiveNames = option(
        "encoding of names in zips and tars that aren't marked as UTF-8; auto is UTF-8 if valid, otherwise CP437",
        "auto",
        choices=ArchiveNames,
        group="archives",
    )
    """Never guessed, since most names are valid in several encodings. Names that an archive marks as UTF-8 are read as
    UTF-8: by the flag or the Unicode Path field of a zip's entry, or by the pax header of a tar's."""

    frame_offsets: bool = option(
        "true reads offset tables of frames that lie behind the bytes of the header, by one more request each",
        False,
        parse=switch,
    )
    """A Basic Offset Table has 4 bytes a frame and is in front of the frames. One that was read with the header costs
    nothing in any case."""

    metrics_namespace: str | None = option(
        "CloudWatch namespace for the run's counts; without it, none are sent",
        None,
        parse=metrics_namespace,
        group="AWS",
    )
    """Needs cloudwatch:PutMetricData. A failed request is a warning and never fails a run."""
