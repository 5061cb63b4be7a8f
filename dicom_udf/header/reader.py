"""The reader of headers: detects the format, scans it, and judges what came of it."""

from __future__ import annotations

import threading
from functools import lru_cache
from itertools import islice
from json import loads

from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.header.cap import cap_json
from dicom_udf.header.detect import DEFLATED, Encoding, behind_group_zero, detect_encoding, expected_encoding
from dicom_udf.header.file_meta import MEDIA_STORAGE_DIRECTORY, FileMeta, read_file_meta
from dicom_udf.header.header import Header, Selection
from dicom_udf.header.memo import Context, Memo
from dicom_udf.header.offset_tables import read_offset_table
from dicom_udf.header.scanner import Scanner
from dicom_udf.header.scope import Found
from dicom_udf.header.selection import (
    FRAME_GROUPS,
    INSTANCE,
    SHARED_GROUPS,
    SOP_CLASS,
    WantedLevel,
    compile_selection,
)
from dicom_udf.header.text import DEFAULT
from dicom_udf.header.window import Inflater, Reads, Window

__all__ = ["HeaderReader", "read_header", "thread_reader"]

MOST_NAMED = 10_000
"""Entries of ``invalid_values``: a fault in each item of a long sequence must not outgrow a row."""
NOT_DEFLATED = "names a deflated transfer syntax, and the data set is not deflated"

READERS_OF_A_THREAD = 4
"""Readers that a thread keeps, one for each of its last selections; each has a memo of at most 64 MiB."""

_NOTHING = Selection()


class HeaderReader:
    """Reads headers, and remembers what raw bytes meant: files that resemble each other are read many times faster.

    Its memo is bounded (64 MiB) and belongs to one thread: use one reader in each.

    Example:
        >>> from dicom_udf import HeaderReader, Selection, Wanted
        >>> reader = HeaderReader(Selection([Wanted("modality", (0x00080060,), "CS")]))
        >>> with open("sample_dcm/mr_brain/I1", "rb") as file:
        ...     header = reader.read(file)
        >>> header.values
        {'modality': 'MR'}
    """

    def __init__(self, selection: Selection = _NOTHING, *, memo: Memo | None = None) -> None:
        """Make a reader that remembers nothing yet.

        Args:
            selection: The typed values wanted of each header.
            memo: Where it remembers; with other bounds, for instance.
        """
        self._memo = Memo() if memo is None else memo
        self._meta_level, self._level = compile_selection(selection)

    def read(self, file: Reads, *, bulk_data_base: str = "", reads_offset_table: bool = False) -> Header:
        """Read the header of one DICOM file: everything before the pixel data.

        Args:
            file: A binary file at its start. It is read forward: 64 KiB first, then doubling; the reader seeks ahead
                where it skips a long binary value. Only a broken file meta group makes it seek back.
            bulk_data_base: The beginning of each BulkDataURI, e.g. ``s3://bucket/key?member=x``.
            reads_offset_table: True to read the Basic Offset Table of encapsulated pixel data too, where it lies
                behind the bytes that the header needs.

        Returns:
            The header; with a ``fault`` where the file is cut or corrupt behind a UID that identifies its instance,
            series or study.

        Raises:
            FileFault: EMPTY_OBJECT, NOT_DICOM, DICOMDIR, TRUNCATED or CORRUPT_HEADER.
        """
        self._memo.begin()
        scanner = Scanner(Window(file), bulk_data_base=bulk_data_base)
        meta = read_file_meta(scanner, lambda encoding: self._context(encoding, self._meta_level))
        inflater = _inflater(file, scanner.window, meta)
        if inflater is not None:
            scanner = Scanner(Window(inflater), bulk_data_base=bulk_data_base)
        start = meta.stop if inflater is None else 0
        encoding = meta.encoding or _encoding(scanner.window, start, meta)
        found = Found()
        json, end, context = scanner.data_set(start, self._context(encoding, self._level), found)
        if inflater is not None:
            _check_stream(inflater, scanner, end)
        _check(scanner, found, json, meta.json)
        cut, omitted = cap_json(json)
        pixels = scanner.pixel_data
        table = None
        if pixels is not None and pixels.length is None and inflater is None:
            table = read_offset_table(scanner.window, pixels, scanner.offset_tables, reads_on=reads_offset_table)
        shared, frames = found.values.pop(SHARED_GROUPS, None), found.values.pop(FRAME_GROUPS, None)
        return Header(
            json=cut,
            file_meta_json=meta.json,
            values={**meta.found.values, **found.values},
            shared_groups=shared,
            frame_groups=frames,
            sequences=found.whole,
            invalid_values=dict(islice({**meta.found.faults, **found.faults}.items(), MOST_NAMED)),
            fault=None if scanner.fault is None else f"{scanner.fault[0]}@{scanner.fault[1]}",
            omitted=(*meta.found.omitted, *found.omitted, *omitted),
            private_creators=tuple(sorted(set(context.creators.values()))),
            pixel_data_offset=None if pixels is None or inflater else pixels.offset,
            pixel_data_length=None if pixels is None or inflater else pixels.length,
            pixel_data_is_encapsulated=None if pixels is None else pixels.length is None,
            offset_table=table,
        )

    def _context(self, encoding: Encoding, level: WantedLevel) -> Context:
        return self._memo.context(
            is_explicit=encoding.is_explicit, order=encoding.order, encodings=DEFAULT, level=level, is_top=True
        )


