"""The options of the command line, and the readers of their values.

A reader raises :class:`argparse.ArgumentTypeError`; argparse puts the option's name before the message.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from dicom_udf.errors import ConfigurationError, FailureCode

__all__ = [
    "ArchiveNames",
    "LogFormat",
    "LogLevel",
    "OutputFormat",
    "PartitionBy",
    "ScanFormat",
    "Shell",
    "ShowFormat",
    "ShowKind",
    "SqlDialect",
    "attributes",
    "columns",
    "count",
    "database",
    "day",
    "exclude_option",
    "failure_code",
    "format_option",
    "include_option",
    "key_arn",
    "lake_option",
    "local_file",
    "log_level_option",
    "metrics_namespace",
    "number",
    "option",
    "parse_location",
    "partition_option",
    "path_or_url",
    "patterns",
    "queue_url",
    "ratio",
    "region",
    "run_id",
    "s3_url",
    "size",
    "source_option",
    "sql_file",
    "switch",
    "url",
    "wait_option",
    "word",
]

_UNITS = {"": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}


def path_or_url(text: str) -> str:
    """Read a local path, ``file://`` URI or ``s3://`` URL; a local one becomes absolute, without links and ``..``.

    One place must have one name, since rows name their object by it.
    """
    if not text:
        raise argparse.ArgumentTypeError("is empty; give a local folder or an s3:// URL")
    if text.startswith("file://"):
        text = text.removeprefix("file://")  # source_uri is stored decoded, so nothing is unquoted here
    scheme = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]*)://", text)
    if scheme and scheme[1] != "s3":
        raise argparse.ArgumentTypeError(f"can't be a {scheme[1]}:// URL; give a local folder or an s3:// URL")
    if scheme and not re.match("s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|$)", text):
        raise argparse.ArgumentTypeError("has no bucket; write s3://bucket/prefix")
    try:
        return text if scheme else str(Path(text).expanduser().resolve())
    except RuntimeError:
        raise argparse.ArgumentTypeError("begins with ~, and this user has no home; write the whole path") from None


def parse_location(name: str, path: str | os.PathLike[str]) -> str:
    """Read a location that a caller in Python passes as the argument ``name``.

    Raises:
        ConfigurationError: It can't be used.
    """
    try:
        return path_or_url(os.fspath(path))
    except argparse.ArgumentTypeError as error:
        raise ConfigurationError(f"{name} {error}") from None


def local_file(text: str) -> str:
    """Read the name of a local file, made absolute."""
    if text.startswith("s3://"):
        raise argparse.ArgumentTypeError("must be a local file; an s3:// URL is not supported")
    return path_or_url(text)


def sql_file(text: str) -> str:
    """Read the name of a local file, made absolute, or ``-`` for stdin."""
    return text if text == "-" else local_file(text)


def day(text: str) -> date:
    """Read a date as ``YYYY-MM-DD``."""
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError("must be a date like 2024-12-31")


def database(text: str) -> str:
    """Read a name that Spark, Glue and Athena accept unquoted, short enough for ``<database>_staging``."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,126}", text) or text.endswith("_staging"):
        raise argparse.ArgumentTypeError(
            "must be lower-case letters, digits and underscores, begin with a letter, not end in '_staging', "
            "and have at most 127 characters"
        )
    return text


def ratio(text: str) -> float:
    """Read a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:  # NaN fails both comparisons
        raise argparse.ArgumentTypeError("must be a number from 0 to 1")
    return value


def count(text: str) -> int:
    """Read a whole number, 0 or more."""
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise argparse.ArgumentTypeError("must be a whole number, 0 or more")
    return int(text)


def number(text: str) -> int:
    """Read a whole number, 1 or more."""
    if not (value := count(text)):
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def size(text: str) -> int:
    """Read a size in bytes, with or without a unit: ``1048576`` or ``1MiB``."""
    found = re.fullmatch(r"([0-9]{1,15}) ?([KMGT]iB)?", text, re.IGNORECASE)
    if not found or not int(found[1]):
        raise argparse.ArgumentTypeError("must be a size in bytes, or like 32MiB")
    return int(found[1]) * _UNITS[(found[2] or "").upper()]


def switch(text: str) -> bool:
    """Read ``true`` or ``false``, since AWS Glue can't pass a bare flag."""
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError("must be true or false")
    return text.lower() == "true"


def patterns(text: str) -> tuple[str, ...]:
    """Read globs separated by commas."""
    found = tuple(part for part in text.split(",") if part)
    if not found:
        raise argparse.ArgumentTypeError("is empty; give patterns like '*.dcm,*.zip'")
    return found


def attributes(text: str) -> tuple[str, ...]:
    """Read attributes separated by semicolons: a private creator may contain every other mark."""
    found = tuple(part.strip() for part in text.split(";") if part.strip())
    if not found:
        raise argparse.ArgumentTypeError("is empty; give keywords like 'ReasonForVisit;MilitaryRank'")
    return found


def columns(text: str) -> tuple[str, ...]:
    """Read names of columns separated by commas."""
    names = tuple(part.strip() for part in text.split(","))
    if not all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError("must be different names of columns, separated by commas")
    return names


