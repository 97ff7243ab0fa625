"""Engines over the tiny model."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from feedwheel_capture.events import Sampling

from serving.engine.artifact import read_artifact
from serving.engine.batch import Batch
from serving.engine.chat import ChatFormat, ChatMessage
from serving.engine.job import Answer, Delivery, Job, Piece
from serving.engine.sampling import TokenLogprob
from serving.engine.session import Decoder
from serving.engine.thread import InferenceThread
from tests.tiny_model import tiny_model_dir


def nested(levels: int) -> dict[str, Any]:
    """A JSON Schema of objects within objects."""
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@dataclass
class Asked:
    """A job that was submitted, and what came of it."""

    job: Job
    pieces: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    end: Answer | Exception | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def answer(self) -> Answer:
        assert self.ended.wait(30)
        if isinstance(self.end, Exception):
            raise self.end
        assert self.end is not None
        return self.end

    def deliver(self, delivery: Delivery) -> None:
        if isinstance(delivery, Piece):
            self.pieces.append(delivery.text)
            self.logprobs += delivery.logprobs
            return
        assert self.end is None  # one end, and nothing after it
        self.end = delivery
        self.ended.set()


@dataclass
class Engine:
    thread: InferenceThread
    batch: Batch
    chat: ChatFormat

    def ask(self, text: str, max_tokens: int = 12, sampling: Sampling | None = None, **given: Any) -> Asked:
        prompt = self.chat.encode([ChatMessage("system", "Be brief."), ChatMessage("user", text)])
        job = Job(prompt, sampling or Sampling(), max_tokens, lambda delivery: asked.deliver(delivery), **given)
        asked = Asked(job)
        self.thread.submit(self.batch, job)
        return asked


@pytest.fixture
def engine() -> Iterator[Callable[..., Engine]]:
    """Make engines: `engine()`, or `engine(rows=2, max_waiting=1)`."""
    running = []

    def make(
        rows: int = 8,
        max_waiting: int = 64,
        started: bool = True,
        spare_rows: int = 2,
        model_dir: Path | None = None,
        threads: int = 1,
        adapters: int = 4,
    ) -> Engine:
        artifact = read_artifact(model_dir or tiny_model_dir())
        decoder = Decoder(
            artifact,
            wish="cpu",
            threads=threads,
            rows=rows,
            spare_rows=spare_rows,
            adapters=adapters,
            adapter_rank=32,
            context_tokens=256,
        )
        chat = ChatFormat(artifact)
        engine = Engine(InferenceThread(max_waiting), Batch(decoder, chat.tokenizer, rows), chat)
        engine.thread.add(engine.batch)
        if started:
            engine.thread.start()
            running.append(engine.thread)
        return engine

    yield make
    for thread in running:
        thread.close(timeout_s=0.1)
