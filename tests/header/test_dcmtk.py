"""Every file that pydicom ships reads as DCMTK's dcm2json reads it, apart from the named differences."""

import io
import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dicom_udf.header import read_header
from tests.header.test_pydicom_files import COMPARED, name, same

pytestmark = [
    pytest.mark.dcmtk,
    pytest.mark.skipif(shutil.which("dcm2json") is None, reason="dcm2json is not installed (Debian: dcmtk)"),
]

WITHOUT_JSON = 50
"""Of the shipped files, dcm2json refuses at most so many: character sets it can't convert, numbers it can't write."""


def by_dcmtk(path: Path) -> dict[str, Any] | None:
    done = subprocess.run(["dcm2json", "-q", "-ee", "-fc", path], capture_output=True, check=False)
    try:
        return json.loads(done.stdout)
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None


def levelled(data_set: dict[str, Any]) -> dict[str, Any]:
    """A data set without what the table of differences explains."""
    level: dict[str, Any] = {}
    for tag, element in data_set.items():
        is_private = int(tag[:4], 16) & 1
        if tag == "00080005" or tag >= "7FE00008" or is_private:
            continue
        if element["vr"] == "SQ":
            items = [levelled(item) for item in element.get("Value", [])]
            level[tag] = {"vr": "SQ", "Value": items}
        elif element["vr"] == "FL":
            level[tag] = {"vr": "FL", "Value": [struct.pack("<f", number).hex() for number in element.get("Value", [])]}
        elif element["vr"] == "FD":
            level[tag] = {"vr": "FD", "Value": [f"{number:.14g}" for number in element.get("Value", [])]}
        elif element["vr"] == "PN":
            names = [
                {key: group.rstrip("^ ") for key, group in (value or {}).items() if group.strip("^ ")}
                for value in element.get("Value", [])
            ]
            level[tag] = {"vr": "PN", "Value": [value for value in names if value]}
        else:
            level[tag] = element
    return level


def test_dcm2json_refuses_few_files() -> None:
    assert sum(by_dcmtk(path) is None for path in COMPARED) <= WITHOUT_JSON


@pytest.mark.parametrize("path", COMPARED, ids=name)
def test_a_file_reads_as_dcm2json_reads_it(path: Path) -> None:
    theirs = by_dcmtk(path)
    if theirs is None:
        pytest.skip("dcm2json gives no JSON")
    ours = json.loads(read_header(io.BytesIO(path.read_bytes())).json)
    assert same(levelled(ours), levelled(theirs)) == []
