"""Guardrails in the request path: what of a conversation a model may see, and what is answered where it may not answer.

In: messages, answers, the policy of their application. Out: messages as they may pass, and answers from elsewhere. What
the rules are is in `feedback.guardrails`.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar

from feedwheel_capture.events import Feedback, Guarded
from feedwheel_capture.vocabulary import GuardRule

from feedback.guardrails import check_input
from feedback.polarity import Circumstances, read
from schemas.config import App, Guardrails
from serving.engine.chat import ChatMessage
from serving.engine.job import Answer

_REMEMBERED: Final = 10_000
"""Answers of each kind that one process remembers: some megabytes."""

WITHHELD: Final = "[message withheld]"
"""What a model sees of an earlier message that a rule blocks."""

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Withheld(ChatMessage):
    """A message in whose place a model sees `WITHHELD`. `said`: the event of its own turn has it, and its thread."""

    said: str = ""


@dataclass(frozen=True, slots=True)
class Screened:
    """Messages as they may pass. `guarded`: the rules that acted on the newest, which were not answered before."""

    messages: list[ChatMessage]
    guarded: tuple[Guarded, ...] = ()


def screen(messages: Sequence[ChatMessage], policy: Guardrails) -> Screened:
    """Check what people and tools say. What was answered before is masked again, and not counted again.

    What is blocked in it blocks nothing more, so that a conversation can go on, but no model sees it then either.
    """
    passed, guarded = list[ChatMessage](), list[Guarded]()
    newest = max((place for place, message in enumerate(messages) if message.role == "assistant"), default=-1)
    for place, message in enumerate(messages):
        if message.role not in ("user", "tool"):
            passed.append(message)
            continue
        checked = check_input(message.content, policy)
        was_answered = place < newest
        if was_answered and checked.is_blocked:
            passed.append(Withheld(message.role, WITHHELD, call_id=message.call_id, said=checked.text))
        else:
            passed.append(replace(message, content=checked.text))
        guarded += () if was_answered else checked.guarded
    return Screened(passed, tuple(guarded))


def as_said(message: ChatMessage) -> str:
    """What names a message's thread: the text as it was at its own turn, so that later turns are found to follow it."""
    return message.said if isinstance(message, Withheld) else message.text


def instead(text: str, answer: Answer) -> Answer:
    """A set text in the place of an answer."""
    return replace(answer, text=text, finish_reason="content_filter", logprobs=())


class Recent(Generic[_Key, _Value]):
    """The newest of what was put in; any thread may ask."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most = most
        self._items: OrderedDict[_Key, _Value] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, key: _Key, value: _Value) -> None:
        """Remember; the oldest goes."""
        with self._lock:
            self._items[key] = value
            self._items.move_to_end(key)
            if len(self._items) > self._most:
                self._items.popitem(last=False)

    def get(self, key: _Key) -> _Value | None:
        """What was put in last under the key, if it is still there."""
        with self._lock:
            return self._items.get(key)

    def take(self, key: _Key) -> _Value | None:
        """As `get`, and forget it."""
        with self._lock:
            return self._items.pop(key, None)


@dataclass(frozen=True, slots=True)
class Guarding:
    """What one process remembers for its guardrails.

    `answers`: that passed, by a hash of their conversation. `withheld`: by response id, application and who asked, the
    rules that withheld it.
    """

    answers: Recent[bytes, str] = field(default_factory=Recent)
    withheld: Recent[tuple[str, str, str], tuple[GuardRule, ...]] = field(default_factory=Recent)


def disputes(record: Feedback, app: App) -> bool:
    """Whether a person says that an answer was wrong: of one that was withheld, that it need not have been."""
    return record.value is not None and read(record.kind, record.value, Circumstances(app.type)).polarity < 0
