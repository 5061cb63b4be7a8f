"""Defaults from the environment and a configuration file: their order, and the refusals."""

from __future__ import annotations

import dataclasses
import os
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_udf import cli
from dicom_udf.config import (
    ColumnsConfig,
    IngestConfig,
    MaintainConfig,
    QueryConfig,
    ScanConfig,
    StatusConfig,
    parse_command,
    parse_job,
)
from dicom_udf.config.arguments import _COMMANDS
from dicom_udf.config.defaults import SHARED, find_file, variable_of
from dicom_udf.errors import ConfigurationError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, in which no variable names a file and the home is empty."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("DICOM_LAKE_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    return here


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(*words: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        parse_command(words)
    return str(error.value)


# --- The order


def test_an_option_comes_before_a_variable_before_the_command_s_table_before_the_top(folder, monkeypatch):
    file = write(folder / "dicom-lake.toml", 'lake = "/top"\n')
    assert parse_command(["status"]) == StatusConfig(lake="/top")
    write(file, 'lake = "/top"\n[status]\nlake = "/table"\n')
    assert parse_command(["status"]) == StatusConfig(lake="/table")
    assert parse_command(["verify"]).lake == "/top"
    monkeypatch.setenv("DICOM_LAKE", "/variable")
    assert parse_command(["status"]) == StatusConfig(lake="/variable")
    assert parse_command(["status", "--lake", "/option"]) == StatusConfig(lake="/option")


VALUES = {
    "lake": "/a/lake",
    "catalog": "glue",
    "database": "archive",
    "s3_endpoint": "http://127.0.0.1:7070",
    "s3_region": "eu-central-1",
    "s3_path_style": "false",
    "aws_region": "eu-west-1",
    "aws_endpoint": "http://127.0.0.1:5000",
}


@pytest.mark.parametrize("name", SHARED)
def test_each_shared_option_has_a_variable_and_a_key(name, folder, monkeypatch):
    option = name.replace("_", "-")
    expected = parse_command(["status", "--lake=/l", f"--{option}={VALUES[name]}"])
    monkeypatch.setenv("DICOM_LAKE", "/l")
    monkeypatch.setenv(variable_of(name), VALUES[name])
    assert parse_command(["status"]) == expected
    monkeypatch.setenv(variable_of(name), "" if name != "lake" else VALUES[name])  # an empty one is none
    write(folder / "dicom-lake.toml", f'{option} = "{VALUES[name]}"\n')
    assert parse_command(["status"]) == expected


def test_a_command_without_an_option_leaves_its_default_out(monkeypatch, folder):
    monkeypatch.setenv("DICOM_LAKE", "/l")
    write(folder / "dicom-lake.toml", 'aws-region = "eu-west-1"\ns3-region = "eu-central-1"\n')
    assert parse_command(["scan", "/s"]) == ScanConfig(source="/s", s3_region="eu-central-1")
    assert parse_command(["queries"]) is not None
    assert parse_command(["columns"]) == ColumnsConfig(lake="/l", aws_region="eu-west-1", s3_region="eu-central-1")


def test_a_table_sets_any_option_of_its_command_in_toml_s_own_types(folder):
    write(
        folder / "dicom-lake.toml",
        """
        lake = "/l"
        [ingest]
        partition-by = "month"
        max-fault-ratio = 0.01
        include = ["*.dcm", "*.zip"]
        split-bytes = "32MiB"
        split-members = 500
        allow-mass-delete = true
        [maintain]
        sort-by = ["modality", "kvp"]
        max-deleted-ratio = 1
        dry-run = false
        [query]
        since = 2024-02-29
        format = "csv"
        """,
    )
    assert parse_command(["ingest", "/s"]) == IngestConfig(
        source="/s", lake="/l", partition_by="month", max_fault_ratio=0.01, include=("*.dcm", "*.zip"),
        split_bytes=32 << 20, split_members=500, allow_mass_delete=True,
    )  # fmt: skip
    assert parse_command(["maintain"]) == MaintainConfig(
        lake="/l", sort_by=("modality", "kvp"), max_deleted_ratio=1.0, dry_run=False
    )
    config = parse_command(["query", "@segments"])
    assert config == QueryConfig(sql="@segments", lake="/l", since=date(2024, 2, 29), format="csv")


def test_each_option_of_each_command_is_a_key_of_its_table(folder):
    """Each is read from a file as from the command line: its own default, written down."""
    for command, (config_class, positional, _) in _COMMANDS.items():
        words = [
            command,
            *(["/s"] if command in ("ingest", "scan") else []),
            *{"promote": ["X"], "completion": ["bash"], "show": ["X"], "fetch": ["--to", "/t"]}.get(command, []),
        ]
        lines, expected = [], dict.fromkeys(())
        for field in dataclasses.fields(config_class):
            if field.name != positional and field.default not in (None, (), dataclasses.MISSING):
                value = field.default
                text = (
                    str(value).lower()
                    if isinstance(value, bool)
                    else ",".join(value)
                    if isinstance(value, tuple)
                    else value
                )
                lines.append(f'{field.name.replace("_", "-")} = "{text}"')
                expected[field.name] = value
        if "lake" in config_class.__dataclass_fields__:
            lines.append('lake = "/l"')
        write(folder / "dicom-lake.toml", f"[{command}]\n" + "\n".join(lines))
        config = parse_command(words)
        assert {name: getattr(config, name) for name in expected} == expected


# --- Where the file is


def test_the_file_is_that_of_the_option_the_variable_the_folder_or_the_home(folder, tmp_path, monkeypatch):
    assert find_file() is None
    write(tmp_path / "xdg" / "dicom-lake" / "config.toml", 'lake = "/home"')
    assert parse_command(["status"]).lake == "/home"
    write(folder / "dicom-lake.toml", 'database = "here"\nlake = "/here"')
    assert parse_command(["status"]).lake == "/here"
    monkeypatch.setenv("DICOM_LAKE_CONFIG", str(write(tmp_path / "named.toml", 'lake = "/variable"')))
    assert parse_command(["status"]) == StatusConfig(lake="/variable")  # one file alone is read
    option = write(tmp_path / "option.toml", 'lake = "/option"')
    assert parse_command(["status", "--config", str(option)]) == StatusConfig(lake="/option")
    assert "required: --lake" in refusal("status", "--config", os.devnull)


def test_without_xdg_config_home_the_file_is_in_the_home(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / ".config" / "dicom-lake" / "config.toml", 'lake = "/home"')
    assert parse_command(["status"]).lake == "/home"


def test_a_path_of_the_file_begins_at_the_file_and_one_of_a_variable_here(folder, tmp_path, monkeypatch):
    write(tmp_path / "xdg" / "dicom-lake" / "config.toml", 'lake = "./lake"\n[ingest]\nreport = "run.json"\n')
    config = parse_command(["ingest", "/s"])
    assert (config.lake, config.report) == (
        str(tmp_path / "xdg" / "dicom-lake" / "lake"),
        str(tmp_path / "xdg" / "dicom-lake" / "run.json"),
    )
    monkeypatch.setenv("DICOM_LAKE", "./lake")
    assert parse_command(["status"]).lake == str(folder / "lake")
    for place in ("s3://bucket/lake", "/l"):
        write(folder / "dicom-lake.toml", f'lake = "{place}"')
        monkeypatch.delenv("DICOM_LAKE", raising=False)
        assert parse_command(["status"]).lake == place


def test_a_job_reads_neither_variable_nor_file(folder, monkeypatch):
    monkeypatch.setenv("DICOM_LAKE", "/variable")
    monkeypatch.setenv("DICOM_LAKE_CATALOG", "glue")
    monkeypatch.setenv("DICOM_LAKE_CONFIG", str(folder / "missing.toml"))
    write(folder / "dicom-lake.toml", "not TOML")
    job = parse_job(IngestConfig, ["--source", "/s", "--lake", "/l"])
    assert job == IngestConfig(source="/s", lake="/l")
    with pytest.raises(ConfigurationError, match="required: --lake"):
        parse_job(IngestConfig, ["--source", "/s"])
    with pytest.raises(ConfigurationError, match="unknown argument --config"):
        parse_job(IngestConfig, ["--source", "/s", "--lake", "/l", "--config", os.devnull])


# --- Refusals


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('\nlaek = "/l"', "dicom-lake.toml, line 2: unknown key laek, did you mean lake?"),
        ('s3_endpoint = "http://h"', "line 1: unknown key s3_endpoint, did you mean s3-endpoint?"),
        ("[statsu]", "dicom-lake.toml: unknown key statsu, did you mean status?"),
        ('[status]\nformats = "csv"', "line 2: unknown key formats, did you mean format?"),
        ('[ingest]\npartition-bye = "day"', "line 2: unknown key partition-bye, did you mean partition-by?"),
        ('partition-by = "day"', "line 1: partition-by is not a setting of all commands; write it below [ingest]"),
        ('[ingest]\nsource = "/s"', "line 2: source is no setting; write it on the command line of ingest"),
        ('aws-secret-access-key = "hidden"', "line 1: unknown key aws-secret-access-key"),
        ('aws-access-key-id = "hidden"', "line 1: unknown key aws-access-key-id"),
        ('"\\u001b[2J\\n" = 1', "dicom-lake.toml: unknown key '\\x1b[2J\\n'; the keys are lake"),
        ('password = "hidden"', "line 1: unknown key password; the keys are lake, catalog, database, "),
        ('status = "csv"', "line 1: status must be a table, [status]"),
        ("lake = 3", "line 1: lake must be text in quotes"),
        ("[lake]\na = 1", "dicom-lake.toml: lake must be text in quotes"),
        ("lake = true", "line 1: lake must be text in quotes"),
        ('lake = ["/l"]', "line 1: lake must be text in quotes"),
        ('lake = ""', "line 1: lake is empty"),
        ('lake = "ftp://x"', "line 1: lake can't be a ftp:// URL"),
        ('catalog = "rest"', "line 1: catalog must be one of hadoop, glue"),
        ('database = "Dicom"', "line 1: database must be lower-case letters"),
        ("s3-path-style = 1", "line 1: s3-path-style must be true or false"),
        ('s3-path-style = "yes"', "line 1: s3-path-style must be true or false"),
        ("lake = /l", "isn't TOML: Invalid value (at line 1, column 8)"),
        ('lake = "/l"\nlake = "/m"', "isn't TOML: Cannot overwrite a value (at "),
        ("x = " + "9" * 5000, "has a value that is too long or too deep"),
        ("x = " + "[" * 9000, "has a value that is too long or too deep"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_by_line_and_key(folder, capsys, text, sentence):
    write(folder / "dicom-lake.toml", text)
    assert cli.main(["status"]) == 2
    message = capsys.readouterr().err
    assert sentence in message
    assert "dicom-lake.toml" in message
    assert "hidden" not in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[failures]\nlimit = 1.5", "limit must be a number"),
        ("[failures]\nlimit = true", "limit must be a number"),
        ("[failures]\nlimit = -1", "limit must be a whole number, 0 or more"),
        ("[query]\nsince = 2024-02-29T00:00:00", "since must be a date"),
        ('[ingest]\ninclude = ["a,b"]', "include must be text in quotes or a list of texts without commas"),
        ("[ingest]\ninclude = [1]", "include must be text in quotes or a list"),
    ],
)
def test_a_value_of_a_table_that_cannot_be_used_is_refused(folder, text, sentence):
    write(folder / "dicom-lake.toml", text)
    command = text[1 : text.index("]")]
    assert f"line 2: {sentence}" in refusal(command, "--lake=/l", *(["x"] if command != "failures" else []))


