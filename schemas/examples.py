"""The closed vocabulary of examples: what one is for, and which side of the split it is on."""

from typing import Literal

ExampleUse = Literal["eval", "sft", "kto"]
"""What an example is for; each use is one set of a data set."""

Split = Literal["eval", "train"]
"""The side of the person whose words it is; nobody is on both (I5)."""
