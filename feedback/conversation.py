"""One conversation, put together from whatever its events are and however often and in whichever order they came.

In: the events of one conversation as the log holds them (resent, out of order, from several partitions, with wrong
clocks). Out: its turns in order, what people wrote in reply to which answer, the feedback that stands, and the outcome
of every event. A pure function of the set of events, `as_of` and the silence that counts as leaving (I3).

Steps: 1 keep the first copy of each event, 2 order the answers, 3 rebuild what the model saw, 4 let the latest
feedback of a person stand, 5 say when silence becomes a signal.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Generic, Literal, TypeVar

from feedwheel_capture.events import Exposure, Feedback, Generation, Message
from feedwheel_capture.vocabulary import AppType, Consent

from feedback import threads

MAX_CLOCK_LEAD: Final = timedelta(minutes=5)
"""An event dated further ahead of its arrival in Kafka has a wrong clock; drift of servers stays far below."""

MAX_PROMPT_MESSAGES: Final = 200
"""Longer histories fit no context window here, and storing them for every turn would grow with the square of it."""

DataT = TypeVar("DataT")
Outcome = Literal["used", "duplicate", "superseded", "orphan"]
"""`superseded`: a later feedback of the same person, kind and surface stands. `orphan`: its answer is not here."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where the log holds an event. The topic's name is for people; its id tells topics apart."""

    topic_id: str
    partition: int
    offset: int
    topic: str = field(compare=False)


def is_skewed(sent_at: datetime, appended_at: datetime) -> bool:
    """Whether an event is dated after it reached Kafka."""
    return sent_at > appended_at + MAX_CLOCK_LEAD


def happened_at(sent_at: datetime, appended_at: datetime) -> datetime:
    """When an event happened, as far as can be known."""
    return appended_at if is_skewed(sent_at, appended_at) else sent_at


@dataclass(frozen=True, slots=True)
class Logged(Generic[DataT]):
    """An event as the log holds it: `sent_at` by the producer's clock, `appended_at` by Kafka's."""

    position: Position
    appended_at: datetime
    event_id: str
    source: str
    sent_at: datetime
    data: DataT

    @property
    def is_skewed(self) -> bool:
        """Whether it is dated after it reached Kafka."""
        return is_skewed(self.sent_at, self.appended_at)

    @property
    def time(self) -> datetime:
        """When it happened, as far as can be known."""
        return happened_at(self.sent_at, self.appended_at)


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer. `after` is the answer the person had before them when they wrote this turn's input.

    `prompt`: all messages the model saw, oldest first; None where consent withholds text, where the history is not
    ours, or beyond MAX_PROMPT_MESSAGES. `request`: the person's last message, None likewise.
    """

    event: Logged[Generation]
    index: int
    parent: str | None
    regeneration_of: str | None
    after: str | None
    prompt: tuple[Message, ...] | None
    request: str | None
    exposure: Logged[Exposure] | None

    @property
    def generation(self) -> Generation:
        """The answer's own record."""
        return self.event.data

    @property
    def response_id(self) -> str:
        """Its id."""
        return self.event.data.response_id

    @property
    def output(self) -> str | None:
        """The answer's text, None where consent withholds it."""
        return self.generation.output if self.generation.consent == "content" else None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person wrote with an answer before them: `text`, in the input of turn `said_in`, after turn `about`."""

    text: str
    about: Turn
    said_in: Turn


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation as known at `as_of`. `due_at`: when silence becomes or became a signal; None if never."""

    app: str
    conversation_id: str
    app_type: AppType
    consent: Consent
    turns: tuple[Turn, ...]
    replies: tuple[Reply, ...]
    feedback: tuple[Logged[Feedback], ...]
    outcomes: Mapping[Position, Outcome]
    unread_messages: int
    skewed_events: int
    first_time: datetime
    last_time: datetime
    due_at: datetime | None
    as_of: datetime

    @property
    def is_abandoned(self) -> bool:
        """Whether the silence after the last answer has lasted long enough to mean something."""
        return self.due_at is not None and self.due_at <= self.as_of

    @property
    def duplicates(self) -> int:
        """How many of its events were copies of another."""
        return sum(outcome == "duplicate" for outcome in self.outcomes.values())


