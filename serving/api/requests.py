"""What requests for answers look like: OpenAI's chat and plain completions, and what other servers add to them."""

from typing import Annotated, Any, Final, Literal, Self

from feedwheel_capture.events import Sampling
from feedwheel_capture.vocabulary import ResponseFormat, Role
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from schemas.errors import UsageError
from serving.api.schemas import Id, RawUser, RequestPart, Text
from serving.engine.chat import ChatMessage
from serving.engine.grammar import Format
from serving.engine.json_text import decoded, encoded
from serving.engine.tools import CLOSING, Call, Tool, one_call

_MOST_TOKENS: Final = 1_000_000
"""Beyond every context window; what is asked for is stored, and must fit its column."""
_MOST_CHOICES: Final = 16
"""Answers to one request: half of the rows that decode together, as they are set by default."""
_MOST_TOOLS: Final = 128
_MOST_BIASES: Final = 1024
_COMPLETION_TOKENS: Final = 16
"""OpenAI's default of plain completions alone."""
_COLDEST: Final = 1e-5
"""Below, a division by the temperature may not be finite; the likeliest token is as good as certain before that."""
_LEAST_REPETITION_PENALTY: Final = 0.01
"""Logits are divided by it, in float32: smaller ones, which nobody means, may leave numbers that are none."""
Never = Literal[False] | None
TokenCount = Annotated[int, Field(ge=1, le=_MOST_TOKENS)]
TokenId = Annotated[int, Field(ge=0, le=_MOST_TOKENS)]
Temperature = Annotated[
    float,
    Field(ge=0, le=2, description=f"Below {_COLDEST} it counts as 0: the likeliest token, always."),
    AfterValidator(lambda given: 0.0 if given < _COLDEST else given),
]
RepetitionPenalty = Annotated[
    float,
    Field(
        ge=_LEAST_REPETITION_PENALTY, le=10, description="Above 1 it makes what was said unlikelier, below likelier."
    ),
]
Seed = Annotated[
    int,
    Field(ge=-(2**63), lt=2**63, description="Negative ones stand for themselves modulo 2^63, which is remembered."),
]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Bias = Annotated[float, Field(ge=-100, le=100)]
FunctionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Prompt = (
    Annotated[str, StringConstraints(min_length=1, max_length=100_000)]
    | Annotated[list[TokenId], Field(min_length=1, max_length=100_000)]
)


