"""Training that is killed goes on: real Ray and TRL, a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from pipelines import train
from pipelines.io import ray as ray_io
from pipelines.trained import newest_model
from schemas.errors import NothingToDo
from tests.events import APP
from tests.learning_place import Place, built

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # MLflow, SQLAlchemy, transformers and PEFT warn of each other's coming versions.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def test_training_that_is_killed_goes_on_and_ends_with_the_same_adapter(tmp_path, context, clock):
    place, twin = Place.prepare(tmp_path, steps=0, epochs=6), tmp_path / "twin"
    with ray_io.ray_session(context().settings):
        ctx, report = built(place, context, clock, 180)
        shutil.copytree(place.home, twin)
        _train_and_kill(place, after_step=38)  # Ray notes the checkpoint of step 20 some seconds later
        assert newest_model(ctx.lake, APP) is None
        continued = train.run(ctx, APP)
        whole = train.run(context(**{**place.settings, "home": twin}), APP)
    assert 20 <= continued.resumed_at < continued.steps
    assert (whole.resumed_at, whole.steps) == (0, continued.steps)
    assert whole.adapter_digest == continued.adapter_digest
    assert whole.dataset_id == continued.dataset_id == report.dataset_id
    assert whole.examples == report.sets["sft"]
    with pytest.raises(NothingToDo, match="trained on already"):
        train.run(ctx, APP)
    assert not list((place.home / "models" / APP).glob(".training/*"))


def _train_and_kill(place, after_step):
    """SIGKILL a training process once it has told of a step."""
    command = [sys.executable, "-c", "from pipelines.cli.main import app; app()", "train"]
    process = subprocess.Popen(command, env=place.environment, start_new_session=True, stderr=subprocess.DEVNULL)
    deadline, told = time.monotonic() + 240, 0
    while told < after_step:
        assert process.poll() is None, "training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.05)
        told = _last_step(place)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_step(place):
    steps = [0]
    for path in place.home.glob(f"models/{APP}/.training/*/progress.jsonl"):
        lines = path.read_bytes().splitlines(keepends=True)
        steps += [json.loads(line).get("step", 0) for line in lines if line.endswith(b"\n")]
    return max(steps)
