"""What a model answers to the gate items: asked once per item and model, over HTTP, from the engine people get (I3).

In: items and a model artefact. Out: an answer for each item; those that gold/answers holds already are not asked again.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
import pyarrow.compute as pc
from feedwheel_capture.events import ModelRef

from pipelines.context import Context
from pipelines.evaluate.items import Item
from pipelines.io.fence import Fenced
from pipelines.io.models import local_path
from pipelines.io.served import served
from pipelines.io.serving import ServingClient

_CONCURRENT_REQUESTS: Final = 16
"""As many as the decoding batch takes at once."""
_SPARE_TOKENS: Final = 16


def answers(context: Context, into: Fenced, model: ModelRef, items: Sequence[Item]) -> dict[str, str]:
    """The model's answer by example id. Raises InfrastructureError, also if words were taken out meanwhile."""
    known = _known(context, model)
    missing = [item for item in items if item.example_id not in known]
    if missing:
        with served(local_path(model)) as base_url:
            new = asyncio.run(_ask_all(into.app, base_url, missing))
        known |= new
        _remember(context, into, model, missing, new)
    return {item.example_id: known[item.example_id] for item in items}


def _known(context: Context, model: ModelRef) -> dict[str, str]:
    where = pc.field("model_digest") == model.digest
    rows = context.lake.read("gold/answers", ["example_id", "answer"], where)
    return dict(zip(*(column.to_pylist() for column in rows.columns), strict=True))


async def _ask_all(app: str, base_url: str, items: Sequence[Item]) -> dict[str, str]:
    places = asyncio.Semaphore(_CONCURRENT_REQUESTS)

    async def ask(client: ServingClient, item: Item) -> tuple[str, str]:
        async with places:
            thread = msgspec.to_builtins(item.prompt)
            answer = await client.chat(app, thread, max_tokens=_max_tokens(item))
        return item.example_id, answer.text

    async with ServingClient(base_url) as client:
        return dict(await asyncio.gather(*(ask(client, item) for item in items)))


def _max_tokens(item: Item) -> int:
    """Room for the wanted answer and more: a token has two characters or more, and a longer answer is wrong anyway."""
    return len(item.completion) // 2 + _SPARE_TOKENS


def _remember(context: Context, into: Fenced, model: ModelRef, items: Sequence[Item], new: dict[str, str]) -> None:
    now = context.clock()
    into.append(
        "gold/answers",
        [
            {
                "model_digest": model.digest,
                "example_id": item.example_id,
                "app": into.app,
                "user_key": item.user_key,
                "answer": new[item.example_id],
                "answered_at": now,
            }
            for item in items
        ],
    )
