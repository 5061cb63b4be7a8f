"""The settings of an ingest, frozen. A field carries its option in its metadata, so the two can't drift apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dicom_udf.config.lake_options import WriterOptions
from dicom_udf.config.options import (
    ARCHIVE_NAMES,
    PARTITION_BY,
    ArchiveNames,
    PartitionBy,
    local_file,
    location,
    metrics_namespace,
    number,
    option,
    patterns,
    queue_url,
    ratio,
    run_id,
    size,
    switch,
)

__all__ = ["IngestConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestConfig(WriterOptions):
    """One run that brings a lake up to date with a source, a manifest, an inventory or a queue of events."""

    source: str | None = field(
        default=None,
        metadata=option(
            "DICOM files and archives: a local folder or file, or s3://bucket/prefix",
            parse=location,
            metavar="SOURCE",
            group="what and where",
        ),
    )
    """Absolute path (the parser makes it so) or URL, because rows name their object by it."""

    manifest: str | None = field(
        default=None,
        metadata=option(
            "instead of SOURCE: a list of objects as Parquet, CSV or JSON lines, with bucket and key, or uri",
            parse=location,
            metavar="FILE",
            group="what and where",
        ),
    )
    """Local or ``s3://``. Optional columns size, etag, last_modified; what is missing is asked by HEAD. Nothing that
    a manifest leaves out counts as deleted."""

    inventory: str | None = field(
        default=None,
        metadata=option(
            "instead of SOURCE: the manifest.json of an S3 Inventory in Parquet or CSV",
            parse=location,
            metavar="FILE",
            group="what and where",
        ),
    )
    """Local or ``s3://``. An inventory is late by a day or more, so nothing counts as deleted."""

    queue: str | None = field(
        default=None,
        metadata=option(
            "instead of SOURCE: URL of an SQS queue; read the objects that its S3 events name, remove rows of deleted "
            "ones",
            parse=queue_url,
            metavar="URL",
            group="what and where",
        ),
    )
    """S3 notifications and EventBridge events, mixed, also by way of SNS. HEAD decides what an event leaves open."""

    partition_by: PartitionBy = field(default="day", metadata=PARTITION_BY)
    """A commit costs about 24 ms for each partition touched: month or year suits archives of many sparse dates."""

    report: str | None = field(
        default=None, metadata=option("write the run's report here as JSON", parse=local_file, metavar="FILE.json")
    )
    """Absolute path; its folder must exist. Nothing is written when None."""

    include: tuple[str, ...] = field(
        default=(),
        metadata=option("only names that match one of these, e.g. '*.dcm,*.zip'", parse=patterns, metavar="PATTERNS"),
    )
    """Globs, separated by commas, on the key below the source: ``*`` crosses ``/``, ``?``, ``[a-z]``."""

    exclude: tuple[str, ...] = field(
        default=(),
        metadata=option("no names that match one of these, e.g. 'tmp/*'", parse=patterns, metavar="PATTERNS"),
    )
    """As ``include``; on whole keys where a manifest, an inventory or a queue names the objects. What matches both is
    left out, and what these leave out is never taken for deleted."""

    deletes: Literal["propagate", "keep"] = field(
        default="propagate",
        metadata=option(
            "rows of objects that are gone, by a whole listing or an event: take them away, or keep them",
            choices=("propagate", "keep"),
        ),
    )
    """A manifest or an inventory never takes rows away."""

    allow_mass_delete: bool = field(
        default=False,
        metadata=option(
            "true allows a run that would delete half or more of this source's rows",
            parse=switch,
            metavar="SWITCH",
        ),
    )
    """A bucket that was emptied, unmounted or mistyped looks the same as one whose objects were deleted."""

    max_fault_ratio: float = field(
        default=1.0,
        metadata=option(
            "exit with 1 when faults / (instances + faults) is above this; 0 to 1, rightly skipped files don't count",
            parse=ratio,
            metavar="RATIO",
        ),
    )
    """Without unit. 1 never fails: one bad file in a million is the normal state of an archive."""

    max_messages: int | None = field(
        default=None,
        metadata=option(
            "messages that a run takes from the queue at most [default: until it is empty]", parse=number, metavar="N"
        ),
    )
    """A batch has at most 100,000 in any case, and what it holds in memory is bounded by that."""

    error_queue: str | None = field(
        default=None,
        metadata=option(
            "URL of an SQS queue that gets a small JSON message for each file that is a fault",
            parse=queue_url,
            metavar="URL",
        ),
    )
    """Sent after the batch's commit; no message holds a value of a file. Skipped files make none."""

    run_id: str | None = field(
        default=None,
        metadata=option(
            "name of this run in ingest_run_id [default: Glue's JOB_RUN_ID, or a new one]", parse=run_id, metavar="ID"
        ),
    )
    """Letters, digits, ``.``, ``_``, ``-``: it becomes part of a path."""

    split_probe_bytes: int = field(
        default=32 << 20,
        metadata=option(
            "probe objects of at least this size for a zip directory, 1/32 of it if named .zip",
            parse=size,
            metavar="BYTES",
            group="archives",
        ),
    )
    """A probe is one request; smaller objects cost none beside the one that reads them."""

    split_members: int = field(
        default=2_000,
        metadata=option("members of a zip in one task at most", parse=number, metavar="N", group="archives"),
    )
    """What a retried task reads again."""

    split_bytes: int = field(
        default=1 << 30,
        metadata=option("bytes of a zip in one task, about", parse=size, metavar="BYTES", group="archives"),
    )
    """Of the stored zip, pixels included."""

    max_archive_depth: int = field(
        default=3,
        metadata=option("archives inside each other that are read", parse=number, metavar="N", group="archives"),
    )
    """An object's own archive is 1; tar.gz counts once."""

    max_archive_members: int = field(
        default=1_000_000,
        metadata=option("files in one object that are read", parse=number, metavar="N", group="archives"),
    )
    """Nested ones included; the rest is one ARCHIVE_LIMIT row."""

    max_inflated_bytes: int = field(
        default=1 << 40,
        metadata=option("bytes inflated for one object", parse=size, metavar="BYTES", group="archives"),
    )
    """Bounds the time that a bomb takes."""

    max_inflation_ratio: int = field(
        default=1_100,
        metadata=option("inflated over packed bytes of one member", parse=number, metavar="N", group="archives"),
    )
    """Counts once 1 GiB of one object is above it: bzip2 and xz reach 45,000 on blank images. Deflate ends at 1,032."""

    max_nested_bytes: int = field(
        default=16 << 30,
        metadata=option(
            "size of an archive inside another that has to be kept to be read",
            parse=size,
            metavar="BYTES",
            group="archives",
        ),
    )
    """Local disk of an executor that one task may take; stored members are read in place and don't count."""

    archive_names: ArchiveNames = field(default="auto", metadata=ARCHIVE_NAMES)
    """Never guessed: most names are valid in several encodings. What an archive marks as UTF-8 always is: the flag or
    the Unicode Path field of a zip's entry, the pax header of a tar's."""

    metrics_namespace: str | None = field(
        default=None,
        metadata=option(
            "namespace in CloudWatch that the run's counts are sent to; none are sent without it",
            parse=metrics_namespace,
            metavar="NAME",
            group="AWS",
        ),
    )
    """Needs cloudwatch:PutMetricData. Metrics that can't be sent are a warning and never fail a run."""
