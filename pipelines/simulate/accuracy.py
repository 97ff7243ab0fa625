"""True accuracy: the simulation alone knows it, from messages that are never traffic.

In: a model artefact and test messages. Out: the share of exact answers with a 95 % interval. The artefact is asked in a
serving process of its own that records nothing, so no test message ever becomes an event.
"""

import asyncio
import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from feedwheel_capture.events import ModelRef

from feedback.statistics import Interval, mean_interval
from pipelines.io.models import local_path
from pipelines.io.served import served
from pipelines.io.serving import ServingClient
from pipelines.simulate.behaviour import is_right
from pipelines.simulate.messages import LabelledMessage
from pipelines.simulate.traffic import MAX_ANSWER_TOKENS
from schemas.config import App
from schemas.errors import UsageError

_ALPHA: Final = 0.05
_CONCURRENT_REQUESTS: Final = 16
"""As many as the decoding batch takes at once."""


@dataclass(frozen=True, slots=True)
class Examination:
    """The test messages of one deployment, the same for every model: a seeded sample of those that are there."""

    app_name: str
    app: App
    messages: Sequence[LabelledMessage]

    @property
    def digest(self) -> str:
        """What an answer depends on beside the model: prompt and messages."""
        asked = [self.app.prompt, *(f"{message.text}\x1f{message.topic}" for message in self.messages)]
        return hashlib.sha256("\x1e".join(asked).encode()).hexdigest()[:16]


def draw_examination(
    app_name: str, app: App, messages: Sequence[LabelledMessage], topics: Sequence[str], size: int, seed: int
) -> Examination:
    """Up to `size` test messages of the topics. Raises UsageError if there are none."""
    known = set(topics)
    tests = [message for message in messages if message.split == "test" and message.topic in known]
    if not tests:
        raise UsageError("the data set has no test messages of these topics: without them nobody knows what is right")
    random.Random(seed).shuffle(tests)  # noqa: S311 - a seeded sample, not a secret
    return Examination(app_name, app, tests[:size])


def true_accuracy(examination: Examination, model: ModelRef, cache: Path) -> Interval:
    """Share of exact answers of a model; measured once per model and examination, then read from `cache`."""
    key = f"{model.digest[:32]}-{examination.digest}"
    stored = cache / f"{key}.json"
    if stored.exists():
        return msgspec.json.decode(stored.read_bytes(), type=Interval)
    with served(local_path(model)) as base_url:
        right = asyncio.run(_ask_all(examination, base_url))
    interval = mean_interval(np.array(right, dtype=np.float64), _ALPHA)
    cache.mkdir(parents=True, exist_ok=True)
    stored.write_bytes(msgspec.json.encode(interval))
    return interval


async def _ask_all(examination: Examination, base_url: str) -> list[bool]:
    places = asyncio.Semaphore(_CONCURRENT_REQUESTS)

    async def ask(client: ServingClient, message: LabelledMessage) -> bool:
        thread = [
            {"role": "system", "content": examination.app.prompt},
            {"role": "user", "content": message.text},
        ]
        async with places:
            answer = await client.chat(examination.app_name, thread, max_tokens=MAX_ANSWER_TOKENS)
        return is_right(answer.text, message.topic)

    async with ServingClient(base_url) as client:
        return await asyncio.gather(*(ask(client, message) for message in examination.messages))
