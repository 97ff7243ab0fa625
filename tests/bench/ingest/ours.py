"""Contestant: `feedwheel ingest` as it is.  BOOTSTRAP TOPIC DIRECTORY"""

import sys
from pathlib import Path

from pipelines import ingest
from pipelines.context import Context
from pipelines.io.lake import Lake
from pipelines.settings import Settings
from tests.bench.ingest.race import race
from tests.conftest import TEST_SECRETS
from tests.topics import declaring

TABLE = "bronze/generations"


def main(bootstrap: str, topic: str, directory: str) -> None:
    settings = Settings(home=Path(directory), kafka_bootstrap_servers=bootstrap, **TEST_SECRETS)
    context = Context(settings, settings.config(), Lake(""))

    def drain(number: int) -> dict[str, object]:
        lake = Lake(str(Path(directory) / str(number)))
        ingest.run(declaring(Context(settings, context.config, lake), {topic: "feedwheel.generations"}))
        return {"table": lake.uri(TABLE)}

    race(drain)


main(*sys.argv[1:])
