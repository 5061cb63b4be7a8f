"""A stage gathered into data files: each row once, the rows of a partition value together."""

import json
import random
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf import gathering
from dicom_udf.columns import arrow_schema, objects_table
from dicom_udf.datafiles.payload import unpack_rows
from dicom_udf.gathering import (
    Filling,
    GatheredTable,
    Payload,
    assign_payloads,
    gather_payloads,
    gather_rows,
    ledger_rows,
)
from dicom_udf.packing import STAGE, pack_instances, to_batch
from dicom_udf.row_kind import RowKind
from tests.datafiles.targets import spec, target_of, target_with

ROWS = pa.schema(
    [
        pa.field("study_date", pa.date32(), nullable=False),
        pa.field("source_uri", pa.string(), nullable=False),
        pa.field("a", pa.string()),
        pa.field("b", pa.int64()),
    ]
)
BY_DAY = spec((1, "identity", "study_date"))
BY_MONTH = spec((1, "month", "study_date_month"))


def rows_of(days, first=0):
    numbers = range(first, first + len(days))
    return pa.table(
        {
            "study_date": pa.array(days, pa.date32()),
            "source_uri": [f"file:///{number:06}" for number in numbers],
            "a": pa.array([f"a{number}" if number % 3 else None for number in numbers], pa.string()),
            "b": pa.array([number if number % 500 > 250 else None for number in numbers], pa.int64()),
        }
    )


def packed(tables, period):
    """The payloads of tasks, each of which read one table."""
    return [payload for table in tables for payload in pack_instances(table, period)]


def index(payloads):
    names = ("payload_id", "partition_values", "unpacked_bytes", "packed_bytes", "source_uri")
    return [Payload(*(one[name] for name in names)) for one in payloads]


def in_order(payloads, task):
    own = [one for one in payloads if one["payload_id"] in task.payloads]
    own.sort(key=lambda one: (len(one["partition_values"]) == 1, one["partition_values"][0], one["source_uri"]))
    return [(one["partition_values"], one["source_uri"], one["payload"]) for one in own]


def gather(payloads, tables, period, **more):
    """Gather all payloads, task by task; return the texts by table."""
    texts = {table.target.table: [] for table in tables}
    for task in assign_payloads(index(payloads), cores=2):
        for name, text in gather_payloads(in_order(payloads, task), task, tables, period=period, **more):
            texts[name].append(json.loads(text))
    return texts


def read(texts):
    return pa.concat_tables(
        [pq.read_table(one["file-path"], partitioning=None) for one in texts], promote_options="default"
    )


payload_lists = st.lists(
    st.tuples(
        st.sets(st.integers(0, 40), min_size=1, max_size=6),
        st.integers(1, 200) | st.just(1000),
        st.integers(1, 100),
    ),
    min_size=1,
    max_size=60,
)


