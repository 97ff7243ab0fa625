"""Task accuracy of artefacts of one finetuned model, side by side: exact answers to test messages of its topics.

The first artefact is what the others are compared with; intervals of differences are over messages (bootstrap).

    python tests/bench/bench_accuracy.py --models DIR [DIR ...] [--llama-server FILE --gguf FILE ...] [--messages 400]
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray

from pipelines.settings import Settings
from pipelines.simulate.messages import SHIPPED, LabelledMessage, choose_topics, read_messages
from pipelines.stack.paths import REPOSITORY
from tests.bench.serving.servers import feedwheel, llama_cpp
from tests.conftest import TEST_SECRETS
from tests.served import APP

AT_ONCE, MAX_TOKENS = 8, 16


def correct(url: str, model: str, system: str, messages: Sequence[LabelledMessage]) -> NDArray[np.bool_]:
    """Which messages get their topic and nothing else: bool [messages]."""

    def ask(message: LabelledMessage) -> bool:
        thread = [{"role": "system", "content": system}, {"role": "user", "content": message.text}]
        body = {"model": model, "messages": thread, "max_tokens": MAX_TOKENS, "temperature": 0}
        answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120).raise_for_status().json()
        said: str = answer["choices"][0]["message"]["content"]
        return said.strip() == message.topic

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return np.array(list(pool.map(ask, messages)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, nargs="+", required=True)
    parser.add_argument("--llama-server", type=Path)
    parser.add_argument("--gguf", type=Path, nargs="*", default=[])
    parser.add_argument("--messages", type=int, default=400)
    given = parser.parse_args()
    config = Settings(home=REPOSITORY, config_path=REPOSITORY / "feedwheel.toml", **TEST_SECRETS).config()
    app = config.app(APP)
    known = read_messages(SHIPPED)
    topics = set(choose_topics(known))
    messages = [each for each in known if each.split == "test" and each.topic in topics][: given.messages]
    servers: list[tuple[str, AbstractContextManager[str]]] = [
        *((model.name, feedwheel(model)) for model in given.models),
        *((gguf.name, llama_cpp(given.llama_server, gguf, AT_ONCE, 2)) for gguf in given.gguf),
    ]
    draws = np.random.default_rng(0).integers(0, len(messages), (10_000, len(messages)))
    first: NDArray[np.bool_] | None = None
    for (name, server), path in zip(servers, [*given.models, *given.gguf], strict=True):
        with server as url:
            found = correct(url, path.name, app.prompts[app.prompt_version], messages)
        first = found if first is None else first
        differences = (found.astype(float) - first)[draws].mean(axis=1)
        low, high = np.quantile(differences, (0.025, 0.975))
        print(
            f"{name:24} {found.mean():.3f} of {len(messages)}; to the first {found.mean() - first.mean():+.3f} "
            f"({low:+.3f} to {high:+.3f}); the same outcome in {(found == first).mean():.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
