"""DICOM files to read: those that pydicom ships, and small ones made here."""

import io
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

DATA = Path(pydicom.__file__).parent / "data"
INSTANCE = "2.25.1234567890"
CT = "1.2.840.10008.5.1.4.1.1.2"

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
SYNTAXES = {"implicit": IMPLICIT, "explicit": EXPLICIT, "deflated": DEFLATED, "big endian": BIG_ENDIAN}


@cache
def shipped() -> tuple[Path, ...]:
    """Every file that pydicom ships as test data."""
    return tuple(sorted(path for path in DATA.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}))


def minimal(**values: object) -> Dataset:
    """A data set with its class, its UID and some values by keyword."""
    data_set = Dataset()
    data_set.SOPClassUID, data_set.SOPInstanceUID = CT, INSTANCE
    for keyword, value in values.items():
        setattr(data_set, keyword, value)
    return data_set


def encode(data_set: Dataset, syntax: str = EXPLICIT) -> bytes:
    """The bytes of a file with preamble and file meta group."""
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.MediaStorageSOPClassUID = CT
    data_set.file_meta.MediaStorageSOPInstanceUID = INSTANCE
    data_set.file_meta.TransferSyntaxUID = UID(syntax)
    file = io.BytesIO()
    pydicom.dcmwrite(file, data_set, enforce_file_format=True)
    return file.getvalue()


def set_nested(item: Dataset, path: str, value: object, *, inner: Callable[[], Dataset] = Dataset) -> None:
    """Set an attribute by a dotted path of keywords through first items; sequences without items get one."""
    *sequences, last = path.split(".")
    for keyword in sequences:
        if keyword not in item:
            setattr(item, keyword, [inner()])
        item = getattr(item, keyword)[0]
    setattr(item, last, value)


def element(tag: int, vr: str, value: bytes, *, length: int | None = None) -> bytes:
    """One element in explicit little endian, as broken as one wants it."""
    length = len(value) if length is None else length
    head = tag.to_bytes(4, "little")[2:] + tag.to_bytes(4, "little")[:2] + vr.encode()
    is_long = vr in {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
    return head + (bytes(2) + length.to_bytes(4, "little") if is_long else length.to_bytes(2, "little")) + value


def raw_file(*elements: bytes, syntax: str = EXPLICIT) -> bytes:
    """A file with preamble whose data set is the given bytes behind a SOPInstanceUID."""
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta = element(0x00020010, "UI", uid)
    meta = element(0x00020000, "UL", len(meta).to_bytes(4, "little")) + meta
    return bytes(128) + b"DICM" + meta + SOP_INSTANCE + b"".join(elements)


SOP_INSTANCE = element(0x00080018, "UI", INSTANCE.encode() + b"\0" * (len(INSTANCE) % 2))


class CountingFile(io.BytesIO):
    """Counts what is read, and notes a seek backward."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.bytes_read = 0
        self.reads = 0
        self.went_back = False

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        self.reads += 1
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self.went_back = self.went_back or whence != os.SEEK_SET or offset < self.tell()
        return super().seek(offset, whence)
