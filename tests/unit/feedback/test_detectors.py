from datetime import timedelta

import pytest
from feedwheel_capture.events import FeedbackValue, ToolCall

from feedback.detectors import all_detectors, detect, reading, similarity, words
from feedback.taxonomy import weights
from tests.events import DISLIKED, LIKED, START, conversation, dialogue, feedback, generation

DETECTORS = all_detectors(weights({}))


def signals(*events, **fields):
    return detect(reading.read(conversation(*events, **fields)), DETECTORS)


def kinds(*events, **fields):
    return sorted(signal.kind for signal in signals(*events, **fields))


def after_an_answer(text):
    """Signals in what a person writes after the answer `card arrival` to `Where is my card?`."""
    found = signals(*dialogue("Where is my card?", "card arrival", text, "something else"))
    assert {signal.response_id for signal in found} <= {"a0"}
    return {signal.kind: signal for signal in found}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("No, that's wrong. It is about lost or stolen card.", "correction"),
        ("no I meant the virtual one", "correction"),
        ("That is not what I asked about", "complaint"),
        ("Actually, it's the other account", "correction"),
        ("are you sure about this", "verification"),
        ("How do you know?", "verification"),
        ("you are wrong", "complaint"),
        ("This doesn\u2019t make sense", "complaint"),
        ("thanks for nothing", "complaint"),
        ("Thanks, that's right!", "positive"),
        ("Perfect", "positive"),
        ("yes, exactly", "positive"),
        ("what do you mean by that", "clarification"),
        ("sorry?", "clarification"),
        ("Let me say it differently: where is my card?", "rephrase"),
        ("WHERE IS MY CARD", "rephrase"),
        ("How do I exchange euros for dollars in the app?", "acceptance"),
    ],
)
def test_words_give_their_signal(text, kind):
    assert kind in after_an_answer(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("No thanks", "correction"),
        ("No, that's all", "correction"),
        ("No thanks", "positive"),
        ("Thanks for nothing", "positive"),
        ("It would be great to see a list", "positive"),
        ("Thanks in advance for an answer to my other question", "positive"),
        ("Thanks, that's right!", "acceptance"),
        ("Please order me a new one for my daughter", "rephrase"),
        ("The right side of my screen is dark", "complaint"),
    ],
)
def test_words_that_only_look_alike_do_not(text, kind):
    assert kind not in after_an_answer(text)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("that is incorrect", "wrong"),
        ("this has nothing to do with my question", "irrelevant"),
        ("you are rude", "toxic"),
        ("way too long", "too_long"),
        ("that was too short", "too_short"),
        ("too vague", "missing_detail"),
        ("this is useless", "bad"),
    ],
)
def test_a_complaint_says_what_it_is_about(text, category):
    assert after_an_answer(text)["complaint"].category == category


def test_no_replies_to_a_question_and_corrects_a_statement():
    asked = dialogue("hello", "Is it about your card?", "No, my account")
    assert "correction" not in kinds(*asked)
    assert "correction" in kinds(*dialogue("hello", "It is about your card.", "No, my account"))


def test_span_is_the_words_in_code_points():
    signal = after_an_answer("🙂🙂 I meant the virtual card")["correction"]
    start, end = signal.span
    assert signal.text[start:end] == "I meant"


def test_a_long_paste_is_read_at_its_beginning_only():
    assert "correction" in after_an_answer("I meant this: " + "x" * 1_000_000)
    assert "correction" not in after_an_answer("x" * 1_000_000 + " I meant this")


def test_the_first_message_judges_nothing():
    assert kinds(generation("a0", request="No, I meant it, you are wrong, thanks")) == []


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("where is my card", "where is my card?", 1, 1),
        ("my card has not arrived", "the card still hasn't arrived", 0.5, 0.9),
        ("my card has not arrived", "exchange euros for dollars", 0, 0.25),
        ("", "anything", 0, 0),
    ],
)
def test_similarity(one, other, least, most):
    a, b = (similarity.Content.of(words.read(text)) for text in (one, other))
    assert least <= similarity.similarity(a, b) == similarity.similarity(b, a) <= most


def test_reported_feedback_carries_what_was_said():
    said = feedback("edit", FeedbackValue(edited_output="lost card"), surface="list")
    (signal,) = signals(generation("a0"), said)
    assert (signal.kind, signal.polarity, signal.explicit) == ("edit", -1, True)
    assert (signal.edited_output, signal.surface, signal.event_ids) == ("lost card", "list", ("event-0001",))


def test_an_unchanged_edit_confirms():
    (signal,) = signals(generation("a0"), feedback("edit", FeedbackValue(edited_output="Card arrival")))
    assert signal.polarity == 1


def test_reported_text_without_consent_is_not_kept():
    value = FeedbackValue(text="it was wrong", edited_output="mine")
    (signal,) = signals(generation("a0"), feedback("complaint", value, consent="signal_only"))
    assert (signal.text, signal.edited_output, signal.category) == (None, None, None)


def test_a_reported_complaint_is_categorised_by_its_words():
    (signal,) = signals(generation("a0"), feedback("complaint", FeedbackValue(text="this is irrelevant")))
    assert signal.category == "irrelevant"


