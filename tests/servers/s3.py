"""S3 on loopback: moto for behaviour, versitygw for speed, large objects and a real server's answers.

    with versitygw(folder) as server:
        place(folder / "bucket" / "key", content)
        server.client().get_object(Bucket="bucket", Key="key")

Nothing global is set: ``server.environment`` is what a process needs to reach the server.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.loaders import JSONFileLoader, Loader

__all__ = [
    "NO_VERSITYGW",
    "S3Server",
    "find_versitygw",
    "free_port",
    "moto_s3",
    "moto_server",
    "place",
    "set_etag",
    "versitygw",
]

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
NO_VERSITYGW = "versitygw isn't installed: run .ci/install, or name it by VERSITYGW"
_START_SECONDS = 20
_POLL_SECONDS = 0.02
"""How long a server of moto takes to notice that it is to end."""


class _OneReader(JSONFileLoader):
    """Parses each file of botocore's models once for all sessions, which otherwise costs each client 0.1 s."""

    @staticmethod
    @functools.cache
    def load_file(file_path: str) -> Any:
        return JSONFileLoader().load_file(file_path)


Loader.FILE_LOADER_CLASS = _OneReader


@dataclass(frozen=True)
class S3Server:
    """A server that runs.

    Attributes:
        endpoint: ``http://127.0.0.1:PORT``.
        access_key: Of its one user, as is the secret.
    """

    endpoint: str
    access_key: str = "tests"
    secret_key: str = "tests-secret"
    region: str = REGION

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to sign requests, and to look nowhere else for credentials."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def through(self, endpoint: str) -> S3Server:
        """The same server by another way, e.g. a proxy's endpoint."""
        return replace(self, endpoint=endpoint)

    def client(self, service: str = "s3", /, **config: Any) -> Any:
        """A boto3 client; ``config`` goes to botocore's Config. What moto serves besides S3 has the same endpoint."""
        session = boto3.session.Session(self.access_key, self.secret_key, region_name=self.region)
        return session.client(
            service, endpoint_url=self.endpoint, config=Config(s3={"addressing_style": "path"}, **config)
        )


@contextlib.contextmanager
def moto_server() -> Iterator[S3Server]:
    """Run moto's server in this process: S3, Glue, SQS, CloudWatch, Athena, IAM; it forgets everything at the end."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request otherwise
    server = make_server("127.0.0.1", 0, _moto(), threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield S3Server(endpoint)
    finally:
        reset = urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")
        with urllib.request.urlopen(reset, timeout=_START_SECONDS):
            server.shutdown()
        thread.join()


@functools.cache
def _moto() -> Any:
    """The application of all servers of this process, whose routes take a second to make."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return DomainDispatcherApplication(create_backend_app)


moto_s3 = moto_server


def find_versitygw() -> str | None:
    """Where versitygw is: ``VERSITYGW``, PATH, Go's folder of programs, or the one of .ci/install."""
    named = os.environ.get("VERSITYGW")
    if named:
        return named
    folders = [Path.home() / "go" / "bin", ROOT / ".cache" / "bin"]
    return shutil.which("versitygw") or shutil.which("versitygw", path=os.pathsep.join(map(str, folders)))


@contextlib.contextmanager
def versitygw(folder: Path) -> Iterator[S3Server]:
    """Serve a folder: its folders are the buckets (names of three letters or more), what is in them the objects.

    Raises:
        FileNotFoundError: It isn't installed; ask :func:`find_versitygw` first where that is a reason to skip.
        RuntimeError: It doesn't answer.
    """
    program = find_versitygw()
    if program is None:
        raise FileNotFoundError(NO_VERSITYGW)
    server = S3Server(f"http://127.0.0.1:{free_port()}")
    command = [
        program, "--access", server.access_key, "--secret", server.secret_key, "--region", server.region,
        "--port", server.endpoint.removeprefix("http://"), "--health", "/health",
        "--keep-alive",  # without it every answer closes its connection
        "--quiet", "--iam-cache-disable", "posix", str(folder),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(server, process)
        yield server
    finally:
        process.kill()
        process.wait()


def place(path: Path, content: bytes) -> None:
    """Write an object straight into the folder of a bucket that versitygw serves: some 20 times as fast as PUT."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    set_etag(path, hashlib.md5(content, usedforsecurity=False).hexdigest())


def set_etag(path: Path, etag: str) -> None:
    """Give a file that was put into the folder the etag that versitygw itself would have noted; it makes up none."""
    os.setxattr(path, "user.etag", f'"{etag}"'.encode())


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for(server: S3Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"versitygw ended with status {process.returncode} before it answered")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{server.endpoint}/health", timeout=1):
            return
        time.sleep(0.01)
    raise RuntimeError(f"versitygw doesn't answer at {server.endpoint}")
