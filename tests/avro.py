"""Events in Avro as a producer's serializer writes them, and a registry that speaks Confluent's API."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from typing import Any

import fastavro
import msgspec
from feedwheel_capture.catalogue import event_type
from feedwheel_capture.events import Event

from schemas.avro import avro_schema


def schema_of(event: Event[Any]) -> dict[str, Any]:
    """Our own schema of an event, to be changed at will."""
    return json.loads(json.dumps(avro_schema(event_type(event.data))))


def body(event: Event[Any], schema: Mapping[str, Any] | None = None, **extra: Any) -> bytes:
    """The event as a writer of that schema, ours by default, writes it, without a frame."""
    record = _listed(msgspec.to_builtins(event, builtin_types=(datetime,)))
    written = BytesIO()
    fastavro.schemaless_writer(written, dict(schema or schema_of(event)), {**record, **extra})
    return written.getvalue()


def framed(schema_id: int, record: bytes) -> bytes:
    """As Confluent's serializers frame a record."""
    return b"\0" + schema_id.to_bytes(4, "big") + record


def _listed(value: Any) -> Any:
    """A tuple would name a branch of a union."""
    match value:
        case dict():
            return {name: _listed(each) for name, each in value.items()}
        case list() | tuple():
            return [_listed(each) for each in value]
    return value


@dataclass
class LocalRegistry:
    """Schemas by id, over HTTP. `fails`: the status of every answer, as while a registry starts or is broken."""

    url: str = ""
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)
    fails: int | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def register(self, schema: Any, **more: Any) -> int:
        """Its id."""
        schema_id = len(self.answers) + 1
        self.answers[schema_id] = {"schema": schema if isinstance(schema, str) else json.dumps(schema), **more}
        return schema_id

    def answer(self, path: str) -> tuple[int, bytes]:
        if self.fails:
            return self.fails, b"{}"
        prefix, _, schema_id = path.rpartition("/")
        if prefix == "/schemas/ids" and int(schema_id) in self.answers:
            return 200, json.dumps(self.answers[int(schema_id)]).encode()
        return 404, b'{"error_code": 40403, "message": "Schema not found"}'


@contextmanager
def local_registry() -> Iterator[LocalRegistry]:
    registry = LocalRegistry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            registry.asked.append((self.path, self.headers.get("authorization")))
            self._reply(*registry.answer(self.path))

        def do_POST(self) -> None:
            posted = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self._reply(200, json.dumps({"id": registry.register(posted["schema"])}).encode())

        def _reply(self, status: int, text: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        registry.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
