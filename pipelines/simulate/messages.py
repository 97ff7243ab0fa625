"""Real messages with their true topics.

In: a CSV file with the columns text, category and, if there is one, split. Out: messages of the chosen topics, train
and test apart. A message is sent at most once in the life of a deployment; a small file keeps which ones were.
"""

import csv
import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from feedback.split import unit_draw
from schemas.errors import FeedwheelError, UsageError

SHIPPED: Final = Path(__file__).parent / "data" / "banking77.csv"

DEFAULT_TOPICS: Final = 20
"""Few enough that a first turn learns most of them."""

MessageSplit = Literal["train", "test"]

_TEST_SHARE: Final = 0.2
"""Share of the messages that test where the file does not say which do."""


class NoUnseenMessages(FeedwheelError):
    """Every training message of the chosen topics has been sent."""


@dataclass(frozen=True, slots=True)
class LabelledMessage:
    """One message and its topic in words, for example `card arrival`."""

    text: str
    topic: str
    split: MessageSplit

    @property
    def message_id(self) -> str:
        """A name that holds no text: 64 bits of the SHA-256 of the message."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def topic_text(category: str) -> str:
    """A category as people would write it."""
    return " ".join(category.replace("_", " ").split()).lower()


def read_messages(path: Path) -> list[LabelledMessage]:
    """All messages of a CSV file, each text once (a text of both splits tests). Raises UsageError naming the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := {"text", "category"} - set(reader.fieldnames or ()):
                raise UsageError(f"{path}:1: columns {', '.join(sorted(missing))} are missing; needed: text, category")
            messages = [_message(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: {error}") from None
    train_first = sorted(messages, key=lambda message: message.split, reverse=True)
    return list({message.text: message for message in train_first}.values())


def _message(path: Path, line: int, row: dict[str, str | None]) -> LabelledMessage:
    text, category = (row["text"] or "").strip(), (row["category"] or "").strip()
    if not text or not category:
        raise UsageError(f"{path}:{line}: text or category is empty")
    given = row.get("split")
    if given is None:
        split: MessageSplit = "test" if unit_draw("test", text) < _TEST_SHARE else "train"
        return LabelledMessage(text, topic_text(category), split)
    if given not in get_args(MessageSplit):
        raise UsageError(f"{path}:{line}: split is {given!r}, not train or test")
    return LabelledMessage(text, topic_text(category), "test" if given == "test" else "train")


def choose_topics(messages: Iterable[LabelledMessage], count: int | None = None) -> list[str]:
    """The first `count` topics by name, so that every turn of a deployment asks the same ones; 0 is all of them.

    Without a count `DEFAULT_TOPICS`, or as many as there are. Raises UsageError if there are fewer than `count`.
    """
    topics = sorted({message.topic for message in messages})
    if count is None:
        return topics[:DEFAULT_TOPICS]
    if count > len(topics):
        raise UsageError(f"--topics {count}: the file has {len(topics)}")
    return topics[: count or None]


class SeenMessages:
    """Which training messages have been sent, one id per line, in a file that only grows."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._ids = set(path.read_text().split()) if path.exists() else set[str]()

    def draw(self, messages: Sequence[LabelledMessage], count: int, seed: int) -> list[LabelledMessage]:
        """Up to `count` unseen training messages in a seeded order. Raises NoUnseenMessages if there are none."""
        unseen = [message for message in messages if message.split == "train" and message.message_id not in self._ids]
        if not unseen:
            raise NoUnseenMessages("no unseen messages: give more topics with --topics, or another --dataset")
        random.Random(seed).shuffle(unseen)  # noqa: S311 - a seeded order, not a secret
        return unseen[:count]

    def add(self, message: LabelledMessage) -> None:
        """Remember that a message was sent."""
        self._ids.add(message.message_id)
        with self._path.open("a") as file:
            file.write(f"{message.message_id}\n")
