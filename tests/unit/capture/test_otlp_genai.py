"""Telemetry by the GenAI conventions to raw events: what becomes an event, what is left, what is refused."""

import json

import msgspec
import pytest

from feedback.capture.collector.otlp import genai
from feedback.capture.collector.otlp.genai import Left, Refused
from feedback.capture.collector.otlp.observed import logs_of, spans_of
from tests.otlp import (
    ANSWERED,
    CHAT,
    CONTENT,
    JUDGED,
    SPAN,
    TIME_NS,
    TRACE,
    log,
    logs_request,
    span,
    traces_request,
)

IN_SPAN = f"{TRACE.hex()}-{SPAN.hex()}"


def of_logs(*records):
    return [found for record in logs_of(logs_request(*records)) for found in genai.of_log(record, "shop")]


def of_spans(*spans):
    return [found for one in spans_of(traces_request(*spans)) for found in genai.of_span(one, "shop")]


def only(found):
    (one,) = found
    return one


def data_of(found):
    return only(found)["data"]


def said(*parts, role="user", **more):
    return [{"role": role, "parts": list(parts), **more}]


def text(content):
    return {"type": "text", "content": content}


def test_an_inference_is_the_same_generation_as_a_log_and_as_a_span():
    as_log = data_of(of_logs(log(genai.INFERENCE, {**CHAT, **CONTENT})))
    as_span = data_of(of_spans(span({**CHAT, **CONTENT})))
    # A span cannot always hold structure: then its messages are JSON in a string.
    strings = {name: json.dumps(value) for name, value in CONTENT.items()}
    assert data_of(of_spans(span({**CHAT, **strings}))) == as_span
    assert data_of(of_spans(span(CHAT, (genai.INFERENCE, CONTENT)))) == as_span
    assert data_of(of_spans(span({}, (genai.INFERENCE, {**CHAT, **CONTENT})))) == as_span
    assert as_span == {**as_log, "latency_ms": 1500.0}
    assert as_span == {
        "response_id": "chatcmpl-1",
        "model": "gpt-x",
        "model_version": "gpt-x-2026",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Where is my card?"}]}],
        "output": "On its way.",
        "tool_calls": [],
        "finish_reason": "stop",
        "input_tokens": 11,
        "output_tokens": 7,
        "latency_ms": 1500.0,
        "sampling": {},
    }


@pytest.mark.parametrize(
    ("attributes", "field", "value"),
    [
        ({"enduser.id": "ann"}, "user", "ann"),
        ({"user.id": "ann"}, "user", "ann"),
        ({"enduser.id": "ann", "user.id": "operator"}, "user", "ann"),
        ({"user.id": "", "gen_ai.user": "ann"}, "user", "ann"),
        ({"user.id": ""}, "user", None),
        ({"gen_ai.conversation.id": "c1"}, "conversation_id", "c1"),
        ({}, "conversation_id", None),
        ({"gen_ai.request.temperature": 0.5, "gen_ai.request.seed": 7}, "sampling", {"temperature": 0.5, "seed": 7}),
        ({"gen_ai.response.time_to_first_chunk": 0.25}, "time_to_first_token_ms", 250.0),
        ({"gen_ai.response.finish_reasons": ["length"], "gen_ai.output.messages": said(role="assistant")},
         "finish_reason", "length"),
        ({"gen_ai.output.messages": said(finish_reason="tool_call")}, "finish_reason", "tool_calls"),
        ({"gen_ai.output.messages": said(finish_reason="end_turn")}, "finish_reason", "stop"),
        ({"error.type": "timeout"}, "finish_reason", "error"),
        ({"gen_ai.response.id": ""}, "response_id", IN_SPAN),
        ({"gen_ai.request.model": ""}, "model", "gpt-x-2026"),
    ],
)  # fmt: skip
def test_what_a_generation_takes_from_which_attribute(attributes, field, value):
    data = data_of(of_logs(log(genai.INFERENCE, {**CHAT, **CONTENT, **attributes})))
    assert data.get(field) == value


