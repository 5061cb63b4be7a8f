"""An older lake whose rows get what a newer version reads, from the stored headers alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicom_udf.answers.inspection import lake_status
from dicom_udf.answers.local import run_query
from dicom_udf.cli import main
from dicom_udf.columns import instances_table
from dicom_udf.columns.stored_row import row_columns
from dicom_udf.config import IngestConfig, LakeLocation, UpgradeConfig
from dicom_udf.header import scanner
from dicom_udf.lake import iceberg
from dicom_udf.lake import upgrade as upgrading
from dicom_udf.lake.tables import connect_lake
from dicom_udf.lake.upgrade import upgrade
from dicom_udf.pipeline import ingest
from tests.columns.pet import PHILIPS, pet, with_private
from tests.header.files import encode, minimal
from tests.lake.old_lakes.make_lake import unpack
from tests.sample import SAMPLE

pytestmark = pytest.mark.spark

NEW = ("slice_position", "frame_slice_positions", "echo_times", "diffusion_b_values", "temporal_positions", "stacks",
       "temporal_position_index", "frame_acquisition_datetime_max", "frames_described", "lifted_attributes",
       "frame_attributes_vary", "segments_count", "rois_count", "kvp",
       "derived_suv_bw_factor", "derived_suv_reason", "rois", "annotation_groups", "rt_beams", "specimen_steps",
       "links", "content_items", "frames", "frame_offsets_reason", "frame_bits")  # fmt: skip
OF_THE_SAMPLE = ("ct_abdomen/structures.dcm", "ct_abdomen/segmentation.dcm", "ct_abdomen/plan.dcm",
                 "ct_abdomen/dose.dcm", "ct_abdomen/report.dcm", "slide/annotations.dcm")  # fmt: skip
LIFTED = ("pixel_spacing", "slice_thickness", "spacing_between_slices", "echo_time", "image_position_patient",
          "image_orientation_patient")  # fmt: skip


def of(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def enhanced(number: int, frames: int) -> Dataset:
    data = minimal(StudyDate="20240101", NumberOfFrames=frames, AcquisitionDate="20240101", AcquisitionTime="0800")
    data.SOPInstanceUID = f"1.2.{number}"
    data.SharedFunctionalGroupsSequence = [
        of(
            PixelMeasuresSequence=[of(PixelSpacing=["0.5", "0.5"], SliceThickness="3")],
            PlaneOrientationSequence=[of(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        )
    ]
    data.PerFrameFunctionalGroupsSequence = [
        of(
            PlanePositionSequence=[of(ImagePositionPatient=[0, 0, f"{3 * frame}"])],
            MREchoSequence=[of(EffectiveEchoTime=30.0 + number)],
            FrameContentSequence=[
                of(FrameAcquisitionDateTime=f"20240101{8 + frame // 60:02}{frame % 60:02}", TemporalPositionIndex=1)
            ],
        )
        for frame in range(frames)
    ]
    data.Rows, data.Columns, data.SamplesPerPixel, data.BitsAllocated = 2, 3, 1, 8 if number % 2 else 1
    data.PixelData = bytes(6 * frames + 6 * frames % 2)
    data["PixelData"].VR = "OB"
    data.SegmentSequence = [of(SegmentNumber=segment, SegmentLabel=f"{segment}") for segment in (1, 2, 3)]
    return data


def write_source(folder: Path) -> None:
    folder.mkdir()
    for number in range(4):
        (folder / f"enhanced_{number}.dcm").write_bytes(encode(enhanced(number, 2 + number)))
    plane = {"ImagePositionPatient": [0, 0, "2.5"], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    (folder / "slice.dcm").write_bytes(encode(minimal(KVP="120", EchoTime="7", StudyDate="20240102", **plane)))
    suv_ready = pet(StudyDate="20240402", RadiopharmaceuticalStartDateTime="20240402090000+0200")
    of_philips = pet(StudyDate="20240402", Units="CNTS")
    of_philips.SOPInstanceUID = "1.2.7"
    with_private(of_philips, PHILIPS, {0x00: ("DS", "0.5")}, blocks=1)
    (folder / "pet_1.dcm").write_bytes(encode(suv_ready))
    (folder / "pet_2.dcm").write_bytes(encode(of_philips))
    for name in OF_THE_SAMPLE:
        shutil.copy(SAMPLE / name, folder)
    (folder / "notes.txt").write_text("no header")


def make_old(lake: LakeLocation) -> None:
    """Take from a lake what a version without functional groups didn't have."""
    connected = connect_lake(lake)
    name = connected.name("instances")
    nulls = ", ".join(f"{column} = NULL" for column in LIFTED)
    earliest = (
        "CASE WHEN modality IS NULL THEN TIMESTAMP_NTZ '2024-01-01 08:00:00' ELSE derived_acquisition_datetime END"
    )
    acquired = f"acquisition_datetime = NULL, derived_acquisition_datetime = {earliest}"
    connected.spark.sql(f"UPDATE {name} SET {nulls}, {acquired} WHERE frames_described IS NOT NULL")
    counts = [field.name for field in instances_table().fields if field.name.endswith("_count")]
    connected.spark.sql(f"ALTER TABLE {name} DROP COLUMNS ({', '.join(dict.fromkeys((*NEW, *counts)))})")


def rows(lake: LakeLocation) -> list[tuple[object, ...]]:
    columns = "* EXCLUDE (ingest_run_id, ingest_time, source_uri, source_etag, source_last_modified)"
    return list(run_query(f"SELECT {columns} FROM instances ORDER BY sop_instance_uid, modality", lake).rows)


def columns_of(lake: LakeLocation) -> list[str]:
    return [row[0] for row in run_query("DESCRIBE instances", lake).rows]