def assemble(
    events: Iterable[Logged[Generation | Feedback | Exposure]], as_of: datetime, abandoned_after: timedelta
) -> Conversation:
    """Put a conversation together. Raises ValueError without any generation: nothing names its application type."""
    outcomes = dict[Position, Outcome]()
    kept = _first_copies(events, outcomes)
    answers = _answers(kept, outcomes)
    if not answers:
        raise ValueError("a conversation needs at least one generation")
    turns = _turns(answers, _exposures(kept, answers, outcomes))
    feedback = _standing_feedback(kept, answers, outcomes)
    first = turns[0].generation
    times = [event.time for event in kept if outcomes[event.position] != "orphan"]
    return Conversation(
        app=first.app,
        conversation_id=first.conversation_id,
        app_type=first.app_type,
        consent="content" if all(turn.generation.consent == "content" for turn in turns) else "signal_only",
        turns=turns,
        replies=_replies(turns),
        feedback=feedback,
        outcomes=outcomes,
        unread_messages=sum(map(_unread_messages, turns)),
        skewed_events=sum(event.is_skewed for event in kept),
        first_time=min(times),
        last_time=max(times),
        due_at=_due_at(turns, feedback, abandoned_after),
        as_of=as_of,
    )


def _first_copies(events: Iterable[Logged[Any]], outcomes: dict[Position, Outcome]) -> list[Logged[Any]]:
    """The first arrival of each (source, id), in order of arrival; the same position read twice is one event."""
    kept = dict[tuple[str, str], Logged[Any]]()
    for event in sorted(events, key=lambda event: (event.appended_at, event.position)):
        if event.position in outcomes:
            continue
        is_first = kept.setdefault((event.source, event.event_id), event) is event
        outcomes[event.position] = "used" if is_first else "duplicate"
    return list(kept.values())


def _by_time(event: Logged[Any]) -> tuple[datetime, str]:
    return event.time, event.event_id


def _answers(kept: Sequence[Logged[Any]], outcomes: dict[Position, Outcome]) -> dict[str, Logged[Generation]]:
    """Generations by response id, sorted by time, then id; a second event for one answer is a duplicate."""
    answers = dict[str, Logged[Generation]]()
    for event in kept:
        if isinstance(event.data, Generation) and answers.setdefault(event.data.response_id, event) is not event:
            outcomes[event.position] = "duplicate"
    return dict(sorted(answers.items(), key=lambda item: (item[1].time, item[0])))


def _exposures(
    kept: Sequence[Logged[Any]], answers: Mapping[str, Logged[Generation]], outcomes: dict[Position, Outcome]
) -> dict[str, Logged[Exposure]]:
    """The exposure of each answer: there is one, the first."""
    exposures = dict[str, Logged[Exposure]]()
    for event in kept:
        if not isinstance(event.data, Exposure):
            continue
        if event.data.response_id not in answers:
            outcomes[event.position] = "orphan"
        elif exposures.setdefault(event.data.response_id, event) is not event:
            outcomes[event.position] = "duplicate"
    return exposures


def _turns(answers: Mapping[str, Logged[Generation]], exposures: Mapping[str, Logged[Exposure]]) -> tuple[Turn, ...]:
    generations = [event.data for event in answers.values()]
    prefixes = threads.find_prefixes(generations)
    parents = threads.find_parents(generations, prefixes)
    regenerations = threads.find_regenerations(generations)
    order = threads.put_in_order(generations, parents)
    prompts = _prompts(answers, prefixes)
    return tuple(
        Turn(
            event=answers[response_id],
            index=index,
            parent=parents.get(response_id),
            regeneration_of=regenerations.get(response_id),
            after=parents.get(response_id, order[index - 1] if index else None),
            prompt=prompts[response_id],
            request=_request(answers[response_id].data),
            exposure=exposures.get(response_id),
        )
        for index, response_id in enumerate(order)
    )


