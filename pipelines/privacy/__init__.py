"""Privacy: withdrawals that hold for what is stored, and what is held about a person (I1, I3, I4, I8).

In: the changes of consent in bronze, and every table that holds what people said. Out: the same tables without what
people no longer allow, and a receipt; or an account of one person. Files, in the order a run goes through them:
`stage`, `withdrawals` (what is withheld), `silver`, `gold`, `bronze` (what is taken out of each), `history` (older
versions), `receipt`. `holdings` answers who asks what is held about them.
"""

from pipelines.privacy.receipt import Receipt
from pipelines.privacy.stage import run

__all__ = ["Receipt", "run"]
