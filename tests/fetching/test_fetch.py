"""Files copied by a manifest: loose ones and members of archives, again and again, and all that can be wrong."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import os
import pty
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from dicom_udf.cli import main
from tests.fetching.objects import content, manifest_row, pack_tar, pack_zip, record, sha256, write_manifest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "import sys; from dicom_udf.cli import main; sys.exit(main())"]


@pytest.fixture
def fetch(tmp_path, capsys):
    """Fetch rows of a manifest into ``out``; return status, printed text and error."""

    def run(rows, *words):
        manifest = write_manifest(tmp_path / "manifest.csv", rows)
        status = main(["fetch", "--manifest", str(manifest), "--to", str(tmp_path / "out"), *words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def out_files(folder):
    """All files below the target folder but the record."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "fetch.csv"
    }


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_loose_files_are_copied_under_their_targets_with_a_record(tmp_path, fetch):
    files = {f"p/{n}.dcm": content(n, size) for n, size in enumerate((0, 1, 5000, 9 << 20))}
    rows = [manifest_row(write(tmp_path / f"{n}", data), target) for n, (target, data) in enumerate(files.items())]
    status, printed, _ = fetch(rows)
    assert status == 0
    assert out_files(tmp_path / "out") == files
    assert "4 files to fetch, about 9.4 MB" in printed
    assert "4 files fetched, 9.4 MB; record: " in printed
    found = record(tmp_path / "out")
    assert {target: (row["size"], row["sha256"], row["fault"]) for target, row in found.items()} == {
        target: (str(len(data)), sha256(data), "") for target, data in files.items()
    }


PACKED = {f"d/{n}.dcm": content(n) for n in range(12)} | {"blank.dcm": bytes(100_000), "none.dcm": b""}
ARCHIVES = {
    "stored.zip": lambda: pack_zip(PACKED),
    "deflated.zip": lambda: pack_zip(PACKED, zipfile.ZIP_DEFLATED),
    "bzip2.zip": lambda: pack_zip(PACKED, zipfile.ZIP_BZIP2),
    "lzma.zip": lambda: pack_zip(PACKED, zipfile.ZIP_LZMA),
    "plain.tar": lambda: pack_tar(PACKED),
    "packed.tar.gz": lambda: pack_tar(PACKED, "w:gz"),
    "packed.tar.bz2": lambda: pack_tar(PACKED, "w:bz2"),
    "packed.tar.xz": lambda: pack_tar(PACKED, "w:xz"),
}


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize(
    "wanted", [["d/3.dcm"], ["none.dcm", "d/0.dcm", "blank.dcm"], list(PACKED)], ids=["1", "3", "all"]
)
def test_members_of_every_archive_format_are_copied_and_no_other_file(tmp_path, fetch, name, wanted):
    archive = write(tmp_path / name, ARCHIVES[name]())
    status, _, error = fetch([manifest_row(archive, f"t/{member}", member=member) for member in wanted])
    assert (status, error) == (0, "")
    assert out_files(tmp_path / "out") == {f"t/{member}": PACKED[member] for member in wanted}


def test_nested_members_single_compressed_files_and_repeated_names_are_found_as_the_lake_names_them(tmp_path, fetch):
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        for number in (1, 2, 3):
            archive.writestr("same.dcm", content(number))
    nested = {
        "inner!%#.zip": pack_zip({"a.dcm": content(4), "b.dcm": content(5)}, zipfile.ZIP_DEFLATED),
        "deep.tar": pack_tar({"c.zip": pack_zip({"c.dcm": content(6)})}),
        "one.dcm.gz": gzip.compress(content(7)),
    }
    outer, same = write(tmp_path / "outer.zip", pack_zip(nested)), write(tmp_path / "same.zip", twice.getvalue())
    single = {
        "alone.dcm.gz": gzip.compress(content(8)),
        "alone.dcm.bz2": bz2.compress(content(9)),
        "alone.dcm.xz": lzma.compress(content(10)),
    }
    rows = [
        manifest_row(outer, "b", member="inner%21%25%23.zip!b.dcm"),
        manifest_row(outer, "c", member="deep.tar!c.zip!c.dcm"),
        manifest_row(outer, "one", member="one.dcm.gz!one.dcm"),
        manifest_row(same, "second", member="same.dcm#2"),
        *(manifest_row(write(tmp_path / name, data), f"x/{name}", member="alone.dcm") for name, data in single.items()),
    ]
    status, _, error = fetch(rows)
    assert (status, error) == (0, "")
    assert out_files(tmp_path / "out") == {
        "b": content(5),
        "c": content(6),
        "one": content(7),
        "second": content(2),
        **{f"x/{name}": content(8 + n) for n, name in enumerate(single)},
    }


