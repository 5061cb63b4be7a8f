"""The time of the view series_geometry in DuckDB, beside a count of positions.

    python -m benchmarks.geometry [--rows 1000000] [--cores 2] [--rounds 3]

Makes rows of ``instances`` in SQL, as Parquet: oblique series of 200 slices, a fifth of them with two echoes, a tenth
with a slice missing; and the same number of frames in images of functional groups.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.job import machine
from dicom_udf.columns import arrow_schema, instances_table
from dicom_udf.columns.views import DUCKDB, make_views

__all__ = ["main", "make_rows", "measure"]

_SLICES = 200
_SERIES_A_DAY = 10

_OF_SERIES = f"""
  DATE '2000-01-01' + CAST(series // {_SERIES_A_DAY} AS int) AS study_date,
  false AS study_date_is_default,
  's3://bucket/pacs/' || series || '/' || i || '.dcm' AS source_uri,
  0 AS source_size, 'e' AS source_etag, 'r' AS ingest_run_id, TIMESTAMP '2024-01-01' AS ingest_time,
  TIMESTAMP '2024-01-01' AS source_last_modified,
  '1.2.840.113619.2.55.3.604688119.' || i AS sop_instance_uid,
  '1.2.840.113619.2.55.3.604688119.' || series AS series_instance_uid,
  '1.2.840.113619.2.55.3.604688119.' || series // 4 AS study_instance_uid,
  '1.2.840.113619.2.55.3.604688120.' || series // 4 AS frame_of_reference_uid,
  'MR' AS modality, '1.2.840.10008.5.1.4.1.1.4' AS sop_class_uid, ['ORIGINAL', 'PRIMARY', 'M', 'ND'] AS image_type,
  [cos(angle), sin(angle), 0.0, 0.0, 0.0, -1.0] AS image_orientation_patient,
  [0.5, 0.5] AS pixel_spacing, 256 AS rows, 256 AS columns, 1.25 AS slice_thickness, 1 AS acquisition_number
"""
"""Columns of a row ``i``, the ``slice`` of a ``series`` with an ``angle``."""

_SINGLE = f"""
SELECT {_OF_SERIES}, slice + 1 AS instance_number, '10:00:00.' || slice AS acquisition_time, place AS slice_position,
  [-sin(angle) * place - 120.5, cos(angle) * place - 80.25, 110.0 + series] AS image_position_patient,
  CASE WHEN has_echoes THEN 4.6 * (1 + slice % 2) ELSE 4.6 END AS echo_time,
  [echo_time] AS echo_times
FROM (
  SELECT *, (CASE WHEN has_echoes THEN slice // 2 ELSE slice END) * 1.25
    + CASE WHEN series % 10 = 1 AND slice > 100 THEN 1.25 ELSE 0 END AS place
  FROM (
    SELECT i, i // {_SLICES} AS series, i % {_SLICES} AS slice, (i // {_SLICES}) % 90 * pi() / 180 AS angle,
      (i // {_SLICES}) % 5 = 0 AS has_echoes
    FROM range({{rows}}) AS t (i)
  )
)
"""

_MULTIFRAME = f"""
SELECT {_OF_SERIES}, 1 AS instance_number, {_SLICES} AS number_of_frames,
  list_transform(range({_SLICES}), lambda frame: frame * 1.25) AS frame_slice_positions,
  [-120.5, -120.5, 80.25, 80.25] AS frame_in_plane_ranges,
  ['image_position_patient'] AS frame_attributes_vary, 4.6 AS echo_time, [4.6] AS echo_times
FROM (SELECT i, i AS series, i % 90 * pi() / 180 AS angle FROM range({{rows}} // {_SLICES}) AS t (i))
"""


def main() -> None:
    """Make the rows, time the queries, print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.geometry", description="The view series_geometry in DuckDB.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="frames of each kind [default: %(default)s]")
    parser.add_argument("--cores", type=int, default=2, help="threads of DuckDB [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts [default: %(default)s]")
    options = parser.parse_args()
    print(f"{machine()}, DuckDB {duckdb.__version__} on {options.cores} threads, median of {options.rounds} rounds.\n")
    print("| | rows | seconds |\n|---|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for kind, sql in (("single images", _SINGLE), ("images of functional groups", _MULTIFRAME)):
            file = Path(folder) / f"{kind.replace(' ', '_')}.parquet"
            make_rows(sql.format(rows=options.rows), file)
            for name, (rows, seconds) in measure(file, options.cores, options.rounds).items():
                print(f"| {kind}: {name} | {rows:,} | {seconds:.2f} |")
    print(f"\nPeak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB.")


def make_rows(sql: str, file: Path) -> None:
    """Write rows with all columns of ``instances``; those that the query lacks are null."""
    with duckdb.connect() as connection:
        connection.register("declared", arrow_schema(instances_table()).empty_table())
        connection.execute(f"COPY (SELECT * FROM declared UNION ALL BY NAME ({sql})) TO '{file}' (FORMAT parquet)")


def measure(file: Path, cores: int, rounds: int) -> dict[str, tuple[int, float]]:
    """Return the rows that each query yields and its seconds, by what it is."""
    with duckdb.connect(config={"threads": cores}) as connection:
        connection.execute(f"CREATE VIEW instances AS SELECT * FROM read_parquet('{file}')")
        for view in make_views(DUCKDB):
            connection.execute(f"CREATE VIEW {view.name} AS {view.sql}")
        queries = {
            "`count(DISTINCT image_position_patient)`": "SELECT count(DISTINCT image_position_patient) FROM instances",
            "`count(*)` of `unique_instances`": "SELECT count(*) FROM unique_instances",
            "`series_geometry`": "SELECT * FROM series_geometry",
            "`series_geometry` of one day": "SELECT * FROM series_geometry WHERE study_date = DATE '2000-01-05'",
        }
        return {name: _time(connection, sql, rounds) for name, sql in queries.items()}


def _time(connection: duckdb.DuckDBPyConnection, sql: str, rounds: int) -> tuple[int, float]:
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        rows = len(connection.execute(sql).fetchall())
        seconds.append(time.perf_counter() - start)
    return rows, statistics.median(seconds)


if __name__ == "__main__":
    main()
