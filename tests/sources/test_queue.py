"""Messages are received side by side, kept while they are worked on, and deleted; what isn't there costs no run."""

from __future__ import annotations

import itertools
import time

import pytest

from dicom_udf.aws import clients
from dicom_udf.aws.clients import TRIES
from dicom_udf.aws.sqs import send_in_batches, sqs_client
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.sources import fault_queue, queue
from dicom_udf.sources.fault_queue import open_fault_queue
from dicom_udf.sources.queue import open_queue
from tests.servers.events import make_queue, notification
from tests.servers.proxy import proxy
from tests.servers.rules import Refusal, Rule

names = (f"queue-{number}" for number in itertools.count())


@pytest.fixture
def there(server, access, monkeypatch):
    """An empty queue; the code under test asks it by one thread, since moto gives a message to two who ask at once."""
    monkeypatch.setattr(queue, "_THREADS", 1)
    monkeypatch.setattr(queue, "_WAIT", 0)
    found = make_queue(server, next(names))
    yield found
    found.client.delete_queue(QueueUrl=found.url)


@pytest.fixture
def way(server):
    with proxy(server.endpoint) as running:
        yield running


def message(number):
    return notification("bucket", f"{number}.dcm", size=1, etag="e")


def keys(messages):
    return sorted(int(event.key.removesuffix(".dcm")) for one in messages for event in one.events)


@pytest.mark.parametrize("threads", [1, 16])
def test_all_messages_come_and_are_deleted(there, server, monkeypatch, threads):
    monkeypatch.setattr(queue, "_THREADS", threads)
    there.send(*map(message, range(57)))
    opened = open_queue(there.url, endpoint=server.endpoint)
    messages = [*opened.receive(1000)]
    assert sorted(set(keys(messages))) == [*range(57)]
    assert (opened.received, opened.left(), there.count()) == (len(messages), 0, (0, 57))
    assert threads > 1 or len(messages) == 57
    opened.delete(one.receipt for one in messages)
    assert there.count() == (0, 0)


@pytest.mark.parametrize("limit", [1, 10, 13, 40])
def test_a_bound_is_kept_to_the_message(there, server, limit):
    there.send(*map(message, range(45)))
    opened = open_queue(there.url, endpoint=server.endpoint)
    assert len([*opened.receive(limit)]) == opened.received == limit
    assert opened.left() == 45 - limit


def test_what_is_no_s3_event_is_counted_once_and_stays(there, server, monkeypatch):
    monkeypatch.setattr(queue, "VISIBILITY", 1)
    there.send("hello", '{"Records": [{"eventName": "INSERT"}]}', message(1), {"Event": "s3:TestEvent"})
    opened = open_queue(there.url, endpoint=server.endpoint)
    messages = [*opened.receive(100)]
    assert (keys(messages), len(messages), len(opened.invalid), opened.received) == ([1], 2, 2, 4)
    opened.delete(one.receipt for one in messages)
    time.sleep(1.1)
    assert [*opened.receive(2)] == []
    assert (len(opened.invalid), opened.received, sum(there.count())) == (2, 4, 2)


def test_messages_stay_invisible_while_they_are_kept(there, server, monkeypatch):
    monkeypatch.setattr(queue, "VISIBILITY", 1)
    there.send(*map(message, range(12)))
    opened = open_queue(there.url, endpoint=server.endpoint)
    receipts = []
    with opened.keeping(receipts):
        receipts += [one.receipt for one in opened.receive(12)]
        time.sleep(2)
        assert there.count() == (0, 12)
    time.sleep(1.1)
    assert there.count() == (12, 0)


def test_deleting_twice_or_late_does_no_harm(there, server):
    there.send(*map(message, range(12)))
    opened = open_queue(there.url, endpoint=server.endpoint)
    receipts = [one.receipt for one in opened.receive(12)]
    opened.delete(receipts)
    opened.delete(receipts)
    assert there.count() == (0, 0)


class Server:
    """Takes entries; fails for some, as reported: by number of the call, an entry's body, and whose fault it is."""

    def __init__(self, failing):
        self.failing, self.calls, self.taken = failing, [], []

    def __call__(self, *, QueueUrl, Entries):
        self.calls.append([entry["ReceiptHandle"] for entry in Entries])
        failed = []
        for entry in Entries:
            fault = self.failing.get((len(self.calls), entry["ReceiptHandle"]))
            if fault is None:
                self.taken.append(entry["ReceiptHandle"])
            else:
                failed.append({"Id": entry["Id"], "SenderFault": fault == "sender", "Code": "ThrottlingException"})
        return {"Failed": failed} if failed else {}


ENTRIES = [{"ReceiptHandle": name} for name in "abcd"]


def test_what_fails_in_part_is_asked_again_in_part(monkeypatch):
    monkeypatch.setattr(clients, "FIRST_WAIT", 0.0)
    server = Server({(1, "b"): "server", (1, "c"): "sender", (1, "d"): "server", (2, "d"): "server"})
    assert send_in_batches(server, ENTRIES, action="sqs:DeleteMessage", queue="q") == [{"ReceiptHandle": "c"}]
    assert server.calls == [["a", "b", "c", "d"], ["b", "d"], ["d"]]
    assert sorted(server.taken) == ["a", "b", "d"]


