"""Speculative decoding by prompt lookup: what it could gain at most, before anyone builds it.

Answers are decoded greedily; then each is replayed as if what came after the last place where its latest tokens stood
before had been proposed, and computed in the same step. Steps of one token and of several are timed here; finding,
sampling and taking back cost nothing.

    python tests/bench/bench_lookup.py --model DIR [--answers 64] [--tokens 64] [--proposed 1 3 7]
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.simulate.messages import SHIPPED, read_messages
from serving.engine.adapters import NO_ADAPTER
from serving.engine.artifact import read_artifact
from serving.engine.chat import ChatFormat, ChatMessage
from serving.engine.session import Decoder

ROWS, LATEST = 32, 2
TASKS = {
    "questions": "Be brief.",
    "rewriting": "Repeat the message of the user word by word, with its mistakes corrected. Say nothing else.",
}


def answers(decoder: Decoder, prompts: Sequence[NDArray[np.int64]], tokens: int) -> list[list[int]]:
    """Greedy answers to as many prompts as there are rows, each up to its end."""
    slots, lengths = np.full(ROWS, NO_ADAPTER), np.array([len(prompt) - 1 for prompt in prompts])
    for row, prompt in enumerate(prompts):
        decoder.prefill(row, prompt[:-1], 0, NO_ADAPTER)
    last, made = np.array([prompt[-1] for prompt in prompts]), list[NDArray[np.int64]]()
    for _ in range(tokens):
        lengths += 1
        last = decoder.decode(last, lengths, slots).argmax(axis=-1)
        made.append(last)
    ends = decoder.artifact.eos
    return [list(itertools.takewhile(lambda token: token not in ends, row)) for row in np.stack(made, axis=1).tolist()]


def proposal(known: list[int], most: int) -> list[int]:
    """What followed when the latest tokens stood there last."""
    for place in range(len(known) - LATEST - 1, -1, -1):
        if known[place : place + LATEST] == known[-LATEST:]:
            return known[place + LATEST : place + LATEST + most]
    return []


def speed(prompt: list[int], answer: list[int], most: int, ms: Sequence[float]) -> tuple[int, float]:
    """Steps that an answer takes, and the milliseconds of them, when whatever is proposed rightly counts.

    ms: of a step of one token, of two, and so on.
    """
    done, taken, spent = 0, 0, 0.0
    while done < len(answer):
        proposed = proposal(prompt + answer[:done], most)
        pairs = zip(proposed, [*answer[done:], None], strict=False)
        right = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        done, taken, spent = done + right + 1, taken + 1, spent + ms[len(proposed)]
    return taken, spent


def step_ms(decoder: Decoder, tokens: int) -> float:
    """Milliseconds that one row takes for so many tokens at once."""
    took, ids = list[float](), np.arange(100, 100 + tokens)
    for _ in range(50):
        started = time.perf_counter()
        decoder.prefill(0, ids, 192, NO_ADAPTER)
        took.append(time.perf_counter() - started)
    return statistics.median(took) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--answers", type=int, default=64, help="of each task, a multiple of 32")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--proposed", type=int, nargs="+", default=[1, 3, 7])
    given = parser.parse_args()
    artifact = read_artifact(given.model)
    chat, decoder = ChatFormat(artifact), Decoder(artifact, wish="cpu", threads=2, rows=ROWS, context_tokens=512)
    texts = [message.text for message in read_messages(SHIPPED)][: given.answers]
    ms = [step_ms(decoder, 1 + proposed) for proposed in range(1 + max(given.proposed))]
    print("ms of a step of 1, 2 ... tokens: " + ", ".join(f"{each:.1f}" for each in ms))
    for task, system in TASKS.items():
        prompts = [np.array(chat.encode([ChatMessage("system", system), ChatMessage("user", text)])) for text in texts]
        made = [
            answer
            for first in range(0, given.answers, ROWS)
            for answer in answers(decoder, prompts[first : first + ROWS], given.tokens)
        ]
        for most in given.proposed:
            found = [speed(p.tolist(), answer, most, ms) for p, answer in zip(prompts, made, strict=True)]
            tokens, (taken, spent) = sum(map(len, made)), map(sum, zip(*found, strict=True))
            print(
                f"{task}, {most} proposed: {tokens / taken:.2f} tokens a step, {tokens * ms[0] / spent:.2f} of the "
                f"speed without (n {given.answers}, {tokens} tokens)",
                flush=True,
            )


if __name__ == "__main__":
    main()
