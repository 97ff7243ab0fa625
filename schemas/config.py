"""The product configuration, `feedwheel.toml`: every decision that a product owner reviews, in one file.

In: the text of the file. Out: a frozen `Config` and its hash, or a `ConfigError` that names the line. Deployment facts
(addresses, secrets, ports) are settings and never stand here.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from croniter import CroniterError, croniter
from feedwheel_capture.catalogue import TopicName
from feedwheel_capture.vocabulary import AppType, Consent, Fallback
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from schemas.errors import ConfigError, UsageError
from schemas.languages import Language
from schemas.signals import SignalKind

Share = Annotated[float, Field(ge=0.0, le=1.0)]
ProperShare = Annotated[float, Field(gt=0.0, lt=1.0)]
"""Where none or all would leave nothing to compare, or no error to allow."""
Positive = Annotated[int, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What every generator of random numbers in use takes."""
AppName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""It becomes part of DAG ids, of paths and of names in the registry."""
KafkaTopic = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
"""What Kafka accepts."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
    return text


class Rubric(_Section):
    """What a good answer is, for people who review. `criteria`: by name, a question that yes answers well."""

    guideline: str
    criteria: Annotated[dict[str, str], Field(min_length=1)]

    @property
    def version(self) -> str:
        """Names what it says, 12 hexadecimal digits: verdicts by another rubric are others."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


class Guardrails(_Section):
    """What may not be asked or answered, and what happens then.

    `flag` only counts, `mask` takes the words out, `block` answers something else. `answer_pattern`: a regular
    expression that an answer must match as a whole. `banned_words`: that no answer may have, whatever their case.
    `retries`: further attempts at an answer that is not allowed; with `parallel_retries` they are all made at once, and
    the first that is allowed counts. `fallback`: what answers when none is, or when the model fails; the first that has
    an answer.
    """

    max_input_chars: Positive | None = None
    input_personal_data: Literal["allow", "flag", "mask", "block"] = "allow"
    input_attacks: Literal["allow", "flag", "block"] = "allow"
    output_personal_data: Literal["allow", "flag", "mask", "block"] = "allow"
    output_toxicity: Literal["allow", "flag", "block"] = "allow"
    max_toxicity: ProperShare = 0.75
    banned_words: tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...] = ()
    answer_pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    retries: Annotated[int, Field(ge=0, le=5)] = 0
    parallel_retries: bool = False
    fallback: tuple[Fallback, ...] = ("refusal",)
    refusal: str = "I cannot help with that."
    handover: str = "A person will answer this."


class Canary(_Section):
    """When live traffic promotes or rolls back. Times in seconds.

    `alpha` is shared: half of it is the chance that a challenger no better is ever called better, half that one no
    worse is ever rolled back by any test. `shadow_share` of the requests are given to a challenger before any person is
    drawn to it, and nobody sees its answers; that has as much of `alpha` again.
    """

    share: ProperShare
    alpha: ProperShare
    margin: Share
    min_users_per_arm: Positive
    maturity_s: Annotated[float, Field(ge=0.0)]
    max_duration_s: Annotated[float, Field(gt=0.0)]
    max_latency_ratio: Annotated[float, Field(gt=1.0)]
    shadow_share: Share = 0.0


class App(_Section):
    """One application that people use. `base_model` is what every training starts from.

    `canary`: rules of its own, in place of those of the file.

    `data_licence`: under which people's words may be used; it goes into every data set and its card.
    """

    type: AppType
    base_model: Literal["smollm2-135m-instruct"]
    consent: Consent = "signal_only"
    prompt_version: str
    prompts: dict[str, str]
    simulated: bool = False
    data_licence: str = "by people's consent, within this deployment"
    rubric: Rubric | None = None
    guardrails: Guardrails = Guardrails()
    canary: Canary | None = None

    @model_validator(mode="after")
    def _prompt_exists(self) -> "App":
        if self.prompt_version not in self.prompts:
            raise ValueError(f"prompt_version {self.prompt_version!r} is not among prompts {sorted(self.prompts)}")
        return self

    @property
    def prompt(self) -> str:
        """The system prompt in use."""
        return self.prompts[self.prompt_version]


class Topic(_Section):
    """A Kafka topic that is ingested. `trusted`: only the operator's own capture can write to it (I4)."""

    maps_to: TopicName
    trusted: bool


class Signal(_Section):
    """Replaces the weights that `feedback.taxonomy` states for one kind of signal where a deployment knows better."""

    strength: Share
    # A confidence of one half says nothing, and one below says the opposite of the signal's direction.
    confidence: Annotated[float, Field(ge=0.5, lt=1.0)]


class Extraction(_Section):
    """When silence becomes a signal, and by what dissatisfaction is read in words.

    `weights`: folder of weights that `feedwheel satisfaction train` wrote; the shipped ones if not given.
    """

    abandoned_after_s: Positive
    weights: str | None = None


class Validation(_Section):
    """Bounds of the gate on feedback data; the shares are of a batch of newly extracted turns.

    What has a default came later: manifests of earlier data sets hold the file as it was, and replay reads them.
    """

    min_turns: Positive
    max_rejected_share: Share
    max_duplicate_share: Share
    max_error_share: Share
    min_feedback_per_turn: Share
    max_newest_turn_age_s: Positive = 604_800
    baseline_batches: Positive = 20
    """Newest admitted batches that a batch is compared with, and below how many it is not."""
    min_baseline_batches: Positive = 3
    max_volume_ratio: Annotated[float, Field(gt=1.0)] = 20.0
    max_person_share: Share = 0.5
    max_undeclared_share: Share = 0.05
    max_drift: Annotated[float, Field(gt=0.0)] = 0.25
    """Population stability index."""
    drift_alpha: ProperShare = 0.001
    """How often chance alone may refuse a batch that is like its baseline, by all drifts together."""


