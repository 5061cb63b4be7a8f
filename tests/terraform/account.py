"""An account of moto in a process of its own: what a test makes and destroys there, no other test sees.

moto keeps one state for a process, and the installation of other tests is in it.

    with moto_process() as server:
        server.client("glue")
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from tests.job_process import ROOT
from tests.servers.s3 import S3Server, moto_server

__all__ = ["moto_process"]


@contextlib.contextmanager
def moto_process() -> Iterator[S3Server]:
    """Run moto until the block ends. Runs of jobs end when their state is requested for the second time."""
    command = [sys.executable, "-m", "tests.terraform.account"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield S3Server(process.stdout.readline().strip())
        finally:
            process.stdin.close()


def _serve() -> None:
    """Write the endpoint and serve until stdin ends."""
    from moto.athena.responses import AthenaResponse
    from moto.moto_api import state_manager
    from moto.s3.models import FakeDeleteMarker

    # moto ends with an error where the versions of a bucket are deleted and one is a delete marker.
    FakeDeleteMarker.dispose = lambda _: None  # type: ignore[attr-defined]
    # moto makes named queries and doesn't delete them.
    AthenaResponse.delete_named_query = lambda _: "{}"  # type: ignore[attr-defined]
    state_manager.set_transition("glue::job_run", {"progression": "manual", "times": 1})
    with moto_server() as server:
        sys.stdout.write(f"{server.endpoint}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    _serve()
