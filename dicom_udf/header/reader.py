"""The reader of headers: recognises the file, chooses the encoding, scans, and judges what came of it."""

from __future__ import annotations

from typing import BinaryIO, Literal

from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.header.dictionary import public_vr
from dicom_udf.header.model import Header, Selection, Wanted
from dicom_udf.header.scanner import Encoding, Scanner, forget
from dicom_udf.header.selection import Level, Place, compile_selection
from dicom_udf.header.vr import LONG_LENGTH, VRS
from dicom_udf.header.window import Inflater, Window

__all__ = ["read_header"]

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"

MOST_SELECTIONS = 16
"""Compiled selections that are kept; a process has one."""

_OWN = {0x00020002: "/class", 0x00020010: "/syntax", 0x00080018: "/instance", 0x00080016: "/sop_class"}


def read_header(file: BinaryIO, *, bulk_data_base: str = "", selection: Selection | None = None) -> Header:
    """Read the header of one DICOM file: everything before the pixel data, and never those.

    Args:
        file: Seekable, at its start; read forward only, 64 KiB first.
        bulk_data_base: URI that BulkDataURI begins with, e.g. ``s3://bucket/key?member=x``.
        selection: Typed values to give besides the JSON.

    Returns:
        The header; with a ``fault`` where the file is cut or corrupt behind its SOPInstanceUID.

    Raises:
        FileFault: EMPTY_OBJECT, NOT_DICOM, DICOMDIR, TRUNCATED or CORRUPT_HEADER.
    """
    level = _level(selection or Selection())
    window = Window(file)
    if not window.has(0, 1):
        raise FileFault(FailureCode.EMPTY_OBJECT, "the file has no bytes")
    scanner = Scanner(window, bulk_data_base=bulk_data_base)
    start, has_meta = _start(window)
    meta_json = None
    if has_meta:
        meta_json, start = scanner.file_meta(start, level)
        if not window.has(start, 8) and scanner.scan.fault is None:
            raise FileFault(FailureCode.TRUNCATED, f"the file ends at byte {start}, before its data set")
    values = scanner.scan.values
    if values.get("/class") == MEDIA_STORAGE_DIRECTORY:
        raise FileFault(FailureCode.DICOMDIR, "a media directory (DICOMDIR): it lists files and is no instance")
    syntax = values.get("/syntax")
    is_deflated = syntax == DEFLATED
    if is_deflated:
        scanner._window = window = Window(Inflater(file, start))
        start = 0
    encoding = _encoding(window, start, syntax)
    if encoding is None:
        raise FileFault(FailureCode.CORRUPT_HEADER, f"no element of a data set at byte {start}")
    data_set, _ = scanner.data_set(start, encoding, level)
    return _header(scanner, meta_json, data_set, is_deflated=is_deflated)


def _header(scanner: Scanner, meta_json: str | None, data_set: str, *, is_deflated: bool) -> Header:
    scan = scanner.scan
    if scan.values.get("/sop_class") == MEDIA_STORAGE_DIRECTORY:
        raise FileFault(FailureCode.DICOMDIR, "a media directory (DICOMDIR): it lists files and is no instance")
    if scan.fault is not None and not scan.values.get("/instance"):
        code, _, offset = scan.fault.partition("@")
        raise FileFault(FailureCode(code), f"the header breaks off at byte {offset}, before its SOPInstanceUID")
    if data_set == "{}" and scan.pixel_data is None:
        raise FileFault(FailureCode.TRUNCATED, "the file ends before the first element of its data set")
    nothing: tuple[int | None, int | None, bool | None] = (None, None, None)
    pixel_offset, length, is_encapsulated = scan.pixel_data or nothing
    return Header(
        json=data_set,
        file_meta_json=meta_json,
        values={name: value for name, value in scan.values.items() if name[0] != "/"},
        invalid_values=scan.invalid,
        fault=scan.fault,
        omitted=tuple(scan.omitted),
        private_creators=tuple(sorted(scan.creators)),
        pixel_data_offset=None if is_deflated else pixel_offset,
        pixel_data_length=None if is_deflated else length,
        pixel_data_is_encapsulated=is_encapsulated,
    )


