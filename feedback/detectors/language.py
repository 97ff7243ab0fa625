"""Which language a person writes, as far as it must be known: phrases are known in four languages only.

In: a person's messages. Out: a language where their words tell one, else none. By script, and by which language has
most of the words that hardly any sentence does without. English is declined only on evidence of another language.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from feedback.detectors.words import Words
from schemas.languages import Language

READ: Final[frozenset[Language]] = frozenset(("en", "de", "es", "fr"))
"""Those whose phrases are known."""

_MIN_WORDS: Final = 2
"""Words of a language before it is believed: one may be a name or a quotation."""
_FOREIGN_LETTERS: Final = 0.5
"""Share of letters of other scripts from which a text is in one of their languages; names and terms stay below."""
_MARKED_LETTERS: Final = 0.06
"""Share of letters with marks from which Latin text without one English stop word is not English; naive is below."""

_LATIN: Final = re.compile(r"[a-z]")
_MARKED: Final = re.compile(r"[\u00c0-\u024f\u1e00-\u1eff]")
_FOREIGN: Final = re.compile(r"[\u0370-\u1dff\u2e80-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]")

# Words that two of these languages share are left out.
_STOP_WORDS: Final[dict[Language, str]] = {
    "en": "the and is are of to you it that this what how can my your i have not with for do does why where when "
    "please would could should from be but an if there which who they at it's i'm don't about",
    "cs": "jsem není který která jako ale aby proč když bych jsi pro prosím co jak",
    "de": "ich der das und ist nicht ein eine mit wie auf für den dem zu sie aber kann mir mich warum bitte auch oder "
    "es sind wird noch danke nein wenn meine mein habe",
    "es": "el los las es qué cómo por para una con pero porque muy está eso esto más gracias puedes del mi y yo cuál "
    "donde dónde hola quiero no",
    "fi": "että ei ole mutta kun niin miten mitä minä sinä voi voisitko kiitos miksi hän",
    "fr": "le les des est et une pour pas je vous dans que qui avec sur mais ce cette comment pourquoi merci au aux du "
    "c'est j'ai mon nous peux",
    "id": "yang dan dengan untuk tidak ini itu saya anda apa bagaimana dari adalah bisa kenapa terima kasih",
    "it": "il gli che di è non per una sono come perché questo questa della mi ma puoi grazie anche cosa ciao",
    "nl": "het een en van ik niet dat je voor met maar hoe wat kan ook waarom aan zijn naar bedankt deze",
    "pl": "nie jest się że jak ale dlaczego czy mogę proszę dziękuję który mnie tego",
    "pt": "não uma você um os com para mas isso por obrigado obrigada meu minha está são ao do da em eu como",
    "sv": "och är inte jag det att en som på hur kan varför tack med för ett vad du",
    "tr": "bir ve bu için ne değil mi ama çok neden teşekkürler ben var",
    "vi": "là và của không tôi bạn có cho được này một làm",
}
_LANGUAGES_OF: Final[dict[str, tuple[Language, ...]]] = {
    word: tuple(language for language, words in _STOP_WORDS.items() if word in words.split())
    for words in _STOP_WORDS.values()
    for word in words.split()
}
_KNOWN: Final = frozenset(_LANGUAGES_OF)


def language_of(messages: Iterable[Words]) -> Language | None:
    """The language of a person's messages, None where they are too few or too plain to tell."""
    read = list(messages)
    hits = dict[Language, int]()
    for word in _KNOWN & frozenset[str]().union(*[message.words for message in read]):
        for language in _LANGUAGES_OF[word]:
            hits[language] = hits.get(language, 0) + 1
    text = "".join(message.text for message in read)
    if not text.isascii() and (script := _by_letters(text, hits)):
        return script
    if not hits:
        return None
    most = max(hits.values())
    best = [language for language in hits if hits[language] == most]
    if most < _MIN_WORDS:
        return None
    if "en" in best:
        return "en"
    return best[0] if len(best) == 1 else "und"


def _by_letters(text: str, hits: Mapping[Language, int]) -> Language | None:
    """`und` where the letters say that it is not English, and no words say what it is."""
    foreign, latin = len(_FOREIGN.findall(text)), len(_LATIN.findall(text))
    marked = len(_MARKED.findall(text))
    if foreign > _FOREIGN_LETTERS * (foreign + latin + marked):
        return "und"
    return "und" if not hits and marked > _MARKED_LETTERS * (latin + marked) else None
