"""What moto's recorder wrote of the requests to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["requests_of"]

_NEXT = re.compile(r"\s*(?=\S)")


def requests_of(recording: str) -> Iterator[dict[str, Any]]:
    """Yield the requests: objects, of which two may share a line, because moto writes the end of a line apart."""
    decoder = json.JSONDecoder()
    found = _NEXT.match(recording)
    while found is not None:
        request, end = decoder.raw_decode(recording, found.end())
        yield request
        found = _NEXT.match(recording, end)
