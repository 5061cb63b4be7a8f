"""`dicom-lake query --catalog glue`: what Athena is sent, what becomes of its answers, and of its refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, repeat

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from dicom_udf import open_lake
from dicom_udf.answers import athena
from dicom_udf.answers.athena import AthenaAccess, run_on_athena
from dicom_udf.cli import main
from dicom_udf.config.saved_queries import find_saved_query
from dicom_udf.errors import ConfigurationError, RunFailedError
from tests.servers.s3 import moto_server

GLUE = ["--lake", "s3://lake/dicom", "--catalog", "glue"]
OUTPUT = "s3://answers/here/"


# --- Through the command, against moto


@pytest.fixture(scope="module")
def server():
    """A server whose Glue catalog has the lake's table ``instances``, and one of another lake."""
    with moto_server() as running:
        glue = running.client("glue")
        for database, lake in (("dicom", "s3://lake/dicom"), ("mri", "s3://lake/dicom"), ("other", "s3://elsewhere")):
            location = f"{lake}/{database}/instances"
            table = {
                "Name": "instances",
                "Parameters": {"table_type": "ICEBERG", "metadata_location": f"{location}/metadata/1.metadata.json"},
                "StorageDescriptor": {"Location": location, "Columns": []},
            }
            glue.create_database(DatabaseInput={"Name": database})
            glue.create_table(DatabaseName=database, TableInput=table)
        yield running


@pytest.fixture
def command(server, monkeypatch, capsys):
    """Run a query by the command; return its status, what it printed, and what it reported."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)

    def run(sql, *options):
        status = main(["query", sql, *GLUE, "--aws-endpoint", server.endpoint, *options])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def queue(server):
    """Let moto's Athena answer the next query with these columns and rows; None is null."""

    def put(columns: dict[str, str], rows: list[list[str | None]], header: bool = True) -> None:
        texts = [list(columns)] * header + rows
        data = [{"Data": [{} if text is None else {"VarCharValue": text} for text in row]} for row in texts]
        info = [{"Name": name, "Label": name, "Type": kind} for name, kind in columns.items()]
        post(server, "static/athena/query-results", results=[{"rows": data, "column_info": info}])

    return put


def post(server, what: str, **settings) -> None:
    """Tell moto itself something."""
    kind = {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"{server.endpoint}/moto-api/{what}", json.dumps(settings).encode(), kind)
    urllib.request.urlopen(asked).close()


COLUMNS = {"modality": "varchar", "n": "bigint", "mm": "double", "day": "date", "spacing": "array"}
ROWS = [["CT", "12", "0.625", "2024-03-15", "[0.7, 0.7]"], [None, "1", None, None, None]]


@pytest.mark.parametrize(
    ("form", "printed"),
    [
        ("csv", 'modality,n,mm,day,spacing\r\nCT,12,0.625,2024-03-15,"[0.7, 0.7]"\r\n,1,,,\r\n'),
        (
            "json",
            '{"modality": "CT", "n": 12, "mm": 0.625, "day": "2024-03-15", "spacing": "[0.7, 0.7]"}\n'
            '{"modality": null, "n": 1, "mm": null, "day": null, "spacing": null}\n',
        ),
        (
            "table",
            "modality   n     mm  day         spacing\n"
            "--------  --  -----  ----------  ----------\n"
            "CT        12  0.625  2024-03-15  [0.7, 0.7]\n"
            "           1\n",
        ),
    ],
)
def test_an_answer_has_the_forms_of_a_local_one(command, queue, form, printed):
    queue(COLUMNS, ROWS)
    assert command("SELECT 1", "--output-location", OUTPUT, "--format", form) == (0, printed, "")


def test_an_open_lake_has_athenas_types_and_sends_each_statement(server, queue, monkeypatch):
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    settings = {"catalog": "glue", "aws_endpoint": server.endpoint, "output_location": OUTPUT}
    with open_lake("s3://lake/dicom", **settings) as lake:
        for rows in (ROWS, []):
            queue(COLUMNS, rows)
            found = lake.sql("SELECT 1")
            kinds = [pa.string(), pa.int64(), pa.float64(), pa.date32(), pa.string()]
            assert (len(found), found.arrow().schema.types) == (len(rows), kinds)
        lake.refresh()
        with pytest.raises(ConfigurationError, match="remove the dialect duckdb"):
            lake.sql("SELECT 1", dialect="duckdb")


