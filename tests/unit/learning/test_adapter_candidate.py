"""A candidate that is an adapter: what the gate measures is what is served."""

import shutil

import msgspec
import pytest

from feedback.labels import Message
from pipelines import base_model
from pipelines.context import Context
from pipelines.evaluate.candidate import candidate
from pipelines.io.lake import Lake
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from schemas.adapter import ADAPTER_BASE
from tests.conftest import TEST_SECRETS
from tests.tiny_adapters import save_adapter
from tests.tiny_model import tiny_torch_dir

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # PEFT's of transformers


def test_an_adapter_is_released_with_the_name_of_its_base_and_answers_as_the_merged_weights(tmp_path):
    given = {"home": tmp_path, "config_path": REPOSITORY / "feedwheel.toml", "precision": "fp32", "adapters": True}
    settings = Settings(**TEST_SECRETS, **given)
    context = Context(settings, settings.config(), Lake(str(tmp_path / "lake")))
    shutil.copytree(tiny_torch_dir(), tmp_path / "models" / "base" / base_model.BASE_NAME / "torch")
    adapter = save_adapter(tmp_path / "models" / "routing" / "v1" / "adapter", 1, rank=24)
    golden = [[Message("user", f"Where is card {number}?")] for number in range(4)]
    reference, precision, parity = candidate(context, "routing", adapter, golden)
    assert (reference.name, reference.version, precision) == ("feedwheel-routing", "v1", "fp32")
    assert parity.token_agreement == 1
    assert parity.max_difference < 1e-3
    named = (adapter.parent / "adapter-fp32" / ADAPTER_BASE).read_bytes()
    assert msgspec.json.decode(named)["digest"] == base_model.ensure(context).digest
    assert candidate(context, "routing", adapter, golden) == (reference, precision, parity)
