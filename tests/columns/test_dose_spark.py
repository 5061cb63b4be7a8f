"""The views of dose over dose reports: the same rows from Spark and from DuckDB."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from dicom_udf.columns.views import make_views
from tests.columns.dose_reports import answers, code, container, ct_event, ct_report, item, num, plane, report, table_of
from tests.columns.spark_dialect import SPARK

ORDER = {"dose_events": "source_uri, event_number", "dose_reports": "source_uri", "dose_studies": "kind"}


@pytest.mark.spark
@pytest.mark.parametrize("name", ORDER)
def test_spark_has_the_dose_that_duckdb_has(spark, tmp_path, name):
    source = container("113831", num("113733", 140.0, "kV"))
    side = code("272741003", "7771000", scheme="SCT", of="SCT")
    event = container(
        "113706", item("UIDREF", "113769", text="8.1"),
        num("122130", 3.0, "dGy.cm2"), num("113733", [70.0, 71.0], "kV"),
        num("113793", [5.0, 6.0], "ms"), container("113771", num("113773", 0.1, "mm")),
        code("123014", "76752008", side, scheme="SCT"), num("113738", 1.0, "furlong"),
    )  # fmt: skip
    rows = [
        ct_report(1, [ct_event("9.1", 5.0, source, container("113831"))], 5.0),
        ct_report(2, [ct_event("9.1", 5.0), ct_event("9.2", None)], 5.0),
        report(3, plane("113620", num("113722", 3.0, "dGy.cm2"), num("111637", 2.0, "mGy", side)), event),
        report(4, content_items=None),
    ]
    pq.write_table(table_of(*rows), tmp_path / "instances.parquet")
    session = spark.newSession()
    session.conf.set("spark.sql.codegen.wholeStage", "false")
    session.conf.set("spark.sql.session.timeZone", "UTC")
    session.read.parquet(str(tmp_path / "instances.parquet")).createOrReplaceTempView("instances")
    [view] = [view for view in make_views(SPARK) if view.name == name]
    found = session.sql(f"SELECT * FROM ({view.sql}) ORDER BY {ORDER[name].replace('kind', 'kind NULLS LAST')}")
    assert [row.asDict(recursive=True) for row in found.collect()] == answers(name, *rows, order=ORDER[name])
