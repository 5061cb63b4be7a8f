"""The work of a fetch before it starts: what is missing, in which objects, and its price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from dicom_udf.errors import ConfigurationError
from dicom_udf.fetching.cohort import CohortFile
from dicom_udf.rendering import bytes_text
from dicom_udf.sources import REMOTE, Pace

__all__ = ["GB_TO_INTERNET", "GET_1000", "MEMBERS_PACE", "FetchPlan", "Job", "make_plan"]

GET_1000 = 0.0004
"""USD for 1,000 GET requests to S3 Standard; ``s3_get_1000`` of benchmarks/cost.tsv, as a test checks."""

GB_TO_INTERNET = 0.09
"""USD for a GB (10^9 bytes) from S3 to the internet, the first 10 TB of a month."""

MEMBERS_PACE = Pace(gap=REMOTE.gap, largest=3 << 19, ahead=16)
"""Of members: most requests are for one member each, so more of them are under way, for as much memory as REMOTE's."""

_STREAMED = (".gz", ".tgz", ".bz2", ".tbz", ".tbz2", ".xz", ".txz")
"""Endings of archives that are read from their start; only the estimate depends on them."""

_REQUESTS_FOR_DIRECTORY = 4


@dataclass(frozen=True, slots=True)
class Job:
    """Files of one stored object, which one thread reads.

    Attributes:
        files: One loose file, or members of one archive.
        requests: Estimate of requests to the store.
        bytes: Estimate of bytes from the store; sizes that are unknown are left out.
    """

    files: tuple[CohortFile, ...]
    requests: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """The work.

    Attributes:
        folder: The target folder.
        files: All files, also those in the folder.
        there: Numbers of files, counted from 0, whose target has their size already.
        jobs: The others, by object.
    """

    folder: Path
    files: tuple[CohortFile, ...]
    there: frozenset[int]
    jobs: tuple[Job, ...]

    @property
    def bytes(self) -> int:
        """Estimate of the bytes from the stores."""
        return sum(job.bytes for job in self.jobs)

    @property
    def missing(self) -> int:
        """Number of files to fetch."""
        return len(self.files) - len(self.there)

    def to_text(self) -> str:
        """Return a line for people: files, bytes, requests, dollars."""
        parts = [f"{self.missing:,} files to fetch, about {bytes_text(self.bytes)}"]
        unknown = sum(file.size is None for job in self.jobs for file in job.files)
        if unknown:
            parts.append(f"{unknown:,} of unknown size")
        remote = [job for job in self.jobs if job.files[0].uri.startswith("s3://")]
        if remote:
            requests, size = sum(job.requests for job in remote), sum(job.bytes for job in remote)
            inside = requests / 1000 * GET_1000
            parts.append(
                f"{requests:,} requests: {inside:.4f} USD in the bucket's region, "
                f"{inside + size / 1e9 * GB_TO_INTERNET:.2f} USD over the internet"
            )
        if self.there:
            parts.append(f"{len(self.there):,} files are there already")
        return "; ".join(parts)


def make_plan(files: Sequence[CohortFile], folder: Path) -> FetchPlan:
    """Compare the files with the folder, and group the missing ones by object.

    Args:
        files: In the order of their objects.
        folder: The target folder; it may be missing.

    Raises:
        ConfigurationError: A folder has the name of a target, or the target folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is a file; give --to a folder")
    there = frozenset(number for number, file in enumerate(files) if _is_there(folder / file.target, file, number))
    missing = (file for number, file in enumerate(files) if number not in there)
    return FetchPlan(folder, tuple(files), there, tuple(_jobs(missing)))


def _is_there(path: Path, file: CohortFile, number: int) -> bool:
    try:
        if path.is_dir():
            raise ConfigurationError(
                f"a folder has the name of the target of row {number + 1}; give --to another folder"
            )
        return file.size is not None and path.is_file() and path.stat().st_size == file.size
    except OSError:  # e.g. a name that this file system can't have; writing reports it
        return False


def _jobs(files: Iterator[CohortFile]) -> Iterator[Job]:
    for (_, is_loose), group in groupby(files, key=lambda file: (file.uri, file.member is None)):
        found = tuple(group)
        if is_loose:
            yield from (_estimate((file,)) for file in found)
        else:
            yield _estimate(found)


def _estimate(files: tuple[CohortFile, ...]) -> Job:
    size, first = sum(file.size or 0 for file in files), files[0]
    if first.member is None:
        return Job(files, max(1, -(-size // REMOTE.largest)), size)
    if first.uri.lower().endswith(_STREAMED):
        whole = first.object_size or size
        return Job(files, 1 + whole // REMOTE.largest, whole)
    return Job(files, _REQUESTS_FOR_DIRECTORY + len(files) + size // MEMBERS_PACE.largest, size)
