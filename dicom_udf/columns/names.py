"""A column's name from a keyword, by the rule that the declared list follows by hand (design.md, "Tables")."""

from __future__ import annotations

import re

__all__ = ["column_name"]

_AS_WORDS = {
    "DateTime": "Datetime",
    "CTDIvol": "CtdiVol",
    "VOILUT": "VoiLut",
    "RTROI": "RtRoi",
    "InuA": "InUa",
    "InuS": "InUs",
    "InmGy": "InMgy",
    "InmA": "InMa",
}
"""Runs of letters in which capitals do not mark the beginnings of words -> the same with one capital a word."""

_WORD = re.compile(r"[A-Z]+s?(?=[A-Z][a-z]|[^A-Za-z]|$)|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def column_name(keyword: str) -> str:
    """Return a keyword in lower snake_case, acronyms whole: ``OtherPatientIDs`` -> ``other_patient_ids``."""
    for run, words in _AS_WORDS.items():
        keyword = keyword.replace(run, words)
    return "_".join(_WORD.findall(keyword)).lower()
