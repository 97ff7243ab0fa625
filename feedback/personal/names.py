"""Names of people: by word lists, by the words before them, and by what else a text calls them.

In: text, and the spans that a language model takes for people. Out: finds of type PERSON. A row of words is a name if
one of these speaks for it:

1. a cue before it ("my name is", "Dear", "Mrs."), whatever the name, in lower case too;
2. a first name of the lists that is no ordinary word, with the capitals that follow it;
3. an ordinary word that is also a first name ("Grace"), with a last name after it;
4. a last name of the lists alone; or what the model says, if no word of it is ordinary;
5. what the text has called somebody elsewhere.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from feedback.personal.spans import LIKELY, POSSIBLE, UNSURE, Find, Taken, apart
from feedback.personal.words import Word, words_of

_TITLES: Final = (
    r"(?:(?:mr|mrs|ms|mx|dr|prof|rev|fr|capt|sgt|lt|col|sr|sra|mme|mlle|sig)\.?|miss|professor|doctor|sir|lady|lord|dame|"
    r"madam|mister|reverend|father|sister|judge|captain|officer|detective|herr|frau|señora?|monsieur|signora?|nurse|coach)"
)
_TITLE: Final = re.compile(rf"(?<!\w){_TITLES}[ \t](?=\S)", re.IGNORECASE)
"""What follows is a name if it has a capital, an ordinary word too."""
_STRONG_CUE: Final = re.compile(
    r"(?<!\w)(?:(?:(?:first|last|full|middle|maiden|sur|legal|real|given|family|birth|user's|your|cardholder|account)?"
    r"[ -]?names?(?:['\u2019]s| is| was|\s?[:=]| on (?:the |my )?(?:card|account|file|booking|order) is)(?: now)?|"
    r"(?:i am|i['\u2019]m) (?:called|named)|calls? me|called me|goes by|i go by|"
    r"under (?:the|my) name(?: of)?|in the name of|"
    r"(?:his|her|their|my|our|whose) (?:[a-z]+['\u2019]s )?name(?: is|['\u2019]s)?|"
    r"(?:partner|wife|husband|son|daughter|boss|friend|brother|sister|mother|father)['\u2019]s name(?: is)?|"
    r"what['\u2019]s your (?:first |last |full )?name\?|je m['\u2019]appelle|me llamo|mi nombre es|ich hei(?:ß|ss)e|"
    r"mein name ist|mi chiamo|meu nome é|nazywam się|me chamo)"
    r")\s{0,2}[\"“]?(?:" + _TITLES + r"[ \t])?",
    re.IGNORECASE,
)
"""What follows is a name in whatever case."""
_CUE: Final = re.compile(
    r"(?<!\w)(?:"
    r"(?:dear|hi|hello|hey|hola|bonjour|hallo|thanks|thank you|thx|cheers|regards|best|sincerely|yours|love|from|"
    r"respectfully|faithfully|truly|wishes|signed|attn|attention|c/o|fao|cc|to|contact|customer|client|"
    r"patient|cardholder|holder|passenger|guest|recipient|beneficiary|payee|sender|employee|manager|agent|driver|"
    r"applicant|tenant|owner|candidate|teacher|author|member|participants?|attendees?|by)\s?[,:\n-]\s{0,3}|"
    r"(?:dear|hi|hello|hey|hola|bonjour|hallo|thanks|thank you|thx|attn|contact|c/o)[ \t]|"
    r"(?:i['\u2019]?m|i am|this is|it['\u2019]s|it is|here is|here['\u2019]s|ask for|asked for|follow up with|"
    r"(?:speak|speaking|spoke|talk|talked|talking|chatted|chat|meeting|call|appointment) (?:to|with)|named|called|"
    r"met with|married to|meet|met|tell|told|ask(?:ed)?|call(?:ed)?|email(?:ed)?|"
    r"contact(?:ed)?|helped by|signed by|sent by|written by|directed by|starring|transfer to|"
    r"(?:my|his|her|our|their) (?:\w+[ -])?(?:wife|husband|partner|spouse|son|daughter|kid|child|children|boy|girl|"
    r"mother|father|mom|mum|dad|brother|sister|uncle|aunt|cousin|grandma|grandpa|grandmother|grandfather|nephew|niece|"
    r"manager|friend|buddy|colleague|coworker|neighbou?r|roommate|flatmate|landlord|teacher|doctor|lawyer|therapist|"
    r"boss|dentist|assistant|girlfriend|boyfriend|fianc[eé]e?|ex|client|tutor|coach|nanny|agent|advisor)),?[ \t])",
    re.IGNORECASE,
)
"""What follows may be a name if it has a capital and is no ordinary word, or a first name with nothing behind it."""
_AFTER: Final = re.compile(
    r"\s?(?:,\s)?(?:speaking|here)\b|[ \t](?:lives?|lived|works?|worked|told me|said|says|wrote|called|emailed|is my|"
    r"was my|"
    r"and I)\b|\s?<[^>\s]+@|,? \(?(?:born|aged|age|DOB)\b",
    re.IGNORECASE,
)
"""After a capital that is no ordinary word, this says that it names somebody."""
_PARTICLES: Final = frozenset(
    (
        *("van", "von", "der", "den", "de", "del", "della", "di", "da", "dos", "das", "do", "du", "la", "le", "el"),
        *("al", "bin", "ibn", "ben", "ter", "ten", "y", "e", "zu", "st", "abu", "mac"),
    )
)
_NO_PEOPLE: Final = re.compile(
    r"[ \t](?:Inc|Ltd|LLC|GmbH|Corp|Co|Plc|University|College|School|Hospital|Bank|Street|St|Road|Rd|Avenue|Ave|Lane|"
    r"Drive|Park|Airport|Station|Hotel|Group|Company|Foundation|Institute|Library|Museum|Baths?|Castle|Aquarium|Cove|Zoo|Trail|Cathedral|Mosque|Temple|Church|Island|Islands|River|"
    r"Lake|Mountain|Bridge|Square|County|City|Beach|Cup|Prize|Award|Awards|Theorem|Festival|Stadium|Center|Centre)\b"
)
"""After a name, what it has been given to."""
_PLACES: Final = frozenset(("san", "santa", "los", "las", "saint", "fort", "mount", "lake", "cape", "port", "new"))
"""What names of places begin with, also where a person's name follows."""
_ENDS: Final = re.compile(r"\s*(?:[,.!?;:)\n]|$)|[ \t](?:from|here|and|speaking|at|who|for)\b")
"""Behind a first name that is also a word."""
_WITHIN: Final = re.compile(r"[a-z,\])] $")
"""Before a word that is not the first of its sentence: its capital is its own."""
_NO_NAME_BEFORE: Final = re.compile(
    r"(?<!\w)(?:the|a|an|this|that|these|those|of the|some|any|no|every|in|at)[ \t]$", re.IGNORECASE
)
"""A single word behind one of these is a thing, a place or a team, unless a list says otherwise."""
_MOST_WORDS: Final = 4
_SHORTEST_LOWER: Final = 4
"""Letters of a name in lower case without a cue; below, names are words of some language."""

