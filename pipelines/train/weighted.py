"""TRL's SFT trainer with a weight per example: how sure the label is, from the evidence behind it.

In: packed batches (`packing.pack` is the collator). Out: the mean negative log-likelihood of the answers' tokens, each
weighted by its example, so that a doubtful label moves the model less. Logits are computed where an answer's token is
predicted and nowhere else.
"""

from typing import Any

import torch
from trl import SFTTrainer

from pipelines.train.packing import WEIGHT


class WeightedSFTTrainer(SFTTrainer):  # type: ignore[misc]  # TRL ships no types
    """An SFT trainer of packed, weighted batches."""

    def _set_signature_columns_if_needed(self) -> None:
        """Keep the column that TRL does not know."""
        super()._set_signature_columns_if_needed()
        if WEIGHT not in self._signature_columns:
            self._signature_columns.append(WEIGHT)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Weighted mean over the labels. Without gradient accumulation, which this does not do."""
        seen = {name: inputs[name] for name in ("input_ids", "position_ids", "attention_mask")}
        outputs = model(**seen, use_cache=False, logits_to_keep=inputs["predicting"])
        losses = torch.nn.functional.cross_entropy(outputs.logits[0].float(), inputs["targets"], reduction="none")
        weights = inputs["weights"]
        loss = (losses * weights).sum() / weights.sum().clamp(min=1e-6)
        return (loss, outputs) if return_outputs else loss
