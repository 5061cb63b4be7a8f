"""Archives that other programs make."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dicom_udf.archives import Member, MemberFault, members, split_zip
from dicom_udf.errors import FailureCode
from tests.archives.packing import some_data

pytestmark = pytest.mark.archivers

FILES = {
    "a.dcm": some_data(1, 20_000),
    "dir/b.dcm": bytes(50_000),
    "dir/deep/c é 日本.dcm": some_data(2, 700),
    "empty": b"",
}


def _run(folder: Path, *command: str) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} isn't installed")
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env={"LC_ALL": "C.UTF-8", **_path()})


def _path() -> dict[str, str]:
    import os

    return {"PATH": os.environ["PATH"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of files, with a link and an empty folder."""
    for name, data in FILES.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "in" / "link").symlink_to("a.dcm")
    (tmp_path / "in" / "no files").mkdir()
    return tmp_path / "in"


def _seen(path: Path, **more: object) -> dict[str | None, bytes | FailureCode]:
    out: dict[str | None, bytes | FailureCode] = {}
    with path.open("rb") as file:
        for member in members(file, name=path.name, **more):
            assert member.path not in out
            if isinstance(member, Member):
                out[None if member.path is None else member.path.removeprefix("./")] = member.file.read()
            else:
                assert isinstance(member, MemberFault)
                out[member.path] = member.fault.code
    return out


# Info-ZIP can't store a link where it writes data descriptors: those two leave it out.
ZIPS = {
    "zip": ["zip", "-qry", "{out}", "."],
    "zip stored": ["zip", "-qry0", "{out}", "."],
    "zip best": ["zip", "-qry9", "{out}", "."],
    "zip bzip2": ["zip", "-qryZ", "bzip2", "{out}", "."],
    "zip forced zip64": ["zip", "-qry", "-fz", "{out}", "."],
    "zip descriptors": ["zip", "-qr", "-fd", "{out}", ".", "-x", "link"],
    "zip to a pipe": ["sh", "-c", "command -v zip >/dev/null || exit 77; zip -qr - . -x link | cat > {out}"],
    "7z": ["7z", "a", "-snl", "-tzip", "{out}", "."],
    "7z stored": ["7z", "a", "-snl", "-tzip", "-mm=Copy", "{out}", "."],
    "7z bzip2": ["7z", "a", "-snl", "-tzip", "-mm=BZip2", "{out}", "."],
    "7z lzma": ["7z", "a", "-snl", "-tzip", "-mm=LZMA", "{out}", "."],
    "bsdtar": ["bsdtar", "-cf", "{out}", "--format=zip", "."],
    "bsdtar stored": ["bsdtar", "-cf", "{out}", "--format=zip", "--options=zip:compression=store", "."],
}
TARS = {
    "tar gnu": ["tar", "-cf", "{out}", "--format=gnu", "."],
    "tar ustar": ["tar", "-cf", "{out}", "--format=ustar", "."],
    "tar pax": ["tar", "-cf", "{out}", "--format=pax", "."],
    "tar v7": ["tar", "-cf", "{out}", "--format=v7", "."],
    "tar gzip": ["tar", "-czf", "{out}", "."],
    "tar bzip2": ["tar", "-cjf", "{out}", "."],
    "tar xz": ["tar", "-cJf", "{out}", "."],
    "tar sparse": ["tar", "-cSf", "{out}", "--format=gnu", "."],
    "bsdtar pax": ["bsdtar", "-cf", "{out}", "--format=pax", "."],
    "bsdtar ustar": ["bsdtar", "-cf", "{out}", "--format=ustar", "."],
    "bsdtar gzip": ["bsdtar", "-czf", "{out}", "."],
    "7z tar": ["7z", "a", "-snl", "-ttar", "{out}", "."],
    "pigz": ["tar", "-cf", "{out}", "--use-compress-program=pigz", "."],
    "pigz zlib blocks": ["tar", "-cf", "{out}", "--use-compress-program=pigz -11 -i -b 128", "."],
}


