"""Ports for servers that tests start."""

import os
import random
import socket
from typing import Final

_FIRST: Final = 20_000
_OF_A_WORKER: Final = 3_000
"""As many as `make test` may start workers (4) fit below 32,000."""
_WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
"""Each has ports of its own: none may take what a test of another leaves closed for a while."""

_given: Final = set[int]()
"""Nobody may listen yet at a port that was given a moment ago: none is given twice."""


def free_port(adjacent: int = 1) -> int:
    """First of `adjacent` free ports, below the range that the system gives to outgoing connections.

    Inside that range another connection may take the port while a test keeps its server down, and a client that
    retries a closed port can even connect to itself.
    """
    lowest = _FIRST + _WORKER * _OF_A_WORKER
    for _ in range(200):
        first = random.SystemRandom().randrange(lowest, lowest + _OF_A_WORKER - adjacent)
        ports = range(first, first + adjacent)
        if _given.isdisjoint(ports) and all(is_free(port) for port in ports):
            _given.update(ports)
            return first
    raise RuntimeError(f"no free ports from {lowest} on")


def is_free(port: int) -> bool:
    """Whether nothing accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
