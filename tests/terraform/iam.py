"""What IAM would say of recorded requests: the action and the resources of each, held against a role's statements.

Sources: the Service Authorization Reference for which action a request is, and the IAM User Guide, "Policy evaluation
logic", for the rest. Only what the module's policies use is known here: Allow, wildcards, four kinds of conditions.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.recordings import requests_of

__all__ = ["Call", "calls_of", "permissions", "permitting"]


@dataclass(frozen=True)
class Call:
    """A request as IAM sees it.

    Attributes:
        action: ``s3:GetObject``.
        resources: Each must be allowed.
        context: Condition keys.
    """

    action: str
    resources: tuple[str, ...]
    context: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)


def permitting(statements: Iterable[Mapping[str, Any]], call: Call) -> list[str]:
    """Return the statements that allow a call, ``<Sid> <action>`` each; none where a resource isn't allowed."""
    found = []
    for resource in call.resources:
        allowing = [
            f"{statement['Sid']} {action}"
            for statement in statements
            for action in _list(statement["Action"])
            if statement["Effect"] == "Allow"
            and fnmatchcase(call.action, action)
            and any(_matches(resource, pattern) for pattern in _list(statement["Resource"]))
            and _conditions_hold(statement.get("Condition", {}), call.context)
        ]
        if not allowing:
            return []
        found += allowing
    return found


def permissions(statements: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return all that statements allow, ``<Sid> <action>`` each."""
    return {f"{statement['Sid']} {action}" for statement in statements for action in _list(statement["Action"])}


def calls_of(recording: str, *, account: str, region: str, keys: Mapping[str, str]) -> Iterator[Call]:
    """Translate a recording of moto (a JSON object a line) into calls.

    Args:
        recording: As moto's recorder writes it.
        account: Whose ARNs are meant.
        region: Of everything but S3.
        keys: ARN of the KMS key of each bucket that is encrypted by one: S3 asks for it in the caller's name.
    """
    for request in requests_of(recording):
        body = base64.b64decode(request["body"]) if request["body_encoded"] else (request["body"] or "").encode()
        headers = {name.lower(): value for name, value in request["headers"].items()}
        service = _service(headers)
        if service == "s3":
            for call in _s3_calls(request["method"], request["url"], headers, body):
                yield call
                yield from _kms_calls(call, keys, region)
        elif service == "glue":
            yield _glue_call(headers, json.loads(body), f"arn:aws:glue:{region}:{account}")
        elif service == "sqs":
            message = json.loads(body)
            name = message["QueueUrl"].rpartition("/")[2]
            action = headers["x-amz-target"].partition(".")[2].replace("Batch", "")
            yield Call(f"sqs:{action}", (f"arn:aws:sqs:{region}:{account}:{name}",))
        elif service == "monitoring":
            yield _cloudwatch_call(request["url"], headers, body)
        else:
            yield Call(f"{service}:?", (request["url"],))


def _service(headers: Mapping[str, str]) -> str:
    """The service that a request was signed for (Signature Version 4: the scope of the credential)."""
    scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request", headers.get("authorization", ""))
    return scope[1] if scope else "unsigned"


def _s3_calls(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Iterator[Call]:
    parts = urlsplit(url)
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    query = parse_qs(parts.query, keep_blank_values=True)
    of_bucket, of_object = f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{key}"
    if not key and method == "POST" and "delete" in query:
        for name in re.findall(rb"<Key>(.*?)</Key>", body):
            yield Call("s3:DeleteObject", (f"{of_bucket}/{name.decode()}",))
    elif not key and method in ("GET", "HEAD"):
        special = {"location": "s3:GetBucketLocation", "uploads": "s3:ListBucketMultipartUploads"}
        action = next((special[name] for name in query if name in special), "s3:ListBucket")
        yield Call(action, (of_bucket,), {"s3:prefix": query["prefix"][0]} if "prefix" in query else {})
    elif method in ("GET", "HEAD"):
        yield Call("s3:GetObject", (of_object,), {"method": method})
    elif method == "DELETE":
        yield Call("s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject", (of_object,))
    elif method in ("PUT", "POST") and key:
        yield Call("s3:PutObject", (of_object,), {"parts": "yes"} if "uploadId" in query else {})
        if "x-amz-copy-source" in headers:
            yield Call("s3:GetObject", (f"arn:aws:s3:::{unquote(headers['x-amz-copy-source']).lstrip('/')}",))
    else:
        yield Call(f"s3:{method}?{parts.query}", (of_bucket,))


def _kms_calls(call: Call, keys: Mapping[str, str], region: str) -> Iterator[Call]:
    """What S3 asks of KMS for an object that is encrypted by a key (S3 User Guide, "Using SSE-KMS": permissions)."""
    bucket = call.resources[0].removeprefix("arn:aws:s3:::").partition("/")[0]
    needs = {"s3:GetObject": ["Decrypt"], "s3:PutObject": ["GenerateDataKey"]}.get(call.action, [])
    if call.context.get("method") == "HEAD":
        needs = []
    if "parts" in call.context:
        needs = [*needs, "Decrypt"]
    if bucket in keys:
        for action in needs:
            yield Call(f"kms:{action}", (keys[bucket],), {"kms:ViaService": f"s3.{region}.amazonaws.com"})


def _glue_call(headers: Mapping[str, str], body: Mapping[str, Any], base: str) -> Call:
    """A call of the Data Catalog needs the catalog, the database and the table (Glue Developer Guide, "ARNs")."""
    action = headers["x-amz-target"].partition(".")[2]
    database = body.get("DatabaseName") or body.get("Name") or body.get("DatabaseInput", {}).get("Name")
    resources = [f"{base}:catalog", f"{base}:database/{database}"]
    if "Table" in action:
        table = body.get("Name") or body.get("TableName") or body.get("TableInput", {}).get("Name") or "any"
        resources.append(f"{base}:table/{database}/{table}")
    return Call(f"glue:{action}", tuple(resources))


def _cloudwatch_call(url: str, headers: Mapping[str, str], body: bytes) -> Call:
    form = parse_qs(body.decode("utf-8", "replace"))
    action = form.get("Action", [headers.get("x-amz-target", url).rpartition(".")[2].rpartition("/")[2]])[0]
    namespace = form["Namespace"][0] if "Namespace" in form else json.loads(body)["Namespace"]
    return Call(f"cloudwatch:{action}", ("*",), {"cloudwatch:namespace": namespace})


def _conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    return all(
        _condition_holds(operator, _list(wanted), context.get(key))
        for operator, pairs in conditions.items()
        for key, wanted in pairs.items()
    )


def _condition_holds(operator: str, wanted: list[str], value: str | None) -> bool:
    if value is None:
        return operator.endswith("IfExists")
    if operator.removesuffix("IfExists") in ("StringEquals", "Bool"):
        return value in wanted
    if operator.removesuffix("IfExists") in ("StringLike", "ArnLike"):
        return any(_matches(value, pattern) for pattern in wanted)
    raise ValueError(f"{operator} isn't known here")


def _matches(value: str, pattern: str) -> bool:
    """IAM's wildcards: ``*`` and ``?`` alone; brackets are letters."""
    return fnmatchcase(value, pattern.replace("[", "[[]"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
