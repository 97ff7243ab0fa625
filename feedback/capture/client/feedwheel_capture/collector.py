"""The collector as a destination: events as one JSON array per request, over a connection that is kept.

In: spool records. Out: the collector's word that they are durable there. What it refuses for good is counted and
logged: sending it again would change nothing and hold up everything behind it.
"""

import http.client
import json
import logging
from collections.abc import Sequence
from typing import Final, Self
from urllib.parse import urlsplit

from feedwheel_capture.errors import PublishFailed
from feedwheel_capture.spool import Record

_LOG: Final = logging.getLogger(__name__)
_TIMEOUT_S: Final = 15.0
"""A healthy collector answers a batch in milliseconds."""
_TOO_LARGE: Final = 413


class CollectorConnection:
    """A connection to one collector. Raises PublishFailed if nobody answers there."""

    def __init__(self, url: str, api_key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PublishFailed(f"{url} is not an http or https address: correct FEEDWHEEL_COLLECTOR_URL")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=_TIMEOUT_S)
        self._path = f"{parts.path.rstrip('/')}/v1/events"
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/cloudevents-batch+json",
        }
        try:
            self._connection.connect()
        except OSError as error:
            raise PublishFailed(f"collector at {url}: {type(error).__name__}") from error

    def publish(self, records: Sequence[Record]) -> int:
        """Send records; how many were refused, once all are durable or refused for good. Raises PublishFailed."""
        if not records:
            return 0
        status, answer = self._post(b"[" + b",".join(record.value for record in records) + b"]")
        if status == _TOO_LARGE and len(records) > 1:
            middle = len(records) // 2
            return self.publish(records[:middle]) + self.publish(records[middle:])
        if status in (200, 202, 207, 422, _TOO_LARGE):
            return _refused(status, answer, len(records))
        if status in (401, 403):
            raise PublishFailed(f"collector answered {status}: correct FEEDWHEEL_API_KEY (`feedwheel keys create`)")
        raise PublishFailed(f"collector answered {status}")

    def _post(self, body: bytes) -> tuple[int, bytes]:
        try:
            self._connection.request("POST", self._path, body, self._headers)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise PublishFailed(f"collector: {type(error).__name__}") from error

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()


def _refused(status: int, answer: bytes, sent: int) -> int:
    """How many were refused, which is logged. Reasons name fields and never their content, so they may be logged."""
    try:
        rejected = json.loads(answer).get("rejected", [])
    except (ValueError, AttributeError):
        rejected = []
    count = sent if status == _TOO_LARGE else len(rejected)
    if count:
        reasons = sorted({str(entry.get("reason", "unknown")) for entry in rejected}) or ["too_large"]
        _LOG.error("the collector refused %d of %d events for good: %s", count, sent, ", ".join(reasons))
    return count
