"""Mutated headers, many of them: each must give a Header or a FileFault, soon, and nothing else.

    python -m tests.header.fuzz [--planted] [COUNT] [SEED]

With ``--planted``, each input has one to three of the faults of ``tests.header.random_faults`` in it, and half of them
are mutated as well. Prints how many of each came out, and the slowest.
"""

import collections
import io
import itertools
import json
import random
import sys
import time
from collections.abc import Callable, Iterator

from dicom_udf.columns import selection
from dicom_udf.errors import FileFault
from dicom_udf.header import read_header
from tests.header.files import shipped
from tests.header.random_faults import planted_input

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


def mutations(chance: random.Random) -> Iterator[bytes]:
    """Shipped files, mutated, without end."""
    seeds = [content for path in shipped() if (content := path.read_bytes()) and path.suffix != ".json"]
    seeds = [content[:LONGEST] for content in seeds]
    while True:
        yield mutate(chance.choice(seeds), chance)


def planted(chance: random.Random) -> Iterator[bytes]:
    """Files with planted faults, half of them mutated, without end."""
    while True:
        content = planted_input(chance)
        yield mutate(content, chance) if chance.random() < 0.5 else content


def main(inputs: Callable[[random.Random], Iterator[bytes]], count: int, seed: int) -> None:
    """Read that many inputs and print what came out."""
    outcomes: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    for number, content in enumerate(itertools.islice(inputs(random.Random(seed)), count)):
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
    words = sys.argv[1:]
    given = [int(word) for word in words if word != "--planted"]
    count, seed = given + [200_000, 1][len(given) :]
    main(planted if "--planted" in words else mutations, count, seed)
