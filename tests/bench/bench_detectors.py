"""Detectors: conversations a second on one core, and what twice the turns cost.

Conversations are put together from sentences that people and assistants write, 10 turns each, one reply in four with a
reaction to the answer; what counts is `detect` on assembled conversations, best of several rounds, since whatever else
runs can only slow one down.

    python tests/bench/bench_detectors.py [--conversations 500] [--rounds 5]
"""

import argparse
import random
import time

from feedback.conversation import Conversation
from feedback.detectors import all_detectors, detect, reading
from feedback.taxonomy import weights
from tests.events import conversation, dialogue

ASKED = (
    "Can you recommend a few places to visit in Lisbon with two small children in the first week of May?",
    "How do I read a large CSV file line by line in Python without loading all of it into memory?",
    "What is the difference between a fixed and a variable rate mortgage?",
    "Write a short birthday message for a colleague who likes hiking and terrible puns.",
    "My washing machine stops in the middle of the programme and shows E18, what could be the reason?",
    "Give me a recipe for lentil soup for four people that takes less than half an hour.",
    "Summarise the causes of the French revolution in five sentences for a school presentation.",
    "Which of these would you choose if the budget was about three hundred euros?",
)
REACTIONS = (
    "No, I meant the one in the north, not the capital.",
    "Thanks, that's very helpful! ",
    "You forgot to mention how long it takes.",
    "That doesn't work, I still get the same error.",
    "What do you mean by the second point?",
    "Are you sure about that?",
)
SENTENCES = (
    "There are several things that you may want to consider before you decide.",
    "The most common cause is a filter that has not been cleaned for a while.",
    "First, open the file with a context manager, so that it is closed in any case.",
    "In most countries the rate is fixed for five to ten years and is then negotiated again.",
    "The old town is best explored on foot, and the trams are fun for children of every age.",
    "Let the onions soften over a low heat, then add the lentils, the stock and a bay leaf.",
    "If that is not possible, a cheaper alternative is often good enough for everyday use.",
    "Let me know if you would like more details on any of these points.",
)


def texts(number: int, turns: int) -> list[str]:
    """What both sides say in turn, the same for the same number."""
    draw = random.Random(number)
    said = list[str]()
    for _ in range(turns):
        reaction = draw.choice(REACTIONS) + " " if draw.random() < 0.25 else ""
        said += [reaction + draw.choice(ASKED), " ".join(draw.choices(SENTENCES, k=draw.randint(2, 10)))]
    return said


def made(number: int, turns: int) -> Conversation:
    """One conversation whose texts depend on its number alone."""
    return conversation(*dialogue(*texts(number, turns)))


def rate(conversations: list[Conversation], rounds: int) -> float:
    """Conversations a second, the best round."""
    detectors = all_detectors(weights({}))
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        for each in conversations:
            detect(reading.read(each), detectors)
        best = min(best, time.perf_counter() - begin)
    return len(conversations) / best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--conversations", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for turns in (5, 10, 20, 40):
        conversations = [made(number, turns) for number in range(arguments.conversations)]
        found = rate(conversations, arguments.rounds)
        print(f"{turns:3} turns: {found:8.0f} conversations/s, {1e6 / found / turns:5.1f} us per turn")


if __name__ == "__main__":
    main()
