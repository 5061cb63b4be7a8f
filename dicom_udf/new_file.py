"""A file that appears under its name once it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

__all__ = ["new_file"]


@contextmanager
def new_file(path: Path, *, is_text: bool = True) -> Iterator[Any]:
    """Open a file beside ``path`` for writing, and rename it at the end; remove it after an error.

    Args:
        path: The file's name; a file of this name is replaced.
        is_text: Text in UTF-8 whose line ends stay as they are written; otherwise bytes.

    Yields:
        The file, a ``TextIO`` or a ``BinaryIO``.

    Raises:
        OSError: The file can't be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "list.csv")
        >>> with new_file(path) as stream:
        ...     _ = stream.write("source_uri,target")
        >>> path.read_bytes()
        b'source_uri,target'
    """
    part = path.with_name(f"{path.name}.part")
    stream: IO[Any] = part.open("w", encoding="utf-8", newline="") if is_text else part.open("wb")
    try:
        with stream:
            yield stream
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