_Least = Literal["word", "capital", "any capital"]
"""What a name must be at least behind a cue: any word, a capital that is no ordinary word, or any capital."""
_CUES: Final[tuple[tuple[re.Pattern[str], _Least, float], ...]] = (
    (_STRONG_CUE, "word", 0.9),
    (_TITLE, "any capital", 0.9),
    (_CUE, "capital", 0.8),
)


def find_names(text: str, people: Iterable[tuple[int, int]] = ()) -> list[Find]:
    """Names in `text`; `people` are code points [start, end) that a model takes for names."""
    words = words_of(text)
    if not words:
        return []
    found = apart([*_cued(text, words), *_listed(text, words), *_modelled(text, words, people)])
    return apart([*found, *_again(text, words, found)])


def may_be_unlisted(text: str) -> bool:
    """Whether a model could add a name: only where a word has a capital and is no ordinary one."""
    return any(word.is_capital and (not word.is_ordinary or _is_listed(text, word)) for word in words_of(text))


def _cued(text: str, words: Sequence[Word]) -> Iterator[Find]:
    """Rule 1."""
    at = {word.start: place for place, word in enumerate(words)}
    for cue, least, confidence in _CUES:
        for match in cue.finditer(text):
            place = at.get(match.end())
            if place is not None and (row := _row(text, words, place, least)) and _is_said(text, row, least):
                yield _find(row, confidence)


def _is_said(text: str, row: Sequence[Word], least: "_Least") -> bool:
    """Whether what follows a cue is a name and not the next sentence, a company or a street."""
    if least == "word" or (least == "any capital" and len(row[0].text) > 1):
        return True
    alone = row[0].is_ordinary and len(row) == 1
    return not _NO_PEOPLE.match(text, row[-1].end) and (not alone or _ENDS.match(text, row[-1].end) is not None)


def _row(text: str, words: Sequence[Word], place: int, least: "_Least") -> list[Word]:
    """The name that begins at a place, as far as its words go."""
    row = list[Word]()
    lower = least == "word" and words[place].text.islower()
    for word in words[place : place + _MOST_WORDS]:
        if row and not _joined(text, row[-1], word):
            break
        if not _fits(word, row, lower) and (row or least != "any capital" or not word.is_capital):
            break
        row.append(word)
    while row and row[-1].folded in _PARTICLES:
        row.pop()
    return [] if row and row[0].folded in _PLACES else row


def _fits(word: Word, row: Sequence[Word], lower: bool) -> bool:
    if row and (word.folded in _PARTICLES or (len(word.text) == 1 and word.text.isupper() and word.text != "I")):
        return True
    if lower:
        listed = word.is_last_name if row else word.is_first_name
        return listed or (not word.is_ordinary and len(row) < 2)
    if not (word.is_capital or word.is_upper):
        return False
    return not word.is_ordinary or word.is_first_name or (bool(row) and word.is_last_name)


