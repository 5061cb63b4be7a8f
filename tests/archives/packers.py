"""Small files as other packers and makers of disc images begin them."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from itertools import product

from tests.archives.packing import some_data

__all__ = ["DMGS", "PACKED"]

_BODY = some_data(7, 3000)[132:]


def _disc(*descriptors: bytes, boot: bytes = b"") -> bytes:
    sectors = b"".join(descriptor.ljust(2048, b"\0") for descriptor in descriptors)
    return boot.ljust(32 << 10, b"\0") + sectors + _BODY


def _volume(kind: int, name: bytes) -> bytes:
    return bytes([kind]) + name + b"\x01"


def _cpio_ascii(magic: bytes) -> bytes:
    name = b"1.dcm\0"
    if magic == b"070707":
        numbers = (1, 2, 0o100644, 0, 0, 1, 0)
        return magic + b"".join(b"%06o" % n for n in numbers) + b"%011o%06o%011o" % (0, len(name), 9) + name + _BODY
    numbers13 = (1, 0o100644, 0, 0, 1, 0, 9, 0, 0, 0, 0, len(name), 0)
    return magic + b"".join(b"%08X" % n for n in numbers13) + name + _BODY


def _cpio_binary(form: str, mode: int, name: bytes) -> bytes:
    return struct.pack(form, 0o070707, 1, 2, mode, 0, 0, 1, 0, 0, 0, len(name), 0, 9) + name + _BODY


def _lzma(properties: int, dictionary: int, size: int) -> bytes:
    return struct.pack("<BLQ", properties, dictionary, size) + b"\0" + _BODY


def _lzma_of_python(preset: int) -> bytes:
    return lzma.compress(_BODY, format=lzma.FORMAT_ALONE, preset=preset)


def _arj() -> bytes:
    header = bytes([30, 11, 1, 0, 0, 0, 2, 0]) + bytes(22) + b"a.arj\0\0"
    return b"\x60\xea" + struct.pack("<H", len(header)) + header + struct.pack("<L", zlib.crc32(header)) + _BODY


def _lha(method: bytes, level: int) -> bytes:
    fixed = method + struct.pack("<3L", 99, 99, 0) + b"\x20" + bytes([level])
    return bytes([22 + 5, sum(fixed) % 256]) + fixed + b"\x05a.dcm" + _BODY


_UNKNOWN = (1 << 64) - 1

PACKED: dict[str, tuple[str, bytes]] = {
    "7z": ("7z", b"7z\xbc\xaf\x27\x1c\0\4" + _BODY),
    "rar 1.3": ("rar", b"RE~^" + _BODY),
    "rar 4": ("rar", b"Rar!\x1a\x07\0" + _BODY),
    "rar 5": ("rar", b"Rar!\x1a\x07\1\0" + _BODY),
    "lz4": ("lz4", b"\x04\x22\x4d\x18" + _BODY),
    "lz4 legacy": ("lz4", b"\x02\x21\x4c\x18" + _BODY),
    "compress": ("compress", b"\x1f\x9d\x90" + _BODY),
    "lzip": ("lzip", b"LZIP\x01\x14" + _BODY),
    "lzop": ("lzop", b"\x89LZO\0\r\n\x1a\n" + _BODY),
    "cab": ("cab", b"MSCF\0\0\0\0" + _BODY),
    "cab of InstallShield": ("cab", b"ISc(" + _BODY),
    "xar": ("xar", b"xar!\0\x1c\0\1" + _BODY),
    "wim": ("wim", b"MSWIM\0\0\0\xd0" + _BODY),
    "squashfs": ("squashfs", b"hsqs" + _BODY),
    "squashfs, big endian": ("squashfs", b"sqsh" + _BODY),
    "arj": ("arj", _arj()),
    "raw disc": ("disc image of raw sectors", b"\0" + b"\xff" * 10 + b"\0" + _BODY),
    "dmg, encrypted": ("dmg", b"encrcdsa\0\0\0\2" + _BODY),
    "cpio newc": ("cpio", _cpio_ascii(b"070701")),
    "cpio crc": ("cpio", _cpio_ascii(b"070702")),
    "cpio odc": ("cpio", _cpio_ascii(b"070707")),
    "iso, no more": ("ISO 9660", bytes(32 << 10) + _volume(1, b"CD001")),
    "iso and udf": ("ISO 9660", _disc(_volume(1, b"CD001"), _volume(255, b"CD001"), _volume(0, b"BEA01"))),
}
PACKED |= {
    f"iso, boot code {boot[:4].hex()}": ("ISO 9660", _disc(_volume(1, b"CD001"), _volume(255, b"CD001"), boot=boot))
    for boot in (
        b"",
        b"\x33\xed" + b"\x90" * 30,
        b"ER\x08\0\0\0\x01\0",
        b"\xeb\x63\x90",
        b"MZ" + bytes(62),
        b"\xfa\xb8",
    )
}
PACKED |= {
    f"udf {name.decode()}": ("UDF", _disc(_volume(0, name), _volume(0, b"NSR02"), _volume(0, b"TEA01")))
    for name in (b"BEA01", b"NSR02", b"NSR03", b"BOOT2")
}
PACKED |= {
    f"cpio binary {form} {mode:o} {name.decode()}": ("cpio", _cpio_binary(form, mode, name + b"\0"))
    for form in ("<13H", ">13H")
    for mode, name in ((0o100644, b"1.dcm"), (0o040755, b"."), (0o100600, b"x" * 900), (0, b"TRAILER!!!"))
}
PACKED |= {f"lzma of preset {preset}": ("lzma", _lzma_of_python(preset)) for preset in range(10)}
PACKED |= {
    f"lzma {properties:#x} {dictionary:#x} {size:#x}": ("lzma", _lzma(properties, dictionary, size))
    for properties, dictionary, size in [
        *product((0, 4, 0x5D, 0x5E, 224 - 8), (4096, 6144, 1 << 23, 3 << 24, 0xFFFFFFFF), (_UNKNOWN,)),
        *product((0x5D,), (4096, 1 << 23, 1 << 26), (1, 3000, 1 << 37)),
    ]
}
PACKED |= {
    f"lha {method.decode()} level {level}": ("lha", _lha(method, level))
    for method, level in product((b"-lh0-", b"-lh1-", b"-lh5-", b"-lh7-", b"-lhd-", b"-lzs-", b"-pm2-"), range(4))
}
PACKED |= {
    f"zstd {magic.hex()}": ("zstd", magic + _BODY)
    for magic in [
        *(bytes([n]) + b"\xb5\x2f\xfd" for n in (0x1E, *range(0x22, 0x29))),
        *(bytes([0x50 + n]) + b"\x2a\x4d\x18\x04\0\0\0" for n in range(16)),
    ]
}

_TRAILER = (b"koly" + struct.pack(">2L", 4, 512)).ljust(512, b"\0")
_DMG_BEGINS: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda data: bytes(1024) + data,
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "program": lambda data: b"MZ" + data,
}
DMGS = {name: pack(_BODY) + _TRAILER for name, pack in _DMG_BEGINS.items()} | {"trailer only": _TRAILER}
"""Disc images of macOS: they begin like what they hold, and are known by their ends."""
