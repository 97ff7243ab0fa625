"""Rows of one batch each answer with their own adapter, as if they were alone; adapters come and go meanwhile."""

import msgspec
import numpy as np
import pytest
import safetensors.numpy

from schemas.adapter import AdapterInvalid
from serving.engine.artifact import read_artifact
from serving.engine.errors import ArtifactInvalid, NoSlotFree, Withdrawn
from serving.engine.session import Decoder
from tests.tiny_adapters import adaptable_dir, adapter_files, save_adapter
from tests.tiny_model import tiny_export, tiny_torch_dir

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # PEFT's of transformers
QUESTIONS = [f"{number}. What now, and where is my card?" for number in range(8)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Three adapters of different ranks, of one unit and of two; one does not touch every projection."""
    root = tmp_path_factory.mktemp("adapters")
    return [
        save_adapter(root / "narrow", 1, rank=8),
        save_adapter(root / "wide", 2, rank=24),
        save_adapter(root / "some", 3, rank=16, target_modules=["q_proj", "v_proj"]),
    ]


@pytest.fixture
def adapted(engine, folders):
    """Make engines with the three adapters in them."""

    def make(precision="int4", **given):
        made = engine(model_dir=adaptable_dir(precision), **given)
        return made, [made.batch.decoder.adapters.add(*adapter_files(folder)) for folder in folders]

    return make


@pytest.mark.parametrize("precision", ["int4", "int8", "fp32"])
@pytest.mark.parametrize("threads", [1, 2])
def test_an_answer_is_the_same_to_the_last_bit_whoever_shares_the_batch(adapted, precision, threads):
    made, adapters = adapted(precision, threads=threads)
    asked = list(zip(QUESTIONS, [*adapters, None] * 2, strict=True))

    def ask(question, adapter):
        return made.ask(question, 16, adapter=adapter, top_logprobs=5)

    alone = [ask(*one).answer for one in asked]
    together = [one.answer for one in [ask(*one) for one in asked]]
    assert [answer.logprobs for answer in together] == [answer.logprobs for answer in alone]
    assert len({answer.text for answer in alone}) == len(asked)


def test_a_row_without_an_adapter_computes_what_the_plain_graph_computes(adapted, engine):
    made, _ = adapted()
    plain = engine(model_dir=tiny_export("int4"))
    for question in QUESTIONS[:3]:
        first, second = (one.ask(question, 16, top_logprobs=5).answer for one in (made, plain))
        assert first.logprobs == second.logprobs


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("int8", 0.3)])
def test_it_computes_what_peft_computes(folders, precision, tolerance):
    """Unmerged, in PyTorch; to a part of how far logits lie apart. int8 of random weights is coarse."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    decoder = Decoder(
        read_artifact(adaptable_dir(precision)),
        wish="cpu",
        threads=1,
        rows=4,
        adapters=4,
        adapter_rank=32,
        context_tokens=64,
    )
    tokens = np.arange(20, 44)
    for row, folder in enumerate(folders):
        adapter = decoder.adapters.add(*adapter_files(folder))
        decoder.prefill(row, tokens[:-1], 0, adapter.slot)
    logits = decoder.decode(np.full(4, tokens[-1]), np.full(4, len(tokens)), np.array([0, 1, 2, -1]))
    for row, folder in enumerate(folders):
        base = AutoModelForCausalLM.from_pretrained(tiny_torch_dir(), dtype=torch.float32)
        with torch.no_grad():
            wanted = PeftModel.from_pretrained(base, folder).eval()(torch.tensor(tokens[None])).logits[0, -1].numpy()
        assert np.abs(logits[row] - wanted).max() < tolerance * wanted.std()


