"""What is settled about a request before the model is asked, so that nothing of it depends on the answer.

In: a validated request. Out: the arm that answers, the messages with the prompt in use, and, in a deployment, who asks,
what they consent to, and what will be offered beside the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from feedwheel_capture.events import Guarded, Sampling
from feedwheel_capture.identity import Person
from feedwheel_capture.ids import uuid7
from feedwheel_capture.vocabulary import Consent

from feedback.guardrails import blocking
from schemas.config import App
from schemas.errors import UsageError
from serving.api.openai_errors import ApiError
from serving.api.requests import ChatRequest, GenerationRequest
from serving.engine.chat import ChatMessage
from serving.engine.session import Tokens
from serving.engine.tools import Tool
from serving.event_log import Exchange, offer
from serving.guarding import screen
from serving.models import LoadedModel
from serving.rollout.arms import Assignment, Lineup
from serving.service import Deployment, Service


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be answered: messages of a conversation, or, in a plain completion, one text or its tokens.

    `guarded`: guardrails that acted on it.
    """

    messages: list[ChatMessage]
    prompt_version: str | None
    prompt: str | list[int] | None = None
    guarded: tuple[Guarded, ...] = ()

    def common(self, model: LoadedModel, tools: Sequence[Tool], tokens: Tokens) -> int:
        """How many of its tokens everybody's prompts may begin with; of a text that is gone on with, none."""
        return model.chat.common(self.messages, tools, tokens) if self.prompt is None else 0

    def encode(self, model: LoadedModel, tools: Sequence[Tool]) -> Tokens:
        """Token ids, int64 [n]. Raises UsageError."""
        if self.prompt is None:
            return model.chat.encode(self.messages, tools)
        if isinstance(self.prompt, str):
            return model.chat.encode_text(self.prompt)
        if max(self.prompt) >= model.batch.decoder.artifact.vocab_size:
            raise UsageError("the prompt has token ids that are not in the model's vocabulary")
        return np.array(self.prompt, np.int64)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that can be answered. `exchange` is None offline, where nothing is remembered.

    `tokens`: int64 [n], the first `common` of them not this person's alone. `owner`: who takes turns with whom where
    requests wait. `choice`: which answer to the same prompt it is, from 0.
    """

    response_id: str
    conversation_id: str
    assignment: Assignment
    asked: Asked
    tokens: Tokens
    common: int
    sampling: Sampling
    owner: str
    choice: int
    exchange: Exchange | None

    @property
    def app(self) -> str:
        """The application. Without a deployment the model: anything is taken for its name, and counts stay for ever."""
        return self.exchange.app if self.exchange else self.assignment.model.ref.name

    @property
    def private_to(self) -> str | None:
        """Who may find this prompt computed already; where there is no deployment there are no people to tell apart."""
        return self.owner if self.exchange else None

    @property
    def guarded(self) -> tuple[Guarded, ...]:
        """Guardrails that acted on what was asked."""
        return self.asked.guarded

    @property
    def is_blocked(self) -> bool:
        """Whether no model may see it."""
        return bool(blocking(self.guarded))


def accept(service: Service, request: GenerationRequest, asked: Asked, conversation_id: str) -> list[Accepted]:
    """Settle a request: what each of its answers will be known by. Raises ApiError, UsageError."""
    person = None
    if service.deployment is not None:
        app_config(service.deployment, request.model)
        person = service.deployment.events.identity.person(request.model, request.person, conversation_id)
    assignment = _lineup(service, request.model).assign(person, conversation_id)
    if max(request.logit_bias or (0,)) >= assignment.model.batch.decoder.artifact.vocab_size:
        raise UsageError("logit_bias has token ids that are not in the model's vocabulary")
    tokens = asked.encode(assignment.model, request.callable_tools)
    if not blocking(asked.guarded):  # what is blocked no model reads, so that it need not fit
        assignment.model.batch.check_length(tokens)
    common = asked.common(assignment.model, request.callable_tools, tokens)
    ids = [uuid7(service.clock()) for _ in range(request.n)]
    accepted = [
        Accepted(
            response_id=response_id,
            conversation_id=conversation_id,
            assignment=assignment,
            asked=asked,
            tokens=tokens,
            common=common,
            sampling=request.sampling(service.settings.serving_answer_tokens, choice),
            owner=(person and person.user_key) or conversation_id,
            choice=choice,
            exchange=None,
        )
        for choice, response_id in enumerate(ids)
    ]
    if service.deployment is None or person is None:
        return accepted
    deployment = service.deployment
    return [replace(one, exchange=_exchange(service, deployment, request, asked, person, one, ids)) for one in accepted]


def _exchange(
    service: Service,
    deployment: Deployment,
    request: GenerationRequest,
    asked: Asked,
    person: Person,
    accepted: Accepted,
    ids: list[str],
) -> Exchange:
    """What will be remembered of one answer; `ids` are those of all answers to the request."""
    app = app_config(deployment, request.model)
    return Exchange(
        app=request.model,
        app_config=app,
        person=person,
        consent=consent(request.store, app),
        conversation_id=accepted.conversation_id,
        response_id=accepted.response_id,
        request_id=uuid7(service.clock()),
        model=accepted.assignment.model.ref,
        arm=accepted.assignment.arm,
        release_id=accepted.assignment.release_id,
        prompt_version=asked.prompt_version,
        messages=asked.messages,
        sampling=accepted.sampling,
        offer=offer(deployment.config, person.split_bucket, accepted.conversation_id),
        has_tools=bool(request.callable_tools),
        beside=tuple(ids) if len(ids) > 1 else (),
    )


def app_config(deployment: Deployment, name: str, *, param: str = "model") -> App:
    """The application of that name, which the request has in its field `param`. Raises ApiError."""
    app = deployment.config.apps.get(name)
    if app is None:
        known = ", ".join(sorted(deployment.config.apps))
        raise ApiError(
            404, "not_found_error", f"no such application; there are: {known}", param=param, code="model_not_found"
        )
    return app


def consent(store: bool | None, app: App) -> Consent:
    """What may be kept: `store` true is everything, false nothing, absent the application's default."""
    if store is None:
        return app.consent
    return "content" if store else "none"


