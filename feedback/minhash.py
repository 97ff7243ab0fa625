"""MinHash: which of many texts may be alike, found without comparing each with each.

In: normalised texts. Out: a signature for each, and the pairs of rows whose signatures meet. Pure: a signature depends
on its text alone, so it is the same in every run, on every machine (I3).

Numpy and no library: rensa signs as fast, but gives its numbers as Python lists, which takes twice as long as all of
this (docs/duplicates.md has the figures).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Signatures = NDArray[np.uint32]
"""MinHash signatures, uint32 [texts, PERMUTATIONS]."""
Hashes = NDArray[np.uint32]
Pairs = NDArray[np.int64]
"""Rows of two texts, int64 [pairs, 2]."""

PERMUTATIONS: Final = 128
SHINGLE_CHARS: Final = 4
"""Characters, not words: in a message of ten words one typo changes a third of all word triples."""
BANDS: Final = 32
"""Bands of 4: texts of Jaccard similarity 0.65 meet in one with probability 0.998, of 0.1 with 0.003."""
_TEXTS_AT_ONCE: Final = 1_000
"""Their shingles stay in a processor's second cache: half as long for each text as a million at once."""
_NEIGHBOURS: Final = 8
"""In a bucket a text meets the first and the next so many: the work grows with the texts, not with their pairs."""
_PAIRS_AT_ONCE: Final = 4_096
"""Their signatures, 4 MB, stay in a processor's caches: a quarter of the time for each pair of 65,536 at once."""
_PAIRS_WAITING: Final = 1_048_576
"""Of 8 bytes, until they are sorted: once for all bands, where texts are few."""


