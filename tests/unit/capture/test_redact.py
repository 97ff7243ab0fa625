"""What the patterns find, what they leave alone, what plug-ins add, and that a hostile text cannot make them slow."""

import base64
import time

import pytest
from feedwheel_capture import masking
from feedwheel_capture.errors import RedactionFailed
from feedwheel_capture.patterns import Span
from feedwheel_capture.redact import Redactor, redact
from hypothesis import given
from hypothesis import strategies as st

from tests.events import generation


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("mail o'brien@mail.example.co.uk now", "mail [EMAIL] now"),
        ("call +44 20 7946 0958.", "call [PHONE]."),
        ("call (555) 123-4567", "call [PHONE]"),
        ("call (96) 627-277 or 001-420-335-7509x38548", "call [PHONE] or [PHONE]"),
        ("card 4111 1111 1111 1111 exp 12/27", "card [CARD] exp 12/27"),
        ("IBAN GB82 WEST 1234 5698 7654 32 please", "IBAN [IBAN] please"),
        ("key sk-proj-abcdefghijklmnop1234567890", "key [KEY]"),
        ("use Bearer abcdefghijklmnop.qrstuv-wxyz", "use Bearer [KEY]"),
        ("token=hf_abcdefghijklmnopqrstuvwxyzABCDEFGH", "token=[KEY]"),
        ("password: hunter2 please", "password: [CREDENTIALS] please"),
        ("my api key is 'a1b2c3d4e5'", "my api key is '[CREDENTIALS]'"),
        ("postgres://bob:s3cret@db.example.com/x", "postgres://[CREDENTIALS]@db.example.com/x"),
        ("ssn 123-45-6789", "ssn [NATIONAL_ID]"),
        ("nino AB 12 34 56 C", "nino [NATIONAL_ID]"),
        ("dni 12345678Z, nie X1234567L", "dni [NATIONAL_ID], nie [NATIONAL_ID]"),
        ("cpf 529.982.247-25", "cpf [NATIONAL_ID]"),
        ("nir 1 84 12 76 451 089 46", "nir [NATIONAL_ID]"),
        ("cf RSSMRA85T10A562S", "cf [NATIONAL_ID]"),
        ("pesel 44051401359", "pesel [NATIONAL_ID]"),
        ("aadhaar 2341 2341 2346", "aadhaar [NATIONAL_ID]"),
        ("from 10.0.0.1 and 2001:db8::8a2e:370:7334", "from [IP] and [IP]"),
        # A find that reaches into an earlier one, and one that stands against it: found by fuzzing.
        ("200.100.60.99 020 7946 0958", "[IP] [PHONE]"),
        ("ann@example.com0207 946 0958", "[EMAIL][PHONE]"),
        ("\x0077777777777 200.0.6.99 .82001", "\x00[PHONE] [IP] .82001"),
    ],
)
def test_finds(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "I paid £10.50 twice on 2024-01-15 10:30",
        "order 12345678 of 3 items",
        "4111111111111112 is no card, it fails its check digit",
        "version 1.2.3.4.5",
        "at the corner @ noon",
        "password: forgotten",
        "the Edo period (1603-1868)",
        "see arxiv.org/abs/1706.03762",
        "c = 299792458 m/s, alpha = 0.0072973525693",
        "it runs on 127.0.0.1",
        "std::vector<int> a::b",
        "12345678A is no identity number, its letter is wrong",
        "[EMAIL] and [NATIONAL_ID] were taken out before",
    ],
)
def test_leaves_alone(text: str) -> None:
    assert redact(text) == text


@given(st.text(alphabet=st.sampled_from("ab1@.+-() 9:/[]~EMAIL"), max_size=200))
def test_is_idempotent(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_a_text_in_which_finds_do_not_end_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedwheel_capture.redact._MAX_LOOKS", 1)
    with pytest.raises(RedactionFailed, match="after 1 looks"):
        redact("ann@example.com0207 946 0958")


@pytest.mark.parametrize(
    "unit", ["1", "a@", "1 ", "a.", "eyJ", "sk-", "-----BEGIN PRIVATE KEY-----", "a@b.", "a:", "1.1."]
)
def test_cost_grows_with_length_only(unit: str) -> None:
    def cost(length: int) -> float:
        started = time.process_time()
        redact(unit * (length // len(unit)))
        return time.process_time() - started

    small, large = max(cost(20_000), 0.001), cost(200_000)
    assert large < small * 40  # ten times the text: 10 if linear, 100 if quadratic


class Names:
    """A plug-in that knows one name."""

    name = "names/1"

    def __call__(self, text: str) -> list[Span]:
        return [Span(start, start + 5, "NAME") for start in range(len(text)) if text.startswith("Alice", start)]


def test_a_plug_in_adds_its_finds_and_its_name() -> None:
    redactor = Redactor([Names()])
    assert redactor.redact("Alice, Alice@example.com") == "[NAME], [EMAIL]"
    event = redactor.redact_event(generation("r1", "I am Alice", "Hello Alice"))
    assert (event.input[0].content, event.output) == ("I am [NAME]", "Hello [NAME]")
    assert event.redactor == "pattern/3+names/1"


def test_a_plug_in_that_breaks_lets_nothing_through() -> None:
    def broken(text: str) -> list[Span]:
        raise ZeroDivisionError(text)

    broken.name = "broken/1"
    with pytest.raises(RedactionFailed, match=r"^ZeroDivisionError$"):
        Redactor([broken]).redact("anything")


KEY = base64.urlsafe_b64encode(bytes(range(64))).decode()


def test_a_mask_can_be_taken_off_with_its_key_and_no_other() -> None:
    mask = masking.ReversibleMask(KEY)
    redactor = Redactor(mask=mask)
    text = "mail ann@example.com or ann@example.com, call +44 20 7946 0958"
    masked = redactor.redact(text)
    assert "ann@" not in masked
    assert masked.count(masked.split()[1]) == 2  # who is who can still be told
    assert redactor.redact(masked) == redact(masked) == masked
    assert mask.unmask(masked) == text
    other = masking.ReversibleMask(base64.urlsafe_b64encode(bytes(64)).decode())
    assert other.unmask(masked) == masked
    assert mask.unmask(masked.replace("[EMAIL~", "[PHONE~")) != text


@given(st.emails(), st.text(max_size=30))
def test_every_mask_comes_off(email: str, around: str) -> None:
    mask = masking.ReversibleMask(KEY)
    text = f"{around} {email}"
    assert mask.unmask(Redactor(mask=mask).redact(text)) == text
