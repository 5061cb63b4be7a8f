"""The example of docs/how_to/read_a_frame.md, executed: tile 12,345 of a slide in S3 by one range request."""

from __future__ import annotations

import io
import re
from pathlib import Path

import duckdb
import numpy as np
import pydicom
import pytest

from dicom_udf import scan
from dicom_udf.columns.views import DUCKDB, make_views
from dicom_udf.config import S3Access
from tests.header.files import EXPLICIT, INSTANCE, element, encode, minimal
from tests.servers.s3 import moto_s3

PAGE = (Path(__file__).parents[1] / "docs" / "how_to" / "read_a_frame.md").read_text(encoding="utf-8")
ACROSS, DOWN = 125, 100
TILE = 12_345
RLE = "1.2.840.10008.1.2.5"


def block(language: str) -> str:
    [text] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return text


SQL, FRAME = block("sql"), f"frame_number = {TILE}"


@pytest.fixture(scope="module")
def read_frame():
    names: dict[str, object] = {}
    exec(compile(block("python"), "read_a_frame.md", "exec"), names)
    return names["read_frame"]


def query_of(number: int) -> str:
    """The page's query of another tile."""
    assert FRAME in SQL
    return SQL.replace(FRAME, f"frame_number = {number}")


def tile(number: int) -> bytes:
    return b"\xff\xd8" + number.to_bytes(4, "big") * (1 + number % 3) + b"\xff\xd9"


def slide() -> bytes:
    """A slide of 12,500 small compressed tiles; each is two fragments where its number is even."""
    data_set = minimal(Modality="SM", Rows=256, Columns=256, SamplesPerPixel=3, BitsAllocated=8)
    data_set.NumberOfFrames, data_set.DimensionOrganizationType = ACROSS * DOWN, "TILED_FULL"
    data_set.TotalPixelMatrixColumns, data_set.TotalPixelMatrixRows = 256 * ACROSS, 256 * DOWN
    data_set.StudyDate = "20240506"
    offsets, frames = [], io.BytesIO()
    for number in range(1, ACROSS * DOWN + 1):
        offsets.append(frames.tell())
        data = tile(number)
        for fragment in (data,) if number % 2 else (data[:4], data[4:]):
            frames.write(b"\xfe\xff\x00\xe0" + len(fragment).to_bytes(4, "little") + fragment)
    table = np.array(offsets, "<u4").tobytes()
    value = b"\xfe\xff\x00\xe0" + len(table).to_bytes(4, "little") + table + frames.getvalue()
    end = b"\xfe\xff\xdd\xe0" + bytes(4)
    return encode(data_set, RLE) + element(0x7FE00010, "OB", value + end, length=0xFFFFFFFF)


@pytest.fixture
def server(monkeypatch):
    with moto_s3() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        running.client().create_bucket(Bucket="slides")
        yield running


def row_of(server, sql: str) -> tuple[object, ...]:
    """Answer a query of the views over what the bucket holds."""
    table = scan("s3://slides", access=S3Access(endpoint=server.endpoint, region=server.region)).read_all()
    table = table.append_column("ingest_time", table.column("source_last_modified"))
    with duckdb.connect() as connection:
        connection.register("instances", table)
        for view in make_views(DUCKDB, columns=table.column_names):
            connection.execute(f"CREATE VIEW {view.name} AS {view.sql}")
        [row] = connection.execute(sql).fetchall()
    return row


def ranges_of(client) -> list[str]:
    """Note the range of each request that the client sends."""
    ranges: list[str] = []
    client.meta.events.register(
        "before-call.s3.GetObject", lambda params, **_: ranges.append(params["headers"]["Range"])
    )
    return ranges


def test_the_page_reads_a_tile_of_a_slide_by_one_request(server, read_frame) -> None:
    assert INSTANCE in SQL
    client = server.client()
    client.put_object(Bucket="slides", Key="a b/slide#1.dcm", Body=slide())
    row = row_of(server, SQL)
    ranges = ranges_of(client)
    assert read_frame(client, *row) == tile(TILE)
    _, offset, length, _ = row
    assert ranges == [f"bytes={offset}-{offset + length - 1}"]
    assert length < 40


@pytest.mark.parametrize("number", [1, 2, ACROSS * DOWN])
def test_it_reads_fragments_and_the_last_tile_too(server, read_frame, number) -> None:
    client = server.client()
    client.put_object(Bucket="slides", Key="slide.dcm", Body=slide())
    assert read_frame(client, *row_of(server, query_of(number))) == tile(number)
    place = row_of(server, f"SELECT tile_column, tile_row FROM frames WHERE frame_number = {number}")
    assert place == ((number - 1) % ACROSS * 256 + 1, (number - 1) // ACROSS * 256 + 1)


def test_it_reads_a_native_frame(server, read_frame) -> None:
    data_set = minimal(Rows=5, Columns=4, SamplesPerPixel=1, BitsAllocated=16, BitsStored=16, HighBit=15)
    data_set.PixelRepresentation, data_set.PhotometricInterpretation = 0, "MONOCHROME2"
    data_set.NumberOfFrames, data_set.PixelData = 7, bytes(range(140)) * 2
    content = encode(data_set, EXPLICIT)
    client = server.client()
    client.put_object(Bucket="slides", Key="image.dcm", Body=content)
    found = read_frame(client, *row_of(server, query_of(6)))
    pixels = pydicom.dcmread(io.BytesIO(content)).pixel_array
    assert np.array_equal(np.frombuffer(found, "<u2").reshape(5, 4), pixels[5])
