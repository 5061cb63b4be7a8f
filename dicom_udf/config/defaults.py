"""Defaults of the command line from the environment and from a configuration file.

An option of the command line comes first, then an environment variable, then the file, then the option's own default.
A job on AWS Glue or by spark-submit has its arguments alone: its parser calls nothing of this module.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from dicom_udf.config.options import count, day, local_file, number, path_or_url, ratio, size, sql_file, switch
from dicom_udf.errors import ConfigurationError, did_you_mean

__all__ = ["CONFIG_VARIABLE", "FILE_NAME", "SHARED", "find_file", "read_defaults", "variable_of"]

SHARED = ("lake", "catalog", "database", "s3_endpoint", "s3_region", "s3_path_style", "aws_region", "aws_endpoint")
"""Settings of most commands: they have an environment variable, and in the file they count for every command."""

CONFIG_VARIABLE = "DICOM_LAKE_CONFIG"
"""The environment variable that names the file."""

FILE_NAME = "dicom-lake.toml"
"""The file's name in the current folder."""

_NUMBERS, _PATHS = (count, number, size, ratio), (path_or_url, local_file, sql_file)


@dataclass(frozen=True, slots=True)
class Default:
    """A value that the environment or the file has for a setting.

    Attributes:
        value: A text, or a value of TOML.
        origin: Its place, as the start of a sentence.
        folder: Of the file, from which its paths are read; None for the environment.
    """

    value: Any
    origin: str
    folder: Path | None = None


def variable_of(name: str) -> str:
    """Return the environment variable of a shared setting.

    Example:
        >>> variable_of("lake"), variable_of("aws_region")
        ('DICOM_LAKE', 'DICOM_LAKE_AWS_REGION')
    """
    return "DICOM_LAKE" if name == "lake" else f"DICOM_LAKE_{name.upper()}"


def read_defaults(
    command: str, commands: Mapping[str, tuple[Any, ...]], file: str | None, *, passed: Iterable[str]
) -> dict[str, Any]:
    """Return the values of settings that the environment and the file have for a command.

    Args:
        command: The name of the command.
        commands: Of each command its class of settings, and the field that is positional.
        file: The file that ``--config`` names; None: the first of :func:`find_file`.
        passed: The names of settings that the command line has; their defaults aren't read.

    Returns:
        Values by the names of fields.

    Raises:
        ConfigurationError: The file can't be read or has an unknown key, or a value can't be used.
    """
    config_class, positional = commands[command][:2]
    path = find_file(file)
    found = {} if path is None else _File(path, commands).defaults_of(command)
    for name in SHARED:
        if value := os.environ.get(variable_of(name)):
            found[name] = Default(value, variable_of(name))
    skipped = {*passed, positional}
    fields = [field for field in dataclasses.fields(config_class) if field.name in found.keys() - skipped]
    return {field.name: _parse(field, found[field.name]) for field in fields}


def find_file(file: str | None = None) -> Path | None:
    """Return the configuration file: one alone is read.

    Args:
        file: The file that ``--config`` names.

    Returns:
        ``file``; otherwise that of ``DICOM_LAKE_CONFIG``, ``dicom-lake.toml`` in the current folder, or
        ``dicom-lake/config.toml`` in ``XDG_CONFIG_HOME`` (``~/.config``), the first that exists. None if none does.
    """
    if named := file or os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    for candidate in (Path(FILE_NAME), Path(home, "dicom-lake", "config.toml")):
        try:
            path = candidate.expanduser()
            if path.is_file():
                return path
        except (OSError, RuntimeError):  # a folder that this user may not read; a user without a home
            continue
    return None


