"""The work before it starts: objects, requests, bytes, dollars."""

from __future__ import annotations

import pytest

from benchmarks.cost import read_numbers
from dicom_udf.errors import ConfigurationError
from dicom_udf.fetching.cohort import CohortFile
from dicom_udf.fetching.plan import GET_1000, make_plan

MIB = 1 << 20


def test_the_price_of_a_request_is_that_of_the_page_about_cost():
    assert read_numbers()["s3_get_1000"] == GET_1000


def test_members_of_an_archive_are_one_job_and_each_loose_object_is_one(tmp_path):
    files = [
        CohortFile("s3://b/a.zip", "1", "1", 10 * MIB, "e", 900 * MIB),
        CohortFile("s3://b/a.zip", "2", "2", None, "e", 900 * MIB),
        CohortFile("s3://b/b.tar.gz", "1", "3", 10, "e", 60 * MIB),
        CohortFile("s3://b/l", None, "4", 13 * MIB, "e", 13 * MIB),
        CohortFile("s3://b/m", None, "5", 0, "e", 0),
    ]
    plan = make_plan(files, tmp_path / "out")
    assert [(len(job.files), job.requests, job.bytes // MIB) for job in plan.jobs] == [
        (2, 12, 10),
        (1, 11, 60),
        (1, 3, 13),
        (1, 1, 0),
    ]
    assert plan.to_text() == (
        "5 files to fetch, about 87.0 MB; 1 of unknown size; 27 requests: 0.0000 USD in the bucket's region, 0.01 USD "
        "over the internet"
    )


def test_files_that_are_there_in_their_size_are_no_work_and_local_files_have_no_price(tmp_path):
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "b").write_bytes(b"12")
    files = [CohortFile("file:///x", None, name, 3, "e", 3) for name in "abc"]
    plan = make_plan(files, tmp_path)
    assert plan.there == {0}
    assert plan.to_text() == "2 files to fetch, about 6 B; 1 files are there already"


def test_a_target_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="is a file; give --to a folder"):
        make_plan([], tmp_path / "file")
