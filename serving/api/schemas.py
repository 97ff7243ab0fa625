"""What requests look like, checked once, here. A parameter that is not listed is refused, not ignored."""

from typing import Annotated, Literal

from feedwheel_capture.events import EARLIEST, LATEST, Sampling
from feedwheel_capture.vocabulary import ComplaintCategory, FeedbackKind, GradedChoice, SessionMeasure
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from serving.engine.chat import ChatMessage

Id = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]
"""An identifier that an application mints: printable ASCII without blanks."""
RawUser = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Text = Annotated[str, StringConstraints(max_length=100_000)]
"""Well below what fits into one event."""
_MOST_TOKENS = 1_000_000
"""Beyond every context window; what is asked for is stored, and must fit its column."""
Never = Literal[False] | None
Zero = Annotated[float, Field(ge=0, le=0)] | None


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TextPart(_Request):
    """A part of a message; other modalities are not supported."""

    type: Literal["text"]
    text: Text


class RequestMessage(_Request):
    """One message. `developer` is OpenAI's newer name of `system`."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | list[TextPart]

    def as_chat(self) -> ChatMessage:
        """The message as the engine takes it."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return ChatMessage("system" if self.role == "developer" else self.role, text)


class Metadata(BaseModel):
    """What an application says about a request; keys of its own may stand here and mean nothing to us."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    conversation_id: Id | None = None
    prompt_version: Id | None = None


class StreamOptions(_Request):
    """`include_usage` adds a last chunk that counts tokens."""

    include_usage: bool = False


class TextFormat(_Request):
    """The only format there is."""

    type: Literal["text"]


class ChatRequest(_Request):
    """An OpenAI chat completion request. `model` names the application.

    `temperature` defaults to 0: an application that says nothing gets the same answer twice. `store`: true keeps the
    content, false keeps nothing of this exchange, absent is the application's consent default in feedwheel.toml.
    """

    model: Id
    messages: Annotated[list[RequestMessage], Field(min_length=1, max_length=500)]
    user: RawUser | None = None
    store: bool | None = None
    metadata: Metadata = Metadata()
    max_tokens: Annotated[int, Field(ge=1, le=_MOST_TOKENS)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=_MOST_TOKENS)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    stop: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(max_length=4)] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None

    # Accepted where they ask for what happens anyway.
    n: Literal[1] = 1
    frequency_penalty: Zero = None
    presence_penalty: Zero = None
    logprobs: Never = None
    response_format: TextFormat | None = None

    @model_validator(mode="before")
    @classmethod
    def _null_is_unset(cls, sent: object) -> object:
        """OpenAI's clients may send null for whatever is not set."""
        return {name: value for name, value in sent.items() if value is not None} if isinstance(sent, dict) else sent

    @model_validator(mode="after")
    def _usage_is_of_streams(self) -> "ChatRequest":
        if self.stream_options is not None and not self.stream:
            raise PydanticCustomError("stream_options", "stream_options needs stream to be true")
        return self

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(filter(None, given))

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with its token counts."""
        return self.stream_options is not None and self.stream_options.include_usage

    def sampling(self, longest: int) -> Sampling:
        """How to decode; `longest` answers are given where the request sets no bound."""
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_completion_tokens or self.max_tokens or longest,
            seed=self.seed,
        )


class CandidateValue(_Request):
    """One of several options shown side by side."""

    response_id: Id
    position: Annotated[int, Field(ge=0, le=1000)]
    propensity: Annotated[float, Field(gt=0, le=1)] | None = None


class FeedbackBody(_Request):
    """What was said, by kind: the fields of the event record."""

    rating: FiniteFloat | None = None
    scale: tuple[FiniteFloat, FiniteFloat] | None = None
    text: Text | None = None
    edited_output: Text | None = None
    category: ComplaintCategory | None = None
    candidates: Annotated[list[CandidateValue], Field(max_length=20)] | None = None
    chosen: Id | None = None
    grade: GradedChoice | None = None
    action: Id | None = None
    measure: SessionMeasure | None = None
    number: FiniteFloat | None = None


class FeedbackRequest(_Request):
    """Something a person said or did about an answer or a conversation. `value` null retracts.

    `feedback_id` is the application's idempotency key: the same one again is the same feedback. `store` as in a chat
    request.
    """

    app: Id
    user: RawUser | None = None
    kind: FeedbackKind
    value: FeedbackBody | None
    response_id: Id | None = None
    conversation_id: Id | None = None
    surface: Id | None = None
    dwell_ms: Annotated[FiniteFloat, Field(ge=0)] | None = None
    client_time: Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)] | None = None
    feedback_id: Id | None = None
    store: bool | None = None
