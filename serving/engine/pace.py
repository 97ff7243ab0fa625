"""How fast a batch goes, by what it did last, and from that how long a job waits for its turn and its first token.

In: passes of the batch, prompts, rows that come free; instants and durations are given, in seconds. Out: seconds. Until
a job's turn comes, the prompts before it are computed, and the batch makes as many passes as it takes for places to
come free (Little's law), or as the prompts have pieces. How long others' answers become nobody knows: as long as those
before.
"""

from dataclasses import dataclass
from typing import Final

from serving.engine.job import Job

_FADING: Final = 31 / 32
"""What a measurement still counts after the next one. 32 answers tell their mean length within a fifth, if lengths
scatter as much as they do where each token is as likely as the next to be the last."""
_AIM: Final = 0.8
"""Share of the time before a promise that a newcomer may be expected to wait: expectations are wrong by about a fifth,
and a line that is always as long as it may be would else have every other job come too late."""


@dataclass(slots=True)
class _Recent:
    """An amount for each unit of weight; what is older counts less with every one that is added."""

    amount: float = 0.0
    weight: float = 0.0

    def add(self, amount: float, weight: float) -> None:
        kept = _FADING if weight else 1.0
        self.amount = self.amount * kept + amount
        self.weight = self.weight * kept + weight

    @property
    def mean(self) -> float:
        """0 while nothing is known."""
        return self.amount / self.weight if self.weight else 0.0


class Pace:
    """What one batch measures of itself. One thread writes it; who reads meanwhile may miss the last measurement."""

    def __init__(self, rows: int, piece_tokens: int) -> None:
        """A batch of so many rows, which computes so many tokens of prompts in a pass at most."""
        self._rows = rows
        self._piece_tokens = piece_tokens
        self._unknown = _Recent()  # share of a prompt that must be computed
        self._token_s = _Recent()  # of computing a prompt's token
        self._pass_s = _Recent()  # of a pass apart from that, with what other models do between two
        self._stay = _Recent()  # passes until a row that is taken comes free
        self._since: float | None = None
        self._prompt_s = 0.0
        self._freed = 0

    def resumed(self, now: float) -> None:
        """There is work; of no effect where there was before."""
        if self._since is None:
            self._since, self._prompt_s, self._freed = now, 0.0, 0

    def began(self, prompt_tokens: int, known_tokens: int) -> None:
        """A job got a row."""
        self._unknown.add(prompt_tokens - known_tokens, prompt_tokens)

    def computed(self, tokens: int, seconds: float) -> None:
        """A piece of a prompt."""
        self._token_s.add(seconds, tokens)
        self._prompt_s += seconds

    def freed(self) -> None:
        """A row came free."""
        self._freed += 1

    def passed(self, now: float, rows: int) -> None:
        """A pass ends, in which `rows` were taken."""
        assert self._since is not None  # a pass begins with `resumed`
        self._pass_s.add(now - self._since - self._prompt_s, 1)
        self._stay.add(rows, self._freed)
        self._since, self._prompt_s, self._freed = now, 0.0, 0

    def rested(self) -> None:
        """There is no work: the time until there is some is no pass."""
        self._since = None

    def turn_s(self, places: int, pending_tokens: int, prompt_tokens: int) -> float:
        """Until the turn of who needs `places` rows to come free; 0 while too little is known.

        Before it, `pending_tokens` are to be computed, and prompts of `prompt_tokens` as far as they are not known.
        """
        if not self._stay.weight:
            return 0.0
        tokens = pending_tokens + prompt_tokens * self._unknown.mean
        passes = max(places * self._stay.mean / self._rows, tokens / self._piece_tokens)
        return tokens * self._token_s.mean + passes * self._pass_s.mean

    def first_token_s(self, prompt_tokens: int) -> float:
        """From the turn of a prompt to its first token; 0 while nothing is known."""
        tokens = prompt_tokens * self._unknown.mean
        return tokens * self._token_s.mean + (1 + tokens / self._piece_tokens) * self._pass_s.mean

    def is_late(self, job: Job, now: float) -> bool:
        """Whether a job that waits cannot have its first token any more when it is promised."""
        return now > self._latest_turn(job)

    def keeps_promise(self, job: Job, now: float, turn_s: float) -> bool:
        """Whether a newcomer whose turn comes after `turn_s` may be expected to have its first token when promised."""
        return turn_s <= _AIM * (self._latest_turn(job) - now)

    def _latest_turn(self, job: Job) -> float:
        """Who could not have its first token in time if it were alone may wait as long as it would be promised."""
        own_s = self.first_token_s(len(job.prompt))
        return job.promised_by - (own_s if job.submitted_at + own_s < job.promised_by else 0)
