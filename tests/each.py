"""Hundreds of small cases as one test: each runs, and a failure lists every case that failed by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

__all__ = ["for_each"]

MOST_SHOWN = 20


def for_each(
    cases: Iterable[Any], *, name: Callable[[Any], str]
) -> Callable[[Callable[[Any], None]], Callable[[], None]]:
    """Return a decorator that makes one test of a check of one case.

    pytest's own ``parametrize`` costs some 5 ms a case, more than a check of one line of a table takes. For checks that
    need no fixture.

    Args:
        cases: At least one.
        name: What the failure calls a case.
    """
    every = tuple(cases)

    def fold(check: Callable[[Any], None]) -> Callable[[], None]:
        def test() -> None:
            assert every
            failed = {}
            for case in every:
                try:
                    check(case)
                except (Exception, pytest.fail.Exception) as error:
                    failed[name(case)] = error
            if failed:
                lines = [f"{case}: {error}" for case, error in list(failed.items())[:MOST_SHOWN]]
                text = "\n".join([f"{len(failed)} of {len(every)} cases failed", *lines])
                raise AssertionError(text) from next(iter(failed.values()))

        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return fold
