"""A comment that cites a page or a decision leads somewhere."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DESIGN = ROOT / "docs/explanation/design.md"
CITED = re.compile(r'design\.md,\s+((?:"[^"]+"(?:,\s*)?)+)')


@cache
def texts() -> dict[str, str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kinds = (".py", ".md", ".toml", ".tf", ".sql", ".yml")
    files = [name for name in listed.split("\0") if name.endswith(kinds) and (ROOT / name).is_file()]
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in files}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="lists the files that git tracks")
def test_no_book_is_cited_that_the_repository_does_not_hold() -> None:
    missing = "DESIGN" + " §"
    assert [name for name, text in texts().items() if missing in text] == []


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="lists the files that git tracks")
def test_each_cited_part_of_the_design_is_one() -> None:
    parts = set(re.findall(r"^## (.+)$", DESIGN.read_text(encoding="utf-8"), re.MULTILINE))
    cited = {
        (name, part)
        for name, text in texts().items()
        if name != "tests/test_citations.py"
        for found in CITED.finditer(text)
        for part in re.findall(r'"([^"]+)"', found[1])
    }
    assert len(cited) >= 20
    assert [(name, part) for name, part in cited if part not in parts] == []


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="lists the files that git tracks")
def test_each_cited_decision_is_a_page() -> None:
    numbers = {int(path.name[:4]) for path in (ROOT / "docs/adr").glob("[0-9]*.md")}
    cited = {(name, int(n)) for name, text in texts().items() for n in re.findall(r"\bADR (\d+)\b", text)}
    assert [(name, number) for name, number in cited if number not in numbers] == []
