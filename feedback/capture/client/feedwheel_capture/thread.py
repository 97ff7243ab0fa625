"""The thread of a conversation, named without its text.

In: the messages a model was given, and its answer. Out: what a generation event says of them: the messages after the
last assistant message, and keyed hashes of everything before, with them, and with the answer. Capture keeps no state:
extract finds from the hashes which answer continues or repeats which.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from feedwheel_capture.events import Message
from feedwheel_capture.identity import Identity
from feedwheel_capture.vocabulary import Role

Said = tuple[Role, str]
"""Who said it, and the text."""


@dataclass(frozen=True, slots=True)
class Thread:
    """`turn` counts the answers before. The hashes are '' for nothing."""

    turn: int
    new: tuple[Message, ...]
    prefix_hash: str
    request_hash: str
    thread_hash: str

    @classmethod
    def of(cls, messages: Sequence[Said], answer: str, identity: Identity) -> "Thread":
        """The thread that `answer` ends."""
        assistants = [place for place, (role, _) in enumerate(messages) if role == "assistant"]
        start = assistants[-1] + 1 if assistants else 0
        prefix_hash = identity.thread_hash("", messages[:start])
        return cls.after(prefix_hash, len(assistants), messages[start:], answer, identity)

    @classmethod
    def after(cls, prefix_hash: str, turn: int, new: Sequence[Said], answer: str, identity: Identity) -> "Thread":
        """The thread that `new` messages and `answer` add to one whose hash is known, without its text."""
        request_hash = identity.thread_hash(prefix_hash, new)
        return cls(
            turn=turn,
            new=tuple(Message(role=role, content=text, length=len(text)) for role, text in new),
            prefix_hash=prefix_hash,
            request_hash=request_hash,
            thread_hash=identity.thread_hash(request_hash, [("assistant", answer)]),
        )


def beginning(messages: Sequence[Said], answer: str, user_key: str, identity: Identity) -> str:
    """A conversation id for an application that has none: its person and how it begins, up to the first answer.

    Every process and every later request finds the same, without any of them remembering anything.
    """
    firsts = [place for place, (role, _) in enumerate(messages) if role == "assistant"]
    said = messages[: firsts[0] + 1] if firsts else [*messages, ("assistant", answer)]
    return f"begins-{identity.thread_hash(user_key, said)}"