_levels: dict[int, tuple[Selection, Level]] = {}


def _level(selection: Selection) -> Level:
    """The selection's places, and those that the reader itself needs."""
    known = _levels.get(id(selection))
    if known is None or known[0] is not selection:
        level = dict(compile_selection(selection))
        for tag, name in _OWN.items():
            place = level.get(tag, Place())
            level[tag] = Place((*place.wanted, Wanted(name, (tag,), "UI")), place.codes, place.first)
        if len(_levels) >= MOST_SELECTIONS:
            _levels.clear()
            forget()  # its keys name levels by identity
        _levels[id(selection)] = known = (selection, level)
    return known[1]


def _start(window: Window) -> tuple[int, bool]:
    """Return where the first element stands and whether it is of the file meta group.

    Raises:
        FileFault: NOT_DICOM.
    """
    if window.has(128, 4) and window.data[128:132] == b"DICM":
        return 132, window.has(132, 2) and window.data[132:134] == b"\x02\x00"
    if window.data[:4] == b"DICM":
        return 4, window.data[4:6] == b"\x02\x00"
    if window.data[:2] == b"\x02\x00" and _plausible(window, 0, Encoding(True)):
        return 0, True
    for encoding in (Encoding(True), Encoding(False), Encoding(True, ">"), Encoding(False, ">")):
        if _plausible(window, 0, encoding):
            return 0, False
    raise FileFault(FailureCode.NOT_DICOM, "no DICM prefix at byte 128 and no DICOM element at byte 0")


def _encoding(window: Window, start: int, syntax: str | None) -> Encoding | None:
    """Believe the transfer syntax where the first element agrees with it, else the first element (as pydicom does)."""
    tried: tuple[Encoding, ...]
    if syntax is None:
        tried = (Encoding(True), Encoding(False), Encoding(True, ">"), Encoding(False, ">"))
    elif syntax == IMPLICIT_LITTLE:
        tried = (Encoding(False), Encoding(True))
    elif syntax == BIG_ENDIAN:
        tried = (Encoding(True, ">"), Encoding(True))
    else:
        tried = (Encoding(True), Encoding(False))
    fits = [encoding for encoding in tried if _plausible(window, start, encoding, strict=syntax is None)]
    return fits[0] if fits else (tried[0] if syntax is not None else None)


def _plausible(window: Window, offset: int, encoding: Encoding, *, strict: bool = True) -> bool:
    """True where two elements, or one and the end, stand at ``offset``; one is enough unless ``strict``."""
    order: Literal["big", "little"] = "big" if encoding.order == ">" else "little"
    last = -1
    for _ in range(2 if strict else 1):
        if not window.has(offset, 8):
            return last >= 0 and not window.has(offset, 1)
        head = window.data[offset : offset + 8]
        tag = int.from_bytes(head[:2], order) << 16 | int.from_bytes(head[2:4], order)
        group = tag >> 16
        if tag <= last or not (tag & 0xFFFF == 0 or group & 1 or public_vr(tag) is not None) or group in (0, 0xFFFE):
            return False
        if encoding.explicit:
            vr = head[4:6]
            if vr.decode("latin-1") not in VRS:
                return False
            if vr in LONG_LENGTH:
                if not window.has(offset, 12):
                    return False
                offset += 12 + int.from_bytes(window.data[offset + 8 : offset + 12], order)
            else:
                offset += 8 + int.from_bytes(head[6:8], order)
        else:
            if head[4:6].decode("latin-1") in VRS:
                return False
            length = int.from_bytes(head[4:8], order)
            if strict and length > 1 << 16:
                return False
            offset += 8 + length
        if strict and last < 0 and group > 0x0028:
            return False
        last = tag
    return True
