"""Load on an OpenAI-compatible server: so many people at once, each of whom asks again when answered."""

import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True)
class Asked:
    """One answer. Times in seconds since the load began; `first` is None where nothing came."""

    began: float
    first: float | None
    ended: float
    tokens: int
    status: int | str

    @property
    def first_after(self) -> float:
        assert self.first is not None
        return self.first - self.began


@dataclass(frozen=True)
class Load:
    """What came of a load."""

    asked: Sequence[Asked]

    @property
    def tokens_per_s(self) -> float:
        return sum(one.tokens for one in self.asked) / max(one.ended for one in self.asked)

    def first_token_s(self, share: float = 0.5) -> float:
        times = sorted(one.first_after for one in self.asked if one.first is not None)
        return times[min(int(len(times) * share), len(times) - 1)]

    @property
    def per_token_s(self) -> float:
        """Median over answers of the time between two tokens."""
        return statistics.median(
            (one.ended - one.first) / (one.tokens - 1) for one in self.asked if one.first is not None and one.tokens > 1
        )


async def _ask(http: aiohttp.ClientSession, url: str, body: dict[str, Any], start: float) -> Asked:
    began = time.monotonic() - start
    first, tokens = None, 0
    async with http.post(f"{url}/v1/completions", json=body) as response:
        if response.status != 200:
            await response.read()
            return Asked(began, None, time.monotonic() - start, 0, response.status)
        async for line in response.content:
            if line.startswith(b"data: {"):
                chunk = json.loads(line[6:])
                if "error" in chunk:  # which ends a stream that had begun
                    return Asked(began, first, time.monotonic() - start, 0, chunk["error"]["code"])
                if first is None and chunk["choices"] and chunk["choices"][0].get("text"):
                    first = time.monotonic() - start
                if chunk.get("usage"):
                    tokens = chunk["usage"]["completion_tokens"]
    return Asked(began, first, time.monotonic() - start, tokens, 200)


def body(model: str, prompt: str, tokens: int) -> dict[str, Any]:
    """Greedy, of exactly so many tokens."""
    return {
        "model": model, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "ignore_eos": True,
        "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip


def closed_loop(url: str, model: str, prompts: Sequence[str], concurrency: int, tokens: int = 64) -> Load:
    """`concurrency` people ask the prompts, one after the other."""

    async def run() -> Load:
        waiting, asked, start = list(reversed(prompts)), list[Asked](), time.monotonic()
        # A connection for each request: one that is kept may be closed by its server while it is used again.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(600), connector=connector) as http:

            async def person() -> None:
                while waiting:
                    asked.append(await _ask(http, url, body(model, waiting.pop(), tokens), start))

            await asyncio.gather(*(person() for _ in range(concurrency)))
        return Load(asked)

    return asyncio.run(run())


def open_loop(url: str, model: str, prompts: Sequence[str], per_s: float, tokens: int = 64) -> Load:
    """A prompt every 1/per_s seconds, whatever becomes of the others."""

    async def run() -> Load:
        start = time.monotonic()
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(600), connector=connector) as http:

            async def at(number: int, prompt: str) -> Asked:
                await asyncio.sleep(max(0.0, number / per_s - (time.monotonic() - start)))
                return await _ask(http, url, body(model, prompt, tokens), start)

            return Load(await asyncio.gather(*(at(number, prompt) for number, prompt in enumerate(prompts))))

    return asyncio.run(run())
