"""Queues of SQS, and messages as S3 writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from tests.servers.s3 import S3Server

__all__ = ["TestQueue", "make_queue", "notification"]


@dataclass(frozen=True)
class TestQueue:
    """A queue on a server.

    Attributes:
        client: Of SQS, straight to the server.
        url: The queue's.
        arn: The queue's.
    """

    __test__ = False

    client: Any
    url: str
    arn: str

    def send(self, *bodies: Any) -> None:
        """Send messages: texts as they are, others as JSON."""
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            self.client.send_message(QueueUrl=self.url, MessageBody=text)

    def count(self) -> tuple[int, int]:
        """Return how many messages wait, and how many are in flight."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def take(self) -> list[Any]:
        """Receive and delete all messages; return their bodies, read as JSON."""
        bodies: list[Any] = []
        while found := self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                bodies.append(json.loads(message["Body"]))
                self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def listen(self, s3: Any, bucket: str) -> None:
        """Have S3 notify the queue of what happens in a bucket; its first message is ``s3:TestEvent``."""
        events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectRestore:*", "s3:LifecycleExpiration:*"]
        settings = {"QueueConfigurations": [{"QueueArn": self.arn, "Events": events}]}
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=settings)


def make_queue(server: S3Server, name: str, **attributes: str) -> TestQueue:
    """Make a queue."""
    client = server.client("sqs")
    url = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return TestQueue(client, url, found["QueueArn"])


def notification(
    bucket: str,
    key: str,
    name: str = "ObjectCreated:Put",
    *,
    size: int | None = None,
    etag: str | None = None,
    sequencer: str | None = None,
    time: str = "2026-05-06T07:08:09.123Z",
) -> dict[str, Any]:
    """Return a notification of one record; what is None it doesn't say."""
    reported = {"key": quote_plus(key), "size": size, "eTag": etag, "sequencer": sequencer}
    thing = {name: value for name, value in reported.items() if value is not None}
    record = {"eventVersion": "2.1", "eventSource": "aws:s3", "eventTime": time, "eventName": name}
    return {"Records": [{**record, "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket}, "object": thing}}]}
