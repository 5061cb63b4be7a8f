"""Parses a command line into settings: one parser for AWS Glue, spark-submit and the command ``dicom-lake``."""

from __future__ import annotations

import argparse
import dataclasses
import textwrap
from collections.abc import Sequence
from itertools import chain
from typing import Any, NoReturn, TypeVar

from dicom_udf.config.defaults import read_defaults
from dicom_udf.config.examples import EXAMPLES, FIRST_COMMANDS
from dicom_udf.config.fetch_settings import FetchConfig, ManifestConfig
from dicom_udf.config.ingest_settings import IngestConfig
from dicom_udf.config.options import local_file
from dicom_udf.config.reading_commands import (
    ColumnsConfig,
    CompletionConfig,
    FailuresConfig,
    QueriesConfig,
    QueryConfig,
    ScanConfig,
    ShowConfig,
    StatusConfig,
    VerifyConfig,
    ViewsConfig,
)
from dicom_udf.config.shared_options import (
    LakeOptions,
)
from dicom_udf.config.writing_commands import (
    InitConfig,
    MaintainConfig,
    PromoteConfig,
    RegisterConfig,
    UpgradeConfig,
)
from dicom_udf.errors import ConfigurationError, did_you_mean
from dicom_udf.version import __version__

__all__ = ["CommandConfig", "command_parser", "parse_command", "parse_job"]

CommandConfig = (
    IngestConfig
    | PromoteConfig
    | UpgradeConfig
    | MaintainConfig
    | InitConfig
    | RegisterConfig
    | QueryConfig
    | QueriesConfig
    | ScanConfig
    | ShowConfig
    | StatusConfig
    | FailuresConfig
    | ColumnsConfig
    | VerifyConfig
    | ViewsConfig
    | CompletionConfig
    | ManifestConfig
    | FetchConfig
)
"""The settings of any command."""

_JobConfig = TypeVar("_JobConfig", IngestConfig, PromoteConfig, MaintainConfig)

_PLATFORM_NAMES = """
JOB_NAME JOB_ID JOB_RUN_ID SECURITY_CONFIGURATION TempDir RedshiftTempDir WORKFLOW_NAME WORKFLOW_RUN_ID
job-bookmark-option job-bookmark-from job-bookmark-to continuation-option encryption-type
class conf debug endpoint job-language mode scriptLocation
additional-python-modules python-modules-installer-option extra-files extra-jars extra-py-files user-jars-first
customer-driver-env-vars customer-executor-env-vars executor-cores datalake-formats hudi-version library-set
auto-scale-within-microbatch enable-auto-scaling enable-glue-datacatalog enable-job-insights enable-data-lineage
enable-lakeformation-fine-grained-access enable-rename-algorithm-v2 enable-s3-parquet-optimized-committer
use-postgres-driver write-shuffle-files-to-s3 write-shuffle-spills-to-s3 disable-proxy disable-proxy-v2
enable-metrics enable-observability-metrics enable-continuous-cloudwatch-log enable-continuous-log-filter
continuous-log-logGroup continuous-log-logStreamPrefix continuous-log-conversionPattern
custom-logGroup-prefix custom-logStream-prefix enable-spark-ui enable-spark-ui-legacy-path spark-event-logs-path
"""

PLATFORM_ARGUMENTS = frozenset(f"--{name}" for name in _PLATFORM_NAMES.split())
"""Arguments that AWS Glue adds to a job's command line. They are accepted, and only JOB_RUN_ID is read.

Sources: "AWS Glue job parameters" in its guide, and ``awsglue.utils.getResolvedOptions``."""

