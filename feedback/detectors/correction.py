"""Error correction in words: "no, I meant ..." (A5). The person says what was wanted, or what to do about it."""

from typing import Final

from feedback.detectors.phrase_detector import PhraseDetector
from feedback.detectors.phrases import SENTENCE, START, Phrases, phrase
from feedback.taxonomy import Weights

_SURELY: Final = r"(?:(?:only|just|already|clearly|specifically|explicitly|actually|literally|originally|really) )*"

PHRASES: Final = Phrases((
    phrase("meant", r"\bi " + _SURELY + r"meant\b(?! to (?:ask|say thank|mention|thank))", 1.0),
    phrase("meant", r"\bmeant (?:the|a|an|in|for|as|by|my)\b(?! be)", 0.7),
    phrase(
        "asked requested specified said told wanted",
        SENTENCE + r"(?:i|we) " + _SURELY
        + r"(?:asked (?:for|about|you|what|how|why|if|whether|where|who|when|which)|specified|said|told you|wanted)\b"
        r"(?! to (?:ask|know|say|thank|see|check|talk|discuss|share))(?!\W*$)",
        0.9,
    ),
    phrase("asking talking referring thinking",
           r"\bi (?:was|am|'m) " + _SURELY + r"(?:asking (?:about|for|you|what|how|if|whether|why)|talking about|"
           r"referring to)\b", 0.9),
    phrase("looking", SENTENCE + r"i was " + _SURELY + r"looking for\b", 0.8),
    phrase("question", r"\bmy question (?:was|is)\b(?! (?:about )?how)|\bthe question was\b", 0.8),
    phrase("forgot missed omitted skipped ignored overlooked misunderstood misread misspelled misinterpreted mixed "
           "left "
           "swapped confused confusing",
           r"\byou(?:'ve| have)? (?:also |just |still |completely |totally |again |even |may have |might have |"
           r"seem to have )*"
           r"(?:forgot|forgotten|missed|omitted|skipped|ignored|overlooked|misunderstood|misread|misspelled|"
           r"misinterpreted|"
           r"mixed up|left (?:out|off)|swapped|confused)\b(?! (?:the |my )?(?:point|question)\W*$)", 1.0),
    phrase("misunderstood misunderstanding", SENTENCE + r"(?:you(?:'re| are) )?misunderst(?:ood|anding)\b", 0.9),
    phrase("include included add added mention mentioned use used follow consider considered provide provided put "
           "account "
        "implement cover finish explain give show tell & didn didnt did haven havent have failed never don dont do",
           r"\byou (?:did(?: not|n'?t)|have(?: not|n'?t)|failed to|never|do(?: not|n'?t)) (?:even |actually |really )?"
           r"(?:includ|add|mention|us|follow|consider|provid|put|take into account|account for|implement|cover|"
           r"finish|explain|give|show|tell me)"
           r"(?:e|ed|ing|d|s|ted)?\b", 1.0),
    phrase("only", r"\byou (?:only|just) (?:gave|provided|listed|wrote|included|used|did|answered|mentioned|covered|"
           r"named)\b",
           1.0),
    phrase("should need supposed have",
           SENTENCE + r"(?:it|that|this|there|you|the \w+)(?: is| are|'s|'re|'re)? "
           r"(?:should(?:n'?t| not)? (?:be|have|use|say|not|return|only|include|start|end)|supposed to|"
           r"need(?:s|ed)? to (?:be|include|have|use|add)|(?:does not|doesn't|doesnt) need)\b(?! (?:able|easy|fine|"
           r"ok|great|nice))",
           0.7),
    phrase("right correct", r"\b(?:right|correct) (?:answer|topic|one|word|spelling|way|name|date|number) (?:is|was|"
           r"would be|"
           r"should be)\b", 0.9),
    phrase("not isn isnt t aren wasn don dont",
           r"\b(?:it|that|this|he|she|they|those|these|there)(?:'?s| is|'re| are| was| were)(?: not|n'?t) (?:an? |"
           r"the |in |"
           r"from |by |on |about |called |for |how |where |who |when )(?!good\b|great\b|bad\b|big\b|lot\b|problem\b|"
           r"idea\b)\w",
           0.7, also_replies=True),
    phrase("not", r"\b(?:asked for|wanted|meant|said|need|want|is|was|be|about|in|using|with|for|to) (?:\w+ ){1,3}"
           r"?not (?:an? |the |in |for |about |just )?(?!only|too|sure|so\b|really|very|yet|even|to\b|be\b|have|been|"
           r"that|the case)"
           r"\w+\W*(?:$|[.!,;])", 0.6),
    phrase("no nope nah wrong incorrect not",
           r"^\W*(?:(?:um+|uh|oh|ok|lol|well|but)\W+)?(?:no|nope|nah|wrong|incorrect|not (?:quite|exactly|really|"
           r"correct|right|true))"
           r"\b(?!\W*(?:thank|thx|problem|worr|need|more\b|idea|one\b|doubt|wonder|way\b|matter|clue|offen[cs]e|"
           r"that(?:'?s| is) (?:all|it|fine|ok)|it(?:'?s| is) (?:fine|ok)|(?:i )?(?:don'?t|do not) (?:think|know)|"
           r"please|"
           r"(?:that|this|it|you)(?:'?s| is|'?re| are| was)? ?(?:still |all |just |completely |totally )?(?:not |n't )?"
           r"(?:wrong|incorrect|false|right|correct|true|mistaken|work\w*|what i\b.{0,12})\W*$|(?:it|that|"
           r"this) (?:doesn't|does not|"
           r"didn't|isn't|still)\b.{0,30}$|no\b))\W+\w",
           0.8, also_replies=True),
    phrase("about & it this that its thats", r"^\W*(?:it|this|that)(?:'?s| is) about\b", 0.8, also_replies=True),
    phrase("actually", r"^\W*actually\b(?!\W*$)(?! (?:that|this|it)(?:'?s| is) (?:good|great|right|correct|nice|fine|"
           r"cool))", 0.5),
    phrase("mean", r"^\W*(?:no\W+)?i mean\b", 0.6),
    phrase("instead",
           START + r"(?:can you |could you |try |just |i want you to )?(?:make|use|give|do|write|try|show|change|put|"
           r"replace|"
           r"return|say|call|go|base|list|focus|talk|using|with|include|start|round|explain)\b.{0,60}\binstead\b", 0.8),
    phrase("again redo",
           START + r"(?:can you |could you |let'?s )?(?:(?:try|do|write|make|generate|answer|say|explain|list|"
           r"give)\b.{0,25}"
           r"\bagain|redo (?:it|this|that)|again)\W+(?:but|and|with|without|this time|in|using|however|except|only)\b",
           0.9),
    phrase("remove stop avoid don dont without",
           START + r"(?:you (?:need to |must |should )?)?(?:(?:do not|don'?t) (?:use|include|add|mention|say|write|"
           r"repeat|make|"
           r"put|give|assume|explain|apologi[sz]e|start|end|change)|stop (?:using|adding|saying|apologi[sz]ing|"
           r"including|making|"
           r"writing|giving|calling|putting|changing)|avoid using)\b", 0.7),
    phrase("fix correct change",
           START + r"(?:can you |could you |you need to |you have to )?(?:fix|correct|change) (?:it|that|this|the|"
           r"your)\b"
           r"(?: (?:so|to|where|second|first|last|error|mistake|answer|line|part|ending|title|code|function|bug|"
           r"output|name|"
           r"typo|formatting|response|year|number))", 0.7),
    phrase("but still",
           r"^\W*(?:(?:good|great|nice|thanks|thank you|ok|okay|cool|yes|perfect|better|close|"
           r"almost)\b[^.?]{0,25}?\W+)but "
           r"(?:you|it|the|can you|make|i (?:need|want|asked|said|meant|wanted)|please|that|there|this|could you|"
           r"without|in|with|"
           r"shorter|not|now)\b", 0.7, also_replies=True),
    phrase("actually real really",
           r"\b(?:he|she|it|they|that|there|this|\w+) (?:was|is|were|are) actually\b(?! (?:good|great|nice|pretty|"
           r"very|really|"
           r"quite|helpful|what|cool|interesting|funny|a good|a great))", 0.6, also_replies=True),
    phrase("other one", r"^\W*(?:no\W+)?(?:not that one|the other one|not this one|the (?:first|second|third|"
           r"last) one)\b",
           0.6, also_replies=True),
    phrase("rather", SENTENCE + r"(?:i'?d|i would|or) rather\b|\brather than (?:in|a|an|the|what)\b", 0.4),
    phrase("didnt didn did never & ask want mean say said asked wanted meant need request",
           r"\bi (?:did not|didn'?t|never) (?:even |actually |really )?(?:ask|want|mean|say|said|asked|need|"
           r"request)(?:ed)?\b"
           r"(?! (?:to\b|know\b|anything\b))(?!\W*$)", 0.9),
    phrase("not", r"\w[.,;:-]+ ?(?:and )?not (?:an? |the |in |for |my |from |by |with |on )?"
           r"(?!(?:only|too|sure|so|really|very|yet|even|to|be|have|been|that|bad|much|at|necessarily|every|all|always|"
           r"working|good|me|any|anymore|interested|just|as|quite|great|like|possible|a|the|many|more|exactly)\b)"
           r"[\w'-]+(?: [\w'-]+)?\W*$", 0.7, also_replies=True),
    phrase("not", r"^\W*(?:no\W+)?not (?:an? |the |in |my |on |for |from )[\w' -]{1,25}[,.;:-]+ ?(?:but |rather )?"
           r"(?:an? |the |in |my |it |i |on |for |from )", 0.8, also_replies=True),
    phrase("not", r"^\W*(?:no\W+)?not (?:those|these|him|her|them|like (?:that|this))\b", 0.7, also_replies=True),
    phrase("must has have needs supposed meant ought", START
           + r"the \w+(?: \w+)? (?:must|has to|have to|needs? to|ought to|(?:is|are|was|were) "
           r"(?:supposed|meant) to)(?: not)? (?:be|have|use|say|contain|include|start|end|return|read|match|look)\b",
           0.7),
    phrase("supposed should shouldn shouldnt",
           r"\byou were (?:\w+ )?supposed to\b|\byou should(?:n'?t| not)? have "
           r"(?:been|said|used|given|told|done|asked|put|written|known|included|mentioned|answered|made)\b", 0.8),
    phrase("want need wanted like & it this that them these the", START
           + r"i (?:need|want|would like|'d like) (?:it|this|that|them|these|the \w+)(?: to be| to have)? "
           r"(?:in|as|with|without|by|shorter|longer|more|less|not|instead)\b", 0.7),
    phrase("think believe guess & you u", r"\bi (?:think|believe|guess) (?:you|u)(?:'?ve| have)? (?:are |'re |"
           r"might have |"
           r"may have )?(?:mean|meant|got|mixed|mixing|misunder\w+|misread|misinterpret\w+|confus\w+|forgot|missed|"
           r"made a mistake)\b", 0.9),
    phrase("missing forgetting ignoring misunderstanding confusing mixing misreading misinterpreting assuming",
           r"\byou(?:'?re| are) (?:still |just |also |again )?(?:missing|forgetting|ignoring|misunderstanding|"
           r"confusing|"
           r"mixing|misreading|misinterpreting|assuming)\b(?! (?:the |my )?(?:point|question)\W*$)", 0.8),
    phrase("wrong & you u", r"\byou(?:'?ve| have)? (?:\w+ )?(?:used|put|gave|wrote|picked|chose|answered|"
           r"translated|included|"
           r"counted|calculated|spelled|named)\b.{0,30}\bwrong\b", 0.9),
    phrase("just only simply", START + r"(?:just|only|simply) (?:give|tell|show|write|list|answer|use|say|send|return|"
           r"output)\b(?! (?:curious|kidding|want|wondering))", 0.6, also_replies=True),
    phrase("without", r"^\W*(?:but |and |please |no,? )?without (?:any|the|using|a|all)\b", 0.7, also_replies=True),
    phrase("called spelled spelt written pronounced named", r"^\W*(?:no\W+)?(?:that|it|this|he|she)(?:'?s| is| was) "
           r"(?:called|spelled|spelt|written|pronounced|named)\b", 0.7, also_replies=True),
    phrase("but & said told asked wanted specified", r"^\W*but i (?:\w+ )?(?:said|told|asked|wanted|specified)\b", 0.9),
    phrase("u ur & forgot missed skipped ignored misunderstood", r"\bu (?:\w+ )?(?:forgot|missed|skipped|ignored|"
           r"misunderstood)\b", 1.0),
))  # fmt: skip


def detector(weights: Weights) -> PhraseDetector:
    """The detector of the family."""
    return PhraseDetector("correction", 3, PHRASES, weights)
