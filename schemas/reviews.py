"""The closed vocabularies of reviews, in which people of the operator's judge answers."""

from typing import Literal

Mark = Literal["yes", "no", "unsure"]
"""What a reviewer says of one criterion."""
Verdict = Literal["right", "wrong", "unsure", "out_of_scope"]
"""Of an answer: right if all criteria are met, wrong if one is not; out of scope if it should not have been asked."""
Why = Literal["random", "disliked", "unsure"]
"""What brought an answer into the queue."""
