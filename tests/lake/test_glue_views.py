"""The views in the Glue catalog: what Athena needs to read them, and that they follow the table's columns."""

from __future__ import annotations

import base64
import json

import boto3
import pytest
from botocore.exceptions import ClientError

from dicom_udf.columns import instances_table
from dicom_udf.columns.fields import Field
from dicom_udf.columns.schema import hive_type, trino_type
from dicom_udf.columns.views import TRINO, make_views
from dicom_udf.errors import RunFailedError
from dicom_udf.lake.glue_views import create_views
from dicom_udf.lake.layout import VIEWS
from tests.servers.s3 import moto_s3

PROMOTED = Field("vendor_shim", "array<bigint>", "(0019,xx10) EXAMPLE, SL. A private element.")


@pytest.fixture(scope="module")
def server():
    with moto_s3() as running:
        yield running


@pytest.fixture
def glue(server):
    session = boto3.session.Session(server.access_key, server.secret_key, region_name=server.region)
    client = session.client("glue", endpoint_url=server.endpoint)
    client.create_database(DatabaseInput={"Name": "dicom"})
    client.create_table(DatabaseName="dicom", TableInput=table_of(instances_table().fields))
    yield client
    for table in client.get_tables(DatabaseName="dicom")["TableList"]:
        client.delete_table(DatabaseName="dicom", Name=table["Name"])
    client.delete_database(Name="dicom")


