"""Completion by the Tab key, in the shells themselves."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dicom_udf import cli
from dicom_udf.config.arguments import _COMMANDS
from dicom_udf.config.saved_queries import query_names
from dicom_udf.errors import FailureCode

ROOT = Path(__file__).parents[1]
SHELLS = ("bash", "zsh", "fish")


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """A folder with the program ``dicom-lake`` of this repository, as pip's script starts it."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "dicom-lake"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from dicom_udf.cli import main\nsys.exit(main())\n"
    )
    script.chmod(0o755)
    return folder


BASH = """
eval "$(dicom-lake completion bash)"
_complete() {
    COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_KEY=9
    COMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:'
    read -ra COMP_WORDS <<< "$1"
    [[ $1 == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    spec=$(complete -p dicom-lake)
    function_name=${spec##*-F }
    ${function_name%% *} dicom-lake "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
    printf '%s\\n' "${COMPREPLY[@]}"
}
"""


@pytest.fixture
def complete(program, tmp_path):
    """Complete lines in one bash; return the words for each."""

    def run(*lines: str, folder: str = ".") -> list[list[str]]:
        calls = f"cd {folder}\n" + "".join(f"_complete {shlex.quote(line)}; echo --\n" for line in lines)
        done = subprocess.run(
            ["bash", "--norc", "-c", BASH + calls],
            env={"PATH": f"{program}:/usr/bin:/bin", "HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        return [sorted(part.split()) for part in done.stdout.split("--\n")[:-1]]

    return run


def test_bash_completes_commands_options_choices_and_names(complete, tmp_path):
    (tmp_path / "lake").mkdir()
    commands, query_options, catalogs, names, saved, switches, codes, folders, none = complete(
        "dicom-lake ",
        "dicom-lake query --s",
        "dicom-lake query --catalog ",
        "dicom-lake query @ct_",
        "dicom-lake queries ct_",
        "dicom-lake ingest --private-keys ",
        "dicom-lake failures --code CORR",
        "dicom-lake status --lake la",
        "dicom-lake query --nothing-begins-so",
    )
    assert commands == sorted(_COMMANDS)
    assert query_options == ["--s3-endpoint", "--s3-path-style", "--s3-region", "--since"]
    assert catalogs == ["glue", "hadoop"]
    # bash begins a word at each @, and puts what is left of it before the answer.
    assert names == [name for name in query_names() if name.startswith("ct_")]
    assert saved == names
    assert switches == ["false", "true"]
    assert codes == sorted(code for code in FailureCode if code.startswith("CORR"))
    assert folders == ["lake/"]
    assert none == []


def test_a_broken_configuration_file_does_not_stop_completion(complete, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "dicom-lake.toml").write_text("not TOML")
    assert complete("dicom-lake stat", folder="broken") == [["status"]]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_the_shell_reads(capsys, shell):
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "dicom-lake" in script
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} isn't installed")
    subprocess.run([shell, "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize("words", [["completion", "tcsh"], ["completion"]])
def test_another_shell_is_refused(capsys, words):
    assert cli.main(words) == 2
    assert "dicom-lake completion --help" in capsys.readouterr().err


def test_completion_without_its_library_has_a_remedy(capsys, monkeypatch):
    for module in ("argcomplete", "argcomplete.shell_integration"):
        monkeypatch.setitem(sys.modules, module, None)
    assert cli.main(["completion", "bash"]) == 1
    assert "isn't installed; pip install 'dicom-lake[local]'" in capsys.readouterr().err
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    assert cli.main([]) == 0
    assert capsys.readouterr() == ("", "")
