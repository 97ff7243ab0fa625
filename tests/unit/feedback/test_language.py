import pytest

from feedback.detectors import words
from feedback.detectors.language import language_of
from tests.unit.feedback.test_transcript import judged


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Can you tell me what the weather is like?", "en"),
        ("Nein, das ist nicht richtig", "de"),
        ("No, eso no es lo que quiero, gracias", "es"),
        ("Non, ce n'est pas la bonne réponse, merci", "fr"),
        ("isso não está certo, obrigado", "pt"),
        ("Нет, это неправильно", "und"),
        ("これは違います", "und"),
        ("ok", None),
        ("", None),
        ("python list comprehension", None),
        ("naïve Bayes classifier python example, café reviews", None),
    ],
)
def test_language_is_told_by_words_and_script(text, language):
    found = language_of([words.read(text)])
    assert found == language


def test_words_of_another_language_are_declined_and_said_to_be():
    found = judged(
        "u: Hoe kan ik de kaart blokkeren?", "a: Op de website.", "u: No, dat is niet wat ik wil en het werkt niet"
    )
    assert found["unread_language"] == "nl"
    assert [turn["signals"] for turn in found["turns"]] == [[], [], []]
    assert "unread_language" not in judged("u: Where is the card?", "a: here", "u: No, I mean the other card")


def test_a_language_with_phrases_is_read_by_them_and_not_by_the_english_model():
    found = judged("u: Wie kann ich die Karte sperren?", "a: Auf der Webseite.", "u: Nein, das ist leider falsch")
    assert "unread_language" not in found
    assert [signal["kind"] for signal in found["turns"][2]["signals"]] == ["complaint"]
    assert found["turns"][1]["p_dissatisfied"] == pytest.approx(0.57, abs=0.01)


def test_the_same_message_again_is_a_rephrasing_in_every_language():
    found = judged("u: Wo ist meine Karte und warum?", "a: Hier.", "u: wo ist meine Karte, und warum???")
    assert [signal["kind"] for signal in found["turns"][2]["signals"]] == ["rephrase"]
