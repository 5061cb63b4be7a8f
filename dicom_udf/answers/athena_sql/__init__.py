"""Athena's SQL on a local lake: a query is translated to DuckDB's SQL with the same answer, or refused.

=============  =====================================================
`translation`  the query: its form, its operators, its arrays as rows
`calls`        the calls of functions
`functions`    the closed list of functions, and their SQL
`casts`        casts: rounding, and the texts that become values
`paths`        paths into JSON, patterns, formats of dates
`macros.sql`   the macros that a session needs
=============  =====================================================
"""

from __future__ import annotations

from dicom_udf.answers.athena_sql.calls import FUNCTIONS
from dicom_udf.answers.athena_sql.functions import MACROS
from dicom_udf.answers.athena_sql.translation import to_duckdb

__all__ = ["FUNCTIONS", "MACROS", "to_duckdb"]
