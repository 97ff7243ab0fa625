"""What is personal by its form alone: addresses, numbers and secrets that a pattern and check digits recognise.

In: text. Out: spans, in order, without overlaps. Names and addresses need a language model and are not found here. Most
texts hold none of it, so a few counts of characters decide first which patterns could match at all; every repetition
is bounded, so a hostile text costs no more than a constant factor of its length.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

from feedwheel_capture import checksums

PiiType = Literal["EMAIL", "CREDENTIALS", "KEY", "IBAN", "CARD", "NATIONAL_ID", "IP", "PHONE"]


@dataclass(frozen=True, slots=True)
class Span:
    """A find: code points [start, end) of the text, and what it is (a PiiType, or the type of a plug-in)."""

    start: int
    end: int
    type: str


_NUMBER: Final = re.compile(r"\d(?:[ ().\-]{0,3}\d){6,40}")
"""Seven digits and more with what may stand between them."""
_CODE: Final = re.compile(r"\d(?:(?<=[A-Za-z]\d)|(?<=[A-Za-z] \d))\d|\d{7}-?[A-Za-z]")
"""Letters and digits side by side, as in account numbers and most identity numbers."""
_DOTTED: Final = re.compile(r"\d{1,3}\.\d{1,3}\.\d")


@dataclass(frozen=True, slots=True)
class _Look:
    """What a glance at a text says of the patterns it could hold. `digits`: of its longest number, 0 below seven."""

    digits: int
    has_digit: bool
    has_code: bool
    is_dotted: bool
    has_at: bool

    @classmethod
    def at(cls, text: str) -> "_Look":
        has_digit = _DIGIT.search(text) is not None
        numbers = _NUMBER.findall(text) if has_digit else []
        return cls(
            digits=max((sum(map(str.isdigit, number)) for number in numbers), default=0),
            has_digit=has_digit,
            has_code=has_digit and _CODE.search(text) is not None,
            is_dotted=has_digit and _DOTTED.search(text) is not None,
            has_at="@" in text,
        )


_DIGIT: Final = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A pattern; the find is its group `value` if it has one. `is_real` looks at what the form cannot say."""

    type: PiiType
    regex: re.Pattern[str]
    possible: Callable[[_Look, str], bool]
    is_real: Callable[[str], bool] = lambda found: True


_MIN_PHONE_DIGITS: Final = 9
"""Below nine digits (ten, if nothing stands between them) amounts and order numbers outnumber phone numbers; one in the
form of a phone may have seven. False finds in 59,000 messages of people and assistants: see the benchmark."""
_FORMATTED_PHONE_DIGITS: Final = 7
_BARE_PHONE_DIGITS: Final = 10
_MAX_PHONE_DIGITS: Final = 15
"""E.164 allows no more."""
_NO_PHONE: Final = re.compile(
    r"(?:19|20)\d\d[-./ ]\d\d?[-./ ]\d\d?|\d\d?[-./]\d\d?[-./](?:19|20)\d\d"  # a date
    r"|\(?[12]\d{3} ?- ?[12]\d{3}\)?$"  # from one year to another
    r"|\(?\d+\.\d+\)?$"  # a decimal fraction
)
_EXTENSION: Final = re.compile(r"\s?(?:x|ext\.?)\s?\d+$", re.IGNORECASE)


def _is_phone(found: str) -> bool:
    number = _EXTENSION.sub("", found)
    digits = sum(char.isdigit() for char in number)
    return _least_digits(number) <= digits <= _MAX_PHONE_DIGITS and not _NO_PHONE.match(number)


def _least_digits(number: str) -> int:
    if number[0] in "+(":
        return _FORMATTED_PHONE_DIGITS
    return _BARE_PHONE_DIGITS if number.isdigit() else _MIN_PHONE_DIGITS


def _is_ip(found: str) -> bool:
    """An address of a machine that is not the speaker's own."""
    return all(int(part) < 256 for part in found.split(".")) and not found.startswith(("127.", "0."))


