"""Who an event is about, without saying who: keyed hashes in place of raw ids."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from feedwheel_capture import ids


@dataclass(frozen=True, slots=True)
class Person:
    """The hashed identity that an event carries. `user_key` is None for an anonymous person."""

    user_key: str | None
    user_key_id: int
    split_bucket: int


@dataclass(frozen=True, slots=True)
class Identity:
    """The keys of a deployment. Raw ids go in, hashes come out, and nothing is kept."""

    user_key_layers: Sequence[str] = field(repr=False)
    split_key: str = field(repr=False)

    def person(self, app: str, raw_user: str | None, conversation_id: str) -> Person:
        """Identity of a person of `app`; the split unit of an anonymous one is the conversation (I5)."""
        layers = len(self.user_key_layers)
        if raw_user is None:
            return Person(None, layers, ids.split_bucket(self.split_key, app, f"conversation/{conversation_id}"))
        key = ids.user_key(self.user_key_layers, app, raw_user)
        return Person(key, layers, ids.split_bucket(self.split_key, app, raw_user))

    def thread_hash(self, parent: str, messages: Sequence[tuple[str, str]]) -> str:
        """Name of a message thread that extends the thread `parent` ('' for none) by (role, content) pairs."""
        return ids.thread_hash(self.user_key_layers[0], parent, messages)
