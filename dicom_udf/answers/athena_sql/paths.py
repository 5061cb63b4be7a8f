"""Literals in which the engines' languages differ: paths into JSON, patterns, formats of dates."""

from __future__ import annotations

import re

from dicom_udf.errors import ConfigurationError

__all__ = ["date_format", "group_pattern", "json_path", "replacement"]

_STEP = re.compile(r"""\.([A-Za-z0-9_]+)|\[(\d+)\]|\["([^"\\]+)"\]|\['([^'\\]+)'\]""")

_CODES = {"Y": "%Y", "m": "%m", "d": "%d", "H": "%H", "i": "%M", "s": "%S", "%": "%%"}
"""Codes of ``date_format`` with the same meaning, and DuckDB's."""


def json_path(path: str) -> str:
    """Return a path into JSON in DuckDB's form.

    Raises:
        ConfigurationError: It has other steps than keys and numbers.

    Example:
        >>> json_path("$.00080060.Value[0]")
        '$."00080060"."Value"[0]'
    """
    at, steps = 1, []
    while path.startswith("$") and at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            break
        at = step.end()
        steps.append(f"[{step[2]}]" if step[2] else f'."{step[1] or step[3] or step[4]}"')
    if not path.startswith("$") or at < len(path):
        raise ConfigurationError(
            f"the JSON path '{path}' isn't translated for a local lake; a path has keys and numbers alone, "
            "e.g. $.00080060.Value[0]"
        )
    return "$" + "".join(steps)


def group_pattern(pattern: str) -> None:
    """Check a pattern whose group is extracted.

    Raises:
        ConfigurationError: A group may be absent from a match: null in Athena, an empty text in DuckDB.
    """
    if re.search(r"\)(?:[?*]|\{0)|\|", pattern):
        raise ConfigurationError(
            f"the pattern '{pattern}' isn't translated for a local lake, because its group may be absent from a match; "
            "extract the whole match, or use --dialect duckdb"
        )


def replacement(text: str) -> str:
    """Return the replacement of a pattern in DuckDB's form, in which a backslash begins a group, and not ``$``.

    Raises:
        ConfigurationError: It has a backslash or a named group.
    """
    if "\\" in text or re.search(r"\$(?!\d)", text):
        raise ConfigurationError(
            f"the replacement '{text}' isn't translated for a local lake; use plain text and groups as $1"
        )
    return re.sub(r"\$(\d)", r"\\\1", text)


def date_format(form: str) -> str:
    """Return a format of ``date_format`` in DuckDB's form.

    Raises:
        ConfigurationError: It has a code beyond %Y, %m, %d, %H, %i, %s.
    """
    codes = re.findall(r"%(.?)", form)
    if not set(codes) <= set(_CODES):
        raise ConfigurationError(
            f"the format '{form}' isn't translated for a local lake; the codes are %Y, %m, %d, %H, %i, %s"
        )
    return re.sub(r"%(.)", lambda code: _CODES[code[1]], form)
