"""The view ``series_normalised``: body part and kind of a series, each with the line of the dictionary that matched.

Instances of a series that are alike in the attributes of the rules are one row of the inner query, so the rules are
evaluated for a few rows of a series and not for each image.
"""

from __future__ import annotations

from collections.abc import Iterable

from dicom_udf.columns.dialects import Dialect, View, ViewColumn, select_view
from dicom_udf.columns.dictionary import ALL_MARKS, BLANKS, Dictionary, KindRule, fold_words
from dicom_udf.columns.fields import Field

__all__ = ["needed_columns", "series_normalised"]

_COMMENT = "one row per study date and series; body part and kind of the series by the lines of a dictionary"
_KEYS = ("study_date", "study_instance_uid", "series_instance_uid")
_OWN = ("study_date", "study_date_is_default", "study_instance_uid", "series_instance_uid")
_EXACT = "exact: an attribute with coded values decided. text: words that a person or a maker chose."


def needed_columns(dictionary: Dictionary) -> tuple[str, ...]:
    """Return the columns of ``instances`` that the view needs."""
    return tuple(dict.fromkeys((*_OWN, "modality", "body_part_examined", *(one.attribute for one in dictionary.kinds))))


def series_normalised(dialect: Dialect, own: dict[str, Field], source: str, dictionary: Dictionary) -> View:
    """Return the view.

    Args:
        dialect: Dialect of the engine.
        own: The columns of ``instances`` by name.
        source: Name of the table of instances in the engine.
        dictionary: Body parts and rules.
    """
    kinds = dictionary.kinds
    columns: list[ViewColumn] = [
        *((own[name], "is_default = 1" if name == "study_date_is_default" else name) for name in _OWN),
        (Field("body_part", "string", "Meaning of the code, e.g. Chest. Null without a line for it."), "body_part"),
        (Field("body_part_code", "string", "Code of the body part in SNOMED CT (PS3.16 Annex L)."), "code"),
        (
            Field("body_part_confidence", "string", "exact: a defined term of the standard. text: another spelling."),
            "confidence",
        ),
        (Field("body_part_rule", "string", "Spelling in body_part.tsv that matched."), "written"),
        (
            Field("series_kind", "string", "Kind of the series, e.g. flair or localizer. Null if no rule matches."),
            _by_rule((one.rule, one.kind) for one in kinds),
        ),
        (
            Field("series_kind_confidence", "string", _EXACT),
            _by_rule((one.rule, one.confidence) for one in kinds),
        ),
        (Field("series_kind_rule", "string", "Name of the rule in series_kind.tsv that matched."), "rule"),
    ]
    return select_view(dialect, "series_normalised", _COMMENT, columns, f"({_matched(dialect, source, dictionary)}) m")


def _matched(dialect: Dialect, source: str, dictionary: Dictionary) -> str:
    """Return a row for each series, with the name of the first rule that matches."""
    names = {rule.rule: f"r{number}" for number, rule in enumerate(dictionary.kinds)}
    flags = ", ".join(
        f"{'min' if rule.scope == 'every' else 'max'}(CASE WHEN {_condition(rule)} THEN 1 ELSE 0 END) AS {name}"
        for rule, name in zip(dictionary.kinds, names.values(), strict=True)
    )
    keys = ", ".join(_KEYS)
    chosen = {
        "body_part": "min(body_part)",
        "code": "min(code)",
        "confidence": "max(confidence)",
        # A line that the confidence is of: spellings of one part may be exact and text.
        "written": "coalesce(min(CASE WHEN confidence = 'text' THEN written END), min(written))",
    }
    parts = ", ".join(f"CASE WHEN min(code) = max(code) THEN {choose} END AS {name}" for name, choose in chosen.items())
    lines = ", ".join(
        f"({', '.join(_text(value) for value in (one.written, one.body_part, one.code, one.confidence))})"
        for one in dictionary.body_parts
    )
    alike = _alike(dialect, source, dictionary)
    series = (
        f"SELECT {keys}, max(is_default) AS is_default, {parts}, {flags} FROM ({alike}) a "
        f"LEFT JOIN (VALUES {lines}) AS d (written, body_part, code, confidence) ON a.part = d.written GROUP BY {keys}"
    )
    first = " ".join(f"WHEN {name} = 1 THEN {_text(rule)}" for rule, name in names.items())
    return f"SELECT series.*, CASE {first} END AS rule FROM ({series}) series"


def _alike(dialect: Dialect, source: str, dictionary: Dictionary) -> str:
    """Return the different combinations of the attributes, folded as the tests of the rules compare them."""
    columns = {
        "is_default": "CASE WHEN study_date_is_default THEN 1 ELSE 0 END",
        "kind": "coalesce(modality, '')",
        "part": f"translate(upper(body_part_examined), {_text(ALL_MARKS)}, '')",
    }
    for rule in dictionary.kinds:
        name = dialect.name(rule.attribute)
        columns[_folded(rule)] = {
            "equals": f"upper({name})",
            "has": f"upper({dialect.text.format(name)})",
            "like": f"' ' || translate(upper({name}), {_text(BLANKS)}, {_text(' ' * len(BLANKS))}) || ' '",
            "above": name,
        }[rule.test]
    select = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return f"SELECT DISTINCT {', '.join(_KEYS)}, {select} FROM {source} WHERE series_instance_uid IS NOT NULL"


def _folded(rule: KindRule) -> str:
    return f"{rule.test}_{rule.attribute}"


def _condition(rule: KindRule) -> str:
    column = _folded(rule)
    if rule.test == "above":
        one = f"{column} > CAST({_text(rule.pattern)} AS double)"
    elif rule.test == "equals":
        one = f"{column} IN ({', '.join(_text(value.upper()) for value in rule.values)})"
    elif rule.test == "has":
        one = " OR ".join(f"{column} LIKE {_element(value)} ESCAPE '!'" for value in rule.values)
    else:
        one = " OR ".join(f"{column} LIKE {_text(f'%{fold_words(value)}%')}" for value in rule.values)
    if not rule.modalities:
        return one
    return f"kind IN ({', '.join(map(_text, rule.modalities))}) AND ({one})"


def _element(value: str) -> str:
    """Return the pattern of a JSON text that has an element; characters with a meaning in LIKE are escaped."""
    escaped = "".join(f"!{mark}" if mark in "!%_" else mark for mark in value.upper())
    return _text(f'%"{escaped}"%')


def _by_rule(values: Iterable[tuple[str, str]]) -> str:
    """Return an expression for the value of the rule that matched, one case for each different value."""
    rules: dict[str, list[str]] = {}
    for rule, value in values:
        rules.setdefault(value, []).append(_text(rule))
    cases = " ".join(f"WHEN rule IN ({', '.join(names)}) THEN {_text(value)}" for value, names in rules.items())
    return f"CASE {cases} END"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
