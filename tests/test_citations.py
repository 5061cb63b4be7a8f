"""A citation leads somewhere: of a section, a decision, a module, a page, a constant, or a word of the glossary."""

import dataclasses
import importlib
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.test_docs import anchors

ROOT = Path(__file__).parent.parent
DESIGN = ROOT / "docs/explanation/design.md"
GLOSSARY = ROOT / "docs/reference/glossary.md"
DECISIONS = {int(path.name[:4]): path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md")}
THIS = "tests/test_citations.py"

# The sections may begin on the next line of a comment.
SECTIONS = re.compile(r'design\.md,[\s#]+((?:"[^"]+"(?:,[\s#]+)?)+)')
DECISION = re.compile(r"\bADR[\s#]+(\d+)\b")
DECISION_LINK = re.compile(r"\[(?:[Dd]ecision )?(\d+)\]\(([^)#\s]+)")
DOTTED = re.compile(r"\bdicom_udf(?:\.\w+)+")
ROOMS = "|".join(sorted(path.parent.name for path in (ROOT / "dicom_udf").glob("*/__init__.py")))
# Pages name a module by its room: `sources.throttle`. Files and Spark's tables look alike.
IN_A_ROOM = re.compile(rf"`((?:{ROOMS})\.(?!dicom\.)\w+(?:\.\w+)*)(?<!\.sql)`")
PAGE = re.compile(r"\bdocs/[\w/.-]+\.md(?:#[\w-]+)?")

needs_git = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="lists the files that git tracks")


@cache
def texts() -> dict[str, str]:
    """Every tracked file that is text, by name; not this one, which has examples."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    found = {}
    for name in listed.split("\0"):
        content = (ROOT / name).read_bytes() if name and name != THIS and (ROOT / name).is_file() else b"\0"
        if b"\0" not in content:
            found[name] = content.decode("utf-8", "replace")
    return found


def cited(pattern: re.Pattern[str]) -> set[tuple[str, str]]:
    """Name of the file and first group, or the whole, of each match in all texts."""
    matches = ((name, found) for name, text in texts().items() for found in pattern.finditer(text))
    return {(name, found[1] if found.re.groups else found[0]) for name, found in matches}


def is_defined(dotted: str) -> bool:
    """True for a module, or something that a module or a class in it defines; a field counts."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(thing, part):
                return dataclasses.is_dataclass(thing) and part in {field.name for field in dataclasses.fields(thing)}
            thing = getattr(thing, part)
        return True
    return False


def leads_somewhere(page: str) -> bool:
    path, _, anchor = page.partition("#")
    return (ROOT / path).is_file() and (not anchor or anchor in anchors(ROOT / path))


@needs_git
def test_no_book_is_cited_that_the_repository_does_not_hold() -> None:
    assert cited(re.compile(r"(DESIGN[\s#]+§)")) == set()


@needs_git
def test_each_cited_section_of_the_design_is_one() -> None:
    sections = set(re.findall(r"^## (.+)$", DESIGN.read_text(encoding="utf-8"), re.MULTILINE))
    named = {(name, section) for name, found in cited(SECTIONS) for section in re.findall(r'"([^"]+)"', found)}
    assert len(named) >= 20
    assert {(name, section) for name, section in named if " ".join(section.split()) not in sections} == set()


@needs_git
def test_code_cites_the_design_by_the_title_of_a_section() -> None:
    """Another form would not be resolved above."""
    code = {name: text for name, text in texts().items() if not name.endswith(".md")}
    counts = {name: (text.count("design.md"), len(SECTIONS.findall(text))) for name, text in code.items()}
    assert {name for name, (mentions, citations) in counts.items() if mentions != citations} == set()


@needs_git
def test_each_cited_decision_is_a_page() -> None:
    named = cited(DECISION)
    assert named
    assert {(name, number) for name, number in named if int(number) not in DECISIONS} == set()


@needs_git
def test_a_link_by_the_number_of_a_decision_leads_to_that_decision() -> None:
    links = [(name, *found) for name, text in texts().items() for found in DECISION_LINK.findall(text)]
    assert len(links) >= 30
    wrong = [link for link in links if DECISIONS.get(int(link[1])) != Path(link[2]).name]
    assert wrong == []


def test_the_index_of_decisions_has_each_once_under_its_title() -> None:
    index = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\d+)\]\((\S+?)\) \| (.+) \|$", index, re.MULTILINE)
    assert [(int(number), page) for number, page, _ in rows] == sorted(DECISIONS.items())
    titles = {page: (ROOT / "docs/adr" / page).read_text(encoding="utf-8").splitlines()[0] for _, page, _ in rows}
    assert {page: f"# {number}. {title}" for number, page, title in rows} == titles


