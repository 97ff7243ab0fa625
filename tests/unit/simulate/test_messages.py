"""Reading labelled messages: what is refused, who tests, and that no message is drawn twice."""

from pathlib import Path

import pytest

from pipelines.simulate.messages import (
    SHIPPED,
    NoUnseenMessages,
    SeenMessages,
    choose_topics,
    read_messages,
)
from schemas.errors import UsageError


def csv_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "messages.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("message,label\na,b\n", r":1: columns category, text are missing"),
        ("text,category\nhello,\n", r":2: text or category is empty"),
        ("text,category,split\nhello,greeting,dev\n", r":2: split is 'dev', not train or test"),
        ("", r":1: columns category, text are missing"),
    ],
)
def test_a_wrong_file_is_refused_with_the_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        read_messages(csv_file(tmp_path, text))


def test_without_a_split_about_a_fifth_tests_and_always_the_same(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "text,category\n" + "".join(f"message {number},topic\n" for number in range(1000)))
    first, second = read_messages(path), read_messages(path)
    assert first == second
    assert 150 < sum(message.split == "test" for message in first) < 250


def test_a_text_in_both_splits_only_tests(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "text,category,split\nhi,greeting,test\nhi,greeting,train\n")
    assert [message.split for message in read_messages(path)] == ["test"]


def test_the_shipped_messages_are_all_there() -> None:
    messages = read_messages(SHIPPED)
    assert len(messages) == 13_072  # 13,083 less eleven texts that occur twice
    assert [len(choose_topics(messages, count)) for count in (None, 0, 3)] == [20, 77, 3]
    assert len(choose_topics(messages[:1])) == 1
    topics = choose_topics(messages, 20)
    trained = [message for message in messages if message.topic in topics and message.split == "train"]
    assert len(trained) >= 1_600  # two turns


def test_a_sent_message_is_never_drawn_again_even_by_the_next_process(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "text,category,split\n" + "".join(f"m {n},t,train\n" for n in range(10)))
    messages = read_messages(path)
    sent = SeenMessages(tmp_path / "seen").draw(messages, 6, seed=1)
    first = SeenMessages(tmp_path / "seen")
    for message in sent:
        first.add(message)
    rest = SeenMessages(tmp_path / "seen").draw(messages, 100, seed=1)
    assert {message.text for message in sent} | {message.text for message in rest} == {f"m {n}" for n in range(10)}
    assert len(rest) == 4


def test_no_unseen_messages_is_an_answer(tmp_path: Path) -> None:
    messages = read_messages(csv_file(tmp_path, "text,category,split\nhi,greeting,train\n"))
    seen = SeenMessages(tmp_path / "seen")
    seen.add(messages[0])
    with pytest.raises(NoUnseenMessages, match="no unseen messages"):
        seen.draw(messages, 1, seed=1)
