"""Names of a source to take and to leave out: globs as in ``aws s3 cp --include``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Patterns"]


@dataclass(frozen=True)
class Patterns:
    """Names to take and to leave out; both are matched against the whole name below the source.

    ``*`` matches any characters, ``/`` too, ``?`` one, ``[a-z]`` and ``[!a-z]`` for one of or not of a set.
    Case matters.

    Attributes:
        include: A name must match one of these; without patterns, every name is taken.
        exclude: A name must match none of these.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def matches(self, name: str) -> bool:
        """Return True for a name that is taken."""
        include, exclude = self._compiled
        return (include is None or bool(include.match(name))) and not (exclude and exclude.match(name))

    @property
    def regex_include(self) -> str | None:
        """A regular expression for the whole name, the same in Python and Java; None takes every name."""
        return _regex(self.include)

    @property
    def regex_exclude(self) -> str | None:
        """As :attr:`regex_include`; None leaves out no name."""
        return _regex(self.exclude)

    @cached_property
    def _compiled(self) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
        return _compile(self.regex_include), _compile(self.regex_exclude)


def _compile(regex: str | None) -> re.Pattern[str] | None:
    return None if regex is None else re.compile(regex)


def _regex(globs: tuple[str, ...]) -> str | None:
    if not globs:
        return None
    # Python and Java have no common name for the end of the text: no character follows it.
    return rf"(?s)\A(?:{'|'.join(map(_translate, globs))})(?!.)"


def _translate(glob: str) -> str:
    """Translate one glob into a regex that Python and Java read the same."""
    out, rest = "", glob  # no named groups and no class operators: those differ
    while rest:
        char, rest = rest[0], rest[1:]
        found = re.match(r"(!?)(\]?[^]]*)\]", rest) if char == "[" else None
        if found and found[2]:
            out += f"[{'^' if found[1] else ''}{_members(found[2])}]"
            rest = rest[found.end() :]
        else:  # also a bracket that is never closed
            out += {"*": ".*", "?": "."}.get(char) or _literal(char)
    return out


def _members(text: str) -> str:
    """Write the characters and ranges of a set; a range that runs backward becomes its two ends and a hyphen."""
    out = ""
    while text:
        low, hyphen, high = text[:1], text[1:2], text[2:3]
        if hyphen == "-" and high and low <= high:
            out, text = out + f"{_literal(low)}-{_literal(high)}", text[3:]
        else:
            out, text = out + _literal(low), text[1:]
    return out


def _literal(char: str) -> str:
    return char if char.isalnum() or ord(char) > 127 else f"\\x{ord(char):02x}"
