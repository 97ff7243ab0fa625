"""What a training run is a function of, and where its files are.

In: a data set, the base model, the section [training]. Out: a plan whose version names exactly these, so a run that was
killed finds its own checkpoints, and a run that is done is not done again.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pipelines import base_model
from pipelines.context import Context
from pipelines.dataset.manifest import Manifest
from pipelines.io.models import directory_digest
from pipelines.runs import canonical_json
from schemas.config import Training


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


def make_plan(context: Context, app: str, manifest: Manifest) -> Plan:
    """The plan of a data set; builds the base model if it is not there."""
    base = base_model.torch_dir(context)
    base_digest = directory_digest(base)
    training = context.config.training
    meaning = canonical_json([manifest.content_hash, base_digest, training.model_dump(mode="json")])
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
        model=models / version,
    )
