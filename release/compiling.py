"""The compiler of the header reader: the same code on every machine, for Python 3.11 and the C library of AWS Glue.

mypyc turns modules into C; zig's C compiler, a wheel on PyPI, compiles that for glibc 2.34, on whatever machine
has. Only the headers of Python are the machine's.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

from release.wheels import PIP

__all__ = ["NOT_COMPILED", "PLATFORM", "can_compile", "compiler"]

PLATFORM = "manylinux_2_34_x86_64"
"""AWS Glue 5.1 and EMR 7: Amazon Linux 2023."""

NOT_COMPILED = "the header reader is not compiled, which needs Linux on x86-64 and Python 3.11 with its headers"

_TARGET = "x86_64-linux-gnu.2.34"
_TOOLS = ("setuptools", "wheel", "mypy", "ziglang")


def can_compile() -> bool:
    """True where Python is the one that AWS Glue has, and its headers are installed."""
    is_alike = (platform.system(), platform.machine(), sys.implementation.name) == ("Linux", "x86_64", "cpython")
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return is_alike and sys.version_info[:2] == (3, 11) and headers.exists()


def compiler(folder: Path, constraints: Path) -> dict[str, str]:
    """Install the compiler into a folder; return the environment in which ``setup.py`` compiles by it.

    Raises:
        subprocess.CalledProcessError: pip failed; it reported why.
    """
    tools = folder / "tools"
    subprocess.run([*PIP, "install", "--target", str(tools), "--constraint", str(constraints), *_TOOLS], check=True)
    compile_ = f"{sys.executable} -m ziglang cc -target {_TARGET}"
    return {
        "DICOM_LAKE_COMPILE": PLATFORM,
        "PYTHONPATH": str(tools),
        "CC": compile_,
        "LDSHARED": f"{compile_} -shared -s",
        # Without the second, zig lets a program end where C leaves a result open, as a debugging aid.
        "CFLAGS": f"-ffile-prefix-map={folder}=. -fno-sanitize=undefined",
        "ZIG_GLOBAL_CACHE_DIR": str(folder / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(folder / "zig"),
    }
