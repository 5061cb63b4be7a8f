"""Some members without the others: the same files as a walk through all of them, for few bytes."""

from __future__ import annotations

import io
import random
import zlib

import pytest

from dicom_udf.archives import Member, MemberFault, members, wanted_members
from tests.archives.packing import KINDS, counting, pack_tar, pack_zip, read_all, some_data
from tests.sample import SAMPLE

FILES = [(f"dir/{number}!%.dcm", some_data(number, 500 * number)) for number in range(8)]
TWICE = [("same", some_data(1)), ("same", some_data(2)), ("same", some_data(3))]
INSIDE = [("a.zip", pack_zip(FILES)), ("b.tar", pack_tar([("c.zip", pack_zip(FILES[:3]))])), ("d", some_data(9))]
STORED = {
    **{kind: pack(FILES) for kind, pack in KINDS.items()},
    **{f"{kind} of archives": pack(INSIDE) for kind, pack in KINDS.items()},
    **{path.name: path.read_bytes() for path in sorted((SAMPLE / "archives").iterdir())},
}


@pytest.mark.parametrize("stored", STORED.values(), ids=STORED)
def test_wanted_members_are_those_of_a_walk_through_all(stored: bytes) -> None:
    every = dict(read_all(members(io.BytesIO(stored), name="object"), stored))
    files = {path: data for path, data in every.items() if isinstance(data, bytes) and path is not None}
    choice = random.Random(1)
    for count in {1, len(files) // 2, len(files)}:
        paths = choice.sample(sorted(files), count)
        found = wanted_members(io.BytesIO(stored), name="object", paths=paths)
        assert {path: data for path, data in read_all(found, stored) if path in files} == {
            path: files[path] for path in paths
        }


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", KINDS)
def test_a_repeated_name_is_counted_although_the_first_one_is_not_wanted(kind: str) -> None:
    stored = KINDS[kind](TWICE)
    [(path, data)] = read_all(wanted_members(io.BytesIO(stored), name="o", paths=["same#2"]), stored)
    assert (path, data) == ("same#2", TWICE[1][1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_the_archive_lacks_is_left_out(kind: str) -> None:
    stored = KINDS[kind](FILES)
    assert list(wanted_members(io.BytesIO(stored), name="o", paths=["no such member", "dir!x"])) == []


def test_of_a_zip_only_the_directory_and_the_members_are_read() -> None:
    stored = pack_zip([(f"{number}", some_data(number, 50_000)) for number in range(400)])
    reader = counting(stored)
    paths = [str(number) for number in range(5, 400, 50)]
    assert len(read_all(wanted_members(reader, name="o", paths=paths), stored)) == len(paths)
    assert reader.bytes_read <= len(paths) * 50_500 + (200 << 10)


@pytest.mark.parametrize("pack", [pack_tar, KINDS["tar.gz"]], ids=["tar", "tar.gz"])
def test_nothing_behind_the_last_wanted_member_of_a_tar_is_read(pack) -> None:
    stored = pack([(f"{number}", random.Random(number).randbytes(50_000)) for number in range(400)])
    reader = counting(stored)
    [found] = read_all(wanted_members(reader, name="o", paths=["3"]), stored)
    assert found[0] == "3"
    assert reader.bytes_read < 5 * 50_000 + (200 << 10)


def test_a_member_of_a_zip_has_the_checksum_that_its_directory_states() -> None:
    for found in wanted_members(io.BytesIO(pack_zip(FILES)), name="o", paths=["dir/5%21%25.dcm"]):
        assert isinstance(found, Member)
        assert found.crc == zlib.crc32(found.file.read())


def test_the_fault_of_a_wanted_member_is_yielded_and_those_of_others_are_not() -> None:
    stored = bytearray(pack_zip(FILES))
    for name in (b"dir/2", b"dir/4"):  # local headers that aren't ones
        at = stored.index(name) - 30
        stored[at : at + 4] = b"XXXX"
    found = list(wanted_members(io.BytesIO(bytes(stored)), name="o", paths=["dir/4%21%25.dcm", "dir/5%21%25.dcm"]))
    assert [(type(one), one.path) for one in found] == [
        (MemberFault, "dir/4%21%25.dcm"),
        (Member, "dir/5%21%25.dcm"),
    ]
