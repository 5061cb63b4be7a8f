"""Translates the exceptions of the standard library about damaged archives into one fault."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from dicom_udf.errors import FailureCode, FileFault

__all__ = ["DAMAGE", "corrupt", "translate_damage"]

DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,  # UnicodeError, and tarfile's numbers
    ArithmeticError,  # OverflowError
    RuntimeError,  # NotImplementedError, RecursionError
    LookupError,
    AssertionError,
    AttributeError,
    TypeError,
    MemoryError,
    OSError,  # bz2 raises it for an invalid stream; a reader's own errors are FileFaults
)


def corrupt(where: str) -> FileFault:
    """Return the fault of an archive damaged at a place."""
    return FileFault(FailureCode.CORRUPT_ARCHIVE, f"{where}; fetch or pack the archive again")


@contextmanager
def translate_damage(where: str) -> Iterator[None]:
    """Turn an exception about damage into CORRUPT_ARCHIVE; a FileFault passes unchanged."""
    try:
        yield
    except FileFault:
        raise
    except DAMAGE:
        raise corrupt(where) from None  # its text quotes names
