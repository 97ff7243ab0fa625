"""Jobs that wait for a row, in an order that is fair: owners take turns, and each owner's own jobs keep their order.

Whoever sends a hundred requests at once waits for them; who sends one in between waits for one of each. Where the queue
is full, the longest line gives way: a newcomer takes the place of its last job, and only whose line it is is refused.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from itertools import islice

from serving.engine.job import Job


class FairQueue:
    """Jobs by owner. Jobs without an owner are one owner's."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str | None, deque[Job]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Job]:
        return (job for line in list(self._lines.values()) for job in list(line))

    def push(self, job: Job) -> None:
        """Let a job wait behind its owner's others."""
        self._lines.setdefault(job.owner, deque()).append(job)
        self._size += 1

    def pop(self) -> Job:
        """The next job; its owner's turn comes again after everyone else's. Raises KeyError if none waits."""
        owner, line = self._lines.popitem(last=False)
        job = line.popleft()
        if line:
            self._lines[owner] = line
        self._size -= 1
        return job

    def ahead_of(self, owner: str | None) -> Iterator[Job]:
        """The jobs whose turn comes before that of an owner's next one, if nobody else comes."""
        own = len(self._lines.get(owner, ()))
        turns = own + 1  # that a line has which comes before the owner's own
        for other, line in self._lines.items():
            if other == owner:
                turns = own
            yield from islice(line, turns)

    def displace_for(self, newcomer: Job) -> Job | None:
        """Take out the last job of the longest line, if the newcomer's own would not be as long; else None."""
        owner, longest = max(self._lines.items(), key=lambda line: len(line[1]))
        if len(self._lines.get(newcomer.owner, ())) + 1 >= len(longest):
            return None
        job = longest.pop()
        self._size -= 1
        if not longest:
            del self._lines[owner]
        return job

    def take_out(self, is_unwanted: Callable[[Job], bool]) -> list[Job]:
        """Take out what nobody waits for any more."""
        unwanted = [job for job in self if is_unwanted(job)]
        for job in unwanted:
            self._lines[job.owner].remove(job)
            self._size -= 1
            if not self._lines[job.owner]:
                del self._lines[job.owner]
        return unwanted