def test_a_span_that_failed_is_an_error():
    failed = span({**CHAT, **CONTENT}, status={"code": 2})
    assert data_of(of_spans(failed))["finish_reason"] == "error"


def test_instructions_stand_in_front_and_tools_are_kept_where_an_event_has_a_place():
    asked = [
        *said(text("Weather in "), text("Paris?")),
        *said({"type": "tool_call", "id": "1", "name": "weather", "arguments": {"city": "Paris"}}, role="assistant"),
        *said({"type": "tool_call_response", "id": "1", "response": {"sky": "rain"}}, role="tool"),
    ]
    answered = said(
        text("Wait."),
        {"type": "tool_call", "name": "map", "arguments": {"zoom": 2}},
        {"type": "tool_call", "name": "plain", "arguments": "{}"},
        role="assistant",
        finish_reason="tool_call",
    )
    content = {
        "gen_ai.system_instructions": [text("Be kind.")],
        "gen_ai.input.messages": asked,
        "gen_ai.output.messages": answered,
    }
    event, *left = of_logs(log(genai.INFERENCE, {**CHAT, **content}))
    messages = event["data"]["messages"]
    texts = [(message["role"], "".join(part["text"] for part in message["content"])) for message in messages]
    assert texts == [
        ("system", "Be kind."),
        ("user", "Weather in Paris?"),
        ("assistant", ""),
        ("tool", '{"sky":"rain"}'),
    ]
    assert event["data"]["output"] == "Wait."
    assert event["data"]["tool_calls"] == [
        {"name": "map", "arguments": '{"zoom":2}'},
        {"name": "plain", "arguments": "{}"},
    ]
    assert left == [Left("tool_call")]


def test_other_parts_are_left_out_by_name():
    parts = [{"type": kind, "content": "x"} for kind in ("reasoning", "blob", "uri", "uri", "refusal", 7)]
    event, *left = of_logs(log(genai.INFERENCE, {**CHAT, **CONTENT, "gen_ai.input.messages": said(text("a"), *parts)}))
    assert event["data"]["messages"][0]["content"] == [{"type": "text", "text": "a"}]
    assert sorted(one.reason for one in left) == ["blob", "other", "other", "reasoning", "uri", "uri"]


def test_an_application_that_records_no_content_withholds_it():
    data = data_of(of_spans(span(CHAT)))
    assert (data["messages"], data["output"], data["latency_ms"]) == ([], None, 1500.0)


def test_every_choice_is_an_answer():
    choices = [*said(text("one"), finish_reason="stop"), *said(text("two"), finish_reason="length")]
    events = of_logs(log(genai.INFERENCE, {**CHAT, **CONTENT, "gen_ai.output.messages": choices}))
    answers = [(event["data"]["response_id"], event["data"]["output"]) for event in events]
    assert answers == [("chatcmpl-1", "one"), ("chatcmpl-1/1", "two")]
    assert len({event["id"] for event in events}) == 2