def _joined(text: str, before: Word, word: Word) -> bool:
    """Whether two words are parts of one name: a space between them, or an initial's dot."""
    between = text[before.end : word.start]
    return between in (" ", "-") or (between in (". ", ".") and len(before.text) == 1)


def _listed(text: str, words: Sequence[Word]) -> Iterator[Find]:
    """Rules 2 to 4."""
    place = 0
    while place < len(words):
        row, confidence = _from_lists(text, words, place)
        if row and not _NO_PEOPLE.match(text, row[-1].end):
            yield _find(row, confidence)
        place += max(1, len(row))


def _from_lists(text: str, words: Sequence[Word], place: int) -> tuple[list[Word], float]:
    word = words[place]
    if word.text.islower() or (word.is_upper and text.isupper()):
        return _lower_row(text, words, place)
    if not word.is_capital and not (word.is_upper and word.is_sure_name and len(word.text) >= _SHORTEST_LOWER):
        return [], 0
    row = _row(text, words, place, "capital")
    if not row:
        return [], 0
    if row[0].is_sure_name:
        return row, LIKELY
    follows = row[1:] and not row[1].is_ordinary
    if row[0].is_first_name and follows and (row[1].is_last_name or len(row[1].text) > 1):
        return row, LIKELY if row[1].is_last_name else POSSIBLE
    if (
        len(row) > 1
        and row[0].is_first_name
        and row[1].is_last_name
        and _WITHIN.search(text, max(0, row[0].start - 2), row[0].start)
    ):
        return row, POSSIBLE
    if not row[0].is_ordinary and any(each.is_last_name or each.is_first_name for each in row[1:]):
        return row, LIKELY
    if not row[0].is_ordinary and (row[0].is_last_name or _AFTER.match(text, row[-1].end)) and not _is_thing(text, row):
        return row, POSSIBLE
    return [], 0


def _lower_row(text: str, words: Sequence[Word], place: int) -> tuple[list[Word], float]:
    """In text without capitals: a sure first name, with a last name after it or alone."""
    word = words[place]
    if not word.is_sure_name or len(word.text) < _SHORTEST_LOWER:
        return [], 0
    for after in words[place + 1 : place + 2]:
        if _joined(text, word, after) and not after.is_ordinary and len(after.text) >= _SHORTEST_LOWER:
            return [word, after], LIKELY if after.is_last_name else POSSIBLE
    return [word], POSSIBLE


def _modelled(text: str, words: Sequence[Word], people: Iterable[tuple[int, int]]) -> Iterator[Find]:
    """What a model takes for a name, less ordinary words at its ends."""
    for start, end in people:
        inside = [word for word in words if start <= word.start and word.end <= end]
        while inside and not _may_be_name(inside[0]):
            inside.pop(0)
        while inside and not _may_be_name(inside[-1]):
            inside.pop()
        if any(_is_listed(text, word) for word in inside):
            yield _find(inside, LIKELY)
        elif any(_may_be_unlisted(word) for word in inside) and not _is_thing(text, inside):
            yield _find(inside, POSSIBLE)
        elif inside:
            yield _find(inside, UNSURE)


def _is_listed(text: str, word: Word) -> bool:
    """A name of the lists; one that is also an ordinary word only where a sentence does not begin with it."""
    if not (word.is_first_name or word.is_last_name):
        return False
    return not word.is_ordinary or _WITHIN.search(text, max(0, word.start - 2), word.start) is not None


def _may_be_name(word: Word) -> bool:
    return word.is_capital and (not word.is_ordinary or word.is_first_name) and word.folded not in _PLACES


def _may_be_unlisted(word: Word) -> bool:
    """Whether a word that no list has may be a name: three letters or more, and no capital inside."""
    return not word.is_ordinary and len(word.text) > 2 and all(part[1:].islower() for part in _PARTS.split(word.text))


_PARTS: Final = re.compile(r"['\u2019-]|(?<=Mc)|(?<=Mac)|(?<=De)")


def _is_thing(text: str, row: Sequence[Word]) -> bool:
    before, behind = text[max(0, row[0].start - 8) : row[0].start], row[-1].end
    alone = len(row) == 1 and (_NO_NAME_BEFORE.search(before) is not None or text[behind : behind + 1] == ":")
    return alone or _NO_PEOPLE.match(text, behind) is not None


def _again(text: str, words: Sequence[Word], found: Sequence[Find]) -> Iterator[Find]:
    """Rule 5: words of sure names elsewhere, where they are no ordinary words."""
    sure = Taken()
    for find in found:
        if find.confidence >= LIKELY:
            sure.add(find.start, find.end)
    known = {
        word.folded
        for word in words
        if not word.is_ordinary and len(word.text) > 2 and sure.meets(word.start, word.end)
    }
    for word in words:
        if word.folded in known:
            yield _find([word], POSSIBLE)


def _find(row: Sequence[Word], confidence: float) -> Find:
    return Find(row[0].start, row[-1].end, "PERSON", confidence)