def _multipliers() -> Hashes:
    """Odd factors, one for each permutation, by splitmix64 (Steele et al. 2014): the same for ever."""
    steps = np.arange(1, PERMUTATIONS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    steps = (steps ^ (steps >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    steps = (steps ^ (steps >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((steps ^ (steps >> np.uint64(31))) >> np.uint64(32)).astype(np.uint32) | np.uint32(1)


_MULTIPLIERS: Final = _multipliers()


def sign(texts: Sequence[str]) -> Signatures:
    """MinHash of each text over its pieces of SHINGLE_CHARS characters; a shorter text is one piece."""
    parts = [_signed(texts[start : start + _TEXTS_AT_ONCE]) for start in range(0, len(texts), _TEXTS_AT_ONCE)]
    return np.concatenate(parts) if parts else np.empty((0, PERMUTATIONS), np.uint32)


def _signed(texts: Sequence[str]) -> Signatures:
    hashes, starts = _shingle_hashes(texts)
    permuted, largest = np.empty_like(hashes), np.empty((PERMUTATIONS, len(texts)), np.uint32)
    for factor, row in zip(_MULTIPLIERS, largest, strict=True):
        np.multiply(hashes, factor, out=permuted)
        np.maximum.reduceat(permuted, starts, out=row)
    return np.ascontiguousarray(largest.T)


def _shingle_hashes(texts: Sequence[str]) -> tuple[Hashes, NDArray[np.int64]]:
    """Hashes of the pieces of all texts, one text after the other, and where each begins; 0 between texts.

    Nothing multiplied is nothing, and never the largest: so the largest stands for the text, not the smallest.
    """
    padding = " " * SHINGLE_CHARS
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    ends = np.cumsum(lengths + len(padding))
    starts = ends - lengths - len(padding)
    characters = np.frombuffer((padding.join(texts) + 2 * padding).encode("utf-32-le", "surrogatepass"), np.uint32)
    hashes = np.zeros(ends[-1], np.uint32)
    for place in range(SHINGLE_CHARS):
        hashes *= np.uint32(0x01000193)
        hashes += characters[place : place + len(hashes)]
    hashes = _mixed(hashes)
    behind = starts + np.maximum(lengths - SHINGLE_CHARS + 1, 1)  # a short text is one piece, padded
    between = behind[:, None] + np.arange(2 * SHINGLE_CHARS - 1)
    hashes[np.minimum(between, ends[:, None] - 1)] = 0
    return hashes, starts


def _mixed(hashes: Hashes) -> Hashes:
    """Spread over all bits: the finaliser of MurmurHash3 (Appleby 2011)."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        hashes ^= hashes >> np.uint32(shift)
        hashes *= np.uint32(factor)
    return hashes


def agreement(signatures: Signatures, pairs: Pairs) -> NDArray[np.float64]:
    """Estimated Jaccard similarity of each pair of rows: the share of permutations in which both agree."""
    return agreement_across(signatures, signatures, pairs)


def agreement_across(signatures: Signatures, others: Signatures, pairs: Pairs) -> NDArray[np.float64]:
    """The same, the first of each pair a row of `signatures`, the second of `others`."""
    chunks = (pairs[start : start + _PAIRS_AT_ONCE] for start in range(0, len(pairs), _PAIRS_AT_ONCE))
    equal = (signatures[chunk[:, 0]] == others[chunk[:, 1]] for chunk in chunks)
    # At most PERMUTATIONS: so small numbers are added four times as fast.
    counts = [np.empty(0, np.uint8), *(each.sum(axis=1, dtype=np.uint8) for each in equal)]
    return np.concatenate(counts) / np.float64(PERMUTATIONS)


def meetings(signatures: Signatures, rows: NDArray[np.int64], least: float) -> Pairs:
    """Pairs of `rows` that share a band and whose signatures agree in at least that share; each pair once.

    Of two rows the one that stands first in `rows` is first in the pair: their order decides who meets in a crowd.
    """
    met = (pairs for band in _BANDS_OF_COLUMNS for pairs in _met(_band_keys(signatures[:, band])[rows]))
    return rows[_agreeing(met, lambda places: agreement(signatures, rows[places]) >= least)]


def meetings_across(signatures: Signatures, others: Signatures, least: float) -> Pairs:
    """Every pair of a row of `signatures` and one of `others` that share a band and agree in at least that share."""
    bands = ((_band_keys(signatures[:, band]), _band_keys(others[:, band])) for band in _BANDS_OF_COLUMNS)
    met = (_met_across(keys, other_keys) for keys, other_keys in bands)
    return _agreeing(met, lambda pairs: agreement_across(signatures, others, pairs) >= least)


def _agreeing(met: Iterable[NDArray[np.uint64]], agrees: Callable[[Pairs], NDArray[np.bool_]]) -> Pairs:
    """Those of the packed pairs that agree, sorted, each once."""
    found = np.empty(0, np.uint64)
    for packed in _many_at_once(met):
        packed.sort()
        new = packed[np.diff(packed, prepend=_NO_PAIR) != 0]
        new = new[~np.isin(new, found, assume_unique=True)] if len(found) else new
        found = np.sort(np.concatenate([found, new[agrees(_unpacked(new))]]))
    return _unpacked(found)


def _many_at_once(met: Iterable[NDArray[np.uint64]]) -> Iterator[NDArray[np.uint64]]:
    waiting, count = list[NDArray[np.uint64]](), 0
    for pairs in met:
        waiting.append(pairs)
        count += len(pairs)
        if count >= _PAIRS_WAITING:
            yield np.concatenate(waiting)
            waiting, count = [], 0
    if waiting:
        yield np.concatenate(waiting)


_NO_PAIR: Final = np.uint64(2**64 - 1)
"""Packed rows of more texts than there can be."""


def _met_across(keys: NDArray[np.uint64], other_keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Packed pairs of places with the same key."""
    order = np.argsort(other_keys, kind="stable")
    first, last = (np.searchsorted(other_keys[order], keys, side) for side in ("left", "right"))
    counts = last - first
    inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    others = order[np.repeat(first, counts) + inside].astype(np.uint64)
    packed: NDArray[np.uint64] = np.repeat(np.arange(len(keys), dtype=np.uint64), counts) << np.uint64(32) | others
    return packed


_BANDS_OF_COLUMNS: Final = [
    slice(start, start + PERMUTATIONS // BANDS) for start in range(0, PERMUTATIONS, PERMUTATIONS // BANDS)
]


def _band_keys(band: Signatures) -> NDArray[np.uint64]:
    """One number for the columns of a band."""
    keys = np.zeros(len(band), np.uint64)
    for column in band.T:
        np.bitwise_xor(keys, column, out=keys)
        np.multiply(keys, np.uint64(0x9E3779B97F4A7C15), out=keys)
        np.bitwise_xor(keys, keys >> np.uint64(29), out=keys)
    return keys


def _met(keys: NDArray[np.uint64]) -> Iterator[NDArray[np.uint64]]:
    """Pairs of places with the same key, packed: each with the first of its bucket and with those before it."""
    buckets, places = _together(keys)
    firsts = np.flatnonzero(np.r_[True, buckets[1:] != buckets[:-1]][: len(buckets)])
    yield _packed(np.repeat(places[firsts], np.diff(np.r_[firsts, len(places)])), places)
    for distance in range(1, _NEIGHBOURS + 1):
        same = buckets[distance:] == buckets[:-distance]
        yield _packed(places[:-distance][same], places[distance:][same])


def _together(keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Keys and their places, sorted, less most of those that stand alone."""
    place_bits = np.uint64(max(1, len(keys) - 1).bit_length())
    # Most keys are alone even in a table of a few times their number: that is counted ten times as fast as sorted.
    slots = (keys >> (np.uint64(61) - place_bits)).astype(np.int64)
    places = np.flatnonzero(np.bincount(slots)[slots] > 1).astype(np.uint64) if len(keys) else keys
    # Sorting numbers is twice as fast as sorting their places: the place stands in the low bits.
    packed = np.sort((keys[places] >> place_bits) << place_bits | places)
    return packed >> place_bits, packed & ((np.uint64(1) << place_bits) - np.uint64(1))


def _packed(low: NDArray[np.uint64], high: NDArray[np.uint64]) -> NDArray[np.uint64]:
    different = low != high
    packed: NDArray[np.uint64] = low[different] << np.uint64(32) | high[different]
    return packed


def _unpacked(pairs: NDArray[np.uint64]) -> Pairs:
    return np.stack([pairs >> np.uint64(32), pairs & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int64)
