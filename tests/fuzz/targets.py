"""Everything that reads what others wrote, each as one function of bytes, and what it may do with them.

Whoever calls one learns of a broken promise by an exception: bytes are read, refused with a reason, or left out with a
count; what is stored can be read again, and redaction finds nothing more in it.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, get_args

import msgspec
from feedwheel_capture.events import encode
from feedwheel_capture.identity import Identity
from feedwheel_capture.recorder import make_event
from feedwheel_capture.redact import redact
from starlette.datastructures import Headers

from feedback.capture.collector.events import Problem, events_of
from feedback.capture.collector.intake import Intake, Refused, Taken
from feedback.capture.collector.otlp import genai
from feedback.capture.collector.otlp.encoding import Encoding, Undecodable, decode, unzip
from feedback.capture.collector.otlp.encoding import encode as encode_message
from feedback.capture.collector.otlp.observed import Happening, Span
from feedback.capture.collector.otlp.routes import LOGS, TRACES, Signal
from feedback.capture.importers.export import Export
from feedback.capture.importers.formats import read
from feedback.capture.importers.refusal import ExportRefused
from feedback.capture.importers.scribe import Format, Scribe, Target
from pipelines.ingest.avro import AvroReader, schemas_of
from pipelines.ingest.decode import BatchDecoder
from pipelines.ingest.manifest import Range
from pipelines.ingest.offsets import Source
from pipelines.io.kafka_ranges import RecordBatch
from pipelines.io.schema_registry import RegisteredSchema
from pipelines.stack.paths import REPOSITORY
from schemas.config import parse
from schemas.events import EventRejected, decode_any
from tests.avro import body, framed, schema_of
from tests.events import APP, exposure, feedback, generation
from tests.exports import chatgpt_conversation, claude_conversation
from tests.otlp import CHAT, CONTENT, JUDGED, SPAN, TRACE, as_json, log, logs_request, span, traces_request

NOW: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
IDENTITY: Final = Identity(("layer-1",), "split-key")
CONFIG: Final = parse((REPOSITORY / "feedwheel.toml").read_text("utf-8"), "feedwheel.toml")
MAX_UNZIPPED_BYTES: Final = 100_000
MODES: Final[list[tuple[Signal, Encoding]]] = [
    (signal, encoding) for signal in (LOGS, TRACES) for encoding in ("protobuf", "json")
]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)


def events(data: bytes) -> None:
    """One event, as POST /v1/events takes it."""
    intake = Intake(CONFIG, IDENTITY, lambda: NOW)
    outcome = intake.take(data, APP)
    if not isinstance(outcome, Taken):
        assert isinstance(outcome, Refused)
        assert outcome.reason
        return
    if outcome.record is not None:
        decode_any(outcome.record.value)
        again = intake.take(outcome.record.value, APP)
        assert isinstance(again, Taken)
        assert again.record == outcome.record, "what is stored is redacted, and stays as it is"


def cloudevents(data: bytes) -> None:
    """A request whose head is lines of `name: value` and whose body follows an empty line."""
    head, _, body = data.partition(b"\n\n")
    pairs = [line.partition(b":")[::2] for line in head.split(b"\n")]
    headers = Headers(raw=[(name.strip().lower(), value.strip()) for name, value in pairs])
    try:
        values = events_of(body, headers)
    except Problem:
        return
    for value in values[:20]:
        events(value)


def otlp(data: bytes) -> None:
    """A request of telemetry; its first byte says of which kind, in which encoding, and whether it is zipped."""
    choice, body = data[0] if data else 0, data[1:]
    signal, encoding = MODES[choice % len(MODES)]
    try:
        request = decode(unzip(body, MAX_UNZIPPED_BYTES) if choice & 0x80 else body, encoding, signal.request)
    except Undecodable:
        return
    again = decode(encode_message(request, "protobuf"), "protobuf", signal.request)
    told = [list(signal.found(record, APP)) for record in signal.records(request)]
    # Twice the same, though not equal: a number may be NaN.
    assert repr(told) == repr([list(signal.found(record, APP)) for record in signal.records(again)])
    _check(one for record in told for one in record)


def telemetry(data: bytes) -> None:
    """A log record and a span whose attributes are built of the bytes, so that each change of a byte is of use."""
    feed = Feed(data)
    name = (genai.INFERENCE, genai.EVALUATION)[feed.byte() % 2]
    trace_id, time_ns = TRACE.hex() if feed.byte() % 2 else "", feed.byte() * 10**17
    log_record = Happening(name, feed.attributes(), trace_id, SPAN.hex(), time_ns)
    _check(genai.of_log(log_record, APP))
    event = Happening(genai.EVALUATION, feed.attributes(), trace_id, SPAN.hex(), time_ns)
    of_span = Span(
        attributes=feed.attributes(),
        trace_id=trace_id,
        span_id=SPAN.hex(),
        started_ns=feed.byte(),
        ended_ns=time_ns,
        is_outgoing=bool(feed.byte() % 4),
        is_error=bool(feed.byte() % 2),
        events=(event, log_record),
    )
    _check(genai.of_span(of_span, APP))


def _check(told: Iterable[genai.Found]) -> None:
    for found in told:
        match found:
            case genai.Refused():
                assert found.detail
            case genai.Left():
                assert found.reason
            case event:
                events(msgspec.json.encode(event))


class Feed:
    """Values out of bytes; when they are used up, zeros follow."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def byte(self) -> int:
        """The next one."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def text(self) -> str:
        """Up to 15 bytes."""
        length = self.byte() % 16
        self._at += length
        return self._data[self._at - length : self._at].decode("utf-8", "replace")

    def attributes(self) -> dict[str, Any]:
        """Up to 15, over those of a whole record or over none."""
        whole = {**CHAT, **CONTENT, **JUDGED} if self.byte() % 2 else {}
        return {**whole, **{ATTRIBUTES[self.byte() % len(ATTRIBUTES)]: self.value() for _ in range(self.byte() % 16)}}

    def value(self, depth: int = 0) -> Any:
        """Whatever an attribute or a part of a message may be, and what it may not."""
        match self.byte() % (10 if depth < 5 else 7):
            case 0:
                return None
            case 1:
                return bool(self.byte() % 2)
            case 2:
                return (self.byte() - 128) << self.byte() % 56
            case 3:
                return NUMBERS[self.byte() % len(NUMBERS)]
            case 4:
                return self.text()
            case 5 | 6:
                return VALUES[self.byte() % len(VALUES)]
            case 7:
                return [self.value(depth + 1) for _ in range(self.byte() % 4)]
            case 8:
                return {KEYS[self.byte() % len(KEYS)]: self.value(depth + 1) for _ in range(self.byte() % 5)}
        return json.dumps(self.value(depth + 1))


ATTRIBUTES: Final = [
    *CHAT, *CONTENT, *JUDGED, "gen_ai.system_instructions", "gen_ai.evaluation.score.value", "error.type", "user.id",
    "gen_ai.evaluation.score.label", "gen_ai.evaluation.explanation", "feedwheel.scale", "gen_ai.conversation.id",
    "gen_ai.request.temperature", "gen_ai.request.seed", "gen_ai.response.time_to_first_chunk", "enduser.id",
]  # fmt: skip
KEYS: Final = [
    "role",
    "parts",
    "type",
    "content",
    "name",
    "arguments",
    "finish_reason",
    "response",
    "id",
    "result",
    "x",
]
NUMBERS: Final = [0.0, 1.0, -1.0, 4.5, 1e308, float("nan"), float("inf"), -float("inf")]
VALUES: Final[list[Any]] = [
    *CHAT.values(), *CONTENT.values(), *JUDGED.values(), "", "text", "tool_call", "tool_call_response", "reasoning",
    "user", "assistant", "system", "tool", "good", "bad", "toxic", "complaint", "thumbs", [1, 5], [0, 1], [-1, 1],
    "ann@example.com", "\x00", "\ud7ff", "[", "[]", "{}", "\x1f",
]  # fmt: skip


def importers(data: bytes) -> None:
    """A file of an export; its first byte says of which product."""
    format_ = FORMATS[(data[0] if data else 0) % len(FORMATS)]
    target = Target(app="helpdesk", app_type="assistant", consent="content", identity=IDENTITY)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "conversations.json"
        path.write_bytes(data[1:])
        scribe = Scribe(format_, target)
        try:
            records = list(read(Export.of(path), scribe))
        except ExportRefused:
            return
    for record in records:
        decode_any(record.value)
    assert len(records) == scribe.tally.answers + sum(scribe.tally.feedback.values())


def redactor(data: bytes) -> None:
    """A text."""
    text = data.decode("utf-8", "replace")
    once = redact(text)
    assert redact(once) == once


_HEADER: Final = re.compile(rb"(.*?): ?(.*)")


def records(data: bytes) -> None:
    """One Kafka record: headers, a line each, an empty line, and a value in whatever form."""
    head, _, value = data.partition(b"\n\n")
    found = [line.groups() for line in map(_HEADER.fullmatch, head.split(b"\n")) if line]
    headers = [(name.decode("utf-8", "replace"), text) for name, text in found]
    batch = RecordBatch([1], [value], [1], [1], headers={0: headers} if headers else {})
    for decoder in _DECODERS:
        decoded = decoder.decode(batch)
        (event_id,) = decoded.events.column("event_id").to_pylist()
        assert (event_id is None) == (0 in decoded.rejections)


def avro(data: bytes) -> None:
    """A record in Avro: of our schema, or of another's that has fields of every kind."""
    for reader in _AVRO_READERS:
        with suppress(EventRejected):
            json.loads(reader.whole_event(framed(1, data)))


