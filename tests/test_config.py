"""Arguments become settings, and what can't be used is refused before anything is written."""

from __future__ import annotations

import dataclasses
import os
import string
import typing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.config import (
    ColumnsConfig,
    CommandConfig,
    FailuresConfig,
    IngestConfig,
    LakeLocation,
    MaintainConfig,
    QueriesConfig,
    QueryConfig,
    ShowConfig,
    StatusConfig,
    VerifyConfig,
    check_ingest,
    check_lake,
    is_lake,
    parse_command,
    parse_job,
)
from dicom_udf.config.arguments import PLATFORM_ARGUMENTS
from dicom_udf.errors import ConfigurationError
from tests.settings import to_arguments

REQUIRED = ["--source=/data/in", "--lake=/data/lake"]

_names = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/"), min_size=1, max_size=20).filter(
    lambda name: name not in {".", ".."} and name.isprintable()
)
_paths = st.lists(_names, min_size=1, max_size=4).map(lambda names: "/nowhere-at-all/" + "/".join(names))
_words = st.text(min_size=1).filter(lambda word: word.strip() and "\0" not in word)
_databases = st.from_regex(r"[a-z][a-z0-9_]{0,40}", fullmatch=True).filter(lambda name: not name.endswith("_staging"))
_run_ids = st.text(string.ascii_letters + string.digits, min_size=1, max_size=40)

_patterns = st.lists(_words.filter(lambda word: "," not in word), max_size=3).map(tuple)

ingest_configs = st.builds(
    IngestConfig,
    source=_paths | st.just("s3://bucket/a key/+%20"),
    lake=_paths,
    catalog=st.sampled_from(["hadoop", "glue"]),
    database=_databases,
    partition_by=st.sampled_from(["day", "month", "year"]),
    report=st.none() | _paths,
    max_fault_ratio=st.floats(0, 1),
    master=st.none() | _words,
    run_id=st.none() | _run_ids,
    deletes=st.sampled_from(["keep", "propagate"]),
    allow_mass_delete=st.booleans(),
    manifest=st.none() | _paths,
    inventory=st.none() | st.just("s3://bucket/inventory/manifest.json"),
    include=_patterns,
    exclude=_patterns,
    s3_endpoint=st.none() | st.just("http://127.0.0.1:7070"),
    s3_region=st.none() | st.just("eu-central-1"),
    s3_path_style=st.none() | st.booleans(),
    aws_region=st.none() | st.just("eu-central-1"),
    aws_endpoint=st.none() | st.just("http://127.0.0.1:5000"),
    kms_key=st.none() | st.just("arn:aws:kms:eu-central-1:123456789012:key/0-a"),
    create_database=st.booleans(),
    queue=st.none() | st.just("https://sqs.eu-central-1.amazonaws.com/123456789012/events"),
    error_queue=st.none() | st.just("http://127.0.0.1:5000/123456789012/faults"),
    max_messages=st.none() | st.integers(1, 1 << 40),
    split_probe_bytes=st.integers(1, 1 << 40),
    split_members=st.integers(1, 1 << 40),
    split_bytes=st.integers(1, 1 << 40),
    max_archive_depth=st.integers(1, 9),
    archive_names=st.sampled_from(["auto", "shift_jis", "gbk"]),
    log_level=st.sampled_from(["DEBUG", "INFO", "WARNING", "ERROR"]),
)


@given(ingest_configs)
def test_settings_written_as_arguments_are_read_back_as_the_same_settings(config: IngestConfig) -> None:
    assert parse_job(IngestConfig, to_arguments(config)) == config


@given(ingest_configs)
def test_a_value_may_be_a_word_of_its_own(config: IngestConfig) -> None:
    words = [part for argument in to_arguments(config) for part in argument.split("=", 1)]
    if not any(word.startswith("-") for word in words[1::2]):
        assert parse_job(IngestConfig, words) == config


