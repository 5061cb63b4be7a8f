"""The view reference (docs/reference/views.md), made from the definition of the views.

``python -m release.pages.views_page`` prints it; a test fails when it is stale.
"""

from __future__ import annotations

import sys

from dicom_udf.columns.views import DUCKDB, View, make_views
from release.pages.columns_page import escape_type

__all__ = ["views_page"]

_INTRO = """# Views

Made from `dicom_udf/columns/` by `make docs`; don't edit.

```sql
SELECT series_description, instances, slice_location_min, slice_location_max FROM series WHERE modality = 'CT'
```

* An attribute of a series or study is the value on which all its instances that have one agree; where two differ it is
  null, and `instances` has both. Types are those of [the columns](columns.md).
* `_min` and `_max` are the least and the greatest value of a column.
* `instances` more than `unique_instances`: some instance is stored twice. `patients` more than 1: a UID is used for
  several patients.
* Files without a series UID are in no series, files without a study UID in no study.
* Of files with the same SOPInstanceUID and study date `unique_instances` keeps the one whose object was changed last,
  then the one that was ingested last, then the first by name. [Copies with different study
  dates](../adr/0032-copies-are-of-one-study-date.md) all stay.
* `study_date` of a series or study is null where its files have none: only rows of files have the default.
* In `unique_instances` a filter on `study_date` prunes: neither images nor copies of other days are read. A filter on
  another column is applied to the images; all copies are compared. A row of `series` or `studies` is made from all its
  instances: a filter on anything but its UIDs is applied after that.
* `series_geometry` has a row for each series with positions ([examples](../how_to/cookbook.md#geometry)). A filter on
  its `study_date` prunes as in `unique_instances`, except for the UIDs of all files: they decide whether a series has
  one date. A filter on its UIDs reaches the table too; any other filter is applied to its rows.
* A lake of an older version has `series_geometry` after its next run. `dicom-lake upgrade` fills the positions of the
  rows that were there before.
* A lake in S3 has them in the Glue catalog, where [Athena](../how_to/athena.md) and Trino read them; in a local one
  `dicom-lake query` makes them when a query names them.
"""


def views_page() -> str:
    """Return the page as Markdown."""
    return _INTRO + "".join(map(_section, make_views(DUCKDB)))


def _section(view: View) -> str:
    text = f"\n## {view.name}\n\n{view.comment[0].upper()}{view.comment[1:]}.\n\n"
    if view.name == "unique_instances":
        return text + "Columns as in [instances](columns.md#instances).\n"
    rows = ["| column | type | meaning |", "|---|---|---|"]
    rows += [f"| `{field.name}` | {escape_type(field.type)} | {field.comment} |" for field in view.fields]
    return text + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(views_page())
