"""The plan of a run: a short listing is compared in memory, a long one by Spark, and both make the same plan."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime

import pyarrow as pa
import pytest

from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.errors import RunFailedError
from dicom_udf.lake import listing, plan
from dicom_udf.lake.batch import drop_plan
from dicom_udf.lake.comparison import KnownObject, compare, plan_rows
from dicom_udf.lake.listing import write_listing
from dicom_udf.lake.plan import PlanRules, make_plan
from dicom_udf.lake.tables import Lake, connect_lake
from dicom_udf.pipeline import ingest
from dicom_udf.sources import Patterns
from dicom_udf.sources.objects import OBJECT_SCHEMA, object_batch
from tests.lake.test_crashes import write

SCOPE = "file:///source/"
DAY = date(2024, 1, 1)
TIME = datetime(2024, 5, 6, 7, 8, 9, 10)


def known(uri: str, size: int | None = 1, etag: str | None = "e", is_curable: bool = False) -> KnownObject:
    return KnownObject(uri, size, etag, [DAY], is_curable)


@pytest.mark.parametrize(
    ("found", "old", "action"),
    [
        (("a", 1, "e", TIME), None, "new"),
        (("a", None, None, None), None, None),
        (("a", 1, "e", TIME), known("a"), None),
        (("a", 2, "e", TIME), known("a"), "changed"),
        (("a", 1, "f", TIME), known("a"), "changed"),
        (("a", 1, "f", TIME), known("a", is_curable=True), "changed"),
        (("a", 1, "e", TIME), known("a", is_curable=True), "retried"),
        (("a", None, None, None), known("a"), "deleted"),
        # As in SQL, a null differs from nothing.
        (("a", 1, None, TIME), known("a"), None),
        (("a", 2, None, TIME), known("a"), "changed"),
    ],
)
def test_an_object_is_new_changed_retried_deleted_or_stays(found, old, action):
    planned = compare([found], [old] if old else [], deletes=True, is_whole=False)
    assert [one.action for one in planned] == [action] * (action is not None)
    assert all(one.old_study_dates == (old and [DAY]) for one in planned)


def test_objects_that_a_whole_listing_lacks_are_deleted_unless_they_are_kept():
    ledger = [known("a", size=7), known("b")]
    found = [("b", 1, "e", None)]
    assert compare(found, ledger, deletes=True, is_whole=False) == []
    assert compare(found, ledger, deletes=False, is_whole=True) == []
    [gone] = compare(found, ledger, deletes=True, is_whole=True)
    assert gone == ("a", 7, "e", None, "deleted", [DAY])


def test_batches_are_cut_by_number_and_by_bytes_each_kind_by_itself():
    found = [(f"{number:03}", 10, "e", None) for number in range(10)]
    planned = compare(found, [known("003"), known("007")], deletes=True, is_whole=True)
    by_number = plan_rows(planned, batch_objects=3, batch_bytes=1 << 40)
    assert by_number.column("batch").to_pylist() == [1, 1, 1, 0, 3, 3, 3, 0, 5, 5]
    by_bytes = plan_rows(planned, batch_objects=100, batch_bytes=40)
    assert by_bytes.column("batch").to_pylist() == [1, 1, 1, 0, 1, 3, 3, 0, 3, 3]
    assert plan_rows([], batch_objects=3, batch_bytes=3).num_rows == 0


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory) -> Lake:
    """A lake whose ledger has objects of two sources, with curable failures, and names that sort by code point."""
    lake = connect_lake(LakeLocation(str(tmp_path_factory.mktemp("lake"))))
    draw = random.Random(1)
    rows = [
        (uri, draw.randint(1, 3), draw.choice("ef"), draw.random() < 0.2)
        for uri in names()
        if draw.random() < 0.7
    ]  # fmt: skip
    frame = lake.spark.createDataFrame(rows, "source_uri string, source_size long, source_etag string, retry boolean")
    frame.selectExpr(
        "source_uri", "source_size", "source_etag", "CAST(now() AS timestamp_ntz) AS source_last_modified",
        "'r' AS ingest_run_id", "CAST(now() AS timestamp_ntz) AS ingest_time", "1L AS instances", "0L AS failures",
        "array(DATE'2024-01-01') AS study_dates", "retry AS ingest_retry", "'ingested' AS status",
    ).writeTo(lake.name("objects")).append()  # fmt: skip
    return lake


def names() -> list[str]:
    return [f"{SCOPE}{name}" for name in ("a.dcm", "b.txt", "é.dcm", "\U0001f600.dcm", "ｚ.dcm")] + [
        f"file:///{folder}/{number}.{ending}"
        for folder in ("source", "other")
        for number in range(12)
        for ending in ("dcm", "txt")
    ]


def listed(draw: random.Random, patterns: Patterns | None) -> pa.RecordBatch:
    ending = ".dcm" if patterns else ""
    rows = [
        (uri, draw.randint(1, 3), draw.choice("ef"), TIME)
        for uri in names()
        if uri.startswith(SCOPE) and uri.endswith(ending) and draw.random() < 0.8
    ]
    draw.shuffle(rows)
    return object_batch(rows)


RULES = [
    ("whole", SCOPE, PlanRules(mass_delete=True)),
    ("small batches", SCOPE, PlanRules(batch_objects=4, batch_bytes=5, mass_delete=True)),
    ("patterns", SCOPE, PlanRules(Patterns(("*.dcm",)), mass_delete=True)),
    ("keep", SCOPE, PlanRules(deletes=False)),
    ("events", None, PlanRules()),
    ("events that keep", None, PlanRules(deletes=False)),
    ("one object", f"{SCOPE}1.dcm", PlanRules(mass_delete=True)),
]


@pytest.mark.spark
@pytest.mark.parametrize(("scope", "rules"), [case[1:] for case in RULES], ids=[case[0] for case in RULES])
def test_plans_in_memory_and_in_tables_are_the_same(lake, monkeypatch, scope, rules):
    found = listed(random.Random(f"{scope} {rules}"), rules.patterns.include or None)
    if scope is None:
        gone = object_batch([(uri, None, None, None) for uri in names()[::7]])
        found = pa.concat_batches([found.filter(pa.array([one not in names()[::7] for one in uris(found)])), gone])
    if scope is not None and not scope.endswith("/"):
        found = object_batch([(scope, 9, "g", TIME)])
    plans = []
    # The last one: the listing is short, and the ledger's part of it is long.
    for path, held in (("memory", 20_000), ("query", 20_000), ("tables", 0), ("ledger", found.num_rows)):
        monkeypatch.setattr(listing, "HELD_OBJECTS", held)
        monkeypatch.setattr(plan, "_READ_FILES", 0 if path == "query" else 64)
        kept = write_listing(lake, path, iter([found.slice(0, 1), found.slice(1)]))
        assert (kept.held is None) == (path == "tables")
        made = make_plan(lake, path, listed=kept, scope=scope, rules=rules)
        rows = lake.staging_table(f"plan_{path}").orderBy("source_uri").collect()
        batches = [(one.number, one.objects, one.objects_to_read(lake)) for one in made.batches]
        plans.append((replace(made, batches=()), batches, rows))
        assert (f"listing_{path}" in lake.staging_tables()) >= (path == "tables")
        drop_plan(lake, path)
    assert plans[0] == plans[1] == plans[2] == plans[3]
    assert plans[0][2]
    assert lake.staging_tables() == []


def uris(batch: pa.RecordBatch) -> list[str]:
    return batch.column("source_uri").to_pylist()


@pytest.mark.spark
@pytest.mark.parametrize("held", [20_000, 0])
def test_a_short_listing_stops_the_run_and_leaves_no_plan_in_memory(lake, monkeypatch, held):
    monkeypatch.setattr(listing, "HELD_OBJECTS", held)
    for batches in (iter([]), iter([object_batch([(f"{SCOPE}1.dcm", 1, "e", None)])])):
        kept = write_listing(lake, "x", batches)
        with pytest.raises(RunFailedError, match=r"the lake has \d\d objects of file:///source/, and only [01] are"):
            make_plan(lake, "x", listed=kept, scope=SCOPE)
        if held:
            assert lake.staging_tables() == []
        drop_plan(lake, "x")


@pytest.mark.spark
def test_a_run_with_nothing_to_do_makes_no_table(spark, tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.mkdir()
    write(source / "1.dcm", 1, "20240101")
    config = IngestConfig(source=str(source), lake=str(tmp_path / "lake"))
    ingest(config)
    made: list[str] = []
    monkeypatch.setattr(Lake, "create_staging", lambda _, name, __: made.append(name))
    assert ingest(config).objects_unchanged == 1
    assert made == []


@pytest.mark.spark
def test_a_run_by_tables_adds_changes_and_deletes(spark, tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "HELD_OBJECTS", 0)
    source = tmp_path / "source"
    source.mkdir()
    for number in range(5):
        write(source / f"{number}.dcm", number, "20240101")
    config = IngestConfig(source=str(source), lake=str(tmp_path / "lake"))
    assert ingest(config).objects_new == 5
    write(source / "0.dcm", 10, "20240102")
    (source / "1.dcm").unlink()
    write(source / "9.dcm", 9, "20240103")
    report = ingest(config)
    assert (report.objects_new, report.objects_changed, report.objects_deleted) == (1, 1, 1)
    assert (report.objects_unchanged, ingest(config).objects_unchanged) == (3, 5)


def test_the_plan_begins_with_the_columns_of_a_listing():
    rows = plan_rows([], batch_objects=1, batch_bytes=1)
    assert rows.schema.names[: len(OBJECT_SCHEMA)] == OBJECT_SCHEMA.names