def test_a_saved_query_is_sent_with_its_period(command, queue, server):
    queue(COLUMNS, ROWS)
    assert command("@segments", "--since", "2024-01-01", "--output-location", OUTPUT)[0] == 0
    client = server.client("athena")
    runs = client.list_query_executions()["QueryExecutionIds"]
    sent = [client.get_query_execution(QueryExecutionId=run)["QueryExecution"]["Query"] for run in runs]
    text = find_saved_query("segments").sql.replace("DATE '1900-01-01'", "DATE '2024-01-01'")
    assert f"-- dialect: athena\n{text}" in sent


def test_athena_is_reported_the_database_workgroup_and_output(command, queue, server):
    client = server.client("athena")
    client.create_work_group(Name="research", Configuration={"ResultConfiguration": {"OutputLocation": OUTPUT}})
    queue({"n": "bigint"}, [["1"]])
    assert command("SELECT 1 AS n", "--database", "mri", "--workgroup", "research", "--output-location", OUTPUT)[0] == 0
    [name] = client.list_query_executions(WorkGroup="research")["QueryExecutionIds"]
    sent = client.get_query_execution(QueryExecutionId=name)["QueryExecution"]
    assert sent["Query"] == "SELECT 1 AS n"
    assert sent["QueryExecutionContext"] == {"Database": "mri", "Catalog": "AwsDataCatalog"}
    assert sent["ResultConfiguration"]["OutputLocation"].startswith(OUTPUT)


@pytest.mark.parametrize(
    ("database", "reported"),
    [
        ("nothing", "the Glue catalog has no tables in the database nothing for the lake s3://lake/dicom"),
        ("other", "the Glue catalog's table other.instances is in s3://elsewhere/other/instances"),
    ],
)
def test_a_database_that_is_not_the_lakes_is_not_asked(command, server, database, reported):
    status, printed, said = command("SELECT 1", "--database", database)
    assert (status, printed) == (2, "")
    assert reported in said


def test_what_was_scanned_is_reported_where_it_is_asked_for(command, queue, caplog):
    queue({"n": "bigint"}, [["1"]])
    assert command("SELECT 1 AS n", "--output-location", OUTPUT, "--log-level", "INFO")[0] == 0
    assert "scanned 0 B" in caplog.text


@pytest.mark.parametrize(
    ("options", "reported"),
    [
        (["--lake", "lake", "--workgroup", "w"], "--workgroup and --output-location are Athena's"),
        ([*GLUE, "--dictionary", "words"], "--dictionary is for a local lake"),
        (["--lake", "lake", "--dictionary", "s3://b/words"], "argument --dictionary: must be a local file"),
        (["--lake", "s3://lake/x"], "a lake in S3 needs AWS Glue to keep its tables; add --catalog glue"),
        ([*GLUE, "--output-location", "here"], "argument --output-location: must be a URL like s3://bucket/prefix/"),
    ],
)
def test_options_that_do_not_go_together_are_refused(capsys, options, reported):
    assert main(["query", "SELECT 1", *options]) == 2
    assert reported in capsys.readouterr().err


@pytest.fixture
def endless(server):
    """A server of which no query ends."""
    post(server, "state-manager/set-transition", model_name="athena::execution", transition=NEVER)
    yield server
    post(server, "state-manager/unset-transition", model_name="athena::execution")


def test_ctrl_c_stops_the_query_in_athena(endless):
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from dicom_udf.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    client = endless.client("athena")
    before = executions(client)
    words = [sys.executable, "-c", code, "query", "SELECT 1", *GLUE, "--aws-endpoint", endless.endpoint]
    process = subprocess.Popen(words, env=os.environ | endless.environment, stderr=subprocess.PIPE, text=True)
    try:
        while not (started := executions(client) - before):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        reported = process.communicate(timeout=60)[1]
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, reported.startswith("dicom-lake: error: interrupted")) == (130, True)
    assert [state_of(client, name) for name in started] == ["CANCELLED"]


