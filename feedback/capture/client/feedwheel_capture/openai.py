"""OpenAI's client, recorded: whatever `chat.completions` is asked by `create`, `parse` or `stream` becomes an event.

In: a client of the package `openai` (2 or newer), synchronous or asynchronous; the package itself is not imported. Out:
the same client, whose answers are the same objects: a stream is recorded when it ends, or when it is left before. Calls
of other kinds are not recorded, and said so once.
"""

import asyncio
import functools
import inspect
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from feedwheel_capture.messages import text_of

if TYPE_CHECKING:
    from feedwheel_capture.client import Capture

_LOG: Final = logging.getLogger(__name__)
_MARK = "_feedwheel_wrapped"
_RECORDED: Final = ("create", "parse")
"""Of `chat.completions`; its `stream` calls `create`."""
_COPYING: Final = ("copy", "with_options")
_NOT_RECORDED: Final = ("create", "parse", "stream")
"""Of `responses`."""
_LEFT = (GeneratorExit, asyncio.CancelledError)
"""What a stream or a request that is left raises inside it."""


def wrap_client(client: Any, capture: "Capture") -> None:
    """Record every chat completion of `client`, and of its copies. Doing it twice records once."""
    _replace(client.chat.completions, _RECORDED, lambda create: _recorded(create, capture))
    _replace(client, _COPYING, lambda copy: _copying(copy, capture))
    _replace(getattr(client, "responses", None), _NOT_RECORDED, _telling)


