"""Make an archive of the classes that Java loads for a run.

    python -m tests.class_archive ARCHIVE

The longer tests start Java some fifty times, each time a fifth faster from the archive
(https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html). It fits the Java and the jars that it was made
with; another Java passes over it. Where none can be made the file is empty.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

__all__ = ["java_options", "main"]

_QUIET = "-Xlog:disable"
"""Java would print on stdout why an archive doesn't fit."""


def java_options(archive: Path) -> str:
    """Return what ``SPARK_SUBMIT_OPTS`` is to hold."""
    return f"{_QUIET} -XX:SharedArchiveFile={archive}"


def main() -> None:
    """Run the job twice, the second time over a changed file, and let Java write the archive as it ends."""
    archive = Path(sys.argv[1]).absolute()
    archive.parent.mkdir(parents=True, exist_ok=True)
    os.environ["SPARK_SUBMIT_OPTS"] = f"{_QUIET} -XX:ArchiveClassesAtExit={archive}"
    from pydicom.data import get_testdata_file
    from pyspark import SparkContext

    from dicom_udf.config import IngestConfig
    from dicom_udf.pipeline import ingest

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        source.mkdir()
        (source / "CT.dcm").write_bytes(Path(get_testdata_file("CT_small.dcm")).read_bytes())
        for _ in range(2):
            os.utime(source / "CT.dcm")
            ingest(IngestConfig(source=str(source), lake=f"{folder}/lake", master="local[2]"))
        SparkContext._active_spark_context.stop()
        java = SparkContext._gateway.proc
        java.stdin.close()
        java.wait()
    archive.touch()


if __name__ == "__main__":
    main()