_PART: Final = Range("bronze/feedback", "t", "feedwheel.feedback", True, Source("c", "t", 0), 0, 1000, False)
_DECODERS: Final = (BatchDecoder(_PART), BatchDecoder(replace(_PART, trusted=False)))


def _other_schema() -> dict[str, Any]:
    """More fields than ours, of every kind that a reader has to skip."""
    schema = schema_of(make_event(feedback(), "app", NOW, "e1"))
    kinds = ["bytes", "float", {"type": "map", "values": {"type": "array", "items": ["null", "string", "int"]}}]
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
    for number, kind in enumerate([*kinds, decimal, {"type": "fixed", "name": "F", "size": 3}]):
        schema["fields"].insert(0, {"name": f"more{number}", "type": kind})
    return schema


def _avro_reader(schema: dict[str, Any]) -> AvroReader:
    """Without a registry to ask: it has asked already."""
    reader = AvroReader(None)
    reader._schemas[1] = schemas_of(1, RegisteredSchema("AVRO", json.dumps(schema), False))
    return reader


_AVRO_READERS: Final = [
    _avro_reader(schema) for schema in (schema_of(make_event(feedback(), "app", NOW, "e1")), _other_schema())
]

TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    function.__name__: function
    for function in (events, cloudevents, records, avro, otlp, telemetry, importers, redactor)
}


