"""The learning curve of a small model: real Ray, TRL, export and serving."""

import json
from typing import get_args

import pytest
from typer.testing import CliRunner

from feedback.curve import Worth
from pipelines import dataset
from pipelines.cli.main import app
from pipelines.io import ray as ray_io
from tests.events import APP
from tests.learning_place import Place
from tests.people import Town
from tests.router_model import routed_messages

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def test_a_curve_trains_and_asks_models_that_nobody_keeps(tmp_path, context, clock, monkeypatch):
    place = Place.prepare(tmp_path, steps=45, epochs=1, learning_rate=3e-3)
    ctx = context(**place.settings)
    town = Town(ctx, people=80, tick=lambda: clock.advance(minutes=1))
    town.talk(routed_messages(200))
    monkeypatch.setattr("pipelines.cli.learning._context", lambda: ctx)
    monkeypatch.setattr("pipelines.curve.SHARES", (0.4, 1.0))  # two trainings tell as much of the code as three
    with ray_io.ray_session(ctx.settings):
        town.curate()
        built = dataset.run(ctx, APP)
        picture = tmp_path / "curve.png"
        printed = CliRunner().invoke(app, ["curve", "--json", "--plot", str(picture)], catch_exceptions=False).stdout
    found = json.loads(printed)
    part, whole = found["points"]
    assert part["examples"] < whole["examples"] == built.sets["sft"]
    assert found["slope"]["low"] <= found["slope"]["estimate"] <= found["slope"]["high"]
    assert found["worth"] in get_args(Worth)
    assert found["people"] == whole["accuracy"]["n"] > 10
    assert picture.stat().st_size > 1_000
    assert ctx.lake.read("ops/models").num_rows == 0
    assert [path for path in place.home.glob(f"models/{APP}/.*/*") if path.is_dir()] == []
