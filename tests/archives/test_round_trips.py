"""What is packed comes out, over kinds x member count x member size x the reader's chunk."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from tempfile import TemporaryFile
from typing import BinaryIO

import pytest

from dicom_udf.archives import members
from tests.archives.packing import KINDS, Counting, counting, read_all, some_data

COUNTS = [1, 2, 9]
SIZES = [0, 1, 511, 512, 5000, 70_000]
CHUNKS = [1 << 12, 100_000, -1]


@contextmanager
def _on_disk(stored: bytes) -> Iterator[BinaryIO]:
    with TemporaryFile() as file:
        file.write(stored)
        yield file


@contextmanager
def _counted(stored: bytes) -> Iterator[Counting]:
    yield counting(stored)


OPENERS: list[Callable] = [_counted, _on_disk, io.BytesIO]


@pytest.mark.parametrize(("kind", "count", "size"), list(product(KINDS, COUNTS, SIZES)))
def test_what_is_packed_comes_out(kind: str, count: int, size: int) -> None:
    files = [(f"dir/{number}", some_data(number, size)[-size or 132 :]) for number in range(count)]
    stored = KINDS[kind](files)
    for opener, chunk in product(OPENERS, CHUNKS):
        with opener(stored) as file:
            assert read_all(members(file, name="object"), stored, chunk) == files


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tar.bz2"])
def test_no_more_is_read_than_there_is(kind: str) -> None:
    """Only a directory is looked at apart from its members: the tail, of at most 128 KiB, and each head twice."""
    stored = KINDS[kind]([(f"{number}", some_data(number, 30_000)) for number in range(20)])
    reader = counting(stored)
    assert len(read_all(members(reader, name="o"), stored)) == 20
    assert reader.bytes_read <= len(stored) + (128 << 10) + 20 * 2000
