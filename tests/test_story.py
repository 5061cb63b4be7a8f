"""The whole story: uploads notify a queue, the job drains it into a lake in S3, SQL answers; a change; SQL answers."""

from __future__ import annotations

import pytest

from dicom_udf.answers.inspection import verify_lake
from dicom_udf.answers.local import run_query
from dicom_udf.sources import queue as sources_queue
from tests.servers.s3 import S3Server, moto_server
from tests.servers.trino import NO_TRINO, find_trino, trino
from tests.story import AFTER, BEFORE, CHANGED, OBJECTS, Story, wrong

pytestmark = pytest.mark.spark


@pytest.fixture
def story(spark, monkeypatch):
    monkeypatch.setattr(sources_queue, "_THREADS", 1)  # moto gives a message to two who ask at once
    with moto_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield Story.begin(server)


TRINO = pytest.param("trino", marks=[pytest.mark.trino, pytest.mark.skipif(find_trino() is None, reason=NO_TRINO)])


@pytest.fixture(params=["duckdb", TRINO])
def ask(request, story, tmp_path):
    """SQL on bare names -> rows, by the engine of local queries and by the one that Athena is."""
    if request.param == "duckdb":
        yield lambda sql: run_query(sql, story.config.location).rows
    else:
        server = S3Server(story.config.s3_endpoint)
        with trino(tmp_path, glue=story.config.aws_endpoint, s3=server) as engine:
            yield engine.ask


def test_the_lake_follows_the_bucket_from_upload_to_change(story, ask):
    story.upload()
    first = story.run()
    assert (first.messages, first.objects_new, first.objects_read) == (OBJECTS + 1, OBJECTS, OBJECTS)  # s3:TestEvent
    assert wrong(ask, BEFORE) == {}
    assert (first.messages_left, story.queue.count()) == (0, (0, 0))

    story.change()
    second = story.run()
    assert (second.messages, second.objects_changed, second.objects_deleted) == (CHANGED, 1, 1)
    assert second.objects_read == 1
    assert wrong(ask, AFTER) == {}
    assert (second.messages_left, story.queue.count()) == (0, (0, 0))

    assert verify_lake(story.config.location).broken == ()
    idle = story.run()
    assert (idle.messages, idle.objects_read, idle.objects_deleted) == (0, 0, 0)
    assert wrong(ask, AFTER) == {}
