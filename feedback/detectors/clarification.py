"""Confusion in words: the person asks what the answer meant (A6)."""

from typing import Final

from feedback.detectors.phrase_detector import PhraseDetector
from feedback.detectors.phrases import SENTENCE, START, Phrases, phrase
from feedback.taxonomy import Weights

PHRASES: Final = Phrases((
    phrase("mean meant", r"\bwhat (?:do|did|exactly do|exactly did) (?:you|u) mean\b|\bwhat(?:'s|"
           r" is) that supposed to mean\b|\bwdym\b|\bwhat you mean\b|"
           r"\bmeaning what\b|\bwhat you meant\b", 1.0),
    phrase("wdym", r"\bwdym\b", 1.0),
    phrase("mean means", START + r"what (?:does|do|did) (?:that|this|it|these|those|the .{2,40}|.{2,30}) means?\b|"
           r"\bdoes (?:that|this|it) mean\b|"
           r"^\W*(?:so )?(?:do )?you mean\b|\bdo you mean\b", 0.8),
    phrase("understand get follow see", r"\bi (?:still |really )*(?:do not|don'?t|did not|didn'?t|can'?t|"
           r"cannot) (?:really |quite |fully )?"
           r"(?:understand|get it|get that|get what|get the|follow)\b(?! (?:how to|where|why (?:my|i|the)|how my)\b)",
           0.9),
    phrase("confused lost unclear confusing clear",
           r"\bi(?:'?m| am) (?:a bit |so |very |still |a little )?(?:confused|lost)\b(?! (?:my|a|the))|\b(?:it(?:'s|"
           r" is)|that(?:'s| is)|this is|was) (?:not (?:very |really |so )?clear|"
           r"unclear|confusing)\b|\bnot (?:very |quite |entirely )?clear (?:to me|what|how|why)\b", 0.9),
    phrase("explain clarify elaborate rephrase expand",
           SENTENCE + r"(?:(?:can|could|would|will) (?:you|u) (?:please )?|please |"
           r"i need you to )?(?:explain (?:that|this|it|what you|what that|what this|further|more\b|again|yourself|"
           r"why (?:you|that|this|it)|how (?:you|that|this|it)|in (?:more|simple|simpler|other|plain|layman|detail)|"
           r"like i|better|"
           r"(?:the|your) (?:first|second|third|last|next|previous|answer|reasoning|steps?|part|code|\w+ (?:part|"
           r"step|point|line|bit)))|"
           r"clarify|elaborate|rephrase (?:that|it|your)|expand on (?:that|this|it|the|point|your))\b", 0.9),
    phrase("what huh sorry pardon meaning eh", r"^\W*(?:what|huh|sorry|pardon|come again|meaning|eh|wait,? what|"
           r"what now)\s*\?*\s*$", 0.9),
    phrase("simpler simple terms eli5 english", START + r"(?:(?:can|could) you (?:say|put|explain) (?:that|"
           r"it) )?(?:in (?:simpler|simple|plain|layman'?s|easier) (?:terms|words|"
           r"english|language)|simpler|eli5)\b|\beli5\b", 0.8),
    phrase("why how", r"^\W*(?:(?:but|and|ok|wait|hm+|so)\W+)?(?:why(?: (?:is|was|does) (?:that|it|this)| not| so)?|"
           r"how so|how come|how exactly|why exactly)\s*\?*\s*$", 0.7,
           also_replies=True),
    phrase("why did", START + r"why (?:did|would|have|were) you (?!(?:think|like|love|hate|live|feel))\w+", 0.6),
    phrase("like such example instance which who what", r"^\W*(?:like what|such as|for example|for instance|"
           r"which ones?|who|what kind|which)\s*\?+\s*$", 0.7, also_replies=True),
    phrase("example", START + r"(?:(?:can|could) you )?(?:give|show|provide)(?: me)? (?:an|some|a concrete|a few|"
           r"one) examples?(?: of (?:that|this|it|what|how))?\W*$", 0.5),
    phrase("saying suggesting telling implying referring", r"\b(?:are|were) you (?:saying|suggesting|telling me|"
           r"implying|referring)\b|^\W*so you(?:'?re| are) (?:saying|telling)\b",
           0.9),
    phrase("refer referring say said talking", START + r"(?:what|which|who|where)(?: \w+)? (?:do|did|are|"
           r"were) you (?:refer|talking|say)\b", 0.8),
    phrase("difference between", r"\bwhat(?:'?s| is) the difference between (?:those|these|them|the two|that|this|"
           r"your)\b", 0.7),
    phrase("idea clue & what", r"\bno (?:idea|clue) what (?:you|u|that|this|it)\b", 0.9),
    phrase("what whats who whos", r"^\W*(?:(?:and|but|so|wait|ok)\W+)?(?:what|who)(?:'?s| is| are| was) (?:that|"
           r"this|it|those|these|"
           r"he|she|they)\s*\?*\s*$", 0.8),
    phrase("explain elaborate clarify", r"^\W*(?:please |can you |could you )*(?:explain|elaborate|clarify)"
           r"(?: please| further| more| why| how)?\W*$", 0.9),
    phrase("get & dont don didnt didn", r"\bi (?:do not|don'?t|did not|didn'?t) get (?:you|u|your|this)\b", 0.9),
    phrase("following sure & not", r"\bi(?:'?m| am) not (?:following|sure (?:what you (?:mean|meant|want|(?:are|were) "
           r"(?:asking|saying|talking|trying|referring))|i (?:understand|follow|get)))\b", 0.9),
    phrase("say repeat & again that", r"^\W*(?:(?:can|could) you )?(?:please )?(?:say (?:that|it|what) again|"
           r"repeat that)\b", 0.7),
    phrase("how & that this", r"^\W*(?:(?:but|and|so|ok|wait)\W+)?how (?:is|does|would|can) (?:that|this) "
           r"(?:possible|different|related|"
           r"work|help|make sense|relate|answer|be)\b", 0.7),
    phrase("so & you that it i basically", r"^\W*(?:ok\W+|okay\W+|wait\W+)?so (?:you(?:'re| are| mean)|that "
           r"means|it(?:'s| is)|if i|"
           r"i (?:should|need to|have to|can)|basically|is it|does that|that'?s)\b[^.!\n]{0,80}\?", 0.5),
    phrase("way sense", r"^\W*in (?:what|which) (?:way|sense)\b", 0.8),
    phrase("mean u", r"\bwhat (?:do|did|does) (?:u|ya) mean\b|\bhow do you mean\b|\bwhat does (?:that|this|it|\w+) "
           r"(?:mean|stand for)\b(?=\W*$)", 0.9),
))  # fmt: skip


def detector(weights: Weights) -> PhraseDetector:
    """The detector of the family."""
    return PhraseDetector("clarification", 3, PHRASES, weights)