def seeds(target: str) -> list[bytes]:
    """Whole inputs that a fuzzer may begin with."""
    return list(_SEEDS[target]())


def _events() -> Iterable[bytes]:
    for data in (generation("r1", "mail ann@example.com"), feedback(), exposure()):
        yield encode(make_event(data, "app", NOW, "e1"))
    asked = [{"role": "user", "content": [{"type": "text", "text": "Call +44 20 7946 0958"}]}]
    raw = {"user": "ann", "model": "m", "messages": asked, "output": "Sure.", "response_id": "r1"}
    said = {"user": "ann", "response_id": "r1", "kind": "edit", "value": {"edited_output": "x", "text": "y"}}
    for event_type, data in (("feedwheel.generation.v1", raw), ("feedwheel.feedback.v1", said)):
        yield json.dumps({"specversion": "1.0", "source": "s", "type": event_type, "data": data}).encode()


def _cloudevents() -> Iterable[bytes]:
    for event in _events():
        whole = json.loads(event)
        head = "\n".join(f"ce-{name}: {value}" for name, value in whole.items() if name != "data")
        yield f"{head}\n\n{json.dumps(whole['data'])}".encode()
        yield b"content-type: application/json\n\n[" + event + b"]"


def _records() -> Iterable[bytes]:
    for event in _events():
        yield b"traceparent: 00-1\n\n" + event
        whole = json.loads(event)
        head = "\n".join(f"ce_{name}: {value}" for name, value in whole.items() if name != "data")
        yield f"{head}\ncontent-type: application/json\n\n{json.dumps(whole['data'])}".encode()
        yield b"\n\n" + framed(1, b"abc")


