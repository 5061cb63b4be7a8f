"""The page about cost says what the numbers say."""

from pathlib import Path

import pytest

from benchmarks.cost import NUMBERS, free_month, idle_month, million, read_numbers, tables

PAGE = (Path(__file__).parents[1] / "docs" / "explanation" / "cost.md").read_text(encoding="utf-8")


def test_the_page_has_the_tables_that_the_numbers_give() -> None:
    assert tables(read_numbers()) in PAGE


def test_the_page_lists_every_number() -> None:
    rows = [line.split("\t") for line in NUMBERS.read_text(encoding="utf-8").splitlines()[1:]]
    assert [row for row in rows if f"| `{row[0]}` | {row[1]} | {row[2]} | {row[3]} |" not in PAGE] == []


def test_an_idle_installation_costs_less_than_five_dollars_a_month() -> None:
    numbers = read_numbers()
    idle = idle_month(numbers)
    assert sum(idle.values()) - free_month(numbers) < 5
    assert sum(idle.values()) - idle["dashboard"] < 5, "nor without the free tier, where the dashboard is left out"


@pytest.mark.parametrize("name", read_numbers())
def test_every_number_counts(name: str) -> None:
    numbers = read_numbers()
    changed = read_numbers([f"{name}={numbers[name] * 2 + 1}"])
    costs = [
        (million(n, members=False), million(n, members=True), idle_month(n), free_month(n)) for n in (numbers, changed)
    ]
    assert costs[0] != costs[1]


def test_a_number_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="glue_dpu_hour"):
        read_numbers(["dpu=1"])
