"""Thanks and praise in words (A9)."""

from typing import Final

from feedback.detectors import complaint
from feedback.detectors.phrase_detector import PhraseDetector
from feedback.detectors.phrases import TASK, Phrases, phrase
from feedback.taxonomy import Weights

_VERY: Final = (
    r"(?:(?:really|very|so|just|exactly|absolutely|pretty|super|actually|quite|much|a|such|totally|the|my|most) )*"
)
_FINE: Final = (
    r"(?:perfect|perfectly|great|awesome|excellent|brilliant|exactly|wonderful|amazing|fantastic|nice|cool|sweet|"
    r"beautiful|lovely|"
    r"superb|terrific|neat|impressive|incredible|outstanding|marvelous|magnificent|spot on|bravo|wow|excelent|gr8|good)"
)

PHRASES: Final = Phrases((
    phrase("right correct perfect great helpful brilliant awesome amazing excellent good useful wonderful fantastic "
           "interesting funny cool nice "
           "beautiful hilarious lovely impressive incredible better needed wanted looking meant need want",
           r"(?<!is )(?<!are )(?<!was )\b(?:that|this|it|you|these|they|those)(?:'?s|'?re| is| are| was| were|"
           r" has been| have been| sounds?| looks?| seems?)?(?: been)? " + _VERY
           + r"(?:right|correct|perfect|great|helpful|brilliant|awesome|amazing|excellent|good|useful|wonderful|"
           r"fantastic|interesting|funny|"
           r"cool|nice|beautiful|hilarious|lovely|impressive|incredible|(?:much|way|a lot|even) better|better(?= now|"
           r"\W*$)|"
           r"what i (?:needed|wanted|was looking for|meant|need|want))\b(?! (?:if|to (?:have|know|see|get)|but|"
           r"enough|at|than|way|thing)\b)(?!\W*\?)", 0.8),
    phrase("answer reply response job work explanation bot advice idea suggestion suggestions list point story poem "
           "one summary call tips",
           r"\b(?:great|good|excellent|perfect|helpful|nice|awesome|amazing|fantastic|wonderful|useful|well|"
           r"love (?:the|this|that|your)) (?:\w+ )?(?:answer|reply|response|job|work|"
           r"explanation|bot|advice|ideas?|suggestions?|points?|list|summary|tips)\b", 0.9),
    phrase("well", r"\bwell (?:done|said|written|put|explained)\b", 0.9),
    phrase("works worked solved fixed helped helps working makes did", r"\b(?:it|that|this|which|everything|"
           r"the \w+)(?:'s| is)?(?: now| finally| really| all| actually)? "
           r"(?:works?(?! (?:for|in|at|on|as|with|by|if|when|or)\b)|worked|solved (?:it|my|the)|fixed (?:it|my|the)|"
           r"helped|helps|working now|"
           r"makes (?:\w+ )?sense(?! to)|did (?:it|the trick))\b(?! (?:but|if|like)\b)(?!\W*\?)", 0.9),
    phrase("sense", r"^\W*(?:(?:ok|ah|oh|yes|yeah)\W+)*(?:that |it )?makes (?:\w+ )?sense\b", 0.9),
    phrase("thank thanks thankyou thankful thx ty tysm cheers appreciated appreciate grateful tks tnx",
           r"(?:^|[.!?;,\n:)-]\s*|\b(?:ok|okay|great|perfect|wow|cool|nice|good|awesome|and|but|oh|yes|no problem|"
           r"alright|now|many|you|it|works|worked|got it|ah|excellent|help|so|sure)\b\W*)"
           r"(?:(?:ok|many|oh|a million|so)\W+)*(?:(?:thank(?:s| ?you|s so| u)?|thx|tysm|ty|tks|"
           r"tnx)\b(?! (?:for (?:contacting|calling|nothing)|god|goodness|in advance))|"
           r"(?:much |really |i (?:really |do )?)appreciated?\b|i(?:'m| am) (?:so |very )?(?:grateful|thankful))|"
           r"\bthank(?:s| you)(?: so much| very much| a lot)?\W*$", 0.9),
    phrase("perfect perfectly great awesome excellent brilliant exactly wonderful amazing fantastic nice cool sweet "
           "beautiful lovely superb terrific neat "
           "impressive incredible outstanding marvelous magnificent spot bravo wow excelent gr8 good",
           r"^\W*(?:(?:oh|ah|ok|okay|wow|yes|yeah|very|so|really|that|pretty|haha|lol|much)\W+)*" + _FINE
           + r"(?=\W*$|\s*[,.!;:)…\n-]|\s+(?:thanks?|thank you|thx|now|job|work|answer|stuff|idea|one|point|that|"
           r"this|it|i(?:'|\b)|can|could|but|and|you|so|what|how|next|let|please)\b)"
           r"(?!\W*(?:question|morning|evening|luck|for you|grief))", 0.8),
    phrase("love like liked loved", r"^\W*(?:(?:oh|ok|yes|wow|haha|great|actually|and)\W+)*(?:i (?:really |actually |"
           r"do |just |absolutely )*)?(?:love|like|loved|liked|enjoyed) (?:it|this|that|these|the (?:way|idea|first|"
           r"second|last|\w+ (?:one|version|part))|your)\b"
           r"(?!\W+(?:but|if))(?! (?:to|movie|card))", 0.9),
    phrase("exactly correct right perfect", r"^\W*(?:yes|yep|yeah|yup|exactly)\W{1,3}(?:exactly|correct|right|"
           r"perfect|that(?:'?s| is| was) (?:it|right|correct|the one|what|perfect|great))\b", 0.9),
    phrase("correct exactly right", r"^\W*(?:correct|exactly|that(?:'?s| is) (?:it|right|correct)|you(?:'?re|"
           r" are) (?:absolutely |totally |so )?right)\W*$", 0.8, also_replies=True),
    phrase("best genius lifesaver awesome smart clever star amazing rock great legend", r"\byou(?:'?re| are|"
           r"'?ve been| have been)? (?:\w+ )?(?:the best|a genius|(?:a )?life ?saver|awesome|amazing|(?:so |"
           r"very )?(?:smart|clever|helpful)|a star|rock|the man|a legend)\b", 0.9),
    phrase("got see gotcha understand understood", r"^\W*(?:(?:ah|oh|ok|okay|right|yes)\W+)*(?:got it|gotcha|"
           r"i see(?=\W*$|[,.!;])|understood|now i (?:understand|get it|see))\b(?!\W*but)", 0.5),
    phrase("yay woohoo hooray", r"^\W*(?:yay|woohoo|hooray|woah|woo)\b", 0.8),
    phrase("thanx thnx thnks thks tyvm thanku", r"\b(?:thanx|thnx|thnks|thks|tyvm|thanku)\b", 0.9),
    phrase("better", r"^\W*(?:(?:ok|okay|yes|ah|oh)\W+)*(?:that(?:'?s| is) )?(?:much|way|a lot|far|even|so "
           r"much) better\b", 0.8),
    phrase("sounds looks & good great perfect nice awesome amazing lovely fantastic", r"^\W*(?:(?:ok|okay|yes|"
           r"oh|wow|that|this|it)\W+)*"
           r"(?:sounds|looks) (?:really |very |pretty |so )?(?:good|great|perfect|nice|awesome|amazing|lovely|"
           r"fantastic)\b"
           r"(?!\W*(?:but|\?))", 0.8),
    phrase("helpful useful informative insightful interesting clear & very really so super quite extremely most",
           r"^\W*(?:very|really|so|super|quite|extremely|most) (?:helpful|useful|informative|insightful|"
           r"interesting|clear)\b",
           0.8),
    phrase("nailed bingo", r"\b(?:you )?nailed it\b|^\W*bingo\b", 0.9),
    phrase("needed wanted looking", r"\b(?:exactly|just|precisely|that'?s|this is|is) what i (?:needed|wanted|"
           r"was looking for|"
           r"had in mind)\b", 0.9),
    phrase("right correct & youre you", r"^\W*(?:(?:ah|oh|yes|ok|okay|indeed|hm+)\W+)*(?:you(?:'?re| are) "
           r"(?:absolutely |totally |"
           r"so |quite )?(?:right|correct))\b(?!\W*(?:but|\?))(?! (?:about|that|to))", 0.7, also_replies=True),
    phrase("try check look & ill will", r"\bi(?:'?ll| will) (?:definitely |certainly |have to |be sure to "
           r")?(?:give (?:it|that|this) a "
           r"(?:try|shot|go|watch)|try (?:it|that|this|those)|check (?:it|that|this|them|those) out)\b", 0.6),
    phrase("know", r"^\W*good to know\b", 0.6),
))  # fmt: skip

UNLESS: Final = Phrases((
    phrase("no thank thanks", r"\bno,? thank", 1.0),
    phrase("advance", r"\bthank(?:s| you) in advance\b|\bthanking you in advance\b", 1.0),
    phrase("would could might", r"\b(?:would|could|might|'d) (?:\w+ )?be (?:\w+ )?(?:great|nice|perfect|helpful|good|"
           r"awesome|amazing|useful|appreciated|cool)\b", 1.0),
    phrase("not t isnt", r"(?:\bnot|n't|isnt) (?:\w+ ){0,3}(?:good|great|helpful|right|correct|useful|perfect|funny|"
           r"nice|work\w*|help\w*)\b", 1.0),
    *(each for each in complaint.PHRASES.all if each.certainty >= 0.8),
))  # fmt: skip
"""Politeness before the answer, wishes, and complaints in polite words."""


def detector(weights: Weights) -> PhraseDetector:
    """The detector of the family."""
    return PhraseDetector("positive", 3, PHRASES, weights, (UNLESS, TASK))