def test_what_one_adapter_computed_of_a_prompt_is_never_anothers(adapted):
    made, adapters = adapted(rows=2, spare_rows=4)
    conversation = "a long beginning that would be worth keeping, " * 3
    fresh = [made.ask(conversation, adapter=adapter).answer for adapter in (*adapters, None)]
    again = [made.ask(conversation, adapter=adapter).answer for adapter in (*adapters, None)]
    assert [answer.cached_tokens for answer in fresh] == [0, 0, 0, 0]
    assert all(answer.cached_tokens for answer in again)
    assert [answer.text for answer in again] == [answer.text for answer in fresh]


def test_an_adapter_that_follows_in_a_slot_finds_nothing_of_the_one_before(adapted, folders):
    made, (first, *_) = adapted()
    slots = made.batch.decoder.adapters
    wanted = made.ask(QUESTIONS[0], 16, adapter=slots.add(*adapter_files(folders[2]))).answer.text
    made.ask(QUESTIONS[0], 16, adapter=first).answer  # noqa: B018  # waits for it
    assert slots.drop(first)
    follower = slots.add(*adapter_files(folders[2]))
    assert follower.slot == first.slot
    answer = made.ask(QUESTIONS[0], 16, adapter=follower).answer
    assert (answer.text, answer.cached_tokens) == (wanted, 0)


def test_adapters_come_and_go_while_others_answer(adapted, folders):
    made, (first, second, _) = adapted()
    slots = made.batch.decoder.adapters
    wanted = made.ask(QUESTIONS[1], 100, adapter=second).answer.text
    leaving, staying = (made.ask(QUESTIONS[1], 100, adapter=adapter) for adapter in (first, second))
    assert not slots.drop(first)  # it still answers
    with pytest.raises(Withdrawn):
        made.ask("too late", adapter=first)
    other = slots.add(*adapter_files(folders[0]))
    assert other.slot not in {first.slot, second.slot}
    with pytest.raises(NoSlotFree):
        slots.add(*adapter_files(folders[0]))
    assert made.ask(QUESTIONS[2], adapter=other).answer.output_tokens
    assert leaving.answer.output_tokens == 100
    assert staying.answer.text == wanted
    assert slots.drop(first)
    assert slots.add(*adapter_files(folders[0])).slot == first.slot


def _altered(config, **changes):
    return msgspec.json.encode(msgspec.json.decode(config) | changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"r": 33}, "room for 32"),
        ({"r": 0}, "rank of 0"),
        ({"r": 16}, r"was expected"),
        ({"use_dora": True}, "only plain LoRA"),
        ({"bias": "all"}, "only plain LoRA"),
        ({"alpha_pattern": {"q_proj": 4}}, "only plain LoRA"),
        ({"peft_type": "IA3"}, "only plain LoRA"),
        ({"r": "eight"}, "cannot be read"),
    ],
)
def test_a_configuration_that_cannot_be_kept_to_is_refused(adapted, folders, changes, reason):
    made, _ = adapted()
    config, weights = adapter_files(folders[0])
    with pytest.raises(AdapterInvalid, match=reason):
        made.batch.decoder.adapters.add(_altered(config, **changes), weights)


def test_weights_that_do_not_fit_are_refused(adapted, engine, folders):
    made, _ = adapted()
    slots = made.batch.decoder.adapters
    config, weights = adapter_files(folders[0])
    tensors = safetensors.numpy.load(weights)
    name = min(tensors)
    for altered, reason in (
        ({name.replace("layers.0", "layers.9"): tensors[name]}, "no model.layers.9"),
        ({name: tensors[name][:, 1:]}, "was expected"),
        ({name: tensors[name] * np.float32("nan")}, "no numbers"),
    ):
        with pytest.raises(AdapterInvalid, match=reason):
            slots.add(config, safetensors.numpy.save({key: np.ascontiguousarray(it) for key, it in altered.items()}))
    with pytest.raises(AdapterInvalid, match="cannot be read"):
        slots.add(config, weights[:100])
    with pytest.raises(ArtifactInvalid, match="FEEDWHEEL_ADAPTERS"):
        engine().batch.decoder.adapters.add(config, weights)
    assert slots.add(config, weights)  # none of them took the last slot
