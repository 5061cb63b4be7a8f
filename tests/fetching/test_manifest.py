"""Manifests that are read: what was written comes back, and what isn't one is refused with its row."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.errors import ConfigurationError
from dicom_udf.fetching.cohort import CohortFile
from dicom_udf.fetching.manifest import MANIFEST_COLUMNS, manifest_rows, read_manifest
from dicom_udf.rendering import write_rows

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=20)
loose = st.builds(
    lambda key, target, size, etag: CohortFile(f"s3://bucket/{key}", None, target, size, etag, size),
    texts, texts, st.none() | st.integers(0, 10**15), st.none() | texts,
)  # fmt: skip
packed = st.builds(
    lambda key, member, target, size, etag: CohortFile(f"file:///{key}", member, target, size, etag),
    texts, texts, texts, st.none() | st.integers(0, 10**15), st.none() | texts,
)  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("manifest") / "m.csv"


@given(files=st.lists(loose | packed, max_size=5))
def test_a_manifest_that_was_written_is_read_as_it_was(path, files):
    out = io.StringIO(newline="")
    write_rows(MANIFEST_COLUMNS, manifest_rows(files), form="csv", stream=out, width=None)
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    assert read_manifest(path) == sorted(files, key=lambda file: file.uri)


@given(data=st.binary(max_size=200))
def test_any_other_file_is_refused_by_a_sentence_or_read(path, data):
    path.write_bytes(b"source_uri,target,size\r\n" + data)
    try:
        read_manifest(path)
    except ConfigurationError as refused:
        assert "the manifest " in str(refused)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column source_uri and target in its first line"),
        ("source_uri,member\r\n", "has no column target"),
        ("source_uri,target\r\ns3://bucket,x\r\n", "row 1 of the manifest .* has a source_uri that is neither"),
        ("source_uri,target\r\nhttp://h/x,x\r\n", "row 1 of the manifest .* has a source_uri that is neither"),
        ("source_uri,target\r\nrelative/x,x\r\n", "row 1 of the manifest .* has a source_uri that is neither"),
        ("source_uri,target\r\ns3://b/k,x\r\ns3://b/k\r\n", "row 2 of the manifest .* has another number of fields"),
        ("source_uri,target\r\ns3://b/k,x,y\r\n", "row 1 of the manifest .* has another number of fields"),
        ("source_uri,target,size\r\ns3://b/k,x,-1\r\n", "row 1 of the manifest .* has a size that is not a number"),
        ("source_uri,target,size\r\ns3://b/k,x,²\r\n", "row 1 of the manifest .* has a size that is not a number"),
        ('source_uri,target\r\n"s3://b/k,x\r\n', "is not a CSV file in UTF-8"),
    ],
)
def test_a_broken_manifest_is_refused_with_the_number_of_the_row(path, text, message):
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(ConfigurationError, match=message):
        read_manifest(path)


def test_a_manifest_that_is_missing_or_in_another_encoding_is_refused(path):
    with pytest.raises(ConfigurationError, match=r"can't be read \(No such file or directory\)"):
        read_manifest(path.with_name("missing.csv"))
    path.write_bytes("source_uri,target\r\nfile:///é,x\r\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="is not a CSV file in UTF-8"):
        read_manifest(path)
