"""Messages of the GenAI conventions to messages in OpenAI's shape, which everything else here takes.

In: the value of `gen_ai.input.messages`, `gen_ai.output.messages` or `gen_ai.system_instructions`: structured, or the
same as JSON in a string. Out: messages, answers, and a count by type of the parts that an event has no place for.
Raises Unreadable.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import msgspec
from feedwheel_capture.messages import text_of

PartType = Literal[
    "tool_call",  # of an earlier answer; those of the answer itself are kept
    "reasoning",
    "blob",
    "file",
    "uri",
    "server_tool_call",
    "server_tool_call_response",
    "other",
]
_PART_TYPES: Final[dict[str, PartType]] = {name: name for name in get_args(PartType)}

Message = dict[str, Any]


class Unreadable(Exception):
    """No list of messages. An SDK that cuts attributes at a length leaves such."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One choice of a model. `finish_reason` is what the convention or the provider calls it."""

    text: str
    tool_calls: list[dict[str, str | None]]
    finish_reason: str | None


@dataclass(slots=True)
class Reader:
    """Reads the messages of one exchange; `left_out` counts what it leaves behind."""

    left_out: Counter[PartType] = field(default_factory=Counter)

    def messages(self, value: Any) -> list[Message]:
        """What a model was given, oldest first."""
        return [{"role": str(message.get("role")), "content": self._content(message)} for message in _objects(value)]

    def system(self, value: Any) -> list[Message]:
        """Instructions that were given apart from the messages, as a message in front of them."""
        return [{"role": "system", "content": self._texts(_objects(value))}]

    def answers(self, value: Any) -> list[Answer]:
        """What a model answered, one for each choice."""
        return [self._answer(message) for message in _objects(value)]

    def _answer(self, message: Message) -> Answer:
        parts = _objects(message.get("parts"))
        calls = [part for part in parts if part.get("type") == "tool_call"]
        rest = [part for part in parts if part.get("type") != "tool_call"]
        reason = message.get("finish_reason")
        return Answer(
            text=text_of(self._texts(rest)),
            tool_calls=[
                {"name": str(call.get("name")), "arguments": _as_text(call.get("arguments"))} for call in calls
            ],
            finish_reason=reason if isinstance(reason, str) and reason else None,
        )

    def _content(self, message: Message) -> list[Message]:
        return self._texts(_objects(message.get("parts")))

    def _texts(self, parts: list[Message]) -> list[Message]:
        texts = list[Message]()
        for part in parts:
            match part.get("type"):
                case "text":
                    texts.append({"type": "text", "text": _as_text(part.get("content"))})
                case "tool_call_response":
                    # The examples of the convention call the field `result`.
                    texts.append({"type": "text", "text": _as_text(part.get("response", part.get("result")))})
                case kind:
                    self.left_out[_PART_TYPES.get(str(kind), "other")] += 1
        return texts


def _objects(value: Any) -> list[Message]:
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            raise Unreadable from None
    if not isinstance(value, list) or not all(isinstance(held, dict) for held in value):
        raise Unreadable
    return value


def _as_text(value: Any) -> str | None:
    """A text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
