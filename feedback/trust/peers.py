"""Peers: who else said something about the same or a similar question.

In: claims. Out: for each claim the nearest claims of other people. Similarity is the cosine of inverse document
frequencies over words, hashed. Weights are whole numbers, so their products are exact in float32 in whatever order a
machine adds them: the same claims give the same peers everywhere (I3).
"""

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from feedback.trust.claims import Claim

Weights = NDArray[np.float32]

NEAREST: Final = 10
"""Peers asked about one claim, each another person."""
MIN_SIMILARITY: Final = 0.3
"""Cosine below which two questions share little but common words. Over 1,500 messages to a bank of 20 topics, 96 % have
three peers above it, and their majority names the right topic in 87 %; without a bound 86 %, at 0.4 91 % of 72 %."""
_COLUMNS: Final = 1024
_QUARTERS: Final = 4
"""Inverse document frequencies are rounded to quarters; squares of 700 words of the rarest stay below 2**24."""
_ROWS: Final = 256
"""Rows of one block: at MAX_POOL 20 MB of similarities."""
_LOOKED_AT: Final = 8 * NEAREST
"""Nearest claims among which other people are looked for: one person may hold several."""
MAX_POOL: Final = 20_000
"""Claims among which peers are sought, drawn by id where there are more: so time grows linearly beyond."""


def peers_of(claims: Sequence[Claim], party_of: Mapping[str, str]) -> list[list[tuple[int, float]]]:
    """Row and similarity (MIN_SIMILARITY..1) of each claim's peers, at most NEAREST, the nearest first.

    party_of: claims of one party are one voice, and none of them is a peer of another; by claim id.
    `claims` must be sorted by id.
    """
    inverse = _inverse_frequencies(claims)
    pool = _features(claims[:MAX_POOL], inverse)
    squares = (pool * pool).sum(axis=1)
    parties = [party_of[claim.claim_id] for claim in claims]
    found = list[list[tuple[int, float]]]()
    for first in range(0, len(claims), _ROWS):
        block = _features(claims[first : first + _ROWS], inverse)
        norms = np.sqrt((block * block).sum(axis=1, keepdims=True) * squares)
        similar = np.divide(block @ pool.T, norms, out=np.zeros_like(norms), where=norms > 0)
        found += [list(_others(row, first + place, claims, parties)) for place, row in enumerate(similar)]
    return found


def _inverse_frequencies(claims: Sequence[Claim]) -> Weights:
    """Rounded inverse document frequency of each hashed word, float32 [_COLUMNS]."""
    counts = Counter(column for claim in claims for column in _columns(claim.text))
    present = np.array([counts[column] for column in range(_COLUMNS)])
    return np.round(_QUARTERS * np.log((1 + len(claims)) / (1 + present))).astype(np.float32)


def _features(claims: Sequence[Claim], inverse: Weights) -> Weights:
    """The weights of the words of each question, float32 [claims, _COLUMNS]."""
    rows = np.zeros((len(claims), _COLUMNS), dtype=np.float32)
    for row, claim in zip(rows, claims, strict=True):
        columns = list(_columns(claim.text))
        row[columns] = inverse[columns]
    return rows


def _columns(text: str) -> set[int]:
    return {zlib.crc32(word.encode()) % _COLUMNS for word in text.split()}


def _others(
    similar: Weights, place: int, claims: Sequence[Claim], parties: Sequence[str]
) -> Iterator[tuple[int, float]]:
    """The nearest claim of each of the nearest others; of equally near ones the smaller id."""
    seen = {parties[place]}
    for row in _nearest(similar):
        if claims[row].owner != claims[place].owner and parties[row] not in seen:
            seen.add(parties[row])
            yield int(row), float(similar[row])
        if len(seen) > NEAREST:
            return


def _nearest(similar: Weights) -> NDArray[np.intp]:
    """Places of the _LOOKED_AT most similar, and of all that are as similar as the last of them, in order."""
    least = np.partition(similar, -_LOOKED_AT)[-_LOOKED_AT] if len(similar) > _LOOKED_AT else 0.0
    rows = np.flatnonzero(similar >= max(least, MIN_SIMILARITY))
    return rows[np.argsort(-similar[rows], kind="stable")]
