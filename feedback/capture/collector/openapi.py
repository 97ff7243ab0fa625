"""What the routes take and answer, as OpenAPI 3.1: they read raw bodies, of which the framework cannot know.

In: the application. Out: its document. Schemas of events come from their records, those of telemetry from protobuf, and
reasons from the vocabularies that the code uses; tests and a fuzzer compare the rest with what the routes do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, get_args

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from feedwheel_capture.catalogue import EVENT_TYPES, EventType
from feedwheel_capture.events import EARLIEST, LATEST, REQUIRED_VALUES, Event, PersonalData
from feedwheel_capture.vocabulary import FeedbackKind
from google.rpc.status_pb2 import Status

from feedback.capture.collector.events import MAX_EVENTS
from feedback.capture.collector.feedback import LINK_FIELDS
from feedback.capture.collector.intake import OPERATORS_RECORDS, RefusalReason
from feedback.capture.collector.otlp.encoding import MEDIA_TYPES
from feedback.capture.collector.otlp.routes import LOGS, METRICS, TRACES, Signal
from feedback.capture.collector.otlp.schema import Schema, components_of, reference, reference_to

_KEY: Final = "api_key"
_COMPUTED: Final = frozenset(
    {*PersonalData.__struct_fields__, "app_type", "turn", "input", "prefix_hash", "request_hash", "thread_hash"}
    | {"output", "output_length"}
)
"""Fields of a record that raw data does not have: they are made of its user and its messages."""
OPEN_TYPES: Final = tuple(
    replace(entry, records=tuple(record for record in entry.records if record not in OPERATORS_RECORDS))
    for entry in EVENT_TYPES
)
"""What may come over the network."""


def describe(app: FastAPI) -> None:
    """Let an application serve its document."""
    app.openapi = partial(_document, app)  # type: ignore[method-assign]  # as the framework documents


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version="1",
            description="Takes events, feedback and telemetry. What it answers with 2xx is on disk.",
            routes=app.routes,
        )
        for (method, path), described in _ROUTES.items():
            document["paths"][path][method] |= described
        document["components"] = {
            "schemas": dict(sorted(_components().items())),
            "securitySchemes": {
                _KEY: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`feedwheel keys create` makes a key; it speaks for one application.",
                }
            },
        }
        app.openapi_schema = document
    return app.openapi_schema


def _components() -> dict[str, Schema]:
    records = tuple(record for entry in OPEN_TYPES for record in entry.records)
    template = "#/components/schemas/{name}"
    (*_, outer), found = msgspec.json.schema_components((*records, Event[None]), ref_template=template)
    envelope = found.pop(outer["$ref"].rpartition("/")[2])
    told = {entry.versioned_name: _event(entry, envelope) for entry in OPEN_TYPES}
    raw = {
        "feedwheel.generation.v1.raw": _raw_event("feedwheel.generation.v1", envelope, _raw_generation(found)),
        "feedwheel.feedback.v1.raw": _raw_event("feedwheel.feedback.v1", envelope, _raw_feedback(found)),
        "feedwheel.consent.v1.raw": _raw_event("feedwheel.consent.v1", envelope, _raw_wish(found, "consent")),
        "feedwheel.erasure.v1.raw": _raw_event("feedwheel.erasure.v1", envelope, _raw_wish(found)),
    }
    messages = [message for signal in (LOGS, TRACES, METRICS) for message in (signal.request, signal.response)]
    return {
        **found,
        **told,
        **raw,
        **components_of(*messages, Status),
        **_REPLIES,
        "Event": {"anyOf": [reference(name) for name in (*told, *raw)]},
        "RawFeedback": _raw_feedback(found),
        "LinkFeedback": _link_feedback(found),
    }


def _event(entry: EventType, envelope: Schema) -> Schema:
    data: Schema = {"allOf": [reference(entry.records[0].__name__), _BUCKET]}
    if entry.name == "feedwheel.feedback":
        data["allOf"] += [_about_something(), _value_by_kind()]
    return _enveloped(entry.versioned_name, envelope, data, ("id", "source", "type", "time", "data"))


_BUCKET: Final[Schema] = {"properties": {"split_bucket": {"minimum": 0, "maximum": 9999}}}


_TIME: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "pattern": "^(19[7-9][0-9]|20[0-9]{2}|21[0-9]{2})-",
    "description": f"With a zone, from {EARLIEST.year} to before {LATEST.year}.",
}


def _raw_event(name: str, envelope: Schema, data: Schema) -> Schema:
    """As clients send it that know no keys of the deployment; id and time are the collector's where there are none."""
    return _enveloped(name, envelope, data, ("source", "type", "data"))


