"""Standing: how far a person is trusted at the time of each claim.

In: claims. Out: the standing of each. The steps:

1. find campaigns; the claims of one are of one party, and any other claim is of its person's;
2. ask each claim's peers whether it is right: evidence for or against who made it;
3. trust is the share of evidence in favour, near the claim in its person's own order, shrunk to a low start:

       trust = (STRENGTH * START * usual + sum of w * e * right) / (STRENGTH + sum of w * e)

   e is how clear the peers are, w = DECAY ** (number of claims between), usual what peers grant to the median person;
4. again from 2 with peers weighed by their trust, ROUNDS times.

It is the model of Dawid and Skene (1979) with one rate for each person, as fixed-point iteration, with Beta prior
(Laplace's rule, of strength STRENGTH) and exponential forgetting (Josang and Ismail 2002, "The Beta Reputation
System"). Trust is of a time because people change and accounts are taken over: who was honest keeps what was said then
and no more. What peers think is held against persons; against a single claim only where its person has not earned
trust. Where peers speak about most claims, what a stranger wants and no peer has said trains nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import median
from typing import Final, TypeAlias

from feedback.trust.claims import Claim
from feedback.trust.coordination import campaigns
from feedback.trust.peers import peers_of

START: Final = 0.75
"""Trust of someone of whom nothing is known, as a share of what is usual."""
STRENGTH: Final = 4.0
"""Pieces of evidence that the start weighs: three clear ones against and none in favour end trust."""
DISTRUSTED: Final = 0.5
"""Share of the usual trust below which a person's claims train nothing."""
BELIEVED: Final = 0.95
"""Share of the usual trust from which a person is believed against their peers: so a view that few share stays, if it
is the view of somebody who is usually right. Chosen on simulated attacks."""
CONTRADICTED: Final = 0.35
"""Belief of peers below which a claim is contradicted. Chosen on simulated attacks; 0.5 did little more."""
DECAY: Final = 0.87
"""Five claims away, evidence counts half."""
KNOWN_AFTER: Final = 3.0
"""Pieces of evidence after which a person is no stranger."""
LEAST_USUAL: Final = 0.5
"""Where peers grant the median person less, they are no measure, and nobody else's trust should fall with it."""
MIN_PEERS: Final = 2
"""Peers with something to say about a claim: one alone decides nothing about another. With three, attacks cost a point
more (seeds 10 to 12), with one half a point less."""
COMMON: Final = 0.5
"""Share of claims about which peers have something to say, from which their silence about one tells something."""
FEW_STRANGERS: Final = 0.75
"""Share of claims by strangers up to which a stranger has to be borne out: where most are, as in the first days of an
application, it would cost more true claims than false ones."""
ROUNDS: Final = 5
"""The fifth moves no standing by more than 0.001 in simulated attacks of 5 % hostile people. At 20 % those of liars
have not settled then, nor after the seventh (0.14)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The standing of one claim. trust: 0..1, as a share of what is usual at most 1. campaign: its name, if any.

    peers: belief of its peers that it is right, 0..1; None where too few have something to say. is_unconfirmed: it
    says what is wanted, and nothing speaks for it: no peer, where peers speak about most claims, and no history of its
    person, where not nearly everybody is without one.
    """

    trust: float
    is_stranger: bool
    campaign: str | None
    peers: float | None
    is_unconfirmed: bool = False

    @property
    def is_distrusted(self) -> bool:
        """Whether so much speaks against its person that it should train nothing."""
        return self.trust < DISTRUSTED

    @property
    def is_contradicted(self) -> bool:
        """Whether its peers think it wrong, and its person has not earned being believed against them."""
        return self.peers is not None and self.peers < CONTRADICTED and self.trust < BELIEVED


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What peers say about one claim: `right` 0..1, `weight` 0 (nothing) to 1 (all agree)."""

    right: float
    weight: float


_NOTHING: Final = _Evidence(0.0, 0.0)
_Voice: TypeAlias = tuple[int, float, bool]
"""A peer's row, its similarity, and whether it agrees."""


def standings(claims: Sequence[Claim]) -> dict[str, Standing]:
    """The standing of every claim, by its id. Independent of the order of `claims`."""
    ordered = sorted(claims, key=lambda claim: claim.claim_id)
    campaign_of = campaigns(ordered)  # 1
    party_of = {claim.claim_id: campaign_of.get(claim.claim_id, claim.owner) for claim in ordered}
    peers = peers_of(ordered, party_of)
    histories = _histories(ordered, campaign_of)
    voices = _voices(ordered, peers, _wanted_by_several(ordered, party_of))
    trust, amount = [START] * len(ordered), [0.0] * len(ordered)
    evidence = [_NOTHING] * len(ordered)
    for _ in range(ROUNDS):  # 4
        evidence = _evidence(ordered, voices, trust)  # 2
        usual = _usual(histories, evidence)
        for history, of in histories:  # 3
            for place, share, count in zip(history, *_smoothed([evidence[row] for row in history], usual), strict=True):
                if place in of:
                    trust[place], amount[place] = min(share / usual, 1.0), count
    heard = [said.weight > 0 for said in evidence]
    strangers = sum(count < KNOWN_AFTER for count in amount)
    asks_for_peers = sum(heard) >= COMMON * len(ordered) and strangers <= FEW_STRANGERS * len(ordered)
    return {
        claim.claim_id: Standing(
            trust=trust[row],
            is_stranger=(stranger := amount[row] < KNOWN_AFTER),
            campaign=campaign_of.get(claim.claim_id),
            peers=evidence[row].right if heard[row] else None,
            is_unconfirmed=asks_for_peers and claim.wants and stranger and not heard[row],
        )
        for row, claim in enumerate(ordered)
    }


