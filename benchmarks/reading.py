"""Where the time of one header goes: opening, finding members, the header, the row, Arrow, payloads.

    python -m benchmarks.reading [--headers 4000] [--rounds 3] [--cases mr,mixed,unlike,zip,s3]

Each step is a process of its own that does the work of the steps before it too; a line of the table is the difference
to the step before, in microseconds of CPU a header, of all threads. The median of the rounds counts. The files are in
the file cache. The time of imports is left out.

* mr: one series of slices, 250 elements each; mixed: CT and MR series, a folder each (``benchmarks.series_on_disk``)
* unlike: files of twenty makers, no two alike (``benchmarks.unlike``)
* zip: the MR series as stored members of one archive
* s3: the MR series as loose objects of versitygw on loopback, where it is installed
"""

from __future__ import annotations

import argparse
import itertools
import logging
import multiprocessing
import os
import statistics
import tempfile
import time
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from benchmarks.corpus import make_series
from benchmarks.job import machine, versions
from benchmarks.series_on_disk import make_corpus
from benchmarks.unlike import make_unlike
from dicom_udf.archives import members
from dicom_udf.collector import collect_rarely
from dicom_udf.columns import arrow_schema, instances_table, selection
from dicom_udf.errors import FileFault
from dicom_udf.header import HeaderReader
from dicom_udf.packing import pack_batches, to_present
from dicom_udf.read import cut_rows, read_rows
from dicom_udf.row_kind import RowKind
from dicom_udf.sources import ObjectRef, S3Access, open_ahead, open_store
from dicom_udf.tasks import Item, ReadSettings, Stamp
from tests.servers.s3 import find_versitygw, versitygw

__all__ = ["main"]

Step = Callable[[Sequence[Item], ReadSettings], Iterable[object]]


def main() -> None:
    """Make the corpora, measure every step, print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.reading", description="Where the time of one header goes.")
    parser.add_argument("--headers", type=int, default=4_000, help="of each corpus [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="[default: %(default)s]")
    parser.add_argument("--cases", default="mr,mixed,unlike,zip,s3", help="[default: %(default)s]")
    options = parser.parse_args()
    logging.disable()
    print(f"{machine()}, {versions()}, one process; µs of CPU a header.\n")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = {case: _items(case, folder, options.headers, stack) for case in options.cases.split(",")}
        print(f"| | {' | '.join(found)} |\n|---|{'--:|' * len(found)}")
        measured = {case: _measure(*one, options.headers, options.rounds) for case, one in found.items()}
    for name in STEPS:
        print(f"| {name} | {' | '.join(f'{steps[name]:.0f}' for steps in measured.values())} |")
    print(f"| **all** | {' | '.join(f'{sum(steps.values()):.0f}' for steps in measured.values())} |")


def _items(case: str, folder: Path, headers: int, stack: ExitStack) -> tuple[list[Item], ReadSettings]:
    """Make a corpus and return its objects."""
    access = S3Access()
    source = str(folder / case)
    if case == "mixed":
        make_corpus(folder / case, headers)
    elif case == "unlike":
        make_unlike(folder / case, headers)
    elif case == "zip":
        make_series(folder / "members", "MR", headers)
        (folder / case).mkdir()
        with zipfile.ZipFile(folder / case / "mr.zip", "w", zipfile.ZIP_STORED) as archive:
            for path in sorted((folder / "members").iterdir()):
                archive.write(path, path.name)
    elif case == "s3":
        if find_versitygw() is None:
            raise SystemExit("versitygw isn't installed: run .ci/install, or leave s3 out of --cases")
        (folder / "buckets").mkdir()
        server = stack.enter_context(versitygw(folder / "buckets"))
        os.environ.update(server.environment)
        client = server.client()
        client.create_bucket(Bucket="series")
        make_series(folder / "objects", "MR", headers)
        for path in sorted((folder / "objects").iterdir()):
            client.put_object(Bucket="series", Key=path.name, Body=path.read_bytes())
        access, source = S3Access(endpoint=server.endpoint, region=server.region), "s3://series"
    else:
        make_series(folder / case, "MR", headers)
    listed = itertools.chain.from_iterable(batch.to_pylist() for batch in open_store(source, access=access).list())
    refs = [ObjectRef(*row.values()) for row in listed]
    return [Item(ref) for ref in refs], ReadSettings(Stamp("run", datetime.now(UTC).replace(tzinfo=None)), access)


def _measure(items: Sequence[Item], settings: ReadSettings, headers: int, rounds: int) -> dict[str, float]:
    totals = [
        statistics.median(_seconds(step, items, settings) for _ in range(rounds)) / headers * 1e6
        for step in STEPS.values()
    ]
    return {name: after - before for name, after, before in zip(STEPS, totals, [0.0, *totals], strict=False)}


def _seconds(step: Step, items: Sequence[Item], settings: ReadSettings) -> float:
    """Return the seconds of CPU that a step takes in a new process: no header is remembered from another step."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_time, args=(step, items, settings, sender))
    process.start()
    try:
        return receiver.recv()
    finally:
        process.join()


def _time(
    step: Step, items: Sequence[Item], settings: ReadSettings, sender: multiprocessing.connection.Connection
) -> None:
    pa.array([1])  # imports pandas
    collect_rarely()
    start = time.process_time()
    deque(step(items, settings), maxlen=0)
    sender.send(time.process_time() - start)


# --- Steps, each with the work of those before it


def _open(items: Sequence[Item], settings: ReadSettings) -> Iterator[None]:
    for _, reader in open_ahead(items, settings.access):
        reader.close()
        yield


def _find_members(items: Sequence[Item], settings: ReadSettings) -> Iterator[object]:
    for item, reader in open_ahead(items, settings.access):
        with closing(reader):
            yield from members(reader, name=item.ref.uri, limits=settings.limits)


def _read_headers(items: Sequence[Item], settings: ReadSettings) -> Iterator[object]:
    reader = HeaderReader(selection())
    for member in _find_members(items, settings):
        try:
            yield reader.read(member.file, bulk_data_base="file:///x")
        except FileFault:
            continue


def _fill_rows(items: Sequence[Item], settings: ReadSettings) -> Iterator[object]:
    return read_rows(items, settings)


def _to_arrow(items: Sequence[Item], settings: ReadSettings) -> Iterator[object]:
    schema = arrow_schema(instances_table())
    for rows in cut_rows(read_rows(items, settings)):
        if rows[0]["kind"] is RowKind.INSTANCE:
            yield to_present(rows, schema)


def _pack(items: Sequence[Item], settings: ReadSettings) -> Iterator[object]:
    return pack_batches(items, settings, period="day")


STEPS: dict[str, Step] = {
    "open and close": _open,
    "find the file or the members": _find_members,
    "read the header": _read_headers,
    "make the row": _fill_rows,
    "turn rows into Arrow": _to_arrow,
    "sort, pack and compress": _pack,
}

if __name__ == "__main__":
    main()
