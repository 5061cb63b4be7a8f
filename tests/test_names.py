"""Names that were replaced because a stranger misread them: none of them comes back.

A name is an identifier in the code: of a class, a function, a variable, a parameter, an attribute or a keyword.
"""

import io
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = ("dicom_udf", "glue_jobs", "release", "benchmarks", "tests", "docs")

REPLACED = {
    "told": "message, counts, printed text",
    "_told": "to_message, format_counts, hive_type",
    "let_go": "acknowledge",
    "Doubts": "FindConflicts",
    "doubts": "find_conflicts",
    "Hints": "QueueSource",
    "Origin": "Source",
    "Drain": "QueueBatch",
    "Finding": "InvariantResult",
    "findings": "results",
    "Listing": "StoreSource",
    "LISTING": "LISTING_TABLE",
    "_ingest_finding": "a loop over source batches",
    "_Work": "_Run",
    "Reading": "ReadSettings",
    "LakePlace": "LakeLocation",
    "lake_faults": "translate_spark_errors",
    "aws_faults": "translate_aws_errors",
    "S3Error": "AwsError",
    "asked_for": "request_bucket",
    "asked_of_queue": "request_queue",
    "attempted": "request",
    "listed_objects": "list_objects",
    "in_batches": "send_in_batches",
    "redacted": "redacted_uri",
    "named_uri": "redacted_uri",
    "left_promotion": "find_promotion",
    "guarded": "translate_damage",
    "_Hashes": "a dict",
    "parse_ingest_arguments": "parse_job",
    "parse_promote_arguments": "parse_job",
    "parse_maintain_arguments": "parse_job",
}
"""Old name -> the names in its place."""

REPLACED_IN_ROOM = {
    "dicom_udf/logs.py": ("current", "named", "Settings"),
    "dicom_udf/header": ("Entry", "Item", "Level", "Kind", "Place", "asked"),
    "dicom_udf/archives": ("Entry", "Part", "Kind"),
    "dicom_udf/sources": ("Entry", "Kind"),
    "dicom_udf/lake": ("filled", "told"),
    "dicom_udf/pipeline.py": ("started", "began", "tell", "run_finding"),
    "dicom_udf/config": ("to_arguments",),
}
"""Common words that were names of something else in a room."""

REPLACED_MODULES = (
    "dicom_udf/ingest.py",
    "dicom_udf/query.py",
    "dicom_udf/athena.py",
    "dicom_udf/inspection.py",
    "dicom_udf/glue.py",
    "dicom_udf/sources/aws.py",
    "dicom_udf/sources/hints.py",
    "dicom_udf/sources/s3_requests.py",
    "dicom_udf/sources/sqs_requests.py",
    "dicom_udf/sources/model.py",
    "dicom_udf/lake/promoted.py",
    "dicom_udf/lake/verification.py",
    "dicom_udf/archives/recognise.py",
    "dicom_udf/archives/model.py",
    "dicom_udf/header/recognise.py",
    "dicom_udf/header/model.py",
    "dicom_udf/columns/model.py",
    "dicom_udf/columns/docs_page.py",
    "dicom_udf/config/settings.py",
    "dicom_udf/config/place.py",
)


@cache
def names() -> dict[str, set[str]]:
    """The identifiers of the code, each with the files that have it."""
    found: dict[str, set[str]] = {}
    for folder in CODE:
        for path in (ROOT / folder).rglob("*.py"):
            file = path.relative_to(ROOT).as_posix()
            for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
                if token.type == tokenize.NAME:
                    found.setdefault(token.string, set()).add(file)
    return found


@pytest.mark.parametrize("name", REPLACED)
def test_a_replaced_name_is_in_no_code(name: str) -> None:
    assert not names().get(name), f"write {REPLACED[name]}"


@pytest.mark.parametrize("room", REPLACED_IN_ROOM)
def test_a_replaced_name_is_not_in_its_room(room: str) -> None:
    for name in REPLACED_IN_ROOM[room]:
        assert not [file for file in names().get(name, ()) if file.startswith(room)], name


def test_a_replaced_module_is_gone() -> None:
    assert not [module for module in REPLACED_MODULES if (ROOT / module).exists()]


def test_the_search_for_names_finds_one_that_is_there() -> None:
    assert names()["LakeLocation"] >= {"dicom_udf/config/lake_location.py"}
