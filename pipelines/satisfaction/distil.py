"""Teaching the encoder: means of token vectors learn to place short texts as a large sentence model does.

In: the folder of a sentence model (as `transformers` reads it; MiniLM ships as a package) and texts. Out: `encoder.npz`
and `tokenizer.json`. The student starts from the principal components of the teacher's token vectors and is trained to
the teacher's vectors, one by one and by all cosines of a batch (Hinton et al., "Distilling the knowledge in a neural
network", 2015). Seeded; most of the time is the teacher's.
"""

import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch
from msgspec import Struct
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from feedback.dissatisfaction.encoder import MAX_TOKENS
from schemas.errors import UsageError

_WIDTH: Final = 128
_BATCH: Final = 256
_POOL: Final = 40
"""Batches whose texts are sorted by length together: little padding, and no batch is always the same."""
_TABLE_RATE: Final = 2e-3
_PROJECTION_RATE: Final = 1e-3
_WARM_UP: Final = 200
"""Steps."""
_COSINES: Final = 5.0
"""Weight of the cosines within a batch: they are what features are made of."""
_TEACHER_BATCH: Final = 64


class _Student(nn.Module):
    """As `feedback.dissatisfaction.encoder` computes it."""

    def __init__(self, table: Tensor, dimensions: int) -> None:
        super().__init__()
        self.table = nn.Embedding(len(table), _WIDTH, _weight=table)
        self.share = nn.Parameter(torch.zeros(len(table)))
        self.out = nn.Linear(_WIDTH, dimensions)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        share = (self.share[ids].exp() * mask)[..., None]
        return functional.normalize(self.out((self.table(ids) * share).sum(1) / share.sum(1)), dim=1)


class Distilled(Struct, frozen=True):
    """`cosine`: mean of student and teacher over the last epoch."""

    folder: str
    texts: int
    cosine: float


def distil(teacher: Path, source: Path, output: Path, epochs: int, seed: int, tell: Callable[[str], None]) -> Distilled:
    """Write an encoder, learned from the texts of a file: a JSON string per line. Raises UsageError."""
    from transformers import AutoModel, AutoTokenizer

    texts = _texts(source)
    torch.manual_seed(seed)
    try:
        model = AutoModel.from_pretrained(teacher, local_files_only=True).eval()
    except (OSError, ValueError) as error:
        raise UsageError(f"{teacher} is no sentence model that can be read: {error}") from error
    wanted = _taught(model, AutoTokenizer.from_pretrained(teacher), texts, tell)
    tokens = Tokenizer.from_file(str(teacher / "tokenizer.json"))
    tokens.no_padding()
    tokens.no_truncation()
    read = tokens.encode_batch(list(texts), add_special_tokens=False)
    ids = [encoded.ids[:MAX_TOKENS] for encoded in read]
    known = [n for n in range(len(ids)) if ids[n]]
    student = _Student(_compressed(model.get_input_embeddings().weight.detach()), wanted.shape[1])
    cosine = _trained(student, [ids[n] for n in known], wanted[known], epochs, seed, tell)
    output.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(output / "encoder.npz", allow_pickle=False, **_arrays(student))
    shutil.copyfile(teacher / "tokenizer.json", output / "tokenizer.json")
    return Distilled(str(output), len(texts), cosine)


def _texts(source: Path) -> list[str]:
    try:
        with source.open("rb") as lines:
            found = sorted({text for line in lines if (text := msgspec.json.decode(line, type=str).strip())})
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"{source}: a line is no JSON string: {error}") from None
    if not found:
        raise UsageError(f"{source} holds no text")
    return found


@torch.inference_mode()
def _taught(
    model: "torch.nn.Module",
    tokenizer: Callable[..., dict[str, Tensor]],
    texts: Sequence[str],
    tell: Callable[[str], None],
) -> Tensor:
    """The teacher's vectors, float32 [texts, dimensions]: the mean over tokens, of length 1."""
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    vectors = dict[int, Tensor]()
    for start in range(0, len(order), _TEACHER_BATCH):
        batch = order[start : start + _TEACHER_BATCH]
        read = tokenizer(
            [texts[n] for n in batch], padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        mask = read["attention_mask"][..., None]
        mean = (model(**read).last_hidden_state * mask).sum(1) / mask.sum(1)
        vectors |= zip(batch, functional.normalize(mean, dim=1), strict=True)
        if start % (_TEACHER_BATCH * 200) == 0:
            tell(f"teacher: {start} of {len(texts)} texts")
    return torch.stack([vectors[n] for n in range(len(texts))]).clone()


def _compressed(table: Tensor) -> Tensor:
    _, _, components = torch.pca_lowrank(table, _WIDTH, niter=4)
    projected = (table - table.mean(0)) @ components
    return projected / projected.std() * 0.5


def _trained(
    student: _Student, ids: Sequence[Sequence[int]], wanted: Tensor, epochs: int, seed: int, tell: Callable[[str], None]
) -> float:
    optimiser = torch.optim.AdamW(
        [
            {"params": [student.table.weight, student.share], "lr": _TABLE_RATE, "weight_decay": 0.0},
            {"params": student.out.parameters(), "lr": _PROJECTION_RATE},
        ]
    )
    steps, step, cosine = max(epochs * math.ceil(len(ids) / _BATCH), 1), 0, 0.0
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda at: min(1.0, (at + 1) / _WARM_UP) * max(0.02, 0.5 * (1 + math.cos(math.pi * at / steps)))
    )
    draw = np.random.default_rng(seed)
    for epoch in range(epochs):
        cosines = []
        for batch in _batches(ids, draw):
            padded, mask = _padded([ids[n] for n in batch])
            found, aim = student(padded, mask), wanted[batch]
            near = (found * aim).sum(1).mean()
            loss = 1 - near + _COSINES * ((found @ found.T - aim @ aim.T) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            step += 1
            cosines.append(float(near.detach()))
        cosine = float(np.mean(cosines))
        tell(f"student: epoch {epoch + 1} of {epochs}, cosine {cosine:.3f}")
    return cosine


def _batches(ids: Sequence[Sequence[int]], draw: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    batches = list[NDArray[np.int64]]()
    order = draw.permutation(len(ids))
    for pool in np.array_split(order, max(1, len(ids) // (_BATCH * _POOL))):
        by_length = pool[np.argsort([len(ids[n]) for n in pool], kind="stable")]
        batches += np.array_split(by_length, math.ceil(len(pool) / _BATCH))
    for place in draw.permutation(len(batches)):
        yield batches[place]


def _padded(ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    mask = np.arange(max(map(len, ids))) < np.array([len(text) for text in ids])[:, None]
    padded = np.zeros(mask.shape, np.int64)
    padded[mask] = np.concatenate([np.asarray(text, np.int64) for text in ids])
    return torch.from_numpy(padded), torch.from_numpy(mask)


def _arrays(student: _Student) -> dict[str, NDArray[Any]]:
    """The table as int8 with a scale for each row; the projection as it is multiplied from the right."""
    state = {name: value.detach().numpy().copy() for name, value in student.state_dict().items()}
    table = state.pop("table.weight")
    scale = np.maximum(np.abs(table).max(axis=1), 1e-8) / 127
    return {
        "table": np.round(table / scale[:, None]).astype(np.int8),
        "table.scale": scale.astype(np.float32),
        "share": np.exp(state.pop("share")).astype(np.float32),
        "out.weight": state["out.weight"].T,
        "out.bias": state["out.bias"],
    }
