"""Long work is visible: one line on a terminal, log lines elsewhere."""

from __future__ import annotations

import io
import logging
import threading
import time

import pytest

from dicom_udf.progress import Progress, progress_line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("counts", "seconds", "line"),
    [
        ((0, 0, 0), 0.0, "0/5,000 objects, 0 instances, 0 failures"),
        ((0, 0, 0), 2.0, "0/5,000 objects, 0 instances, 0 headers/s, 0 failures"),
        ((1000, 2000, 3), 10.0, "1,000/5,000 objects, 2,000 instances, 200 headers/s, 3 failures, 0:40 left"),
        ((1, 1, 0), 2.0, "1/5,000 objects, 1 instances, 0 headers/s, 0 failures, 2:46:38 left"),
        ((5000, 9000, 3), 90.0, "5,000/5,000 objects, 9,000 instances, 100 headers/s, 3 failures, all read"),
    ],
)
def test_a_line_tells_what_is_done_and_what_is_left(counts: tuple[int, int, int], seconds: float, line: str) -> None:
    assert progress_line(5000, counts, seconds) == line


def test_a_terminal_sees_one_line_renewed() -> None:
    terminal, looked = Terminal(), threading.Event()
    states = iter([(1, 1, 0), (2, 2, 0)])

    def poll() -> tuple[int, int, int]:
        state = next(states, (3, 4, 1))
        if state == (3, 4, 1):
            looked.set()
        return state

    with Progress(3, poll, stream=terminal, interval=0.001):
        assert looked.wait(10)
    shown = terminal.getvalue()
    assert shown.count("\n") == 1
    assert shown.endswith("1 failures, all read\x1b[K\n")
    assert "\r1/3 objects" in shown


def test_a_log_gets_plain_lines(caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    with caplog.at_level(logging.INFO, "dicom_udf.progress"), Progress(3, lambda: (3, 4, 1), stream=stream):
        pass
    assert stream.getvalue() == ""
    assert len(caplog.records) == 1, "the last state is reported even of short work"
    assert caplog.messages[0].startswith("3/3 objects, 4 instances")


def test_where_nothing_is_to_be_read_nothing_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    terminal = Terminal()
    with caplog.at_level(logging.DEBUG, "dicom_udf.progress"):
        for stream in (terminal, io.StringIO()):
            with Progress(0, lambda: (0, 0, 0), stream=stream):
                pass
    assert terminal.getvalue() == ""
    assert not caplog.records


def test_the_speed_is_that_of_reading_not_of_what_follows() -> None:
    terminal = Terminal()
    with Progress(3, lambda: (3, 4, 1), stream=terminal, interval=0.001) as progress:
        while "all read" not in terminal.getvalue():
            time.sleep(0.001)
        read_in = progress._read_in
        time.sleep(0.02)
    assert progress._read_in == read_in > 0
    assert len({line for line in terminal.getvalue().replace("\n", "").split("\r") if line}) == 1


def test_failed_work_leaves_no_half_line() -> None:
    terminal = Terminal()
    with pytest.raises(RuntimeError, match="work"), Progress(3, lambda: (1, 1, 0), stream=terminal):
        raise RuntimeError("work")
    assert terminal.getvalue() == "\r\x1b[K"


def test_progress_that_cannot_be_asked_for_does_not_fail_the_work(caplog: pytest.LogCaptureFixture) -> None:
    asked = threading.Event()

    def poll() -> tuple[int, int, int]:
        asked.set()
        raise ConnectionError("gateway is gone")

    level = caplog.at_level(logging.DEBUG, "dicom_udf.progress")
    with level, Progress(3, poll, stream=Terminal(), interval=0.001) as progress:
        assert asked.wait(10)
        progress._thread.join(10)
        assert not progress._thread.is_alive(), "it asks no more"
    assert "gateway" not in caplog.messages[0]
