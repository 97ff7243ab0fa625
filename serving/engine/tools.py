"""Tools that a model may call: how it is told of them where its template has no words for that, and how it calls one.

The words are those of Hermes (Nous Research), which Qwen and SmolLM2 learned too: JSON between <tool_call> tags.
"""

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import UsageError
from serving.engine.grammar import Format
from serving.engine.job import Piece
from serving.engine.json_text import decoded, encoded
from serving.engine.sampling import TokenLogprob
from serving.engine.text import possible_start

OPENING: Final = "<tool_call>"
CLOSING: Final = "</tool_call>"
_CALL: Final = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
"""Linear: with blanks of its own before the end it would be tried anew from each of them."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call. `parameters`: JSON Schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]

    def as_openai(self) -> dict[str, Any]:
        """As chat templates expect it."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a model wants made. `arguments`: a JSON object, as text. `call_id`: what its result refers to."""

    name: str
    arguments: str
    call_id: str | None = None


def instructions(tools: Sequence[Tool]) -> str:
    """What a model is told whose template does not tell it. Raises UsageError where a tool cannot be written."""
    listed = "\n".join(encoded(tool.as_openai()) for tool in tools)
    return (
        f"You can call functions. These are there, each with the JSON Schema of its parameters:\n<tools>\n{listed}\n"
        f'</tools>\nTo call one, answer with nothing but {OPENING}\n{{"name": "...", "arguments": {{...}}}}\n{CLOSING}'
    )


def written(content: str, calls: Iterable[Call]) -> str:
    """An answer with its calls, as the model would write it."""
    parts = [f'{OPENING}\n{{"name": {encoded(call.name)}, "arguments": {call.arguments}}}\n{CLOSING}' for call in calls]
    return "\n".join([content, *parts] if content else parts)


def read(text: str) -> tuple[str, tuple[Call, ...]]:
    """What a model wrote: the text beside its calls, without blanks at its end, and the calls. What is no call is text.

    Blanks at its beginning stay: where it is streamed they have been shown before anybody knows of a call.
    """
    calls = [_call(match[1]) for match in _CALL.finditer(text)]
    if not calls or any(call is None for call in calls):
        return text, ()
    return _CALL.sub("", text).rstrip(), tuple(call for call in calls if call is not None)


class HeldBack:
    """Of one answer that is streamed: what is not shown, as it is a call, or may become one, or blanks before one.

    What it sets free, and then what `read` makes of the rest, is what `read` makes of the whole.
    """

    def __init__(self) -> None:
        self._text = ""
        self._pieces: deque[Piece] = deque()

    def add(self, piece: Piece) -> Piece:
        """Take a piece; what is sure to be beside all calls, often nothing."""
        self._text += piece.text
        self._pieces.append(piece)
        return self._free(_certain(self._text))

    def rest(self) -> Piece:
        """All of it, as nothing more comes."""
        return self._free(len(self._text))

    def _free(self, length: int) -> Piece:
        """The beginning; of a token that it ends in, the log-probability goes with its beginning."""
        free, self._text = self._text[:length], self._text[length:]
        logprobs = list[TokenLogprob]()
        while length > 0:
            piece = self._pieces.popleft()
            logprobs += piece.logprobs
            if len(piece.text) > length:
                self._pieces.appendleft(Piece(piece.text[length:]))
            length -= len(piece.text)
        return Piece(free, tuple(logprobs))


def _certain(text: str) -> int:
    """How much of a text is before whatever is, or may become, the beginning of a call, and before blanks there."""
    found = text.find(OPENING)
    return len(text[: found if found >= 0 else len(text) - possible_start(text, (OPENING,))].rstrip())


def one_call(tools: Iterable[Tool]) -> tuple[Format, ...]:
    """What an answer looks like that calls one of them: `written`, with any arguments."""
    return tuple(
        Format(tool.parameters, f'{OPENING}\n{{"name": {encoded(tool.name)}, "arguments": ', f"}}\n{CLOSING}")
        for tool in tools
    )


def _call(text: str) -> Call | None:
    try:
        found = decoded(text)
    except UsageError:
        return None
    match found:
        case {"name": str(name), "arguments": dict(arguments)}:
            return Call(name, encoded(arguments))
    return None
