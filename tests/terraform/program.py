"""Terraform as the tests run it: a provider from a local folder, a copy of the module, no account.

project = copy_project(tmp_path, overrides=MOTO_GAPS)
terraform = Terraform(project / "terraform" / "examples" / "minimal", environment)
terraform("init")
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = [
    "MOTO_GAPS", "NO_TERRAFORM", "ROOT", "VERSIONS", "Terraform", "TerraformError", "copy_project", "find_terraform",
]  # fmt: skip

ROOT = Path(__file__).resolve().parents[2]
NO_TERRAFORM = "Terraform isn't installed"
_MIRRORS = ("/opt", "/usr/share", "/usr/local/share", str(Path.home() / ".terraform.d"))
VERSIONS = ">= 5.100, < 7"
"""Versions of the AWS provider that the module and its examples accept."""
_NEEDED = (
    "terraform",
    "glue_jobs",
    "queries",
    "dicom_udf/columns/attributes.tsv",
    "dicom_udf/columns/items.tsv",
    "docs/how_to/runbooks",
)

MOTO_GAPS = """
# What moto can't do, and why each is left out of an apply to it. The plans with mocks have all of it.

# moto denies every PUT to a bucket with a Deny statement, whatever its condition says.
resource "aws_s3_bucket_policy" "this" {
  for_each = {}
}

# moto doesn't know the attribute RedriveAllowPolicy.
resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  count = 0
}
"""

PROVIDER_FOR_MOTO = """
provider "aws" {
  s3_use_path_style = true
  max_retries       = 4

  # What a company puts on all that it has: more than the ten that an object can have.
  default_tags {
    tags = { for number in range(12) : "company-${number}" => "yes" }
  }
}
"""


class TerraformError(Exception):
    """What Terraform said."""


class Terraform:
    """Terraform in one folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        program = find_terraform()
        if program is None:
            raise FileNotFoundError(NO_TERRAFORM)
        self.folder = folder
        self._program = program
        settings = folder / "terraform.rc"
        settings.write_text(_settings())
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))},
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            **(environment or {}),
        }

    def __call__(self, *words: str) -> str:
        """Run a command; return what it said.

        Raises:
            TerraformError: It failed.
        """
        done = self.run(*words)
        if done.returncode:
            raise TerraformError(f"terraform {' '.join(words)}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command that may fail."""
        return subprocess.run(
            [self._program, *words], cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )

    def outputs(self) -> dict[str, Any]:
        """What an apply gave, by name."""
        return {name: output["value"] for name, output in json.loads(self("output", "-json")).items()}

    def changes(self, *variables: str) -> list[tuple[str, list[str], list[str]]]:
        """What a plan would change: address, actions, attributes that differ; variables are ``NAME=VALUE``."""
        self("plan", "-out=changes.tfplan", *[word for variable in variables for word in ("-var", variable)])
        changes = json.loads(self("show", "-json", "changes.tfplan"))["resource_changes"]
        return [
            (change["address"], change["change"]["actions"], _differing(change["change"]))
            for change in changes
            if change["change"]["actions"] not in (["no-op"], ["read"])
        ]


def find_terraform() -> str | None:
    """Where Terraform is."""
    return shutil.which("terraform")


def copy_project(folder: Path, overrides: str = "", *, provider: str | None = os.environ.get("TF_AWS_VERSION")) -> Path:
    """Copy what the module reads, and add overrides for a server that isn't AWS.

    Args:
        folder: Takes the copy.
        overrides: Text of another file of the module.
        provider: Versions of the AWS provider, like ``~> 6.0``; None for those of the module.
    """
    for name in _NEEDED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__"))
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    if overrides:
        (folder / "terraform" / "moto_override.tf").write_text(overrides)
        for example in (folder / "terraform" / "examples").iterdir():
            (example / "moto_override.tf").write_text(PROVIDER_FOR_MOTO)
    if provider:
        for file in (folder / "terraform").rglob("*.tf"):
            file.write_text(file.read_text().replace(f'"{VERSIONS}"', f'"{provider}"'))
    return folder


def _settings() -> str:
    """Name a folder with the provider, where the machine has one; else Terraform asks its registry."""
    mirror = os.environ.get("TF_PLUGIN_MIRROR") or _find_mirror()
    if mirror is None:
        return ""
    return f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'


def _find_mirror() -> str | None:
    """The folder above ``registry.terraform.io/hashicorp/aws/<version>/<platform>/terraform-provider-aws_v*``."""
    for place in _MIRRORS:
        for found in Path(place).glob("*/registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws_v*"):
            return re.sub("/registry[.]terraform[.]io/.*", "", str(found))
    return None


def _differing(change: dict[str, Any]) -> list[str]:
    before, after = change["before"] or {}, change["after"] or {}
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
