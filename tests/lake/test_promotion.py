"""Promotion on a real lake: rows that are there, rows that come later, and promotions that die on the way."""

import zipfile
from io import BytesIO

import pyarrow as pa
import pytest

from dicom_udf import pipeline
from dicom_udf.answers.column_list import describe_columns
from dicom_udf.cli import promote_job
from dicom_udf.columns import parse_promoted
from dicom_udf.config import IngestConfig, LakeLocation, PromoteConfig
from dicom_udf.errors import ConfigurationError
from dicom_udf.header import Selection, read_header
from dicom_udf.lake import promotion, publish
from dicom_udf.lake.promoted_columns import fill_columns, fill_rows, find_promotion
from dicom_udf.lake.promotion import promote
from dicom_udf.lake.tables import connect_lake
from dicom_udf.pipeline import ingest

from ..header.files import encode, minimal

pytestmark = pytest.mark.spark

B_VALUE = "0019,xx0c|ACME 1:double:b_value"


def header(number, *, block=0x10, creator="ACME 1", b_value=None, **values):
    data_set = minimal(**values)
    data_set.SOPInstanceUID = f"2.25.{number}"
    if b_value is not None:
        data_set.add_new((0x0019, block), "LO", creator)
        data_set.add_new((0x0019, block << 8 | 0x0C), "IS", b_value)
    return encode(data_set)


FILES = {
    "first_block": header(1, b_value="1000", StudyDate="20200101", ReasonForVisit="pain"),
    "other_block": header(2, block=0x42, b_value="50", StudyDate="20210505"),
    "other_creator": header(3, creator="OTHER", b_value="7", StudyDate="20210505"),
    "two_values": header(4, b_value="1\\2", StudyDate="20210606", MilitaryRank="Maj").replace(b"20210606", b"20211340"),
    "none": header(5),
}
GIVEN = {
    "first_block": (1000.0, "pain", None, None),
    "other_block": (50.0, None, None, None),
    "other_creator": (None, None, None, None),
    "two_values": (None, None, "Maj", ["0019,xx0c|ACME 1", "StudyDate"]),
    "none": (None, None, None, None),
    "packed": (1000.0, "pain", None, None),
}


