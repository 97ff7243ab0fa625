"""A candidate that is an adapter: what the gate measures is what is served."""

import shutil

import msgspec
import pytest
from feedwheel_capture.events import ModelRef

from feedback.labels import Message
from pipelines import base_model
from pipelines.context import Context
from pipelines.evaluate.candidate import candidate
from pipelines.evaluate.parity import Golden
from pipelines.io.models import path_of
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from schemas.adapter import ADAPTER_BASE
from tests.conftest import TEST_SECRETS
from tests.tiny_adapters import save_adapter
from tests.tiny_model import tiny_torch_dir

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # PEFT's of transformers


GOLDEN = [Golden([Message("user", "Where is my card?")], "in the post")]


@pytest.fixture
def context(tmp_path):
    """Make contexts over a home with the tiny model as base model."""
    shutil.copytree(tiny_torch_dir(), tmp_path / "models" / "base" / base_model.BASE_NAME / "torch")
    given = {"home": tmp_path, "config_path": REPOSITORY / "feedwheel.toml", "precision": "fp32", **TEST_SECRETS}
    return lambda adapters: Context.of(Settings(**given, adapters=adapters))


@pytest.mark.parametrize(("adapters", "form"), [(True, "adapter-fp32"), (False, "onnx-fp32")])
def test_either_form_of_a_candidate_answers_as_the_merged_weights(tmp_path, context, adapters, form):
    adapter = save_adapter(tmp_path / "models" / "routing" / "v1" / "adapter", 1, rank=24)
    golden = [Golden([Message("user", f"Where is card {number}?")], "in the post") for number in range(4)]
    reference, precision, parity = candidate(context(adapters), "routing", adapter, golden)
    assert (reference.name, reference.version, precision) == ("feedwheel-routing", "v1", "fp32")
    assert path_of(reference.uri) == adapter.parent / form
    assert parity.token_agreement == 1
    assert parity.max_difference < 1e-3
    assert (parity.accuracy, parity.accuracy_change.estimate, parity.accuracy_change.n) == (0, 0, 4)
    assert not (adapter.parent / ".merged").exists()
    assert candidate(context(adapters), "routing", adapter, golden) == (reference, precision, parity)


def test_an_adapter_is_released_with_the_reference_of_its_base(tmp_path, context):
    adapter = save_adapter(tmp_path / "models" / "routing" / "v1" / "adapter", 1)
    reference, _, _ = candidate(context(True), "routing", adapter, GOLDEN)
    named = msgspec.json.decode((path_of(reference.uri) / ADAPTER_BASE).read_bytes(), type=ModelRef)
    assert named == base_model.ensure(context(True))
