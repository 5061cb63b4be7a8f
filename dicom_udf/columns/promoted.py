"""Promoted attributes: columns that a lake's owner added to ``instances`` (design.md, "Tables").

A user writes an attribute as text, e.g. ``PatientComments`` or ``0019,xx0c|SIEMENS MR HEADER:double:b_value``. The lake
keeps its meaning, a :class:`Promoted`, as JSON with the table, so that a newer dictionary doesn't change a column.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from pydicom.datadict import dictionary_VM, keyword_dict, keyword_for_tag, private_dictionary_description
from pydicom.tag import Tag

from dicom_udf.columns.attributes import declared_attributes
from dicom_udf.columns.fields import Field, path_text
from dicom_udf.columns.names import column_name
from dicom_udf.columns.schema import hive_type
from dicom_udf.errors import ConfigurationError
from dicom_udf.header import VRS, Wanted
from dicom_udf.header.dictionary import public_vr

__all__ = ["Promoted", "check_promotable", "parse_promoted"]

_PRIVATE_TYPES = {
    "string": "LO",
    "double": "FD",
    "bigint": "SL",
    "date": "DA",
    "timestamp": "DT",
    "decimal(20,0)": "UV",
}
"""Type of a private element's column -> VR whose converter makes its values."""

_TYPES = ", ".join(_PRIVATE_TYPES)
_PRIVATE = re.compile(r"\(?([0-9a-f]{4}),([0-9a-fx]{2})([0-9a-f]{2})\)?\|(.+)", re.IGNORECASE)
_TYPED = re.compile(rf"(.+?):(array<)?({'|'.join(map(re.escape, _PRIVATE_TYPES))})(?(2)>)(?::([^:]*))?")
_TAG = re.compile(r"\(?([0-9a-f]{4}),?([0-9a-f]{4})\)?", re.IGNORECASE)
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,126}")
_NO_FILE_GROUPS = (0x0000, 0xFFFE)


@dataclass(frozen=True, slots=True)
class Promoted:
    """An attribute with a column that a lake's owner added.

    Attributes:
        attribute: The attribute: a keyword, a dotted path of keywords through first items, or ``0019,xx0c|CREATOR``.
        type: Spark SQL type of the column.
        comment: Comment of the column.
        wanted: The element that a reader converts; its name is the column's.
    """

    attribute: str
    type: str
    comment: str
    wanted: Wanted

    @property
    def column(self) -> str:
        """Name of the column."""
        return self.wanted.name

    @property
    def field(self) -> Field:
        """The column as a field of the table."""
        return Field(self.column, self.type, self.comment)

    def to_json(self) -> str:
        """Return the JSON that the lake keeps."""
        return json.dumps({**asdict(self), "wanted": {**asdict(self.wanted), "path": list(self.wanted.path)}})

    @classmethod
    def from_json(cls, text: str) -> Promoted:
        """Read the JSON of :meth:`to_json`."""
        values = json.loads(text)
        wanted = values.pop("wanted")
        return cls(wanted=Wanted(**{**wanted, "path": tuple(wanted["path"])}), **values)


def parse_promoted(text: str) -> Promoted:
    """Read one attribute to promote: ``KEYWORD[:column]`` or ``gggg,xxee|CREATOR:type[:column]``.

    Raises:
        ConfigurationError: The text is not an attribute, the attribute is unknown, or it can't be a column. The message
            has the remedy.
    """
    found = _PRIVATE.fullmatch(text.strip())
    promoted = _public(text.strip()) if found is None else _private(text.strip(), *found.groups())
    if not _COLUMN.fullmatch(promoted.column):
        raise ConfigurationError(
            f"{promoted.column!r} can't be a column's name; give lower-case letters, digits and underscores that begin "
            "with a letter"
        )
    return promoted


def _public(text: str) -> Promoted:
    attribute, colon, column = text.partition(":")
    keywords = attribute.split(".")
    path = tuple(_tag(keyword) for keyword in keywords)
    for tag, keyword in zip(path[:-1], keywords, strict=False):
        if public_vr(tag) != "SQ":
            raise ConfigurationError(f"{keyword} is not a sequence, so {attribute} is not a path; give a keyword alone")
    vr = public_vr(path[-1]) or "UN"
    if vr == "SQ":
        raise ConfigurationError(
            f"{attribute} is a sequence, which can't be a column; query it in the column header, or promote an "
            f"attribute of its first item as {attribute}.KEYWORD"
        )
    scalar = VRS[vr].type
    if scalar is None:
        raise ConfigurationError(f"{attribute} is binary ({vr}), which can't be a column; it is only in header")
    multiple = dictionary_VM(path[-1]) != "1"
    return Promoted(
        attribute=attribute,
        type=f"array<{scalar}>" if multiple else scalar,
        comment=f"{path_text(path)} {keywords[-1]}, {vr}. Promoted.",
        wanted=Wanted(column if colon else column_name(keywords[-1]), path, vr, multiple),
    )