class NullablePart(RequestPart):
    """Of a request, or of an answer that is sent back with it: clients may send null for whatever is not set."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_unset(cls, sent: object) -> object:
        return {name: value for name, value in sent.items() if value is not None} if isinstance(sent, dict) else sent


def _can_be_written(schema: dict[str, Any]) -> dict[str, Any]:
    try:
        encoded(schema)
    except UsageError as error:
        raise PydanticCustomError("schema", "{reason}", {"reason": str(error)}) from None
    return schema


JsonSchemaObject = Annotated[dict[str, Any], AfterValidator(_can_be_written)]
"""JSON Schema that engine and templates can be given."""


class TextPart(RequestPart):
    """A part of a message; other modalities are not supported."""

    type: Literal["text"]
    text: Text


class CalledFunction(NullablePart):
    """Which function, and its arguments as JSON text."""

    name: FunctionName
    arguments: Text

    @field_validator("arguments")
    @classmethod
    def _is_object(cls, arguments: str) -> str:
        try:
            is_object = isinstance(decoded(arguments), dict)
        except UsageError:
            is_object = False
        if not is_object:
            raise PydanticCustomError("arguments", "must be a JSON object, not nested deeply")
        return arguments


class ToolCall(NullablePart):
    """A call that the model wanted made."""

    id: Id
    type: Literal["function"] = "function"
    function: CalledFunction


class RequestMessage(NullablePart):
    """One message. `developer` is OpenAI's newer name of `system`."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | list[TextPart] | None = None
    name: Id | None = None
    tool_calls: Annotated[list[ToolCall], Field(max_length=_MOST_TOOLS)] | None = None
    tool_call_id: Id | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "RequestMessage":
        if self.tool_calls and self.role != "assistant":
            raise PydanticCustomError("tool_calls", "only an assistant calls tools")
        if self.content is None and not self.tool_calls:
            raise PydanticCustomError("content", "content is missing")
        return self

    def as_chat(self) -> ChatMessage:
        """The message as the engine takes it."""
        calls = tuple(Call(call.function.name, call.function.arguments, call.id) for call in self.tool_calls or ())
        role: Role = "system" if self.role == "developer" else self.role
        return ChatMessage(role, self._text(), calls, self.tool_call_id)

    def _text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class Metadata(BaseModel):
    """What an application says about a request; keys of its own may stand here and mean nothing to us."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    conversation_id: Id | None = None
    prompt_version: Id | None = None


class StreamOptions(NullablePart):
    """`include_usage` adds a last chunk that counts tokens."""

    include_usage: bool = False
    include_obfuscation: Never = None


class Function(NullablePart):
    """A function that the model may call. `parameters` absent, or null: it has none."""

    name: FunctionName
    description: Text = ""
    parameters: JsonSchemaObject = Field({"type": "object", "additionalProperties": False})
    strict: bool = False


class FunctionTool(RequestPart):
    """The only kind of tool there is."""

    type: Literal["function"]
    function: Function


class NamedFunction(RequestPart):
    """The name of one of the tools."""

    name: FunctionName


class ChosenTool(RequestPart):
    """The tool that must be called."""

    type: Literal["function"]
    function: NamedFunction


class JsonSchema(RequestPart):
    """What an answer must look like; it is always kept to, `strict` or not."""

    name: Id
    description: Text | None = None
    schema_: JsonSchemaObject = Field({"type": "object"}, alias="schema")
    strict: bool | None = None


class TextFormat(RequestPart):
    """Whatever the model says."""

    type: Literal["text"]


class ObjectFormat(RequestPart):
    """Any JSON object; with a `value`, JSON of that schema, which is how Hugging Face's client writes `json_schema`."""

    type: Literal["json_object"]
    value: JsonSchemaObject | None = None


