"""The objects of the S3 benchmark, placed in the folder that versitygw serves, each kind in a bucket of its own.

* ``loose``: CT slices of the given size, the header of ``benchmarks.corpus`` and 12-bit noise as pixels
* ``stored``, ``deflated``: one zip of the same slices
* ``large``: a zip of stored members of 64 MB, a header and a hole each, so that the file takes little of the disk

The same bytes on every run. A bucket that is there is whole.
"""

from __future__ import annotations

import hashlib
import io
import random
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from benchmarks.corpus import header_of, slice_of
from benchmarks.series_on_disk import encoded
from tests.servers.s3 import place, set_etag

__all__ = ["LARGE_MEMBERS", "LARGE_SIZE", "make_buckets"]

LARGE_MEMBERS = 200
LARGE_SIZE = 64 * 10**6
STORED, DEFLATED = 0, 8
ANY_DAY = 0x5821  # 2024-01-01 in MS-DOS's way


class Entry(NamedTuple):
    """A member as it is packed: its first bytes, and how many of a hole follow."""

    name: str
    method: int
    packed: bytes
    hole: int
    size: int
    crc: int


def make_buckets(folder: Path, objects: int, size: int) -> None:
    """Make the buckets that aren't there."""
    pixels = noise(size)
    heads = slices(objects, size)
    if not (folder / "loose").exists():
        part = new_part(folder)
        for name, head in heads:
            place(part / name, head + pixels[: size - len(head)])
        part.rename(folder / "loose")
    for bucket, entries in (
        ("stored", (stored(name, head + pixels[: size - len(head)]) for name, head in heads)),
        ("deflated", deflated(heads, pixels, size)),
        ("large", large_members()),
    ):
        if not (folder / bucket).exists():
            part = new_part(folder)
            path = part / "slices.zip"
            with path.open("wb") as file:
                write_zip(file, entries)
            set_etag(path, hashlib.md5(bucket.encode(), usedforsecurity=False).hexdigest())
            part.rename(folder / bucket)


def new_part(folder: Path) -> Path:
    """Return an empty folder beside the buckets, with a name that a bucket can't have."""
    part = folder.parent / f"{folder.name}.part"
    if part.exists():
        for path in sorted(part.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        part.rmdir()
    part.mkdir(parents=True)
    folder.mkdir(parents=True, exist_ok=True)
    return part


def slices(count: int, size: int) -> list[tuple[str, bytes]]:
    """Return name and bytes up to the pixels of each slice; the pixels fill the file up to its size."""
    template = template_of(size)
    return [(f"series/CT{number:05}.dcm", slice_of(template, number)) for number in range(count)]


def template_of(size: int) -> bytes:
    """Return the bytes before the pixels of a file of this size, markers included."""
    header = header_of("CT")
    del header.PixelData
    header.Rows = header.Columns = 500
    head = encoded(header)
    return head + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, size - len(head) - 12)  # PS3.5 §7.1.2


def noise(size: int) -> bytes:
    """Return 12-bit values in 16 bits, which deflate as CT does: to some three quarters."""
    chance = random.Random(5)
    data = bytearray(chance.randbytes(size))
    high = bytes(byte & 0x0F for byte in range(256))
    data[1::2] = data[1::2].translate(high)
    return bytes(data)


def stored(name: str, content: bytes) -> Entry:
    """Return a stored member."""
    return Entry(name, STORED, content, 0, len(content), zlib.crc32(content))


def deflated(heads: Iterable[tuple[str, bytes]], pixels: bytes, size: int) -> Iterator[Entry]:
    """Yield deflated members. The pixels are packed once: after a full flush a stream refers to nothing before it."""
    packed_pixels: dict[int, bytes] = {}
    for name, head in heads:
        length = size - len(head)
        if length not in packed_pixels:
            packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
            packed_pixels[length] = packer.compress(pixels[:length]) + packer.flush()
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH) + packed_pixels[length]
        yield Entry(name, DEFLATED, packed, 0, size, zlib.crc32(pixels[:length], zlib.crc32(head)))


def large_members() -> Iterator[Entry]:
    """Yield members whose pixels are a hole in the file."""
    zeros = bytes(1 << 20)
    for name, head in slices(LARGE_MEMBERS, LARGE_SIZE):
        crc, left = zlib.crc32(head), LARGE_SIZE - len(head)
        for start in range(0, left, len(zeros)):
            crc = zlib.crc32(zeros[: left - start], crc)
        yield Entry(name, STORED, head, left, LARGE_SIZE, crc)


def write_zip(file: BinaryIO, entries: Iterable[Entry]) -> None:
    """Write a zip; zipfile supports neither holes nor packed data (APPNOTE 4.3)."""
    directory = io.BytesIO()
    count = 0
    for count, entry in enumerate(entries, 1):  # noqa: B007
        name, length = entry.name.encode(), len(entry.packed) + entry.hole
        common = struct.pack(
            "<HHHHHIIIHH", 45, 0, entry.method, 0, ANY_DAY, entry.crc, length, entry.size, len(name), 0
        )
        offset = file.tell()
        file.write(b"PK\x03\x04" + common + name + entry.packed)
        file.seek(entry.hole, io.SEEK_CUR)
        extra = struct.pack("<HHQ", 1, 8, offset)  # Zip64: the offset alone is too large for its field
        central = common[:-2] + struct.pack("<HHHHII", len(extra), 0, 0, 0, 0o100644 << 16, 0xFFFFFFFF)
        directory.write(b"PK\x01\x02" + struct.pack("<H", 45) + central + name + extra)
    start, length = file.tell(), len(directory.getvalue())
    file.write(directory.getvalue())
    end = file.tell()
    file.write(b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, length, start))
    file.write(b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1))
    file.write(b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