@pytest.mark.parametrize("event", ["before-send", "response-received"])
def test_ctrl_c_while_the_query_starts_stops_it(endless, interrupts, event):
    """The signal comes when Athena has not yet begun the query, and when its answer is not yet read."""
    client = interrupts(event)
    before = executions(client)
    with pytest.raises(KeyboardInterrupt):
        ask(output="s3://answers/here/")
    assert [state_of(client, name) for name in executions(client) - before] == ["CANCELLED"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait_for_the_start(endless, interrupts):
    client = interrupts("before-send", times=2)
    before = executions(client)
    with pytest.raises(KeyboardInterrupt):
        ask(output="s3://answers/here/")
    assert executions(client) == before


def test_ctrl_c_counts_where_the_start_is_refused(endless, interrupts):
    interrupts("before-send")
    with pytest.raises(KeyboardInterrupt):
        ask(output="no URL", workgroup="nowhere")


def test_a_thread_starts_a_query_without_handlers(fake):
    with ThreadPoolExecutor(1) as pool:
        assert list(pool.submit(ask).result().rows) == [(1,)]


def executions(client) -> set[str]:
    return set(client.list_query_executions()["QueryExecutionIds"])


def state_of(client, name: str) -> str:
    return client.get_query_execution(QueryExecutionId=name)["QueryExecution"]["Status"]["State"]


@pytest.fixture
def interrupts(endless, monkeypatch):
    """Give the query a client that raises SIGINT in its own process at an event of botocore; return the client."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def make(event: str, *, times: int = 1):
        client = endless.client("athena")

        def interrupt(**_):
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

        client.meta.events.register(f"{event}.athena.StartQueryExecution", interrupt)
        monkeypatch.setattr(athena, "get_client", lambda *_, **__: client)
        return client

    yield make
    signal.signal(signal.SIGINT, before)


NEVER = {"progression": "manual", "times": 10**9}


# --- What becomes of values


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("bigint", "-5", -5),
        ("integer", "7", 7),
        ("double", "1.0E-5", 1e-5),
        ("float", "0.5", 0.5),
        ("decimal", "18446744073709551615", Decimal(2**64 - 1)),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("date", "-0044-03-15", "-0044-03-15"),
        ("timestamp", "2024-02-29 10:11:12.123", datetime(2024, 2, 29, 10, 11, 12, 123000)),
        ("timestamp", "2024-02-29 10:11:12.123456", datetime(2024, 2, 29, 10, 11, 12, 123456)),
        ("timestamp", "+12024-02-29 10:11:12.123", "+12024-02-29 10:11:12.123"),
        ("timestamp with time zone", "2024-02-29 10:11:12.123 UTC", "2024-02-29 10:11:12.123 UTC"),
        ("varchar", "", ""),
        ("varchar", "山田^太郎", "山田^太郎"),
        ("array", "[1, 2]", "[1, 2]"),
        ("map", "{StudyDate=no date}", "{StudyDate=no date}"),
        ("row", "{code_value=T-1}", "{code_value=T-1}"),
        ("json", '"x"', '"x"'),
    ],
)
def test_a_value_keeps_its_type(fake, kind, text, value):
    fake.pages = [page({"x": kind}, [["x"], [text]])]
    [(found,)] = ask().rows
    assert found == value
    assert type(found) is type(value)


# --- What Athena may do, by a client that says it


def page(columns: dict[str, str], rows: list[list[str | None]], token: str | None = None) -> dict:
    data = [{"Data": [{} if text is None else {"VarCharValue": text} for text in row]} for row in rows]
    info = [{"Name": name, "Label": name, "Type": kind} for name, kind in columns.items()]
    return {"ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": info}}} | (
        {"NextToken": token} if token else {}
    )


class Fake:
    """A client of Athena: each answer, or error, of its methods is said beforehand."""

    def __init__(self):
        self.states = [{"State": "SUCCEEDED"}]
        self.pages = [page({"n": "bigint"}, [["n"], ["1"]])]
        self.refusals: dict[str, Exception] = {}
        self.calls: list[tuple[str, dict]] = []

    def _called(self, name, settings):
        self.calls.append((name, settings))
        if name in self.refusals:
            raise self.refusals[name]

    def start_query_execution(self, **settings):
        self._called("start_query_execution", settings)
        return {"QueryExecutionId": "q-1"}

    def get_query_execution(self, **settings):
        self._called("get_query_execution", settings)
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(state, BaseException):
            raise state
        return {"QueryExecution": {"Status": state, "Statistics": {"DataScannedInBytes": 10}}}

    def get_query_results(self, **settings):
        self._called("get_query_results", settings)
        token = settings.get("NextToken")
        return self.pages[int(token) if token else 0]

    def stop_query_execution(self, **settings):
        self._called("stop_query_execution", settings)

    def named(self, name) -> list[dict]:
        return [settings for called, settings in self.calls if called == name]


@pytest.fixture
def fake(monkeypatch):
    client = Fake()
    client.waits = []
    monkeypatch.setattr(athena, "get_client", lambda *_, **__: client)
    monkeypatch.setattr(athena.time, "sleep", client.waits.append)
    return client


def ask(sql="SELECT n", *, output=None, workgroup=None):
    return run_on_athena(sql, "dicom", AthenaAccess("eu-central-1", workgroup, output))


def test_it_waits_longer_and_longer_while_the_query_runs(fake):
    fake.states = [*chain([{"State": "QUEUED"}], repeat({"State": "RUNNING"}, 12)), {"State": "SUCCEEDED"}]
    assert list(ask().rows) == [(1,)]
    assert fake.waits == sorted(fake.waits)
    assert (fake.waits[0], fake.waits[-1], len(fake.waits)) == (0.2, 5.0, 13)
    assert fake.named("stop_query_execution") == []


def test_pages_are_asked_for_as_rows_are_read(fake):
    columns = {"n": "bigint"}
    fake.pages = [
        page(columns, [["n"], ["1"]], "1"),
        page(columns, [["2"], [None]], "2"),
        page(columns, [["4"]]),
    ]
    rows = ask().rows
    assert len(fake.named("get_query_results")) == 1
    assert next(rows) == (1,)
    assert len(fake.named("get_query_results")) == 1
    assert list(rows) == [(2,), (None,), (4,)]
    assert len(fake.named("get_query_results")) == 3


def test_an_answer_that_does_not_repeat_its_columns_loses_no_row(fake):
    fake.pages = [page({"tab_name": "varchar"}, [["instances"], ["objects"]])]
    assert list(ask("SHOW TABLES").rows) == [("instances",), ("objects",)]


def test_an_answer_without_rows_has_its_columns(fake):
    fake.pages = [page({"n": "bigint"}, [["n"]])]
    answer = ask()
    assert (answer.columns, list(answer.rows)) == (("n",), [])


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), NoCredentialsError()])
def test_a_query_that_nobody_waits_for_is_stopped(fake, fault):
    fake.states = [{"State": "RUNNING"}, fault]
    with pytest.raises(KeyboardInterrupt if isinstance(fault, KeyboardInterrupt) else ConfigurationError):
        ask()
    assert fake.named("stop_query_execution") == [{"QueryExecutionId": "q-1"}]


def test_a_query_that_cannot_be_stopped_is_named(fake, caplog):
    fake.states = [KeyboardInterrupt()]
    fake.refusals["stop_query_execution"] = refusal("AccessDeniedException")
    with pytest.raises(KeyboardInterrupt):
        ask()
    assert "query q-1 could not be stopped (ClientError)" in caplog.text


@pytest.mark.parametrize(
    ("state", "reason", "error", "reported"),
    [
        ("FAILED", "SYNTAX_ERROR: line 1:8: Column 'x' cannot be resolved", ConfigurationError, "line 1:8: Column 'x'"),
        ("FAILED", "TABLE_NOT_FOUND: line 1:15: Table 'x' does not exist", ConfigurationError, "Table 'x'"),
        ("FAILED", "line 1:1: mismatched input 'SELEC'", ConfigurationError, "mismatched input"),
        (
            "FAILED",
            "INVALID_CAST_ARGUMENT: Cannot cast 'Doe^Jane' to DATE",
            RunFailedError,
            "INVALID_CAST_ARGUMENT; the",
        ),
        ("FAILED", "HIVE_BAD_DATA: Malformed 'Doe^Jane'", RunFailedError, "HIVE_BAD_DATA; the details may quote data"),
        (
            "FAILED",
            "Query exhausted resources\n at this scale factor",
            RunFailedError,
            "resources at this scale factor",
        ),
        ("FAILED", None, RunFailedError, "the query failed: Athena states no reason"),
        ("CANCELLED", "Query cancelled by user", RunFailedError, "the query was stopped in Athena: Query cancelled"),
        ("CANCELLED", "Bytes scanned limit was exceeded", RunFailedError, "Bytes scanned limit was exceeded"),
    ],
)
def test_a_failed_query_is_reported_with_athenas_reason_and_without_values(fake, state, reason, error, reported):
    fake.states = [{"State": state} | ({"StateChangeReason": reason} if reason else {})]
    with pytest.raises(error) as raised:
        ask()
    assert reported in str(raised.value)
    assert "Doe" not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert fake.named("stop_query_execution") == [], "it has ended"


def refusal(code, message="refused"):
    return ClientError({"Error": {"Code": code, "Message": message}}, "operation")


@pytest.mark.parametrize("call", ["start_query_execution", "get_query_execution", "get_query_results"])
@pytest.mark.parametrize(
    ("fault", "error", "reported"),
    [
        (refusal("AccessDeniedException"), RunFailedError, "Athena denies athena:{action} on the workgroup primary"),
        (refusal("ExpiredTokenException"), RunFailedError, "does not accept the credentials for athena:{action}"),
        (refusal("TooManyRequestsException"), RunFailedError, "Athena throttles athena:{action}"),
        (
            refusal("InternalServerException"),
            RunFailedError,
            "Athena answered InternalServerException to athena:{action} on the workgroup primary",
        ),
        (
            refusal("InvalidRequestException", "WorkGroup w\n is not found."),
            ConfigurationError,
            "the workgroup primary does not exist (athena:{action})",
        ),
        (
            refusal("InvalidRequestException", "Queries of this\n type are not supported"),
            ConfigurationError,
            "rejects the query: Queries of this type are",
        ),
        (
            refusal("InvalidRequestException", "No output location provided."),
            ConfigurationError,
            "provided. Give --output-location s3://bucket/prefix/, or a --workgroup",
        ),
        (NoCredentialsError(), ConfigurationError, "no AWS credentials were found"),
        (
            EndpointConnectionError(endpoint_url="http://x"),
            RunFailedError,
            "Athena did not answer athena:{action} on the workgroup primary (no connection)",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_refused_call_is_reported_by_its_action_and_remedy(fake, call, fault, error, reported):
    fake.refusals[call] = fault
    action = "".join(word.capitalize() for word in call.split("_"))
    with pytest.raises(error) as raised:
        list(ask().rows)
    assert reported.format(action=action) in str(raised.value)


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1", "  with x AS (SELECT 1) SELECT * FROM x", "-- why\nSELECT 1", "/* a */ (SELECT 1)", "SHOW TABLES",
     "DESCRIBE instances", "EXPLAIN SELECT 1", "VALUES 1", "TABLE failures"],
)  # fmt: skip
def test_what_reads_is_sent(fake, sql):
    ask(sql)
    assert [settings["QueryString"] for settings in fake.named("start_query_execution")] == [sql]


@pytest.mark.parametrize(
    "sql",
    ["DELETE FROM instances", "-- SELECT\nDROP TABLE instances", "INSERT INTO x SELECT 1", "CREATE TABLE x AS SELECT 1",
     "UNLOAD (SELECT 1) TO 's3://x'", "", "-- nothing"],
)  # fmt: skip
def test_what_writes_is_not(fake, sql):
    with pytest.raises(ConfigurationError, match="one statement that reads"):
        ask(sql)
    assert fake.calls == []
