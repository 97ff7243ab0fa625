"""Complaints in words, with what they are about (A8). The person says that it is wrong, not what would be right."""

from typing import Final

from feedwheel_capture.vocabulary import ComplaintCategory

from feedback.detectors import correction, words
from feedback.detectors.phrase_detector import PhraseDetector
from feedback.detectors.phrases import SENTENCE, START, TASK, Phrases, phrase
from feedback.taxonomy import Weights

_IT: Final = (
    r"\b(?:it|that|this|these|those|which|you|your (?:\w+ )?\w+|(?:the|this|that) (?:code|script|function|program|"
    r"answer|response|result|"
    r"output|formula|query|solution|link|links|last one|first one|second one|story|poem|example|information|math|"
    r"command|regex|"
    r"translation|date|number|list|summary|explanation)|all of (?:it|that|this|them)|(?:they|he|she)(?= (?:all |"
    r"both )?(?:are|do)))"
)
_IS: Final = r"(?:'?s|'?re| is| are| was| were| got (?:it|that|this)| look(?:s|ed)?| seem(?:s|ed)?| sound(?:s|ed)?)"
_VERY: Final = (
    r"(?: (?:all|so|completely|totally|just|still|also|very|really|simply|plain|factually|a bit|a little|kind of|kinda|"
    r"pretty|way|absolutely|even|again|quite|rather|clearly|obviously|to be))*"
)
_NOT: Final = (
    r"(?:(?:'?s|'?re| is| are| was| were| look| seem) not|(?: is| are| was| were)n'?t| ain'?t|"
    r" (?:do|does|did)(?:n'?t| not) (?:look|seem|sound))"
)
_DOES_NOT: Final = (
    r" (?:still |just |also |really )*(?:(?:does|did|do|will|would|can|could) not|"
    r"(?:does|did|do|wo|would|ca|could)n'?t|cannot)"
)

