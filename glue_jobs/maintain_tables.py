"""Compact files, expire snapshots, remove what dead runs left: the job for AWS Glue, EMR (spark-submit), plain Python.

Arguments: ``--help``. Glue's own arguments are tolerated.
"""

from __future__ import annotations

import sys

from dicom_udf.cli import maintain_job


def main() -> None:
    """Run the job; leave with its exit status where it isn't 0 (a Glue script ends well by returning)."""
    status = maintain_job(sys.argv[1:])
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main()
