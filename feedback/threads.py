"""The shape of a conversation: which answer continues which, which was asked for again, and in what order they stand.

In: the generations of one conversation, sorted by time, then response id. Out: parents, regenerations, order; a
function of them alone. Producers may send any hashes and ids, circular ones included: the result is always a forest.
"""

import heapq
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from feedwheel_capture.events import Generation

EMPTY_THREAD: Final = ""
"""The hash of a thread without messages."""

Links = Mapping[str, str]
"""From a response id to an earlier one."""


def find_prefixes(generations: Sequence[Generation]) -> Links:
    """The answer that ends the history each generation was given: its `thread_hash` is the other's `prefix_hash`.

    Of several equal threads the newest before the generation counts; under skewed clocks, the first after it.
    """
    ends = defaultdict[str, list[int]](list)
    for rank, generation in enumerate(generations):
        ends[generation.thread_hash].append(rank)
    found = dict[str, str]()
    for rank, generation in enumerate(generations):
        if generation.prefix_hash == EMPTY_THREAD:
            continue
        owner = _nearest(ends.get(generation.prefix_hash, []), rank)
        if owner is not None:
            found[generation.response_id] = generations[owner].response_id
    return _without_cycles(found)


def _nearest(ranks: Sequence[int], rank: int) -> int | None:
    """The last of the sorted `ranks` before `rank`, else the first after it."""
    before = bisect_left(ranks, rank)
    if before:
        return ranks[before - 1]
    return next((other for other in ranks if other != rank), None)


def find_parents(generations: Sequence[Generation], prefixes: Links) -> Links:
    """The answer each generation follows: the one its producer names if it is here, else the owner of its prefix."""
    known = {generation.response_id for generation in generations}
    named = {
        generation.response_id: generation.parent_response_id
        for generation in generations
        if generation.parent_response_id in known and generation.parent_response_id is not None
    }
    return _without_cycles({**prefixes, **named})


def _without_cycles(links: Mapping[str, str]) -> Links:
    """The links, less one of each cycle: that of its smallest id. Every node is walked once."""
    kept, done = dict(links), set[str]()
    for start in sorted(links):
        path = dict[str, None]()
        node: str | None = start
        while node is not None and node not in done and node not in path:
            path[node] = None
            node = kept.get(node)
        if node in path:
            walked = list(path)
            del kept[min(walked[walked.index(node) :])]
        done.update(path)
    return kept


def find_regenerations(generations: Sequence[Generation]) -> Links:
    """The earlier answer to the very same request, by `request_hash`; after an error it is a retry and not listed."""
    latest, found = dict[str, Generation](), dict[str, str]()
    for generation in generations:
        earlier = latest.get(generation.request_hash)
        if earlier is not None and generation.request_hash and earlier.finish_reason != "error":
            found[generation.response_id] = earlier.response_id
        latest[generation.request_hash] = generation
    return found


def put_in_order(generations: Sequence[Generation], parents: Links) -> list[str]:
    """Response ids, parents first, then by time, then by id."""
    rank = {generation.response_id: number for number, generation in enumerate(generations)}
    children = defaultdict[str, list[str]](list)
    for child, parent in parents.items():
        children[parent].append(child)
    waiting = _ranked(rank, (response_id for response_id in rank if response_id not in parents))
    order = list[str]()
    while waiting:
        _, response_id = heapq.heappop(waiting)
        order.append(response_id)
        for entry in _ranked(rank, children[response_id]):
            heapq.heappush(waiting, entry)
    return order


def _ranked(rank: Mapping[str, int], response_ids: Iterable[str]) -> list[tuple[int, str]]:
    return sorted((rank[response_id], response_id) for response_id in response_ids)