_JOBS: dict[type[CommandConfig], tuple[str, str, str, str]] = {
    # settings: script, required options in the usage, description, options of the example
    IngestConfig: (
        "ingest_dicom_headers.py",
        "--source SOURCE --lake LAKE",
        "Read the headers of DICOM files, loose or in archives, into an Iceberg lake.",
        "--source s3://bucket/studies --lake ./lake --partition-by month",
    ),
    PromoteConfig: (
        "promote_columns.py",
        "[--attributes ATTRIBUTES] --lake LAKE",
        "Add columns for further attributes to the table instances, filled from the stored headers; without "
        "attributes, fill the columns that rows of an older version lack.",
        '--attributes "ReasonForVisit;0019,xx0c|ACME:double:b_value" --lake ./lake',
    ),
    MaintainConfig: (
        "maintain_tables.py",
        "--lake LAKE",
        "Compact a lake's files, expire its snapshots, remove the leftovers of dead runs; no row changes.",
        "--lake ./lake --dry-run true",
    ),
}

_JOB_EPILOG = """\
example:
  python glue_jobs/{script} {example}

Arguments that AWS Glue adds by itself are tolerated. Exit status: 0 done, 1 the run failed, 2 bad arguments."""

_EXIT_STATUS = "Exit status: 0 done, 1 the run failed, 2 bad arguments."

_COMMAND_EPILOG = f"""\
first commands:
{FIRST_COMMANDS}

{_EXIT_STATUS} 'dicom-lake COMMAND --help' lists a command's options with examples."""

_DEFAULTS_EPILOG = """\
Defaults: the environment variable DICOM_LAKE sets --lake, DICOM_LAKE_CATALOG --catalog, and so on for each option of \
the lake and of AWS. A configuration file sets any option: dicom-lake.toml in the current folder, or \
~/.config/dicom-lake/config.toml. An option of the command line comes before a variable, a variable before the file."""

_GROUPS = ("what and where", "settings", "lake", "AWS", "archives", "other")
"""Headings in the help, in their order."""

_COMMANDS: dict[str, tuple[type[CommandConfig], str, str]] = {
    # name: settings, positional field, description
    "ingest": (IngestConfig, "source", "read the headers of a source into a lake: new, changed and deleted objects"),
    "query": (QueryConfig, "sql", "answer one SQL statement on a lake"),
    "queries": (QueriesConfig, "name", "list the saved queries, or print the text of one"),
    "show": (ShowConfig, "what", "print one study, series, instance or file: its columns, and its header as a tree"),
    "manifest": (ManifestConfig, "sql", "list the files of a query's answer for 'fetch' or another program"),
    "fetch": (FetchConfig, "sql", "copy the files of a query's answer to a folder: loose ones, members of archives"),
    "scan": (ScanConfig, "source", "read the headers of a source into a file: without a lake, Spark or Java"),
    "status": (StatusConfig, "", "print what a lake holds: rows, objects, failures, dates, size"),
    "failures": (FailuresConfig, "", "list the files without a readable header, and the reasons"),
    "verify": (VerifyConfig, "", "check that a lake's tables agree with each other; writes nothing"),
    "promote": (PromoteConfig, "attributes", "add columns for further attributes, filled from the stored headers"),
    "upgrade": (UpgradeConfig, "", "fill the columns that rows of an older version lack, from the stored headers"),
    "maintain": (
        MaintainConfig,
        "",
        "compact files, expire snapshots, remove the leftovers of dead runs; no row changes",
    ),
    "init": (InitConfig, "", "make a lake's database, tables and views without an ingest"),
    "register": (RegisterConfig, "", "attach a lake's tables again to a Glue catalog that has lost them"),
    "columns": (ColumnsConfig, "", "list the columns of tables and views: tag, type, unit, meaning"),
    "views": (ViewsConfig, "", "print a script for DuckDB that shows a local lake to other programs"),
    "completion": (CompletionConfig, "shell", "print a script that completes this command by the Tab key"),
}


def parse_job(config_class: type[_JobConfig], argv: Sequence[str]) -> _JobConfig:
    """Read the command line of a job, without the program's name.

    Every option takes a value, ``--name value`` or ``--name=value``. AWS Glue's own arguments are tolerated, and its
    JOB_RUN_ID becomes the run id of an ingest unless ``--run-id`` names another.

    Args:
        config_class: The settings of the job.
        argv: The words.

    Raises:
        ConfigurationError: An unknown, missing or unusable argument. ``--help`` prints and raises SystemExit(0).
    """
    script, required, description, example = _JOBS[config_class]
    usage = f"{script} {required} [--option VALUE ...]"
    epilog = _JOB_EPILOG.format(script=script, example=example)
    parser = _Parser(prog=script, usage=usage, description=description, epilog=epilog)
    _add_options(parser, config_class)
    own, platform = _split_platform_arguments(argv, frozenset(parser.option_names))
    values = vars(parser.parse_args(own))
    if config_class is IngestConfig and values["run_id"] is None:
        values["run_id"] = platform.get("--JOB_RUN_ID")
    return config_class(**values)