@pytest.mark.parametrize(
    ("name", "attributes", "kind", "value"),
    [
        ("user_feedback", {"score.label": "thumbs_up"}, "thumbs", {"rating": 1.0, "scale": (-1.0, 1.0)}),
        ("user_feedback", {"score.label": "Bad"}, "thumbs", {"rating": -1.0, "scale": (-1.0, 1.0)}),
        ("like", {"score.value": 0, "feedwheel.scale": [0, 1]}, "thumbs", {"rating": -1.0, "scale": (-1.0, 1.0)}),
        ("Relevance", {"score.label": "not_relevant"}, "rating", {"rating": 0.0, "scale": (0.0, 1.0)}),
        ("Quality", {"score.value": 4.0, "feedwheel.scale": [1, 5], "explanation": "fine"}, "rating",
         {"rating": 4.0, "scale": (1.0, 5.0), "text": "fine"}),
        ("Quality", {"score.value": 4.0, "score.label": "good", "feedwheel.scale": [1, 5]}, "rating",
         {"rating": 4.0, "scale": (1.0, 5.0)}),
        ("complaint", {"score.label": "toxic", "explanation": "rude"}, "complaint",
         {"text": "rude", "category": "toxic"}),
        ("report", {"score.label": "spam", "score.value": 1.0}, "complaint", {}),
    ],
)  # fmt: skip
def test_what_a_person_says_of_an_answer(name, attributes, kind, value):
    given = {
        key if key.startswith("feedwheel") else f"gen_ai.evaluation.{key}": held for key, held in attributes.items()
    }
    event = only(of_logs(log(genai.EVALUATION, {**JUDGED, **given, "gen_ai.evaluation.name": name, "user.id": "ann"})))
    assert event["type"] == "feedwheel.feedback.v1"
    assert event["data"] == {
        "feedback_id": event["id"],
        "response_id": "chatcmpl-1",
        "user": "ann",
        "kind": kind,
        "value": value,
        "surface": name,
    }


def test_what_is_said_on_a_span_is_about_its_answer():
    about = {**CHAT, "gen_ai.conversation.id": "c1", "enduser.id": "ann"}
    liked = {"gen_ai.evaluation.evaluator.type": "human", "gen_ai.evaluation.score.label": "good"}
    answer, feedback = of_spans(span(about, (genai.EVALUATION, liked)))
    assert answer["type"] == "feedwheel.generation.v1"
    told = feedback["data"]
    assert (told["response_id"], told["conversation_id"], told["user"]) == ("chatcmpl-1", "c1", "ann")
    evaluating = {"gen_ai.operation.name": "evaluate", "gen_ai.response.id": "chatcmpl-1"}
    assert only(of_spans(span(evaluating, (genai.EVALUATION, liked))))["data"]["response_id"] == "chatcmpl-1"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (log("", {}), "not_gen_ai"),
        (log("payment.done", {"amount": 3}), "not_gen_ai"),
        (log("gen_ai.user.message", {}), "other_event"),
        (log(genai.EVALUATION, {**JUDGED, "gen_ai.evaluation.evaluator.type": "llm_judge"}), "judged_by_model"),
    ],
)
def test_a_log_that_is_no_event_is_left_by_reason(record, reason):
    assert of_logs(record) == [Left(reason)]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (span({"http.request.method": "GET"}), "not_gen_ai"),
        (span({**CHAT, "gen_ai.operation.name": "embeddings"}), "other_operation"),
        (span({**CHAT, "gen_ai.operation.name": "invoke_agent"}), "other_operation"),
        (span({**CHAT, "gen_ai.operation.name": ["chat"]}), "not_gen_ai"),
        (span(CHAT, kind=2), "not_a_caller"),
    ],
)
def test_a_span_that_is_no_event_is_left_by_reason(record, reason):
    assert of_spans(record) == [Left(reason)]