def _prompts(
    answers: Mapping[str, Logged[Generation]], prefixes: threads.Links
) -> dict[str, tuple[Message, ...] | None]:
    """What the model saw for each answer: the prompt and output of the owner of its prefix, and its own input."""
    generations = {response_id: event.data for response_id, event in answers.items()}
    prompts = dict[str, tuple[Message, ...] | None]()
    for response_id in threads.put_in_order(list(generations.values()), prefixes):
        generation = generations[response_id]
        history = _history(generation, generations.get(prefixes.get(response_id, "")), prompts)
        prompt = None if history is None else (*history, *generation.input)
        prompts[response_id] = prompt if prompt and len(prompt) <= MAX_PROMPT_MESSAGES else None
    return prompts


def _history(
    generation: Generation, owner: Generation | None, prompts: Mapping[str, tuple[Message, ...] | None]
) -> tuple[Message, ...] | None:
    """The messages before a generation's input; None where they or the input are withheld or not ours."""
    if generation.consent != "content":
        return None
    if generation.prefix_hash == threads.EMPTY_THREAD:
        return ()
    if owner is None:
        return None
    before = prompts[owner.response_id]
    if before is None or owner.output is None:
        return None
    return (*before, Message(role="assistant", content=owner.output, length=owner.output_length))


def _request(generation: Generation) -> str | None:
    """The person's last message, None where consent withholds it."""
    messages = [message.content for message in generation.input if message.role == "user"]
    return messages[-1] if messages and generation.consent == "content" else None


def _unread_messages(turn: Turn) -> int:
    """Messages of the person that are there but withheld; those of a regeneration were counted the first time."""
    if turn.regeneration_of:
        return 0
    withheld = turn.generation.consent != "content"
    return sum(message.role == "user" and (withheld or message.content is None) for message in turn.generation.input)


def _replies(turns: Sequence[Turn]) -> tuple[Reply, ...]:
    by_id = {turn.response_id: turn for turn in turns}
    return tuple(
        Reply(turn.request, by_id[turn.after], turn)
        for turn in turns
        if turn.after and turn.request is not None and not turn.regeneration_of
    )


def _standing_feedback(
    kept: Sequence[Logged[Any]], answers: Mapping[str, Logged[Generation]], outcomes: dict[Position, Outcome]
) -> tuple[Logged[Feedback], ...]:
    """The latest feedback per (response, person, kind, surface), less retractions, sorted by time, then id."""
    latest = dict[tuple[str | None, str | None, str, str | None], Logged[Feedback]]()
    for event in sorted(kept, key=_by_time):
        said = event.data
        if not isinstance(said, Feedback):
            continue
        if said.response_id is not None and said.response_id not in answers:
            outcomes[event.position] = "orphan"
            continue
        key = (said.response_id, said.user_key, said.kind, said.surface)
        if earlier := latest.get(key):
            outcomes[earlier.position] = "superseded"
        latest[key] = event
    return tuple(sorted((event for event in latest.values() if event.data.value is not None), key=_by_time))


def _due_at(turns: Sequence[Turn], feedback: Sequence[Logged[Feedback]], abandoned_after: timedelta) -> datetime | None:
    """When silence after the newest answer becomes a signal; never where someone reacted, or where it failed."""
    newest = max(turns, key=lambda turn: (turn.event.time, turn.response_id))
    reacted = any(event.data.response_id == newest.response_id or event.time >= newest.event.time for event in feedback)
    if reacted or newest.generation.finish_reason == "error":
        return None
    return newest.event.time + abandoned_after