def parse_command(argv: Sequence[str]) -> CommandConfig:
    """Read the command line of ``dicom-lake``, without the program's name; the type of the result is the command.

    Options that it lacks come from the environment and from a configuration file, as
    :func:`~dicom_udf.config.defaults.read_defaults` reads them.

    Raises:
        ConfigurationError: An unknown, missing or unusable argument, variable or key of the file. ``--help`` and
            ``--version`` print and raise SystemExit(0).
    """
    parser, commands = command_parser()
    values = vars(parser.parse_args(argv))
    name = values.pop("command")
    config_class, positional, _ = _COMMANDS[name]
    if values.get(positional) is None:
        values.pop(positional, None)
    values |= read_defaults(name, _COMMANDS, values.pop("config", None), passed=values)
    missing = [
        field.name.upper() if field.name == positional else f"--{field.name.replace('_', '-')}"
        for field in dataclasses.fields(config_class)
        if field.default is dataclasses.MISSING and field.name not in values
    ]
    if missing:
        hint = "; DICOM_LAKE or a configuration file can set it" if missing == ["--lake"] else ""
        commands[name].error(f"the following arguments are required: {', '.join(missing)}{hint}")
    if isinstance(values.get(positional), list):  # several words, of which each may name several things
        values[positional] = tuple(chain.from_iterable(values[positional]))
    return config_class(**values)


