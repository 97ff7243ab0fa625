"""The check that a freshly loaded model passes before anyone is answered by it.

In: a model. Out: nothing, or `EngineFault`. It is warm afterwards. The check asks golden prompts one by one and then
together: logits must be finite, and where the batch promises it the answers must be the same.
"""

from concurrent.futures import Future
from typing import Final

from feedwheel_capture.events import Sampling

from serving.engine.adapters import Adapter
from serving.engine.batch import Batch
from serving.engine.chat import ChatFormat, ChatMessage
from serving.engine.errors import EngineFault
from serving.engine.job import Answer, Delivery, Job
from serving.engine.thread import InferenceThread

_PROMPTS: Final = (
    "Name the capital of France.",
    "My card has not arrived yet, and it has been two weeks. What can I do?",
    "Count from one to five.",
)
_TOKENS: Final = 8
_TIMEOUT_S: Final = 60.0
"""Three short answers take half a second alone, and share the cores with live traffic here."""


def check(thread: InferenceThread, batch: Batch, chat: ChatFormat, adapter: Adapter | None = None) -> None:
    """Warm and check a model, or an adapter of one, whose batch `thread` runs. Raises EngineFault."""
    try:
        alone = [_ask(thread, batch, chat, adapter, prompt).result(_TIMEOUT_S) for prompt in _PROMPTS]
        together = [
            answer.result(_TIMEOUT_S) for answer in [_ask(thread, batch, chat, adapter, prompt) for prompt in _PROMPTS]
        ]
    except TimeoutError:
        raise EngineFault(f"the model did not answer a golden prompt within {_TIMEOUT_S:.0f} s") from None
    if batch.decoder.is_exact and alone != together:
        raise EngineFault("the model answers golden prompts otherwise in a batch than alone: its kernels are not fit")


def _ask(thread: InferenceThread, batch: Batch, chat: ChatFormat, adapter: Adapter | None, prompt: str) -> Future[str]:
    answer: Future[str] = Future()

    def deliver(delivery: Delivery) -> None:
        match delivery:
            case Answer():
                answer.set_result(delivery.text)
            case Exception():
                answer.set_exception(delivery)

    tokens = chat.encode([ChatMessage("user", prompt)])
    thread.submit(batch, Job(tokens, Sampling(), _TOKENS, deliver, adapter=adapter))
    return answer
