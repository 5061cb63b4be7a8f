"""The archive that Terraform installs from without building: the module with all files that it reads.

Its root is the module, so ``source`` is the archive's URL. ``SHA256SUMS`` is in it, for ``sha256sum --check``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from release.archives import Entry, write_zip

__all__ = ["checksums", "write_module_archive"]

ROOT = Path(__file__).resolve().parents[1]

_SCRIPTS = ("glue_jobs/*.py", "queries/*.sql", "dicom_udf/columns/*.tsv", "LICENSE")
"""Files of the repository that the module reads, and its licence; their names in the archive are the same."""

_MODULE = ("*.tf", "README.md", "examples/*/*.tf")
"""Files below ``terraform/``, which is the root of the archive."""


def write_module_archive(path: Path, packages: Iterable[Path]) -> None:
    """Write the archive; its bytes depend on nothing but the files.

    Args:
        path: The archive, a zip.
        packages: The packages for Glue and Lambda; they are in the folder ``dist`` of the archive.

    Raises:
        ValueError: A pattern of files matches none.

    Example:
        >>> write_module_archive(Path("dist/dicom-lake-0.3.0.zip"), [Path("dist/waker-0.3.0.zip")])
    """
    files = {
        **_find(ROOT / "terraform", _MODULE),
        **_find(ROOT, _SCRIPTS),
        **{f"dist/{package.name}": package.read_bytes() for package in packages},
    }
    files["SHA256SUMS"] = checksums(files)
    write_zip(path, [Entry(name, files[name]) for name in sorted(files)])


def checksums(files: dict[str, bytes]) -> bytes:
    """Return the SHA-256 of each file in the form that ``sha256sum --check`` reads, by name.

    Example:
        >>> checksums({"empty": b""})[:8]
        b'e3b0c442'
    """
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)).encode()


def _find(folder: Path, patterns: Iterable[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for pattern in patterns:
        # Terraform merges *_override.tf into the module: one that a developer keeps beside it is not a part of it.
        paths = [path for path in folder.glob(pattern) if not path.name.endswith("override.tf")]
        if not paths:
            raise ValueError(f"the archive of the module needs {pattern} in {folder}, and there is no such file")
        found |= {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return found
