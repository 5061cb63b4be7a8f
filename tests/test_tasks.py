"""Objects become tasks of like cost, whatever their sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.archives import ZipRange
from dicom_udf.sources import ObjectRef
from dicom_udf.tasks import LEAST_COST, TASK_COST, TASKS_PER_CORE, Item, expected_cost, make_tasks

GIB = 1 << 30


def loose(number, size=500_000):
    return Item(ObjectRef(f"s3://bucket/study/{number:07d}.dcm", size, "e"))


def part(number, members=2_000):
    return Item(ObjectRef("s3://bucket/large.zip", 50 * GIB, "e"), ZipRange(0, 1, 0, members, GIB), number)


def archive(name, size):
    return Item(ObjectRef(f"s3://bucket/{name}", size, "e"))


_items = st.lists(
    st.one_of(
        st.integers(0, 10_000).map(loose),
        st.integers(0, 100).map(part),
        st.tuples(st.sampled_from(["a.tar", "b.tgz", "c.zip"]), st.integers(0, 60 * GIB)).map(lambda x: archive(*x)),
    ),
    max_size=300,
)


@given(_items, st.integers(1, 200))
def test_every_item_is_in_one_task_and_tasks_are_bounded(items, cores):
    tasks = make_tasks(items, cores=cores)
    assert sorted((item for task in tasks for item in task), key=repr) == sorted(items, key=repr)
    for task in tasks:
        assert task
        assert len(task) == 1 or sum(map(expected_cost, task)) <= TASK_COST


@given(_items, st.integers(1, 200))
def test_the_dearest_task_starts_first(items, cores):
    costs = [sum(map(expected_cost, task)) for task in make_tasks(items, cores=cores)]
    assert costs == sorted(costs, reverse=True)


def test_slices_that_lie_beside_each_other_stay_together():
    for task in make_tasks([loose(number) for number in range(100_000)], cores=16):
        numbers = [int(item.ref.uri[-11:-4]) for item in task]
        assert numbers == list(range(numbers[0], numbers[0] + len(task)))


@pytest.mark.parametrize(("count", "cores"), [(100_000, 16), (100, 16), (20_000, 2), (1, 8)])
def test_small_files_keep_all_cores_busy_without_a_task_each(count, cores):
    tasks = make_tasks([loose(number) for number in range(count)], cores=cores)
    assert len(tasks) >= min(count // LEAST_COST, TASKS_PER_CORE * cores // 2)
    assert max(map(len, tasks)) <= TASK_COST
    assert len(tasks) <= max(TASKS_PER_CORE * cores, count / TASK_COST) + 1


def test_few_small_files_are_one_task():
    assert len(make_tasks([loose(number) for number in range(LEAST_COST)], cores=16)) == 1


def test_one_large_zip_among_small_files_is_spread():
    items = [part(number) for number in range(25)] + [loose(number) for number in range(1_000)]
    tasks = make_tasks(items, cores=8)
    assert [len(task) for task in tasks[:25]] == [1] * 25


def test_a_tar_that_cannot_be_split_comes_first():
    tasks = make_tasks([loose(number) for number in range(50_000)] + [archive("large.tar.gz", 20 * GIB)], cores=4)
    assert tasks[0][0].ref.uri == "s3://bucket/large.tar.gz"


def test_nothing_to_read_is_no_task():
    assert make_tasks([], cores=4) == []
