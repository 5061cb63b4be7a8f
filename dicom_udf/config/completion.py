"""Completion of the command line by the Tab key: commands, options, their values, and the names of saved queries.

The shell runs ``dicom-lake`` at each Tab key with variables of argcomplete, and reads the words that fit. The parser is
the command line's own, so both have the same options.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from dicom_udf.config.arguments import command_parser
from dicom_udf.config.options import failure_code, switch
from dicom_udf.config.saved_queries import query_names
from dicom_udf.errors import FailureCode, RunFailedError

__all__ = ["complete", "completion_script"]


def complete() -> None:
    """Write the words that fit to the shell that the variables of argcomplete describe, and end the process.

    Without argcomplete there are none.
    """
    try:
        import argcomplete  # noqa: PLC0415 - only completion needs it
    except ImportError:
        return
    parser, commands = command_parser()
    for name, command in commands.items():
        for action in command._actions:
            if completer := _completer(name, action):
                action.completer = completer  # type: ignore[attr-defined] # argcomplete's way to add one
    argcomplete.autocomplete(parser, always_complete_options=False)


def completion_script(shell: str) -> str:
    """Return the script that makes a shell complete ``dicom-lake``.

    Args:
        shell: ``bash``, ``zsh`` or ``fish``.

    Raises:
        RunFailedError: argcomplete isn't installed.
    """
    try:
        from argcomplete.shell_integration import shellcode  # noqa: PLC0415
    except ImportError:
        raise RunFailedError("the library for completion isn't installed; pip install 'dicom-lake[local]'") from None
    return shellcode(["dicom-lake"], shell=shell)


def _completer(command: str, action: argparse.Action) -> Callable[..., Iterable[str]] | None:
    """Return the completer of an argument's values; None where they are choices or files."""
    match command, action.dest:
        case "query", "sql":
            return _saved_queries
        case "queries", "name":
            return _names
    if action.type is switch:
        return lambda **_: ("true", "false")
    if action.type is failure_code:
        return lambda **_: list(FailureCode)
    return None


def _saved_queries(**_: Any) -> Iterable[str]:
    return [f"@{name}" for name in query_names()]


def _names(prefix: str, **_: Any) -> Iterable[str]:
    return _saved_queries() if prefix.startswith("@") else query_names()
