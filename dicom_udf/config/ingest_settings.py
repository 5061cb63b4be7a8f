"""The settings of an ingest, frozen. A field carries its option in its metadata, so the two can't drift apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dicom_udf.config.commands import WriterOptions
from dicom_udf.config.options import (
    ArchiveNames,
    PartitionBy,
    local_file,
    location,
    metrics_namespace,
    number,
    option,
    partition_option,
    patterns,
    queue_url,
    ratio,
    run_id,
    size,
    switch,
)

__all__ = ["IngestConfig"]

_Deletes = Literal["propagate", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestConfig(WriterOptions):
    """One run that brings a lake up to date with a source, a manifest, an inventory or a queue of events."""

    source: str | None = option(
        "DICOM files and archives: a local folder or file, or s3://bucket/prefix",
        None,
        parse=location,
        metavar="SOURCE",
        group="what and where",
    )
    """Absolute path (the parser makes it so) or URL, because rows name their object by it."""

    manifest: str | None = option(
        "instead of SOURCE: a list of objects as Parquet, CSV or JSON lines, with bucket and key, or uri",
        None,
        parse=location,
        metavar="FILE",
        group="what and where",
    )
    """Local or ``s3://``. Optional columns size, etag, last_modified; what is missing is asked by HEAD. Nothing that
    a manifest leaves out counts as deleted."""

    inventory: str | None = option(
        "instead of SOURCE: the manifest.json of an S3 Inventory in Parquet or CSV",
        None,
        parse=location,
        metavar="FILE",
        group="what and where",
    )
    """Local or ``s3://``. An inventory is late by a day or more, so nothing counts as deleted."""

    queue: str | None = option(
        "instead of SOURCE: URL of an SQS queue; read the objects that its S3 events name, remove rows of deleted ones",
        None,
        parse=queue_url,
        group="what and where",
    )
    """S3 notifications and EventBridge events, mixed, also by way of SNS. HEAD decides what an event leaves open."""

    partition_by: PartitionBy = partition_option()
    """A commit costs about 24 ms for each partition touched: month or year suits archives of many sparse dates."""

    report: str | None = option("write the run's report here as JSON", None, parse=local_file, metavar="FILE.json")
    """Absolute path; its folder must exist. Nothing is written when None."""

    include: tuple[str, ...] = option("only names that match one of these, e.g. '*.dcm,*.zip'", (), parse=patterns)
    """Globs, separated by commas, on the key below the source: ``*`` crosses ``/``, ``?``, ``[a-z]``."""

    exclude: tuple[str, ...] = option("no names that match one of these, e.g. 'tmp/*'", (), parse=patterns)
    """As ``include``; on whole keys where a manifest, an inventory or a queue names the objects. What matches both is
    left out, and what these leave out is never taken for deleted."""

    deletes: _Deletes = option(
        "rows of objects that are gone, by a whole listing or an event: take them away, or keep them",
        "propagate",
        choices=_Deletes,
    )
    """A manifest or an inventory never takes rows away."""

    allow_mass_delete: bool = option(
        "true allows a run that would delete half or more of this source's rows", False, parse=switch
    )
    """A bucket that was emptied, unmounted or mistyped looks the same as one whose objects were deleted."""

    max_fault_ratio: float = option(
        "exit with 1 when faults / (instances + faults) is above this; 0 to 1, rightly skipped files don't count",
        1.0,
        parse=ratio,
    )
    """Without unit. 1 never fails: one bad file in a million is the normal state of an archive."""

    max_messages: int | None = option(
        "messages that a run takes from the queue at most [default: until it is empty]", None, parse=number
    )
    """A batch has at most 100,000 in any case, and what it holds in memory is bounded by that."""

    error_queue: str | None = option(
        "URL of an SQS queue that gets a small JSON message for each file that is a fault", None, parse=queue_url
    )
    """Sent after the batch's commit; no message holds a value of a file. Skipped files make none."""

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

    split_members: int = option("members of a zip in one task at most", 2_000, parse=number, group="archives")
    """What a retried task reads again."""

    split_bytes: int = option("bytes of a zip in one task, about", 1 << 30, parse=size, group="archives")
    """Of the stored zip, pixels included."""

    max_archive_depth: int = option("archives inside each other that are read", 3, parse=number, group="archives")
    """An object's own archive is 1; tar.gz counts once."""

    max_archive_members: int = option("files in one object that are read", 1_000_000, parse=number, group="archives")
    """Nested ones included; the rest is one ARCHIVE_LIMIT row."""

    max_inflated_bytes: int = option("bytes inflated for one object", 1 << 40, parse=size, group="archives")
    """Bounds the time that a bomb takes."""

    max_inflation_ratio: int = option("inflated over packed bytes of one member", 1_100, parse=number, group="archives")
    """Counts once 1 GiB of one object is above it: bzip2 and xz reach 45,000 on blank images. Deflate ends at 1,032."""

    max_nested_bytes: int = option(
        "size of an archive inside another that has to be kept to be read", 16 << 30, parse=size, group="archives"
    )
    """Local disk of an executor that one task may take; stored members are read in place and don't count."""

    archive_names: ArchiveNames = option(
        "encoding of names in zips and tars that aren't marked as UTF-8; auto: UTF-8 if valid, otherwise CP437",
        "auto",
        choices=ArchiveNames,
        group="archives",
    )
    """Never guessed: most names are valid in several encodings. What an archive marks as UTF-8 always is: the flag or
    the Unicode Path field of a zip's entry, the pax header of a tar's."""

    metrics_namespace: str | None = option(
        "namespace in CloudWatch that the run's counts are sent to; none are sent without it",
        None,
        parse=metrics_namespace,
        group="AWS",
    )
    """Needs cloudwatch:PutMetricData. Metrics that can't be sent are a warning and never fail a run."""
