"""Feedback tokens: what a browser may say, about which answer, and until when.

In: who was given which answer. Out: a token that carries it, signed. The browser never sees a raw id or a key of the
deployment, and can send feedback about this one answer only.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from feedwheel_capture.errors import TokenInvalid
from feedwheel_capture.identity import Person
from feedwheel_capture.vocabulary import Consent

_SIGNATURE_BYTES: Final = 16
"""128 bits: out of reach of guessing."""


class _Payload(msgspec.Struct, frozen=True, array_like=True):
    app: str
    response_id: str
    conversation_id: str
    user_key: str | None
    user_key_id: int
    split_bucket: int
    consent: Consent
    simulated: bool
    expires: int


@dataclass(frozen=True, slots=True)
class FeedbackScope:
    """What a token allows: feedback of one person about one answer."""

    app: str
    response_id: str
    conversation_id: str
    person: Person
    consent: Consent
    simulated: bool = False


def sign(scope: FeedbackScope, key: str, expires: datetime) -> str:
    """A token for `scope` that is valid until `expires`."""
    person = scope.person
    payload = msgspec.json.encode(
        _Payload(
            scope.app,
            scope.response_id,
            scope.conversation_id,
            person.user_key,
            person.user_key_id,
            person.split_bucket,
            scope.consent,
            scope.simulated,
            int(expires.timestamp()),
        )
    )
    encoded = _encode(payload)
    return f"{encoded}.{_signature(encoded, key)}"


def verify(token: str, key: str, now: datetime) -> FeedbackScope:
    """What a token allows at `now`. Raises TokenInvalid."""
    encoded, _, signature = token.partition(".")
    if not hmac.compare_digest(_signature(encoded, key).encode(), signature.encode()):
        raise TokenInvalid("this feedback link is not one of ours")
    # Signed by us, so it can be read; fields that a later version may add come last.
    found = msgspec.json.decode(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)), type=_Payload)
    if datetime.fromtimestamp(found.expires, UTC) < now:
        raise TokenInvalid("this feedback link has expired")
    return FeedbackScope(
        app=found.app,
        response_id=found.response_id,
        conversation_id=found.conversation_id,
        person=Person(found.user_key, found.user_key_id, found.split_bucket),
        consent=found.consent,
        simulated=found.simulated,
    )


def _signature(encoded: str, key: str) -> str:
    return _encode(hmac.new(key.encode(), encoded.encode(), hashlib.sha256).digest()[:_SIGNATURE_BYTES])


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
