"""The reader of headers: recognises the file, scans it, and judges what came of it."""

from __future__ import annotations

from itertools import islice

from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.header.cap import cap_json
from dicom_udf.header.memo import Context, Memo
from dicom_udf.header.model import Header, Selection
from dicom_udf.header.recognise import DEFLATED, Encoding, encoding_of, first_element
from dicom_udf.header.scanner import Scanner
from dicom_udf.header.scope import Found
from dicom_udf.header.selection import INSTANCE, MEDIA_CLASS, SOP_CLASS, SYNTAX, Level, compile_selection
from dicom_udf.header.text import DEFAULT
from dicom_udf.header.window import Inflater, Reads, Window

__all__ = ["read_header"]

MOST_NAMED = 10_000
"""Entries of ``invalid_values``: a fault in each item of a long sequence must not outgrow a row."""
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"

_memo = Memo()
_NOTHING = Selection()


def read_header(file: Reads, *, bulk_data_base: str = "", selection: Selection = _NOTHING) -> Header:
    """Read the header of one DICOM file: everything before the pixel data, and never those.

    Args:
        file: A binary file at its start. It is read forward only: 64 KiB first, then doubling, and seeks ahead where a
            long binary value is skipped.
        bulk_data_base: What a BulkDataURI begins with, e.g. ``s3://bucket/key?member=x``.
        selection: The typed values wanted; pass the same object to each call.

    Returns:
        The header; with a ``fault`` where the file is cut or corrupt behind its SOPInstanceUID.

    Raises:
        FileFault: EMPTY_OBJECT, NOT_DICOM, DICOMDIR, TRUNCATED or CORRUPT_HEADER.
    """
    _memo.begin()
    meta_level, level = compile_selection(selection)
    window = Window(file)
    scanner = Scanner(window, bulk_data_base=bulk_data_base)
    meta = Found()
    meta_json, start = _file_meta(scanner, meta, meta_level)
    if not window.has(start, 1):
        raise FileFault(
            FailureCode.TRUNCATED, f"the file ends at byte {start}, before the first element of its data set"
        )
    syntax = meta.values.pop(SYNTAX, None)
    inflater = None
    if syntax in DEFLATED:
        inflater = Inflater(file, window.rest(start))
        scanner.window = window = Window(inflater)
        start = 0
    encoding = encoding_of(window, start, syntax)
    if encoding is None:
        raise FileFault(FailureCode.CORRUPT_HEADER, f"no data element at byte {start}, where the data set begins")
    found = Found()
    json, end, context = scanner.data_set(start, _context(encoding, level), found)
    if inflater is not None and inflater.is_corrupt:
        scanner.fault = (FailureCode.CORRUPT_HEADER, scanner.fault[1] if scanner.fault else end)
    _check(scanner, found, json)
    cut, omitted = cap_json(json)
    pixels = scanner.pixel_data
    return Header(
        json=cut,
        file_meta_json=meta_json,
        values={**meta.values, **found.values},
        invalid_values=dict(islice({**meta.faults, **found.faults}.items(), MOST_NAMED)),
        fault=None if scanner.fault is None else f"{scanner.fault[0]}@{scanner.fault[1]}",
        omitted=(*meta.omitted, *found.omitted, *omitted),
        private_creators=tuple(sorted(set(context.creators.values()))),
        pixel_data_offset=None if pixels is None or inflater else pixels.offset,
        pixel_data_length=None if pixels is None or inflater else pixels.length,
        pixel_data_is_encapsulated=None if pixels is None else pixels.length is None,
    )


def _context(encoding: Encoding, level: Level) -> Context:
    return _memo.context(
        is_explicit=encoding.is_explicit, order=encoding.order, encodings=DEFAULT, level=level, is_top=True
    )


def _file_meta(scanner: Scanner, meta: Found, level: Level) -> tuple[str | None, int]:
    """Read the file meta group where there is one; return its JSON, and where the data set begins.

    Raises:
        FileFault: The file is empty, no DICOM, a media directory, or ends here.
    """
    if not scanner.window.has(0, 1):
        raise FileFault(FailureCode.EMPTY_OBJECT, "the file has no bytes")
    start, has_meta = first_element(scanner.window)
    if not has_meta:
        return None, start
    json, end, _ = scanner.data_set(start, _context(Encoding(True, "<"), level), meta, group=2)
    if meta.values.pop(MEDIA_CLASS, None) == MEDIA_STORAGE_DIRECTORY:
        raise FileFault(FailureCode.DICOMDIR, "a media directory: it lists files and is no instance")
    if scanner.fault is not None:
        code, offset = scanner.fault
        raise FileFault(code, f"the file meta information breaks off at byte {offset}, before the data set")
    json, omitted = cap_json(json)
    meta.omitted += omitted
    return json, end


def _check(scanner: Scanner, found: Found, json: str) -> None:
    """Judge whether what was scanned is an instance."""
    if found.values.pop(SOP_CLASS, None) == MEDIA_STORAGE_DIRECTORY:
        raise FileFault(FailureCode.DICOMDIR, "a media directory: it lists files and is no instance")
    has_instance = found.values.pop(INSTANCE, None) is not None
    if scanner.fault is not None and not has_instance:
        code, offset = scanner.fault
        raise FileFault(code, f"the header breaks off at byte {offset}, before a SOPInstanceUID")
    if json == "{}" and scanner.pixel_data is None:
        raise FileFault(FailureCode.TRUNCATED, "the file ends before the first element of its data set")