def _tag(keyword: str) -> int:
    """Return the tag of a keyword.

    Raises:
        ConfigurationError: There is no such keyword; the message has the nearest one.
    """
    tag = keyword_dict.get(keyword)
    if tag is None or not keyword:
        number = _TAG.fullmatch(keyword)
        name = keyword_for_tag(int(number[1] + number[2], 16)) if number else ""
        nearest = [name] if name else difflib.get_close_matches(keyword, keyword_dict, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else "a private element is written gggg,xxee|CREATOR:type"
        raise ConfigurationError(f"{keyword!r} is not a keyword of the DICOM dictionary; {hint}")
    if tag >> 16 in _NO_FILE_GROUPS:
        raise ConfigurationError(f"{keyword} belongs to messages, not to files; no header has it")
    return tag


def _private(text: str, group: str, block: str, low: str, rest: str) -> Promoted:
    place = f"{group},xx{low}".lower()
    typed = _TYPED.fullmatch(rest)
    if typed is None:
        raise ConfigurationError(
            f"{text!r} lacks a type; write {place}|CREATOR:type or {place}|CREATOR:type:column, where type is one of "
            f"{_TYPES} or array<one of these>"
        )
    creator = typed[1].rstrip()
    if block.lower() != "xx":
        raise ConfigurationError(
            f"the block's number {block} in {text!r} may differ from file to file; write {place}|{rest}"
        )
    number = int(group, 16)
    if not number & 1 or number in (0x0001, 0x0003, 0x0005, 0x0007, 0xFFFF):
        raise ConfigurationError(f"group {group} holds no private elements (PS3.5 §7.8); give the attribute's keyword")
    if len(creator) > 64 or "\\" in creator or not creator.isprintable() or not creator:
        raise ConfigurationError(f"{creator!r} can't be a private creator: at most 64 characters, no backslash")
    multiple, name = typed[2] is not None, typed[3]
    scalar = "timestamp_ntz" if name == "timestamp" else name
    column = typed[4] if typed[4] is not None else f"{column_name(creator.lower())}_{group}_{low}".lower()
    tag = number << 16 | int(low, 16)
    known = _description(tag, creator)
    return Promoted(
        attribute=f"{place}|{creator}",
        type=f"array<{scalar}>" if multiple else scalar,
        comment=f"({group.upper()},xx{low.upper()}) {creator}, private.{known} Promoted.",
        wanted=Wanted(column, (tag,), _PRIVATE_TYPES[name], multiple, creator=creator),
    )


def _description(tag: int, creator: str) -> str:
    try:
        return f" {private_dictionary_description(Tag(tag | 0x1000), creator).strip('[]')}."
    except KeyError:
        return ""


def check_promotable(requested: Iterable[Promoted], taken: Iterable[str], known: Iterable[Promoted]) -> list[Promoted]:
    """Return the attributes of ``requested`` that have no column yet, each once.

    Args:
        requested: Attributes to promote.
        taken: Names of all columns of the table, those of ``known`` too.
        known: Attributes that are promoted already.

    Raises:
        ConfigurationError: A name or an attribute clashes.
    """
    columns, promoted = set(taken), {_element(one.wanted): one for one in known}
    declared = {attribute.path: attribute.column for attribute in declared_attributes() if attribute.part == "value"}
    new: list[Promoted] = []
    for one in requested:
        earlier = promoted.get(_element(one.wanted))
        if earlier is not None and (earlier.column, earlier.type) == (one.column, one.type):
            continue
        if earlier is not None:
            raise ConfigurationError(
                f"{one.attribute} is promoted already, as the column {earlier.column} of type {hive_type(earlier.type)}"
            )
        column = declared.get(one.wanted.path) if one.wanted.creator is None else None
        if column == one.column:
            continue
        if column is not None:
            raise ConfigurationError(f"{one.attribute} has a column already: {column}")
        if one.column in columns:
            raise ConfigurationError(
                f"the name {one.column} is taken; give {one.attribute} another one by adding :column"
            )
        columns.add(one.column)
        promoted[_element(one.wanted)] = one
        new.append(one)
    return new


def _element(wanted: Wanted) -> tuple[tuple[int, ...], str | None]:
    return wanted.path, wanted.creator