def test_regeneration_is_seen_unless_it_was_reported():
    answers = generation("a0", output="one"), generation("a1", output="two")
    assert kinds(*answers) == ["regenerate"]
    assert kinds(*answers, feedback("regenerate", FeedbackValue())) == ["regenerate"]


def test_an_answer_broken_off_is_seen_unless_it_was_reported():
    stopped = generation("a0", finish_reason="cancelled")
    assert kinds(stopped) == ["stop"]
    assert kinds(stopped, feedback("stop", FeedbackValue())) == ["stop"]


def test_silence_is_a_signal_when_due():
    due = START + timedelta(minutes=30)
    (signal,) = signals(generation("a0"), as_of=due)
    assert (signal.kind, signal.response_id, signal.time) == ("abandonment", "a0", due)
    assert kinds(generation("a0"), feedback(value=LIKED), as_of=due) == ["thumbs"]


def test_the_same_answer_to_another_message_is_a_repetition():
    same = dialogue("Where is my card?", "card arrival", "How do I exchange euros?", "Card arrival")
    assert "repetition" in kinds(*same)
    assert "repetition" not in kinds(*dialogue("Where is my card?", "card arrival", "How do I exchange euros?", ""))


def test_moving_on_from_a_judged_answer_accepts_nothing():
    answers = dialogue("Where is my card?", "card arrival", "How do I exchange euros?")
    assert kinds(*answers) == ["acceptance"]
    assert kinds(*answers, feedback(value=DISLIKED)) == ["thumbs"]


def test_weights_of_the_configuration_are_used():
    mine = all_detectors(weights({"thumbs": type("W", (), {"strength": 0.1, "confidence": 0.6})}))
    (signal,) = detect(reading.read(conversation(generation("a0"), feedback())), mine)
    assert (signal.strength, signal.confidence) == (0.1, 0.6)


def refused(reply, **fields):
    """The refusal in an answer to which somebody replied."""
    answers = dialogue("Write me a poem", "I'm sorry, but I can't help with that request.", reply, **fields)
    return next(signal for signal in signals(*answers) if signal.kind == "refusal")


def test_a_refusal_that_is_accepted_says_nothing_and_one_that_is_fought_does():
    assert refused("What is the capital of Peru?").confidence == 0.5
    assert refused("That's not an answer, why not?").confidence == DETECTORS[0].weights["refusal"].confidence
    (alone,) = signals(generation("a0", output="As an AI language model, I cannot provide legal advice."))
    assert alone.kind == "refusal"
    assert 0.5 < alone.confidence < DETECTORS[0].weights["refusal"].confidence


@pytest.mark.parametrize("output", ["You can't park there on Sundays.", "I can help with that. Don't use bleach."])
def test_an_answer_about_what_cannot_be_done_is_no_refusal(output):
    assert kinds(generation("a0", output=output)) == []


def test_a_filter_refuses_without_words():
    assert kinds(generation("a0", output="", finish_reason="content_filter")) == ["refusal"]


@pytest.mark.parametrize("text", ["let me talk to a human", "Can I speak with your manager?", "real person please"])
def test_asking_for_a_human_is_an_escalation(text):
    assert "escalation" in after_an_answer(text)


def test_talking_about_humans_is_no_escalation():
    assert "escalation" not in after_an_answer("When did the first human walk on the moon?")


def loop(said, answered, turns):
    return dialogue(*(text for number in range(turns) for text in (said(number), answered(number))))


def test_a_loop_is_long_and_says_the_same_again():
    def again(_):
        return "I could not find your order, please give me the number of the order again"

    def new(number):
        return " ".join(f"word{number}x{place}" for place in range(12))

    assert "diversity" in kinds(*loop(again, again, 6))
    assert "diversity" not in kinds(*loop(again, again, 3))
    assert "diversity" not in kinds(*loop(new, lambda number: new(number + 6), 6))


@pytest.mark.parametrize(("app_type", "polarity"), [("support", -1), ("companion", 1), ("assistant", 0)])
def test_a_long_conversation_reads_by_the_type_of_application(app_type, polarity):
    long = dialogue(*(f"message {number}" for number in range(24)), app_type=app_type)
    (signal,) = (signal for signal in signals(*long) if signal.kind == "conversation_length")
    assert (signal.polarity, signal.response_id, len(signal.event_ids)) == (polarity, None, 12)


def test_sentiment_is_a_trend_over_the_persons_messages():
    said = ["hello there", "great, thanks", "lovely, and then?", "this is awful", "I hate it, useless"]
    falling = dialogue(*(text for each in said for text in (each, "an answer")))
    (signal,) = (signal for signal in signals(*falling) if signal.kind == "sentiment")
    assert (signal.polarity, signal.response_id) == (-1, None)
    rising = dialogue(*(text for each in reversed(said) for text in (each, "an answer")))
    assert [signal.polarity for signal in signals(*rising) if signal.kind == "sentiment"] == [1]


def test_the_same_tool_call_over_and_over_is_a_loop():
    def called(*arguments):
        calls = [ToolCall(name="search", arguments=each) for each in arguments]
        return kinds(generation("a0", tool_calls=calls))

    assert called("card", "card", "card") == ["tool_loop"]
    assert called("card", "card", "account") == []
    assert called(None, None, None) == []
