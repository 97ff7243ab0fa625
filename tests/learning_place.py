"""A home in which a small model is trained: a base model, a configuration that fits it, and data sets."""

import os
from dataclasses import dataclass
from pathlib import Path

from pipelines import dataset
from pipelines.base_model import BASE_NAME
from pipelines.stack.paths import REPOSITORY
from tests.conftest import TEST_SECRETS
from tests.events import APP
from tests.people import Town
from tests.router_model import routed_messages, save_router

PROMPT = (
    "You route messages of a bank's customers. Answer with the topic of the message in a few words and nothing else."
)


@dataclass(frozen=True)
class Place:
    """A home with a small base model, and a configuration whose training fits it."""

    home: Path
    config: Path

    @classmethod
    def prepare(cls, folder: Path, steps: int, **decisions: object) -> "Place":
        base = folder / "home" / "models" / "base" / BASE_NAME / "torch"
        base.parent.mkdir(parents=True)
        save_router(base, PROMPT, steps)
        text = (REPOSITORY / "feedwheel.toml").read_text()
        for name, value in decisions.items():
            lines = [line for line in text.splitlines() if line.startswith(f"{name} = ")]
            text = text.replace(lines[0], f"{name} = {value}")
        config = folder / "feedwheel.toml"
        config.write_text(text)
        return cls(folder / "home", config)

    @property
    def settings(self) -> dict[str, object]:
        tracking = f"sqlite:///{self.home / 'mlflow.db'}"
        return {
            "home": self.home,
            "config_path": self.config,
            "precision": "fp32",
            "mlflow_tracking_uri": tracking,
        }

    @property
    def environment(self) -> dict[str, str]:
        secrets = {f"FEEDWHEEL_{name.upper()}": str(value) for name, value in TEST_SECRETS.items()}
        place = {
            "FEEDWHEEL_HOME": str(self.home),
            "FEEDWHEEL_CONFIG_PATH": str(self.config),
            "FEEDWHEEL_PRECISION": "fp32",
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.home / 'mlflow.db'}",
        }
        return {**os.environ, **secrets, **place}


def built(place, make_context, clock, count=400):
    context = make_context(**place.settings)
    town = Town(context, people=150, tick=lambda: clock.advance(minutes=1))
    town.talk(routed_messages(count))
    town.curate()
    return context, dataset.run(context, APP)
