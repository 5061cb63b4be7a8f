"""The help of each command: its examples are command lines, and it fits the terminal."""

from __future__ import annotations

import re
import shlex

import pytest

from dicom_udf.config import parse_command
from dicom_udf.config.arguments import _COMMANDS
from dicom_udf.config.defaults import SHARED, variable_of
from dicom_udf.config.examples import EXAMPLES, OVERVIEW


def help_of(capsys, *words: str) -> str:
    with pytest.raises(SystemExit) as end:
        parse_command([*words, "--help"])
    assert end.value.code == 0
    return capsys.readouterr().out


def test_each_command_has_examples():
    assert EXAMPLES.keys() == _COMMANDS.keys()
    assert {name for name, examples in EXAMPLES.items() if len(examples) < 2} == set()


@pytest.mark.parametrize(
    ("command", "example"), [(name, example) for name, examples in EXAMPLES.items() for example in examples]
)
def test_an_example_is_a_command_line_that_the_parser_takes(command, example):
    example = re.sub(r'eval "\$\((.*)\)"', r"\1", example)  # completion is for a shell to read
    example = re.sub(r" > [\w.]+$", "", example.partition(" | ")[0])
    program, *words = shlex.split(example.replace("\\\n", " "))
    assert (program, words[0]) == ("dicom-lake", command)
    assert isinstance(parse_command(words), _COMMANDS[command][0])


@pytest.mark.parametrize("command", _COMMANDS)
def test_the_help_has_the_examples_and_fits_80_columns(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = help_of(capsys, command)
    for example in EXAMPLES[command]:
        assert "".join(f"  {line}\n" for line in example.splitlines()) in text
    assert [line for line in text.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("command", [(), *((name,) for name in _COMMANDS)])
def test_the_prose_of_the_help_fits_40_columns(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    wide = [line for line in help_of(capsys, *command).splitlines() if len(line) > 40]
    assert [
        line for line in wide if not re.match(r"usage: |  dicom-lake |  eval |      --|  -?-?\w+-?\w+ \{", line)
    ] == []


def test_the_overview_fits_80_columns():
    assert max(map(len, OVERVIEW.splitlines())) < 80


def test_the_help_names_the_ways_to_set_a_default(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    text = help_of(capsys, "query")
    for words in (
        "[default: DICOM_LAKE]",
        "--config FILE",
        "DICOM_LAKE_CONFIG",
        "dicom-lake.toml",
        "DICOM_LAKE_CATALOG",
    ):
        assert words in text
    assert [variable_of(name) for name in SHARED[:2]] == ["DICOM_LAKE", "DICOM_LAKE_CATALOG"]
