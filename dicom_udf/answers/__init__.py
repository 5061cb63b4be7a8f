"""Questions about a lake that need no Spark: SQL by DuckDB or Athena, and what the looking commands print."""