def _replace(owner: Any, names: Sequence[str], wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put something around methods of a client, once, as far as its version has them."""
    for name in names:
        method = getattr(owner, name, None)
        if method is not None and not getattr(method, _MARK, False):
            wrapped = wrapper(method)
            setattr(wrapped, _MARK, True)
            setattr(owner, name, wrapped)


def _recorded(create: Callable[..., Any], capture: "Capture") -> Callable[..., Any]:
    is_asynchronous = inspect.iscoroutinefunction(inspect.unwrap(create))  # its own decorators hide it
    return (_asynchronous if is_asynchronous else _synchronous)(create, capture)


def _copying(copy: Callable[..., Any], capture: "Capture") -> Callable[..., Any]:
    @functools.wraps(copy)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return capture.wrap(copy(*args, **kwargs))

    return wrapped


def _telling(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        _tell_once("responses")
        return call(*args, **kwargs)

    return wrapped


@functools.cache
def _tell_once(kind: str) -> None:
    _LOG.warning("calls of OpenAI's %s are not recorded: use chat.completions, or record them by generation()", kind)


def _is_raw(answer: Any) -> bool:
    """Whether it is bytes that the application will read itself, which is then told."""
    if is_raw := hasattr(answer, "http_response"):
        _tell_once("with_raw_response and with_streaming_response")
    return is_raw


def _synchronous(create: Callable[..., Any], capture: "Capture") -> Callable[..., Any]:
    @functools.wraps(create)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        call = _Call(capture, kwargs)
        with call.asked():
            answer = create(*args, **kwargs)
        if _is_raw(answer):
            return answer
        if kwargs.get("stream"):
            return _Stream(answer, call)
        call.answered(answer)
        return answer

    return wrapped


def _asynchronous(create: Callable[..., Any], capture: "Capture") -> Callable[..., Any]:
    @functools.wraps(create)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        call = _Call(capture, kwargs)
        with call.asked():
            answer = await create(*args, **kwargs)
        if _is_raw(answer):
            return answer
        if kwargs.get("stream"):
            return _AsyncStream(answer, call)
        call.answered(answer)
        return answer

    return wrapped


class _Call:
    """One request: when it began, and what is recorded of it. Nothing here raises."""

    def __init__(self, capture: "Capture", request: Mapping[str, Any]) -> None:
        self._capture = capture
        self._request = request
        self._started = time.monotonic()
        self._first_token_s: float | None = None
        self._pieces: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._facts: dict[str, Any] = {}
        self._recorded = False

    def answered(self, answer: Any) -> None:
        """Record a whole answer; each of several choices is an answer of its own."""
        usage = getattr(answer, "usage", None)
        for place, choice in enumerate(getattr(answer, "choices", None) or []):
            message = choice.message
            calls = [_tool_call(call) for call in getattr(message, "tool_calls", None) or []]
            self._record(
                text_of(getattr(message, "content", None)),
                getattr(choice, "finish_reason", None),
                response_id=answer.id if place == 0 else f"{answer.id}/{place}",
                model_version=getattr(answer, "model", None),
                input_tokens=getattr(usage, "prompt_tokens", 0),
                output_tokens=getattr(usage, "completion_tokens", 0),
                tool_calls=calls,
            )

    def take(self, chunk: Any) -> None:
        """Remember one chunk of a stream."""
        usage = getattr(chunk, "usage", None)
        self._facts |= {"response_id": chunk.id, "model_version": getattr(chunk, "model", None)}
        if usage is not None:
            self._facts |= {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
        for choice in getattr(chunk, "choices", None) or []:
            if choice.index != 0:
                continue
            piece = text_of(getattr(choice.delta, "content", None))
            if piece and self._first_token_s is None:
                self._first_token_s = time.monotonic() - self._started
            self._pieces.append(piece)
            for call in getattr(choice.delta, "tool_calls", None) or []:
                self._take_tool_call(call)
            if choice.finish_reason is not None:
                self._facts["finish_reason"] = choice.finish_reason

    def _take_tool_call(self, call: Any) -> None:
        known = self._calls.setdefault(call.index, {"name": "", "arguments": ""})
        known["name"] += getattr(call.function, "name", None) or ""
        known["arguments"] += getattr(call.function, "arguments", None) or ""

    def ended(self, reason: str | None = None) -> None:
        """Record a stream that has come to its end, or was left."""
        if not self._recorded:
            self._recorded = True
            facts = dict(self._facts)
            finish_reason = facts.pop("finish_reason", None) or reason
            if self._first_token_s is not None:
                facts["time_to_first_token_ms"] = self._first_token_s * 1000
            self._record("".join(self._pieces), finish_reason, **facts, tool_calls=list(self._calls.values()))

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Record a request that gets an error in place of an answer, or that nobody waits for any more."""
        try:
            yield
        except BaseException as error:
            self.ended("cancelled" if isinstance(error, _LEFT) else "error")
            raise

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Record how a stream ends: by itself, by an error, or because nobody wants the rest."""
        with self.asked():
            yield
        self.ended()

    def _record(self, output: str, finish_reason: str | None, **facts: Any) -> None:
        request = self._request
        metadata = request.get("metadata") or {}
        known = {name: value for name, value in facts.items() if value is not None}
        self._capture.generation(
            request.get("messages") or [],
            output,
            model=str(request.get("model")),
            user=request.get("user"),
            conversation_id=metadata.get("conversation_id") if isinstance(metadata, Mapping) else None,
            finish_reason=FINISH_REASONS.get(finish_reason or "stop", "stop"),
            latency_ms=(time.monotonic() - self._started) * 1000,
            **known,
        )


FINISH_REASONS = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "cancelled": "cancelled",
    "error": "error",
}


def _tool_call(call: Any) -> dict[str, str]:
    function = getattr(call, "function", None)
    return {"name": getattr(function, "name", "") or "", "arguments": getattr(function, "arguments", "") or ""}


class _Stream:
    """A stream that is watched; everything else of it is the original's."""

    def __init__(self, stream: Any, call: _Call) -> None:
        self._stream = stream
        self._call = call

    def __iter__(self) -> Iterator[Any]:
        with self._call.followed():
            for chunk in self._stream:
                self._call.take(chunk)
                yield chunk

    def __enter__(self) -> "_Stream":
        self._stream.__enter__()
        return self

    def __exit__(self, *details: Any) -> Any:
        self._call.ended("cancelled")
        return self._stream.__exit__(*details)

    def close(self) -> None:
        """Leave the stream."""
        self._call.ended("cancelled")
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _AsyncStream:
    """The same for an asynchronous client."""

    def __init__(self, stream: Any, call: _Call) -> None:
        self._stream = stream
        self._call = call

    async def __aiter__(self) -> AsyncIterator[Any]:
        with self._call.followed():
            async for chunk in self._stream:
                self._call.take(chunk)
                yield chunk

    async def __aenter__(self) -> "_AsyncStream":
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *details: Any) -> Any:
        self._call.ended("cancelled")
        return await self._stream.__aexit__(*details)

    async def close(self) -> None:
        """Leave the stream."""
        self._call.ended("cancelled")
        await self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
