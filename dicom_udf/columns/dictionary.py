"""The dictionary behind ``series_normalised``: spellings of body parts, and rules for kinds of series.

Both are data files of this package, ``body_part.tsv`` and ``series_kind.tsv``. A folder with files of the same names
and first lines has lines that come before them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path

from dicom_udf.columns.tables import instances_table
from dicom_udf.errors import ConfigurationError

__all__ = [
    "ALL_MARKS", "BLANKS", "BodyPart", "Dictionary", "KindRule", "fold_words", "read_body_parts", "read_dictionary",
    "read_kind_rules",
]  # fmt: skip

ALL_MARKS = " _-/.,&+()"
"""Characters that the spelling of a body part is compared without."""

BLANKS = "_-/.,:;()[]+="
"""Characters that are blanks between the words of a description."""

_FILES = ("body_part.tsv", "series_kind.tsv")
_CONFIDENCES = ("exact", "text")
_TYPES = {
    "equals": ("string",),
    "has": ("array<string>",),
    "like": ("string",),
    "above": ("bigint", "double"),
}
"""Tests of a rule -> the types of the columns that they read."""


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A line of ``body_part.tsv``.

    Attributes:
        written: A value of (0018,0015) BodyPartExamined, compared without case and :data:`ALL_MARKS`.
        body_part: Meaning of the code (PS3.16 CID 4 and Annex L).
        code: Its code in SNOMED CT.
        confidence: ``exact``: a defined term of the standard. ``text``: another spelling.
    """

    written: str
    body_part: str
    code: str
    confidence: str


@dataclass(frozen=True, slots=True)
class KindRule:
    """A line of ``series_kind.tsv``; the first line that matches a series counts.

    Attributes:
        rule: Name of the rule.
        kind: Kind of a series that matches.
        confidence: ``exact``: a coded attribute decides. ``text``: words that a person or a maker chose.
        scope: ``every``: each instance of the series must match. ``any``: one suffices.
        modality: Modalities with bars between them; empty for all.
        attribute: A column of ``instances``.
        test: ``equals``: the text is one of the pattern's values. ``has``: an element of the list is one of them.
            ``like``: the text contains one of the pattern's words. ``above``: the number exceeds the pattern's.
        pattern: Values or words with bars between them. In words ``%`` is any text. Case doesn't matter.
    """

    rule: str
    kind: str
    confidence: str
    scope: str
    modality: str
    attribute: str
    test: str
    pattern: str

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities of the rule; empty for all."""
        return tuple(one for one in self.modality.split("|") if one)

    @property
    def values(self) -> tuple[str, ...]:
        """The values or words of the pattern."""
        return tuple(self.pattern.split("|"))


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Lines of both files, each in the order in which they count."""

    body_parts: tuple[BodyPart, ...]
    kinds: tuple[KindRule, ...]


def fold_words(text: str) -> str:
    """Return the words of a description in upper case, with blanks around them.

    Example:
        >>> from dicom_udf.columns.dictionary import fold_words
        >>> fold_words("t2_tse-sag")
        ' T2 TSE SAG '
    """
    return f" {text.upper().translate(str.maketrans(BLANKS, ' ' * len(BLANKS)))} "


def read_body_parts(text: str, name: str) -> tuple[BodyPart, ...]:
    r"""Return the lines of a file of body parts.

    Args:
        text: The file.
        name: Name of the file, for messages.

    Raises:
        ConfigurationError: The first line is another one, or a line can't be used.

    Example:
        >>> from dicom_udf.columns.dictionary import read_body_parts
        >>> lines = "written\tbody_part\tcode\tconfidence\nHead, neck\tHead and Neck\t774007\ttext\n"
        >>> read_body_parts(lines, "body_part.tsv")[0].written
        'HEADNECK'
    """
    found: dict[str, BodyPart] = {}
    for where, values in _lines(text, name, BodyPart):
        line = BodyPart(**values)
        written = line.written.upper().translate({ord(mark): None for mark in ALL_MARKS})
        _check(bool(written), where, "column 'written' is empty; write a value of BodyPartExamined")
        _check(written not in found, where, "an earlier line has the same spelling; remove one of them")
        _check(bool(line.body_part), where, "column 'body_part' is empty; write the meaning of the code")
        _check(line.code.isascii() and line.code.isdigit(), where, "column 'code' is not a code of SNOMED CT, digits")
        _check_one_of(line.confidence, _CONFIDENCES, where, "confidence")
        found[written] = BodyPart(written, line.body_part, line.code, line.confidence)
    return tuple(found.values())


