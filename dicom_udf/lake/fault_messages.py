"""One message for each fault of a batch, for the error queue."""

from __future__ import annotations

import json
from collections.abc import Iterator

from dicom_udf.lake.staged import StagedBatch
from dicom_udf.row_kind import RowKind

__all__ = ["fault_messages"]

_LONGEST_NAME = 20_000
"""Characters of a member's name: a message of SQS has 256 KiB, and a character at most 12 bytes in JSON."""


def fault_messages(staged: StagedBatch) -> Iterator[str]:
    """Yield a JSON object of ASCII for each failure of a staged batch whose severity is ``fault``.

    Its fields are run_id, source_uri, source_member (null for a file outside archives), code, severity, message (never
    with a value of the file) and time (ISO 8601, UTC).
    """
    rows = staged.frame.where(f"kind = '{RowKind.FAILURE}' AND severity = 'fault'")
    columns = ("ingest_run_id", "source_uri", "source_member", "code", "severity", "message", "ingest_time")
    for row in rows.select(*columns).toLocalIterator():
        member = row["source_member"]
        yield json.dumps(
            {
                "run_id": row["ingest_run_id"],
                "source_uri": row["source_uri"],
                "source_member": None if member is None else member[:_LONGEST_NAME],
                "code": row["code"],
                "severity": row["severity"],
                "message": row["message"],
                "time": f"{row['ingest_time'].isoformat()}Z",
            }
        )
