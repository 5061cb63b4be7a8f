"""What can go wrong, and where it ends.

Faults in data are rows; faults in configuration stop before anything is written::

    DicomLakeError
    ├── ConfigurationError      bad argument; the source or the lake doesn't exist or isn't one   exit status 2
    ├── RunFailedError          whatever fails later: denied, too many faults, newer lake      exit status 1
    └── FileFault               one file without a readable header                             a row of ``failures``

    FailureCode (severity)
    ├── skipped   NOT_DICOM  DICOMDIR
    └── fault     EMPTY_OBJECT  TRUNCATED  CORRUPT_HEADER
                  CORRUPT_ARCHIVE  EMPTY_ARCHIVE  ENCRYPTED_ARCHIVE  UNSUPPORTED_COMPRESSION
                  NESTING_TOO_DEEP  ARCHIVE_LIMIT
                  OBJECT_ARCHIVED  ACCESS_DENIED  OBJECT_CHANGED  NOT_FOUND  READ_ERROR  INTERNAL_ERROR
                                    (tried again by the next run)
                  INVALID_MESSAGE   (of a queue; counted in a run's report, no row)

No message holds a value of a file: medical data is private. Parsers' own exception texts quote values, so they
are never passed on; messages name the place (an offset, a tag, a member) and the remedy.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import StrEnum

__all__ = [
    "ConfigurationError",
    "DicomLakeError",
    "FailureCode",
    "FileFault",
    "RunFailedError",
    "did_you_mean",
    "internal_error",
]


class DicomLakeError(Exception):
    """The root of what this package raises."""


class ConfigurationError(DicomLakeError):
    """An argument, a source or a lake that can't be used. Nothing has been written; exit status 2."""


class RunFailedError(DicomLakeError):
    """The run failed after it began; the next run goes on where it stopped. Exit status 1."""


class FailureCode(StrEnum):
    """The reason why a file or an object has no header in the lake: the column ``failures.code``."""

    NOT_DICOM = "NOT_DICOM"
    DICOMDIR = "DICOMDIR"
    EMPTY_OBJECT = "EMPTY_OBJECT"
    TRUNCATED = "TRUNCATED"
    CORRUPT_HEADER = "CORRUPT_HEADER"
    CORRUPT_ARCHIVE = "CORRUPT_ARCHIVE"
    EMPTY_ARCHIVE = "EMPTY_ARCHIVE"
    ENCRYPTED_ARCHIVE = "ENCRYPTED_ARCHIVE"
    UNSUPPORTED_COMPRESSION = "UNSUPPORTED_COMPRESSION"
    NESTING_TOO_DEEP = "NESTING_TOO_DEEP"
    ARCHIVE_LIMIT = "ARCHIVE_LIMIT"
    OBJECT_ARCHIVED = "OBJECT_ARCHIVED"
    ACCESS_DENIED = "ACCESS_DENIED"
    OBJECT_CHANGED = "OBJECT_CHANGED"
    NOT_FOUND = "NOT_FOUND"
    READ_ERROR = "READ_ERROR"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    INVALID_MESSAGE = "INVALID_MESSAGE"

    @property
    def severity(self) -> str:
        """``skipped`` where the file is rightly not an instance; otherwise ``fault``, which needs attention."""
        return "skipped" if self in _SKIPPED else "fault"

    @property
    def is_curable(self) -> bool:
        """True where the next run tries the object again although it has not changed."""
        return self in _CURABLE


_SKIPPED = frozenset({FailureCode.NOT_DICOM, FailureCode.DICOMDIR})
_CURABLE = frozenset(
    {
        FailureCode.OBJECT_ARCHIVED,
        FailureCode.ACCESS_DENIED,
        FailureCode.OBJECT_CHANGED,
        FailureCode.NOT_FOUND,
        FailureCode.READ_ERROR,
        FailureCode.INTERNAL_ERROR,
    }
)


class FileFault(DicomLakeError):
    """The header of one file or object can't be read, or only in part.

    Attributes:
        code: Why.
        message: One sentence for ``failures.message``: the thing, the place, the remedy; never a value of the file.
    """

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type[FileFault], tuple[FailureCode, str]]:
        """Pickle by the two arguments: faults cross from executors to the driver."""
        return (FileFault, (self.code, self.message))


def internal_error(error: Exception, what: str) -> FileFault:
    """Return the fault of a file or object at which this package itself failed, by an unforeseen exception.

    It costs that file alone, and the next run tries the object again: by then the package may be mended.

    Args:
        error: Named by its type and place; its text may quote the file and is left out.
        what: The part that could not be read, e.g. ``"header"``.
    """
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename.rpartition('/')[2]}:{frame.tb_lineno}" if frame else "unknown place"
    return FileFault(
        FailureCode.INTERNAL_ERROR,
        f"the {what} could not be read: unexpected {type(error).__name__} at {place}; please report it",
    )


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the end of a message about a name that doesn't exist; empty where no name is near.

    Example:
        >>> did_you_mean("study", ["instances", "studies"])
        ', did you mean studies?'
    """
    near = difflib.get_close_matches(name, list(names), n=1)
    return f", did you mean {near[0]}?" if near else ""
