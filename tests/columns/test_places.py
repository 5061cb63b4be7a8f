"""Columns with several places in a header: the first that has a value counts, in a file and in a stored header."""

import io
from itertools import combinations

import pytest
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from dicom_udf.columns import declared_attributes, fill_row, instances_table, merge_places, selection
from dicom_udf.header import read_header
from dicom_udf.header.stored import stored_values
from tests.each import for_each
from tests.header.files import encode, minimal

COLUMN = "referenced_series_instance_uid"
[REFERENCED] = [one for one in declared_attributes() if one.column == COLUMN]
PLACES = [(attribute, place) for attribute in declared_attributes() for place in attribute.further]
PATHS = [REFERENCED.path, *(place.path for place in REFERENCED.further)]
UIDS = ["1.2.3.8", "1.2.3.3006", "1.2.3.40"]


def with_value(path, value):
    """A data set with a value at the end of a path through first items."""
    data_set = Dataset()
    if len(path) == 1:
        data_set.add_new(path[0], "UI", value)
    else:
        data_set.add_new(path[0], "SQ", [with_value(path[1:], value)])
    return data_set


def file_of(values):
    """A file with a value in each of some places."""
    made = minimal()
    for path, value in values.items():
        made.update(with_value(path, value))
    return encode(made)


def read(content):
    return read_header(io.BytesIO(content), selection=selection())


@for_each(PLACES, name=lambda one: f"{one[0].column} {one[1].keyword}")
def test_a_further_place_agrees_with_the_dictionary(one):
    attribute, place = one
    assert tuple(tag_for_keyword(keyword) for keyword in place.keyword.split(".")) == place.path
    assert (dictionary_VR(place.path[-1]), dictionary_VM(place.path[-1])) == (attribute.vr, attribute.vm)
    assert all(dictionary_VR(tag) == "SQ" for tag in place.path[:-1])


def test_the_series_of_segmentations_structure_sets_and_reports_is_one_column():
    assert PATHS == [
        (0x00081115, 0x0020000E),
        (0x30060010, 0x30060012, 0x30060014, 0x0020000E),
        (0x0040A375, 0x00081115, 0x0020000E),
    ]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_first_place_that_has_a_value_counts(count):
    for filled in combinations(range(3), count):
        content = file_of({PATHS[place]: UIDS[place] for place in filled})
        row = fill_row(read(content))
        assert row[COLUMN] == UIDS[filled[0]]
        assert not [name for name in row if name not in {field.name for field in instances_table().fields}]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_stored_header_has_the_same_first_value(count):
    for filled in combinations(range(3), count):
        header = read(file_of({PATHS[place]: UIDS[place] for place in filled}))
        wanted = [want for want in selection().wanted if want.part != "codes"]
        values, reasons = stored_values(wanted, header.json)
        assert merge_places(values)[COLUMN] == UIDS[filled[0]]
        assert not reasons


def test_an_empty_place_is_passed_over():
    assert fill_row(read(file_of({PATHS[0]: "", PATHS[1]: "", PATHS[2]: UIDS[2]})))[COLUMN] == UIDS[2]
    assert COLUMN not in fill_row(read(file_of(dict.fromkeys(PATHS, ""))))


def test_elements_out_of_order_change_nothing():
    content = file_of({PATHS[0]: UIDS[0], PATHS[2]: UIDS[2]})
    at, end = content.index(b"\x08\x00\x15\x11"), content.index(b"\x40\x00\x75\xa3")
    moved = content[:at] + content[end:] + content[at:end]
    assert fill_row(read(moved))[COLUMN] == UIDS[0]


def test_the_comment_names_each_place():
    comments = {field.name: field.comment for field in instances_table().fields}
    assert (
        comments[COLUMN]
        .removeprefix("First of N: ")
        .startswith(
            "(0008,1115) > (0020,000E) or (3006,0010) > (3006,0012) > (3006,0014) > (0020,000E) or "
            "(0040,A375) > (0008,1115) > (0020,000E) SeriesInstanceUID, UI. "
        )
    )