class _File:
    """A configuration file: shared settings at its top, and a table for each command.

    Args:
        path: The file.
        commands: As of :func:`read_defaults`.
    """

    def __init__(self, path: Path, commands: Mapping[str, tuple[Any, ...]]) -> None:
        self._path, self._commands = path, commands
        self._text = _read_text(path)
        self._content = _parse_toml(self._text, path)
        self._check()

    def defaults_of(self, command: str) -> dict[str, Default]:
        """Return the file's values for a command: those of its table come before those of the top."""
        found = {}
        for table, values in ((None, self._content), (command, self._content.get(command, {}))):
            for key, value in values.items():
                if key not in self._commands:
                    folder = self._path.absolute().parent
                    found[key.replace("-", "_")] = Default(value, f"{self._place(table, key)}: {key}", folder)
        return found

    def _check(self) -> None:
        shared = [_key(name) for name in SHARED]
        for key, value in self._content.items():
            if key in self._commands:
                if not isinstance(value, dict):
                    raise ConfigurationError(f"{self._place(None, key)}: {key} must be a table, [{key}]")
                for name in value:
                    self._check_key(key, name, self._keys_of(key))
            else:
                self._check_key(None, key, shared)

    def _check_key(self, table: str | None, key: str, allowed: list[str]) -> None:
        if key in allowed:
            return
        place = self._place(table, key)
        owners = [name for name in self._commands if key in self._keys_of(name)]
        if table is None and owners:
            raise ConfigurationError(f"{place}: {key} is not a setting of all commands; write it below [{owners[0]}]")
        if table is not None and key == self._commands[table][1]:
            raise ConfigurationError(f"{place}: {key} is no setting; write it on the command line of {table}")
        near = did_you_mean(key, allowed if table else [*allowed, *self._commands])
        hint = near or f"; the keys are {', '.join(allowed)}"
        shown = key if re.fullmatch(r"[\w-]+", key) else ascii(key)
        raise ConfigurationError(f"{place}: unknown key {shown}{hint}")

    def _keys_of(self, command: str) -> list[str]:
        config_class, positional = self._commands[command][:2]
        return [_key(field.name) for field in dataclasses.fields(config_class) if field.name != positional]

    def _place(self, table: str | None, key: str) -> str:
        """Return the file's name, and the key's line where it is written on one of its own."""
        current = None
        for number_, line in enumerate(self._text.splitlines(), 1):
            if header := re.match(r"""\s*\[\s*["']?([\w-]+)["']?\s*\]""", line):
                current = header[1]
            if current == table and re.match(rf"""\s*["']?{re.escape(key)}["']?\s*=""", line):
                return f"{self._path}, line {number_}"
        return str(self._path)


def _key(name: str) -> str:
    return name.replace("_", "-")


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"the configuration file {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the configuration file {path} isn't text in UTF-8") from None


def _parse_toml(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"the configuration file {path} isn't TOML: {error}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits; brackets in thousands of brackets
        raise ConfigurationError(f"the configuration file {path} has a value that is too long or too deep") from None


def _parse(field: dataclasses.Field[Any], default: Default) -> Any:
    """Return a default's value as the option's own reader reads it."""
    option = field.metadata
    try:
        text = _to_text(field, default)
        if option["choices"] and text not in option["choices"]:
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(option['choices'])}")
        return text if option["choices"] else option["parse"](text)
    except argparse.ArgumentTypeError as error:
        raise ConfigurationError(f"{default.origin} {error}") from None


def _to_text(field: dataclasses.Field[Any], default: Default) -> str:
    """Return a value of TOML as the word of a command line."""
    parse, is_list = field.metadata["parse"], field.type == "tuple[str, ...]"
    match default.value:
        case str(text):
            return _from_folder(text, default.folder) if parse in _PATHS else text
        case bool(value) if parse is switch:
            return str(value).lower()
        case bool() | datetime():
            pass
        case int(value) if parse in _NUMBERS:
            return str(value)
        case float(value) if parse is ratio:
            return str(value)
        case date() as value if parse is day:
            return value.isoformat()
        case list(values) if is_list and all(isinstance(one, str) and "," not in one for one in values):
            return ",".join(values)
    raise argparse.ArgumentTypeError(f"must be {' or '.join(_expected(parse, is_list=is_list))}")


def _expected(parse: Any, *, is_list: bool) -> Iterator[str]:
    if parse is switch:
        yield "true or false"
    elif parse in _NUMBERS:
        yield "a number"
    elif parse is day:
        yield "a date"
    else:
        yield "text in quotes"
    if is_list:
        yield "a list of texts without commas"


def _from_folder(text: str, folder: Path | None) -> str:
    """Return a path of the file from the file's folder; URLs and whole paths stay."""
    if folder is None or not text or text == "-" or text.startswith(("~", "/")) or "://" in text:
        return text
    return str(folder / text)
