"""The module as Terraform itself judges it, and its README."""

import json
import re

import pytest

from dicom_udf.config import IngestConfig, MaintainConfig, PromoteConfig, parse_job
from dicom_udf.errors import FailureCode
from tests.terraform.program import NO_TERRAFORM, ROOT, VERSIONS, Terraform, copy_project, find_terraform

MODULE = ROOT / "terraform"
SOURCES = {path.name: path.read_text(encoding="utf-8") for path in sorted(MODULE.glob("*.tf"))}
README = (MODULE / "README.md").read_text(encoding="utf-8")


def blocks(kind: str) -> dict[str, str]:
    """The blocks ``kind "name" {...}`` of the module."""
    text = "\n".join(SOURCES.values())
    return dict(re.findall(rf'^{kind} "(\w+)" {{\n(.*?)^}}', text, re.DOTALL | re.MULTILINE))


def written(body: str, field: str) -> str:
    """What a block says of a field, as it is written."""
    found = re.search(rf"^  {field} += (.*)$", body.replace("description =", "description  ="), re.MULTILINE)
    assert found is not None, body
    return found[1]


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(("kind", "title"), [("variable", "Inputs"), ("output", "Outputs")])
def test_the_readme_lists_every_input_and_output_with_its_description(kind, title) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|(?:.*\|)? (.*?) \|$", section(title), re.MULTILINE))
    described = {name: json.loads(written(body, "description")) for name, body in blocks(kind).items()}
    assert rows == described


def test_the_readme_tells_every_type_and_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|", section("Inputs"), re.MULTILINE)
    assert rows == [
        (name, written(body, "type"), f"`{written(body, 'default')}`") for name, body in blocks("variable").items()
    ]


def test_no_partition_is_written_out() -> None:
    """China and GovCloud have ARNs and addresses of their own."""
    lines = [line for text in SOURCES.values() for line in text.splitlines() if "error_message" not in line]
    assert [line for line in lines if re.search(r"arn:aws:", line)] == []
    addresses = [line for line in lines if "amazonaws.com" in re.sub(r"#.*|//docs[.]aws.*", "", line)]
    assert [line for line in addresses if not re.search(r'Service += [\[" ,\w.]+[.]amazonaws[.]com"', line)] == []


@pytest.mark.parametrize("name", blocks("variable"))
def test_an_input_that_can_be_wrong_is_validated_and_a_run_expects_the_failure(name) -> None:
    body = blocks("variable")[name]
    runs = (MODULE / "tests" / "validation.tftest.hcl").read_text(encoding="utf-8")
    cannot_be_wrong = name in ("dist_path", "access_log_bucket") or written(body, "type") in ("bool", "map(string)")
    assert "validation {" in body or cannot_be_wrong
    wrong = [line for line in runs.splitlines() if "expect_failures" in line and f"var.{name}]" in line]
    assert len(wrong) >= body.count("validation {")


def test_the_dashboard_counts_every_failure_code() -> None:
    codes = re.search(r"failure_codes = \[(.*?)\]", SOURCES["dashboard.tf"], re.DOTALL)[1]
    assert set(re.findall(r'"(\w+)"', codes)) == set(FailureCode)


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """A copy of the module, ready to be planned."""
    if find_terraform() is None:
        pytest.skip(NO_TERRAFORM)
    project = copy_project(tmp_path_factory.mktemp("module"))
    terraform = Terraform(project / "terraform")
    terraform("init", "-backend=false")
    return terraform


@pytest.mark.terraform
def test_the_module_is_formatted(module) -> None:
    assert module("fmt", "-check", "-recursive", "-diff") == ""


@pytest.mark.terraform
def test_the_module_is_valid(module) -> None:
    assert "Success" in module("validate", "-no-color")


TESTS = sorted(path.name for path in (MODULE / "tests").glob("*.tftest.hcl"))


@pytest.mark.terraform
@pytest.mark.parametrize("name", TESTS)
def test_every_run_of_terraform_test_passes(module, name) -> None:
    said = module("test", "-no-color", f"-filter=tests/{name}")
    assert re.search(r"^Success! [1-9]\d* passed, 0 failed", said, re.MULTILINE), said


@pytest.mark.terraform
def test_the_module_is_valid_and_its_runs_pass_with_version_6_of_the_provider(tmp_path) -> None:
    """Where it can be installed; versions.tf and the README state that it was not."""
    if find_terraform() is None:
        pytest.skip(NO_TERRAFORM)
    terraform = Terraform(copy_project(tmp_path, provider="~> 6.0") / "terraform")
    if terraform.run("init", "-backend=false").returncode:
        pytest.skip("version 6 of hashicorp/aws isn't installed")
    assert "Success" in terraform("validate", "-no-color")
    assert "0 failed" in terraform("test", "-no-color")


def test_every_root_accepts_the_same_versions_of_the_provider() -> None:
    roots = [path.read_text(encoding="utf-8") for path in MODULE.rglob("*.tf")]
    found = [re.findall(r'^ +version += "(.*)"$', text, re.MULTILINE) for text in roots]
    assert {version for versions in found for version in versions} == {VERSIONS}


STARTS = [
    (page.name, job, json.loads(arguments))
    for page in sorted((ROOT / "docs").rglob("*.md"))
    for job, arguments in re.findall(
        r"start-job-run --job-name dicom-lake-(\w+) --arguments '(.*?)'", page.read_text(encoding="utf-8")
    )
]
CONFIGS = {"ingest": IngestConfig, "maintain": MaintainConfig, "promote": PromoteConfig}


@pytest.mark.parametrize(("page", "job", "arguments"), STARTS, ids=[f"{page}: {job}" for page, job, _ in STARTS])
def test_a_page_starts_a_job_with_arguments_that_it_takes(page, job, arguments) -> None:
    words = [word for pair in arguments.items() for word in pair]
    words += ["--lake", "s3://bucket/lake", "--catalog", "glue"]
    assert parse_job(CONFIGS[job], words).lake == "s3://bucket/lake"
