"""Ports for servers that tests start."""

import random
import socket


def free_port(adjacent: int = 1) -> int:
    """First of `adjacent` free ports, below the range that the system gives to outgoing connections.

    Inside that range another connection may take the port while a test keeps its server down, and a client that
    retries a closed port can even connect to itself.
    """
    for _ in range(200):
        first = random.SystemRandom().randrange(20_000, 32_000 - adjacent)
        if all(is_free(port) for port in range(first, first + adjacent)):
            return first
    raise RuntimeError("no free ports between 20000 and 32000")


def is_free(port: int) -> bool:
    """Whether nothing accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
