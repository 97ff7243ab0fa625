"""Erase one person: their wish as an event, and everything that follows from it.

In: a key of theirs, or the id by which the application knows them, which is hashed here and goes nowhere. Out: an
erasure in Kafka and in bronze, every table without their words, and a receipt. The steps, numbered as in the code:

1. find whom it is about (`find`);
2. publish that they ask to be erased, as an application does for them: all that is derived later keeps to it;
3. ingest it;
4. apply it (`pipelines.privacy.stage`).

Killed anywhere and run again, it goes on; asking twice changes nothing more.
"""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc
from feedwheel_capture.errors import PublishFailed
from feedwheel_capture.events import Erasure
from feedwheel_capture.identity import Person
from feedwheel_capture.ids import user_key as hash_user
from feedwheel_capture.ids import uuid7
from feedwheel_capture.kafka import EventProducer
from feedwheel_capture.recorder import make_event, to_record
from feedwheel_capture.records import Author

from pipelines.context import Context
from pipelines.io.kafka_admin import readable
from pipelines.people import PERSONAL_TABLES, UserKeys, find_person, stored_keys
from pipelines.privacy import stage
from pipelines.privacy.holdings import nothing_held
from pipelines.privacy.receipt import Receipt
from schemas.errors import InfrastructureError, NothingToDo

SOURCE = "/feedwheel/erase"


def erase(context: Context, app: str, person: Person) -> Receipt:
    """Erase a person whom `find` has found. Raises InfrastructureError, ConfigError."""
    from pipelines import ingest  # brings Beam

    _publish(context, app, person)  # 2
    try:
        ingest.run(context)  # 3
    except NothingToDo as error:
        raise InfrastructureError(
            f"{app}: the erasure is in Kafka, and another drain is taking it up: run this again"
        ) from error
    return stage.run(context, app)  # 4


def find(context: Context, app: str, user: str) -> Person:
    """Step 1: whom the application knows by this id, or whose key it is, of any layer. Raises CheckFailed."""
    context.config.app(app)
    keys = UserKeys(context.settings.user_keys)
    for key in (hash_user(keys.layers, app, user), user):
        if found := find_person(context.lake, app, keys, key):
            return Person(
                found, len(keys.layers), _split_bucket(context, app, stored_keys(context.lake, app, keys, {found}))
            )
    raise nothing_held(app)


def _split_bucket(context: Context, app: str, keys: Collection[str]) -> int:
    """The bucket that the events of a person carry, who has some."""
    where = (pc.field("app") == app) & pc.field("user_key").isin(pa.array(sorted(keys), pa.string()))
    tables = (context.lake.read(table, ["split_bucket"], where).column("split_bucket") for table in PERSONAL_TABLES)
    return int(next(bucket for column in tables for bucket in column.to_pylist()))


def _publish(context: Context, app: str, person: Person) -> None:
    """Step 2."""
    now = context.clock()
    simulated = context.config.app(app).simulated
    asked = Erasure(**Author(app, person, "none", simulated).fields(), erasure_id=uuid7(now))
    try:
        with readable(), EventProducer(context.settings.kafka) as producer:
            producer.publish([to_record(make_event(asked, SOURCE, now))])
    except PublishFailed as error:
        raise InfrastructureError(
            f"Kafka at {context.settings.kafka}: {error}: nobody is erased yet; start it (`feedwheel up kafka`) and "
            "run this again"
        ) from error