def test_what_fails_again_and_again_ends_the_run(monkeypatch):
    monkeypatch.setattr(clients, "FIRST_WAIT", 0.0)
    server = Server({(number, "b"): "server" for number in range(1, TRIES + 1)})
    with pytest.raises(RunFailedError, match=r"throttles sqs:DeleteMessage on the queue q \(ThrottlingException\)"):
        send_in_batches(server, ENTRIES, action="sqs:DeleteMessage", queue="q")


def test_a_queue_that_is_not_there_is_a_bad_argument(there, server):
    for open_it in (open_queue, open_fault_queue):
        with pytest.raises(
            ConfigurationError, match=r"the queue http.*-none does not exist \(sqs:GetQueueAttributes\)"
        ):
            open_it(f"{there.url}-none", endpoint=server.endpoint)


REFUSALS = {
    (403, "AccessDenied"): r"SQS denies {action} on the queue http.* \(AccessDenied\); grant it",
    (400, "AccessDeniedException"): r"SQS denies {action} on the queue http",
    (
        403,
        "ExpiredToken",
    ): r"does not accept the credentials for {action} on the queue http.* \(ExpiredToken\); renew them",
    (400, "ExpiredTokenException"): r"does not accept the credentials for {action} on the queue http",
    (403, "InvalidClientTokenId"): r"does not accept the credentials for {action} on the queue http",
    (400, "QueueDoesNotExist"): r"the queue http.* does not exist \({action}\)",
    (400, "AWS.SimpleQueueService.NonExistentQueue"): r"the queue http.* does not exist \({action}\)",
    (400, "SomethingElse"): r"SQS answered SomethingElse to {action} on the queue http",
}


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
@pytest.mark.parametrize("action", ["ReceiveMessage", "DeleteMessage"])
def test_a_refusal_in_mid_run_names_action_and_queue(there, way, refusal, action):
    there.send(message(1))
    opened = open_queue(there.url, endpoint=way.endpoint)
    way.rules.append(Rule(Refusal(*refusal), key=f"AmazonSQS/{action}*", method="POST", times=None))
    with pytest.raises(RunFailedError, match=REFUSALS[refusal].format(action=f"sqs:{action}")):
        opened.delete(one.receipt for one in opened.receive(10))
    assert sum(there.count()) == 1


@pytest.mark.parametrize("answer", [Refusal(403, "RequestThrottled"), Refusal(503, "ServiceUnavailable")])
def test_throttling_is_waited_out(there, way, answer):
    there.send(*map(message, range(5)))
    opened = open_queue(there.url, endpoint=way.endpoint)
    way.rules.append(Rule(answer, key="AmazonSQS/*", method="POST", times=2))
    assert keys(opened.receive(10)) == [*range(5)]


def test_a_server_that_is_not_there_ends_the_run(there, monkeypatch):
    monkeypatch.setattr(clients, "TRIES", 1)
    with pytest.raises(RunFailedError, match=r"SQS did not answer sqs:GetQueueAttributes .*--aws-endpoint"):
        open_queue(there.url, endpoint="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/events", "eu-west-1"),
        ("https://sqs.us-gov-west-1.amazonaws.com/123456789012/events", "us-gov-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/events", "cn-north-1"),
        ("https://eu-central-1.queue.amazonaws.com/123456789012/events", "eu-central-1"),
        ("https://sqs-fips.us-east-2.amazonaws.com/123456789012/events", "us-east-2"),
        ("http://127.0.0.1:5000/123456789012/events", "us-east-1"),
    ],
)
def test_the_region_is_the_queues_own(access, url, region):
    assert sqs_client(url, None).meta.region_name == region


def test_faults_are_sent_by_ten_and_by_size(there, way):
    reported = open_fault_queue(there.url, endpoint=way.endpoint)
    reported.send(f'"{number:03}"' for number in range(25))
    assert way.count(key="AmazonSQS/SendMessageBatch") == 3
    reported.send('"' + "x" * 100_000 + '"' for _ in range(5))
    assert way.count(key="AmazonSQS/SendMessageBatch") == 6
    assert reported.sent == 30
    reported.check()
    assert sorted(there.take())[:25] == [f"{number:03}" for number in range(25)]


def test_who_may_only_send_can_send(there, way):
    way.rules.append(Rule(Refusal(403, "AccessDenied"), key="AmazonSQS/GetQueueAttributes", method="POST", times=None))
    reported = open_fault_queue(there.url, endpoint=way.endpoint)
    reported.send(['"reported"'])
    assert there.take() == ["reported"]
    with pytest.raises(RunFailedError, match=r"SQS denies sqs:GetQueueAttributes on the queue http"):
        open_queue(there.url, endpoint=way.endpoint)


def test_a_queue_that_takes_no_faults_ends_the_sending_and_fails_the_run_at_its_end(there, way):
    reported = open_fault_queue(there.url, endpoint=way.endpoint)
    way.rules.append(Rule(Refusal(403, "AccessDenied"), key="AmazonSQS/Send*", method="POST", times=None))
    reported.send(["1"])
    asked = way.count()
    reported.send(["2"])
    assert way.count() == asked
    with pytest.raises(RunFailedError, match=r"everything is committed.*SQS denies sqs:SendMessage on the queue http"):
        reported.check()


def test_a_message_that_the_queue_refuses_is_no_silence(there, server, monkeypatch):
    monkeypatch.setattr(fault_queue, "send_in_batches", lambda call, entries, **_: entries[:1])
    reported = open_fault_queue(there.url, endpoint=server.endpoint)
    reported.send(["1", "2"])
    with pytest.raises(RunFailedError, match="SQS refuses 1 messages"):
        reported.check()