def _is_ipv6(found: str) -> bool:
    """An address (RFC 4291) and no `a::b` of a programming language, which is shorter or has no digits."""
    try:
        ip_address(found)
    except ValueError:
        return False
    return len(found) >= _SHORTEST_IPV6 and any(char.isdigit() for char in found)


_SHORTEST_IPV6: Final = 8


def _is_secret(found: str) -> bool:
    """A password has a digit among other characters; a word after "password:" is a word."""
    return any(char.isdigit() for char in found) and not found.isdigit()


def _has_code(look: _Look, text: str) -> bool:
    return look.has_code


def _digits(least: int) -> Callable[[_Look, str], bool]:
    return lambda look, text: look.digits >= least


_KEY_BEGINS: Final = (
    *("PRIVATE KEY", "sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    *("glpat-", "AKIA", "ASIA", "AIza", "ya29.", "GOCSPX-", "xox", "xapp-", "hf_", "npm_", "SG.", "whsec_", "eyJ"),
    *("Bearer ", "bearer "),
)
_SECRET_NAMES: Final = ("pass", "pwd", "secret", "token", "api", "access", "auth")


def _has_key(look: _Look, text: str) -> bool:
    return _has_any(_KEY_BEGINS, text)


def _names_secret(look: _Look, text: str) -> bool:
    return look.has_digit and _has_any(_SECRET_NAMES, text.lower())


def _has_any(parts: Sequence[str], text: str) -> bool:
    for part in parts:  # noqa: SIM110  # asked of every text: a generator takes twice as long
        if part in text:
            return True
    return False


_PATTERNS: Final = (
    _Pattern(
        "KEY",
        re.compile(
            r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[\s\S]{0,8000}?-----END [A-Z ]{0,20}PRIVATE KEY-----"
            r"|\b(?:sk|pk|rk)[-_](?:[A-Za-z0-9]{1,20}[-_]){0,4}[A-Za-z0-9]{16,200}\b"
            r"|\bgh[pousr]_[A-Za-z0-9]{30,100}\b|\bgithub_pat_\w{22,100}|\bglpat-[\w-]{20,100}"
            r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{35}|\bya29\.[\w-]{20,200}|\bGOCSPX-[\w-]{20,60}"
            r"|\bxox[abprse]-[\w-]{10,200}|\bxapp-[\w-]{20,200}|\bhf_[A-Za-z]{30,60}\b|\bnpm_[A-Za-z0-9]{36}\b"
            r"|\bSG\.[\w-]{16,32}\.[\w-]{16,64}|\bwhsec_[A-Za-z0-9]{24,80}"
            r"|\beyJ[\w-]{8,2000}\.eyJ[\w-]{8,4000}\.[\w-]{8,2000}"
            r"|\b[Bb]earer (?P<value>[A-Za-z0-9._~+/-]{20,2000}=*)"
        ),
        _has_key,
    ),
    _Pattern(
        "CREDENTIALS",
        re.compile(r"://(?P<value>[^\s/:@]{0,100}:[^\s/@]{1,200})@"),
        lambda look, text: look.has_at and "://" in text,
    ),
    _Pattern(
        "CREDENTIALS",
        re.compile(
            r"\b(?:pass(?:word|wd|phrase)?|pwd|secret(?:[_-]?key)?|(?:api|access|auth)[ _-]?(?:key|token)|token)\b"
            r"[\"']?\s{0,3}(?:[:=]|is)\s{0,3}[\"']?(?P<value>[^\s\"',;<>\[\]]{6,200})",
            re.IGNORECASE,
        ),
        _names_secret,
        _is_secret,
    ),
    _Pattern(
        "EMAIL",
        re.compile(r"[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}"),
        lambda look, text: look.has_at and "." in text,
    ),
    _Pattern(
        "IBAN",
        re.compile(r"\b[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?\b"),
        _has_code,
        checksums.is_iban,
    ),
    _Pattern("CARD", re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.]\d)"), _digits(13), checksums.is_card),
    _Pattern(
        "NATIONAL_ID",  # USA: parts that were never given out are left alone (SSA, number structure before 2011)
        re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"),
        _digits(9),
    ),
    _Pattern(
        "NATIONAL_ID",  # United Kingdom: prefixes that are not given out are left alone (HMRC, NIM39110)
        re.compile(
            r"\b(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]\b", re.IGNORECASE
        ),
        _has_code,
    ),
    _Pattern("NATIONAL_ID", re.compile(r"\b(?:[XYZ]-?\d{7}|\d{8})-?[A-Z]\b"), _has_code, checksums.is_dni),
    _Pattern("NATIONAL_ID", re.compile(r"\b\d{3}\.\d{3}\.\d{3}-\d\d\b"), _digits(11), checksums.is_cpf),
    _Pattern(
        "NATIONAL_ID",
        re.compile(r"\b[12] ?\d\d ?(?:0[1-9]|1[0-2]) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d\b"),
        _digits(13),
        checksums.is_nir,
    ),
    _Pattern(
        "NATIONAL_ID",
        re.compile(r"\b[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]\b", re.IGNORECASE),
        _has_code,
        checksums.is_codice_fiscale,
    ),
    _Pattern("NATIONAL_ID", re.compile(r"(?<![\d.,-])\d{11}(?![\d.,-]?\d)"), _digits(11), checksums.is_pesel),
    _Pattern("NATIONAL_ID", re.compile(r"(?<![\d-])\d{4} \d{4} \d{4}(?! ?\d)"), _digits(12), checksums.is_aadhaar),
    _Pattern(
        "IP",
        re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"),
        lambda look, text: look.is_dotted,
        _is_ip,
    ),
    _Pattern(
        "IP",
        re.compile(
            r"(?<![\w:])(?:(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}"
            r"|(?:[0-9A-Fa-f]{1,4}:){1,6}(?::[0-9A-Fa-f]{1,4}){1,6})(?![\w:])"
        ),
        lambda look, text: "::" in text or text.count(":") >= 7,
        _is_ipv6,
    ),
    _Pattern(
        "PHONE",
        re.compile(
            r"(?<![\w.])(?:\+|00)?\(?\d{1,4}\)?(?:[ .-]{0,2}\(?\d{2,4}\)?){2,5}(?:\s?(?:x|ext\.? ?)\d{1,6})?(?!\w)"
        ),
        _digits(_FORMATTED_PHONE_DIGITS),
        _is_phone,
    ),
)
"""Tried in this order; an earlier find keeps its characters from the later patterns."""

