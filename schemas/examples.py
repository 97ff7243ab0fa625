"""The closed vocabulary of examples: what one is for, and which side of the split it is on."""

from typing import Final, Literal

ExampleUse = Literal["eval", "sft", "kto", "dpo"]
"""What an example is for; each use is one set of a data set."""
TRAINING_USES: Final[frozenset[ExampleUse]] = frozenset({"sft", "kto", "dpo"})
"""Those that models are trained on."""

Split = Literal["eval", "train"]
"""The side of the person whose words it is; nobody is on both (I5)."""
