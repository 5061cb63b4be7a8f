"""What the lake itself costs, without reading: batches by size and history, changes, and runs that find nothing new.

    python -m benchmarks.lake [--rows 200000] [--lake-rows 500000] [--batches 50] [--cores 2] [--only NAME,NAME]

Rows are copies of one MR header with other UIDs, names and study dates: 11,000 dates, one of which has 14 % of the rows
(de-identified data), objects of one study adjacent; the lake is partitioned by month. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.corpus import make_series
from benchmarks.job import machine, versions
from dicom_udf.columns import arrow_schema, instances_table, spark_ddl
from dicom_udf.config import LakeLocation
from dicom_udf.lake.batch import Batch, drop_plan, new_plan_id
from dicom_udf.lake.commit import commit_batch
from dicom_udf.lake.listing import write_listing
from dicom_udf.lake.plan import make_plan
from dicom_udf.lake.stage import create_stage
from dicom_udf.lake.staged import open_staged
from dicom_udf.lake.tables import Lake, connect_lake
from dicom_udf.packing import STAGE, pack_instances, stage_batches
from dicom_udf.read import read_rows, to_batch
from dicom_udf.row_kind import RowKind
from dicom_udf.sources import ObjectRef, open_store
from dicom_udf.sources.objects import object_batch
from dicom_udf.tasks import Item, ReadSettings, Stamp

__all__ = ["main"]

DATES = 11_000
COMMON_SHARE = 0.14
SLICES = 100
FIRST_DATE = date(1995, 1, 1)
SOURCE = (
    "source_uri",
    "source_size",
    "source_etag",
    "source_last_modified",
    "ingest_run_id",
    "ingest_time",
)
Rows = Callable[[int, int], Iterator[pa.RecordBatch]]


def main() -> None:
    """Measure the chosen parts and print them."""
    parser = argparse.ArgumentParser(prog="benchmarks.lake", description="What the lake costs, without reading.")
    parser.add_argument("--rows", type=int, default=200_000, help="of one batch [default: %(default)s]")
    parser.add_argument("--lake-rows", type=int, default=500_000, help="of a filled lake [default: %(default)s]")
    parser.add_argument("--batches", type=int, default=50, help="of 10,000 rows each [default: %(default)s]")
    parser.add_argument("--cores", type=int, default=2, help="Spark master local[CORES] [default: %(default)s]")
    parser.add_argument("--only", default="unchanged,batch,changes,history", help="which measurements [default: all]")
    options = parser.parse_args()
    measurements = {"unchanged": unchanged, "batch": one_batch, "changes": changes, "history": history}
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, `local[{options.cores}]`, {versions()}.\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        template = template_row(folder)
        for wanted in options.only.split(","):
            measurements[wanted](folder, template, options)


def unchanged(folder: Path, _: dict[str, Any], options: argparse.Namespace) -> None:
    """A run over known objects beside the bare listing of them."""
    source = folder / "source"
    for number in range(options.rows):
        path = source / f"{number // 1000:04d}" / f"{number:07d}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    store = open_store(str(source))
    lake = opened(folder / "unchanged", options)
    known = pa.Table.from_batches(store.list())
    ledger = lake.spark.range(1, numPartitions=1).mapInArrow(lambda _: known.to_batches(), lake_objects(lake))
    ledger.selectExpr(
        "*", "'ingested' AS status", "1L AS instances", "0L AS failures", "array(DATE'2024-01-01') AS study_dates",
        "false AS ingest_retry", "'r' AS ingest_run_id", "CAST(now() AS timestamp_ntz) AS ingest_time",
    ).writeTo(lake.name("objects")).append()  # fmt: skip
    lake.spark.sql("ALTER TABLE " + lake.name("objects") + " SET TBLPROPERTIES ('write.wap.enabled' = 'true')")
    bare = seconds(lambda: sum(batch.num_rows for batch in store.list()))

    def run() -> None:
        key = new_plan_id(datetime.now(UTC))
        plan = make_plan(lake, key, listed=write_listing(lake, key, store.list()), scope=store.scope)
        assert (plan.unchanged, plan.to_read, plan.deleted) == (options.rows, 0, 0)
        drop_plan(lake, key)

    first, again = seconds(run), seconds(run)
    print(f"| {options.rows:,} known objects | seconds | ratio |\n|---|---|---|\n| bare listing | {bare:.1f} | 1.0 |")
    print(f"| a run, the first of its Java | {first:.1f} | {first / bare:.1f} |")
    print(f"| a run, the second | {again:.1f} | {again / bare:.1f} |\n")
    shutil.rmtree(source)


def one_batch(folder: Path, template: dict[str, Any], options: argparse.Namespace) -> None:
    """Stage and commit one large batch of new rows."""
    lake = opened(folder / "batch", options)
    add(lake, template, 0, 2_000)  # Java has compiled what it will
    staged, committed = add(lake, template, 2_000, options.rows)
    print(f"| {options.rows:,} new rows | seconds |\n|---|---|\n| made and staged | {staged:.1f} |")
    print(f"| committed: instances, objects | {committed:.1f} |\n")


def changes(folder: Path, template: dict[str, Any], options: argparse.Namespace) -> None:
    """Replace 1 % of a filled lake's objects, beside the same batch into an empty lake."""
    count = options.lake_rows // 100
    empty = opened(folder / "empty", options)
    add(empty, template, 0, 100, is_new=False)
    plain = sum(add(empty, template, 1_000, count, is_new=False))
    full = opened(folder / "full", options)
    for first in range(0, options.lake_rows, 100_000):
        add(full, template, first, min(100_000, options.lake_rows - first))
    add(full, template, 0, 100, is_new=False)
    replaced = sum(add(full, template, options.lake_rows // 2, count, is_new=False))
    print(
        f"| a batch of {count:,} objects | seconds | ratio |\n|---|---|---|\n| into an empty lake | {plain:.1f} | 1.0 |"
    )
    print(f"| replaced in a lake of {options.lake_rows:,} rows | {replaced:.1f} | {replaced / plain:.1f} |\n")


def history(folder: Path, template: dict[str, Any], options: argparse.Namespace) -> None:
    """Add batch after batch."""
    lake = opened(folder / "history", options)
    add(lake, template, 0, 1_000)
    took = [sum(add(lake, template, number * 10_000 + 1_000, 10_000)) for number in range(options.batches)]
    first, last = sum(took[:3]) / 3, sum(took[-3:]) / 3
    print("| batches of 10,000 new rows | seconds | ratio |\n|---|---|---|")
    print(f"| the first three, mean | {first:.1f} | 1.0 |")
    print(f"| numbers {options.batches - 2} to {options.batches}, mean | {last:.1f} | {last / first:.2f} |\n")


def opened(root: Path, options: argparse.Namespace) -> Lake:
    return connect_lake(LakeLocation(str(root)), partition_by="month", master=f"local[{options.cores}]")


def lake_objects(lake: Lake) -> Any:
    return lake.table("objects").select("source_uri", "source_size", "source_etag", "source_last_modified").schema


def template_row(folder: Path) -> dict[str, Any]:
    """Return the staged row of an MR slice of 250 elements."""
    make_series(folder / "series", "MR", 1)
    [path] = [path for path in (folder / "series").rglob("*") if path.is_file()]
    status = path.stat()
    ref = ObjectRef(f"file://{path}", status.st_size, str(status.st_mtime_ns))
    row, _ = read_rows([Item(ref)], ReadSettings(Stamp("run", datetime(2024, 1, 1))))
    return row


def add(lake: Lake, template: dict[str, Any], first: int, count: int, *, is_new: bool = True) -> tuple[float, float]:
    """Stage and commit rows ``first`` to ``first + count``; return the seconds of both."""
    key = new_plan_id(datetime.now(UTC))
    batch = Batch(key, 1 if is_new else 0, count)
    refs = [(uri(number), 1000, "e" if is_new else key, None) for number in range(first, first + count)]
    make_plan(lake, key, listed=write_listing(lake, key, iter([object_batch(refs)])), scope=None)
    started = time.perf_counter()
    create_stage(lake, batch.stage, "month")
    parts = lake.spark.range(first, first + count, 500, numPartitions=max(1, min(64, count // 500)))
    made = partial_rows(template, first + count)
    parts.mapInArrow(made, spark_ddl(STAGE)).writeTo(lake.staging_name(batch.stage)).append()
    staged = time.perf_counter()
    commit_batch(lake, open_staged(lake, batch))
    done = time.perf_counter()
    lake.drop_staging(batch.stage)
    drop_plan(lake, key)
    return staged - started, done - staged


def partial_rows(template: dict[str, Any], end: int) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the executors' function: the stage of 500 rows for each number, from the template, 2,000 at a time."""

    def rows(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        starts = (start for batch in batches for start in batch.column(0).to_pylist())
        while some := list(islice(starts, 4)):
            numbers = [number for start in some for number in range(start, min(start + 500, end))]
            yield from stage_batches(pack_instances(instances(template, numbers), "month"))
            yield to_batch([entry_of(template, number) for number in numbers], arrow_schema(STAGE))

    return rows


def instances(template: dict[str, Any], numbers: list[int]) -> pa.Table:
    """Return rows of ``instances``, one for each number."""
    own: dict[str, list[Any]] = {
        "source_uri": [uri(n) for n in numbers],
        "sop_instance_uid": [f"2.25.{n}" for n in numbers],
        "study_instance_uid": [f"2.25.9{n // SLICES}" for n in numbers],
        "study_date": [study_date(n) for n in numbers],
        "slice_location": [float(n % SLICES) for n in numbers],
        "header": [template["header"].replace("1.2.", f"1.{n}.", 3) for n in numbers],
    }
    fields = [field for field in arrow_schema(instances_table()) if template.get(field.name) is not None]
    columns = [own.get(field.name, [template[field.name]] * len(numbers)) for field in fields]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, fields, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def entry_of(template: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the ledger's entry of an object with one instance."""
    source = {name: template[name] for name in SOURCE} | {"source_uri": uri(number)}
    counts = {"part": 0, "instances": 1, "failures": 0, "members": 0, "is_curable": False}
    cost = {"bytes_read": 65_536, "requests": 1, "study_dates": [study_date(number)]}
    return {**source, "kind": RowKind.OBJECT, **counts, **cost}


def uri(number: int) -> str:
    return f"s3://bucket/{number // SLICES:07d}/{number % SLICES:04d}.dcm"


def study_date(number: int) -> date:
    """The date of a study: one date for 14 % of them, the others spread over 30 years."""
    draw = random.Random(number // SLICES)
    return FIRST_DATE + timedelta(days=0 if draw.random() < COMMON_SHARE else draw.randrange(DATES))


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
