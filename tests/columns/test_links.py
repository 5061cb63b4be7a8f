"""References between instances: every kind of sequence, any depth, each once."""

import pytest
from pydicom.datadict import keyword_for_tag

from dicom_udf.columns import links
from tests.columns.item_rows import NAMES, item, reasons_of, row_of
from tests.each import for_each

CLASS = "1.2.840.10008.5.1.4.1.1.2"


def reference(uid, **values):
    return item(ReferencedSOPClassUID=CLASS, ReferencedSOPInstanceUID=uid, **values)


def link(kind, uid, **values):
    return {"kind": kind, "referenced_sop_class_uid": CLASS, "referenced_sop_instance_uid": uid} | {
        f"referenced_{name}": value for name, value in values.items()
    }


@for_each(list(links._AT.items()), name=lambda pair: pair[1])
def test_a_sequence_gives_its_references_their_kind(pair):
    tag, kind = pair
    assert keyword_for_tag(tag)
    [found] = row_of(**{keyword_for_tag(tag): [reference("1.5")]})["links"]
    expected = link(kind, "1.5") | ({"referenced_study_instance_uid": "1.5"} if tag == 0x30060012 else {})
    assert found == expected


@for_each(list(links._AROUND.items()), name=lambda pair: pair[1])
def test_a_sequence_gives_the_references_below_it_their_kind(pair):
    tag, kind = pair
    series = item(SeriesInstanceUID="1.4", ReferencedSOPSequence=[reference("1.5"), reference("1.6")])
    around = item(StudyInstanceUID="1.3", ReferencedSeriesSequence=[series])
    found = row_of(**{keyword_for_tag(tag): [around]})["links"]
    known = {"series_instance_uid": "1.4", "study_instance_uid": "1.3"}
    assert found == [link(kind, "1.5", **known), link(kind, "1.6", **known)]


def test_a_sequence_that_the_list_lacks_gives_its_tag():
    [found] = row_of(ReferencedWaveformSequence=[reference("1.5")])["links"]
    assert found["kind"] == "0008113A"


def test_references_of_segmentations_have_their_series():
    series = item(SeriesInstanceUID="1.4", ReferencedInstanceSequence=[reference("1.5")])
    assert row_of(ReferencedSeriesSequence=[series])["links"] == [link("SERIES", "1.5", series_instance_uid="1.4")]


def test_references_of_a_content_tree_are_found_at_any_depth():
    leaf = item(ReferencedSOPSequence=[reference("1.5", ReferencedFrameNumber=[2, 3], ReferencedSegmentNumber=1)])
    tree = item(ContentSequence=[item(ContentSequence=[leaf]), leaf])
    row = row_of(ContentSequence=[tree])
    assert row["links"] == [link("CONTENT", "1.5", frames=[2, 3], segments=[1])]


def test_each_reference_is_there_once_with_what_another_one_states():
    evidence = item(
        StudyInstanceUID="1.3",
        ReferencedSeriesSequence=[item(SeriesInstanceUID="1.4", ReferencedSOPSequence=[reference("1.5")])],
    )
    row = row_of(
        SourceImageSequence=[reference("1.5"), reference("1.5"), reference("1.5", ReferencedFrameNumber=1)],
        CurrentRequestedProcedureEvidenceSequence=[evidence],
    )
    known = {"series_instance_uid": "1.4", "study_instance_uid": "1.3"}
    assert row["links"] == [
        link("SOURCE", "1.5", **known),
        link("SOURCE", "1.5", frames=[1], **known),
        link("EVIDENCE", "1.5", **known),
    ]


def test_contours_take_the_series_of_their_images():
    series = item(SeriesInstanceUID="1.4", ContourImageSequence=[reference("1.5")])
    study = item(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
        ReferencedSOPInstanceUID="1.3",
        RTReferencedSeriesSequence=[series],
    )
    contour = item(ContourImageSequence=[reference("1.5")])
    row = row_of(
        ReferencedFrameOfReferenceSequence=[item(RTReferencedStudySequence=[study])],
        ROIContourSequence=[item(ContourSequence=[contour, contour])],
    )
    known = {"series_instance_uid": "1.4", "study_instance_uid": "1.3"}
    of_study = link("STUDY", "1.3", study_instance_uid="1.3") | {"referenced_sop_class_uid": "1.2.840.10008.3.1.2.3.1"}
    assert row["links"] == [of_study, link("CONTOUR_IMAGE", "1.5", **known)]


def test_a_reference_to_the_instance_itself_is_null_and_named():
    row = row_of(SourceImageSequence=[reference("1.2.3.4"), reference("1.5")], SOPInstanceUID="1.2.3.4")
    assert row["links"] == [{"kind": "SOURCE", "referenced_sop_class_uid": CLASS}, link("SOURCE", "1.5")]
    assert reasons_of(row) == {"ReferencedSOPInstanceUID": "names the instance itself"}
    other = row_of(SourceImageSequence=[reference("1.2.3.4"), reference("1.5")], SOPInstanceUID="1.2.3")
    assert other["links"] == [link("SOURCE", "1.2.3.4"), link("SOURCE", "1.5")]


def test_an_item_without_uid_is_no_reference():
    row = row_of(SourceImageSequence=[item(ReferencedSOPClassUID=CLASS), reference("")])
    assert row.get("links") is None


def frame(*uids):
    sources = [reference(uid) for uid in uids]
    return item(DerivationImageSequence=[item(SourceImageSequence=sources)] if uids else [])


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([("1.5",), ("1.6",), ("1.5",)], ["1.5", "1.6"]),
        ([("1.5",), ("1.5",)], ["1.5"]),
        ([(), ("1.6", "1.7")], ["1.6"]),
        ([(), ()], None),
    ],
)
def test_frames_give_the_first_image_that_each_was_made_from(frames, expected):
    row = row_of(NumberOfFrames=len(frames), PerFrameFunctionalGroupsSequence=[frame(*uids) for uids in frames])
    assert row.get("links") == (expected and [link("SOURCE", uid) for uid in expected])


def test_other_references_of_frames_are_left_out():
    frames = [item(ReferencedImageSequence=[reference(f"1.{number}")]) for number in range(3)]
    row = row_of(NumberOfFrames=3, PerFrameFunctionalGroupsSequence=frames)
    assert not set(NAMES) & row.keys()


def test_references_of_private_sequences_count():
    row = row_of(SourceImageSequence=[item(ReferencedSeriesSequence=[reference("1.5")])])
    assert row["links"] == [link("SERIES", "1.5")]