@given(ingest_configs)
def test_the_command_and_the_job_read_the_same_settings(config: IngestConfig) -> None:
    options = to_arguments(config)
    [source] = [option for option in options if option.startswith("--source=")]
    options.remove(source)
    assert parse_command(["ingest", *options, "--", source.removeprefix("--source=")]) == config


@given(st.text().filter(str.strip), _paths, st.sampled_from(["table", "csv", "json"]))
def test_any_sql_reaches_the_query(sql: str, lake: str, form: str) -> None:
    config = parse_command(["query", f"--lake={lake}", "--format", form, "--", sql])
    assert config == QueryConfig(sql=sql, lake=lake, format=form)


@pytest.mark.parametrize(
    ("argv", "config"),
    [
        (["status", "--lake", "/l"], StatusConfig(lake="/l")),
        (["ingest", "--manifest", "/m.csv", "--lake", "/l"], IngestConfig(manifest="/m.csv", lake="/l")),
        (["ingest", "--lake", "/l"], IngestConfig(lake="/l")),
        (["query", "--file", "/q.sql", "--lake", "/l"], QueryConfig(file="/q.sql", lake="/l")),
        (["queries"], QueriesConfig()),
        (["failures", "--lake", "/l"], FailuresConfig(lake="/l")),
        (
            ["failures", "--lake=/l", "--code=TRUNCATED", "--limit=0"],
            FailuresConfig(lake="/l", code="TRUNCATED", limit=0),
        ),
        (["verify", "--lake", "/l"], VerifyConfig(lake="/l")),
        (["show", "a.zip!b", "--lake", "/l"], ShowConfig(what="a.zip!b", lake="/l")),
        (["show", "1.2", "--full", "true", "--kind", "study"], ShowConfig(what="1.2", full=True, kind="study")),
        (["maintain", "--lake", "/l"], MaintainConfig(lake="/l")),
        (
            ["maintain", "--lake=/l", "--dry-run=true", "--target-file-size=128MiB", "--sort-by=modality,kvp"],
            MaintainConfig(lake="/l", dry_run=True, target_file_size=128 << 20, sort_by=("modality", "kvp")),
        ),
        (["columns"], ColumnsConfig()),
        (["columns", "--search", "dose", "--lake", "/l"], ColumnsConfig(search="dose", lake="/l")),
        (
            ["query", "SELECT 1", "--lake=/l", "--dialect=athena"],
            QueryConfig(sql="SELECT 1", lake="/l", dialect="athena"),
        ),
        (["query", "-- a comment\nSELECT 1", "--lake", "/l"], QueryConfig(sql="-- a comment\nSELECT 1", lake="/l")),
    ],
)
def test_each_command_has_its_settings(argv: list[str], config: CommandConfig) -> None:
    assert parse_command(argv) == config


@pytest.mark.parametrize("config_class", typing.get_args(CommandConfig))
def test_every_field_is_explained(config_class: type[CommandConfig]) -> None:
    for field in dataclasses.fields(config_class):
        assert field.metadata["help"], field.name
        assert field.metadata["choices"] or field.metadata["metavar"], field.name


def test_a_local_place_has_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (tmp_path / "link").symlink_to(place)
    monkeypatch.chdir(tmp_path)
    for name in ("place", "./place", "link", "place/../link", str(place), f"file://{place}"):
        assert parse_job(IngestConfig, ["--source", name, "--lake", "lake"]).source == str(place)


# --- AWS Glue


@pytest.mark.parametrize("name", sorted(PLATFORM_ARGUMENTS))
@pytest.mark.parametrize("words", [["{}", "value"], ["{}=value"], ["{}", "--no-index"], ["{}"], ["{}", ""]])
def test_each_argument_of_glue_is_tolerated(name: str, words: list[str]) -> None:
    config = parse_job(IngestConfig, [word.format(name) for word in words] + REQUIRED)
    assert dataclasses.replace(config, run_id=None) == IngestConfig(source="/data/in", lake="/data/lake")