def read_kind_rules(text: str, name: str) -> tuple[KindRule, ...]:
    """Return the lines of a file of rules.

    Args:
        text: The file.
        name: Name of the file, for messages.

    Raises:
        ConfigurationError: The first line is another one, or a line can't be used.
    """
    types = {field.name: field.type for field in instances_table().fields}
    found: dict[str, KindRule] = {}
    for where, values in _lines(text, name, KindRule):
        line = KindRule(**values)
        _check(bool(line.rule and line.kind), where, "columns 'rule' and 'kind' must not be empty")
        _check(line.rule not in found, where, "an earlier line has the same 'rule'; choose another name")
        _check_one_of(line.confidence, _CONFIDENCES, where, "confidence")
        _check_one_of(line.scope, ("every", "any"), where, "scope")
        _check_one_of(line.test, tuple(_TYPES), where, "test")
        wanted = _TYPES[line.test]
        _check(
            types.get(line.attribute) in wanted,
            where,
            f"'attribute' must be a column of instances of type {' or '.join(wanted)} for the test '{line.test}'",
        )
        if line.test == "above":
            _check(_is_number(line.pattern), where, "column 'pattern' must be a number for the test 'above'")
        else:
            words = [fold_words(value).strip(" %") for value in line.values]
            _check(all(words), where, "column 'pattern' has an empty value; remove the bar beside it")
        found[line.rule] = line
    return tuple(found.values())


def read_dictionary(folder: Path | None = None) -> Dictionary:
    """Return the dictionary, with an operator's lines before those of this package.

    Args:
        folder: Has ``body_part.tsv`` or ``series_kind.tsv`` or both.

    Raises:
        ConfigurationError: The folder has neither file, or one can't be read.
    """
    shipped = _shipped()
    if folder is None:
        return shipped
    paths = [folder / name for name in _FILES]
    parts, kinds = map(_read_own, paths)
    if parts is None and kinds is None:
        raise ConfigurationError(f"{folder} has no {' and no '.join(_FILES)}; name a folder with one of them")
    own_parts = () if parts is None else read_body_parts(parts, str(paths[0]))
    own_kinds = () if kinds is None else read_kind_rules(kinds, str(paths[1]))
    spellings = {line.written for line in own_parts}
    names = {line.rule for line in own_kinds}
    return Dictionary(
        (*own_parts, *(line for line in shipped.body_parts if line.written not in spellings)),
        (*own_kinds, *(line for line in shipped.kinds if line.rule not in names)),
    )


@cache
def _shipped() -> Dictionary:
    folder = files("dicom_udf.columns")
    parts, kinds = (folder.joinpath(name).read_text("utf-8") for name in _FILES)
    return Dictionary(read_body_parts(parts, _FILES[0]), read_kind_rules(kinds, _FILES[1]))


def _read_own(path: Path) -> str | None:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8; save it as UTF-8") from None


def _lines(text: str, name: str, line: type[BodyPart | KindRule]) -> list[tuple[str, dict[str, str]]]:
    """Return the place and the values of each line that is not empty."""
    wanted = [field.name for field in fields(line)]
    head, *rest = text.split("\n")
    if head.rstrip("\r").split("\t") != wanted:
        raise ConfigurationError(
            f"{name}: the first line must be these names with tabs between them: {' '.join(wanted)}"
        )
    found = []
    for number, one in enumerate(rest, 2):
        where = f"{name}, line {number}"
        values = [value.strip() for value in one.split("\t")]
        if not any(values):
            continue
        _check(len(values) == len(wanted), where, f"it has {len(values)} values, but must have {len(wanted)}")
        _check(all(value.isprintable() for value in values), where, "it has a control character; remove it")
        found.append((where, dict(zip(wanted, values, strict=True))))
    return found


def _check(is_right: bool, where: str, message: str) -> None:
    if not is_right:
        raise ConfigurationError(f"{where}: {message}")


def _check_one_of(value: str, allowed: tuple[str, ...], where: str, column: str) -> None:
    _check(value in allowed, where, f"column '{column}' must be one of {', '.join(allowed)}")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