def _lineup(service: Service, app: str) -> Lineup:
    lineup = service.lineup(app)
    if lineup is None and service.deployment is None:
        known = ", ".join(sorted(service.adapters))
        raise ApiError(
            404, "not_found_error", f"no such adapter; there are: {known}", param="model", code="model_not_found"
        )
    if lineup is None:
        raise ApiError(
            503, "unavailable_error", "this application's model is not loaded yet", code="no_model", retry_after_s=5
        )
    return lineup


def asked_in_chat(service: Service, request: ChatRequest) -> Asked:
    """The messages the model sees; without a system message the application's is put first. Raises ApiError."""
    messages, version = [message.as_chat() for message in request.messages], request.metadata.prompt_version
    if service.deployment is None:
        return Asked(messages, version)
    app = app_config(service.deployment, request.model)
    screened = screen(messages, app.guardrails)
    if any(message.role == "system" for message in messages):
        return Asked(screened.messages, version, guarded=screened.guarded)
    version = version or app.prompt_version
    if version not in app.prompts:
        known = ", ".join(sorted(app.prompts))
        raise ApiError(
            400, "invalid_request_error", f"no such prompt; there are: {known}", param="metadata.prompt_version"
        )
    return Asked([ChatMessage("system", app.prompts[version]), *screened.messages], version, guarded=screened.guarded)


def asked_to_go_on(service: Service, app: str, prompt: str | list[int]) -> Asked:
    """A text to go on with; of token ids, what they say is remembered. Raises ApiError."""
    text = prompt if isinstance(prompt, str) else _lineup(service, app).champion.chat.tokenizer.decode(prompt)
    said = ChatMessage("user", text)
    if service.deployment is None:
        return Asked([said], None, prompt)
    screened = screen([said], app_config(service.deployment, app).guardrails)
    (passed,) = screened.messages
    return Asked([passed], None, prompt if passed == said else passed.content, screened.guarded)
