"""Makes a zip whose only member is that zip.

Deflate as a language of two words, of 5 bytes each: L(n) prints the n bytes behind it, R(n) prints the last n bytes
again. A program of them prints the head of the zip (P), itself, and the tail (S), as in "Zip Files All The Way Down"
(Russ Cox, 2010). The member's CRC-32 is left wrong: nobody here looks at it.
"""

from __future__ import annotations

import struct

__all__ = ["zip_quine"]

_NAME = b"itself.zip".rjust(30, b"_")  # with the header around it 60 bytes, which a repetition of 5 bytes can say
_HEAD_BYTES = 60
_WORD = 5


class _Bits:
    """Bits as deflate packs them (RFC 1951 §3.1.1)."""

    def __init__(self) -> None:
        self._value = 0
        self._length = 0

    def number(self, value: int, length: int) -> None:
        self._value |= value << self._length
        self._length += length

    def huffman(self, code: int, length: int) -> None:
        self.number(int(f"{code:0{length}b}"[::-1], 2), length)

    def empty_block(self) -> None:
        self.number(0b010, 3)
        self.huffman(0, 7)

    def match_block(self, *matches: tuple[int, int]) -> None:
        self.number(0b010, 3)
        for length, distance in matches:
            symbol, base, extra = next(row for row in reversed(_LENGTHS) if row[1] <= length)
            self.huffman(symbol - 256, 7)
            self.number(length - base, extra)
            symbol, base, extra = next(row for row in reversed(_DISTANCES) if row[1] <= distance)
            self.huffman(symbol, 5)
            self.number(distance - base, extra)
        self.huffman(0, 7)

    def data(self) -> bytes:
        return self._value.to_bytes(-(-self._length // 8), "little")


_LENGTHS = [(257 + n, 3 + n, 0) for n in range(8)]
for _extra in range(1, 5):
    _LENGTHS += [(257 + 4 * _extra + 4 + n, 3 + (4 + n << _extra), _extra) for n in range(4)]
_DISTANCES = [(n, 1 + n, 0) for n in range(4)]
for _extra in range(1, 7):
    _DISTANCES += [(2 + 2 * _extra + n, 1 + (2 + n << _extra), _extra) for n in range(2)]


def _literal(length: int) -> bytes:
    return b"\0" + struct.pack("<2H", length, length ^ 0xFFFF)


def _repeat(length: int) -> bytes:
    bits = _Bits()
    if length == 4 * _WORD:
        bits.match_block((10, 20), (10, 20))
    else:
        bits.match_block((length, length))
        bits.empty_block()
    return bits.data()


def _repeat_tail(length: int) -> bytes:
    bits = _Bits()
    bits.match_block((length, length))
    bits.number(0, 3)  # an empty stored block, which ends at a byte
    return bits.data().ljust(4, b"\0") + b"\0\0\xff\xff"


def zip_quine() -> bytes:
    """Return the zip."""
    size = packed = 0
    for _ in range(2):  # the lengths don't depend on the numbers
        fields = struct.pack("<HHHHHLLLHH", 20, 0, 8, 0, 33, 0, packed, size, len(_NAME), 0)
        head = b"PK\x03\x04" + fields + _NAME
        entry = b"PK\x01\x02\x14\0" + fields + bytes(14) + _NAME
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(head) + packed, 0)
        tail = b"\x03\0" + entry + end
        program = _program(head, tail)
        packed = len(program) + 2
        size = len(head) + len(program) + len(tail)
    return head + program + tail


def _program(head: bytes, tail: bytes) -> bytes:
    assert len(head) == _HEAD_BYTES
    again = len(_repeat_tail(100)) + len(tail)
    l0, l1, l4, l_head, l_tail = (_literal(n) for n in (0, _WORD, 4 * _WORD, _HEAD_BYTES + _WORD, again))
    r4, r_head, r_tail = _repeat(4 * _WORD), _repeat(_HEAD_BYTES + _WORD), _repeat_tail(again)
    assert {len(word) for word in (l0, r4, r_head)} == {_WORD}
    return b"".join(
        [l_head, head, l_head, r_head, l1, r_head, l1, l1, l4, r_head, l1, l1, l4, r4, l4, r4, l4, r4, l4, r4]
        + [l4, r4, l0, l0, l_tail, r4, l0, l0, l_tail, r_tail, tail, r_tail]
    )
