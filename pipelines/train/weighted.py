"""TRL's SFT trainer with a weight per example: how sure the label is, from the evidence behind it.

In: batches whose rows carry `weight`. Out: the mean negative log-likelihood of the answers' tokens, each weighted by
its example, so that a doubtful label moves the model less.
"""

from typing import Any

import torch
from trl import SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

_WEIGHT = "weight"


class WeightsBesideTokens(DataCollatorForLanguageModeling):  # type: ignore[misc]  # TRL ships no types
    """Pads a batch as TRL does, and keeps its weights: float32 [batch]."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Collate one batch."""
        weights = torch.tensor([example[_WEIGHT] for example in examples], dtype=torch.float32)
        return {**super().torch_call(examples), _WEIGHT: weights}


class WeightedSFTTrainer(SFTTrainer):  # type: ignore[misc]  # TRL ships no types
    """An SFT trainer that reads the weights."""

    def _set_signature_columns_if_needed(self) -> None:
        """Keep the column that TRL does not know."""
        super()._set_signature_columns_if_needed()
        if _WEIGHT not in self._signature_columns:
            self._signature_columns.append(_WEIGHT)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Weighted mean over the tokens of the answers. Without gradient accumulation, which this does not do."""
        weights = inputs.pop(_WEIGHT)[:, None]
        outputs = model(**inputs, use_cache=False, fused_lm_head=True)
        share = weights * outputs.label_mask
        loss = -(outputs.log_probs * share).sum() / share.sum().clamp(min=1e-6)
        return (loss, outputs) if return_outputs else loss