Benchmark = Literal["arena_hard", "mt_bench"]
"""Those whose questions come with this package."""


class Curation(_Section):
    """What may become an example, and how many of one person's.

    `min_label_confidence` is of training labels: how sure their evidence makes them at least. `languages`: of what
    people wrote, as far as it can be told; all if empty. `max_examples`: training examples of a use; all if not given.
    `max_toxicity`: P(toxic) of what a model would be taught to answer. `max_generated_share`: of wanted answers, how
    many models may have written: who learns from what models wrote forgets what is rare (Shumailov et al., 2024).
    `benchmarks`: public ones, whose questions nothing trains on. `paraphrase_cosine`: of vectors of two English texts
    that say the same in other words; such pairs are not looked for if it is not given.
    """

    max_examples_per_user: Positive
    near_duplicate_jaccard: ProperShare
    min_label_confidence: Share
    max_chars: Positive
    max_toxicity: Share = 1.0
    max_generated_share: Share = 1.0
    languages: tuple[Language, ...] = ()
    max_examples: Positive | None = None
    benchmarks: tuple[Benchmark, ...] = ()
    paraphrase_cosine: ProperShare | None = None


class Split(_Section):
    """Share of the people whose conversations evaluate and never train. `key_alias` names the key, not its value."""

    eval_share: ProperShare
    key_alias: str


class Trigger(_Section):
    """When a data set is worth a training run."""

    min_new_examples: Positive


def _cron(text: str) -> str:
    try:
        croniter(text)
    except CroniterError as error:
        raise ValueError(f"no cron expression: {error}") from None
    return text


Cron = Annotated[str, Field(pattern=r"^\S+( \S+){4}$"), AfterValidator(_cron)]
"""Five fields, read by what Airflow reads it with."""


class Schedule(_Section):
    """When the DAGs run by the clock (cron, UTC).

    All but `ingest` and `maintain` also run whenever what they read has changed.
    """

    ingest: Cron
    signals: Cron
    dataset: Cron
    retrain: Cron
    maintain: Cron


class Training(_Section):
    """LoRA by TRL, always from the base model."""

    epochs: Annotated[float, Field(gt=0.0)]
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0.0, lt=1.0)]
    lora_rank: Positive
    lora_alpha: Positive
    seed: Seed
    max_length: Annotated[int, Field(ge=64)]
    """Tokens of prompt and answer together; a short prompt alone takes some thirty."""


class Gate(_Section):
    """When the evidence of the gate items allows a release (I6). `margin` is a difference of accuracies.

    `item_share` of the evaluation-split people's conversations are gate items: everyone is asked to confirm or correct.
    """

    item_share: Annotated[float, Field(gt=0.0, le=1.0)]
    alpha: ProperShare
    margin: Share
    min_items: Positive
    min_users: Positive
    min_response_rate: Share


_GONE: Final[Mapping[str, frozenset[str]]] = {"canary": frozenset({"max_error_rate"})}
"""Decisions that there were once; none of them bears on what is rebuilt from a manifest."""


class Config(_Section):
    """The whole file."""

    apps: Annotated[dict[AppName, App], Field(min_length=1)]
    topics: Annotated[dict[KafkaTopic, Topic], Field(min_length=1)]
    signals: dict[SignalKind, Signal] = {}
    extraction: Extraction
    validation: Validation
    curation: Curation
    split: Split
    trigger: Trigger
    schedule: Schedule
    training: Training
    gate: Gate
    canary: Canary

    def app(self, name: str) -> App:
        """The application of that name. Raises UsageError."""
        if name not in self.apps:
            raise UsageError(f"no application {name!r}; feedwheel.toml has {', '.join(sorted(self.apps))}")
        return self.apps[name]

    def canary_of(self, name: str) -> Canary:
        """The rules by which an application's challengers are tried. Raises UsageError."""
        return self.app(name).canary or self.canary

    @classmethod
    def recorded(cls, document: Mapping[str, Any]) -> Self:
        """As a manifest holds it, of whatever version wrote it."""
        sections = {
            name: {key: value for key, value in section.items() if key not in _GONE.get(name, ())}
            if isinstance(section, Mapping)
            else section
            for name, section in document.items()
        }
        return cls.model_validate(sections)

    @property
    def digest(self) -> str:
        """SHA-256 of the meaning of the file: comments and layout do not count."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def parse(text: str, path: str) -> Config:
    """Parse and check the text of `feedwheel.toml`. Raises ConfigError with path, line, problem and key."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        problems = [_describe(text, path, problem["loc"], problem["msg"]) for problem in error.errors()]
        raise ConfigError("\n".join(problems)) from None


def _describe(text: str, path: str, location: tuple[int | str, ...], problem: str) -> str:
    keys = [str(key) for key in location]
    line = _line_of(text, keys)
    return f"{path}{f':{line}' if line else ''}: {'.'.join(keys)}: {problem}"


def _line_of(text: str, keys: list[str]) -> int | None:
    """Line (from 1) of the key, or of the nearest table around it if there is any; TOML parsers do not report it."""
    best, best_depth, table = None, 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+([^\]]+)\]+", line):
            table = [part.strip().strip("\"'") for part in re.findall(r'"[^"]*"|[^.]+', header[1])]
            here = table
        elif entry := re.match(r"\s*([\w\"'.-]+)\s*=", line):
            here = [*table, entry[1].strip("\"'")]
        else:
            continue
        if len(here) > best_depth and keys[: len(here)] == here:
            best, best_depth = number, len(here)
    return best