def _enveloped(name: str, envelope: Schema, data: Schema, required: Sequence[str]) -> Schema:
    fixed = {"type": {"const": name}, "specversion": {"const": "1.0"}, "data": data}
    return {
        "type": "object",
        "description": envelope["description"],
        "properties": {**envelope["properties"], "time": _TIME, **fixed},
        "required": list(required),
    }


def _raw_generation(found: Mapping[str, Schema]) -> Schema:
    known = _without(found["Generation"]["properties"], _COMPUTED)
    text = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    messages = {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"role": {"type": "string"}, "content": text},
            "required": ["role", "content"],
        },
    }
    withheld = {**text, "description": "What the model answered; null where the application withholds it."}
    own = {**_author(found), "messages": messages, "output": withheld}
    return {"type": "object", "properties": {**known, **own}, "required": ["model", "messages", "output"]}


def _raw_feedback(found: Mapping[str, Schema]) -> Schema:
    properties = {**_without(found["Feedback"]["properties"], _COMPUTED), **_author(found)}
    return _feedback(properties, ("kind", "value"), [_about_something(), _value_by_kind()])


def _raw_wish(found: Mapping[str, Schema], *more: str) -> Schema:
    """What a person wants to become of what is held about them."""
    return {"type": "object", "properties": _author(found), "required": ["user", *more]}


def _link_feedback(found: Mapping[str, Schema]) -> Schema:
    properties = {name: schema for name, schema in found["Feedback"]["properties"].items() if name in LINK_FIELDS}
    return _feedback(properties, ("kind", "value"), [_value_by_kind()]) | {"additionalProperties": False}


def _feedback(properties: Mapping[str, Schema], required: Sequence[str], also: list[Schema]) -> Schema:
    times = {"client_time": {"anyOf": [_TIME, {"type": "null"}]}}
    return {"type": "object", "properties": {**properties, **times}, "required": list(required), "allOf": also}


def _author(found: Mapping[str, Schema]) -> dict[str, Schema]:
    user = {"type": "string", "description": "The application's own id of a person: hashed here, stored nowhere."}
    return {"user": user, "consent": found["Generation"]["properties"]["consent"]}


def _about_something() -> Schema:
    text = {"type": "string"}
    return {
        "anyOf": [
            {"properties": {name: text}, "required": [name]} for name in ("response_id", "conversation_id")
        ]
    }  # fmt: skip


def _value_by_kind() -> Schema:
    """Which fields a value has, by kind; null takes an earlier feedback back."""
    by_fields = dict[tuple[str, ...], list[str]]()
    for kind in get_args(FeedbackKind):
        by_fields.setdefault(REQUIRED_VALUES.get(kind, ()), []).append(kind)
    return {"anyOf": [_value_of(kinds, fields) for fields, kinds in by_fields.items()]}


def _value_of(kinds: list[str], fields: Sequence[str]) -> Schema:
    given = {"required": list(fields), "properties": {name: {"not": {"type": "null"}} for name in fields}}
    value = reference("FeedbackValue")
    value = {"allOf": [value, given]} if fields else value
    return {"properties": {"kind": {"enum": kinds}, "value": {"anyOf": [value, {"type": "null"}]}}}


def _without(properties: Mapping[str, Schema], names: frozenset[str]) -> dict[str, Schema]:
    return {name: schema for name, schema in properties.items() if name not in names}


def _object(**properties: Schema) -> Schema:
    """What an answer is: these fields and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _reasons() -> set[str]:
    return {reason for part in get_args(RefusalReason) for reason in get_args(part)}


_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_TEXT: Final[Schema] = {"type": "string"}
_TEXT_OR_NULL: Final[Schema] = {"anyOf": [_TEXT, {"type": "null"}]}
_REPLIES: Final[dict[str, Schema]] = {
    "Stored": _object(
        stored=_COUNT,
        known={**_COUNT, "description": "Of these ids, what was stored before."},
        not_allowed_by_consent=_COUNT,
        ids={"type": "array", "items": _TEXT_OR_NULL},
        rejected={
            "type": "array",
            "items": _object(index=_COUNT, reason={"enum": sorted(_reasons())}, detail=_TEXT),
        },
    ),
    "FeedbackStored": _object(event_id=_TEXT_OR_NULL, feedback_id=_TEXT),
    "Problem": _object(error=_TEXT, detail=_TEXT),
    "Health": _object(status={"const": "ok"}),
    "Readiness": _object(
        status={"enum": ["ready", "degraded", "not_ready"]},
        spool=_object(records=_COUNT, fill={"type": "number", "minimum": 0}),
        kafka={"type": "boolean"},
    ),
}

_JSON: Final = "application/json"
_WHY: Final[dict[str, str]] = {
    "400": "The body cannot be read; nothing is stored.",
    "401": "The key is not valid, or no longer.",
    "403": "The link is not valid, or no longer.",
    "413": "Send less at once.",
    "415": "Another media type, or encoding of the content.",
    "422": "Nothing is stored: correct the event.",
    "429": "The key has sent too much.",
    "503": "Events cannot be stored at present; send all of it again later.",
}
_RETRY_LATER: Final = frozenset({"429", "503"})


def _answer(description: str, schema: Schema, media_type: str = _JSON) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _problems(*codes: str, schema: Schema | None = None, media: Mapping[str, Schema] | None = None) -> dict[str, Any]:
    """Answers that are errors; those that pass say when to come back."""
    content = media or {_JSON: schema or reference("Problem")}
    answers = dict[str, Any]()
    for code in codes:
        answers[code] = {
            "description": _WHY[code],
            "content": {media_type: {"schema": held} for media_type, held in content.items()},
        }
        if code in _RETRY_LATER:
            answers[code]["headers"] = {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}}
    return answers


def _takes(summary: str, body: dict[str, Any], responses: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An operation that stores what it is sent."""
    content = {media_type: {"schema": schema} for media_type, schema in body.items()}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": content},
        "responses": responses,
        **more,
    }


