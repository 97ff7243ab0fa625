"""Numbers and secrets that only the words before them give away: "passport number X1234567", "my order is 4711".

In: text. Out: finds. Each rule is the words that name a thing, what may stand between, and the form of its value; every
repetition is bounded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from feedback.personal.spans import CERTAIN, LIKELY, Find, PersonalType

_BETWEEN: Final = (
    r"(?:[ \t]{0,2}(?:\([^)\n]{1,30}\)|number|numbers|num|no|nr|nbr|id|code|card|key|#|№))?"
    r"[ \t]{0,2}\.?[ \t]{0,2}(?:['\u2019]s|is|was|are|it['\u2019]s|with|reads|ends? (?:in|with)|of|to|as|under|:|=|#|"
    r"-|\u2013|,)?"
    r"[ \t]{0,2}(?:now|still|currently|actually|the following)?[:#]?\s{0,2}[\"'`“(]?"
)
"""What may stand between the name of a thing and its value: "number is:", "no.", "#", "= "."""
_CODE: Final = r"(?=[A-Za-z/-]{0,8}\d)[A-Za-z0-9](?:[A-Za-z0-9]|[-/](?=[A-Za-z0-9])){3,29}"
"""Letters and digits, with a digit near the beginning; at least four."""
_GROUPS: Final = r"(?=[A-Z]{0,4}[ -]?\d)[A-Z0-9]{1,12}(?:[ -](?=[A-Z]{0,3}\d)[A-Z0-9]{1,12}){0,6}"


@dataclass(frozen=True, slots=True)
class _Rule:
    type: PersonalType
    regex: re.Pattern[str]
    least_digits: int = 4
    confidence: float = LIKELY


def _named(names: str, value: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{names}){_BETWEEN}(?P<value>{value})(?![\w@])", flags)


_DATE: Final = (
    r"\d{1,2}(?:st|nd|rd|th)?[-/. ](?:of )?(?:\d{1,2}|[A-Za-zäéûç]{3,9})\.?,?[-/. ]\d{2,4}"
    r"|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|[A-Z][a-z]{2,8}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}"
)
_RULES: Final = (
    _Rule("PASSPORT", _named(r"passports?|reisepass|passeport|pasaporte|passaporto", _CODE)),
    _Rule(
        "DRIVER_LICENSE",
        _named(
            r"driv(?:er|ing)(?:['\u2019]?s)?[ -]?licen[cs]e|licen[cs]e (?:number|no|#|id)|d\.?l\.? ?(?:number|no|#)|"
            r"\bDLN?",
            r"(?=[A-Za-z]{0,5}[ -]?\d)[A-Za-z0-9]{1,18}(?:[ -](?=[A-Za-z]{0,3}\d)[A-Za-z0-9]{2,8}){0,4}",
        ),
    ),
    _Rule(
        "NATIONAL_ID",
        _named(
            r"ssn|social security|social insurance|sin|national (?:insurance|id(?:entity)?)|nino|tax(?:payer)? ?(?:id|"
            r"identification|file|reference)?|tin|itin|tfn|aadhaa?r|pan (?:card|number)|nric|cpf|dni|nif|nie|bsn|pesel|"
            r"curp|rfc|(?:identity|id|identification)(?: card| document)?|personalausweis|steuer-?id|personnummer|cnp",
            r"(?=[A-Z]{0,5}[ -]?\d)[A-Z0-9]{2,14}(?:[ .-](?=[A-Z]?\d|[A-Z]\b)[A-Z0-9]{1,6}){0,4}",
        ),
        6,
    ),
    _Rule(
        "BANK_ACCOUNT",
        _named(
            r"(?:bank|checking|savings?|current)(?: account)?|acc(?:oun)?t|a/c|sort[ -]?code|routing|aba|bsb|ifsc|"
            r"bic|konto(?:nummer)?|swift(?: code)?",
            r"\d{2}-\d{2}-\d{2}(?!\d)|[A-Z]{4}0[A-Z0-9]{6}|[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?=\W|$)(?<=\d)|"
            r"\d{3,}(?:[ -]\d{2,6}){0,4}",
        ),
        5,
    ),
    _Rule("CARD", _named(r"(?:credit|debit|bank)? ?card|visa|master ?card|amex", r"\d{4}(?:[ -]?\d{2,6}){2,4}"), 12),
    _Rule("CREDENTIALS", _named(r"cvv2?|cvc2?|security code|card verification(?: code| value)?", r"\d{3,4}"), 3),
    _Rule("CREDENTIALS", _named(r"pin|passcode|otp|one[- ]time (?:code|password)|2fa code", r"\d{4,8}"), 4),
    _Rule(
        "HEALTH_ID",
        _named(
            r"nhs|medicare|medicaid|mrn|medical record|patient (?:id|number|no|#)|health (?:insurance|card|plan)|"
            r"(?:insurance|npi|dea)(?: policy| member)?(?= ?(?:id|number|no|#|:))",
            _GROUPS,
        ),
        4,
    ),
    _Rule(
        "VEHICLE_ID",
        _named(
            r"licen[cs]e plates?|number plates?|plates?|registration(?: plate)?|reg|vin|vehicle(?: identification)?|"
            r"kennzeichen|immatriculation|matr[ií]cula|targa",
            r"(?=[A-Z]{0,3}[ -]?[A-Z]{0,3}[ -]?\d|[A-Z0-9]{17}\b)[A-Z0-9]{1,17}(?:[ -][A-Z0-9]{1,5}){0,2}",
            0,
        ),
        1,
    ),
    _Rule(
        "ACCOUNT_ID",
        _named(
            r"(?:customer|client|member(?:ship)?|account|user|employee|staff|student|policy|order|booking|reservation|"
            r"confirmation|reference|ref|ticket|case|claim|invoice|transaction|tracking|parcel|shipment|loyalty|"
            r"frequent flyer|subscriber|contract|serial|application|complaint|payment|purchase|receipt|meter|"
            r"incident|badge|voucher|kundennummer|bestellnummer|pnr|job)",
            _CODE,
        ),
        2,
    ),
    _Rule("DEVICE_ID", _named(r"imei|meid|iccid|udid|device", r"\d[\d -]{13,20}\d|[0-9A-Fa-f-]{16,40}"), 8),
    _Rule("DEVICE_ID", re.compile(r"(?<![\w:-])(?P<value>(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2})(?![\w:-])"), 0),
    _Rule(
        "CRYPTO",
        re.compile(r"\b(?P<value>0x[0-9A-Fa-f]{40}|bc1[a-z0-9]{25,62}|[13][a-km-zA-HJ-NP-Z1-9]{25,34})\b"),
        1,
        CERTAIN,
    ),
    _Rule(
        "DATE_OF_BIRTH",
        re.compile(
            rf"(?<!\w)(?:born|birth|birth ?da(?:y|te)|d\.?o\.?b\.?|bday|geboren|n[ée]e?)(?:\s?\([^)\n]{{1,20}}\))?"
            rf"[ \t]{{0,2}}(?:is|was|on|in|:|=|-)?[ \t]{{0,2}}(?:on|the)?\s{{0,2}}(?P<value>{_DATE})(?!\w)",
            re.IGNORECASE,
        ),
        3,
    ),
    _Rule(
        "CREDENTIALS",
        re.compile(
            r"(?<!\w)(?:pass ?(?:word|wd|phrase|code)s?|pwd|passwort|contrase[ñn]a|mot de passe|senha|secret(?: (?:key|"
            r"word|answer))?|api[ _-]?(?:key|token|secret)|access[ _-]?(?:key|token)|auth(?:entication)?[ _-]?token|"
            r"client[ _-]?secret|log-?in|credentials)(?: (?:for|to|of) [\w .]{1,30}?)?"
            r"\s{0,2}(?:is now|is still|is|was|to|are|it['\u2019]s|:|=|->)\s{0,2}[:\"'`“]?"
            r"(?P<value>(?=[^\s\"'`,;<>\[\]]{0,60}[\d!@#$%^&*_+?~])[^\s\"'`,;<>\[\]]{4,80}?)(?=[\"'`”,;)]|"
            r"[.!?]?(?:\s|$))",
            re.IGNORECASE,
        ),
        0,
    ),
    _Rule(
        "USERNAME",
        re.compile(
            r"(?<!\w)(?:user ?name|user ?id|log-?in(?: name| id)?|screen ?name|handle|(?:insta(?:gram)?|twitter|"
            r"telegram|"
            r"discord|skype|snapchat|tiktok|github|x)(?: (?:handle|id|name|account))?)\s?(?:is|:|=|at)?\s{0,2}[\"'`“]?"
            r"(?P<value>@?(?=[\w.-]{0,30}[\d_.@-]\w|@)[A-Za-z][\w.-]{2,30}\w|@[\w.]{2,30}\w)",
            re.IGNORECASE,
        ),
        0,
    ),
    _Rule("USERNAME", re.compile(r"(?<![\w@./])(?P<value>@[A-Za-z_][\w.]{1,28}\w)(?![\w@])"), 0, 0.7),
    _Rule(
        "PHONE",
        re.compile(
            r"(?<!\w)(?:phone|mobile|cell|tel(?:ephone)?|fax|landline|whatsapp|handy|call(?:ing)?|text|sms|ring|"
            r"reach|dial|"
            r"desk|office|home|work|ph|mob|contact|number)(?:\s?(?:phone|number|no|nr|#))?\.?"
            r"(?:\s(?:me|us|him|her|them|back|is|at|on|to|the|my|it['\u2019]s|via|office|number|a|was|or|text|"
            r"call)){0,5}"
            r"\s{0,2}[:=#-]?\s{0,3}(?P<value>\(?\+?\d[\d ()./-]{5,20}\d(?:\s?(?:x|ext\.?)\s?\d{1,6})?)(?!\w)",
            re.IGNORECASE,
        ),
        7,
    ),
    _Rule(
        "PHONE",
        re.compile(
            r"(?<![\w.])(?P<value>\(?\+?\d[\d ().-]{5,20}\d(?:\s?(?:x|ext\.?)\s?\d{1,6})?)\s?\(?"
            r"(?:mobile|cell|office|home|work|fax|tel|desk|phone)\b",
            re.IGNORECASE,
        ),
        7,
    ),
)


def find_numbers(text: str) -> list[Find]:
    """Numbers, codes and secrets with the words that name them."""
    return [find for rule in _RULES for find in _of(rule, text)]


def _of(rule: _Rule, text: str) -> Iterator[Find]:
    for match in rule.regex.finditer(text):
        value = match["value"]
        if sum(map(str.isdigit, value)) >= rule.least_digits and not _YEAR.fullmatch(value):
            start, end = match.span("value")
            yield Find(start, end, rule.type, rule.confidence)


_YEAR: Final = re.compile(r"(?:19|20)\d\d")
