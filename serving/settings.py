"""Deployment facts of one serving process, read once from the environment."""

from pathlib import Path

from pydantic import Field

from feedback.capture.settings import LOCAL_HOST, SharedSettings
from serving.engine.job import Answer
from serving.engine.session import ProviderWish


class ServingSettings(SharedSettings):
    """Shared settings and what only serving uses. The defaults suit a 135M model on a few cores."""

    serving_host: str = LOCAL_HOST
    serving_replica: str = "serving-1"
    """Name of this process among its replicas: source of its events, and author of its decisions."""

    serving_provider: ProviderWish = "auto"
    """`auto` is CUDA where it works."""
    require_gpu: bool = Field(False, validation_alias="require_gpu")
    """Refuse to start on CPU instead of being slow."""
    serving_threads: int = Field(0, ge=0)
    """Of one decoding step; 0 is one per physical core."""

    serving_rows: int = Field(32, ge=1)
    """Answers decoded together. Measured on two cores: beyond 32 a step takes longer in proportion."""
    serving_prefix_rows: int = Field(8, ge=0)
    """Prompts that are remembered beside those in work, for the next turn of a conversation."""
    serving_exact: bool = True
    """On CPU, every answer is the same to the last bit whoever shares its steps. int4 models pay a fifth of the speed
    of a lone request for that, and nothing where two or more are answered."""
    serving_context_tokens: int = Field(1024, ge=64)
    """Prompt and answer together. A row's cache is 46 KB per token in fp32, and is only touched as far as used."""
    serving_adapters: int = Field(16, ge=1)
    """Adapters that a base model has room for. On CPU an empty place costs no memory."""
    serving_adapter_rank: int = Field(16, ge=1)
    """The highest of an adapter; every step with adapters computes as many for each of them."""
    serving_max_waiting: int = Field(256, ge=4)
    """Requests that may wait for a row, however short the wait; more are answered 429. A model is checked with three
    golden prompts at once."""
    serving_answer_tokens: int = Field(256, ge=1)
    """Longest answer where the request names no bound."""
    serving_timeout_s: float = Field(60.0, gt=0)
    """From the arrival of a request to its answer."""
    serving_drain_s: float = Field(20.0, ge=0)
    """How long a stopping process goes on answering what it has accepted."""

    serving_objective_first_token_s: float = Field(2.0, gt=0)
    serving_objective_token_s: float = Field(0.2, gt=0)
    """What an answer must keep to count as good: until its first token, and between two. Both are in `/metrics`. Who
    would have to wait longer than the former is answered 429."""
    serving_cost_per_hour: float = Field(0.0, ge=0)
    """Of this process, in any currency: `/metrics` has the cost of a million output tokens."""

    serving_spool_bytes: int = Field(1024 * 1024 * 1024, ge=1024)
    """An hour without Kafka at 400 events/s of 700 bytes."""

    @property
    def serving_home(self) -> Path:
        """Spool and control mirror of this replica."""
        return self.home.absolute() / "serving" / self.serving_replica

    def meets_objective(self, answer: Answer) -> bool:
        """Whether an answer came as fast as people were promised; one that failed did not.

        One that was left before its first token took at least as long as was waited for it.
        """
        first, token = answer.time_to_first_token_ms, answer.time_per_token_ms
        if first is None and answer.finish_reason == "cancelled":
            first = answer.latency_ms
        return (
            answer.finish_reason != "error"
            and (first is None or first <= self.serving_objective_first_token_s * 1000)
            and (token is None or token <= self.serving_objective_token_s * 1000)
        )

    @property
    def provider_wish(self) -> ProviderWish:
        """What the engine is asked for."""
        return "cuda" if self.require_gpu else self.serving_provider