def command_parser() -> tuple[_Parser, dict[str, _Parser]]:
    """Return the parser of ``dicom-lake``, and those of its commands by name."""
    parser = _Parser(
        prog="dicom-lake",
        usage="dicom-lake COMMAND ... [--option VALUE ...]",
        description="DICOM headers, loose or in archives, as Iceberg tables that answer SQL.",
        epilog=_COMMAND_EPILOG,
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    other = parser.add_argument_group("other")
    other.add_argument("-h", "--help", action="help", help="print this and stop")
    other.add_argument("--version", action="version", version=f"dicom-lake {__version__}", help="print it and stop")
    for name, (config_class, positional, summary) in _COMMANDS.items():
        program = f"dicom-lake {name}"
        words = [
            program,
            _usage(config_class, positional),
            "--lake LAKE" if issubclass(config_class, LakeOptions) else "",
        ]
        usage = " ".join(filter(None, [*words, "[--option VALUE ...]"]))
        description = f"{summary[0].upper()}{summary[1:]}."
        examples = "\n".join(f"  {line}" for example in EXAMPLES.get(name, ()) for line in example.splitlines())
        epilog = f"examples:\n{examples}\n\n{_DEFAULTS_EPILOG}"
        command = subparsers.add_parser(
            name, prog=program, usage=usage, help=summary, description=description, epilog=epilog
        )
        _add_options(command, config_class, positional, is_command=True)
    return parser, dict(subparsers.choices)


def _usage(config_class: type[CommandConfig], positional: str) -> str:
    """Return the positional argument in a usage: in brackets if it may be missing."""
    defaults = {field.name: field.default for field in dataclasses.fields(config_class)}
    return f"[{positional.upper()}]" if positional and defaults[positional] is None else positional.upper()


class _Parser(argparse.ArgumentParser):
    """argparse that raises instead of exiting, accepts no abbreviations, and suggests the nearest option."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, add_help=False, allow_abbrev=False, formatter_class=_Formatter)

    @property
    def option_names(self) -> list[str]:
        return [name for name in self._option_string_actions if name.startswith("--")]

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message}; see {self.prog} --help")

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str], namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Refuse unknown options first. Otherwise a mistyped option would be reported as the missing one."""
        for word in args:
            if word == "--" or (self._subparsers is not None and not word.startswith("-")):
                break  # the words behind it are not options, or belong to the command
            name = word.partition("=")[0]
            if name.startswith("--") and " " not in word and name not in self._option_string_actions:
                before = "" if self._subparsers is None else " before the command"
                self.error(f"unknown argument {name}{did_you_mean(name, self.option_names)}{before}")
        return super().parse_known_args(args, namespace)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """argparse's, but prose of a description is wrapped; indented lines are examples and stay as they are."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = [
            indent + line if line.startswith(" ") or not line else textwrap.fill(line, width, break_on_hyphens=False)
            for line in text.splitlines()
        ]
        return "\n".join(lines)


def _add_options(
    parser: _Parser, config_class: type[CommandConfig], positional: str = "", *, is_command: bool = False
) -> None:
    """Add the options of a class of settings.

    Args:
        parser: Takes them.
        config_class: The settings.
        positional: The field that has no option.
        is_command: True for a command, whose defaults the environment and a file may set: the parser returns only what
            the command line has.
    """
    groups = {title: parser.add_argument_group(title) for title in _GROUPS}
    groups["other"].add_argument("-h", "--help", action="help", help="print this and stop")
    if is_command:
        groups["other"].add_argument(
            "--config",
            metavar="FILE",
            type=local_file,
            default=argparse.SUPPRESS,
            help="TOML file that sets defaults of options [default: DICOM_LAKE_CONFIG, then as below]",
        )
    own = config_class.__annotations__
    # The positional argument and a command's own options come first under each heading.
    fields = dataclasses.fields(config_class)
    for field in sorted(fields, key=lambda field: (field.name != positional, field.name not in own)):
        group, settings = groups[field.metadata["group"]], _argument_settings(field)
        required = field.default is dataclasses.MISSING
        if is_command:
            settings["default"] = argparse.SUPPRESS
            if field.name == "lake":
                settings["help"] += " [default: DICOM_LAKE]"
        else:
            settings |= {"required": required, "default": None if required else field.default}
        if field.name != positional:
            group.add_argument(f"--{field.name.replace('_', '-')}", **settings)
            continue
        if field.type == "tuple[str, ...]":
            settings["nargs"] = "+"
        elif not required:
            # argparse would convert the word SUPPRESS as if it were passed.
            settings |= {"nargs": "?", "default": None}
        group.add_argument(field.name, **settings)


def _argument_settings(field: dataclasses.Field[Any]) -> dict[str, Any]:
    """Return the arguments of ``add_argument`` for an option, without its default."""
    option = field.metadata
    settings: dict[str, Any] = {"help": option["help"], "type": option["parse"]}
    if field.default not in (None, (), dataclasses.MISSING):
        settings["help"] += f" [default: {_default_text(field.default)}]"
    if option["choices"]:
        settings.update(choices=option["choices"], type=str)
    if option["metavar"]:
        settings["metavar"] = option["metavar"]
    return settings


def _default_text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _split_platform_arguments(argv: Sequence[str], own: frozenset[str]) -> tuple[list[str], dict[str, str]]:
    """Split the words into our own and those of AWS Glue.

    A value of Glue's may look like an option (``--python-modules-installer-option --no-index``) or be missing
    (``--enable-metrics``). The word after a name is its value unless it is itself the name of an option.

    Returns:
        Our words in order, and Glue's arguments by name.
    """
    ours: list[str] = []
    platform: dict[str, str] = {}
    words = list(argv)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name in PLATFORM_ARGUMENTS:
            if not equals and words and words[0].partition("=")[0] not in own | PLATFORM_ARGUMENTS:
                value = words.pop(0)
            platform[name] = value
            continue
        ours.append(word)
        if name in own and not equals and words:
            ours.append(words.pop(0))
    if "--JOB_RUN_ID" in platform or "--JOB_NAME" in platform:
        # Glue's arguments are a map, so a word without an option is Glue's own: the value of a bare flag.
        while ours and not ours[0].startswith("-"):
            ours.pop(0)
    return ours, platform
