"""Long work is visible, phase by phase: one line on a terminal, few lines in a log elsewhere."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.lake.layout import table_names
from dicom_udf.logs import log_settings
from dicom_udf.progress import Counts, Progress, ReadProgress
from dicom_udf.scanning import ScanCounts
from tests.job_process import ROOT

SAMPLE = ROOT / "sample_dcm"
COMMAND = [sys.executable, "-c", "import sys; from dicom_udf.cli import main; sys.exit(main())"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """The texts of the line, one after the other."""
        return [line for line in re.split(r"\r\x1b\[K|\r|\n", self.getvalue()) if line]


@pytest.fixture(autouse=True)
def terminal_of_any_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)


def reading(now: Counts, *, before: Counts = (0, 0, 0), total: int = 5000) -> ReadProgress:
    states = iter([before])
    return ReadProgress(total, lambda: next(states, now))


@pytest.mark.parametrize(
    ("counts", "seconds", "words"),
    [
        ((0, 0, 0), 0.0, "0/5,000 objects"),
        ((0, 0, 0), 20.0, "0/5,000 objects"),
        ((1000, 2000, 3), 10.0, "1,000/5,000 objects, 2,000 instances, 200 headers/s, 3 failures, 0:40 left"),
        ((1, 1, 1), 20.0, "1/5,000 objects, 1 instance, 1 failure"),
        ((60, 66, 0), 0.5, "60/5,000 objects, 66 instances"),
        ((1000, 2000, 0), 4.0, "1,000/5,000 objects, 2,000 instances, 500 headers/s"),
        ((5000, 9000, 3), 90.0, "5,000/5,000 objects, 9,000 instances, 100 headers/s, 3 failures, all read"),
    ],
)
def test_a_rate_and_a_time_come_only_where_they_mean_something(counts: Counts, seconds: float, words: str) -> None:
    assert reading(counts).describe(seconds) == words


def test_a_later_batch_has_the_rate_of_its_own_time() -> None:
    later = reading((3000, 3000, 0), before=(2000, 2000, 0))
    assert later.describe(10.0) == "3,000/5,000 objects, 3,000 instances, 100 headers/s, 0:20 left"


@given(
    st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9)),
    st.integers(1, 10**9),
    st.floats(0, 1e9),
)
def test_no_line_has_a_rate_of_zero(counts: Counts, total: int, seconds: float) -> None:
    assert not re.search(r"(?<![\d,])0 headers/s", reading(counts, total=total).describe(seconds))
    scanned = ScanCounts(instances=counts[0])
    assert not re.search(r"(?<![\d,])0 headers/s", scanned.describe(seconds))


def test_a_terminal_sees_one_line_renewed_from_phase_to_phase() -> None:
    terminal, looked = Terminal(), threading.Event()
    states = iter(["1", "2"])

    def describe(_: float) -> str:
        state = next(states, "3")
        if state == "3":
            looked.set()
        return f"{state} objects"

    progress = Progress(stream=terminal, interval=0.001)
    with progress.shown():
        progress.begin("starting Spark", is_logged=True)
        progress.begin("listing", describe)
        assert looked.wait(10)
        progress.begin("planning")
    assert terminal.lines[0] == "starting Spark ..."
    assert {"listing: 1 objects", "listing: 3 objects"} <= set(terminal.lines)
    assert terminal.lines[-1] == "planning ..."
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K"), "what is printed next begins in an empty line"


def test_a_phase_that_begins_again_goes_on() -> None:
    terminal = Terminal()
    progress = Progress(stream=terminal, interval=60)
    with progress.shown():
        progress.begin("starting Spark")
        progress.begin("starting Spark")
    assert terminal.lines == ["starting Spark ..."]


def test_a_log_has_the_first_phase_at_once_and_the_last_state_of_counts(caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    progress = Progress(stream=stream)
    with caplog.at_level(logging.INFO, "dicom_udf.progress"), progress.shown():
        progress.begin("starting Spark", is_logged=True)
        progress.begin("opening the lake")
        progress.begin("listing", lambda _: "3 objects")
        progress.begin("reading", reading((3, 4, 1), total=3).describe, is_logged=True)
        progress.begin("committing")
    assert stream.getvalue() == ""
    assert caplog.messages == ["starting Spark", "reading: 3/3 objects, 4 instances, 1 failure, all read"]


def test_a_log_has_a_line_of_a_phase_that_lasts(caplog: pytest.LogCaptureFixture) -> None:
    progress = Progress(stream=io.StringIO(), interval=0.001)
    with caplog.at_level(logging.INFO, "dicom_udf.progress"), progress.shown():
        progress.begin("committing")
        deadline = time.monotonic() + 10
        while not caplog.messages and time.monotonic() < deadline:
            time.sleep(0.001)
    assert caplog.messages[0] == "committing, for 0:00"


def test_a_dumb_terminal_and_json_get_lines_of_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for setting in ("dumb", "json"):
        caplog.clear()
        with monkeypatch.context() as patch, caplog.at_level(logging.INFO, "dicom_udf.progress"):
            if setting == "dumb":
                patch.setenv("TERM", "dumb")
            else:
                patch.setattr(log_settings, "is_json", True)
            terminal = Terminal()
            progress = Progress(stream=terminal)
            with progress.shown():
                progress.begin("starting Spark", is_logged=True)
        assert (terminal.getvalue(), caplog.messages) == ("", ["starting Spark"])


def test_a_narrow_terminal_cuts_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    progress = Progress(stream=terminal)
    with progress.shown():
        progress.begin("reading", reading((1000, 2000, 3)).describe)
    assert [len(line) for line in terminal.lines] == [39]


def test_nothing_is_shown_outside_of_a_command() -> None:
    terminal = Terminal()
    progress = Progress(stream=terminal)
    progress.begin("opening the lake")
    with progress.shown():
        pass
    progress.begin("opening the lake")
    assert terminal.getvalue() == ""
    assert "progress" not in {thread.name for thread in threading.enumerate()}


def test_failed_work_leaves_no_half_line() -> None:
    terminal = Terminal()
    progress = Progress(stream=terminal)
    with pytest.raises(RuntimeError, match="work"), progress.shown():
        progress.begin("committing")
        raise RuntimeError("work")
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_counts_that_fail_do_not_fail_the_work(caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def describe(_: float) -> str:
        calls.append(1)
        raise ConnectionError("gateway is gone")

    terminal = Terminal()
    progress = Progress(stream=terminal, interval=0.001)
    with caplog.at_level(logging.DEBUG, "dicom_udf.progress"), progress.shown():
        progress.begin("reading", describe)
        time.sleep(0.05)
    assert len(calls) == 1, "it is not called again"
    assert terminal.lines[0] == "reading ..."
    assert "gateway" not in caplog.messages[0]


def test_a_terminal_that_was_closed_does_not_fail_the_work() -> None:
    controller, terminal = pty.openpty()
    stream = open(terminal, "w", encoding="utf-8")  # noqa: SIM115 - closing it fails, as it must
    progress = Progress(stream=stream, interval=0.001)
    with progress.shown():
        progress.begin("starting Spark")
        os.close(controller)
        time.sleep(0.02)
        progress.begin("listing")
    with pytest.raises(OSError, match="Input/output"):
        stream.close()


# --- The command itself


def on_a_terminal(words: list[str], *, columns: int, **shell: str) -> tuple[int, str]:
    """Run the command on a terminal of so many columns; return its status and what it wrote there."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {**os.environ, "TERM": "xterm", **shell}
    env.pop("COLUMNS", None)
    process = subprocess.Popen([*COMMAND, *words], stdin=terminal, stdout=terminal, stderr=terminal, env=env)
    os.close(terminal)
    shown = b""
    while True:
        select.select([controller], [], [], 120)
        try:
            shown += os.read(controller, 65536)
        except OSError:  # its last writer has ended
            break
    os.close(controller)
    return process.wait(60), shown.decode()


