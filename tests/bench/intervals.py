"""How sure a measured share or ratio is, as benchmarks print it."""

from collections.abc import Sequence

import numpy as np


def interval(hits: int, n: int, digits: int = 2) -> str:
    """Share and its 95 % interval (Wilson 1927)."""
    if not n:
        return "-"
    p, z = hits / n, 1.96
    middle, half = p + z * z / 2 / n, z * ((p * (1 - p) + z * z / 4 / n) / n) ** 0.5
    low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return f"{p:.{digits}f} ({max(low, 0.0):.{digits}f} to {high:.{digits}f}), {hits} of {n}"


def ratio(ours: Sequence[float], others: Sequence[float]) -> str:
    """Geometric mean of the rounds' ratios with a 95 % bootstrap interval over rounds."""
    logs, draw = np.log(np.array(ours) / np.array(others)), np.random.default_rng(0)
    means = logs[draw.integers(0, len(logs), (10_000, len(logs)))].mean(1)
    low, high = np.exp(np.quantile(means, (0.025, 0.975)))
    return f"{np.exp(logs.mean()):.2f} ({low:.2f} to {high:.2f})"
