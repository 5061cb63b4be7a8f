"""Names of files are UTF-8 in a local run, whatever the shell's locale is."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Callable, Mapping, Sequence

__all__ = ["restart_in_utf8", "utf8_locale"]

_LOCALES = ("C.UTF-8", "C.utf8", "en_US.UTF-8", "UTF-8")


def restart_in_utf8(
    argv: Sequence[str],
    variables: Mapping[str, str],
    *,
    encoding: str | None = None,
    execute: Callable[[str, list[str], dict[str, str]], object] = os.execve,
) -> None:
    """Start this process anew in Python's UTF-8 mode where names of files aren't UTF-8 in it.

    Spark, Iceberg and the tables hold text; a process in an ASCII locale holds a name that isn't ASCII as single bytes.
    Nothing is done below a platform, in another program, or where the process is in that mode already.

    Args:
        argv: The words that the command was given.
        variables: The environment.
        encoding: Of the names of files; that of this process by default.
        execute: Called with program, words and environment; replaces the process.
    """
    is_utf8 = (encoding or sys.getfilesystemencoding()).lower() == "utf-8"
    is_own = list(argv) == sys.argv[1:] and "PYSPARK_GATEWAY_PORT" not in variables
    if not is_utf8 and is_own and variables.get("PYTHONUTF8") != "1":
        execute(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**variables, "PYTHONUTF8": "1"})


def utf8_locale() -> str | None:
    """Return a locale for Java and Python's workers in which names are UTF-8; None where the shell's own is one.

    None, too, on a machine without any: names in ASCII still work.
    """
    if locale.getencoding().lower().replace("-", "") == "utf8":
        return None
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in _LOCALES:
            try:
                locale.setlocale(locale.LC_CTYPE, name)
            except locale.Error:
                continue
            return name
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return None
