"""Write the sample files, the same bytes on every run.

    python -m release.sample.make_sample_dcm [FOLDER]

FOLDER is ``sample_dcm`` unless given; only then it also writes ``expected.json`` beside this script, which has the
number of rows of ``instances`` and ``failures`` for each file. UIDs come from names, and all times are fixed.
"""

from __future__ import annotations

import bz2
import io
import json
import sys
import tarfile
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from release.sample.modalities import Header, uid
from release.sample.studies import EXPLICIT, RLE, Sample, archived_files, loose_files

__all__ = ["expected", "main", "sample_files"]

ROOT = Path(__file__).resolve().parents[2]

TEXT = b"Not every file in a hospital export is DICOM.\n"
APPLE_DOUBLE = bytes.fromhex("00051607 00020000") + b"Mac OS X        " + bytes(2)
ZIP_TIME = (2024, 7, 1, 12, 0, 0)
TAR_TIME = 1_719_835_200  # 2024-07-01 12:00 UTC


def dataset(header: Header) -> Dataset:
    """Return a header as a pydicom data set; dicts in lists become items."""
    made = Dataset()
    for key, value in header.items():
        if isinstance(key, int):
            vr, private = value
            made.add(DataElement(key, vr, [dataset(item) for item in private] if vr == "SQ" else private))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            setattr(made, key, [dataset(item) for item in value])
        else:
            setattr(made, key, value)
    return made


def file_meta(sop_class: str, sop_instance: str, transfer_syntax: str) -> FileMetaDataset:
    """Return group 0002 with nothing of the library that writes it."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance)
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationClassUID = UID(uid("implementation"))
    meta.ImplementationVersionName = "SAMPLE_1"
    return meta


def dicom(sample: Sample) -> bytes:
    """Return the bytes of one DICOM file (PS3.10 §7.1), or of its bare data set."""
    made = dataset(sample.header)
    if sample.transfer_syntax == RLE:
        frame_size = made.Rows * made.Columns * made.SamplesPerPixel
        frames = [made.PixelData[at : at + frame_size] for at in range(0, len(made.PixelData), frame_size)]
        packed = [rle_frame(frame, made.SamplesPerPixel) for frame in frames]
        if sample.has_extended_offsets:
            made.PixelData, made.ExtendedOffsetTable, made.ExtendedOffsetTableLengths = encapsulate_extended(packed)
        else:
            made.PixelData = encapsulate(packed)
        made["PixelData"].is_undefined_length = True
    file = io.BytesIO()
    if sample.preamble:
        made.file_meta = file_meta(made.SOPClassUID, made.SOPInstanceUID, sample.transfer_syntax)
        dcmwrite(file, made, enforce_file_format=True)
    else:
        dcmwrite(file, made, implicit_vr=True, little_endian=True)
    return file.getvalue()


def rle_frame(frame: bytes, planes: int) -> bytes:
    """Return one frame as RLE (PS3.5 Annex G), a segment per plane, all of it literal runs."""
    segments = []
    for plane in range(planes):
        values = frame[plane::planes]
        runs = [values[at : at + 128] for at in range(0, len(values), 128)]
        segment = b"".join(bytes([len(run) - 1]) + run for run in runs)
        segments.append(segment + bytes(len(segment) % 2))
    offsets, at = [], 64
    for segment in segments:
        offsets.append(at)
        at += len(segment)
    header = [len(segments), *offsets, *[0] * (15 - len(offsets))]
    return b"".join(number.to_bytes(4, "little") for number in header) + b"".join(segments)


def dicomdir() -> bytes:
    """Return a media directory without records (PS3.3 Table F.3-3)."""
    directory = dataset(
        {
            "FileSetID": "SAMPLE",
            "OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity": 0,
            "OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity": 0,
            "FileSetConsistencyFlag": 0,
            "DirectoryRecordSequence": [],
        }
    )
    directory.file_meta = file_meta("1.2.840.10008.1.3.10", uid("dicomdir"), EXPLICIT)
    file = io.BytesIO()
    dcmwrite(file, directory, enforce_file_format=True)
    return file.getvalue()


def cut_before(content: bytes, tag: bytes) -> bytes:
    """Return a file as an interrupted copy leaves it: it ends inside the element with this tag (little endian)."""
    return content[: content.index(tag, 132) + 6]


def zip_of(members: dict[str, bytes]) -> bytes:
    """Return a zip; a name that ends in ``/`` is a folder, the first file is stored, the others are deflated."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        stored = False
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, ZIP_TIME)
            entry.create_system = 3  # Unix on every platform
            entry.external_attr = 0o40755 << 16 | 0x10 if name.endswith("/") else 0o100644 << 16
            deflate = stored and not name.endswith("/")
            entry.compress_type = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
            archive.writestr(entry, content, compresslevel=9)
            stored = stored or not name.endswith("/")
    return file.getvalue()


