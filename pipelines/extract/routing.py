"""Which conversations an arrival touches. Pure: lookups come in as mappings.

An event that names an answer belongs to that answer's conversation, whatever conversation it names; one that names only
a conversation belongs there. What names nothing that is known waits as an orphan, for ever, and is routed when a
generation of that answer or conversation arrives. What was taken before is routed again, to where it would go today,
when the consent of its person has changed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from feedwheel_capture.events import Generation

from feedback.conversation import Position
from pipelines.extract.arrivals import Arrival

NO_CONSENT: Final = "no_consent"
CONTESTED: Final = "contested"
"""A generation of an answer that another conversation already has."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that waits for its answer, or, naming none, for its conversation."""

    position: Position
    response_id: str | None
    conversation_id: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """What silver and the orphans hold of what arrivals may name."""

    conversation_of_answer: Mapping[str, str]
    conversations: frozenset[str]
    orphans: Sequence[Waiting]


@dataclass(slots=True)
class Routes:
    """New events by conversation, orphans that joined by conversation, new orphans, and what was dropped by reason.

    `again`: conversations of events that were taken before, with those of them that may still be used.
    """

    arrived: defaultdict[str, set[Position]] = field(default_factory=lambda: defaultdict(set))
    joined: defaultdict[str, set[Position]] = field(default_factory=lambda: defaultdict(set))
    again: defaultdict[str, set[Position]] = field(default_factory=lambda: defaultdict(set))
    orphans: list[Arrival] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def route(arrivals: Sequence[Arrival], known: Known, again: Sequence[Arrival] = ()) -> Routes:
    """Route every arrival, every waiting orphan whose answer or conversation has arrived, and those of `again`."""
    allowed = [arrival for arrival in arrivals if arrival.consent != "none"]
    routes = Routes(dropped=Counter({NO_CONSENT: len(arrivals) - len(allowed)}))
    new_answers = _new_answers([*allowed, *(arrival for arrival in again if arrival.consent != "none")], known)
    answers = {**new_answers, **known.conversation_of_answer}
    new_conversations = frozenset(new_answers.values())
    conversations = known.conversations | new_conversations
    for arrival in allowed:
        target = _target(arrival.response_id, arrival.conversation_id, answers, conversations)
        if target is None:
            routes.orphans.append(arrival)
        elif _is_contested(arrival, target):
            routes.dropped[CONTESTED] += 1
        else:
            routes.arrived[target].add(arrival.position)
    for arrival in again:
        target = _target(arrival.response_id, arrival.conversation_id, answers, conversations)
        if target is not None:
            usable = arrival.consent != "none" and not _is_contested(arrival, target)
            routes.again[target] |= {arrival.position} if usable else set()
    for orphan in known.orphans:
        target = _target(orphan.response_id, orphan.conversation_id, new_answers, new_conversations)
        if target is not None:
            routes.joined[target].add(orphan.position)
    return routes


def _is_contested(arrival: Arrival, target: str) -> bool:
    return arrival.record is Generation and arrival.conversation_id != target


def _new_answers(arrivals: Iterable[Arrival], known: Known) -> dict[str, str]:
    """The conversation of each answer that silver does not know; the earliest arrival decides."""
    answers = dict[str, str]()
    generations = [arrival for arrival in arrivals if arrival.record is Generation]
    for arrival in sorted(generations, key=lambda arrival: (arrival.appended_at, arrival.position)):
        assert arrival.response_id  # both are required of a generation
        assert arrival.conversation_id
        if arrival.response_id not in known.conversation_of_answer:
            answers.setdefault(arrival.response_id, arrival.conversation_id)
    return answers


def _target(
    response_id: str | None,
    conversation_id: str | None,
    answers: Mapping[str, str],
    conversations: frozenset[str],
) -> str | None:
    if response_id is not None:
        return answers.get(response_id)
    return conversation_id if conversation_id in conversations else None
