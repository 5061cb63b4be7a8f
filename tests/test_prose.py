"""Plain English: phrases that the prose replaces, and how many of each are left. The numbers only fall.

``python -m tests.test_prose`` prints today's counts, ``python -m tests.test_prose WORD`` the places of one phrase.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from dicom_udf.config import parse_command

ROOT = Path(__file__).parent.parent
CODE = ("dicom_udf", "glue_jobs", "release", "benchmarks")
NOT_PAGES = {"lake", "build", "dist"}


class Phrase(NamedTuple):
    """A phrase, the words that replace it, and how many of it are left."""

    name: str
    pattern: str
    instead: str
    ceiling: int


PHRASES = (
    # Code returns, sends, compares; it doesn't talk.
    Phrase("tell", r"tell|tells|told|telling", "return, send, print, report", 0),
    Phrase("ask", r"ask|asks|asked|asking", "request, query, call; 'takes' of a parameter", 3),
    Phrase("say", r"say|says|said|saying", "name, report, state, contain", 0),
    Phrase("hear", r"hear|hears|heard", "receive", 0),
    Phrase("know", r"know|knows|knew", "have, record, import, accept", 0),
    Phrase("stand", r"stand|stands|stood|standing", "be, be stored, be at", 0),
    Phrase("give", r"give|gives|gave|giving", "return, yield, produce", 7),
    Phrase("hold against", r"(?:hold|holds|held) (?:\w+ ){0,3}against", "compare with", 0),
    Phrase("look at", r"(?:look|looks|looked) (?:at|into)", "read, examine, probe", 3),
    Phrase("take away", r"(?:take|takes|took|taken) (?:\w+ ){0,3}away", "remove, delete", 1),
    Phrase("let go", r"let go|lets go|leave alone|leaves alone|left alone", "release, keep, skip", 0),
    # The subject is a noun.
    Phrase("who", r"who|whom|whoever", "the user, the writer, the reader of the table", 12),
    Phrase("nobody", r"nobody|somebody|anybody", "no user, no process", 0),
    Phrase("What", r"(?:^|(?<=[.:;] ))(?-i:What)(?![^.?]*\?)", "a noun: the content, the result, the rows", 17),
    # Little words.
    Phrase("else", r"(?<!thing )(?<!where )(?<!body )(?<!one )(?<!ever )(?<!what )else", "otherwise", 8),
    Phrase("is no", r"(?<!there )(?:is|are|was|were) no(?= (?!longer|more|way|need)\w)", "is not a, has no", 6),
    Phrase("no more", r"(?:is|are|that's) no more", "no longer exists, has exited", 0),
    Phrase(
        "is there",
        r"(?:what|that|which|it|they|one|where) (?:is|are|isn't|aren't) there",
        "exists, is present, is stored",
        5,
    ),
    Phrase("an own", r"an own|own ones", "our own, its own", 0),
    Phrase("such", r"one such|of such|such a one|such that", "name the thing", 1),
)


class Text(NamedTuple):
    """A paragraph of prose on one line, and the place where it begins."""

    place: str
    words: str


def one_line(text: str) -> str:
    """Text without quoted code, links' targets and line breaks."""
    text = re.sub(r"``.+?``|`[^`]+`|\]\([^)]*\)|https?://\S+", " ", text, flags=re.DOTALL)
    return " ".join(text.split())


def pages() -> Iterator[Text]:
    """The paragraphs of the Markdown pages, without blocks of code."""
    for page in sorted(ROOT.rglob("*.md")):
        path = page.relative_to(ROOT)
        if any((part.startswith(".") and part != ".github") or part in NOT_PAGES for part in path.parts):
            continue
        text = re.sub(
            r"^```.*?^```",
            lambda block: re.sub(r"[^\n]+", "", block[0]),
            page.read_text(encoding="utf-8"),
            flags=re.DOTALL | re.MULTILINE,
        )
        for paragraph in re.finditer(r"\S.*?(?=\n\s*\n|\Z)", text, re.DOTALL):
            yield Text(f"{path.as_posix()}:{text.count(chr(10), 0, paragraph.start()) + 1}", one_line(paragraph[0]))


