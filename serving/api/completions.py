"""POST /v1/completions: OpenAI's older shape, in which a model goes on with a text."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from feedwheel_capture.ids import uuid7
from tokenizers import Tokenizer

from serving.api.exchange import Accepted, accept, asked_to_go_on
from serving.api.replying import Choice, reply
from serving.api.requests import CompletionRequest
from serving.api.schemas import Id
from serving.engine.job import Answer, Piece
from serving.engine.sampling import TokenLogprob
from serving.engine.text import token_text

router = APIRouter()


@router.post("/v1/completions")
async def complete(
    body: CompletionRequest,
    request: Request,
    x_feedwheel_conversation: Annotated[Id | None, Header()] = None,
) -> Response:
    """Go on with one text, or with each of several. Without an id given, each is a conversation of its own."""
    service = request.app.state.service
    given = body.metadata.conversation_id or x_feedwheel_conversation

    def settle() -> list[Accepted]:
        return [
            accepted
            for prompt in body.prompts
            for accepted in accept(
                service, body, asked_to_go_on(service, body.model, prompt), given or uuid7(service.clock())
            )
        ]

    return await reply(request, body, settle, CompletionShape)


class CompletionShape:
    """Texts, each after its prompt."""

    whole_object = chunk_object = "text_completion"

    def __init__(self, accepted: Sequence[Accepted]) -> None:
        self._accepted = accepted

    def whole(self, place: int, answer: Answer) -> Choice:
        """A text."""
        return self._choice(place, answer.text, answer.logprobs, answer.finish_reason)

    def opening(self, place: int) -> Iterator[Choice]:
        """Nothing comes before the text."""
        return iter(())

    def going_on(self, place: int, piece: Piece) -> Iterator[Choice]:
        """A piece of a text."""
        yield self._choice(place, piece.text, piece.logprobs)

    def ending(self, place: int, answer: Answer) -> Iterator[Choice]:
        """Why it ends."""
        yield self._choice(place, "", (), answer.finish_reason)

    def _choice(self, place: int, text: str, told: Sequence[TokenLogprob], reason: str | None = None) -> Choice:
        return {
            "index": place,
            "text": text,
            "logprobs": self._logprobs(place, told) if told else None,
            "finish_reason": reason,
        }

    def _logprobs(self, place: int, told: Sequence[TokenLogprob]) -> dict[str, Any]:
        tokenizer: Tokenizer = self._accepted[place].assignment.model.chat.tokenizer
        return {
            "tokens": [token_text(tokenizer, one.token) for one in told],
            "token_logprobs": [one.logprob for one in told],
            "top_logprobs": [{token_text(tokenizer, token): value for token, value in one.top} for one in told],
            "text_offset": [one.begins for one in told],
        }