def test_one_member_may_have_two_targets(tmp_path, fetch):
    archive = write(tmp_path / "a.zip", pack_zip(PACKED, zipfile.ZIP_DEFLATED))
    assert fetch([manifest_row(archive, target, member="d/1.dcm") for target in ("x", "y")])[0] == 0
    assert out_files(tmp_path / "out") == {"x": content(1), "y": content(1)}


def test_a_second_fetch_copies_only_what_is_missing_or_has_another_size(tmp_path, fetch):
    archive = write(tmp_path / "a.zip", pack_zip(PACKED))
    loose = write(tmp_path / "loose.dcm", content(99))
    rows = [manifest_row(archive, member, member=member, size=len(data)) for member, data in PACKED.items()]
    rows.append(manifest_row(loose, "loose.dcm"))
    assert fetch(rows)[0] == 0
    before = record(tmp_path / "out")
    out = tmp_path / "out"
    (out / "d/1.dcm").unlink()
    (out / "d/2.dcm").write_bytes(b"cut")
    (out / "d/3.dcm.part").write_bytes(b"left by a process that was killed")
    kept = (out / "d/3.dcm").stat().st_mtime_ns
    status, printed, _ = fetch(rows)
    assert status == 0
    assert "2 files to fetch" in printed
    assert "2 files fetched, 10.0 kB; 13 were there already" in printed
    assert (out / "d/3.dcm").stat().st_mtime_ns == kept
    assert (out / "d/2.dcm").read_bytes() == content(2)
    assert record(out) == before


def test_a_replaced_object_is_reported_and_costs_no_other(tmp_path, fetch):
    archive, loose = write(tmp_path / "a.zip", pack_zip(PACKED)), write(tmp_path / "l.dcm", content(1))
    other = write(tmp_path / "o.dcm", content(2))
    rows = [
        *(manifest_row(archive, member, member=member) for member in ("d/1.dcm", "d/2.dcm")),
        manifest_row(loose, "l.dcm"),
        manifest_row(other, "o.dcm"),
    ]
    for path in (archive, loose):
        os.utime(path, ns=(1, 1))
    status, printed, error = fetch(rows)
    assert status == 1
    assert "3 missing (OBJECT_CHANGED 3)" in printed
    assert "3 of 4 files are missing" in error
    assert out_files(tmp_path / "out") == {"o.dcm": content(2)}
    row = record(tmp_path / "out")["d/1.dcm"]
    assert (row["fault"], row["size"], row["sha256"]) == ("OBJECT_CHANGED", "", "")
    assert row["message"] == "the object was replaced since it was ingested; run the ingest, then the query again"


def test_an_object_and_a_member_that_are_gone_are_reported(tmp_path, fetch):
    archive, gone = write(tmp_path / "a.zip", pack_zip(PACKED)), write(tmp_path / "l.dcm", content(1))
    rows = [
        manifest_row(archive, "x", member="no such member"),
        manifest_row(archive, "y", member="d/1.dcm"),
        manifest_row(gone, "l"),
    ]
    gone.unlink()
    status, printed, _ = fetch(rows)
    assert status == 1
    assert "NOT_FOUND 2" in printed
    found = record(tmp_path / "out")
    assert "--archive-names" in found["x"]["message"]
    assert "removed since it was ingested" in found["l"]["message"]
    assert found["y"]["fault"] == ""


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_whose_bytes_are_damaged_is_never_under_its_name(tmp_path, fetch, compression):
    packed = bytearray(pack_zip(PACKED, compression))
    at = packed.index(b"d/1.dcm") + 2000
    packed[at] ^= 0xFF
    archive = write(tmp_path / "a.zip", bytes(packed))
    status, _, _ = fetch([manifest_row(archive, member, member=member) for member in ("d/1.dcm", "d/2.dcm")])
    assert status == 1
    assert out_files(tmp_path / "out") == {"d/2.dcm": content(2)}
    assert record(tmp_path / "out")["d/1.dcm"]["fault"] == "CORRUPT_ARCHIVE"