@pytest.mark.parametrize("name", sorted(PLATFORM_ARGUMENTS))
def test_an_argument_of_glue_at_the_end_is_tolerated(name: str) -> None:
    assert parse_job(IngestConfig, [*REQUIRED, name]).lake == "/data/lake"


def test_a_whole_command_line_of_glue_gives_the_run_its_id() -> None:
    argv = [
        *("true", "--job-bookmark-option", "job-bookmark-disable", "--TempDir", "s3://b/tmp/", "--JOB_ID", "j_1"),
        *("--additional-python-modules", "s3://b/dicom-lake.gluewheels.zip", "--source", "/data/in"),
        *("--python-modules-installer-option", "--no-index", "--JOB_RUN_ID", "jr_2", "--enable-metrics"),
        *("--datalake-formats", "iceberg", "--conf", "spark.a=b --conf spark.c=d", "--JOB_NAME", "ingest"),
        *("--partition-by", "month", "--lake", "/data/lake"),
    ]
    config = parse_job(IngestConfig, argv)
    assert config == IngestConfig(source="/data/in", lake="/data/lake", partition_by="month", run_id="jr_2")
    assert parse_job(IngestConfig, [*argv, "--run-id", "mine"]).run_id == "mine"


def test_no_option_of_ours_has_a_name_that_glue_takes() -> None:
    ours = {f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(IngestConfig)}
    assert not ours & PLATFORM_ARGUMENTS


