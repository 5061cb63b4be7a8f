"""Every file that pydicom ships reads as pydicom reads it, apart from the named differences."""

import io
import json
import warnings
from pathlib import Path
from typing import Any

import pydicom
import pytest

from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.header import read_header
from dicom_udf.header.quiet import quiet_pydicom
from tests.each import for_each
from tests.header.files import DATA, CountingFile, shipped

PIXELS_END = 0x7FE00010

NOT_READ = {
    "no_meta.dcm": FailureCode.NOT_DICOM,
    "rtstruct.dump": FailureCode.NOT_DICOM,
}
CUT = {"rtplan_truncated.dcm": "TRUNCATED@2092"}
WITHOUT_PREAMBLE = {"ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "rtstruct.dcm"}
NOT_JSON_IN_PYDICOM = {"badVR.dcm"}


def is_dicom(path: Path) -> bool:
    return path.suffix == ".dcm" or (not path.suffix and "dicomdirtests" in path.parts and path.stem != "README")


def name(path: Path) -> str:
    return path.relative_to(DATA).as_posix()


def plain(value: Any) -> Any:
    """JSON without what the table of differences explains: padding, empty values, empty groups of names."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if plain(inner) is not None}
    if isinstance(value, list):
        items = [plain(inner) for inner in value]
        return items if any(item is not None for item in items) else []
    if isinstance(value, str):
        return value.rstrip(" ") or None
    return value


def same(ours: dict[str, Any], theirs: dict[str, Any], path: str = "") -> list[str]:
    """Paths at which two data sets differ."""
    ours = {tag: element for tag, element in ours.items() if not tag.endswith("0000")}
    theirs = {tag: element for tag, element in theirs.items() if not tag.endswith("0000")}
    differ = [path + tag for tag in ours.keys() ^ theirs.keys()]
    for tag in ours.keys() & theirs.keys():
        a, b = ours[tag], theirs[tag]
        if a["vr"] != b["vr"]:
            differ.append(f"{path}{tag} vr")
        elif a["vr"] == "SQ":
            items, others = a.get("Value", []), b.get("Value", [])
            differ += [f"{path}{tag} items"] if len(items) != len(others) else []
            for number, (item, other) in enumerate(zip(items, others, strict=False)):
                differ += same(item, other, f"{path}{tag}[{number}].")
        elif "BulkDataURI" not in a and (plain(a.get("Value", [])), a.get("InlineBinary")) != (
            plain(b.get("Value", [])), b.get("InlineBinary"),
        ):  # fmt: skip
            differ.append(path + tag)
    return differ


def by_pydicom(content: bytes) -> dict[str, Any]:
    with quiet_pydicom(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True, force=True).to_json_dict()


COMPARED = [
    path
    for path in shipped()
    if is_dicom(path) and path.name not in {*NOT_READ, *CUT, *NOT_JSON_IN_PYDICOM, *WITHOUT_PREAMBLE}
    and not path.name.startswith("DICOMDIR")
]  # fmt: skip


def test_there_are_files_to_compare() -> None:
    assert len(COMPARED) > 150


@pytest.mark.parametrize("path", COMPARED, ids=name)
def test_a_file_reads_as_pydicom_reads_it(path: Path) -> None:
    content = path.read_bytes()
    header = read_header(io.BytesIO(content))
    assert header.fault is None
    assert same(json.loads(header.json), by_pydicom(content)) == []


@for_each(COMPARED, name=name)
def test_keys_stand_in_tag_order(path: Path) -> None:
    tags = list(json.loads(read_header(io.BytesIO(path.read_bytes())).json))
    assert tags == sorted(tags)


@pytest.mark.parametrize("path", [p for p in shipped() if p.name in WITHOUT_PREAMBLE], ids=name)
def test_a_file_without_preamble_is_known_by_its_elements(path: Path) -> None:
    content = path.read_bytes()
    header = read_header(io.BytesIO(content))
    preamble = bytes(128) + b"DICM"
    ours = json.loads(header.json)
    assert header.file_meta_json is None or path.name == "rtstruct.dcm"
    assert len(ours) > 10
    if "BigEnd" not in path.name:
        assert same(ours, by_pydicom(preamble + content)) == []


@pytest.mark.parametrize("path", [p for p in shipped() if p.name.startswith("DICOMDIR")], ids=name)
def test_a_media_directory_is_no_instance(path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read_header(io.BytesIO(path.read_bytes()))
    assert fault.value.code == FailureCode.DICOMDIR


@pytest.mark.parametrize("path", [p for p in shipped() if p.name in NOT_READ], ids=name)
def test_a_file_that_gives_no_header_says_why(path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read_header(io.BytesIO(path.read_bytes()))
    assert fault.value.code == NOT_READ[path.name]


@pytest.mark.parametrize("path", [p for p in shipped() if p.name in CUT], ids=name)
def test_a_cut_file_keeps_what_came_before_the_cut(path: Path) -> None:
    header = read_header(io.BytesIO(path.read_bytes()))
    assert header.fault == CUT[path.name]
    assert len(json.loads(header.json)) > 20


@pytest.mark.parametrize("path", [p for p in shipped() if not is_dicom(p) and p.name != "DICOMDIR"], ids=name)
def test_what_is_not_dicom_is_not_dicom(path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read_header(io.BytesIO(path.read_bytes()))
    assert fault.value.code == FailureCode.NOT_DICOM


@pytest.mark.parametrize("path", COMPARED, ids=name)
def test_pixel_data_is_where_the_header_says_and_is_not_read(path: Path) -> None:
    content = path.read_bytes()
    file = CountingFile(content)
    header = read_header(file)
    assert not file.went_back
    if header.pixel_data_offset is not None and header.pixel_data_length is not None:
        with quiet_pydicom():
            pixels = pydicom.dcmread(io.BytesIO(content), force=True).get("PixelData")
        stop = header.pixel_data_offset + header.pixel_data_length
        if pixels is not None and "big" not in path.name.lower():
            assert content[header.pixel_data_offset : stop] == pixels
        assert file.bytes_read <= max(64 << 10, 2 * header.pixel_data_offset)
