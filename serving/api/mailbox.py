"""What the engine's thread delivers, on its way to the event loop.

A decoding step delivers to every row at once; the loop is woken once for all of them, not once for each.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from serving.engine.job import Delivery


class Mailbox:
    """Deliveries in order; `put` is any thread's, the rest is the loop's that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Callable[[Delivery], None], Delivery]] = deque()
        self._is_called = False

    def put(self, take: Callable[[Delivery], None], delivery: Delivery) -> None:
        """Let the loop call `take` with the delivery."""
        self._waiting.append((take, delivery))
        if not self._is_called:
            self._is_called = True
            self._loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        # Before looking: what comes from now on calls again, which at worst finds nothing.
        self._is_called = False
        while self._waiting:
            take, delivery = self._waiting.popleft()
            take(delivery)
