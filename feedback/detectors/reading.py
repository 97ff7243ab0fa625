"""A conversation read once for all detectors: what they share is computed here, in one pass over its turns.

In: an assembled conversation. Out: its language, and each reply as rules see it.
"""

from dataclasses import dataclass

from feedback.conversation import Conversation, Reply
from feedback.detectors import words
from feedback.detectors.language import READ, language_of
from feedback.detectors.similarity import Content, similarity
from feedback.detectors.words import Words
from schemas.languages import Language


@dataclass(frozen=True, slots=True)
class Said:
    """A reply as rules see it. `similarity` 0..1 to the message before the answer, 0 if that one is withheld.

    `asked`: the answer that it replies to ended in a question. `again`: it is the message before, word for word.
    """

    reply: Reply
    words: Words
    similarity: float
    asked: bool
    again: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A conversation and what was read of it. `language`: what the person writes, None where it cannot be told."""

    conversation: Conversation
    language: Language | None
    said: tuple[Said, ...]

    @property
    def is_read(self) -> bool:
        """Whether all that is read from words can be: sentiment, acceptance and the learned model know English only."""
        return self.language in (None, "en")

    @property
    def phrases_in(self) -> Language | None:
        """The language whose phrases the person's words are searched for; None if there are none of theirs."""
        language = self.language or "en"
        return language if language in READ else None


def read(conversation: Conversation) -> Reading:
    """Read a conversation."""
    requests = {
        turn.response_id: words.read(turn.request)
        for turn in conversation.turns
        if turn.request is not None and not turn.regeneration_of
    }
    contents = {response_id: Content.of(request) for response_id, request in requests.items()}
    language = language_of(requests.values())
    if language not in (None, "en"):
        requests = {response_id: words.without_marks(request) for response_id, request in requests.items()}
    return Reading(conversation, language, tuple(_said(reply, requests, contents) for reply in conversation.replies))


def _said(reply: Reply, requests: dict[str, Words], contents: dict[str, Content]) -> Said:
    """`reply` beside the request of the answer it is about; a regenerated answer's request is that of the first."""
    own, earlier = (
        contents[reply.said_in.response_id],
        contents.get(reply.about.regeneration_of or reply.about.response_id),
    )
    return Said(
        reply=reply,
        words=requests[reply.said_in.response_id],
        similarity=similarity(earlier, own) if earlier else 0.0,
        asked=(reply.about.output or "")[-20:].rstrip().endswith("?"),
        again=earlier is not None and bool(own.words) and own.words == earlier.words,
    )
