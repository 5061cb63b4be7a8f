"""The report of a run: its counts for people, as JSON, and for a log."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dicom_udf.errors import FailureCode
from dicom_udf.rendering import aligned, bytes_text, counts_text, failure_lines

__all__ = ["Report"]


@dataclass(frozen=True, slots=True)
class Report:
    """The counts of one run. They come from what was staged, not from inside tasks, so retries don't double them.

    Attributes:
        run_id: ``ingest_run_id`` of the rows that the run wrote.
        objects_listed: Objects found at the source.
        objects_read: Objects opened.
        objects_new: Of these, unknown to the ledger before.
        objects_changed: Of these, known with another etag or size.
        objects_retried: Of these, unchanged, but with a curable failure the last time.
        objects_unchanged: Objects that were not opened because the ledger has them with the same etag and size.
        objects_deleted: Objects of the ledger that the source no longer has; their rows were removed.
        members: Files found in archives, failures included.
        instances: Rows written to ``instances``.
        failures: Rows written to ``failures``, by code; messages that are no S3 events, which make no row.
        bytes_read: Bytes that came back from the source's store.
        requests: Reads that went to the source's store.
        seconds: Duration of the run; the session's start is not part of it.
        lag_seconds: From the event, or ``source_last_modified``, to the commit, of the object that waited longest of
            those with an instance; None if there are none.
        messages: Taken from the queue; None without one.
        messages_left: That wait in the queue after the run, about; None without one.
    """

    run_id: str
    objects_listed: int = 0
    objects_read: int = 0
    objects_new: int = 0
    objects_changed: int = 0
    objects_retried: int = 0
    objects_unchanged: int = 0
    objects_deleted: int = 0
    members: int = 0
    instances: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    bytes_read: int = 0
    requests: int = 0
    seconds: float = 0.0
    lag_seconds: float | None = None
    messages: int | None = None
    messages_left: int | None = None

    @property
    def skipped(self) -> int:
        """Failures that are rightly no instance: severity ``skipped``."""
        return sum(count for code, count in self.failures.items() if FailureCode(code).severity == "skipped")

    @property
    def faults(self) -> int:
        """Failures that need attention: severity ``fault``."""
        return sum(self.failures.values()) - self.skipped

    @property
    def faulty_files(self) -> int:
        """Faults without the messages that are no S3 events, which are no files."""
        return self.faults - self.failures.get(FailureCode.INVALID_MESSAGE, 0)

    @property
    def fault_ratio(self) -> float:
        """Faulty files over instances and faulty files, 0 to 1; 0 where there is neither."""
        return self.faulty_files / (self.instances + self.faulty_files) if self.faulty_files else 0.0

    @property
    def headers_per_second(self) -> float:
        """Instances over seconds; 0 where no time has passed."""
        return self.instances / self.seconds if self.seconds else 0.0

    def to_json(self) -> str:
        """Write the report as a JSON object, one field a line, with the derived counts."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def write(self, path: Path | str) -> None:
        """Write the report as JSON, whole or not at all: a reader never sees half of one.

        Raises:
            OSError: The file can't be written.
        """
        path = Path(path)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_text(self.to_json(), encoding="utf-8")
        part.replace(path)

    def to_text(self) -> str:
        """Write the report for people: a small block of aligned lines, failures by count."""
        objects = {
            "new": self.objects_new,
            "changed": self.objects_changed,
            "tried again": self.objects_retried,
            "unchanged": self.objects_unchanged,
            "deleted": self.objects_deleted,
        }
        failures = sum(self.failures.values())
        speed = f"{self.headers_per_second:,.0f} headers/s " if self.headers_per_second >= 1 else ""
        lines: list[tuple[str, int | None, str]] = []
        if self.messages is not None:
            lines.append(("messages", self.messages, f"taken, {self.messages_left or 0:,} left in the queue"))
        lines += [
            ("objects listed", self.objects_listed, counts_text(objects)),
            ("objects read", self.objects_read, f"{self.requests:,} requests, {bytes_text(self.bytes_read)}"),
            ("members", self.members, "files in archives"),
            ("instances", self.instances, f"{speed}in {_duration(self.seconds)}"),
            ("failures", failures, counts_text({"skipped": self.skipped, "faults": self.faults})),
            *failure_lines(self.failures),
        ]
        return f"run {self.run_id}\n{aligned(lines)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields and the derived counts, as JSON has them."""
        counts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        counts["failures"] = {code: self.failures[code] for code in sorted(self.failures)}
        counts["seconds"] = round(self.seconds, 3)
        counts["lag_seconds"] = None if self.lag_seconds is None else round(self.lag_seconds, 3)
        counts["faults"] = self.faults
        counts["skipped"] = self.skipped
        counts["fault_ratio"] = round(self.fault_ratio, 6)
        counts["headers_per_second"] = round(self.headers_per_second, 1)
        return counts


def _duration(seconds: float) -> str:
    """``2.3 s``, ``4 min 05 s``, ``3 h 07 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