# --- Refusals


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--soruce", "x", "--lake", "l"], "unknown argument --soruce, did you mean --source?"),
        (["--partition_by=day", *REQUIRED], "unknown argument --partition_by, did you mean --partition-by?"),
        (["--part", "day", *REQUIRED], "unknown argument --part"),
        (["--source", "x"], "required: --lake"),
        ([*REQUIRED, "--report"], "argument --report: expected one argument"),
        ([*REQUIRED, "--partition-by", "week"], "argument --partition-by: invalid choice: 'week'"),
        ([*REQUIRED, "--catalog", "rest"], "argument --catalog: invalid choice"),
        ([*REQUIRED, "--database", "Dicom"], "argument --database: must be lower-case"),
        ([*REQUIRED, "--database", "a.b"], "argument --database: must be lower-case"),
        ([*REQUIRED, "--database", "_ingest"], "argument --database: must be lower-case"),
        ([*REQUIRED, "--database", "dicom_staging"], "argument --database: must be"),
        ([*REQUIRED, "--max-fault-ratio", "1.5"], "argument --max-fault-ratio: must be a number from 0 to 1"),
        ([*REQUIRED, "--max-fault-ratio", "nan"], "argument --max-fault-ratio: must be a number"),
        ([*REQUIRED, "--max-fault-ratio", "few"], "argument --max-fault-ratio: must be a number"),
        ([*REQUIRED, "--max-fault-ratio=-0.1"], "argument --max-fault-ratio: must be a number"),
        ([*REQUIRED, "--run-id", "../x"], "argument --run-id: must be"),
        ([*REQUIRED, "--report", "s3://b/r.json"], "argument --report: must be a local file"),
        ([*REQUIRED, "--master", ""], "argument --master: is empty"),
        (["--source=", "--lake=l"], "argument --source: is empty"),
        (["--source=s3a://b", "--lake=l"], "argument --source: can't be a s3a:// URL"),
        (["--source=s3://", "--lake=l"], "argument --source: has no bucket"),
        (["--source=s3:///key", "--lake=l"], "argument --source: has no bucket"),
        ([*REQUIRED, "--include", ",,"], "argument --include: is empty"),
        ([*REQUIRED, "--s3-endpoint", "127.0.0.1:7070"], "argument --s3-endpoint: must be a URL"),
        ([*REQUIRED, "--kms-key", "alias/lake"], "argument --kms-key: must be the ARN of a KMS key"),
        ([*REQUIRED, "--queue", "arn:aws:sqs:eu-central-1:1:events"], "argument --queue: must be the URL of a queue"),
        (
            [*REQUIRED, "--queue", "https://sqs.eu-central-1.amazonaws.com/"],
            "argument --queue: must be the URL of a queue",
        ),
        ([*REQUIRED, "--error-queue", "faults"], "argument --error-queue: must be the URL of a queue"),
        ([*REQUIRED, "--max-messages", "0"], "argument --max-messages: must be 1 or more"),
        ([*REQUIRED, "--s3-path-style", "yes"], "argument --s3-path-style: must be true or false"),
        ([*REQUIRED, "--split-members", "0"], "argument --split-members: must be 1 or more"),
        ([*REQUIRED, "--split-bytes", "1GB"], "argument --split-bytes: must be a size in bytes, or like 32MiB"),
        ([*REQUIRED, "stray"], "unrecognized arguments: stray"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(argv: list[str], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_job(IngestConfig, argv)
    assert sentence in str(refusal.value)
    assert str(refusal.value).endswith("see ingest_dicom_headers.py --help")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], "required: COMMAND; see dicom-lake --help"),
        (["qeury"], "invalid choice: 'qeury'"),
        (["destroy"], "invalid choice: 'destroy'"),
        (["--lake", "l", "status"], "unknown argument --lake before the command; see dicom-lake --help"),
        (["query", " ", "--lake", "l"], "argument SQL: is empty; see dicom-lake query --help"),
        (["ingest", "a", "b", "--lake", "l"], "unrecognized arguments: b"),
        (["failures", "--lake", "l", "--limit=-1"], "argument --limit: must be a whole number"),
        (["maintain", "--lake", "l", "--orphan-days", "0"], "argument --orphan-days: must be 1 or more"),
        (["maintain", "--lake", "l", "--sort-by", "kvp,"], "argument --sort-by: must be different names of columns"),
        (["maintain", "--lake", "l", "--sort-by", "kvp,kvp"], "argument --sort-by: must be different names of columns"),
        (["maintain", "--lake", "l", "--sort-by", "kvp; x"], "argument --sort-by: must be different names of columns"),
    ],
)
def test_a_command_that_cannot_be_run_is_refused(argv: list[str], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_command(argv)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("command", "config_class"),
    [
        ("ingest", IngestConfig),
        ("query", QueryConfig),
        ("status", StatusConfig),
        ("failures", FailuresConfig),
        ("columns", ColumnsConfig),
        ("verify", VerifyConfig),
        ("maintain", MaintainConfig),
    ],
)
def test_help_names_every_option_and_its_default(
    command: str,
    config_class: type[CommandConfig],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit) as end:
        parse_command([command, "--help"])
    assert end.value.code == 0
    reported = capsys.readouterr().out
    assert reported.startswith(f"usage: dicom-lake {command}")
    for field in dataclasses.fields(config_class):
        assert f"--{field.name.replace('_', '-')} " in reported or f"  {field.name.upper()} " in reported
        assert field.metadata["help"] in reported
        if field.default not in (None, (), dataclasses.MISSING):
            default = str(field.default).lower() if isinstance(field.default, bool) else field.default
            default = ",".join(default) if isinstance(default, tuple) else default
            assert f"[default: {default}]" in reported


def test_help_without_a_command_names_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse_command(["--help"])
    assert end.value.code == 0
    reported = capsys.readouterr().out
    for command in ("ingest", "query", "status", "failures", "columns"):
        assert f"\n    {command} " in reported


# --- The outside world


def make_lake(folder: Path, database: str = "dicom", *, tables: tuple[str, ...] = ("objects",)) -> Path:
    for table in tables:
        (folder / database / table / "metadata").mkdir(parents=True)
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "image.dcm").write_bytes(b"DICM")
    return folder


