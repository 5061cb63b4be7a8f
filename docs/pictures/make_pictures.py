"""Make the terminal pictures of the documentation from the real output of the commands.

``python docs/pictures/make_pictures.py`` runs every command below in a new folder, as on a terminal of 100 columns, and
writes one SVG for each picture beside this file. ``tests/test_pictures.py`` compares their text with today's output.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch
from xml.sax.saxutils import escape, unescape

from dicom_udf.cli import main as dicom_lake

__all__ = ["HERE", "PICTURES", "demo_folder", "make_texts", "svg_text", "to_svg", "without_chance"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COLUMNS = 100
"""Width of the terminal, in characters."""

SHOWN_FOLDER = "/home/you/images"
"""Replaces the folder in which the commands ran; as long as that, so that tables keep their columns."""

_MODALITIES = """dicom-lake query "SELECT modality, count(*) AS instances, \\
    count(DISTINCT study_instance_uid) AS studies, \\
    min(study_date) FILTER (NOT study_date_is_default) AS first_study \\
  FROM instances GROUP BY 1 ORDER BY 2 DESC, 1" --lake lake"""
_SERIES = """dicom-lake query "SELECT study_date, modality, series_description, instances, \\
    slice_thickness_min AS mm \\
  FROM series WHERE modality = 'CT' ORDER BY 1, 3" --lake lake"""

PICTURES: dict[str, tuple[str, ...]] = {
    "answer": ("dicom-lake ingest sample_dcm --lake lake", _MODALITIES),
    "sample_progress": ("dicom-lake ingest sample_dcm --lake lake",),
    "sample_ingest": ("dicom-lake ingest sample_dcm --lake lake",),
    "sample_query": (_SERIES,),
    "sample_status": ("dicom-lake status --lake lake",),
    "sample_failures": ("dicom-lake failures --lake lake --code TRUNCATED",),
    "sample_show": ("dicom-lake show ct_abdomen/key_objects.dcm --lake lake",),
    "sample_scan": ("dicom-lake scan sample_dcm --output headers.parquet",),
    "empty_ingest": ("dicom-lake ingest empty --lake lake_of_nothing",),
    "empty_query": ('dicom-lake query "SELECT count(*) AS instances FROM instances" --lake lake_of_nothing',),
    "empty_status": ("dicom-lake status --lake lake_of_nothing",),
    "empty_failures": ("dicom-lake failures --lake lake_of_nothing",),
    "empty_scan": ("dicom-lake scan empty --output nothing.parquet",),
}
"""The command lines of each picture, by the name of its file, as a user types them beside ``sample_dcm`` and an empty
folder ``empty``. They run in this order: an ingest comes before the commands that read its lake."""

_WITH_PROGRESS = ("sample_progress",)
"""Pictures with the line that the command renews on stderr: the last text of each phase, one below the other."""

_MOST_LINES = 30
"""Lines of a long answer that a picture shows at its beginning and at its end."""

_CHARACTER, _LINE, _MARGIN, _BAR = 8.43, 20, 16, 28
_CHANCE = re.compile(
    r"\d{8}t\d{6}_[0-9a-f]{8}"  # a run's id
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= UTC)"  # its time
    r"|(?:[\d,]+ headers/s )?in (?:[\d.]+ s|\d+ min \d\d s)"
    r"|(?<=on disk)\s+[\d.]+ [kMG]?B"
    r"|(?<=, )[\d.,]+ [kMG]?B$",  # bytes read
    re.MULTILINE,
)
_CHANCE_OF_PROGRESS = re.compile(r"(?<=\.\.\.) \d+:\d\d$|, [\d,]+ headers/s(?=,)", re.MULTILINE)


