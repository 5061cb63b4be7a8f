"""Names of fetched files: safe for every value, below the folder, one for each file."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dicom_udf.config import DEFAULT_LAYOUT
from dicom_udf.errors import ConfigurationError
from dicom_udf.fetching.targets import Layout, check_targets, fault_of_target, safe_name

HOSTILE = [
    "..",
    ".",
    "",
    " ",
    "../..",
    "/etc/passwd",
    "C:\\x",
    "a\0b",
    "..\\..",
    "\ud800",
    "CON:",
    ". .",
    " ..",
    "\x85",
]
values = st.none() | st.sampled_from(HOSTILE) | st.text(max_size=40) | st.dates() | st.floats() | st.integers()
layouts = st.sampled_from([DEFAULT_LAYOUT, "{a}", "{a}{b}/{c}", "x/{a}.{b}/{c}", "{a}/{a}/{b}.dcm"])


@given(layouts, st.data())
def test_no_value_leaves_the_folder_or_makes_one(text, data):
    layout = Layout(text)
    row = {name: data.draw(values) for name in layout.columns}
    target = layout.target(row)
    assert target.count("/") == text.count("/")
    assert fault_of_target(target) is None
    folder = "/data/out"
    for kind in (PurePosixPath, PureWindowsPath):
        assert not kind(target).is_absolute()
        assert ".." not in kind(target).parts
        assert not kind(target).drive
    assert os.path.normpath(os.path.join(folder, target)).startswith(f"{folder}/")


@given(values)
@example("..")
@example("a. ")
def test_a_safe_name_is_safe_once_more(value):
    assert safe_name(safe_name(value)) == safe_name(value)
    assert safe_name(value).encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/x",
        "../{a}",
        "{a}/../{b}",
        "./{a}",
        "{a}//{b}",
        "{a}/",
        "C:/{a}",
        "a\\{a}",
        "{a}\0",
        "{A}",
        "{a",
        "{}",
        "{a.b}",
    ],
)
def test_a_layout_that_leaves_the_folder_or_has_broken_braces_is_refused(text):
    with pytest.raises(ConfigurationError, match="--layout has "):
        Layout(text)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("../x", "a part '.' or '..'"),
        ("a/../../x", "a part '.' or '..'"),
        ("/etc/x", "an absolute path"),
        ("a//b", "an empty name"),
        ("", "an empty name"),
        ("C:/x", "a character"),
        ("a\\b", "a character"),
        ("a\0b", "a character"),
        ("a\nb", "a character"),
        ("a" * 251, "more than 250 bytes"),
        ("é" * 126, "more than 250 bytes"),
        ("/".join(["a" * 200] * 25), "more than 4090 bytes"),
    ],
)
def test_a_target_that_leaves_the_folder_or_cannot_be_a_name_is_refused_with_its_row(target, reason):
    with pytest.raises(ConfigurationError, match="the target of row 2 has ") as refused:
        check_targets(["fine.dcm", target], "/data")
    assert reason in str(refused.value)
    assert len(target) < 4 or target not in str(refused.value)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["a/x", "b/x", "a/x"], "rows 1 and 3 have one target"),
        (["a/X.dcm", "A/x.dcm"], "rows 1 and 2 have one target"),
        (["cafe\u0301", "caf\u00e9"], "rows 1 and 2 have one target"),
        (["a/b", "a"], "the target of row 2 is a folder of the target of row 1"),
        (["a", "a/b"], "the target of row 1 is a folder of the target of row 2"),
        (["fetch.csv"], "the name of the record"),
        (["a.dcm", "a.dcm.part"], "the target of row 2 is that of row 1 with .part"),
        (["fetch.csv/x"], "the target of row 1 is fetch.csv, the name of the record"),
    ],
)
def test_two_files_never_share_a_name(targets, message):
    with pytest.raises(ConfigurationError, match=message):
        check_targets(targets)


def test_different_files_are_taken():
    check_targets(["a/1.dcm", "a/2.dcm", "b/1.dcm", "fetch"], str(Path.cwd()))