def tree(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.mark.parametrize("table", ["instances", "failures", "objects"])
def test_one_table_makes_a_lake(tmp_path: Path, table: str) -> None:
    make_lake(tmp_path, tables=(table,))
    assert is_lake(tmp_path, "dicom")
    assert not is_lake(tmp_path, "other")


def test_a_lake_may_be_missing_empty_or_there(source: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / ".DS_Store").touch()
    (tmp_path / "died_early" / "dicom").mkdir(parents=True)
    (tmp_path / "died_early" / "_ingest" / "lease").mkdir(parents=True)
    make_lake(tmp_path / "lake")
    make_lake(tmp_path / "other_database", "other")
    for name in ("missing", "missing/deeper/still", "empty", "hidden", "died_early", "lake", "other_database"):
        before = tree(tmp_path)
        check_ingest(IngestConfig(source=str(source), lake=str(tmp_path / name)))
        assert tree(tmp_path) == before, "a check writes nothing"


def test_one_file_is_a_source(source: Path, tmp_path: Path) -> None:
    check_ingest(IngestConfig(source=str(source / "image.dcm"), lake=str(tmp_path / "lake")))


def test_a_lake_may_lie_in_its_source(source: Path) -> None:
    check_ingest(IngestConfig(source=str(source), lake=str(source / "lake")))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"source": "{tmp}/missing"}, "the source {tmp}/missing doesn't exist"),
        ({"source": "{tmp}/pipe"}, "the source {tmp}/pipe is neither a folder nor a regular file"),
        (
            {"manifest": "{tmp}/m.csv"},
            "give one of --source, --manifest, --inventory and --queue; given: --source and --manifest",
        ),
        ({"source": None}, "give one of --source, --manifest, --inventory and --queue; given: none"),
        (
            {"queue": "http://h/1/q"},
            "give one of --source, --manifest, --inventory and --queue; given: --source and --queue",
        ),
        (
            {"source": None, "queue": "http://h/1/q", "error_queue": "http://h/1/q"},
            "--queue and --error-queue are the same",
        ),
        ({"lake": "s3://b/k"}, "a lake in S3 needs AWS Glue to keep its tables; add --catalog glue for s3://b/k"),
        ({"catalog": "glue"}, "--catalog glue needs a lake in S3, and {tmp}/lake is a local folder"),
        ({"kms_key": "arn:aws:kms:eu-central-1:000000000000:key/k"}, "--kms-key is for lakes in S3"),
        ({"catalog": "glue", "lake": "s3://b//k"}, "the prefix of the lake s3://b//k can't be used"),
        ({"catalog": "glue", "lake": "s3://b/a/../k"}, "the prefix of the lake s3://b/a/../k can't be used"),
        ({"catalog": "glue", "lake": "s3://b/a b"}, "the prefix of the lake s3://b/a b can't be used"),
        ({"catalog": "glue", "lake": "s3://b/lake", "source": "s3://b/lake/in"}, "lies in the lake s3://b/lake"),
        ({"catalog": "glue", "lake": "s3://b/lake", "source": "s3://b/lake"}, "lies in the lake s3://b/lake"),
        ({"catalog": "glue", "lake": "s3://b", "source": "s3://b/in"}, "lies in the lake s3://b"),
        ({"lake": "{tmp}/file"}, "the lake {tmp}/file is a file"),
        ({"lake": "{tmp}/file/below"}, "because {tmp}/file is a file"),
        ({"lake": "{tmp}/full"}, "the folder {tmp}/full has content but is not a lake"),
        ({"lake": "{tmp}/source"}, "has content but is not a lake"),
        ({"source": "{tmp}/lake/dicom"}, "lies in the lake"),
        ({"source": "{tmp}/lake"}, "lies in the lake"),
        ({"report": "{tmp}/missing/r.json"}, "the folder of the report"),
        ({"report": "{tmp}/full"}, "the report {tmp}/full is a folder"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_written(
    source: Path, tmp_path: Path, changes: dict[str, str | None], sentence: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    os.mkfifo(tmp_path / "pipe")
    make_lake(tmp_path / "lake")
    before = tree(tmp_path)
    config = IngestConfig(source=str(source), lake=str(tmp_path / "lake"))
    config = dataclasses.replace(
        config, **{name: value and value.format(tmp=tmp_path) for name, value in changes.items()}
    )
    with pytest.raises(ConfigurationError) as refusal:
        check_ingest(config)
    assert sentence.format(tmp=tmp_path) in str(refusal.value)
    assert tree(tmp_path) == before


def test_a_link_does_not_hide_that_the_source_lies_in_the_lake(tmp_path: Path) -> None:
    make_lake(tmp_path / "lake")
    (tmp_path / "link").symlink_to(tmp_path / "lake" / "dicom")
    with pytest.raises(ConfigurationError, match="lies in the lake"):
        check_ingest(IngestConfig(source=str(tmp_path / "link"), lake=str(tmp_path / "lake")))


@pytest.mark.parametrize(
    ("lake", "database", "sentence"),
    [
        ("missing", "dicom", "there is no lake at {tmp}/missing"),
        ("file", "dicom", "{tmp}/file is a file, a lake is a folder"),
        ("empty", "dicom", "{tmp}/empty is not a lake"),
        ("lake", "other", "has no database 'other'; give --database one of: a, b"),
    ],
)
def test_what_is_no_lake_cannot_be_read(tmp_path: Path, lake: str, database: str, sentence: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    make_lake(make_lake(tmp_path / "lake", "b"), "a")
    with pytest.raises(ConfigurationError) as refusal:
        check_lake(LakeLocation(str(tmp_path / lake), database))
    assert sentence.format(tmp=tmp_path) in str(refusal.value)


def test_a_lake_can_be_read(tmp_path: Path) -> None:
    check_lake(LakeLocation(str(make_lake(tmp_path / "lake"))))


def test_a_lake_in_s3_needs_the_glue_catalog_to_be_read() -> None:
    with pytest.raises(ConfigurationError, match="add --catalog glue"):
        check_lake(LakeLocation("s3://bucket/lake"))
    check_lake(LakeLocation("s3://bucket/lake", catalog="glue"))


@pytest.mark.parametrize("source", ["s3://b/in", "s3://b", "s3://b/lake2", "s3://other/lake"])
def test_a_lake_in_s3_may_lie_in_or_beside_its_source(source: str) -> None:
    check_ingest(IngestConfig(source=source, lake="s3://b/lake/", catalog="glue"))


@pytest.mark.parametrize(
    ("given", "environment", "endpoint"),
    [
        (None, {}, None),
        (None, {"AWS_ENDPOINT_URL": "http://all:1"}, "http://all:1"),
        (None, {"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_GLUE": "http://glue:2/"}, "http://glue:2"),
        (None, {"AWS_ENDPOINT_URL_S3": "http://s3:3"}, None),
        ("http://given:4", {"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_GLUE": "x"}, "http://given:4"),
    ],
)
def test_an_endpoint_is_the_option_s_then_the_service_s_then_the_general_one(
    monkeypatch: pytest.MonkeyPatch, given: str | None, environment: dict[str, str], endpoint: str | None
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_GLUE", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    config = StatusConfig(lake="s3://b/l", catalog="glue", aws_endpoint=given)
    assert config.location.aws_endpoint == endpoint


def test_a_place_has_no_slash_at_its_end_and_knows_its_parts() -> None:
    place = IngestConfig(source="/s", lake="s3://b/a/l/", catalog="glue", database="d").location
    assert (place.root, place.bucket, place.prefix, place.staging) == ("s3://b/a/l", "b", "a/l/", "d_staging")
    assert place.path_of("d", "t") == "s3://b/a/l/d/t"
    assert (LakeLocation("s3://b").prefix, LakeLocation("s3://b").path_of("d")) == ("", "s3://b/d")
