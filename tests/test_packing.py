"""Rows packed for the stage: each once, in payloads of one partition value or of several in a bucket."""

import json
import random
import shutil
import string
import zipfile
from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from dicom_udf import packing, read
from dicom_udf.columns import arrow_schema, parse_promoted
from dicom_udf.datafiles.partitions import periods
from dicom_udf.datafiles.payload import pack_rows, payload_columns, unpack_rows
from dicom_udf.packing import BUCKETS, STAGE, pack_batches, pack_instances
from dicom_udf.sources import ObjectRef, open_store
from dicom_udf.tasks import Item, ReadSettings, Stamp

SETTINGS = ReadSettings(Stamp("run-1", datetime(2024, 5, 6)))
TEXT = "".join(random.Random(2).choices(string.ascii_letters, k=8000))
DAYS = st.dates(date(1, 1, 1), date(9999, 12, 31)) | st.dates(date(2024, 1, 1), date(2024, 1, 20))


def rows_on(days, text="x"):
    return pa.table(
        {
            "study_date": pa.array(days, pa.date32()),
            "source_uri": [f"file:///{number:06}" for number in range(len(days))],
            "header": [text] * len(days),
            "empty": pa.nulls(len(days), pa.string()),
        }
    )


def period(day, name):
    months = (day.year - 1970) * 12 + day.month - 1
    return {"day": (day - date(1970, 1, 1)).days, "month": months, "year": day.year - 1970}[name]


@given(st.lists(DAYS, min_size=1), st.sampled_from(["day", "month", "year"]))
def test_periods_count_from_1970(days, name):
    found = periods(pa.chunked_array([pa.array(days, pa.date32())]), name)
    assert found.to_pylist() == [period(day, name) for day in days]


@given(
    st.lists(st.tuples(st.dates(date(2024, 1, 1), date(2024, 2, 9)), st.integers(1, 90)), min_size=1, max_size=30),
    st.sampled_from(["day", "month"]),
)
def test_each_row_is_in_one_payload_of_its_partition_value(runs, name):
    days = [day for day, length in runs for _ in range(length)]
    given_rows = rows_on(days)
    packed = list(pack_instances(given_rows, name))
    unpacked = [unpack_rows(one["payload"]) for one in packed]
    together = pa.concat_tables(unpacked).sort_by("source_uri")
    assert together.equals(given_rows.drop_columns(["empty"]))
    counts = {value: sum(period(day, name) == value for day in days) for value in {period(d, name) for d in days}}
    for one, rows in zip(packed, unpacked, strict=True):
        values = [period(day, name) for day in rows.column("study_date").to_pylist()]
        assert sorted(set(values)) == one["partition_values"]
        assert (one["rows"], one["packed_bytes"]) == (len(values), len(one["payload"]))
        assert one["source_uri"] == rows.column("source_uri")[0].as_py()
        assert len({value % BUCKETS for value in one["partition_values"]}) == 1
        if len(one["partition_values"]) > 1:
            assert max(counts[value] for value in values) < packing._OWN_ROWS
        for value in set(values):  # value by value, and in their order
            places = [number for number, other in enumerate(values) if other == value]
            assert places == list(range(places[0], places[0] + len(places)))
            uris = [rows.column("source_uri")[place].as_py() for place in places]
            assert uris == sorted(uris)


@pytest.mark.parametrize("limit", [1, 1000, 100_000])
def test_a_payload_is_bounded_by_its_bytes_and_holds_one_row_at_least(monkeypatch, limit):
    monkeypatch.setattr(packing, "PAYLOAD_BYTES", limit)
    rows = rows_on([date(2024, 1, 1)] * 50, text="x" * 300)
    packed = list(pack_instances(rows, "day"))
    assert sum(one["rows"] for one in packed) == 50
    assert all(one["unpacked_bytes"] <= limit or one["rows"] == 1 for one in packed)
    assert len(packed) in {1: [50], 1000: range(16, 50), 100_000: [1]}[limit]


def test_rows_in_any_order_take_few_payloads_and_not_many_more_bytes():
    """200,000 rows of 1,000 dates: tasks of 2,000 rows have 10 dates in order, or nearly all dates in any order."""

    def task(numbers):
        days = [date(2024, 1, 1) + timedelta(days=number // 200) for number in numbers]
        headers = [json.dumps({"00080018": {"Value": [f"1.2.{number}"]}, "00081030": TEXT}) for number in numbers]
        return rows_on(days).set_column(2, "header", [headers])

    def packed(numbers):
        payloads = [
            one for first in range(0, 8000, 2000) for one in pack_instances(task(numbers[first : first + 2000]), "day")
        ]
        return len(payloads), sum(one["packed_bytes"] for one in payloads)

    in_order = packed(range(8000))
    in_any_order = packed(random.Random(1).sample(range(200_000), 8000))
    assert in_order[0] == 40
    assert in_any_order[0] == 4 * BUCKETS
    assert in_any_order[1] <= 1.3 * in_order[1]


def test_a_promoted_column_stays_in_the_payload_though_it_is_empty():
    payload = pack_rows(rows_on([date(2024, 1, 1)]), keep=["empty"])
    assert payload_columns(payload) == ["study_date", "source_uri", "header", "empty"]
    assert payload_columns(pack_rows(rows_on([date(2024, 1, 1)]))) == ["study_date", "source_uri", "header"]


def test_a_task_becomes_payloads_failures_and_entries(tmp_path, monkeypatch):
    source = get_testdata_file("CT_small.dcm")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(7):
            archive.write(source, str(number))
    shutil.copy(source, tmp_path / "b.dcm")
    (tmp_path / "c.txt").write_text("no header" * 20)
    found = [ObjectRef(*row.values()) for b in open_store(str(tmp_path)).list() for row in b.to_pylist()]
    items = [Item(ref) for ref in found]
    promoted = (parse_promoted("ConfidentialityCode"),)
    whole = list(pack_batches(items, SETTINGS, period="day", promoted=promoted))
    assert all(batch.schema == arrow_schema(STAGE) for batch in whole)
    rows = [row for batch in whole for row in batch.to_pylist()]
    kinds = [row["kind"] for row in rows]
    assert (kinds.count("instance"), kinds.count("failure"), kinds.count("object")) == (1, 1, 3)
    [payload] = [row for row in rows if row["kind"] == "instance"]
    assert payload["rows"] == 8
    instances = unpack_rows(payload["payload"])
    assert "confidentiality_code" in instances.column_names
    assert "patient_birth_name" not in instances.column_names
    assert [row["code"] for row in rows if row["kind"] == "failure"] == ["NOT_DICOM"]
    entries = {row["source_uri"].rpartition("/")[2]: row for row in rows if row["kind"] == "object"}
    counts = {name: (row["instances"], row["failures"], row["members"]) for name, row in entries.items()}
    assert counts == {"a.zip": (7, 0, 7), "b.dcm": (1, 0, 0), "c.txt": (0, 1, 0)}
    monkeypatch.setattr(read, "BATCH_ROWS", 2)
    monkeypatch.setattr(packing, "_HELD_BYTES", 1)
    cut = [row for b in pack_batches(items, SETTINGS, period="day", promoted=promoted) for row in b.to_pylist()]
    parts = [unpack_rows(row["payload"]) for row in cut if row["kind"] == "instance"]
    assert [part.num_rows for part in parts] == [2, 2, 2, 2]
    assert pa.concat_tables(parts, promote_options="default").equals(instances)