_REPLACED: Final = re.compile(r"\[[A-Z_]{2,20}(?:~[\w-]{22,2000})?\]")
"""What a find was replaced with, here or earlier: never a find again."""


def find(text: str) -> list[Span]:
    """Spans of personal patterns, in order, without overlaps."""
    look = _Look.at(text)
    possible = [pattern for pattern in _PATTERNS if pattern.possible(look, text)]
    if not possible:
        return []
    spans, taken = list[Span](), bytearray(len(text))
    for match in _REPLACED.finditer(text):
        taken[match.start() : match.end()] = b"\x01" * (match.end() - match.start())
    for pattern in possible:
        for start, end in _matches(pattern, text, taken):
            if pattern.is_real(text[start:end]):
                taken[start:end] = b"\x01" * (end - start)
                spans.append(Span(start, end, pattern.type))
    return sorted(spans, key=lambda span: span.start)


def _matches(pattern: _Pattern, text: str, taken: bytearray) -> Iterator[tuple[int, int]]:
    """Matches in what no earlier find has taken; one that reaches into such a find is looked for again behind it."""
    group = "value" if "value" in pattern.regex.groupindex else 0
    position = 0
    while match := pattern.regex.search(text, position):
        start, end = match.span(group if match[group] is not None else 0)
        found = taken.find(b"\x01", start, end)
        if found < 0:
            yield start, end
            position = match.end()
        else:
            behind = taken.find(b"\x00", found)
            position = behind if behind > 0 else len(text)
