"""POST /v1/chat/completions: OpenAI's shape of a chat."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from feedwheel_capture.ids import uuid7
from tokenizers import Tokenizer

from serving.api.exchange import Accepted, accept, asked_in_chat
from serving.api.replying import Choice, reply
from serving.api.requests import ChatRequest
from serving.api.schemas import Id
from serving.engine.job import Answer, Piece
from serving.engine.sampling import TokenLogprob
from serving.engine.text import token_bytes, token_text
from serving.engine.tools import Call, HeldBack, read

router = APIRouter()


@router.post("/v1/chat/completions")
async def chat(
    body: ChatRequest,
    request: Request,
    x_feedwheel_conversation: Annotated[Id | None, Header()] = None,
) -> Response:
    """Answer one conversation."""
    service = request.app.state.service
    conversation_id = body.metadata.conversation_id or x_feedwheel_conversation or uuid7(service.clock())
    return await reply(
        request,
        body,
        lambda: accept(service, body, asked_in_chat(service, body), conversation_id),
        lambda accepted: ChatShape(accepted, has_tools=bool(body.callable_tools)),
    )


class ChatShape:
    """Messages of the assistant; where it may call tools, what may become a call is held back until it is one."""

    whole_object = "chat.completion"
    chunk_object = "chat.completion.chunk"

    def __init__(self, accepted: Sequence[Accepted], *, has_tools: bool) -> None:
        self._accepted = accepted
        self._has_tools = has_tools
        self._held = [HeldBack() for _ in accepted]

    def whole(self, place: int, answer: Answer) -> Choice:
        """A message with its tool calls."""
        content, calls = read(answer.text) if self._has_tools else (answer.text, ())
        message: dict[str, Any] = {"role": "assistant", "content": content if content or not calls else None}
        if calls:
            message["tool_calls"] = self._calls(place, calls)
        return {
            "index": place,
            "message": message,
            "logprobs": self._logprobs(place, answer.logprobs),
            "finish_reason": "tool_calls" if calls else answer.finish_reason,
        }

    def opening(self, place: int) -> Iterator[Choice]:
        """Who speaks."""
        yield self._chunk(place, {"role": "assistant", "content": ""})

    def going_on(self, place: int, piece: Piece) -> Iterator[Choice]:
        """The text that is sure to be no call."""
        free = self._held[place].add(piece) if self._has_tools else piece
        if free.text:
            yield self._chunk(place, {"content": free.text}, free.logprobs)

    def ending(self, place: int, answer: Answer) -> Iterator[Choice]:
        """The calls, or what looked like one, and why it ends."""
        rest = self._held[place].rest()
        text, calls = read(rest.text)
        if text:
            yield self._chunk(place, {"content": text}, rest.logprobs)
        if calls:
            numbered = [{"index": index, **call} for index, call in enumerate(self._calls(place, calls))]
            yield self._chunk(place, {"tool_calls": numbered}, () if text else rest.logprobs)
        yield {**self._chunk(place, {}), "finish_reason": "tool_calls" if calls else answer.finish_reason}

    def _chunk(self, place: int, delta: dict[str, Any], logprobs: Sequence[TokenLogprob] = ()) -> Choice:
        return {
            "index": place,
            "delta": delta,
            "logprobs": self._logprobs(place, logprobs),
            "finish_reason": None,
        }

    def _calls(self, place: int, calls: Sequence[Call]) -> list[dict[str, Any]]:
        """With ids that nobody else's calls have."""
        return [
            {
                "id": f"call-{self._accepted[place].response_id}-{number}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for number, call in enumerate(calls)
        ]

    def _logprobs(self, place: int, logprobs: Sequence[TokenLogprob]) -> dict[str, Any] | None:
        if not logprobs:
            return None
        tokenizer: Tokenizer = self._accepted[place].assignment.model.chat.tokenizer
        content = [
            {**_told(tokenizer, one.token, one.logprob), "top_logprobs": [_told(tokenizer, *each) for each in one.top]}
            for one in logprobs
        ]
        return {"content": content, "refusal": None}


def _told(tokenizer: Tokenizer, token: int, logprob: float) -> dict[str, Any]:
    """A token and its log-probability."""
    return {"token": token_text(tokenizer, token), "logprob": logprob, "bytes": list(token_bytes(tokenizer, token))}
