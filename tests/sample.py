"""The sample files, and the rows that they give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["EXPECTED", "SAMPLE"]

_ROOT = Path(__file__).resolve().parents[1]

SAMPLE = _ROOT / "sample_dcm"

EXPECTED: dict[str, Any] = json.loads((_ROOT / "release" / "sample" / "expected.json").read_text(encoding="utf-8"))
"""Instances, failures by code, and both for each file."""