def test_a_value_that_an_option_replaces_is_not_read(folder):
    write(folder / "dicom-lake.toml", 'database = "Dicom"')
    assert parse_command(["status", "--lake=/l", "--database=mine"]).database == "mine"


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("DICOM_LAKE_CATALOG", "rest", "DICOM_LAKE_CATALOG must be one of hadoop, glue"),
        ("DICOM_LAKE_DATABASE", "Dicom", "DICOM_LAKE_DATABASE must be lower-case letters"),
        ("DICOM_LAKE", "ftp://x", "DICOM_LAKE can't be a ftp:// URL"),
        ("DICOM_LAKE_CONFIG", "/nowhere.toml", "file /nowhere.toml can't be read: No such file or directory"),
        ("DICOM_LAKE_CONFIG", "/", "file / can't be read: Is a directory"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(monkeypatch, variable, value, sentence):
    monkeypatch.setenv("DICOM_LAKE", "/l")
    monkeypatch.setenv(variable, value)
    assert sentence in refusal("status")


def test_a_missing_lake_has_a_remedy():
    assert refusal("status") == (
        "the following arguments are required: --lake; DICOM_LAKE or a configuration file can set it; "
        "see dicom-lake status --help"
    )


def test_a_file_that_is_not_text_is_refused(folder):
    (folder / "dicom-lake.toml").write_bytes(b'lake = "\xff"')
    assert "dicom-lake.toml isn't text in UTF-8" in refusal("status")


def test_a_broken_file_does_not_hide_the_help(folder, capsys):
    write(folder / "dicom-lake.toml", "not TOML")
    assert cli.main(["status", "--help"]) == 0
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().err == ""


_values = st.recursive(
    st.sampled_from(['"a"', "1", "-1.5", "nan", "true", "2024-01-01", "2024-01-01T00:00:00Z", "07:00:00", '"""\nb"""']),
    lambda inner: st.lists(inner, max_size=2).map(lambda one: f"[{', '.join(one)}]") | inner.map("{{ a = {} }}".format),
    max_leaves=3,
)
_keys = st.sampled_from(
    ["lake", "catalog", "limit", "format", '"lake"', '"a\\nb"', '"\\u001b[2J"', "a.b", "lake.x", "x y", "status"]
)
_lines = st.sampled_from(["[status]", "[failures]", "[[failures]]", "[a.b]", "# text", "=", "\x00"])
_files = st.lists(_lines | st.builds("{} = {}".format, _keys, _values), max_size=6).map("\n".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_files | st.text())
def test_any_file_becomes_settings_or_one_refusal(folder, text):
    file = write(folder / "any.toml", text.encode(errors="replace").decode())
    try:
        config = parse_command(["failures", "--config", str(file), "--log-level", "ERROR"])
    except ConfigurationError as error:
        assert "any.toml" in str(error) or "required: --lake" in str(error)
        assert str(error).isprintable()
    else:
        assert (config.log_level, sys.intern(config.catalog)) in {("ERROR", "hadoop"), ("ERROR", "glue")}
