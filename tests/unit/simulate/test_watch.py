"""Everybody who sends traffic asks whether the release is decided, at the same time."""

import asyncio

from pipelines.simulate.turn import RolloutWatch


class SlowServing:
    """Answers once it is let go."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()

    async def rollout(self, app: str) -> dict[str, str]:
        await self.answers.wait()
        return {"release_id": "r1", "state": "PROMOTE"}


def test_who_asks_while_another_still_looks_hears_that_nothing_is_decided():
    async def ask() -> list[bool]:
        serving = SlowServing()
        watch = RolloutWatch(serving, "routing", "r1")
        first = asyncio.create_task(watch.is_decided())
        await asyncio.sleep(0)
        meanwhile = await watch.is_decided()
        serving.answers.set()
        return [meanwhile, await first, await watch.is_decided()]

    assert asyncio.run(ask()) == [False, True, True]
