"""What a training run is a function of, and where its files are.

In: a data set, the base model, the section [training]. Out: a plan whose version names exactly these, so a run that was
killed finds its own checkpoints, and a run that is done is not done again.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines import base_model
from pipelines.context import Context
from pipelines.dataset.manifest import Manifest
from pipelines.io.models import directory_digest
from pipelines.runs import canonical_json
from schemas.adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from schemas.config import Training

ADAPTER_FILES: Final = (ADAPTER_WEIGHTS, ADAPTER_CONFIG)
"""What is kept of a training, the weights first."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One training run. `work` holds rows, progress and checkpoints while it lasts; `model` what comes of it."""

    app: str
    version: str
    manifest: Manifest
    base: Path
    base_digest: str
    training: Training
    work: Path
    model: Path

    @property
    def adapter(self) -> Path:
        """The finished adapter."""
        return self.model / "adapter"


def make_plan(context: Context, app: str, manifest: Manifest, share: float | None = None) -> Plan:
    """The plan of a data set, or of a share of its people; builds the base model if it is not there.

    What is trained on a share is nobody's model: it lies apart.
    """
    base = base_model.torch_dir(context)
    base_digest = directory_digest(base)
    training = context.config.training
    of_share = [] if share is None else [share]
    meaning = canonical_json([manifest.content_hash, base_digest, training.model_dump(mode="json"), *of_share])
    version = f"{manifest.built_at:%Y%m%dT%H%M%S}-{hashlib.sha256(meaning.encode()).hexdigest()[:8]}"
    models = context.settings.home.absolute() / "models" / app
    return Plan(
        app=app,
        version=version,
        manifest=manifest,
        base=base,
        base_digest=base_digest,
        training=training,
        work=models / ".training" / version,
        model=models / ".shares" / version if of_share else models / version,
    )
