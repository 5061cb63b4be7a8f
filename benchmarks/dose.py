"""The time of the views of dose in DuckDB, over copies of the sample's dose report of CT.

    python -m benchmarks.dose [--reports 100000] [--cores 2] [--rounds 3]

Each copy has UIDs of its own for its study and its irradiation events. Every tenth study has two reports of the same
events, so the views have events to unite.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.job import machine
from dicom_udf import scan
from dicom_udf.columns import arrow_schema, instances_table
from dicom_udf.columns.views import DUCKDB, make_views

__all__ = ["main", "make_reports", "measure"]

_SAMPLE = Path(__file__).parents[1] / "sample_dcm" / "ct_abdomen"
_REPORTS_A_DAY = 50
_NAMES = tuple(arrow_schema(instances_table()).names)


def main() -> None:
    """Make the reports, time the queries, print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.dose", description="The views of dose in DuckDB.")
    parser.add_argument("--reports", type=int, default=100_000, help="dose reports [default: %(default)s]")
    parser.add_argument("--cores", type=int, default=2, help="threads of DuckDB [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts [default: %(default)s]")
    options = parser.parse_args()
    print(f"{machine()}, DuckDB {duckdb.__version__} on {options.cores} threads, median of {options.rounds} rounds.\n")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "reports.parquet"
        items = make_reports(options.reports, file)
        print(f"{options.reports:,} reports of {items} content items, {file.stat().st_size >> 20} MiB of Parquet.\n")
        print("| | rows | seconds | seconds of CPU |\n|---|--:|--:|--:|")
        for name, (rows, seconds, used) in measure(file, options.cores, options.rounds).items():
            print(f"| `{name}` | {rows:,} | {seconds:.1f} | {used:.1f} |", flush=True)
    print(f"\nPeak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB.")


def make_reports(reports: int, file: Path) -> int:
    """Write rows of ``instances`` and return the number of content items of each."""
    found = scan(str(_SAMPLE), workers=1).read_all()
    report = found.filter(pc.ends_with(found["source_uri"], "/dose_report.dcm"))
    assert len(report) == 1
    items = report["content_items"].type.value_type
    fields = ", ".join(f"'{field.name}': {_field(field.name)}" for field in items)
    changed = {
        "study_date": f"DATE '2000-01-01' + CAST(study // {_REPORTS_A_DAY} AS int)",
        "study_instance_uid": "'1.2.840.113619.2.55.3.' || study",
        "series_instance_uid": "'1.2.840.113619.2.55.4.' || i",
        "sop_instance_uid": "'1.2.840.113619.2.55.5.' || i",
        "source_uri": "'s3://bucket/pacs/' || i || '.dcm'",
        "content_time": "CAST(TIME '08:00:00' + to_seconds(i % 3600) AS varchar)",
        "content_items": f"list_transform(content_items, lambda x: {{{fields}}})",
        "ingest_run_id": "'r'",
        "ingest_time": "TIMESTAMP '2024-01-01'",
    }
    columns = [
        f"{changed[name]} AS {name}" if name in changed else f'sample."{name}"'
        for name in arrow_schema(instances_table()).names
    ]
    with duckdb.connect() as connection:
        connection.register("sample", _without_runs(report))
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(
            f"COPY (SELECT {', '.join(columns)} FROM sample CROSS JOIN ("
            # Reports 10 and 11, 21 and 22 ... are of one study.
            f"SELECT i, i - (i + 1) // 11 AS study FROM range({reports}) AS t (i))) TO '{file}' (FORMAT parquet)"
        )
    return len(report["content_items"][0])


def _field(name: str) -> str:
    """Return the expression for a field of an item ``x``: UIDs differ between studies, the rest is the sample's."""
    if name == "text":
        return "CASE WHEN x.value_type = 'UIDREF' THEN x.text || '.' || study ELSE x.text END"
    return f'x."{name}"'


def _without_runs(report: pa.Table) -> pa.Table:
    return report.select([name for name in report.column_names if name in _NAMES])


def measure(file: Path, cores: int, rounds: int) -> dict[str, tuple[int, float, float]]:
    """Return the rows that each query yields, its seconds, and those of all its threads, by its text."""
    with duckdb.connect(config={"threads": cores}) as connection:
        connection.execute(f"CREATE VIEW instances AS SELECT * FROM read_parquet('{file}')")
        for view in make_views(DUCKDB):
            connection.execute(f"CREATE VIEW {view.name} AS {view.sql}")
        queries = (
            "SELECT * FROM dose_studies",
            "SELECT * FROM dose_reports",
            "SELECT * FROM dose_events",
            "SELECT * FROM dose_studies WHERE study_date = DATE '2000-01-05'",
        )
        return {sql: _time(connection, sql, rounds) for sql in queries}


def _time(connection: duckdb.DuckDBPyConnection, sql: str, rounds: int) -> tuple[int, float, float]:
    seconds, used = [], []
    for _ in range(rounds):
        start, start_of_cpu = time.perf_counter(), time.process_time()
        rows = len(connection.execute(sql).to_arrow_table())
        seconds.append(time.perf_counter() - start)
        used.append(time.process_time() - start_of_cpu)
    return rows, statistics.median(seconds), statistics.median(used)


if __name__ == "__main__":
    main()