class Lake:
    """A lake and its source, both made of files, and the commands that work on them."""

    def __init__(self, folder):
        self.source, self.root = folder / "source", folder / "lake"
        self.source.mkdir()

    def add(self, prefix):
        for name, data in FILES.items():
            (self.source / f"{prefix}{name}.dcm").write_bytes(data)
        with zipfile.ZipFile(self.source / f"{prefix}packed.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("in/side.dcm", FILES["first_block"])

    def ingest(self):
        return ingest(IngestConfig(source=str(self.source), lake=str(self.root)))

    def promote(self, *attributes):
        return promote(PromoteConfig(attributes=attributes, lake=str(self.root), wait=0))

    def open(self):
        return connect_lake(LakeLocation(str(self.root)))

    def rows(self, *columns):
        """Values of columns, and the keys of invalid_values, by name of the file."""
        table = self.open().table("instances").select("source_uri", *columns, "invalid_values")
        found = {}
        for uri, *values, invalid in table.collect():
            name = uri.rpartition("/")[2].partition(".")[0]
            assert name not in found
            found[name] = (*values, sorted(invalid) if invalid else None)
        return found

    def files(self):
        """Every file of the tables: what writing changes."""
        return {str(path) for path in (self.root / "dicom").rglob("*")}


@pytest.fixture
def lake(spark, tmp_path):
    """A lake that is not there yet, and its source."""
    made = Lake(tmp_path)
    made.add("old_")
    return made


JOB = ["--attributes", f"{B_VALUE};ReasonForVisit;MilitaryRank;PatientComments", "--lake"]
GLUE = ["--JOB_NAME", "promote", "--JOB_RUN_ID", "jr_1", "--TempDir", "s3://artifacts/", "--enable-metrics", "true"]


@pytest.fixture(scope="module")
def promoted(spark, tmp_path_factory):
    """A lake whose columns were promoted by the job; what follows finds what came before it."""
    made = Lake(tmp_path_factory.mktemp("promoted"))
    made.add("old_")
    made.ingest()
    assert promote_job([*GLUE, *JOB, str(made.root)]) == 0
    return made


COLUMNS = ("b_value", "reason_for_visit", "military_rank")


def expected(*prefixes):
    return {prefix + name: values for prefix in prefixes for name, values in GIVEN.items()}


def test_rows_that_are_there_have_the_values_under_typed_and_commented_columns(promoted):
    assert promoted.rows(*COLUMNS) == expected("old_")
    field = promoted.open().table("instances").schema["b_value"]
    assert field.dataType.simpleString() == "double"
    assert field.metadata["comment"] == "(0019,xx0C) ACME 1, private. Promoted."
    (reported,) = describe_columns(search="acme", location=LakeLocation(str(promoted.root))).rows
    assert (reported[0], *reported[-3:]) == ("b_value", field.metadata["comment"], "instances", 3)


def test_a_second_run_with_the_same_arguments_writes_nothing_and_says_so(promoted, capsys):
    written = promoted.files()
    assert promote_job([*JOB, str(promoted.root)]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert promoted.files() == written


def test_what_clashes_is_refused_before_anything_is_written(promoted):
    written = promoted.files()
    for attributes, reason in [
        (["RegionOfResidence:modality"], "the name modality is taken"),
        (["RegionOfResidence:kind"], "the name kind is taken"),
        (["RegionOfResidence", "0019,xx0c|ACME 1:double:b"], "already, as the column b_value of type double"),
        (["RegionOfResidence", "0019,xx0c|ACME 1:bigint:b_value"], "already, as the column b_value of type double"),
        (["RegionOfResidence", "NoSuchKeyword"], "is not a keyword"),
        (["RegionOfResidence", "PixelData"], "binary"),
    ]:
        with pytest.raises(ConfigurationError, match=reason):
            promoted.promote(*attributes)
    assert promoted.files() == written


def test_rows_that_come_later_have_the_same_values_appended_or_merged(promoted):
    promoted.add("new_")
    (promoted.source / "old_none.dcm").write_bytes(FILES["other_block"])
    promoted.ingest()
    assert promoted.rows(*COLUMNS) == {**expected("old_", "new_"), "old_none": GIVEN["other_block"]}


def test_rows_that_another_writer_adds_meanwhile_are_not_lost(promoted, monkeypatch):
    """A writer that knows of no lease commits between the reading of the rows and their rewriting."""
    real, calls = promotion.fill_columns, []
    before = promoted.rows(*COLUMNS)

    def interrupted(rows, columns):
        given = real(rows, columns)
        if not calls:
            calls.append(1)
            other = promoted.open()
            table = other.table("instances")
            row = {**table.first().asDict(), "source_uri": "file:///foreign.dcm"}
            other.spark.createDataFrame([row], table.schema).writeTo(other.name("instances")).append()
        return given

    monkeypatch.setattr(promotion, "fill_columns", interrupted)
    promoted.promote("RegionOfResidence")
    after = promoted.rows(*COLUMNS)
    assert after.pop("foreign") in before.values()
    assert after == before


class Killed(BaseException):
    """The end of a process, as far as this one can play it."""


def dying(*_, **__):
    raise Killed


PLACES = {
    B_VALUE: (promotion, "publish"),
    "ReasonForVisit": (publish, "_publish"),
    "MilitaryRank": (promotion, "end_promotion"),
}
"""Attribute -> what the process that promotes it doesn't live to call: schema changed, snapshot staged, published."""


@pytest.mark.crash
def test_promotions_that_died_are_finished_by_the_next_one(lake, monkeypatch):
    lake.ingest()
    for (attribute, (place, name)), column in zip(PLACES.items(), COLUMNS, strict=True):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, dying)
            with pytest.raises(Killed):
                lake.promote(attribute)
        assert find_promotion(lake.open()).columns == (column,)
        if column == "b_value":
            lake.add("new_")
            lake.ingest()
        done = lake.promote(attribute)
        assert (done.finished, done.added) == ((column,), ())
        assert find_promotion(lake.open()) is None
    assert lake.rows(*COLUMNS) == expected("old_", "new_")


def test_a_batch_that_was_staged_before_a_promotion_has_its_columns_when_it_is_committed(lake, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "commit_batch", dying)
        with pytest.raises(Killed):
            lake.ingest()
    assert lake.promote(*PLACES).rows == 0
    pipeline.finish_left_batches(lake.open())
    assert lake.rows(*COLUMNS) == expected("old_")


TYPES = {
    "string": "a\\b",
    "double": "0.5\\-1e3",
    "bigint": "7\\-9223372036854775808",
    "date": "20240229\\19000101",
    "timestamp": "20240229101530.25\\2024010203",
    "decimal(20,0)": "18446744073709551615\\0",
}


def test_each_type_is_filled_as_the_reader_gives_it(spark):
    """Values of every type, one and several, on their way through Spark."""
    data_set = minimal()
    data_set.add_new((0x0019, 0x10), "LO", "ACME 1")
    asked = []
    for number, (kind, several) in enumerate(TYPES.items()):
        for shape, text in ((kind, several.partition("\\")[0]), (f"array<{kind}>", several)):
            low = 2 * number + shape.startswith("array")
            data_set.add_new((0x0019, 0x1000 | low), "UT" if shape == "string" else "LO", text)
            asked.append(parse_promoted(f"0019,xx{low:02x}|ACME 1:{shape}:c{low}"))
    read = read_header(BytesIO(encode(data_set)), selection=Selection(tuple(one.wanted for one in asked)))
    row = (read.json, None, None, None)
    columns = "header string, header_file_meta string, header_omitted array<string>, invalid_values map<string,string>"
    given = fill_columns(spark.createDataFrame([row], columns), asked)
    (values,) = given.select(*(one.column for one in asked)).collect()
    assert values.asDict() == read.values
    types = {field.name: field.dataType.simpleString() for field in given.schema}
    assert {one.column: one.type for one in asked}.items() <= types.items()
    assert None not in values.asDict().values()
    staged = pa.table({"header": [read.json], "invalid_values": pa.nulls(1, pa.map_(pa.string(), pa.string()))})
    [in_arrow] = fill_rows(staged, asked).drop_columns(["header", "invalid_values"]).to_pylist()
    assert in_arrow == read.values


@pytest.mark.parametrize("text", ['"00321066":', '["00321066":]', '{"00321066":7}', '{"00321066":{"vr":"??"}}'])
def test_a_header_that_another_program_wrote_costs_no_row(spark, text):
    columns = "header string, header_file_meta string, header_omitted array<string>, invalid_values map<string,string>"
    rows = spark.createDataFrame([(text, None, None, {"StudyDate": "not a date"})], columns)
    asked = [parse_promoted("ReasonForVisit")]
    (row,) = fill_columns(rows, asked).collect()
    texts = pa.map_(pa.string(), pa.string())
    staged = pa.table({"header": [text], "invalid_values": pa.array([[("StudyDate", "not a date")]], texts)})
    [in_arrow] = fill_rows(staged, asked).to_pylist(maps_as_pydicts="strict")
    assert in_arrow.items() <= row.asDict().items()
    assert row["reason_for_visit"] is None
    assert row["invalid_values"]["StudyDate"] == "not a date"
