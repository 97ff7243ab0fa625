"""The serving process as its users see it: OpenAI chat completions and feedback over HTTP."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx
from feedwheel_capture.vocabulary import Arm, ExposurePolicy, FeedbackKind

from schemas.errors import InfrastructureError

Message = Mapping[str, str]
"""An OpenAI chat message: role and content."""

_ANSWER_TIMEOUT_S: Final = 60.0
"""A short answer takes well under a second; a queue of waiting people may take some."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as the application sees it. `policy` says whether everyone is asked to confirm or correct."""

    response_id: str
    conversation_id: str
    text: str
    arm: Arm
    release_id: str | None
    policy: ExposurePolicy


class ServingClient:
    """Asynchronous client of one serving process. Every method raises InfrastructureError if it does not answer."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._http = httpx.AsyncClient(base_url=base_url, timeout=_ANSWER_TIMEOUT_S)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def chat(
        self,
        app: str,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        user: str | None = None,
        metadata: Mapping[str, str] | None = None,
        seed: int | None = None,
        temperature: float = 0.0,
    ) -> Answer:
        """Ask for one answer."""
        body: dict[str, Any] = {"model": app, "messages": list(messages), "max_tokens": max_tokens}
        body |= {"temperature": temperature, "metadata": dict(metadata or {})}
        body |= {name: value for name, value in (("user", user), ("seed", seed)) if value is not None}
        reply = await self._request("POST", "/v1/chat/completions", body)
        ours = reply["feedwheel"]
        return Answer(
            response_id=reply["id"],
            conversation_id=ours["conversation_id"],
            text=reply["choices"][0]["message"]["content"] or "",
            arm=ours["arm"],
            release_id=ours["release_id"],
            policy=ours["exposure"]["policy"],
        )

    async def feedback(
        self,
        app: str,
        user: str,
        answer: Answer,
        kind: FeedbackKind,
        value: Mapping[str, Any],
        surface: str,
    ) -> None:
        """Say something about an answer."""
        body = {
            "app": app,
            "user": user,
            "kind": kind,
            "value": dict(value),
            "response_id": answer.response_id,
            "conversation_id": answer.conversation_id,
            "surface": surface,
        }
        await self._request("POST", "/v1/feedback", body)

    async def rollout(self, app: str) -> dict[str, Any]:
        """State of the rollout: champion, challenger, evidence by arm."""
        return await self._request("GET", f"/v1/rollout?app={app}")

    async def _request(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        try:
            response = await self._patiently(method, path, body)
        except httpx.HTTPError as error:
            raise InfrastructureError(
                f"serving at {self._base_url} does not answer ({type(error).__name__}): see `feedwheel status`"
            ) from error
        if response.is_error:
            raise InfrastructureError(f"{method} {path.partition('?')[0]}: {response.status_code} {_problem(response)}")
        reply: dict[str, Any] = response.json()
        return reply

    async def _patiently(self, method: str, path: str, body: object) -> httpx.Response:
        """Come again when an overloaded process says so, for as long as one answer may take."""
        until = time.monotonic() + _ANSWER_TIMEOUT_S
        while True:
            response = await self._http.request(method, path, json=body)
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS or time.monotonic() > until:
                return response
            await asyncio.sleep(float(response.headers["Retry-After"]))


def _problem(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