def _histories(claims: Sequence[Claim], campaign_of: Mapping[str, str]) -> list[tuple[list[int], set[int]]]:
    """Rows of each person's claims, and of each campaign's, in order of time, and for which of them they decide.

    A campaign decides about its own claims; they are in the histories of those who joined it all the same.
    """
    people, campaign = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
    for row in sorted(range(len(claims)), key=lambda row: (claims[row].time, claims[row].claim_id)):
        people[claims[row].owner].append(row)
        if name := campaign_of.get(claims[row].claim_id):
            campaign[name].append(row)
    alone = {row for row, claim in enumerate(claims) if claim.claim_id not in campaign_of}
    return [(rows, alone & set(rows)) for rows in people.values()] + [(rows, set(rows)) for rows in campaign.values()]


def _wanted_by_several(claims: Sequence[Claim], party_of: Mapping[str, str]) -> frozenset[str]:
    """Values that more than one party wants: where all word answers in their own way, wanting another says nothing."""
    parties = defaultdict[str, set[str]](set)
    for claim in claims:
        if claim.wants:
            parties[claim.value].add(party_of[claim.claim_id])
    return frozenset(value for value, who in parties.items() if len(who) > 1)


def _voices(
    claims: Sequence[Claim], peers: Sequence[Sequence[tuple[int, float]]], known: frozenset[str]
) -> list[list[_Voice]]:
    """What peers have to say about the value of each claim, whatever they are trusted."""
    return [list(_about(claim, near, claims, known)) for claim, near in zip(claims, peers, strict=True)]


def _about(
    claim: Claim, near: Sequence[tuple[int, float]], claims: Sequence[Claim], known: frozenset[str]
) -> Iterator[_Voice]:
    for row, similarity in near:
        peer = claims[row]
        if peer.value == claim.value:
            yield row, similarity, peer.affirms == claim.affirms
        elif peer.wants and peer.value in known:
            yield row, similarity, not claim.affirms


def _evidence(claims: Sequence[Claim], voices: Sequence[Sequence[_Voice]], trust: Sequence[float]) -> list[_Evidence]:
    """What peers say about each claim; what one person claims about one answer weighs as one claim."""
    count = Counter((claim.owner, claim.answer_id) for claim in claims)
    asked = (_asked(about, trust) for about in voices)
    return [
        _Evidence(said.right, said.weight / count[claim.owner, claim.answer_id])
        for claim, said in zip(claims, asked, strict=True)
    ]


def _asked(voices: Sequence[_Voice], trust: Sequence[float]) -> _Evidence:
    """What peers, each as far as trusted and similar, say about one claim."""
    agree = disagree = 0.0
    count = 0
    for row, similarity, agrees in voices:
        if trust[row] >= DISTRUSTED:
            count += 1
            if agrees:
                agree += similarity * trust[row]
            else:
                disagree += similarity * trust[row]
    if count < MIN_PEERS:
        return _NOTHING
    right = agree / (agree + disagree)
    return _Evidence(right, abs(2 * right - 1))


def _usual(histories: Sequence[tuple[Sequence[int], object]], evidence: Sequence[_Evidence]) -> float:
    """What peers grant to the median of those of whom they know something, 1 if there is nobody."""
    shares = list[float]()
    for rows, _ in histories:
        total = sum(evidence[row].weight for row in rows)
        if total >= KNOWN_AFTER:
            shares.append(sum(evidence[row].weight * evidence[row].right for row in rows) / total)
    return max(median(shares), LEAST_USUAL) if shares else 1.0


def _smoothed(evidence: Sequence[_Evidence], usual: float) -> tuple[list[float], list[float]]:
    """Trust at each claim of one history, and how much evidence it rests on."""
    weights = _both_ways([item.weight for item in evidence])
    right = _both_ways([item.weight * item.right for item in evidence])
    start = STRENGTH * START * usual
    return [(start + good) / (STRENGTH + all_of) for good, all_of in zip(right, weights, strict=True)], weights


def _both_ways(values: Sequence[float]) -> list[float]:
    """Sums of values, each weighed by DECAY to the power of its distance."""
    before, after = _forgetting(values), _forgetting(values[::-1])[::-1]
    return [one + other - own for one, other, own in zip(before, after, values, strict=True)]


def _forgetting(values: Sequence[float]) -> list[float]:
    return list(accumulate(values, lambda total, value: total * DECAY + value))