def read_header(file: Reads, *, bulk_data_base: str = "", selection: Selection = _NOTHING) -> Header:
    """Read the header of one DICOM file by this thread's :class:`HeaderReader` for the selection.

    Each thread remembers for itself, for its last :data:`READERS_OF_A_THREAD` selections. Equal selections share a
    reader.

    Args:
        file: As in :meth:`HeaderReader.read`.
        bulk_data_base: As there.
        selection: The typed values wanted.

    Returns:
        The header, as :meth:`HeaderReader.read` returns it.

    Raises:
        FileFault: EMPTY_OBJECT, NOT_DICOM, DICOMDIR, TRUNCATED or CORRUPT_HEADER.

    Example:
        >>> import json
        >>> from dicom_udf import read_header
        >>> with open("sample_dcm/mr_brain/I1", "rb") as file:
        ...     header = read_header(file)
        >>> json.loads(header.json)["00080060"]
        {'vr': 'CS', 'Value': ['MR']}
    """
    return thread_reader(selection).read(file, bulk_data_base=bulk_data_base)


def thread_reader(selection: Selection = _NOTHING) -> HeaderReader:
    """Return this thread's reader for a selection, with what it remembers."""
    return _readers.of(selection)


class _Readers(threading.local):
    """The readers of one thread by their selections."""

    def __init__(self) -> None:
        self.of = lru_cache(maxsize=READERS_OF_A_THREAD)(HeaderReader)


_readers = _Readers()


def _inflater(file: Reads, window: Window, meta: FileMeta) -> Inflater | None:
    """Return the deflated data set; None where it is not deflated, whatever the transfer syntax is."""
    if meta.syntax not in DEFLATED:
        return None
    if detect_encoding(window, meta.stop, None) is None:
        return Inflater(file, window.rest(meta.stop))
    meta.found.faults.setdefault("TransferSyntaxUID", NOT_DEFLATED)
    return None


def _encoding(window: Window, start: int, meta: FileMeta) -> Encoding:
    """Return the encoding of a data set; its first element does not show it at once.

    Raises:
        FileFault: CORRUPT_HEADER: no element begins there, and no transfer syntax is known.
    """
    behind = behind_group_zero(window, start)
    is_deflated = meta.syntax in DEFLATED and start > 0  # only by its transfer syntax
    encoding = detect_encoding(window, behind, None if is_deflated else meta.syntax) or expected_encoding(meta.syntax)
    if encoding is None:
        raise FileFault(FailureCode.CORRUPT_HEADER, f"no data element at byte {start}, where the data set begins")
    return encoding


def _check_stream(inflater: Inflater, scanner: Scanner, end: int) -> None:
    """Set the scanner's fault where a deflated data set is broken, cut, or has something behind it."""
    if inflater.is_corrupt:
        scanner.fault = (FailureCode.CORRUPT_HEADER, scanner.fault[1] if scanner.fault else end)
    elif scanner.fault is None and scanner.pixel_data is None:
        if not inflater.is_complete:
            scanner.fault = (FailureCode.TRUNCATED, end)
        elif not inflater.has_padding():
            scanner.fault = (FailureCode.CORRUPT_HEADER, end)


def _check(scanner: Scanner, found: Found, json: str, meta_json: str | None) -> None:
    """Judge whether what was scanned is an instance.

    A header that breaks off is an instance if a UID of its object, series or study was read.

    Raises:
        FileFault: DICOMDIR, TRUNCATED or CORRUPT_HEADER.
    """
    if found.values.pop(SOP_CLASS, None) == MEDIA_STORAGE_DIRECTORY:
        raise FileFault(FailureCode.DICOMDIR, "a media directory: it lists files and is not an instance")
    has_instance = found.values.pop(INSTANCE, None) is not None
    is_empty = json == "{}" and scanner.pixel_data is None
    if scanner.fault is not None and not has_instance and (is_empty or not _has_uid(json, meta_json)):
        code, offset = scanner.fault
        raise FileFault(
            code, f"the header breaks off at byte {offset}, before any UID of an instance, a series or a study"
        )
    if is_empty:
        raise FileFault(FailureCode.TRUNCATED, "the file ends before the first element of its data set")


def _has_uid(json: str, meta_json: str | None) -> bool:
    """True where StudyInstanceUID, SeriesInstanceUID or the meta group's MediaStorageSOPInstanceUID has a value."""
    data_set, meta = loads(json), loads(meta_json or "{}")
    elements = [data_set.get("0020000D"), data_set.get("0020000E"), meta.get("00020003")]
    return any(element and any(element.get("Value", ())) for element in elements)
