"""Requests made from the OpenAPI document, valid and not, against the application itself."""

from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from feedwheel_capture.signing import FeedbackScope, sign
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from feedback.capture.collector.app import create_app
from tests.collectors import NOW, make_key, open_collector
from tests.events import APP

pytestmark = pytest.mark.integration

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.ignored_auth,
    checks.unsupported_method,
]
"""Not those that expect that every request by the schema is taken and no other: a rating may lie outside its scale, and
fields that are not known are ignored."""


@schemathesis.serializer("application/x-protobuf")
def as_it_is(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    return open_collector(tmp_path_factory.mktemp("fuzz"))


@pytest.fixture(scope="module")
def document(collector):
    app = create_app(collector)
    app.state.collector = collector

    async def served(scope, receive, send):
        # Without its start and end, for the fuzzer ends an application after every test.
        if scope["type"] == "http":
            await app(scope, receive, send)

    yield schemathesis.openapi.from_asgi("/openapi.json", served)
    collector.close()


@pytest.fixture(scope="module")
def key(collector):
    return make_key(collector.settings.home)


POSTS = ["/v1/events", "/v1/feedback", "/f/{token}", "/v1/logs", "/v1/traces", "/v1/metrics"]
VALID = [(path, GenerationMode.POSITIVE) for path in (*POSTS, "/healthz", "/readyz", "/metrics")]
INVALID = [(path, GenerationMode.NEGATIVE) for path in POSTS]


@pytest.mark.parametrize(("path", "mode"), VALID + INVALID)
@settings(max_examples=60)  # half a minute for all of them
@given(data=st.data())
def test_no_request_breaks_a_promise(collector, document, key, path, mode, data):
    (operation,) = document[path].values()
    person = collector.settings.identity.person(APP, "ann", "c1")
    scope = FeedbackScope(app=APP, response_id="r1", conversation_id="c1", person=person, consent="content")
    token = sign(scope, "url-key", NOW + timedelta(hours=1))
    known = {"path_parameters": {"token": token}} if "{token}" in path else {}
    case = data.draw(operation.as_strategy(mode, **known))
    _speak_for_the_application(case.body)
    case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, checks=CHECKS)


def _speak_for_the_application(body: Any) -> None:
    """The document cannot say which application a key speaks for; for any other an event is refused."""
    for event in body if isinstance(body, list) else [body]:
        if isinstance(event, dict) and isinstance(event.get("data"), dict) and "app" in event["data"]:
            event["data"]["app"] = APP
