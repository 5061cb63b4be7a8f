"""A fold of cases runs them all and names each that failed."""

import pytest

from tests.each import for_each


def test_each_case_runs_and_each_failure_is_named():
    seen = []

    @for_each(range(5), name=lambda case: f"case {case}")
    def check(case):
        seen.append(case)
        assert case % 2 == 0, "odd"

    with pytest.raises(AssertionError, match=r"2 of 5 cases failed\ncase 1: odd\n.*\ncase 3: odd") as raised:
        check()
    assert seen == [*range(5)]
    assert "odd" in str(raised.value.__cause__)


def test_a_raise_that_is_missing_is_a_failure_of_its_case():
    @for_each("ab", name=str)
    def check(case):
        with pytest.raises(ValueError):
            float(case if case == "a" else "1")

    with pytest.raises(AssertionError, match="1 of 2 cases failed\nb: DID NOT RAISE"):
        check()


def test_no_case_at_all_is_a_failure():
    with pytest.raises(AssertionError):
        for_each([], name=str)(print)()