@pytest.fixture
def lakes(spark, tmp_path):
    """A lake that was just made, and an older one of the same source."""
    write_source(tmp_path / "source")
    fresh, old = (LakeLocation(str(tmp_path / name)) for name in ("fresh", "old"))
    for lake in (fresh, old):
        ingest(IngestConfig(source=str(tmp_path / "source"), lake=lake.root))
    make_old(old)
    return fresh, old


def test_an_upgraded_lake_has_what_a_new_one_has(lakes, tmp_path, capsys):
    fresh, old = lakes
    assert set(NEW) <= set(lake_status(old).columns_to_fill)  # also before a newer version has opened it
    assert lake_status(fresh).columns_to_fill == ()
    (tmp_path / "source" / "later.dcm").write_bytes(encode(enhanced(9, 3)))
    for lake in lakes:
        ingest(IngestConfig(source=str(tmp_path / "source"), lake=lake.root))
    names = sorted(columns_of(fresh))
    before = run_query("SELECT sop_instance_uid FROM instances WHERE frames_described IS NOT NULL", old).rows
    assert list(before) == [("1.2.9",)]  # only what came later
    assert set(NEW) <= set(lake_status(old).columns_to_fill)
    assert main(["status", "--lake", old.root]) == 0
    assert "columns that older rows lack; run dicom-lake upgrade" in capsys.readouterr().out

    shutil.rmtree(tmp_path / "source")  # it is not needed
    assert main(["upgrade", "--lake", old.root, "--wait", "0"]) == 0
    assert "columns filled for 14 rows" in capsys.readouterr().out
    assert sorted(columns_of(old)) == names
    ordered = ", ".join(name for name in names if not name.startswith(("ingest_", "source_")))
    sql = f"SELECT {ordered} FROM instances ORDER BY sop_instance_uid, modality"
    for ours, theirs in zip(run_query(sql, old).rows, run_query(sql, fresh).rows, strict=True):
        different = [(name, x, y) for name, x, y in zip(ordered.split(", "), ours, theirs, strict=True) if x != y]
        assert different == []
    kinds = run_query("SELECT kind FROM links GROUP BY 1 ORDER BY 1", old).rows
    assert [kind for (kind,) in kinds] == [
        "CONTOUR_IMAGE", "EVIDENCE", "IMAGE", "PLAN", "SERIES", "SOURCE", "STRUCTURE_SET", "STUDY"
    ]  # fmt: skip
    factors = run_query("SELECT derived_suv_bw_factor FROM instances WHERE modality = 'PT' ORDER BY 1", old).rows
    assert list(factors) == [(pytest.approx(3.45466e-4),), (0.5,)]
    assert lake_status(old).columns_to_fill == ()
    assert main(["upgrade", "--lake", old.root, "--wait", "0"]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_an_upgrade_that_was_killed_is_finished_by_the_next_one(lakes, monkeypatch):
    fresh, old = lakes
    config = UpgradeConfig(lake=old.root, wait=0)

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    # Before the snapshot with the filled columns, and before the property that names them is removed.
    for module, name in ((upgrading, "publish"), (iceberg, "remove_property")):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, die)
            with pytest.raises(Killed):
                upgrade(config)
        assert lake_status(old).columns_to_fill
    assert upgrade(config).columns
    snapshots = connect_lake(old).spark.sql(f"SELECT * FROM lake.{old.database}.instances.snapshots").count()
    assert upgrade(config).columns == ()
    again = connect_lake(old).spark.sql(f"SELECT * FROM lake.{old.database}.instances.snapshots").count()
    assert again == snapshots
    ordered = ", ".join(name for name in sorted(columns_of(fresh)) if not name.startswith(("ingest_", "source_")))
    sql = f"SELECT {ordered} FROM instances ORDER BY sop_instance_uid, modality"
    assert list(run_query(sql, old).rows) == list(run_query(sql, fresh).rows)


def test_what_a_stored_header_lacks_is_null_and_named(spark, tmp_path, monkeypatch):
    monkeypatch.setattr(scanner, "HELD_TEXT", 1)
    source, lake = tmp_path / "source", LakeLocation(str(tmp_path / "lake"))
    source.mkdir()
    data = enhanced(1, 101)
    data.PerFrameFunctionalGroupsSequence.append(data.PerFrameFunctionalGroupsSequence[0])
    data.NumberOfFrames = 102
    (source / "long.dcm").write_bytes(encode(data))
    ingest(IngestConfig(source=str(source), lake=lake.root))
    sql = (
        "SELECT header_omitted, len(frame_slice_positions), echo_time, pixel_spacing, segments_count, "
        "invalid_values['PerFrameFunctionalGroupsSequence'] FROM instances"
    )
    omitted = ["52009230[100:]"]
    assert next(run_query(sql, lake).rows) == (omitted, 102, 31.0, [0.5, 0.5], 3, None)
    make_old(lake)
    upgrade(UpgradeConfig(lake=lake.root, wait=0))
    reason = "left out of the stored header for its size"
    found = next(run_query(sql, lake).rows)
    assert found == ([*omitted, "column:frame_slice_positions"], None, None, [0.5, 0.5], 3, reason)


def test_a_lake_of_version_0_1_0_is_upgraded(spark, tmp_path):
    lake = LakeLocation(str(unpack(Path(__file__).parent / "old_lakes" / "0.1.0.tar.xz", tmp_path)))
    done = upgrade(UpgradeConfig(lake=lake.root, wait=0))
    assert set(NEW) - {"kvp"} <= set(done.columns)
    assert done.rows == 6
    assert set(columns_of(lake)) == {field.name for field in instances_table().fields}


def test_all_columns_that_a_row_may_gain_are_columns_of_the_table():
    assert set(row_columns(NEW)) <= {field.name for field in instances_table().fields}
