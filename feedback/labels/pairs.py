"""Pairs: which of two answers to the same request a person preferred.

In: one answer, the signals about it, and the other answers of its conversation with theirs. Out: labels of use dpo.
Both answers may be read, and are not the same.
"""

from collections.abc import Iterator, Sequence

from feedback.cleanup import clean
from feedback.edits import is_same_answer
from feedback.labels.records import Answer, Evidence, Label, Option
from feedback.taxonomy import TAXONOMY

About = Sequence[tuple[Answer, Sequence[Evidence]]]
"""Answers of one conversation, each with the signals about it."""


def pairs(
    answer: Answer, found: Sequence[Evidence], conversation: About, choices: Sequence[Evidence]
) -> Iterator[Label]:
    """Every pair in which `answer` is preferred, or its edit is preferred to it."""
    assert answer.readable is not None  # nobody labels what may not be read
    yield from _edited(answer, answer.readable, found)
    beside = {other.response_id: (other, signals) for other, signals in conversation}
    if answer.regeneration_of in beside:
        yield from _regenerated(answer, answer.readable, found, *beside[answer.regeneration_of])
    for choice in choices:
        if choice.chosen == answer.response_id:
            for option in choice.options or ():
                if option.response_id in beside:
                    yield from _chosen(answer, answer.readable, choice, option, beside[option.response_id][0])


def _edited(answer: Answer, shown: str, found: Sequence[Evidence]) -> Iterator[Label]:
    for signal in found:
        if signal.kind != "edit" or signal.edited_output is None:
            continue
        wanted = clean(signal.edited_output)
        if not is_same_answer(wanted, shown):
            yield Label(
                answer=answer,
                use="dpo",
                rule="edit_preferred",
                completion=wanted,
                rejected=shown,
                weight=signal.confidence,
                evidence=(signal,),
            )


def _regenerated(
    answer: Answer, shown: str, found: Sequence[Evidence], first: Answer, about_first: Sequence[Evidence]
) -> Iterator[Label]:
    """Asking again says little by itself: some want variety. Liking what then came says which was better.

    Given that the person prefers one, and both signals are right with their confidence independently, it is the second
    with probability c1 c2 / (c1 c2 + (1 - c1)(1 - c2)).
    """
    again = [signal for signal in about_first if signal.kind == "regenerate" and signal.polarity < 0]
    liked = [signal for signal in found if signal.polarity > 0 and "development" in TAXONOMY[signal.kind].uses]
    if not (again and liked) or not _is_pair(answer, shown, first):
        return
    asked, praise = max(again, key=_sureness), max(liked, key=_sureness)
    both, neither = asked.confidence * praise.confidence, (1 - asked.confidence) * (1 - praise.confidence)
    yield Label(
        answer=answer,
        use="dpo",
        rule="regeneration_preferred",
        completion=shown,
        rejected=first.output,
        beside=first,
        weight=both / (both + neither) if both else 0.0,
        evidence=(asked, praise),
    )


def _chosen(answer: Answer, shown: str, choice: Evidence, option: Option, other: Answer) -> Iterator[Label]:
    """Who chose has preferred it to another only as far as they looked at the other."""
    own = next((each.looked_at for each in choice.options or () if each.response_id == answer.response_id), 1.0)
    if _is_pair(answer, shown, other):
        yield Label(
            answer=answer,
            use="dpo",
            rule="chosen",
            completion=shown,
            rejected=other.output,
            beside=other,
            weight=choice.confidence * min(1.0, option.looked_at / own),
            evidence=(choice,),
        )


def _is_pair(answer: Answer, shown: str, other: Answer) -> bool:
    """Whether both answer the same request, differently, and may be read."""
    return (
        other.response_id != answer.response_id
        and other.readable is not None
        and other.prompt == answer.prompt
        and not is_same_answer(shown, other.output)
    )


def _sureness(signal: Evidence) -> tuple[float, str]:
    return signal.confidence, signal.signal_id
