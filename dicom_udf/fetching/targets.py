"""Names of fetched files: safe on every system, below one folder, and each for one file.

Values come from headers, so any text may be in them. A value never makes a folder, and never leaves one.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from dicom_udf.errors import ConfigurationError

__all__ = ["RECORD", "Layout", "check_targets", "fault_of_target", "safe_name"]

RECORD = "fetch.csv"
"""Name of the record in the target folder."""

_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\ud800-\udfff]')  # Windows' list, and halves of characters
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_LONGEST_NAME = 255 - len(".part")  # bytes: NAME_MAX of Linux and macOS
_LONGEST_PATH = 4095 - len(".part")  # bytes: PATH_MAX of Linux


def safe_name(value: Any) -> str:
    """Return a value as a part of a file's name.

    Characters that a name can't have on some system become ``_``, and so do a dot at the beginning, dots and spaces at
    the end, and an absent or empty value.

    Example:
        >>> safe_name("../Doe^Jane"), safe_name(None), safe_name("1.2.3")
        ('_.__Doe^Jane', '_', '1.2.3')
    """
    text = _NOT_IN_NAMES.sub("_", "" if value is None else str(value)).strip(" ")
    if text.startswith("."):
        text = "_" + text[1:]
    kept = text.rstrip(". ")
    return kept + "_" * (len(text) - len(kept)) or "_"


class Layout:
    """A pattern of targets, e.g. ``{patient_id}/{sop_instance_uid}.dcm``.

    Attributes:
        columns: The columns of ``instances`` that it names, in order.
    """

    def __init__(self, text: str) -> None:
        """Read a pattern.

        Raises:
            ConfigurationError: It leaves its folder, or isn't a pattern.
        """
        self._text = text
        self.columns = tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))
        example = _PLACEHOLDER.sub("x", text)
        fault = "braces that hold no name of a column" if re.search("[{}]", example) else fault_of_target(example)
        if fault is not None:
            raise ConfigurationError(f"--layout has {fault}; write it like {{patient_id}}/{{sop_instance_uid}}.dcm")

    def target(self, values: Mapping[str, Any]) -> str:
        """Return the target of a file with these values of columns.

        Example:
            >>> Layout("{modality}/{sop_instance_uid}.dcm").target({"modality": "CT", "sop_instance_uid": "1.2"})
            'CT/1.2.dcm'
        """
        return _PLACEHOLDER.sub(lambda found: safe_name(values[found[1]]), self._text)


def fault_of_target(target: str, folder: str = "") -> str | None:
    """Return the reason why a target can't be a file below ``folder``, without quoting it; None if it can."""
    parts = target.split("/")
    if not target or any(not part.strip() for part in parts):
        return "an absolute path" if target.startswith("/") else "an empty name of a file or folder"
    if ".." in parts or "." in parts:
        return "a part '.' or '..'"
    if _NOT_IN_NAMES.search(target.replace("/", "")):
        return "a character that names of files can't have, e.g. a colon, a backslash or a control character"
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in parts):
        return f"a name of more than {_LONGEST_NAME} bytes"
    if len(os.fsencode(os.path.join(folder, target))) > _LONGEST_PATH:
        return f"a path of more than {_LONGEST_PATH} bytes"
    return None


def check_targets(targets: Iterable[str], folder: str = "") -> None:
    """Check that each target can be a file of its own below a folder, whatever the system thinks of upper case.

    Args:
        targets: Relative, with slashes.
        folder: The folder; an absolute path.

    Raises:
        ConfigurationError: With the number of the row, counted from 1. The target isn't quoted, since it may hold a
            patient's name.
    """
    rows: dict[str, int] = {_key(RECORD): 0}
    folders: dict[str, int] = {}
    for number, target in enumerate(targets, 1):
        fault = fault_of_target(target, folder)
        if fault is not None:
            raise ConfigurationError(f"the target of row {number} has {fault}; change the layout or the manifest")
        key = _key(target)
        if key in rows:
            _refuse_two(number, rows[key])
        rows[key] = number
        for end in (at for at, letter in enumerate(key) if letter == "/"):
            folders.setdefault(key[:end], number)
    for key, number in rows.items():
        if key in folders:
            if not number:
                _refuse_two(folders[key], 0)
            raise ConfigurationError(
                f"the target of row {number} is a folder of the target of row {folders[key]}; change the layout"
            )
        if number and f"{key}.part" in rows:
            raise ConfigurationError(
                f"the target of row {rows[key + '.part']} is that of row {number} with .part, the name of a file that "
                "is being written; change the layout"
            )


def _refuse_two(number: int, first: int) -> None:
    if not first:
        raise ConfigurationError(f"the target of row {number} is {RECORD}, the name of the record; change the layout")
    raise ConfigurationError(
        f"rows {first} and {number} have one target; select from unique_instances, or add a column to --layout that "
        "differs, e.g. {source_uri} or {source_member}"
    )


def _key(target: str) -> str:
    """Return what two names have in common if some system can't keep them apart."""
    return unicodedata.normalize("NFC", target).casefold()