class SchemaFormat(RequestPart):
    """JSON of a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


class GenerationRequest(NullablePart):
    """What chat and plain completions have in common. `model` names the application.

    `temperature` defaults to 0: an application that says nothing gets the same answer twice. `store`: true keeps the
    content, false keeps nothing of this exchange, absent is the application's consent default in feedwheel.toml.
    `top_k`, `min_p`, `repetition_penalty` and `ignore_eos` are not OpenAI's; other servers have them by these names.
    """

    model: Id
    user: RawUser | None = None
    safety_identifier: RawUser | None = None
    store: bool | None = None
    metadata: Metadata = Metadata()
    max_tokens: TokenCount | None = None
    temperature: Temperature = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: TokenCount | None = None
    min_p: Annotated[float, Field(gt=0, le=1)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    repetition_penalty: RepetitionPenalty | None = None
    logit_bias: Annotated[dict[TokenId, Bias], Field(max_length=_MOST_BIASES)] | None = None
    seed: Seed | None = None
    stop: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(max_length=4)] | None = None
    ignore_eos: bool = False
    n: Annotated[int, Field(ge=1, le=_MOST_CHOICES)] = 1
    stream: bool = False
    stream_options: StreamOptions | None = None

    # Accepted, as they change nothing here: there is one tier, and every known beginning of a prompt is used again.
    service_tier: Literal["auto", "default"] | None = None
    prompt_cache_key: Text | None = None

    @model_validator(mode="after")
    def _usage_is_of_streams(self) -> Self:
        if self.stream_options is not None and not self.stream:
            raise PydanticCustomError("stream_options", "stream_options needs stream to be true")
        return self

    @property
    def person(self) -> str | None:
        """Who asks, by whichever name the client has for that."""
        return self.user or self.safety_identifier

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop strings."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(filter(None, given))

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with its token counts."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def longest(self) -> int | None:
        """Tokens that an answer may have, if the request says so."""
        return self.max_tokens

    @property
    def format(self) -> ResponseFormat | None:
        """What answers are to look like, if the request says so."""
        return None

    @property
    def alternatives(self) -> int | None:
        """How many likely tokens are told beside each one that was chosen; None tells no probabilities."""
        return None

    @property
    def must_look_like(self) -> tuple[Format, ...] | None:
        """The formats one of which every answer has, if it is held to any."""
        return None

    @property
    def callable_tools(self) -> list[Tool]:
        """What the model may call."""
        return []

    def sampling(self, longest: int, choice: int) -> Sampling:
        """How to decode the n-th choice; `longest` answers are given where the request sets no bound."""
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.longest or longest,
            seed=None if self.seed is None else (self.seed + choice) % 2**63,
            top_k=self.top_k,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            response_format=self.format,
        )


class ChatRequest(GenerationRequest):
    """An OpenAI chat completion request."""

    messages: Annotated[list[RequestMessage], Field(min_length=1, max_length=500)]
    max_completion_tokens: TokenCount | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: Annotated[TextFormat | ObjectFormat | SchemaFormat, Field(discriminator="type")] | None = None
    tools: list[FunctionTool] = Field([], max_length=_MOST_TOOLS)
    tool_choice: Literal["none", "auto", "required"] | ChosenTool = "auto"
    parallel_tool_calls: bool = True

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.top_logprobs is not None and not self.logprobs:
            raise PydanticCustomError("top_logprobs", "top_logprobs needs logprobs to be true")
        names = {tool.function.name for tool in self.tools}
        if len(names) < len(self.tools):
            raise PydanticCustomError("tools", "two tools have the same name")
        chosen = self.tool_choice.function.name if isinstance(self.tool_choice, ChosenTool) else None
        if (chosen is not None and chosen not in names) or (self.tool_choice == "required" and not names):
            raise PydanticCustomError("tool_choice", "tool_choice asks for a tool that is not among tools")
        return self

    @property
    def stops(self) -> tuple[str, ...]:
        """As asked for; and where calls may not be several, the end of the first ends the answer."""
        is_first_last = bool(self.callable_tools) and not self.parallel_tool_calls
        return (*super().stops, CLOSING) if is_first_last else super().stops

    @property
    def longest(self) -> int | None:
        """`max_completion_tokens` is OpenAI's newer name of `max_tokens`."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def format(self) -> ResponseFormat | None:
        """As asked for."""
        match self.response_format:
            case None:
                return None
            case ObjectFormat(value=dict()):
                return "json_schema"
        return self.response_format.type

    @property
    def alternatives(self) -> int | None:
        """As asked for."""
        return (self.top_logprobs or 0) if self.logprobs else None

    @property
    def callable_tools(self) -> list[Tool]:
        """What the model may call."""
        if self.tool_choice == "none":
            return []
        functions = [tool.function for tool in self.tools]
        return [Tool(function.name, function.description, function.parameters) for function in functions]

    @property
    def _must_call(self) -> bool:
        """Whether the answer is a call, whatever the model would say."""
        return self.tool_choice == "required" or isinstance(self.tool_choice, ChosenTool)

    @property
    def must_look_like(self) -> tuple[Format, ...] | None:
        """The formats one of which every answer has, if it is held to any."""
        if self._must_call:
            wanted = self.tool_choice.function.name if isinstance(self.tool_choice, ChosenTool) else None
            return one_call([tool for tool in self.callable_tools if wanted in (None, tool.name)])
        match self.response_format:
            case SchemaFormat(json_schema=given):
                return (Format(given.schema_),)
            case ObjectFormat(value=schema):
                return (Format({"type": "object"} if schema is None else schema),)
        return None


class CompletionRequest(GenerationRequest):
    """An OpenAI completion request: texts, or token ids, that the model goes on with."""

    prompt: Prompt | Annotated[list[Prompt], Field(min_length=1, max_length=_MOST_CHOICES)]
    max_tokens: TokenCount | None = _COMPLETION_TOKENS
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    echo: Never = None
    best_of: Annotated[int, Field(ge=1, le=1)] | None = None

    @property
    def alternatives(self) -> int | None:
        """As asked for."""
        return self.logprobs

    @property
    def prompts(self) -> list[str | list[int]]:
        """Each prompt."""
        if isinstance(self.prompt, str) or isinstance(self.prompt[0], int):
            return [self.prompt]
        return self.prompt
