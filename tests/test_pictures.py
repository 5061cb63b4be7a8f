"""The terminal pictures of the documentation show what the commands print today."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "docs/pictures/make_pictures.py"
FILES = {path.stem: path for path in SCRIPT.parent.glob("*.svg")}

spec = importlib.util.spec_from_file_location("make_pictures", SCRIPT)
assert spec is not None and spec.loader is not None
pictures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pictures)


def test_each_picture_has_a_file_that_a_page_shows() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {name for page in pages for name in re.findall(r"pictures/(\w+)\.svg\)", page.read_text(encoding="utf-8"))}
    assert set(FILES) == set(pictures.PICTURES) == shown


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_is_made_from_its_text(name: str) -> None:
    svg = FILES[name].read_text(encoding="utf-8")
    assert pictures.to_svg(pictures.svg_text(svg)) == svg
    assert max(map(len, pictures.svg_text(svg).splitlines())) <= pictures.COLUMNS


def test_a_text_survives_the_way_into_a_picture_and_back() -> None:
    text = "$ dicom-lake query \"SELECT 1 <> 2 AND '&lt;'\"\n\n  …\n"
    assert pictures.svg_text(pictures.to_svg(text)) == text


def test_only_times_rates_ids_and_sizes_are_left_to_chance() -> None:
    report = (
        "run 20261127t025922_c4d30cb5\nobjects read  39  38 requests, 94.7 kB\n"
        "instances     40  1,234 headers/s in {}\n"
    )
    hidden = "run *\nobjects read  39  38 requests, *\ninstances     40  *\n"
    assert pictures.without_chance(report.format("23.0 s")) == hidden
    assert pictures.without_chance(report.format("1 min 05 s")) == hidden
    reading = "reading: 60/60 objects, 66 instances{}, 12 failures, all read\ncommitting ...{}\n"
    texts = {pictures.without_chance(reading.format(*chance)) for chance in (("", ""), (", 27 headers/s", " 0:06"))}
    assert texts == {reading.format("", "")}
    assert pictures.without_chance("instances  40\nstudies of 1999-05-17, 2 in a zip\n").count("*") == 0


def test_the_first_picture_shows_what_make_run_does() -> None:
    recipe = re.sub(r"\s+", " ", (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " "))
    for command in pictures.PICTURES["answer"]:
        words = shlex.split(command.replace("\\\n", ""))
        assert f'{words[0]} {words[1]} "{re.sub(r" +", " ", words[2])}" --lake lake' in recipe or command in recipe


@pytest.mark.spark
def test_the_pictures_show_what_the_commands_print(spark) -> None:
    with pictures.demo_folder() as folder:
        texts = dict(pictures.make_texts(folder))
    assert texts.keys() == FILES.keys()
    for name, text in texts.items():
        shown = pictures.svg_text(FILES[name].read_text(encoding="utf-8"))
        assert pictures.without_chance(text) == pictures.without_chance(shown), (
            f"{name}.svg is stale: python docs/pictures/make_pictures.py makes all pictures again"
        )
