"""How sure a measured share is, as benchmarks print it."""


def interval(hits: int, n: int, digits: int = 2) -> str:
    """Share and its 95 % interval (Wilson 1927)."""
    if not n:
        return "-"
    p, z = hits / n, 1.96
    middle, half = p + z * z / 2 / n, z * ((p * (1 - p) + z * z / 4 / n) / n) ** 0.5
    low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return f"{p:.{digits}f} ({max(low, 0.0):.{digits}f} to {high:.{digits}f}), {hits} of {n}"
