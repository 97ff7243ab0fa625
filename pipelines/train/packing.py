"""A batch as one row: the beginning that its examples share, such as the system prompt, then what is each one's own.

In: tokenised examples, each with labels (-100 where no loss is wanted) and a weight. Out: tensors in which every
example sees the beginning and itself, at the positions it would have alone, so what is computed for it is the same.
Nothing is padded and the beginning is there once: of a batch of short messages less than half is left to compute.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final

import torch

IGNORED: Final = -100
"""The label of a token that is not learnt, as PyTorch and TRL have it."""
WEIGHT: Final = "weight"
_EVERYONE: Final = -1
"""Owner of the tokens that all examples share."""


def pack(examples: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """One row of T tokens for a batch with L labels.

    input_ids, position_ids: int64 [1, T]; attention_mask: bool [1, 1, T, T], True where a token is seen;
    predicting: int64 [L], the places whose next token is a label; targets: int64 [L]; weights: float32 [L].
    """
    shared = _shared_length(examples)
    tokens, positions = list(examples[0]["input_ids"][:shared]), list(range(shared))
    owners, predicting = [_EVERYONE] * shared, list[int]()
    targets, weights = list[int](), list[float]()
    for owner, example in enumerate(examples):
        offset = len(tokens) - shared
        tokens += example["input_ids"][shared:]
        positions += range(shared, len(example["input_ids"]))
        owners += [owner] * (len(example["input_ids"]) - shared)
        labelled = [place for place, label in enumerate(example["labels"]) if label != IGNORED and place > 0]
        predicting += [offset + place - 1 for place in labelled]
        targets += [example["labels"][place] for place in labelled]
        weights += [example[WEIGHT]] * len(labelled)
    owner_of = torch.tensor(owners)
    visible = (owner_of[:, None] == owner_of) | (owner_of == _EVERYONE)
    return {
        "input_ids": torch.tensor([tokens]),
        "position_ids": torch.tensor([positions]),
        "attention_mask": visible.tril()[None, None],
        "predicting": torch.tensor(predicting, dtype=torch.int64),
        "targets": torch.tensor(targets, dtype=torch.int64),
        "weights": torch.tensor(weights, dtype=torch.float32),
    }


def _shared_length(examples: Sequence[dict[str, Any]]) -> int:
    """Tokens with which all examples begin, less the one from which the first label is predicted."""
    columns = zip(*(example["input_ids"] for example in examples), strict=False)
    alike = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    unlearnt = min(sum(1 for _ in takewhile(lambda label: label == IGNORED, example["labels"])) for example in examples)
    return max(0, min(alike, unlearnt - 1))