PHRASES: Final = Phrases((
    phrase("wrong incorrect false mistaken inaccurate untrue", _IT + _IS + _VERY
           + r" (?:wrong|incorrect|false|mistaken|inaccurate|untrue|the wrong)\b(?! with (?:my|the card|me\b))",
           1.0, "wrong"),
    phrase("wrong incorrect false", r"\b(?:wrong|incorrect|false) (?:answer|reply|response|information|topic|one|"
           r"again|language|"
           r"format|person|question)\b", 1.0, "wrong"),
    phrase("wrong incorrect false inaccurate nope no",
           r"^\W*(?:(?:lol|still|oh|that(?:'?s| is)|no|again|sorry|also)\W+)*(?:wrong|incorrect|false|inaccurate|"
           r"nope|no)\W*$",
           0.9, "wrong", also_replies=True),
    phrase("right true correct accurate quite", _IT + _NOT
           + r"(?: (?:even|really|quite|entirely|exactly|actually|at all))* (?:right|correct|true|accurate|it)\b",
           0.9, "wrong",
           also_replies=True),
    phrase("right true correct accurate", r"\b(?:do not|don'?t) (?:think|believe) .{0,25}?\b(?:is|are|was|'s) (?:\w+ )?"
           r"(?:right|correct|true|accurate)\b", 0.9, "wrong"),
    phrase("think", START + r"i (?:do not|don'?t) think so\b", 0.8, "wrong", also_replies=True),
    phrase("made", r"\byou(?:'re| are)? (?:just |totally )?(?:made|making) (?:that|this|it|things|stuff|these|those|"
           r"\w+ )? ?"
           r"up\b", 1.0, "wrong"),
    phrase("hallucinate hallucinated hallucinating hallucination hallucinations lie liar lied lying bullshit bs",
           r"\byou(?:'re| are)?(?: just| a| still)* (?:hallucinat\w+|lying|lied|liar)\b|\b(?:hallucinati\w+|a lie|"
           r"bullshit|bs)\b", 1.0, "wrong"),
    phrase("exist exists", r"\b(?:does not|doesn'?t|do not|don'?t|did not|didn'?t|never) (?:even |"
           r"actually )?exist(?:s|ed)?\b",
           0.9, "wrong"),
    phrase("exist such", SENTENCE + r"(?:there(?:'?s| is| are)|i (?:see|find)) no such\b|\bno such (?:thing|function|"
           r"method|"
           r"option|book|file|button|menu|setting|module|paper)\b", 0.8, "wrong"),
    phrase("contradict contradicting contradicts contradiction contradictory mistake mistakes error errors",
           r"\bcontradict(?:s|ed|ing|ory)?\b.{0,20}(?:yourself|said|earlier|before|what)|\byou (?:made|have made|"
           r"keep making) (?:\w+ ){0,3}"
           r"(?:mistakes?|errors?)\b|\bthere(?:'?s| is| are) (?:an?|some|\w+|still an?) (?:mistakes?|errors?|"
           r"bugs?) in\b", 0.9, "wrong"),
    phrase("disagree", SENTENCE + r"i (?:strongly |totally |completely )?disagree\b", 0.7, "wrong"),
    phrase("irrelevant topic relevant related", r"\b(?:irrelevant|off[- ]topic)\b|" + _IT + _NOT
           + r" (?:even |really |at all )*(?:relevant|related)\b", 1.0, "irrelevant"),
    phrase("nothing point", r"\bnothing to do with (?:what|my|the (?:question|topic)|this|it|that)\b|"
           r"\bmiss(?:ed|ing|es)? (?:the|my) (?:whole |entire )?point\b", 0.9, "irrelevant"),
    phrase("answer answered answering address addressed question",
           r"(?:\bnot|n'?t|\bnever|\bavoid(?:ed|ing)?|\bignor(?:ed|ing)|\bdodg(?:ed|ing)|\bmiss(?:ed)?) (?:\w+ )?"
           r"(?:(?:answer|address)(?:ed|ing|s)? (?:to )?(?:my|the|what|me|it|that|anything)|(?:my|the) question)\b|"
           r"\bnot an answer\b", 1.0, "irrelevant"),
    phrase("answer", START + r"(?:just |can you |you (?:need to|have to|must) )?answer (?:my|the) (?:\w+ )?question\b",
           0.8,
           "irrelevant"),
    phrase("asked wanted want need needed was am m im said meant had requested expected told would "
           "& not n t dont didnt isnt doesnt wasnt arent aint want",
           r"(?:\bnot|n'?t) (?:at all |really |quite |exactly )?"
           r"(?:what|how) i (?:asked|wanted|want|need|"
           r"needed|was|am|"
           r"'?m|said|meant|had|requested|expected|told|would)\b", 0.9, "irrelevant"),
    phrase("rude offensive insulting racist sexist toxic disrespectful condescending patronizing inappropriate "
           "creepy mean",
           r"\b(?:you(?:'?re| are)|that(?:'?s| is| was)|this is|your \w+ (?:is|was))" + _VERY + r" (?:being )?" + _VERY
           + r" ?(?:rude|offensive|insulting|racist|sexist|toxic|disrespectful|condescending|patroni[sz]ing|"
           r"inappropriate|creepy|mean)\b(?! to| the)", 1.0, "toxic"),
    phrase("long wordy verbose lengthy concise", r"\b(?:too|so|way too|bit|kinda|very) (?:long|wordy|verbose|"
           r"lengthy)\b(?! ago|as\b)|"
           r"\btoo much text\b|\bmore concise\b", 0.9, "too_long"),
    phrase("short shorter shorten brief briefer tldr tl concise",
           START + r"(?:(?:can|could) you |i (?:need|want) (?:it |that |this |something |a )?)?(?:(?:make|"
           r"keep) (?:it|that|this|them|"
           r"your answers?) (?:a bit |much |more |even |way )*(?:short|shorter|brief|briefer|concise)|shorten (?:it|"
           r"this|that)|"
           r"(?:much |a bit |even |way )?shorter|be (?:more )?(?:brief|concise)|tl;?\W?dr)\b", 0.7, "too_long"),
    phrase("short brief longer", r"\b(?:too|so|way too|bit) (?:short|brief)\b|" + START
           + r"(?:(?:can|could) you )?(?:make (?:it|that|this) (?:a bit |much )*)?longer\b", 0.8, "too_short"),
    phrase("vague general generic specific detailed detail details superficial basic depth",
           r"\btoo (?:vague|general|generic|superficial|basic|broad)\b|\bvery (?:vague|generic)\b|"
           r"\b(?:not|n'?t) (?:very |really )?(?:specific|detailed)(?: enough)?\b|"
           r"\b(?:not|n'?t) (?:give |have |go |contain |provide )?(?:enough|any|much|into) (?:details?|depth)\b", 1.0,
           "missing_detail"),
    phrase("specific detail details detailed depth",
           START + r"(?:(?:can|could) you |i (?:need|want) |give me |go into |be |add |with |a bit |much |provide |"
           r"make it )*"
           r"more (?:specific|details?|detailed|in[- ]depth)\b", 0.6, "missing_detail"),
    phrase("useless terrible awful horrible stupid dumb garbage rubbish pathetic ridiculous nonsense crap trash "
           "idiotic "
           "worthless shit shitty sucks suck moron idiot boring lame bland bad poor disappointing disappointed weak "
           "unacceptable unhelpful gibberish cringe",
           r"(?:" + _IT + _IS + r"|^\W*(?:wow|what|such|well|ugh|lol|still|so|omg|pretty)?\W*|\bwhat (?:an? )?)"
           + _VERY + r"\s*(?:(?:an?|the|such|so|of) )*(?:useless|terrible|awful|horrible|stupid|dumb|garbage|rubbish|"
           r"pathetic|"
           r"ridiculous|nonsense|crap|trash|idiotic|worthless|shit|shitty|moron|idiot|boring|lame|bland|bad|poor|"
           r"disappointing|"
           r"weak|unacceptable|unhelpful|gibberish|cringe)\b(?! (?:for|to (?:my|the)|at|luck|news|habit|day|week|guy|"
           r"that you))", 0.8, "bad"),
    phrase("sucks suck disappointed useless stupid",
           r"\b(?:you|it|this|that)(?: really| just| kind of)? sucks?\b|\bi(?:'m| am) (?:\w+ )?disappointed\b|"
           r"\b(?:stupid|useless|dumb) (?:bot|ai|robot|machine|thing|answer|program|assistant)\b", 1.0, "bad"),
    phrase("sense", r"\b(?:makes?|making|made|making) (?:absolutely |literally |zero |little )?(?:no|zero|"
           r"little) sense\b|n'?t (?:really |even )?"
           r"make (?:any |much |a lot of )?sense\b|\bnot mak(?:e|ing) (?:any )?sense\b", 0.9, "bad"),
    phrase("help helpful helping helped unhelpful useful", _IT + r"(?:" + _NOT + r"|" + _DOES_NOT +
           r")(?: \w+)? (?:help(?:ful|ing|ed|s)?|useful)\b"
           r"(?: (?:me|at all|much))?(?! (?:you|my|him|her|them)\b)|^\W*not (?:very |really |that |"
           r"at all )?(?:helpful|useful|helping)\b|"
           r"\b(?:unhelpful|no help|not helping)\b", 0.9, "bad"),
    phrase("bad poor worst", r"\b(?:bad|poor|worst) (?:answer|reply|response|bot|job|ai|advice|translation|example|"
           r"explanation)\b", 1.0,
           "bad"),
    phrase("nothing sarcasm try", r"\bthanks? (?:you )?for nothing\b|^\W*nice try\b", 1.0, "bad"),
    phrase("good great funny enough entertaining clear impressed impressive right convincing creative interesting "
           "accurate & not n t isn aint ain isnt arent wasnt werent doesn doesnt",
           r"(?:" + _IT + _NOT + r"|^\W*not)(?: (?:even|really|very|that|so|at all|quite|particularly|a|too|exactly))*"
           r" (?:good|great|funny|enough|impressed|impressive|convincing|creative|interesting|entertaining|clear|"
           r"accurate)\b(?! (?:at|for me to))", 0.8, "bad",
           also_replies=True),
    phrase("like love want need & not dont don didnt didn",
           START + r"i (?:really |still |also )?(?:do not|don'?t|did not|didn'?t) (?:really |"
           r"actually )?(?:like|love|want|need) "
           r"(?:it|that|this|these|those|the (?:\w+ )?(?:answer|one|ending|title|style|tone|story|poem|format|name|"
           r"idea|way)|any of|"
           r"your)\b", 0.8, "bad", also_replies=True),
    phrase("work works working worked run runs compile compiles fails failed broken crashes crashed crash load open "
           "helping match",
           r"(?:" + _IT + r"|^\W*(?:(?:it|still|no|nope|hm+|sorry|unfortunately|but|also|ok|ugh)\W+)*|\bthat)(?:"
           + _DOES_NOT
           + r"|\W*(?:does|did|do)n'?t|" + _NOT + r"|\W*not)"
           r"(?: (?:\w+ly|even|seem to|for me|always|be))* (?:work(?:s|ing|ed)?|run|compile|load|match|open)\b",
           0.8, "wrong"),
    phrase("fails failed broken crashes crashed crash", r"(?:" + _IT + r"|^\W*(?:still|it)?)" + r"(?:" + _IS +
           r")?(?: still| just| now| again)*"
           r"\W*(?:fail(?:s|ed|ing)?|broken|crash(?:es|ed|ing)?)\b", 0.8, "wrong"),
    phrase("error errors exception same undefined",
           r"(?:" + _IT + r"|\bi(?:'m| am)?|\bstill|\bnow)(?: still| now| just| also| keep| always)* (?:give?s?|gave|"
           r"giving|throws?|threw|get|got|"
           r"getting|have|has|shows?|returns?|produces?|says?|see|raises?|rais(?:es|ed))(?: me| this| the| an?|"
           r" another| same| \w+)*?"
           r" (?:\w*error|\w*errors|exception|undefined)\b|^\W*(?:still (?:get |getting |"
           r"have )?)?(?:the )?same (?:error|problem|issue|"
           r"thing|result|answer|mistake)\b", 0.9, "wrong"),
    phrase("still", START + r"(?:it|that|this|you|there|they|the \w+)?(?:'?s|'?re| is| are| has|"
           r" have)?\W*still\b(?: \w+)? (?:not|wrong|incorrect|the same|no\b|"
           r"nothing|doesn|don|does not|do not|isn|can'?t|cannot|won|missing|broken|too|bad|have the|has the|using|"
           r"says?|in|gives?|shows?)"
           , 0.8, "wrong"),
    phrase("already", r"\byou(?:'?ve| have)? already (?:said|told|gave|given|mentioned|answered|suggested|listed|"
           r"used|asked|wrote|did|"
           r"recommended)\b|\bi(?:'ve| have)? (?:already|just) (?:told|said|tried|did|done|answered|gave|explained|"
           r"asked|mentioned)\b", 0.9, "bad"),
    phrase("repeated repeating repeat keep keeps same just", r"\byou(?:'re| are)?(?: just| only| always| again|"
           r" simply)* (?:repeat(?:ed|ing)?|"
           r"keep(?:s)? (?:\w+ing)|(?:said|gave|wrote|did|giving|saying)(?: me|"
           r" back)? (?:exactly )?the (?:exact )?same)\b|"
           r"\bstop repeating\b|\b(?:the |exact(?:ly)? )same (?:answer|thing|response|text|list|sentence)s? (?:again|"
           r"as before|over|twice|you)\b",
           0.9, "bad"),
    phrase("wtf fuck hell heck kidding joking serious dumb stupid listening drunk blind deaf",
           r"\bwtf\b|\bwhat the (?:hell|fuck|heck)\b|\bfuck (?:you|off|this)\b|\bfor (?:fuck|god)'?s sake\b|"
           r"\bare you (?:kidding|joking|dumb|stupid|drunk|blind|deaf|even|an idiot|listening|braindead|broken)\b",
           0.9, "bad"),
    phrase("frustrating frustrated annoying annoyed ugh meh waste hopeless forget nevermind sigh facepalm disaster",
           r"\b(?:frustrat(?:ing|ed)|annoy(?:ing|ed)|hopeless|waste of (?:my )?time|wasting my time)\b|"
           r"^\W*(?:ugh+|meh|sigh|facepalm|forget it|forget about it|never ?mind)\b(?!\W+i (?:found|got))", 0.7, "bad"),
    phrase("listening understand understanding reading read helping paying listen get getting following "
           "& you your youre",
           r"\byou(?:'?re| are) (?:still |clearly |just )?not (?:\w+ly )?(?:listening|understanding|getting|reading|"
           r"helping|paying|following|making|even)\b|"
           r"\byou (?:still |clearly |just |obviously )*(?:do not|don'?t|did not|didn'?t) (?:even |seem to |"
           r"really )?(?:understand|listen|read|get it|get what|know what)\b|"
           r"\b(?:do|did) you (?:even|actually) (?:read|understand|listen)\b", 0.9, "bad"),
    phrase("again redo", START + r"(?:can you |could you |let'?s |please )?(?:try (?:it |that |this )?(?:again|"
           r"harder|once more)|redo (?:it|this|that)|do "
           r"(?:it|this|that|better)(?: over)? again|do better|start over|have another go)\W*(?:please)?\W*$", 0.7,
           "bad"),
    phrase("fix", START + r"(?:can you |could you )?fix (?:it|that|this|your)\b(?: \w+)?\W*$", 0.6, "wrong"),
    phrase("lol haha yeah", r"^\W*(?:lol|haha)\W+no\b|^\W*yeah,? right\W*$", 0.8, "bad"),
    phrase("better", START + r"(?:you can do|i (?:was )?expect(?:ed|ing)|can(?:'t)? you do|do) (?:something |much |"
           r"any )?better\b|\bcould be better\b|"
           r"\bwas better\b(?=\W*$)", 0.7, "bad"),
    phrase("incomplete cut missing unfinished empty", r"(?:" + _IT + _IS + r"|^\W*)" + _VERY + r"\s*(?:incomplete|"
           r"cut off|unfinished|not complete|"
           r"empty|missing (?:the|a|some|something|parts?|most))\b|\byou (?:got )?(?:cut off|stopped)\b", 0.7,
           "missing_detail"),
    phrase("true correct right accurate & not", r"^\W*(?:(?:that|this|it)\W+)?not (?:even |really |quite |entirely )*"
           r"(?:true|correct|right|accurate)\W*$", 0.9, "wrong", also_replies=True),
    phrase("wrong & got get", r"\b(?:got|getting) (?:it|that|this|them|everything|the \w+|my \w+) (?:all |"
           r"completely |totally )?"
           r"wrong\b", 0.9, "wrong"),
    phrase("ur u youre & wrong lying stupid dumb useless", r"\b(?:ur|u r|u are) (?:\w+ )?(?:wrong|lying|stupid|dumb|"
           r"useless)\b", 1.0, "wrong"),
    phrase("fake made nonexistent fictional", r"\b(?:it|that|this|those|these|(?:the|your) \w+)(?:'?s| is|'?re| "
           r"are| was| were) "
           r"(?:all |totally |completely )?(?:fake|made[- ]up|non-?existent)\b", 0.8, "wrong"),
    phrase("said", r"\b(?:but|wait,?|thought) (?:you|u) (?:just |already |earlier |previously )*said\b|"
           r"\byou (?:just |literally |earlier )+said\b", 0.8, "wrong"),
    phrase("thought & you u", r"\bi thought (?:you|u) (?:were|was|are|didn'?t|did not|don'?t|hated|liked|"
           r"had)\b", 0.7, "wrong"),
    phrase("answer questions", START + r"answer (?:my|the) questions\b", 0.8, "irrelevant"),
    phrase("random incoherent repetitive nonsensical misleading inconsistent illogical outdated irrelevant",
           r"(?:" + _IT + _IS + r"|^\W*)" + _VERY + r"\s*(?:random|incoherent|repetitive|nonsensical|misleading|"
           r"inconsistent|illogical|outdated)\b", 0.8, "bad"),
    phrase("weird strange odd random confusing", r"^\W*(?:what an? |such an? |that(?:'?s| is) an? |very |a "
           r")?(?:weird|strange|odd|random|confusing) "
           r"(?:answer|reply|response|thing to say|statement|comment)\b|\byou(?:'?re| are| sound| seem)(?: \w+)? "
           r"(?:weird|strange|odd|confusing|random)\b|\byour (?:answers?|responses?|replies) (?:are|is|seem)(?: \w+)? "
           r"(?:weird|strange|odd|confusing|random|off)\b", 0.8, "bad"),
    phrase("complicated complex difficult formal simple technical simplistic robotic cheesy dramatic",
           r"\btoo (?:complicated|complex|difficult|formal|simple|technical|simplistic|robotic|cheesy|dramatic)\b"
           r"(?! (?:for (?:me|my) to|to))", 0.7, "bad"),
    phrase("nothing no same luck working work help", r"^\W*(?:(?:still|nope|sorry|hm+|ok)\W+)*(?:nothing "
           r"(?:changed|happen(?:ed|s)|works)|"
           r"no (?:change|difference|luck|improvement)|(?:the )?same (?:again|as before|problem)|not working|no good|"
           r"(?:did ?n[o']?t|does ?n[o']?t|doesn'?t|didn'?t) (?:work|help))\b", 0.8, "wrong", also_replies=True),
    phrase("all it & that this", r"^\W*(?:is )?(?:that|this)(?:'?s| is)? (?:all|it)(?: you (?:got|have|can do|"
           r"know))?\s*\?", 0.8,
           "missing_detail"),
    phrase("lazy", r"\byou(?:'?re| are) (?:\w+ )?(?:being )?lazy\b|\bdon'?t be lazy\b", 0.9, "bad"),
    phrase("shut stop", r"\bshut (?:up|the)\b|^[^\w/]*(?:please |just )?stop(?: it| that| doing (?:that|this)| "
           r"saying (?:that|this)|"
           r" talking)?\W*$", 0.8, "bad"),
    phrase("talk discuss hear & dont don not", r"\bi (?:do not|don'?t) (?:want|wanna|care) to (?:talk|discuss|"
           r"hear|chat)\b", 0.6,
           "irrelevant", also_replies=True),
    phrase("making make & any sense", r"\byou(?:'?re| are) not making (?:any )?sense\b", 1.0, "bad"),
    phrase("asked & nobody one who", r"\b(?:nobody|no one|who) asked\b", 0.6, "irrelevant"),
))  # fmt: skip

_CORRECTED: Final = Phrases(tuple(each for each in correction.PHRASES.all if each.certainty >= 0.8))
"""Who says what was wanted says with it that this was not it: that is a correction, not a complaint besides."""


_HYPOTHETICAL: Final = Phrases(
    (
        phrase(
            "how what if",
            r"^\W*(?:how (?:do|can|should|to|would)|what (?:happens|if|should|are|would)|"
            r"if)\b[^.!?\n]*\??\s*$",
            1.0,
        ),
        phrase("suppose assume assuming imagine", r"^\W*(?:suppose|assum(?:e|ing)|imagine)\b", 1.0),
    )
)
"""What is supposed to be wrong is not."""


def detector(weights: Weights) -> PhraseDetector:
    """The detector of the family."""
    return PhraseDetector("complaint", 3, PHRASES, weights, (TASK, _HYPOTHETICAL, _CORRECTED))


def category_of(text: str) -> ComplaintCategory | None:
    """What a text known to be a complaint is about, None if it does not say."""
    match = PHRASES.surest(words.read(text))
    return match.phrase.category if match else None