def table_of(fields, dropped=()) -> dict:
    """A table as Iceberg writes it to the catalog: dropped columns stay in the list, with a mark."""
    columns = [
        {
            "Name": field.name,
            "Type": hive_type(field.type),
            "Comment": field.comment,
            "Parameters": {"iceberg.field.current": "false" if field in dropped else "true"},
        }
        for field in (*fields, *dropped)
    ]
    return {"Name": "instances", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": {"Columns": columns}}


def view(glue, name) -> dict:
    return glue.get_table(DatabaseName="dicom", Name=name)["Table"]


def definition(glue, name) -> dict:
    text = view(glue, name)["ViewOriginalText"]
    return json.loads(base64.b64decode(text.removeprefix("/* Presto View: ").removesuffix(" */")))


def writes(glue, action) -> list[str]:
    """Names of the calls that change the catalog."""
    made = []
    note = lambda model, **_: made.append(model.name)  # noqa: E731
    glue.meta.events.register("before-call.glue", note)
    action()
    glue.meta.events.unregister("before-call.glue", note)
    return [name for name in made if not name.startswith("Get")]


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_the_form_that_athena_gives_its_own(glue, name):
    create_views(glue, "dicom")
    found, [declared] = view(glue, name), [one for one in make_views(TRINO) if one.name == name]
    assert found["TableType"] == "VIRTUAL_VIEW"
    assert found["Parameters"]["presto_view"] == "true"
    assert found["ViewExpandedText"] == "/* Presto View */"
    assert found["Description"] == declared.comment
    inner = definition(glue, name)
    assert (inner["originalSql"], inner["catalog"], inner["schema"]) == (declared.sql, "awsdatacatalog", "dicom")
    names = [field.name for field in declared.fields]
    assert [column["name"] for column in inner["columns"]] == names
    assert [column["Name"] for column in found["StorageDescriptor"]["Columns"]] == names
    assert [column["Comment"] for column in found["StorageDescriptor"]["Columns"]] == [
        column["comment"] for column in inner["columns"]
    ]
    types = {column["Name"]: column["Type"] for column in found["StorageDescriptor"]["Columns"]}
    assert types == {field.name: hive_type(field.type) for field in declared.fields}
    assert len(found["ViewOriginalText"]) < 409_600, "Glue's limit"


@pytest.mark.parametrize(
    ("sql", "trino"),
    [
        ("string", "varchar"),
        ("bigint", "bigint"),
        ("int", "int"),
        ("double", "double"),
        ("float", "real"),
        ("binary", "varbinary"),
        ("boolean", "boolean"),
        ("date", "date"),
        ("timestamp_ntz", "timestamp(6)"),
        ("timestamp", "timestamp(6)"),
        ("decimal(20,0)", "decimal(20,0)"),
        ("map<string,string>", "map(varchar, varchar)"),
        ("array<timestamp>", "array(timestamp(6))"),
        ("array<array<double>>", "array(array(double))"),
        ("map<string,array<map<string,double>>>", "map(varchar, array(map(varchar, double)))"),
        ("array<struct<a:string,b:decimal(20,0)>>", 'array(row("a" varchar, "b" decimal(20,0)))'),
        ("struct<a:array<struct<b:string,c:date>>,d:map<string,string>>",
         'row("a" array(row("b" varchar, "c" date)), "d" map(varchar, varchar))'),
    ],
)  # fmt: skip
def test_a_type_has_trinos_name(sql, trino):
    assert trino_type(sql) == trino


UNKNOWN = ["geometry", "array<variant>", "map<string>", "array<string,string>", "struct<a>", "a<"]


@pytest.mark.parametrize("sql", UNKNOWN)
def test_a_type_that_no_column_here_has_keeps_its_name(sql):
    assert (trino_type(sql), hive_type(sql)) == (sql, sql)


def test_hive_has_one_timestamp():
    assert hive_type("map<string,array<timestamp_ntz>>") == "map<string,array<timestamp>>"
    for sql in ("array<struct<a:string,b:decimal(20,0)>>", "binary", "float", "int"):
        assert hive_type(sql) == sql


def test_a_second_call_changes_nothing(glue):
    assert writes(glue, lambda: create_views(glue, "dicom")) == ["CreateTable"] * len(VIEWS)
    assert writes(glue, lambda: create_views(glue, "dicom")) == []


def test_an_added_column_changes_the_view_that_has_all_columns_and_no_other(glue):
    create_views(glue, "dicom")
    glue.update_table(DatabaseName="dicom", TableInput=table_of((*instances_table().fields, PROMOTED)))
    assert writes(glue, lambda: create_views(glue, "dicom")) == ["UpdateTable"]
    assert view(glue, "unique_instances")["StorageDescriptor"]["Columns"][-1].items() >= {
        ("Name", PROMOTED.name), ("Type", PROMOTED.type), ("Comment", PROMOTED.comment)
    }  # fmt: skip
    assert definition(glue, "unique_instances")["columns"][-1] == {
        "name": PROMOTED.name, "type": "array(bigint)", "comment": PROMOTED.comment
    }  # fmt: skip


def test_a_dropped_column_is_in_no_view(glue):
    fields = [field for field in instances_table().fields if field.name != "flip_angle"]
    dropped = [field for field in instances_table().fields if field.name == "flip_angle"]
    glue.update_table(DatabaseName="dicom", TableInput=table_of(fields, dropped))
    create_views(glue, "dicom")
    for name in VIEWS:
        assert not {"flip_angle", "flip_angle_min"} & {column["name"] for column in definition(glue, name)["columns"]}


def test_a_view_that_somebody_changed_is_put_right(glue):
    create_views(glue, "dicom")
    changed = view(glue, "series")
    columns = changed["StorageDescriptor"]["Columns"][:-1]
    glue.update_table(
        DatabaseName="dicom",
        TableInput={
            **{key: changed[key] for key in ("Name", "TableType", "Parameters", "ViewOriginalText")},
            "StorageDescriptor": {"Columns": columns},
        },
    )
    assert writes(glue, lambda: create_views(glue, "dicom")) == ["UpdateTable"]
    assert len(view(glue, "series")["StorageDescriptor"]["Columns"]) == len(columns) + 1


def test_a_table_that_has_a_views_name_is_left_alone(glue):
    own = table_of(instances_table().fields) | {"Name": "studies"}
    glue.create_table(DatabaseName="dicom", TableInput=own)
    with pytest.raises(RunFailedError, match=r"the Glue database dicom has a table studies .* rename or drop it"):
        create_views(glue, "dicom")
    assert view(glue, "studies")["TableType"] == "EXTERNAL_TABLE"


def test_another_run_may_make_them_at_the_same_time(glue, monkeypatch):
    def not_yet(**_):
        raise glue.exceptions.EntityNotFoundException({"Error": {"Code": "EntityNotFoundException"}}, "GetTable")

    create_views(glue, "dicom")
    get_table = glue.get_table
    monkeypatch.setattr(glue, "get_table", lambda **of: (get_table if of["Name"] == "instances" else not_yet)(**of))
    create_views(glue, "dicom")


def test_a_database_without_instances_is_reported(glue):
    with pytest.raises(RunFailedError, match="the Glue database other has no table instances; 'dicom-lake init'"):
        create_views(glue, "other")


def create_and_change(glue):
    create_views(glue, "dicom")
    glue.update_table(DatabaseName="dicom", TableInput=table_of((*instances_table().fields, PROMOTED)))


@pytest.mark.parametrize(
    ("operation", "prepare"),
    [
        ("GetTable", lambda _: None),
        ("CreateTable", lambda _: None),
        ("UpdateTable", create_and_change),
    ],
)
def test_a_denied_call_is_reported_by_action_and_resource(glue, operation, prepare):
    prepare(glue)

    def deny(**_):
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)

    glue.meta.events.register(f"before-call.glue.{operation}", deny)
    with pytest.raises(RunFailedError, match=rf"Glue denies glue:{operation} on the (view|table) dicom\.\w+ \(Acc"):
        create_views(glue, "dicom")
    glue.meta.events.unregister(f"before-call.glue.{operation}", deny)
