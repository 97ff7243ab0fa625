"""What is settled about a request before the model is asked, so that nothing of it depends on the answer.

In: a validated request. Out: the arm that answers, the messages with the prompt in use, and, in a deployment, who asks,
what they consent to, and what will be offered beside the answer.
"""

from dataclasses import dataclass

from feedwheel_capture.events import Sampling
from feedwheel_capture.ids import uuid7
from feedwheel_capture.vocabulary import Consent

from schemas.config import App
from serving.api.openai_errors import ApiError
from serving.api.schemas import ChatRequest
from serving.engine.chat import ChatMessage
from serving.event_log import Exchange, offer
from serving.rollout.arms import Assignment, Lineup
from serving.service import Deployment, Service


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that can be answered. `exchange` is None offline, where nothing is remembered."""

    response_id: str
    conversation_id: str
    assignment: Assignment
    messages: list[ChatMessage]
    sampling: Sampling
    exchange: Exchange | None


def accept(service: Service, request: ChatRequest, header_conversation: str | None) -> Accepted:
    """Settle a request. Raises ApiError."""
    deployment = service.deployment
    conversation_id = request.metadata.conversation_id or header_conversation or uuid7(service.clock())
    sampling = request.sampling(service.settings.serving_answer_tokens)
    if deployment is None:
        assignment = _lineup(service, request.model).assign(None, conversation_id)
        messages = [message.as_chat() for message in request.messages]
        return Accepted(uuid7(service.clock()), conversation_id, assignment, messages, sampling, None)
    exchange, assignment = _exchange(service, deployment, request, conversation_id, sampling)
    messages = list(exchange.messages)
    return Accepted(exchange.response_id, conversation_id, assignment, messages, sampling, exchange)


def _exchange(
    service: Service, deployment: Deployment, request: ChatRequest, conversation_id: str, sampling: Sampling
) -> tuple[Exchange, Assignment]:
    app = app_config(deployment, request.model)
    person = deployment.events.identity.person(request.model, request.user, conversation_id)
    assignment = _lineup(service, request.model).assign(person, conversation_id)
    messages, prompt_version = _with_prompt(request, app)
    exchange = Exchange(
        app=request.model,
        app_config=app,
        person=person,
        consent=consent(request.store, app),
        conversation_id=conversation_id,
        response_id=uuid7(service.clock()),
        request_id=uuid7(service.clock()),
        model=assignment.model.ref,
        arm=assignment.arm,
        release_id=assignment.release_id,
        prompt_version=prompt_version,
        messages=messages,
        sampling=sampling,
        offer=offer(deployment.config, person.split_bucket, conversation_id),
    )
    return exchange, assignment


def app_config(deployment: Deployment, name: str) -> App:
    """The application of that name. Raises ApiError."""
    app = deployment.config.apps.get(name)
    if app is None:
        known = ", ".join(sorted(deployment.config.apps))
        raise ApiError(
            404, "not_found_error", f"no such application; there are: {known}", param="model", code="model_not_found"
        )
    return app


def consent(store: bool | None, app: App) -> Consent:
    """What may be kept: `store` true is everything, false nothing, absent the application's default."""
    if store is None:
        return app.consent
    return "content" if store else "none"


def _lineup(service: Service, app: str) -> Lineup:
    lineup = service.lineup(app)
    if lineup is None:
        raise ApiError(
            503, "unavailable_error", "this application's model is not loaded yet", code="no_model", retry_after_s=5
        )
    return lineup


def _with_prompt(request: ChatRequest, app: App) -> tuple[list[ChatMessage], str | None]:
    """The messages the model sees and the version of their prompt; without a system message the app's is put first."""
    messages, version = [message.as_chat() for message in request.messages], request.metadata.prompt_version
    if any(message.role == "system" for message in messages):
        return messages, version
    version = version or app.prompt_version
    if version not in app.prompts:
        known = ", ".join(sorted(app.prompts))
        raise ApiError(
            400, "invalid_request_error", f"no such prompt; there are: {known}", param="metadata.prompt_version"
        )
    return [ChatMessage("system", app.prompts[version]), *messages], version
