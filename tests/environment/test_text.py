"""Names of files in every locale: the process that starts anew, and URIs that stay the same."""

from __future__ import annotations

import json
import locale
import os
import subprocess
import sys

import pytest

from dicom_udf.environment import restart_in_utf8
from dicom_udf.environment.text import utf8_locale
from dicom_udf.sources.local import uri_of
from tests.shells import ASCII

NAMES = [
    b"plain.dcm",
    "é.dcm".encode(),
    "山田.dcm".encode(),
    b"caf\xe9.dcm",
    b"\xff\xfe",
    b"100%.dcm",
    b"%25%E9\xe9",
    b"a b",
]


def starts_of(argv, variables, encoding):
    started: list[tuple[str, list[str], dict[str, str]]] = []
    restart_in_utf8(argv, variables, encoding=encoding, execute=lambda *words: started.append(words))
    return started


def test_a_command_in_an_ascii_locale_starts_anew_with_the_same_words(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["dicom-lake", "status"])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-W", "error", "/bin/dicom-lake", "status"])
    [(program, words, variables)] = starts_of(["status"], {"PYTHONUTF8": "0", "LC_ALL": "C"}, "ascii")
    assert program == sys.executable
    assert words == [sys.executable, "-W", "error", "/bin/dicom-lake", "status"]
    assert variables == {"PYTHONUTF8": "1", "LC_ALL": "C"}


@pytest.mark.parametrize(
    ("argv", "variables", "encoding"),
    [
        (["status"], {}, "utf-8"),
        (["status"], {"PYTHONUTF8": "1"}, "ascii"),  # python -X utf8=0: it would start for ever
        (["status"], {"PYSPARK_GATEWAY_PORT": "1"}, "ascii"),  # the platform's settings stand
        (["another"], {}, "ascii"),  # called by a program that has words of its own
    ],
)
def test_any_other_process_goes_on_as_it_is(monkeypatch, argv, variables, encoding):
    monkeypatch.setattr(sys, "argv", ["dicom-lake", "status"])
    assert starts_of(argv, variables, encoding) == []


def test_a_locale_in_utf8_stays_and_an_ascii_one_is_replaced(monkeypatch):
    before = locale.setlocale(locale.LC_CTYPE)
    monkeypatch.setattr(locale, "getencoding", lambda: "UTF-8")
    assert utf8_locale() is None
    monkeypatch.setattr(locale, "getencoding", lambda: "ANSI_X3.4-1968")
    assert utf8_locale() in {"C.UTF-8", "C.utf8", "en_US.UTF-8", "UTF-8", None}
    assert locale.setlocale(locale.LC_CTYPE) == before


LIST = """
import json, os, sys
from dicom_udf.sources import open_store
from dicom_udf.sources.local import path_of, uri_of
folder = sys.argv[1]
store = open_store(folder)
uris = [uri for batch in store.list() for uri in batch.column(0).to_pylist()]
assert [uri_of(path_of(uri)) for uri in uris] == uris
assert all(os.path.isfile(path_of(uri)) for uri in uris)
print(json.dumps([store.scope, uris, sys.getfilesystemencoding()]))
"""


@pytest.mark.parametrize("locale_name", ["C", "POSIX"])
def test_uris_are_the_same_in_an_ascii_locale(tmp_path, locale_name):
    folder = tmp_path / "quelle-ä"
    folder.mkdir()
    for name in NAMES:
        with open(os.fsencode(folder) + b"/" + name, "wb"):
            pass
    done = subprocess.run(
        [sys.executable, "-c", LIST, str(folder)],
        env={**os.environ, **ASCII, "LC_ALL": locale_name},
        capture_output=True,
        check=True,
    )
    scope, uris, encoding = json.loads(done.stdout)
    assert encoding == "ascii"
    assert scope == f"file://{folder}/"
    wanted = [uri_of(os.fsdecode(os.fsencode(folder) + b"/" + name)) for name in sorted(NAMES)]
    assert uris == wanted
    assert f"file://{folder}/é.dcm" in uris
    assert f"file://{folder}/caf%E9.dcm" in uris
