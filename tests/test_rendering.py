"""Rows for people and for programs."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.rendering import aligned, bytes_text, cut, text_width, visible, write_rows

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.dates()
    | st.datetimes()
    | st.decimals(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=5
)


def written(columns, rows, form, width=None):
    stream = io.StringIO()
    write_rows(columns, rows, form=form, stream=stream, width=width)
    return stream.getvalue()


def test_a_table_aligns_text_left_and_numbers_right():
    rows = [("CT", 1200, 0.5, True), ("MR", 7, None, False), (None, 31, 12.25, None)]
    assert written(["modality", "n", "mm", "ok"], rows, "table") == (
        "modality     n     mm  ok\n"
        "--------  ----  -----  -----\n"
        "CT        1200    0.5  true\n"
        "MR           7         false\n"
        "            31  12.25\n"
    )


def test_wide_characters_take_two_columns_and_combining_ones_none():
    reported = written(["name", "n"], [("山田^太郎", 1), ("e\u0301", 2), ("Doe^Jane", 3)], "table")
    assert reported.splitlines()[2:] == ["山田^太郎  1", "e\u0301          2", "Doe^Jane   3"]


def test_a_table_without_rows_has_its_head():
    assert written(["a", "bc"], [], "table") == "a  bc\n-  --\n"


def test_more_rows_than_the_widths_are_taken_from_are_all_written():
    reported = written(["n"], ((n,) for n in range(2500)), "table").splitlines()
    assert [int(line) for line in reported[2:]] == list(range(2500))


def test_a_table_too_wide_for_the_terminal_loses_the_ends_of_its_widest_cells():
    reported = written(["id", "text"], [(1, "x " * 50), (2, "short")], "table", width=30)
    assert reported.splitlines() == ["id  text", "--  " + "-" * 26, " 1  " + "x " * 12 + "x…", " 2  short"]


def test_more_columns_than_a_terminal_holds_become_blocks_without_nulls():
    columns = [f"column_{number}" for number in range(10)]
    reported = written(columns, [[None, *("v" * 50 for _ in range(9))]], "table", width=40).splitlines()
    assert reported[0] == "-- row 1 " + "-" * 31
    assert reported[1] == "column_1  " + "v" * 15 + "…" + "v" * 14
    assert len(reported) == 10, "the null is left out"


def test_many_rows_of_more_columns_than_a_terminal_holds_show_the_first_ones_that_have_a_value():
    columns = [f"column_{number}" for number in range(20)]
    rows = [[number, None, *("v" * 50 for _ in range(18))] for number in range(6)]
    stream = io.StringIO()
    assert write_rows(columns, rows, form="table", stream=stream, width=40) == 2
    assert stream.getvalue().splitlines()[0].split() == ["column_0", "column_2"]
    assert stream.getvalue().splitlines()[2] == "       0  " + "v" * 15 + "…" + "v" * 14
    assert write_rows(columns, rows, form="table", stream=io.StringIO()) == 20, "without a terminal nothing is cut"
    assert write_rows(columns, rows[:5], form="table", stream=io.StringIO(), width=40) == 20, "a few rows are blocks"
    assert write_rows(columns, [[None] * 20] * 6, form="table", stream=io.StringIO(), width=40) == 1


@given(
    st.integers(1, 30).flatmap(
        lambda number: st.lists(st.lists(SCALARS, min_size=number, max_size=number), max_size=8)
    ),
    st.integers(20, 200),
)
def test_no_line_is_wider_than_the_terminal(rows, width):
    columns = [f"c{number}" for number in range(len(rows[0]) if rows else 3)]
    stream = io.StringIO()
    number = write_rows(columns, rows, form="table", stream=stream, width=width)
    assert 1 <= number <= len(columns)
    for line in stream.getvalue().splitlines():
        assert text_width(line) <= width


@given(st.text())
def test_what_is_shown_cannot_command_the_terminal(text):
    shown = visible(text)
    assert len(shown) == len(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Zl", "Zp", "Cs"}
    assert visible("a\x1b[2J\nb\u202e") == "a␛[2J␊b\N{REPLACEMENT CHARACTER}"


@given(st.text(st.characters(exclude_categories=["C"]), max_size=30), st.integers(2, 40))
def test_a_cut_text_fits_and_shows_that_it_was_cut(text, size):
    fitting = cut(text, size)
    assert text_width(fitting) <= size
    head, mark, tail = fitting.partition("…")
    assert fitting == text or (mark and text.startswith(head) and text.endswith(tail))


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("1.2.840.113619.2.55.3.2831", "1.2.84….2831"),
        ("file:///export/a/b/c/IM0001", "file:/…M0001"),
        ("ends before the first element", "ends before…"),
        ("山田太郎山田太郎", "山田太…太郎"),
    ],
)
def test_prose_loses_its_end_and_a_path_its_middle(text, fitting):
    assert cut(text, 12) == fitting


# --- CSV


@given(st.lists(st.tuples(st.text(st.characters(exclude_characters="\0")), st.integers(), st.none()), max_size=5))
def test_csv_reads_back_as_it_was(rows):
    reported = written(["text", "n", "null"], rows, "csv")
    assert list(csv.reader(io.StringIO(reported, newline=""), strict=True)) == [
        ["text", "n", "null"],
        *([text, str(n), ""] for text, n, _ in rows),
    ]


def test_csv_is_that_of_rfc_4180():
    rows = [('say "hi", twice', "two\nlines", [1, None], {"a": date(2020, 1, 2)}, datetime(2020, 1, 2, 3, 4, 5))]
    assert written(["a", "b", "c", "d", "e"], rows, "csv") == (
        'a,b,c,d,e\r\n"say ""hi"", twice","two\nlines","[1, null]","{""a"": ""2020-01-02""}",2020-01-02T03:04:05\r\n'
    )


# --- JSON


@given(st.lists(st.tuples(VALUES, VALUES), max_size=5))
def test_json_is_one_valid_object_a_line(rows):
    def fail(constant):
        raise AssertionError(f"{constant} is no JSON")

    lines = written(["a", "b"], rows, "json").split("\n")
    assert lines.pop() == ""
    reported = [json.loads(line, parse_constant=fail) for line in lines]
    assert [list(row) for row in reported] == [["a", "b"]] * len(rows)
    for row, (first, _) in zip(reported, rows, strict=True):
        if first is None or isinstance(first, str | bool | int):
            assert row["a"] == first


@pytest.mark.parametrize(
    ("value", "reported"),
    [
        (date(2020, 1, 2), '"2020-01-02"'),
        (datetime(2020, 1, 2, 3, 4, 5, 600000), '"2020-01-02T03:04:05.600000"'),
        (datetime(2020, 1, 2, tzinfo=UTC), '"2020-01-02T00:00:00+00:00"'),
        (time(3, 4), '"03:04:00"'),
        (timedelta(seconds=90), '"0:01:30"'),
        (Decimal(18446744073709551615), "18446744073709551615"),
        (Decimal("0.50"), "0.5"),
        (float("nan"), '"nan"'),
        (float("-inf"), '"-inf"'),
        (b"\x00\xff", '"00ff"'),
        ({"b": [1, {"c": None}]}, '{"b": [1, {"c": null}]}'),
        ({date(2020, 1, 2): 1}, '{"2020-01-02": 1}'),
        ("山田^太郎", '"山田^太郎"'),
    ],
)
def test_each_kind_of_value_has_its_json(value, reported):
    assert written(["v"], [(value,)], "json") == f'{{"v": {reported}}}\n'


def test_columns_of_one_name_are_reported_apart():
    assert written(["a", "a", "a_2"], [(1, 2, 3)], "json") == '{"a": 1, "a_2": 2, "a_2_2": 3}\n'


# --- Lines for people


def test_lines_are_aligned():
    assert (
        aligned([("a", 1234, "x"), ("long", 5, ""), ("b", None, "y")])
        == "a     1,234  x\nlong      5\nb            y\n"
    )


@pytest.mark.parametrize(
    ("size", "reported"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (123_456, "123 kB"), (999_999, "1.0 MB"), (5e9, "5.0 GB")],
)
def test_bytes_are_reported_in_powers_of_ten(size, reported):
    assert bytes_text(size) == reported
    assert bytes_text(4e15) == "4,000.0 TB"