@pytest.mark.parametrize("program", [*ZIPS, *TARS])
def test_all_files_come_out(program: str, folder: Path) -> None:
    command = {**ZIPS, **TARS}[program]
    if "pigz" in program and shutil.which("pigz") is None:
        pytest.skip("pigz isn't installed")
    if program == "zip to a pipe" and shutil.which("zip") is None:
        pytest.skip("zip isn't installed")
    out = folder.parent / ("out.zip" if program in ZIPS else "out.tar")
    _run(folder, *(part.replace("{out}", str(out)) for part in command))
    assert _seen(out) == FILES


@pytest.mark.parametrize("program", ZIPS)
def test_the_ranges_of_a_split_zip_give_the_same(program: str, folder: Path) -> None:
    if program == "zip to a pipe" and shutil.which("zip") is None:
        pytest.skip("zip isn't installed")
    out = folder.parent / "out.zip"
    _run(folder, *(part.replace("{out}", str(out)) for part in ZIPS[program]))
    with out.open("rb") as file:
        ranges = split_zip(file, members=1, packed_bytes=1 << 40)
    found: dict[str | None, bytes | FailureCode] = {}
    for part in ranges:
        found |= _seen(out, zip_range=part)
    assert len(ranges) >= len(FILES)
    assert found == FILES


def test_javas_jar_gives_its_files_and_its_manifest(folder: Path) -> None:
    (folder / "link").unlink()
    out = folder.parent / "out.jar"
    _run(folder, "jar", "cf", str(out), ".")
    found = _seen(out)
    assert found.pop("META-INF/MANIFEST.MF")
    assert found == FILES


@pytest.mark.parametrize("program", [["gzip", "-k"], ["pigz", "-k"], ["pigz", "-kz"], ["bzip2", "-k"], ["xz", "-k"]])
def test_one_compressed_file_comes_out(program: list[str], folder: Path) -> None:
    _run(folder, *program, "a.dcm")
    [out] = list(folder.glob("a.dcm.*"))
    expected = {"a.dcm": FILES["a.dcm"]} if out.suffix != ".zz" else {None: out.read_bytes()}
    assert _seen(out) == expected


@pytest.mark.parametrize(
    ("program", "code"),
    [
        (["zip", "-qP", "secret", "{out}", "a.dcm", "empty"], FailureCode.ENCRYPTED_ARCHIVE),
        (["7z", "a", "-tzip", "-psecret", "{out}", "a.dcm"], FailureCode.ENCRYPTED_ARCHIVE),
        (["7z", "a", "-tzip", "-psecret", "-mem=AES256", "{out}", "a.dcm"], FailureCode.ENCRYPTED_ARCHIVE),
        (["7z", "a", "-tzip", "-mm=Deflate64", "{out}", "a.dcm"], FailureCode.UNSUPPORTED_COMPRESSION),
        (["7z", "a", "-tzip", "-mm=PPMd", "{out}", "a.dcm"], FailureCode.UNSUPPORTED_COMPRESSION),
    ],
    ids=lambda value: " ".join(value[:5]) if isinstance(value, list) else str(value),
)
def test_what_is_not_read_is_named(program: list[str], code: FailureCode, folder: Path) -> None:
    (folder / "a.dcm").write_bytes(bytes(range(256)) * 1000)  # compressible, or 7z stores it
    out = folder.parent / "out.zip"
    _run(folder, *(part.replace("{out}", str(out)) for part in program))
    assert _seen(out)["a.dcm"] == code


def test_a_7z_archive_is_named(folder: Path) -> None:
    out = folder.parent / "out.7z"
    _run(folder, "7z", "a", str(out), "a.dcm")
    assert _seen(out) == {None: FailureCode.UNSUPPORTED_COMPRESSION}


@pytest.mark.parametrize("form", [["gnu"], ["pax"], *(["pax", f"--sparse-version={n}"] for n in ("0.0", "0.1", "1.0"))])
@pytest.mark.parametrize("packed", ["", "z", "j", "J"])
def test_a_sparse_tar_member_is_read(folder: Path, form: list[str], packed: str) -> None:
    with (folder / "a.dcm").open("r+b") as file:
        for place in (1 << 20, 3 << 20):
            file.seek(place)
            file.write(b"behind a hole")
        file.truncate(4 << 20)
    out = folder.parent / "sparse.tar"
    _run(folder, "tar", f"-cS{packed}f", str(out), f"--format={form[0]}", *form[1:], "a.dcm", "empty")
    assert _seen(out) == {"a.dcm": (folder / "a.dcm").read_bytes(), "empty": b""}
