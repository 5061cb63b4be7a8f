"""Mutated headers, many of them: each must give a Header or a FileFault, soon, and nothing else.

    python -m tests.header.fuzz [COUNT] [SEED]

Prints how many of each came out, and the slowest.
"""

import collections
import io
import json
import random
import sys
import time

from dicom_udf.columns import selection
from dicom_udf.errors import FileFault
from dicom_udf.header import read_header
from tests.header.files import shipped

LONGEST = 64 << 10


def mutate(content: bytes, chance: random.Random) -> bytes:
    """Cut, flip, move, repeat, or change lengths: one to four times."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        if len(data) < 8:
            break
        at = chance.randrange(min(len(data), 4096) if chance.random() < 0.7 else len(data))
        kind = chance.randrange(7)
        if kind == 0:
            del data[at:]
        elif kind == 1:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            data[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xfe\xff\xff\x7f", b"\xff\xff\0\0"))
        elif kind == 3:
            data[at : at + chance.randint(1, 64)] = b""
        elif kind == 4:
            data[at:at] = data[max(0, at - chance.randint(1, 256)) : at]
        elif kind == 5:
            data[at : at + 8] = chance.choice(
                (b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0")
            )
        else:
            data[at : at + 2] = chance.choice((b"SQ", b"UN", b"OB", b"DS", b"PN", b"US", b"??", b"\x1b$"))
    return bytes(data)


def outcome(content: bytes) -> str:
    """Read it as the pipeline does; any exception but FileFault is a defect and passes through."""
    try:
        header = read_header(io.BytesIO(content), bulk_data_base="file:///x", selection=selection())
    except FileFault as fault:
        return str(fault.code)
    json.loads(header.json)
    header.json.encode()
    return "header" if header.fault is None else "header, " + header.fault.partition("@")[0]


def main(count: int, seed: int) -> None:
    chance = random.Random(seed)
    seeds = [content for path in shipped() if (content := path.read_bytes()) and path.suffix != ".json"]
    seeds = [content[:LONGEST] for content in seeds]
    outcomes: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    for number in range(count):
        content = mutate(chance.choice(seeds), chance)
        start = time.perf_counter()
        try:
            outcomes[outcome(content)] += 1
        except Exception as error:
            sys.stderr.write(f"input {number} of seed {seed}: {type(error).__name__}\n")
            raise
        slowest = max(slowest, time.perf_counter() - start)
    for name, number in outcomes.most_common():
        sys.stdout.write(f"{number:>9,}  {name}\n")
    sys.stdout.write(f"{count:>9,}  inputs; the slowest took {slowest * 1000:.0f} ms\n")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [200_000, 1][len(given) :]))