@needs_git
def test_each_dotted_name_of_this_package_is_defined() -> None:
    """But for the changelog, which has names of the past, and a layer whose rule is here before its room."""
    named = {(name, dotted) for name, dotted in cited(DOTTED) if name != "CHANGELOG.md"}
    named -= {("pyproject.toml", "dicom_udf.datafiles")}
    assert len(named) >= 50
    assert {(name, dotted) for name, dotted in named if not is_defined(dotted)} == set()


@needs_git
def test_each_module_that_a_page_names_by_its_room_is_defined() -> None:
    named = {(name, dotted) for name, dotted in cited(IN_A_ROOM) if name.endswith(".md") and name != "CHANGELOG.md"}
    assert named
    assert {(name, dotted) for name, dotted in named if not is_defined(f"dicom_udf.{dotted}")} == set()


@pytest.mark.parametrize(
    ("dotted", "expected"),
    [
        ("dicom_udf.lake.plan", True),
        ("dicom_udf.lake.plan.BATCH_OBJECTS", True),
        ("dicom_udf.sources.ranges.Pace.gap", True),
        ("dicom_udf.lake.plans", False),
        ("dicom_udf.lake.plan.BATCH", False),
        ("dicom_udf.sources.ranges.Pace.hole", False),
    ],
)
def test_a_dotted_name_is_resolved_to_its_last_part(dotted: str, expected: bool) -> None:
    assert is_defined(dotted) is expected


@needs_git
def test_each_page_that_code_names_exists_with_its_anchor() -> None:
    """Links of pages are resolved in ``tests/test_docs.py``."""
    named = {(name, page) for name, page in cited(PAGE) if not name.endswith(".md")}
    assert named
    assert {(name, page) for name, page in named if not leads_somewhere(page)} == set()


UNITS = {"": 1, "s": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "headers": 1}
LIMITS = re.findall(
    r"^\| [^|]+ \| ([\d,]+) ?(\w*) \| `(dicom_udf\.[\w.]+)` \|", DESIGN.read_text(encoding="utf-8"), re.MULTILINE
)


def test_every_row_of_the_limits_is_compared_with_its_constant() -> None:
    section = DESIGN.read_text(encoding="utf-8").partition("\n## Limits\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    assert len(LIMITS) == len(rows) - 1 >= 15


@pytest.mark.parametrize(("value", "unit", "constant"), LIMITS, ids=[row[2] for row in LIMITS])
def test_a_limit_on_the_page_is_the_one_in_the_code(value: str, unit: str, constant: str) -> None:
    module, *names = re.split(r"\.(?=[A-Z_]+(?:\.|$))", constant, maxsplit=1)
    thing: Any = importlib.import_module(module)
    for name in names[0].split("."):
        thing = getattr(thing, name)
    assert thing == int(value.replace(",", "")) * UNITS[unit]


ENTRIES = re.findall(r"^\| (.+?) \| (.+) \| (.+?) \|$", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE)[1:]
WORDS = ("object", "item", "member", "batch", "run", "plan", "ledger", "stage", "fence", "lease", "fault", "failure")


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_the_pipeline_has_one_entry(word: str) -> None:
    assert [entry[0] for entry in ENTRIES].count(word) == 1


def test_the_glossary_is_in_the_order_of_its_words() -> None:
    words = [entry[0].lower() for entry in ENTRIES]
    assert words == sorted(set(words))


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry[0] for entry in ENTRIES])
def test_an_entry_is_short_and_names_the_place_that_defines_its_word(entry: tuple[str, str, str]) -> None:
    _, meaning, place = entry
    assert len(re.findall(r"[.!?](?: |$)", meaning)) <= 2  # the last sentence has no full stop
    link = re.fullmatch(r"\[[^\]]+\]\(([^)]+)\)|`([^`]+)`", place)
    assert link is not None
    target = (GLOSSARY.parent / link[1].partition("#")[0]).resolve() if link[1] else ROOT / link[2]
    assert target.is_file()


@pytest.mark.parametrize("page", ["docs/README.md", "docs/explanation/how_it_works.md", "CONTRIBUTING.md"])
def test_a_page_for_beginners_links_to_the_glossary(page: str) -> None:
    assert re.search(r"\]\([\w./]*reference/glossary\.md\)", (ROOT / page).read_text(encoding="utf-8"))
