"""Labels: what people's signals say about answers becomes wanted, judged and preferred answers, by named rules.

In: the answers of one conversation and the signals about them. Out: proposed labels, each with the rule that made it
and the signals it rests on, and why an answer got none. Files: `records` (what comes in and goes out), `rules` (all
rules and what stands of them), `pairs` (which answer is preferred to which), `attention` (who has looked at what). Of
several labels of one answer for one use the most confident is kept. Only answers of gate draws label evaluation: other
labels measure who spoke up first (I6).

| rule | use | wanted, judged or preferred answer | rests on |
|---|---|---|---|
| gate_corrected | eval | the person's edit | an edit in a conversation drawn for the gate |
| gate_confirmed | eval | the answer shown | an explicit confirmation there |
| edited | sft | the person's edit | an edit |
| confirmed | sft | the answer shown | an explicit confirmation |
| resolved | sft | what was settled on later | a correction, then an edit or confirmation of a later answer |
| liked | kto | the answer shown | any signal for it |
| disliked | kto | the answer shown | any signal against it |
| edit_preferred | dpo | the person's edit, to the answer shown | an edit |
| regeneration_preferred | dpo | the second answer, to the first | asking again, then any signal for the second answer |
| chosen | dpo | the one chosen, to one shown beside it | a choice, as far as the other was looked at |
"""

from feedback.labels.attention import with_attention
from feedback.labels.records import (
    Answer,
    Evidence,
    Label,
    Labelled,
    Message,
    Option,
    Rule,
    Unlabelled,
    answers_of,
    evidence_of,
)
from feedback.labels.rules import is_asked, label_conversation

__all__ = [
    "Answer",
    "Evidence",
    "Label",
    "Labelled",
    "Message",
    "Option",
    "Rule",
    "Unlabelled",
    "answers_of",
    "evidence_of",
    "is_asked",
    "label_conversation",
    "with_attention",
]
