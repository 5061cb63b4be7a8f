"""The counts of a run, reported to people and to programs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.errors import FailureCode
from dicom_udf.report import Report, _duration

REPORT = Report(
    run_id="jr_1",
    objects_listed=1234,
    objects_read=1000,
    objects_new=999,
    objects_changed=1,
    objects_unchanged=234,
    objects_deleted=3,
    members=500,
    instances=1450,
    failures={"DICOMDIR": 3, "NOT_DICOM": 40, "TRUNCATED": 3},
    bytes_read=123_456_789,
    requests=1300,
    seconds=12.34567,
)

failures = st.dictionaries(st.sampled_from([code.value for code in FailureCode]), st.integers(0, 10**9))


def test_people_read_an_aligned_block_with_the_most_frequent_failure_first() -> None:
    assert REPORT.to_text() == (
        "run jr_1\n"
        "objects listed  1,234  999 new, 1 changed, 234 unchanged, 3 deleted\n"
        "objects read    1,000  1,300 requests, 123 MB\n"
        "members           500  files in archives\n"
        "instances       1,450  117 headers/s in 12.3 s\n"
        "failures           46  43 skipped, 3 faults\n"
        "  NOT_DICOM        40  skipped\n"
        "  DICOMDIR          3  skipped\n"
        "  TRUNCATED         3  fault\n"
    )


def test_programs_read_every_field() -> None:
    reported = json.loads(REPORT.to_json())
    for field in dataclasses.fields(Report):
        assert reported[field.name] == (12.346 if field.name == "seconds" else getattr(REPORT, field.name))
    assert reported["faults"] == 3
    assert reported["skipped"] == 43


@given(failures, st.integers(0, 10**9))
def test_skipped_files_are_no_faults(by_code: dict[str, int], instances: int) -> None:
    report = Report(run_id="r", failures=by_code, instances=instances)
    assert report.faults + report.skipped == sum(by_code.values())
    assert report.faults == sum(count for code, count in by_code.items() if code not in ("NOT_DICOM", "DICOMDIR"))
    assert 0 <= report.fault_ratio <= 1
    files = report.faults - by_code.get("INVALID_MESSAGE", 0)
    assert report.fault_ratio * (instances + files) == pytest.approx(files)


def test_a_message_that_is_no_event_is_a_fault_and_no_file() -> None:
    report = Report(run_id="r", failures={"INVALID_MESSAGE": 2}, messages=3, messages_left=1200)
    assert (report.faults, report.fault_ratio) == (2, 0)
    assert "messages           3  taken, 1,200 left in the queue\n" in report.to_text()
    assert "messages" not in Report(run_id="r").to_text()


def test_only_faults_make_a_ratio_of_one() -> None:
    assert Report(run_id="r", failures={"TRUNCATED": 2, "NOT_DICOM": 5}).fault_ratio == 1


def test_an_empty_run_has_no_ratio_and_no_speed() -> None:
    report = Report(run_id="r")
    assert report.fault_ratio == 0
    assert report.headers_per_second == 0
    assert report.to_text().splitlines()[-2:] == ["instances       0  in 0.0 s", "failures        0"]


@given(failures)
def test_every_failure_has_its_line_and_severity(by_code: dict[str, int]) -> None:
    lines = Report(run_id="r", failures=by_code).to_text().splitlines()
    reported = [line.split() for line in lines if line.startswith("  ")]
    assert {code: (int(count.replace(",", "")), severity) for code, count, severity in reported} == {
        code: (count, FailureCode(code).severity) for code, count in by_code.items() if count
    }
    counts = [int(count.replace(",", "")) for _, count, _ in reported]
    assert counts == sorted(counts, reverse=True)


def test_a_report_replaces_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old", encoding="utf-8")
    REPORT.write(path)
    assert json.loads(path.read_text(encoding="utf-8"))["run_id"] == "jr_1"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("seconds", "reported"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (11_220, "3 h 07 min")],
)
def test_durations_are_reported_in_two_units(seconds: float, reported: str) -> None:
    assert _duration(seconds) == reported
