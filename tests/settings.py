"""Settings as the words of a command line: the inverse of ``parse_job``."""

from __future__ import annotations

import dataclasses
from typing import Any

from dicom_udf.config import CommandConfig


def to_arguments(config: CommandConfig) -> list[str]:
    """Settings as options ``--name=value``, the positional argument too; fields that are None or empty are left out."""
    fields = ((field.name, getattr(config, field.name)) for field in dataclasses.fields(config))
    return [f"--{name.replace('_', '-')}={_text(value, name)}" for name, value in fields if value not in (None, ())]


def _text(value: Any, name: str) -> str:
    if isinstance(value, tuple):
        return (";" if name == "attributes" else ",").join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
