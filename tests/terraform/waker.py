"""The Lambda's code as the tests run it: loaded from its file, with the environment that it is given."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import pytest

from tests.terraform.program import ROOT

__all__ = ["call_waker"]


def call_waker(environment: Mapping[str, str]) -> dict[str, Any]:
    """Call the handler once, in an environment of its own."""
    spec = importlib.util.spec_from_file_location("waker", ROOT / "terraform" / "waker" / "waker.py")
    assert spec is not None
    assert spec.loader is not None
    waker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(waker)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return waker.handler({}, None)
