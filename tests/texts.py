"""Where in a lake what people wrote can be read."""

import pyarrow.compute as pc

from schemas.tables import TABLES


def tables_with(lake, *words):
    """Tables in whose newest version any of these texts can be read."""
    return {name for name in TABLES for row in lake.read(name).to_pylist() if any(word in repr(row) for word in words)}


def texts_of(lake, person):
    """What a person wrote, as bronze has it."""
    rows = lake.read("bronze/generations", ["input"], pc.field("user_key") == person).to_pylist()
    return [message["content"] for row in rows for message in row["input"] if message["role"] == "user"]