@given(payload_lists, st.integers(1, 8))
def test_the_rows_of_a_value_meet_in_one_task_unless_it_is_large(found, cores):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "PIECE_BYTES": 900,
            "PIECE_PACKED_BYTES": 400,
            "SHARED_BYTES": 300,
            "LEAST_BYTES": 50,
        }.items():
            patch.setattr(gathering, name, value)
        payloads = [
            Payload(number, sorted(v), size, pack, f"{number:03}") for number, (v, size, pack) in enumerate(found)
        ]
        tasks = assign_payloads(payloads, cores=cores)
    for payload in payloads:
        for value in payload.values:
            writers = [task for task in tasks if value in task.values and payload.id in task.payloads]
            assert len(writers) == 1, "each payload's rows of a value are written once"
    for value in {value for payload in payloads for value in payload.values}:
        own = [payload for payload in payloads if list(payload.values) == [value]]
        shared = sum(p.unpacked_bytes // len(p.values) for p in payloads if value in p.values and len(p.values) > 1)
        is_small = sum(p.unpacked_bytes for p in own) + shared <= 900 and sum(p.packed_bytes for p in own) <= 400
        holders = [task for task in tasks if value in task.values]
        if is_small:
            assert len(holders) == 1
        for task in holders if not is_small else ():
            of_task = [p for p in own if p.id in task.payloads]
            assert sum(p.packed_bytes for p in of_task) <= 400 + max((p.packed_bytes for p in of_task), default=0)
    assert tasks == sorted(tasks, key=lambda task: -task.unpacked_bytes)


@pytest.mark.parametrize("order", ["by date", "random"])
@pytest.mark.parametrize(("period", "partition"), [("day", BY_DAY), ("month", BY_MONTH)])
def test_each_row_is_written_once_and_each_partition_is_one_file(tmp_path, monkeypatch, order, period, partition):
    days = [date(2024, 1, 1) + timedelta(days=number % 90) for number in range(3000)]
    days += [date(2024, 2, 2)] * 700
    days.sort() if order == "by date" else random.Random(5).shuffle(days)
    tables = [rows_of(days[first : first + 500], first) for first in range(0, len(days), 500)]
    monkeypatch.setattr(gathering, "LEAST_BYTES", 10_000)
    monkeypatch.setattr(gathering, "SHARED_BYTES", 30_000)
    target = target_with(tmp_path, ROWS, partition=partition)
    payloads = packed(tables, period)
    assert len(assign_payloads(index(payloads), cores=2)) > 2
    texts = gather(payloads, [GatheredTable(target, RowKind.INSTANCE)], period)[target.table]
    assert read(texts).sort_by("source_uri").equals(pa.concat_tables(tables).sort_by("source_uri").cast(ROWS))
    partitions = [json.dumps(one["partition"]) for one in texts]
    assert len(partitions) == len(set(partitions)) == len({day if period == "day" else day.month for day in days})
    if order == "by date":
        for one in texts:
            uris = pq.read_table(one["file-path"], partitioning=None).column("source_uri").to_pylist()
            assert uris == sorted(uris)


@pytest.mark.parametrize(("staged", "now"), [("day", BY_MONTH), ("month", BY_DAY), ("day", spec())])
def test_partitions_that_changed_after_staging_are_those_of_now(tmp_path, staged, now):
    days = [date(2024, 1, 1) + timedelta(days=number // 9) for number in range(900)]
    target = target_with(tmp_path, ROWS, partition=now)
    texts = gather(packed([rows_of(days)], staged), [GatheredTable(target, RowKind.INSTANCE)], staged)[target.table]
    assert read(texts).sort_by("source_uri").equals(rows_of(days).cast(ROWS))
    for one in texts:
        rows = pq.read_table(one["file-path"], partitioning=None)
        months = {(day.year - 1970) * 12 + day.month - 1 for day in rows.column("study_date").to_pylist()}
        if now == BY_MONTH:
            assert months == {one["partition"]["1000"]}
        elif now == BY_DAY:
            assert {day.isoformat() for day in rows.column("study_date").to_pylist()} == {one["partition"]["1000"]}


def test_a_large_value_becomes_several_files_of_neighbours(tmp_path, monkeypatch):
    monkeypatch.setattr(gathering, "PIECE_BYTES", 40_000)
    tables = [rows_of([date(2024, 1, 1)] * 500, first) for first in range(0, 3000, 500)]
    target = target_with(tmp_path, ROWS, partition=BY_DAY)
    payloads = packed(random.Random(3).sample(tables, len(tables)), "day")
    texts = gather(payloads, [GatheredTable(target, RowKind.INSTANCE)], "day")[target.table]
    assert read(texts).sort_by("source_uri").equals(pa.concat_tables(tables).cast(ROWS))
    ranges = sorted(
        (uris[0], uris[-1])
        for uris in (pq.read_table(one["file-path"], partitioning=None)["source_uri"].to_pylist() for one in texts)
    )
    assert len(ranges) > 2
    assert all(before[1] < after[0] for before, after in pairwise(ranges)), "no two overlap"


def test_columns_promoted_since_staging_are_filled_and_derived_tables_get_their_rows(tmp_path):
    def fill(rows):
        return rows.append_column("more", pa.array([f"m{n}" for n in rows.column("source_uri").to_pylist()]))

    def halves(rows):
        return rows.select(["study_date", "patient_id", "source_uri"]).rename_columns(
            ["study_date", "half", "source_uri"]
        )

    wide = target_with(tmp_path / "wide", ROWS.append(pa.field("more", pa.string())), partition=BY_DAY)
    half_schema = pa.schema([ROWS.field("study_date"), ROWS.field("source_uri"), pa.field("half", pa.string())])
    half = target_with(tmp_path / "half", half_schema)
    half = type(half)("db.half", half.folder, half.schema, half.specs, half.spec_id, half.properties)
    tables = [GatheredTable(wide, RowKind.INSTANCE), GatheredTable(half, RowKind.INSTANCE, halves)]
    days = [date(2024, 1, 1 + number % 3) for number in range(300)]
    rows = rows_of(days).rename_columns(["study_date", "source_uri", "patient_id", "b"])
    texts = gather(packed([rows], "day"), tables, "day", filling=Filling(frozenset({"more"}), fill))
    found = read(texts["db.t"]).sort_by("source_uri")
    assert found["more"].to_pylist() == [f"mfile:///{number:06}" for number in range(300)]
    assert read(texts["db.half"]).sort_by("source_uri")["half"].equals(rows["patient_id"])


def entry(uri, part=0, **more):
    values = {"instances": 1, "failures": 0, "members": 0, "study_dates": [date(2024, 1, 1)], "is_curable": False}
    source = {"source_size": 5, "source_etag": "e", "ingest_run_id": "r", "ingest_time": datetime(2024, 1, 1)}
    cost = {"bytes_read": 10, "requests": 1}
    return {"kind": RowKind.OBJECT, "source_uri": uri, "part": part, **values, **source, **cost, **more}


def test_the_parts_of_an_object_become_one_row_of_the_ledger():
    days = [date(2024, 1, 1), date(2024, 1, 2)]
    entries = [
        entry("file:///a", 0, instances=2, study_dates=[days[1]]),
        entry("file:///b"),
        entry("file:///a", 1, instances=0, failures=3, study_dates=[], is_curable=True),
        entry("file:///a", 2, instances=5, study_dates=days),
    ]
    found = (
        ledger_rows(pa.Table.from_batches([to_batch(entries, arrow_schema(STAGE))])).sort_by("source_uri").to_pylist()
    )
    assert [(row["instances"], row["failures"], row["study_dates"]) for row in found] == [
        (7, 3, days),
        (1, 0, days[:1]),
    ]
    assert [(row["status"], row["ingest_retry"]) for row in found] == [("failed", True), ("ingested", False)]


def test_the_ledger_is_split_by_its_bucket_and_failures_are_kept(tmp_path):
    ledger = target_of(tmp_path / "o", objects_table(), partition=spec((1, "bucket[16]", "source_uri_bucket")))
    entries = [entry(f"file:///{number}") for number in range(200)]
    rows = pa.Table.from_batches([to_batch(entries, arrow_schema(STAGE))])
    texts = [json.loads(text) for _, text in gather_rows(rows, [GatheredTable(ledger, RowKind.OBJECT)])]
    assert sorted(one["partition"]["1000"] for one in texts) == list(range(16))
    assert sorted(read(texts)["source_uri"].to_pylist()) == sorted(one["source_uri"] for one in entries)
    assert read(texts).schema.field("ingest_retry").type == pa.bool_()


def test_the_rows_of_shared_payloads_lie_value_by_value():
    days = [date(2024, 1, 1) + timedelta(days=(number * 7) % 30) for number in range(200)]
    for payload in packed([rows_of(days)], "day"):
        found = unpack_rows(payload["payload"])["study_date"].to_pylist()
        assert len([day for day, _ in groupby(found)]) == len(set(found))
