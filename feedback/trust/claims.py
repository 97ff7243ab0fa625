"""A claim: what one person says is the right answer to a question, or whether a shown answer was."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim. `claim_id` orders claims and must not depend on what is trusted.

    owner: the person, or the conversation of an anonymous one.
    source: where it was said, for example a surface.
    answer_id: the answer that it is about; claims of one person about one answer are one piece of evidence.
    text: what was asked, normalised. value: the wanted or the judged answer.
    affirms: whether it says that `value` is right; wants: whether it says what is wanted, rather than judges.
    theme: claims of one theme say nearly the same in nearly the same words.
    """

    claim_id: str
    owner: str
    source: str
    time: datetime
    answer_id: str
    text: str
    value: str
    affirms: bool
    wants: bool
    theme: str