def test_a_zip_whose_directory_is_cut_yields_the_members_that_are_there(tmp_path, fetch):
    packed = pack_zip(PACKED)
    archive = write(tmp_path / "a.zip", packed[: packed.index(b"PK\x01\x02") - 3000])
    rows = [manifest_row(archive, member, member=member, size=len(data)) for member, data in PACKED.items()]
    status, _, _ = fetch(rows)
    assert status == 1
    found = out_files(tmp_path / "out")
    assert found.items() <= PACKED.items()
    assert len(found) >= 12


def test_a_member_larger_than_its_row_states_is_not_written_to_its_end(tmp_path, fetch):
    archive = write(tmp_path / "a.zip", pack_zip({"x": bytes(50 << 20)}, zipfile.ZIP_DEFLATED))
    status, _, _ = fetch([manifest_row(archive, "x", member="x", size=1000)])
    assert status == 1
    assert out_files(tmp_path / "out") == {}
    assert "more than 1000 bytes" in record(tmp_path / "out")["x"]["message"]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["../x"], "the target of row 1 has a part '.' or '..'"),
        (["/tmp/x"], "the target of row 1 has an absolute path"),
        (["ok", "ok"], "rows 1 and 2 have one target"),
        (["C:/x"], "the target of row 1 has a character"),
        (["a\0b"], "the target of row 1 has a character"),
        (["x" * 300], "more than 250 bytes"),
    ],
)
def test_targets_that_leave_the_folder_are_refused_before_anything_is_written(tmp_path, fetch, targets, message):
    loose = write(tmp_path / "l.dcm", content(1))
    status, _, error = fetch([manifest_row(loose, target) for target in targets])
    assert status == 2
    assert message in error
    assert not (tmp_path / "out").exists()


def test_more_than_ten_gigabytes_need_a_yes(tmp_path, fetch):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(11 * 10**9)
    row = manifest_row(tmp_path / "large", "large")
    status, _, error = fetch([row])
    assert status == 2
    assert "about 11.0 GB" in error
    assert "add --yes true" in error
    assert not (tmp_path / "out").exists()
    row["etag"] = "1"  # the object has another one, so nothing is copied
    assert fetch([row], "--yes", "true")[0] == 1


def test_a_folder_that_cannot_be_written_is_one_sentence_without_the_name_of_a_file(tmp_path, fetch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "Doe^Jane").write_text("a file where a folder should be")
    status, _, error = fetch([manifest_row(write(tmp_path / "l", content(1)), "Doe^Jane/1.dcm")])
    assert status == 1
    assert "a file can't be written in " in error
    assert "it goes on where it stopped" in error
    assert "Doe" not in error


def test_a_folder_with_the_name_of_a_target_is_refused(tmp_path, fetch):
    (tmp_path / "out" / "x").mkdir(parents=True)
    status, _, error = fetch([manifest_row(write(tmp_path / "l", content(1)), "x")])
    assert (status, "a folder has the name of the target of row 1" in error) == (2, True)