@pytest.mark.parametrize(
    ("name", "attributes", "reason"),
    [
        (
            genai.INFERENCE,
            {**CHAT, "gen_ai.input.messages": '[{"role": "user", "parts": [{"typ'},
            "unreadable_messages",
        ),
        (genai.INFERENCE, {**CHAT, "gen_ai.input.messages": "[" * 100_000}, "unreadable_messages"),
        (genai.INFERENCE, {**CHAT, "gen_ai.input.messages": {"role": "user"}}, "unreadable_messages"),
        (genai.INFERENCE, {**CHAT, "gen_ai.output.messages": ["hello"]}, "unreadable_messages"),
        (genai.INFERENCE, {**CHAT, "gen_ai.output.messages": [{"content": "hello"}]}, "unreadable_messages"),
        (genai.INFERENCE, {**CHAT, "gen_ai.output.messages": ANSWERED * 17}, "too_many_choices"),
        (genai.EVALUATION, {"gen_ai.evaluation.name": "Relevance", "gen_ai.response.id": "r"}, "unknown_evaluator"),
        (genai.EVALUATION, {**JUDGED, "gen_ai.evaluation.score.value": 4.0}, "no_scale"),
        (genai.EVALUATION, {**JUDGED, "gen_ai.evaluation.score.value": 4.0, "feedwheel.scale": [1]}, "no_scale"),
        (genai.EVALUATION, {**JUDGED, "gen_ai.evaluation.score.label": "so so"}, "no_score"),
        (genai.EVALUATION, {**JUDGED, "gen_ai.evaluation.explanation": "hm"}, "no_score"),
    ],
)
def test_what_its_sender_can_mend_is_refused_by_reason(name, attributes, reason):
    assert of_logs(log(name, attributes)) == [Refused(reason)]
    assert Refused(reason).detail


@pytest.mark.parametrize("ids", [{"trace_id": b"", "span_id": b""}, {"trace_id": bytes(16)}, {"span_id": b"short"}])
def test_an_answer_that_nothing_could_refer_to_is_refused(ids):
    nameless = {name: value for name, value in CHAT.items() if name != "gen_ai.response.id"}
    assert of_logs(log(genai.INFERENCE, nameless, **ids)) == [Refused("no_response_id")]
    named = only(of_logs(log(genai.INFERENCE, CHAT, **ids)))
    assert named["data"]["response_id"] == "chatcmpl-1"


def test_one_record_is_one_event_whatever_stands_beside_it():
    records = [log(genai.INFERENCE, {**CHAT, "gen_ai.response.id": f"r{number}"}) for number in range(3)]
    liked = {**JUDGED, "gen_ai.evaluation.score.label": "good"}
    # An evaluator writes several results of one answer at once.
    records += [log(genai.EVALUATION, {**liked, "gen_ai.evaluation.name": name}) for name in ("tone", "facts")]
    ids = [event["id"] for event in of_logs(*records)]
    assert len(set(ids)) == 5
    assert [event["id"] for event in of_logs(*reversed(records))] == ids[::-1]
    other = [found["id"] for record in logs_of(logs_request(*records)) for found in genai.of_log(record, "bank")]
    assert not set(ids) & set(other)


def test_the_time_is_that_of_the_record_and_left_to_the_collector_where_it_has_none():
    def times(**fields):
        return msgspec.json.decode(msgspec.json.encode(only(of_logs(log(genai.INFERENCE, CHAT, **fields))))).get("time")

    assert times() == "2026-01-05T12:00:00Z"
    assert times(time_unix_nano=0, observed_time_unix_nano=TIME_NS + 1_500) == "2026-01-05T12:00:00.000001Z"
    assert times(time_unix_nano=0) is None
    assert times(time_unix_nano=2**64 - 1) == "2554-07-21T23:34:33.709551Z"


def test_the_name_of_an_event_may_be_an_attribute_as_it_was():
    record = log("", {**CHAT, **CONTENT, "event.name": genai.INFERENCE})
    assert data_of(of_logs(record))["output"] == "On its way."


@pytest.mark.parametrize("value", [{"a": [1, {}]}, [], b"x", True, -1, float("nan"), "\x00"])
def test_values_of_unexpected_types_do_not_stop_a_batch(value):
    odd = dict.fromkeys([*CHAT, *JUDGED, "gen_ai.evaluation.score.label", "feedwheel.scale", "user.id"], value)
    in_order = {"gen_ai.operation.name": "chat", "gen_ai.evaluation.evaluator.type": "human"}
    for attributes in (odd, {**odd, **in_order}):
        found = of_spans(span({**attributes, **CONTENT}, (genai.EVALUATION, attributes)))
        assert found
        msgspec.json.encode([event for event in found if isinstance(event, dict)])
