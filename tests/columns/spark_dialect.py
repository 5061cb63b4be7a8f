"""How the views are made for Spark, which only the tests use."""

from dicom_udf.columns.dialects import Dialect

__all__ = ["SPARK"]

_UNNEST = (
    "SELECT i.*, t.value, t.number + 1 AS number FROM ({rows}) i LATERAL VIEW posexplode({array}) t AS number, value"
)

SPARK = Dialect(
    quote="`",
    text="to_json({})",
    array="array({})",
    length="size({})",
    element="get({array}, {number} - 1)",
    unnest=_UNNEST,
    unnest_structs=_UNNEST,
    field="value.{}",
    pick="transform(filter({array}, x -> {condition}), x -> {value})",
    folders="slice(split({0}, '/'), 4, size(split({0}, '/')) - 4)",
    ordered="transform(array_sort(array_agg(struct({order} AS o, {value} AS v)) FILTER (WHERE {condition})), x -> x.v)",
    timestamp="TRY_CAST({} AS timestamp_ntz)",
    total="aggregate({array}, CAST(0 AS double), (total, x) -> total + {term})",
)