def test_a_full_disk_ends_the_fetch_without_a_half_file_and_the_next_one_goes_on(tmp_path):
    """The limit of a process's files is the one error of a full disk that needs no file system of its own."""
    sizes = [100_000, 400_000, 100_000]
    paths = [write(tmp_path / f"{n}", content(n, size)) for n, size in enumerate(sizes)]
    manifest = write_manifest(tmp_path / "m.csv", [manifest_row(path, f"t/{path.name}") for path in paths])
    words = ["fetch", "--manifest", str(manifest), "--to", str(tmp_path / "out"), "--jobs", "1"]
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000)); " + COMMAND[2]
    done = subprocess.run([COMMAND[0], "-c", limited, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "a file can't be written in " in done.stderr
    assert out_files(tmp_path / "out") == {"t/0": content(0, 100_000)}
    done = subprocess.run([*COMMAND, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "2 files fetched, 500 kB; 1 were there already" in done.stdout
    assert out_files(tmp_path / "out") == {f"t/{n}": content(n, size) for n, size in enumerate(sizes)}


INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
"""A shell starts its background jobs with SIGINT ignored, and so these tests, too."""


def ended_early(command: list[str], folder: Path, end: signal.Signals) -> tuple[int, str]:
    """Send a process the signal once the folder has 20 files; its exit status and stderr."""
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and (not folder.is_dir() or len(os.listdir(folder)) < 20):
        time.sleep(0.005)
    process.send_signal(end)
    _, error = process.communicate(timeout=60)
    return process.returncode, error


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["kill", "Ctrl-C"])
def test_a_fetch_that_is_killed_in_the_middle_leaves_whole_files_and_goes_on(tmp_path, end):
    members = {f"{n:04}.dcm": content(n % 7, 30_000) for n in range(600)}
    archive = write(tmp_path / "a.zip", pack_zip(members, zipfile.ZIP_DEFLATED))
    rows = [manifest_row(archive, f"m/{name}", member=name, size=30_000) for name in members]
    loose = [write(tmp_path / f"l{n}", content(n, 1 << 20)) for n in range(20)]
    rows += [manifest_row(path, f"l/{path.name}") for path in loose]
    manifest = str(write_manifest(tmp_path / "m.csv", rows))
    for number in range(10):  # on a busy machine a fetch may be done before the signal reaches it
        out = tmp_path / f"out{number}"
        words = ["fetch", "--manifest", manifest, "--to", str(out)]
        status, error = ended_early([*COMMAND[:2], INTERRUPTIBLE + COMMAND[2], *words, "--jobs", "2"], out / "m", end)
        if status:
            break
    assert status == (-signal.SIGKILL if end == signal.SIGKILL else 130)
    assert end == signal.SIGKILL or "the next run goes on where this one stopped" in error
    whole = {name: data for name, data in out_files(out).items() if not name.endswith(".part")}
    assert 0 < len(whole) < len(rows)
    assert all(len(data) in (30_000, 1 << 20) for data in whole.values())
    assert not (out / "fetch.csv").exists()
    done = subprocess.run([*COMMAND, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"{len(rows) - len(whole):,} files fetched" in done.stdout
    expected = {f"m/{name}": data for name, data in members.items()}
    expected |= {f"l/{path.name}": path.read_bytes() for path in loose}
    assert out_files(out) == expected
    assert {target: row["sha256"] for target, row in record(out).items()} == {
        target: sha256(data) for target, data in expected.items()
    }


def test_a_terminal_shows_the_progress_and_nothing_of_it_is_in_a_log(tmp_path):
    archive = write(tmp_path / "a.zip", pack_zip(PACKED, zipfile.ZIP_DEFLATED))
    rows = [manifest_row(archive, name, member=name, size=len(data)) for name, data in PACKED.items()]
    words = ["fetch", "--manifest", str(write_manifest(tmp_path / "m.csv", rows)), "--to"]
    main_end, end = pty.openpty()
    done = subprocess.run(
        [*COMMAND, *words, str(tmp_path / "a")], cwd=ROOT, stdout=subprocess.PIPE, stderr=end, check=True
    )
    os.close(end)
    shown = os.read(main_end, 1 << 16).decode()
    os.close(main_end)
    assert "/14 files, " in shown
    assert b"14 files fetched" in done.stdout
    done = subprocess.run([*COMMAND, *words, str(tmp_path / "b")], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_fetch_needs_either_sql_or_a_manifest(tmp_path, capsys):
    for words in ([], ["SELECT 1", "--manifest", "x.csv"]):
        assert main(["fetch", *words, "--to", str(tmp_path / "out")]) == 2
        assert "give either the SQL of the files, with --lake LAKE, or --manifest FILE" in capsys.readouterr().err
    assert main(["fetch", "SELECT 1", "--to", str(tmp_path / "out")]) == 2
    assert "the files come from a query of a lake; give --lake LAKE" in capsys.readouterr().err
    assert main(["fetch", "--manifest", "x", "--to", "s3://bucket/prefix"]) == 2
    assert "must be a local folder" in capsys.readouterr().err
    assert main(["fetch", "--manifest", "x", "--to", str(tmp_path), "--layout", "{a}"]) == 2
    assert "leave out --layout" in capsys.readouterr().err


def test_an_empty_manifest_is_an_empty_record(tmp_path, fetch):
    assert fetch([])[0] == 0
    with (tmp_path / "out" / "fetch.csv").open() as file:
        assert next(csv.reader(file))[0] == "target"
