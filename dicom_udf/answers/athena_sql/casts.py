"""Casts: Athena rounds half away from zero, and reads fewer texts as numbers and dates than DuckDB."""

from __future__ import annotations

import re

from sqlglot import exp

from dicom_udf.errors import ConfigurationError

__all__ = ["cast_sql", "type_name"]

_WHOLE = {exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT}

_NAMES = {
    exp.DType.TINYINT: "TINYINT",
    exp.DType.SMALLINT: "SMALLINT",
    exp.DType.INT: "INTEGER",
    exp.DType.BIGINT: "BIGINT",
    exp.DType.DOUBLE: "DOUBLE",
    exp.DType.BOOLEAN: "BOOLEAN",
    exp.DType.VARCHAR: "VARCHAR",
    exp.DType.TEXT: "VARCHAR",
    exp.DType.DATE: "DATE",
    exp.DType.TIMESTAMP: "TIMESTAMP",
    exp.DType.JSON: "JSON",
}

_TEXTS = {
    "BOOLEAN": "(?i)t|f|1|0|true|false",
    "DATE": r"\s*[+-]?[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}\s*",
    "DOUBLE": r"\s*[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|Infinity)\s*",
    "TIMESTAMP": r"\s*[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]{1,6})?)?)?\s*",
    "DECIMAL": r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?",
}
"""The texts that Athena casts to a type, as patterns; whole numbers are ``_WHOLE_TEXT``."""

_WHOLE_TEXT = r"\s*[+-]?[0-9]+\s*"


def type_name(kind: exp.DataType) -> str:
    """Return DuckDB's name of a type.

    Raises:
        ConfigurationError: It has none with the same values.
    """
    if kind.this == exp.DType.DECIMAL:
        size = [parameter.sql() for parameter in kind.expressions] or ["38", "0"]
        return f"DECIMAL({size[0]}, {(*size, '0')[1]})"
    if kind.this == exp.DType.ARRAY and kind.expressions:
        return f"{type_name(kind.expressions[0])}[]"
    if kind.this == exp.DType.MAP:
        return f"MAP({', '.join(type_name(one) for one in kind.expressions)})"
    if kind.this not in _NAMES:
        raise ConfigurationError(f"a local lake has no type {kind.sql('trino')} of Athena's SQL; cast to another one")
    return _NAMES[kind.this]


def cast_sql(value: str, kind: exp.DataType, *, is_try: bool, literal: str | None = None) -> str:
    """Return the cast of an expression, both in DuckDB's SQL.

    Args:
        value: The expression.
        kind: The type.
        is_try: Null where the value doesn't fit, otherwise an error.
        literal: The text where the expression is a literal: ``DATE '2024-01-01'``.
    """
    name, cast = type_name(kind), "TRY_CAST" if is_try else "CAST"
    match kind.this:
        case exp.DType.ARRAY | exp.DType.MAP if is_try:
            raise ConfigurationError(
                "TRY_CAST to an array or map isn't translated for a local lake; "
                "write transform(CAST(... AS array(varchar)), x -> TRY_CAST(x AS double))"
            )
        case exp.DType.ARRAY:
            return _array_cast(value, kind.expressions[0])
        case exp.DType.MAP:
            return _map_cast(value, kind.expressions[1])
        case exp.DType.JSON:
            return f"athena_json({value})"
        case exp.DType.VARCHAR | exp.DType.TEXT:
            length = kind.expressions[0].sql() if kind.expressions else None
            return f"substr(athena_text({value}), 1, {length})" if length else f"athena_text({value})"
        case exp.DType.DECIMAL if literal is not None and not kind.expressions:
            whole, _, part = literal.strip("+-").partition(".")
            return f"CAST({value} AS DECIMAL({max(len(whole) + len(part), 1)}, {len(part)}))"
    pattern = _WHOLE_TEXT if kind.this in _WHOLE else _TEXTS[name.partition("(")[0]]
    if literal is not None and re.fullmatch(pattern, literal):
        read = value  # a constant at once, so that DATE '2024-01-01' prunes partitions
    else:
        read = f"athena_try_read({value}, '{pattern}')" if is_try else f"athena_read({value}, '{pattern}', '{name}')"
    if kind.this in _WHOLE:
        # DuckDB rounds a double half to even.
        return (
            f"CASE WHEN athena_is_float({value}) THEN {cast}(round(CAST({value} AS DOUBLE)) AS {name}) "
            f"WHEN typeof({value}) = 'JSON' THEN {cast}(athena_json_whole({value}) AS {name}) "
            f"ELSE {cast}({read} AS {name}) END"
        )
    if kind.this == exp.DType.TIMESTAMP and not (literal is not None and kind.expressions):
        return _rounded(f"{cast}({read} AS {name})", kind)
    return f"{cast}({read} AS {name})"


def _array_cast(value: str, kind: exp.DataType) -> str:
    """Return the cast of each element, from an array or from JSON."""
    items = (
        f"struct_extract({{'json': CAST({value} AS JSON[]), 'list': {value}}}, "
        f"CASE WHEN typeof({value}) = 'JSON' THEN 'json' ELSE 'list' END)"
    )
    return f"list_transform({items}, lambda _item: {_item_cast('_item', kind)})"


def _map_cast(value: str, kind: exp.DataType) -> str:
    """Return the map of an object of JSON, with texts as keys."""
    cast = _item_cast("_entry.value", kind)
    entries = f"map_entries(CAST({value} AS MAP(VARCHAR, JSON)))"
    return f"map_from_entries(list_transform({entries}, lambda _entry: {{'key': _entry.key, 'value': {cast}}}))"


def _item_cast(value: str, kind: exp.DataType) -> str:
    # A null inside of JSON stays JSON in Athena.
    return f"coalesce({value}, 'null'::JSON)" if kind.this == exp.DType.JSON else cast_sql(value, kind, is_try=False)


def _rounded(time: str, kind: exp.DataType) -> str:
    """Return a timestamp rounded to the digits of its type, 3 unless it names them."""
    digits = int(kind.expressions[0].sql()) if kind.expressions else 3
    if digits not in (3, 6):
        raise ConfigurationError(f"a local lake has no type timestamp({digits}) of Athena's SQL; use timestamp(6)")
    return time if digits == 6 else f"athena_rounded_millis({time})"