def _reads(summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "responses": responses}


_WITH_KEY: Final[dict[str, Any]] = {"security": [{_KEY: []}]}
_BINARY_MODE: Final[list[dict[str, Any]]] = [
    {
        "name": f"ce-{name}",
        "in": "header",
        "required": False,
        "schema": _TEXT,
        "description": "Of an event in binary mode, whose body is its data.",
    }
    for name in ("specversion", "id", "source", "type", "time", "subject", "dataschema")
]


def _telemetry(signal: Signal, summary: str) -> dict[str, Any]:
    def both(schema: Schema) -> dict[str, Schema]:
        binary = {"type": "string", "format": "binary", "description": "The same message in protobuf."}
        return {MEDIA_TYPES["json"]: schema, MEDIA_TYPES["protobuf"]: binary}

    done = "What held an event is on disk; `partialSuccess` counts the records that were refused, and says why."
    stored = {
        "description": done,
        "content": {name: {"schema": held} for name, held in both(reference_to(signal.response)).items()},
    }
    problems = _problems("400", "401", "413", "415", "429", "503", media=both(reference_to(Status)))
    body = both(reference_to(signal.request))
    return _takes(summary, body, {"200": stored, **problems}, **_WITH_KEY)


_EVENTS: Final[Schema] = {
    "anyOf": [reference("Event"), {"type": "array", "items": reference("Event"), "maxItems": MAX_EVENTS}]
}
_ROUTES: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("post", "/v1/events"): _takes(
        "Store one CloudEvents 1.0 event, or many",
        {
            "application/cloudevents+json": reference("Event"),
            "application/cloudevents-batch+json": _EVENTS["anyOf"][1],
            _JSON: _EVENTS,
        },
        {
            "202": _answer("All of it is on disk.", reference("Stored")),
            "207": _answer("Some of it is on disk; `rejected` lists the rest by its place.", reference("Stored")),
            "422": _answer(_WHY["422"], reference("Stored")),
            **_problems("400", "401", "413", "429", "503"),
        },
        parameters=_BINARY_MODE,
        **_WITH_KEY,
    ),
    ("post", "/v1/feedback"): _takes(
        "Store one feedback of an application that sends raw ids",
        {_JSON: reference("RawFeedback")},
        {
            "202": _answer("It is on disk.", reference("Stored")),
            "422": _answer(_WHY["422"], reference("Stored")),
            **_problems("400", "401", "413", "429", "503"),
        },
        **_WITH_KEY,
    ),
    ("post", "/f/{token}"): _takes(
        "Store what a browser says about the answer of its link; the body is JSON, whatever its content type",
        {_JSON: reference("LinkFeedback")},
        {
            "202": _answer(
                "It is on disk; without an `event_id`, consent allows nothing.", reference("FeedbackStored")
            ),
            **_problems("400", "403", "413", "422", "503"),
        },
    ),
    ("post", "/v1/logs"): _telemetry(LOGS, "Store what OpenTelemetry log records hold"),
    ("post", "/v1/traces"): _telemetry(TRACES, "Store what OpenTelemetry spans hold"),
    ("post", "/v1/metrics"): _telemetry(METRICS, "Count OpenTelemetry metrics, of which none holds an event"),
    ("get", "/healthz"): _reads("The process runs", {"200": _answer("It does.", reference("Health"))}),
    ("get", "/readyz"): _reads(
        "Whether events are taken, and what waits",
        {
            "200": _answer("They are.", reference("Readiness")),
            "503": _answer("The spool is full.", reference("Readiness")),
        },
    ),
    ("get", "/metrics"): _reads("Prometheus metrics", {"200": _answer("In the text format.", _TEXT, "text/plain")}),
}
