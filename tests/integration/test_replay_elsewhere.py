"""The first and the last of ten builds come out again: here, and from a copy of the code elsewhere with one worker."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from pipelines import dataset
from pipelines.dataset import replay as replaying
from pipelines.dataset.selection import Selection
from pipelines.io import ray as ray_io
from pipelines.stack.paths import REPOSITORY
from tests.conftest import TEST_SECRETS
from tests.events import APP
from tests.people import Town, messages

pytestmark = [pytest.mark.integration, pytest.mark.slow]

BUILDS = 10
WITH_ONE_WORKER = """
from pipelines.io import ray
ray.LOCAL_CPUS = 1
from pipelines.cli.main import app
app()
"""


def test_ten_builds_come_out_again_elsewhere_and_with_another_number_of_workers(tmp_path, context, clock):
    town, said, built = Town(context(), people=60, tick=lambda: clock.advance(minutes=1)), messages(), []
    with ray_io.ray_session(town.context.settings):
        for number in range(BUILDS):
            town.talk(said[number * 20 : number * 20 + 20])
            town.curate()
            built.append(dataset.run(town.context, APP, Selection(where="weight>=0")))
        assert len({report.content_hash for report in built}) == BUILDS
        for report in (built[0], built[-1]):
            assert replaying.replay(town.context, APP, report.dataset_id).verdict == "IDENTICAL"
    found = replayed_elsewhere(tmp_path / "another place", town.context.settings.home, built[-1].dataset_id)
    assert (found["verdict"], found["code_differs"]) == ("IDENTICAL", False)
    assert found["replayed_hash"] == built[-1].content_hash


def replayed_elsewhere(clone, home, dataset_id):
    """The report of a replay by a copy of the code at another path, in a process that hashes otherwise."""
    for package in ("schemas", "feedback", "pipelines"):
        shutil.copytree(REPOSITORY / package, clone / package, ignore=shutil.ignore_patterns("__pycache__"))
    secrets = {f"FEEDWHEEL_{name.upper()}": str(value) for name, value in TEST_SECRETS.items()}
    place = {
        "FEEDWHEEL_HOME": str(home),
        "FEEDWHEEL_CONFIG_PATH": str(REPOSITORY / "feedwheel.toml"),
        "PYTHONPATH": os.pathsep.join([str(clone), str(clone / "feedback" / "capture" / "client")]),
        "PYTHONHASHSEED": "7",
    }
    command = [sys.executable, "-c", WITH_ONE_WORKER, "dataset", "replay", dataset_id, "--json"]
    environment = {**os.environ, **secrets, **place}
    done = subprocess.run(command, env=environment, cwd=clone, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
