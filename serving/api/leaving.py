"""Waiting on behalf of a client for as long as it waits itself."""

import asyncio
from typing import Any

from fastapi import Request


async def done_or_left(work: "asyncio.Future[Any]", request: Request) -> None:
    """Wait until `work` is done, or the connection that asked for it is closed."""
    left = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((work, left), return_when=asyncio.FIRST_COMPLETED)
    finally:
        left.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