def _avro() -> Iterable[bytes]:
    sent = make_event(feedback(), "app", NOW, "e1")
    yield body(sent)
    more = [b"x", 1.5, {"a": [None, "b", 3]}, Decimal("1.25"), b"abc"]
    yield body(sent, _other_schema(), **{f"more{number}": value for number, value in enumerate(more)})


def _otlp() -> Iterable[bytes]:
    chat = {
        **CHAT,
        **CONTENT,
        "enduser.id": "ann",
        "gen_ai.system_instructions": [{"type": "text", "content": "Be kind."}],
    }
    call = {"type": "tool_call", "name": "t", "arguments": {"a": 1}}
    tool = {
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [call], "finish_reason": "tool_call"}])
    }
    judged = {
        **JUDGED,
        "gen_ai.evaluation.score.value": 4.0,
        "feedwheel.scale": [1, 5],
        "gen_ai.evaluation.explanation": "x",
    }
    logs = logs_request(log(genai.INFERENCE, chat), log(genai.EVALUATION, judged), log("gen_ai.choice", {}))
    traces = traces_request(span({**chat, **tool}, (genai.EVALUATION, judged)), span(CHAT, (genai.INFERENCE, CONTENT)))
    for place, (signal, encoding) in enumerate(MODES):
        request = logs if signal is LOGS else traces
        body = as_json(request) if encoding == "json" else request.SerializeToString()
        yield bytes([place]) + body
        yield bytes([place | 0x80]) + gzip.compress(body, mtime=0)


def _telemetry() -> Iterable[bytes]:
    yield bytes([1, 1, 180, 1, 2, 3, 7, 1, 4, 0, 0, 1, 2])


def _importers() -> Iterable[bytes]:
    for place, format_ in enumerate(FORMATS):
        yield bytes([place]) + json.dumps(_EXPORTS[format_]).encode()


_EXPORTS: Final[dict[Format, Any]] = {
    "chatgpt": [chatgpt_conversation()],
    "claude": [claude_conversation()],
    "openai": [
        {
            "request": {"model": "m", "messages": [{"role": "user", "content": "hi"}], "user": "ann"},
            "response": {
                "id": "r1",
                "created": 1_736_155_800,
                "choices": [{"message": {"content": "Hello.", "tool_calls": []}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 4},
            },
        }
    ],
    "langfuse": [
        {
            "id": "t1",
            "timestamp": "2025-01-06T09:30:00Z",
            "userId": "ann",
            "observations": [
                {
                    "id": "o1",
                    "type": "GENERATION",
                    "startTime": "2025-01-06T09:30:00Z",
                    "input": "hi",
                    "output": "Hello.",
                }
            ],
            "scores": [{"id": "s1", "name": "user-feedback", "value": 1, "source": "API", "comment": "nice"}],
        }
    ],
    "phoenix": [
        {
            "context": {"span_id": "s1", "trace_id": "t1"},
            "start_time": "2025-01-06T09:30:00Z",
            "end_time": "2025-01-06T09:30:01Z",
            "attributes": {
                "openinference.span.kind": "LLM",
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.content": "hi",
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.content": "Hello.",
            },
            "annotations": [{"name": "thumbs", "annotator_kind": "HUMAN", "result": {"label": "thumbs_up"}}],
        }
    ],
}


def _redactor() -> Iterable[bytes]:
    yield b"Write ann@example.com or +44 20 7946 0958, card 4111 1111 1111 1111, IBAN GB82 WEST 1234 5698 7654 32."
    yield b"password: hunter2x, sk-abcdefghijklmnopqrstuvwx, https://ann:secret1@example.com, 203.0.113.9, 2001:db8::8a"
    yield b"078-05-1121, QQ123456C, X1234567L, 529.982.247-25, 44051401359, 2341 2341 2346, RSSMRA85T10A562S, [EMAIL]"


_SEEDS: Final[dict[str, Callable[[], Iterable[bytes]]]] = {
    "events": _events,
    "cloudevents": _cloudevents,
    "records": _records,
    "avro": _avro,
    "otlp": _otlp,
    "telemetry": _telemetry,
    "importers": _importers,
    "redactor": _redactor,
}