def tar_of(members: dict[str, bytes]) -> bytes:
    """Return a tar; a name that ends in ``/`` is a folder."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name.rstrip("/"))
            entry.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            entry.mode = 0o755 if name.endswith("/") else 0o644
            entry.size, entry.mtime = len(content), TAR_TIME
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def gzip_of(content: bytes) -> bytes:
    """Return content gzipped (RFC 1952), without a time or a name; Python's own module writes a header per version."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    header = b"\x1f\x8b\x08" + bytes(5) + b"\x02\xff"
    trailer = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    return header + packer.compress(content) + packer.flush() + trailer


def archives() -> dict[str, bytes]:
    """Return the archives by path."""
    files = {path: {s.path: dicom(s) for s in samples} for path, samples in archived_files().items()}
    cut = cut_before(files["archives/knee.tar"]["knee/I1"], b"\x08\x00\x08\x00")
    prior = gzip_of(tar_of({"prior/": b"", **files["archives/export.zip!prior.tar.gz"]}))
    export = {"CT/": b"", **files["archives/export.zip"], "DICOMDIR": dicomdir(), "readme.txt": TEXT,
              "CT/._IM0001.dcm": APPLE_DOUBLE, "prior.tar.gz": prior}  # fmt: skip
    zipped = zip_of(export)
    return {
        "archives/export.zip": zipped,
        "archives/knee.tar": tar_of(
            {"knee/": b"", **files["archives/knee.tar"], "knee/cut": cut, "knee/notes.txt": TEXT}
        ),
        "archives/petct.tar.gz": gzip_of(tar_of(files["archives/petct.tar.gz"])),
        "archives/screening.tar.bz2": bz2.compress(
            tar_of(files["archives/screening.tar.bz2"] | {"notes.txt": TEXT}), 9
        ),
        "archives/really_gzip.tar": gzip_of(tar_of(files["archives/really_gzip.tar"])),
        "archives/slide.dcm.gz": gzip_of(files["archives/slide.dcm.gz"]["slide.dcm"]),
        "archives/interrupted_upload.zip": zipped[: len(zipped) // 2],
    }


def sample_files() -> dict[str, bytes]:
    """Return every file by path."""
    files = {sample.path: dicom(sample) for sample in loose_files()}
    late, early = "odd/header_cut_late.dcm", "odd/header_cut_early.dcm"
    files[late] = cut_before(files[late], b"\x20\x00\x37\x00")
    files[early] = cut_before(files[early], b"\x08\x00\x08\x00")
    return {**files, "DICOMDIR": dicomdir(), "notes.txt": TEXT, "odd/empty.dcm": b"", **archives()}


FAILURES = {
    "DICOMDIR": ["DICOMDIR"],
    "notes.txt": ["NOT_DICOM"],
    "odd/empty.dcm": ["EMPTY_OBJECT"],
    "odd/header_cut_early.dcm": ["TRUNCATED"],
    "archives/export.zip": ["DICOMDIR", "NOT_DICOM", "NOT_DICOM"],
    "archives/knee.tar": ["NOT_DICOM", "TRUNCATED"],
    "archives/screening.tar.bz2": ["NOT_DICOM"],
    "archives/interrupted_upload.zip": ["CORRUPT_ARCHIVE", "CORRUPT_ARCHIVE"],
}


def expected() -> dict[str, Any]:
    """Return the rows of each file: the number of instances, and of each failure."""
    instances = Counter(s.path for s in loose_files() if s.path not in FAILURES)
    for path, samples in archived_files().items():
        instances[path.partition("!")[0]] += len(samples)
    instances["archives/interrupted_upload.zip"] = 2  # whole ones before the cut
    paths = sorted({*instances, *FAILURES})
    failures = Counter(code for codes in FAILURES.values() for code in codes)
    return {
        "instances": instances.total(),
        "failures": dict(sorted(failures.items())),
        "files": {p: {"instances": instances[p], "failures": dict(Counter(FAILURES.get(p, [])))} for p in paths},
    }


def main(folder: Path) -> None:
    """Write all files below ``folder``, which is made if it is missing."""
    config.settings.writing_validation_mode = config.IGNORE  # one study date is meant to be broken
    files = sample_files()
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    print(f"{len(files)} files, {sum(map(len, files.values()))} bytes")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        main(ROOT / "sample_dcm")
        text = json.dumps(expected(), indent=1) + "\n"
        Path(__file__).with_name("expected.json").write_text(text, encoding="utf-8")
