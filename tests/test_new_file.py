"""A file that appears under its name once it is whole."""

from __future__ import annotations

import pytest

from dicom_udf.new_file import new_file


@pytest.mark.parametrize(("is_text", "content"), [(True, "a\r\né"), (False, b"a\r\n\xc3\xa9")])
def test_a_file_appears_once_it_is_whole(tmp_path, is_text, content):
    path = tmp_path / "list.csv"
    path.write_text("before")
    with new_file(path, is_text=is_text) as stream:
        stream.write(content)
        assert path.read_text() == "before"
    assert path.read_bytes() == b"a\r\n\xc3\xa9"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_file_that_was_there(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), new_file(path) as stream:
        stream.write("half")
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
