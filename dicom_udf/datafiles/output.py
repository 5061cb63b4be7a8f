"""Where a file's bytes go: a local folder, or S3.

A local file is written under its final name: no snapshot names it before it is whole. A file for S3 is written to local
disk beyond its first 8 MiB, then sent by one request or, if it is larger than that, in parts.
"""

from __future__ import annotations

import contextlib
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pyarrow as pa

from dicom_udf.datafiles.target import WriteTarget

__all__ = ["LocalOutput", "Output", "S3Output", "open_output"]

_PART_BYTES = 8 << 20
_PARTS_AT_ONCE = 2


class Output(ABC):
    """A file that is being written.

    Attributes:
        sink: The open file, for PyArrow.
    """

    sink: pa.NativeFile

    def written(self) -> int:
        """Return the number of bytes written so far."""
        return int(self.sink.tell())

    @abstractmethod
    def finish(self) -> int:
        """Close the file and return its size in bytes.

        Raises:
            OSError: The disk is full, or can't be written to.
            RunFailedError: S3 does not take the file.
        """

    @abstractmethod
    def abandon(self) -> None:
        """Close the file and delete it if that is possible; never raises an error."""


class LocalOutput(Output):
    """A file in a local folder, which is made if missing."""

    def __init__(self, path: str) -> None:
        """Create the file.

        Raises:
            OSError: It can't be created.
        """
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self.sink = pa.OSFile(path, "wb")

    def finish(self) -> int:
        """Close the file and return its size in bytes."""
        size = self.written()
        self.sink.close()
        return size

    def abandon(self) -> None:
        """Close the file and delete it."""
        with contextlib.suppress(OSError, ValueError):
            self.sink.close()
        with contextlib.suppress(OSError):
            Path(self._path).unlink()


class S3Output(Output):
    """An object in S3, which exists once the whole file has been sent."""

    def __init__(self, url: str, target: WriteTarget) -> None:
        self._url = url
        self._target = target
        self._file = tempfile.SpooledTemporaryFile(max_size=_PART_BYTES)  # noqa: SIM115 - finish and abandon close it
        self.sink = pa.PythonFile(self._file, "w")

    def finish(self) -> int:
        """Send the file to S3 and return its size in bytes."""
        import obstore  # noqa: PLC0415 - a lake in a local folder needs no AWS library
        from obstore.exceptions import BaseError  # noqa: PLC0415

        from dicom_udf.aws.clients import TRIES  # noqa: PLC0415
        from dicom_udf.aws.errors import to_aws_error, translate_aws_errors  # noqa: PLC0415
        from dicom_udf.aws.s3 import obstore_store  # noqa: PLC0415

        target = self._target
        bucket, _, key = self._url.removeprefix("s3://").partition("/")
        size = self.written()
        self._file.seek(0)
        with translate_aws_errors("s3:PutObject", f"the folder {target.folder}", has_begun=True):
            store = obstore_store(bucket, target.access, kms_key=target.kms_key, retries=TRIES)
            file: Any = self._file if size > _PART_BYTES else self._file.read()
            try:
                obstore.put(store, key, file, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)
            except BaseError as error:
                raise to_aws_error(error) from None
        self._file.close()
        return size

    def abandon(self) -> None:
        """Close and delete the temporary file; nothing has been sent, or S3 did not take it."""
        with contextlib.suppress(OSError, ValueError):
            self._file.close()


def open_output(location: str, target: WriteTarget) -> Output:
    """Open a file for writing.

    Args:
        location: Its path or URL, as the table names it.
        target: The access to S3.

    Raises:
        OSError: A local file can't be created.
    """
    if location.startswith("s3://"):
        return S3Output(location, target)
    return LocalOutput(_local_path(location))


def _local_path(location: str) -> str:
    """Return the path of ``file:/x``, ``file:///x`` or ``/x``; Hadoop takes ``%`` as it is."""
    if not location.startswith("file:"):
        return location
    return "/" + location.removeprefix("file:").lstrip("/")
