"""The archive of the module: the one file that Terraform installs from, without a checkout of the repository."""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from dicom_udf import __version__
from release import module_archive
from release.archives import Entry, write_zip
from release.make_dist import WAKER
from release.module_archive import write_module_archive
from tests.terraform.account import moto_process
from tests.terraform.program import NO_TERRAFORM, PROVIDER_FOR_MOTO, ROOT, Terraform, TerraformError, find_terraform

EXAMPLE = ROOT / "terraform" / "examples" / "from_archive" / "main.tf"
URL = f"https://artifacts.example.org/dicom-lake-{__version__}.zip"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, with the Lambda's real zip and a small one for the wheels."""
    folder = tmp_path_factory.mktemp("dist")
    wheels, waker = folder / f"dicom-lake-{__version__}.gluewheels.zip", folder / f"waker-{__version__}.zip"
    write_zip(wheels, [Entry("wheels/requirements.txt")])
    write_zip(waker, [Entry(WAKER.name, WAKER.read_bytes())])
    write_module_archive(folder / f"dicom-lake-{__version__}.zip", [wheels, waker])
    return folder / f"dicom-lake-{__version__}.zip"


def test_it_has_the_module_at_its_root_and_each_file_that_the_module_reads(archive: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        names = set(content.namelist())
        sums = content.read("SHA256SUMS").decode().splitlines()
        found = {name: hashlib.sha256(content.read(name)).hexdigest() for name in names - {"SHA256SUMS"}}
    for folder, pattern in (("terraform", "*.tf"), ("terraform", "examples/*/main.tf"), (".", "queries/*.sql")):
        expected = {path.relative_to(ROOT / folder).as_posix() for path in (ROOT / folder).glob(pattern)}
        assert expected and expected <= names
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "terraform").glob("*.tf"))
    read = re.findall(r"\$\{(?:local\.repository|path\.module)\}/(\w+)", text)
    assert {name.partition("/")[0] for name in names} >= set(read) >= {"glue_jobs", "queries"}
    assert dict(reversed(line.split("  ")) for line in sums) == found
    assert not [name for name in names if "test" in name or name.endswith((".tfstate", "override.tf"))]


def test_the_same_files_are_the_same_bytes(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a developer keeps beside the module."""
    for folder in ("terraform", "glue_jobs", "queries", "dicom_udf/columns"):
        shutil.copytree(ROOT / folder, tmp_path / folder, copy_function=shutil.copy)
    shutil.copy(ROOT / "LICENSE", tmp_path)
    for name in ("terraform.tfstate", "moto_override.tf", "secret.tfvars"):
        (tmp_path / "terraform" / name).write_text("private")
    monkeypatch.setattr(module_archive, "ROOT", tmp_path)
    packages = [next(archive.parent.glob("*.gluewheels.zip")), next(archive.parent.glob("waker-*.zip"))]
    write_module_archive(tmp_path / "again.zip", reversed(packages))
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_a_file_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_archive, "ROOT", tmp_path)
    with pytest.raises(ValueError, match=r"needs \*\.tf in .*terraform"):
        write_module_archive(tmp_path / "new.zip", [])


def test_the_example_names_the_archive_of_this_version() -> None:
    assert EXAMPLE.read_text(encoding="utf-8").count(f'source = "{URL}"') == 1


def terraform_with(folder: Path, source: str, environment: dict[str, str]) -> Terraform:
    """Terraform in a copy of the example, whose module comes from another place."""
    folder.mkdir()
    (folder / "main.tf").write_text(EXAMPLE.read_text(encoding="utf-8").replace(URL, source))
    (folder / "moto_override.tf").write_text(PROVIDER_FOR_MOTO)
    return Terraform(folder, environment)


@pytest.mark.terraform
@pytest.mark.skipif(find_terraform() is None, reason=NO_TERRAFORM)
def test_the_example_plans_the_whole_installation_from_the_archive_alone(archive: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    with moto_process() as server:
        environment = {**server.environment, "AWS_ENDPOINT_URL": server.endpoint}
        terraform = terraform_with(tmp_path / "root", f"file://{archive}?checksum=sha256:{digest}", environment)
        terraform("init", "-backend=false")
        changes = {address for address, actions, _ in terraform.changes() if actions == ["create"]}
    wanted = {f'module.dicom_lake.aws_glue_job.this["{job}"]' for job in ("ingest", "maintain", "promote")}
    wanted |= {f'module.dicom_lake.aws_s3_object.script["{job}"]' for job in ("ingest", "maintain", "promote")}
    wanted |= {"module.dicom_lake.aws_s3_object.wheelhouse", "module.dicom_lake.aws_lambda_function.waker[0]"}
    assert wanted <= changes
    queries = {path.stem for path in (ROOT / "queries").glob("*.sql")}
    assert {f'module.dicom_lake.aws_athena_named_query.this["{name}"]' for name in queries} <= changes


@pytest.mark.terraform
@pytest.mark.skipif(find_terraform() is None, reason=NO_TERRAFORM)
def test_an_archive_with_another_checksum_is_refused(archive: Path, tmp_path: Path) -> None:
    terraform = terraform_with(tmp_path / "root", f"file://{archive}?checksum=sha256:{'0' * 64}", {})
    with pytest.raises(TerraformError, match="Checksums did not match"):
        terraform("init", "-backend=false")