def to_svg(text: str) -> str:
    """Return a terminal window with the text as an SVG, which a reader can select and a search can find.

    Args:
        text: Lines; those that begin with ``$`` are commands, and those behind one that ends in a backslash.
    """
    lines = text.splitlines()
    width, height = round(COLUMNS * _CHARACTER) + 2 * _MARGIN, len(lines) * _LINE + _BAR + 2 * _MARGIN
    body, is_command = [], False
    for number, line in enumerate(lines):
        is_command = line.startswith("$ ") or (is_command and lines[number - 1].endswith("\\"))
        kind = "command" if is_command else "answer"
        y = _BAR + _MARGIN + number * _LINE + 14
        body.append(f'<text class="{kind}" x="{_MARGIN}" y="{y}" xml:space="preserve">{escape(line)}</text>')
    circles = "".join(f'<circle cx="{20 + 18 * n}" cy="16" r="5.5" fill="#c3c9d1"/>' for n in range(3))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        "<style>text { font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #24292f }\n"
        "text.command { font-weight: bold; fill: #0a3069 }</style>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#f6f8fa" stroke="#d0d7de"/>\n{circles}\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def svg_text(svg: str) -> str:
    """Return the text of a picture, as :func:`to_svg` took it."""
    return "".join(f"{unescape(line)}\n" for line in re.findall(r"<text [^>]*>(.*?)</text>", svg))


def without_chance(text: str) -> str:
    """Return a text in which times, rates, ids and sizes that differ between two runs are ``*``.

    Those of the progress line are left out, because a short run has none.
    """
    return _CHANCE.sub("*", _CHANCE_OF_PROGRESS.sub("", text))


_PHASE = re.compile(r"\r\x1b\[K([^\r\n]+)\r")
"""A text of the line that the progress renews: the cursor goes back behind it."""


class _Terminal(io.StringIO):
    """A stream that answers as a terminal does."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@contextmanager
def demo_folder() -> Iterator[Path]:
    """Yield a folder with a copy of ``sample_dcm`` and an empty folder, whose path is as long as ``SHOWN_FOLDER``."""
    with tempfile.TemporaryDirectory(prefix="tmp", dir="/tmp") as name:
        folder = Path(name)
        (folder / "empty").mkdir()
        # Links to the sample are not enough: an object's URI is its real path.
        shutil.copytree(ROOT / "sample_dcm", folder / "sample_dcm")
        yield folder


def make_texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Run the commands in ``folder``, each once; yield the name and the text of each picture.

    Raises:
        ValueError: A command failed; its error is on stderr.
    """
    outputs: dict[str, str] = {}
    phases: dict[str, str] = {}
    with chdir(folder), patch.dict(os.environ, COLUMNS=str(COLUMNS), TERM="xterm"):
        for picture, commands in PICTURES.items():
            for command in commands:
                if command not in outputs:
                    outputs[command], phases[command] = _output(command)
            shown = phases if picture in _WITH_PROGRESS else {}
            text = "".join(f"$ {command}\n{shown.get(command, '')}{outputs[command]}" for command in commands)
            # A cell that is cut may end within the folder.
            text = text.replace(str(folder), SHOWN_FOLDER).replace("/tmp/tmp…", f"{SHOWN_FOLDER[:8]}…")
            yield picture, text


def _output(command: str) -> tuple[str, str]:
    """Run a command; return what it printed, and the last text of each phase of its progress."""
    with redirect_stdout(_Terminal()) as terminal, redirect_stderr(_Terminal()) as progress:
        status = dicom_lake(shlex.split(command.replace("\\\n", ""))[1:])
    if status:
        sys.stderr.write(progress.getvalue())
        raise ValueError(f"exit status {status}: {command}")
    texts = _PHASE.findall(progress.getvalue())
    last = {re.split(r":| \.\.\.", text)[0]: text for text in texts}
    lines = terminal.getvalue().splitlines(keepends=True)
    if len(lines) > 3 * _MOST_LINES:
        lines[_MOST_LINES:-_MOST_LINES] = [f"… {len(lines) - 2 * _MOST_LINES} lines more …\n"]
    return "".join(lines), "".join(f"{text}\n" for text in last.values())


def main() -> None:
    """Write every picture."""
    with demo_folder() as folder:
        for picture, text in make_texts(folder):
            (HERE / f"{picture}.svg").write_text(to_svg(text), encoding="utf-8")
            sys.stdout.write(f"{picture}.svg\n")


if __name__ == "__main__":
    main()