def metrics_namespace(text: str) -> str:
    """Read a namespace that CloudWatch accepts; those of AWS's own services are reserved."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9._/#-]{0,254}", text) or text.startswith("AWS/"):
        raise argparse.ArgumentTypeError(
            "must be letters, digits and '._/#-', begin with a letter, not with AWS/, have at most 255 characters"
        )
    return text


def url(text: str) -> str:
    """Read the URL of a server."""
    if not re.fullmatch(r"https?://[^\s/]+/?", text):
        raise argparse.ArgumentTypeError("must be a URL like http://host:port")
    return text.rstrip("/")


def s3_url(text: str) -> str:
    """Read an ``s3://`` URL."""
    if not re.fullmatch(r"s3://[^\s/]+(/\S*)?", text):
        raise argparse.ArgumentTypeError("must be a URL like s3://bucket/prefix/")
    return text


def region(text: str) -> str:
    """Read the name of a region of AWS."""
    if not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}", text):
        raise argparse.ArgumentTypeError("must be a region of AWS like eu-central-1 or us-gov-west-1")
    return text


def key_arn(text: str) -> str:
    """Read the ARN of a KMS key: an alias or a bare id means another key in another account."""
    if not re.fullmatch(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+", text):
        raise argparse.ArgumentTypeError("must be the ARN of a KMS key, arn:aws:kms:REGION:ACCOUNT:key/ID")
    return text


def queue_url(text: str) -> str:
    """Read the URL of a queue."""
    if not re.fullmatch(r"https?://[^\s/]+/\S+", text):
        raise argparse.ArgumentTypeError("must be the URL of a queue, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")
    return text


def run_id(text: str) -> str:
    """Read a name that is safe as a part of a path."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", text):
        raise argparse.ArgumentTypeError(
            "must be 1 to 128 letters, digits, '.', '_' or '-', beginning with a letter or digit"
        )
    return text


def failure_code(text: str) -> str:
    """Read the name of a :class:`~dicom_udf.errors.FailureCode`, in any case."""
    code = text.upper()
    if code not in FailureCode.__members__:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(FailureCode)}")
    return code


def word(text: str) -> str:
    """Read any text that isn't empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty")
    return text


_METAVARS: dict[Callable[[str], Any], str] = {
    attributes: "ATTRIBUTES",
    columns: "COLUMNS",
    count: "N",
    database: "NAME",
    day: "DATE",
    failure_code: "CODE",
    key_arn: "ARN",
    metrics_namespace: "NAME",
    number: "N",
    patterns: "PATTERNS",
    queue_url: "URL",
    ratio: "RATIO",
    region: "NAME",
    run_id: "ID",
    s3_url: "URL",
    size: "BYTES",
    switch: "SWITCH",
    url: "URL",
}


def option(
    help_text: str,
    default: Any = dataclasses.MISSING,
    *,
    parse: Callable[[str], Any] = word,
    metavar: str = "",
    choices: Any = None,
    group: str = "settings",
) -> Any:
    """Return a dataclass field that is an option of the command line; its metadata makes the option and its help.

    Args:
        help_text: One line without a full stop; the default is added to it.
        default: The value without the option; an option without one is required.
        parse: Reads the value.
        metavar: Placeholder of the value in the help; most readers of values have one.
        choices: The ``Literal`` of all values, where they are few.
        group: Heading in the help.
    """
    metavar = metavar or _METAVARS.get(parse, "")
    metadata = {"help": help_text, "parse": parse, "metavar": metavar, "choices": get_args(choices), "group": group}
    return dataclasses.field(default=default, metadata=metadata)


ArchiveNames = Literal["auto", "shift_jis", "gbk"]
PartitionBy = Literal["day", "month", "year"]
Shell = Literal["bash", "zsh", "fish"]
OutputFormat = Literal["table", "csv", "json"]
ScanFormat = Literal["parquet", "jsonl", "csv"]
ShowFormat = Literal["text", "json"]
ShowKind = Literal["study", "series", "instance", "file"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LogFormat = Literal["text", "json"]
SqlDialect = Literal["athena", "duckdb"]

source_option = partial(
    option,
    "DICOM files and archives: a local folder or file, or s3://bucket/prefix",
    parse=path_or_url,
    metavar="SOURCE",
    group="what and where",
)
lake_option = partial(option, parse=path_or_url, metavar="LAKE", group="what and where")
include_option = partial(
    option, "read only names that match one of these globs, e.g. '*.dcm,*.zip'", (), parse=patterns
)
exclude_option = partial(option, "skip names that match one of these globs, e.g. 'tmp/*'", (), parse=patterns)
format_option = partial(option, "format of the output", "table", choices=OutputFormat)
log_level_option = partial(option, "lowest level that is logged to stderr; DEBUG adds tracebacks", choices=LogLevel)
partition_option = partial(
    option,
    "granularity of the partitions by study_date, fixed when the lake is made [default: the lake's, day for a new one]",
    None,
    choices=PartitionBy,
)
wait_option = partial(
    option, "seconds to wait for another run that writes to the lake", 3600, parse=count, metavar="SECONDS"
)
