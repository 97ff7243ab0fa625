"""Messages to token ids: the artefact's own chat template and tokenizer.

A message cannot pretend to be a turn of its own: where its text contains one of the tokenizer's control tokens, that
text reaches the model broken up, as ordinary characters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any, Final, NoReturn

import msgspec
import numpy as np
from feedwheel_capture.vocabulary import Role
from jinja2 import TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer
from tokenizers.models import BPE

from schemas.errors import UsageError
from serving.engine.artifact import Artifact
from serving.engine.session import Tokens, agreeing
from serving.engine.tools import Call, Tool, instructions, written

_NAMED_TOKENS: Final = ("bos_token", "eos_token", "pad_token", "unk_token")


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a conversation. `calls`: tools that the model wanted called; `call_id`: whose result it is."""

    role: Role
    content: str
    calls: tuple[Call, ...] = ()
    call_id: str | None = None

    @property
    def text(self) -> str:
        """All of it, as the model would write it."""
        return written(self.content, self.calls)


class ChatFormat:
    """How one model wants conversations written."""

    def __init__(self, artifact: Artifact) -> None:
        """Read tokenizer and template. The template comes with the model, so it runs in a sandbox."""
        self.tokenizer: Tokenizer = Tokenizer.from_file(str(artifact.tokenizer_file))
        if isinstance(model := self.tokenizer.model, BPE):
            # What it knows of words it keeps for each thread, and a thread keeps it when the model is gone. Without
            # it, 100 tokens take a tenth of a millisecond more.
            model._resize_cache(0)  # noqa: SLF001  # no public way
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals |= {"raise_exception": _refuse, "strftime_now": _now}
        self._template = environment.from_string(artifact.chat_template)
        self._knows_tools = "tools" in meta.find_undeclared_variables(environment.parse(artifact.chat_template))
        self._named_tokens = _named_tokens(artifact)
        control = [token.content for token in self.tokenizer.get_added_tokens_decoder().values() if token.special]
        longest_first = sorted(control, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, longest_first))) if control else None

    def encode(self, messages: Sequence[ChatMessage], tools: Sequence[Tool] = ()) -> Tokens:
        """Token ids of the conversation up to where the answer begins, int64 [n]. Raises UsageError."""
        try:
            return self._encoded(self._written(messages, tools, answers=True))
        except TemplateError as error:
            raise UsageError(f"the model's chat template refuses these messages: {type(error).__name__}") from None

    def common(self, messages: Sequence[ChatMessage], tools: Sequence[Tool], tokens: Tokens) -> int:
        """How many of a conversation's tokens come from its first system messages, which are the application's own."""
        first = list(takewhile(lambda message: message.role == "system", messages))
        if not first:
            return 0
        try:
            return agreeing(self._encoded(self._written(first, tools, answers=False)), tokens)
        except TemplateError:  # some templates want somebody to speak
            return 0

    def _written(self, messages: Sequence[ChatMessage], tools: Sequence[Tool], *, answers: bool) -> str:
        """The conversation as the model reads it; `answers`: up to where its answer begins. Raises TemplateError."""
        if tools and not self._knows_tools:
            messages = _told(messages, tools)
        given = {"tools": [tool.as_openai() for tool in tools]} if tools and self._knows_tools else {}
        thread = [self._as_given(message) for message in messages]
        return self._template.render(messages=thread, add_generation_prompt=answers, **given, **self._named_tokens)

    def encode_text(self, text: str) -> Tokens:
        """Token ids of a text that the model is to go on with, int64 [n]. Raises UsageError."""
        tokens = self._encoded(self._disarm(text))
        if not len(tokens):
            raise UsageError("the prompt is empty: there is nothing to go on with")
        return tokens

    def _encoded(self, text: str) -> Tokens:
        return np.array(self.tokenizer.encode(text, add_special_tokens=False).ids, np.int64)

    def _as_given(self, message: ChatMessage) -> dict[str, Any]:
        """A message as the template reads it, by the names that Transformers gives its parts."""
        knows_calls = bool(message.calls) and self._knows_tools
        given: dict[str, Any] = {"role": message.role}
        given["content"] = self._disarm(message.content if knows_calls else message.text)
        if knows_calls:
            given["tool_calls"] = [self._call_as_given(call) for call in message.calls]
        if message.call_id is not None:
            given["tool_call_id"] = self._disarm(message.call_id)
        return given

    def _call_as_given(self, call: Call) -> dict[str, Any]:
        # Written anew, so that no control token hides behind JSON's escapes.
        arguments = msgspec.json.encode(msgspec.json.decode(call.arguments)).decode()
        function = {"name": call.name, "arguments": msgspec.json.decode(self._disarm(arguments))}
        named = {} if call.call_id is None else {"id": self._disarm(call.call_id)}
        return {**named, "type": "function", "function": function}

    def _disarm(self, content: str) -> str:
        """Put a blank into every control token that a message contains."""
        if self._control is None:
            return content
        return self._control.sub(lambda match: f"{match[0][0]} {match[0][1:]}", content)


def _told(messages: Sequence[ChatMessage], tools: Sequence[Tool]) -> list[ChatMessage]:
    """With the tools at the end of the system message, or as one."""
    first, *rest = messages
    if first.role == "system":
        return [replace(first, content=f"{first.content}\n\n{instructions(tools)}"), *rest]
    return [ChatMessage("system", instructions(tools)), *messages]


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _now(pattern: str) -> str:
    return datetime.now(UTC).strftime(pattern)


def _named_tokens(artifact: Artifact) -> dict[str, str]:
    config = msgspec.json.decode((artifact.directory / "tokenizer_config.json").read_bytes())
    return {name: config[name] for name in _NAMED_TOKENS if isinstance(config.get(name), str)}
