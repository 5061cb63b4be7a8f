"""Globs on names: as fnmatch has them, and as a regular expression that Java reads the same."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.sources.patterns import Patterns

ALPHABET = "ab/.*?[]!-^\\$&~|(){}\n é"


@pytest.mark.parametrize(
    ("pattern", "name", "is_taken"),
    [
        ("*.dcm", "a/b/c.dcm", True),
        ("*.dcm", "a.DCM", False),
        ("*.dcm", "a.dcm.txt", False),
        ("2024/*", "2024/01/a", True),
        ("2024/*", "12024/a", False),
        ("?.dcm", "é.dcm", True),
        ("?.dcm", "ab.dcm", False),
        ("[ab]*", "b1", True),
        ("[!ab]*", "b1", False),
        ("[a-c]", "b", True),
        ("[c-a]", "c", True),
        ("[\\]", "\\", True),
        ("[]]", "]", True),
        ("[&&^]", "&", True),
        ("a+b (1).zip", "a+b (1).zip", True),
        ("[", "[", True),
        ("*", "", True),
        ("*", "line\nbreak", True),
    ],
)
def test_a_pattern_stands_for_a_whole_name(pattern: str, name: str, is_taken: bool) -> None:
    assert Patterns(include=(pattern,)).matches(name) is is_taken
    assert Patterns(exclude=(pattern,)).matches(name) is not is_taken


def test_all_names_are_taken_without_patterns_and_exclusion_wins() -> None:
    assert Patterns().matches("anything")
    assert (Patterns().regex_include, Patterns().regex_exclude) == (None, None)
    both = Patterns(include=("*.dcm", "*.zip"), exclude=("tmp/*", "*/tmp/*"))
    assert [name for name in ("a.dcm", "b.zip", "c.txt", "tmp/a.dcm", "x/tmp/b.zip") if both.matches(name)] == [
        "a.dcm",
        "b.zip",
    ]


@given(st.text(ALPHABET, max_size=8), st.text(ALPHABET, max_size=8))
def test_any_pattern_means_what_fnmatch_says(pattern: str, name: str) -> None:
    if not re.search(r"\[[^]]*-[^]]*\]", pattern):  # what a range of odd characters means, fnmatch makes up
        assert Patterns((pattern,)).matches(name) is fnmatchcase(name, pattern)
    else:
        Patterns((pattern,)).matches(name)  # raises nothing
