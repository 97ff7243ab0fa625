"""Speculative decoding by prompt lookup: what it could gain at most, before anyone builds it.

Answers are decoded greedily; then each is replayed as if what came after the last place where its latest tokens stood
before had been proposed, and computed in the same step. The gain is the tokens of a step over what a step with
proposals takes longer, both measured here, with nothing for finding, sampling or taking back.

    python tests/bench/bench_lookup.py --model DIR [--answers 64] [--tokens 64] [--proposed 1 3 7]
"""

import argparse
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
    """Greedy answers to as many prompts as there are rows, ends of text included."""
    slots, lengths = np.full(ROWS, NO_ADAPTER), np.array([len(prompt) - 1 for prompt in prompts])
    for row, prompt in enumerate(prompts):
        decoder.prefill(row, prompt[:-1], 0, NO_ADAPTER)
    last, made = np.array([prompt[-1] for prompt in prompts]), list[NDArray[np.int64]]()
    for _ in range(tokens):
        lengths += 1
        last = decoder.decode(last, lengths, slots).argmax(axis=-1)
        made.append(last)
    return [[int(token) for token in answer] for answer in np.stack(made, axis=1)]


def proposal(known: list[int], most: int) -> list[int]:
    """What followed when the latest tokens stood there last."""
    for place in range(len(known) - LATEST - 1, -1, -1):
        if known[place : place + LATEST] == known[-LATEST:]:
            return known[place + LATEST : place + LATEST + most]
    return []


def steps(prompt: list[int], answer: list[int], most: int) -> int:
    """Steps that an answer takes when whatever is proposed rightly comes for free."""
    done, taken = 0, 0
    while done < len(answer):
        proposed = proposal(prompt + answer[:done], most)
        right = next(
            (n for n, token in enumerate(proposed) if answer[done + n : done + n + 1] != [token]), len(proposed)
        )
        done, taken = done + right + 1, taken + 1
    return taken


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
    alone = step_ms(decoder, 1)
    longer = {most: step_ms(decoder, 1 + most) / alone for most in given.proposed}
    for task, system in TASKS.items():
        prompts = [np.array(chat.encode([ChatMessage("system", system), ChatMessage("user", text)])) for text in texts]
        made = [
            answer
            for first in range(0, given.answers, ROWS)
            for answer in answers(decoder, prompts[first : first + ROWS], given.tokens)
        ]
        for most in given.proposed:
            taken = sum(steps(p.tolist(), answer, most) for p, answer in zip(prompts, made, strict=True))
            rate = given.answers * given.tokens / taken
            print(
                f"{task}, {most} proposed: {rate:.2f} tokens a step, which takes {longer[most]:.2f} times as long: "
                f"{rate / longer[most]:.2f} of the speed without (n {given.answers})",
                flush=True,
            )


if __name__ == "__main__":
    main()