def docstrings(path: Path, source: str) -> Iterator[Text]:
    """Every string that is a statement: docstrings, and those below a constant or a field."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield Text(f"{path.as_posix()}:{node.lineno}", one_line(node.value.value))


def comments(path: Path, source: str) -> Iterator[Text]:
    """Comments, those of consecutive lines as one."""
    first = last = 0
    words: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if words and token.start[0] != last + 1:
            yield Text(f"{path.as_posix()}:{first}", one_line(" ".join(words)))
            words = []
        first = first if words else token.start[0]
        last = token.start[0]
        words.append(token.string.lstrip("#"))
    if words:
        yield Text(f"{path.as_posix()}:{first}", one_line(" ".join(words)))


def printed_help(*command: str) -> str:
    """The text that ``dicom-lake COMMAND --help`` prints."""
    printed = io.StringIO()
    with redirect_stdout(printed), pytest.raises(SystemExit):
        parse_command([*command, "--help"])
    return printed.getvalue()


def helps() -> Iterator[Text]:
    """The help of every command; an option that several commands share counts once."""
    commands = re.findall(r"^    ([a-z]+) ", printed_help(), re.MULTILINE)
    seen = set()
    for command in ((), *((name,) for name in commands)):
        for entry in re.split(r"\n(?=  \S|\n)", printed_help(*command)):
            words = one_line(entry)
            if words not in seen:
                seen.add(words)
                yield Text(" ".join(("dicom-lake", *command, "--help")), words)


@cache
def prose() -> tuple[Text, ...]:
    """All prose that the test reads."""
    texts = [*pages(), *helps()]
    for folder in CODE:
        for file in sorted((ROOT / folder).rglob("*.py")):
            path, source = file.relative_to(ROOT), file.read_text(encoding="utf-8")
            texts += [*docstrings(path, source), *comments(path, source)]
    return tuple(texts)


def found(phrase: Phrase) -> list[str]:
    """The places of a phrase, one entry each time."""
    pattern = re.compile(rf"(?<![\w-])(?:{phrase.pattern})(?![\w-])", re.IGNORECASE)
    return [text.place for text in prose() for _ in pattern.finditer(text.words)]


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.name)
def test_a_phrase_occurs_at_most_as_often_as_its_ceiling(phrase: Phrase) -> None:
    places = found(phrase)
    assert len(places) <= phrase.ceiling, (
        f"'{phrase.name}' occurs {len(places)} times, {phrase.ceiling} are allowed. Write instead: {phrase.instead}. "
        f"Places: {', '.join(places)}"
    )


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.name)
def test_a_ceiling_falls_with_the_count(phrase: Phrase) -> None:
    count = len(found(phrase))
    assert count >= phrase.ceiling, f"'{phrase.name}' occurs {count} times: lower its ceiling to that in {__name__}"


def test_prose_is_read_from_pages_docstrings_comments_and_help() -> None:
    places = {text.place.partition(":")[0] for text in prose()}
    assert {"README.md", "docs/README.md", "dicom_udf/cli.py", "dicom-lake --help", "dicom-lake init --help"} <= places
    source = '"""One."""\n# two,\n# three\nx = 1  # four\nx = "five"\n"""``six`` seven."""\n'
    texts = [*docstrings(Path("m.py"), source), *comments(Path("m.py"), source)]
    assert texts == [("m.py:1", "One."), ("m.py:6", "seven."), ("m.py:2", "two, three four")]


if __name__ == "__main__":
    for shown in PHRASES:
        if not sys.argv[1:]:
            sys.stdout.write(f"{len(found(shown)):5} {shown.name}\n")
        elif shown.name in sys.argv[1:]:
            sys.stdout.write("\n".join(found(shown)) + "\n")