@pytest.mark.parametrize(
    ("words", "shell", "is_shown"),
    [
        (["--output", "rows.csv"], {}, True),
        ([], {}, False),
        (["--output", "rows.csv"], {"TERM": "dumb"}, False),
    ],
)
def test_a_scan_shows_its_progress_unless_its_rows_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], shell: dict[str, str], is_shown: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    status, shown = on_a_terminal(["scan", str(SAMPLE), *words], columns=40, **shell)
    assert status == 0
    assert ("scanning ..." in shown, "\x1b" in shown) == (is_shown, is_shown)
    assert not words or re.search(r"instances +66  in", shown)


def test_an_argument_that_is_wrong_is_reported_before_any_progress(tmp_path: Path) -> None:
    status, shown = on_a_terminal(["ingest", str(tmp_path / "none"), "--lake", str(tmp_path / "lake")], columns=40)
    assert status == 2
    assert shown.startswith("dicom-lake: error: the source")
    status, shown = on_a_terminal(["upgrade", "--lake", str(tmp_path / "lake")], columns=40)
    assert (status, "Spark" in shown) == (2, False)


def test_a_lake_that_can_not_be_made_is_reported_before_any_progress(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, shown = on_a_terminal(["ingest", str(SAMPLE), "--lake", str(tmp_path / "file" / "lake")], columns=40)
    assert (status, "Spark" in shown) == (2, False)
    assert shown.startswith("dicom-lake: error: the lake ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_lake_that_can_not_be_written_is_reported_before_any_progress(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir(mode=0o555)
    status, shown = on_a_terminal(["ingest", str(SAMPLE), "--lake", str(tmp_path / "lake")], columns=40)
    assert (status, "Spark" in shown) == (2, False)
    assert shown.startswith("dicom-lake: error: this user can't write in ")


@pytest.mark.spark
def test_a_first_run_on_a_narrow_terminal_shows_its_phases_and_no_words_of_spark(tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    status, shown = on_a_terminal(["ingest", str(SAMPLE), "--lake", lake, "--master", "local[2]"], columns=40)
    assert status == 0
    assert shown.startswith("\r\x1b[Kstarting Spark ...\r")
    phases = [
        line for line in re.split(r"\r\x1b\[K|\r|\n", shown) if re.match(r"(start|open|list|plann|read|commit)", line)
    ]
    assert {"opening the lake ...", "listing: 60 objects", "planning ...", "committing ..."} <= set(phases)
    assert "reading: 60/60 objects, 66 instances" in " ".join(phases), "the last counts are shown"
    assert max(map(len, phases)) <= 39
    report = shown.rpartition("\x1b[K")[2]
    assert report.startswith("run ")
    assert not re.search(r":: loading|WARN |log level|NativeCodeLoader|(?<!\d)0 headers/s", shown)


@pytest.mark.spark
def test_json_lines_and_private_keys_stay_as_they_are(tmp_path: Path) -> None:
    words = ["init", "--lake", str(tmp_path / "lake"), "--log-format", "json", "--master", "local[2]"]
    status, shown = on_a_terminal([*words, "--private-keys", "true"], columns=40)
    assert status == 0
    *lines, last = shown.splitlines()
    messages = [json.loads(line)["message"] for line in lines]
    assert messages[0] == "starting Spark"
    assert "\x1b" not in shown
    assert all(table in last for table in table_names())


@pytest.mark.spark
def test_a_reader_that_leaves_does_not_fail_a_run(tmp_path: Path) -> None:
    words = ["ingest", str(SAMPLE), "--lake", str(tmp_path / "lake"), "--log-level", "DEBUG", "--master", "local[2]"]
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    process.stderr.close()
    out = process.communicate(timeout=300)[0]
    assert process.returncode == 0
    assert out.startswith(b"run ")
