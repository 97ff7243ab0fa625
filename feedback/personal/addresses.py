"""Postal addresses of many countries.

In: text. Out: finds of type ADDRESS, each as long as its parts go on: street, flat, town, code, country; over lines
too.
"""

import re
from collections.abc import Iterator
from typing import Final

from feedback.personal.spans import LIKELY, POSSIBLE, Find, apart

_CAP: Final = r"(?:[^\W\d_a-zà-öø-ÿ][^\W\d_]*(?:['\u2019.-][^\W\d_]+)*(?!\w)(?:(?:(?<=\b\w)|(?<=\b\w\w))\.)?)"
"""A word with a capital."""
_SMALL: Final = r"of|the|de|la|le|les|du|des|del|do|da|dos|van|der|den|di|am|an|im|zum|sur|upon|y|and"
_NAME: Final = rf"{_CAP}(?:[ '\u2019-](?:(?:{_SMALL})[ '\u2019-])?{_CAP}){{0,3}}"
_ENGLISH: Final = (
    r"street|str|st|avenue|ave|av|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|way|place|pl|square|sq|terrace|ter|"
    r"parkway|pkwy|circle|cir|crescent|cres|close|highway|hwy|trail|trl|alley|row|mews|gardens|gdns|grove|walk|loop|"
    r"path|pike|plaza|quay|wharf|run|ridge|crossing|bypass|expressway|esplanade|parade|rise|vale|view|heights|"
    r"hill|green|park|estate|nagar|marg|chowk|colony|mall|bend|point|pt|valley|island|meadows?|villas?|hollow|landing"
)
_COMPOUND: Final = (
    r"[^\W\d_]{2,}(?:straße|strasse|straat|str\.|weg|platz|allee|gasse|gässli|ring|damm|ufer|steig|laan|plein|kade|"
    r"gracht|dreef|"
    r"singel|gatan|vägen|gata|veien|vegen|vej|gade|katu|tie|kuja|utca|brink|markt|stieg|grund|torget|stræde|hof)"
)
_BEFORE: Final = (
    r"rue|avenue|av\.|boulevard|bd|allée|chemin|impasse|quai|route|place|cours|calle|c/|avda\.?|avenida|paseo|plaza|"
    r"carrer|carrera|cra\.?|camino|via|viale|corso|piazza|piazzale|largo|vicolo|strada|rua|travessa|praça|estrada|"
    r"alameda|rodovia|ulica|ul\.|aleja|al\.|osiedle|os\.|ulitsa|улица|ул\.|проспект|пр\.|jalan|jl\.|lorong|"
    r"strada|str\.|bulevardul|calea|ulice|náměstí|nám\.|třída|λεωφόρος|οδός|πλατεία|cadde|mahalle|"
    r"unter den|an der|am|auf der|im|zum|zur|in der"
)
_AFTER: Final = (
    r"utca|út|útja|tér|tere|rkp\.?|körút|krt\.|fasor|sor|caddesi|cad\.?|sokak|sokağ\u0131|sok\.?|mahallesi|"
    r"bulvar\u0131|"
    r"ulice|tänav|tee|iela|gatvė|g\.|gürtel|street"
)
_NUMBER: Final = r"(?:no\.? ?)?\d{1,5}(?:[ -]?[a-zA-Z](?!\w))?(?:[-/]\d{1,4}[a-zA-Z]?)?"
_UNIT: Final = (
    r"(?:apt|apartment|flat|suite|ste|unit|room|rm|floor|fl|building|bldg|block|lot|house|no|appt|piso|wohnung|whg|"
    r"#|level|studio|box|door|bte|lok|m)\.? ?#?(?:\d[\w/-]{0,6}|[A-Z]\d{0,4}(?!\w))|\d{1,2}(?:st|nd|rd|th) floor"
)
_UK_CODE: Final = r"(?:GIR ?0AA|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})"
_CODE: Final = (
    rf"(?:{_UK_CODE}|[A-Z]\d[A-Z] ?\d[A-Z]\d|\d{{5}}-\d{{4}}|\d{{5}}-\d{{3}}|\d{{2}}-\d{{3}}|\d{{3}}[ -]\d{{2,4}}|"
    rf"\d{{4}} ?[A-Z]{{2}}|"
    r"[A-Z]{1,2}-\d{4,5}|\d{4,6})(?!\w)"
)
_SPACE: Final = r"[ \t]{1,2}"

_STREETS: Final = (
    rf"(?:{_UNIT},? )?{_NUMBER}(?:,|[ \t]\d{{1,5}})?{_SPACE}(?:[NSEW]\.?{_SPACE}|(?:north|south|east|"
    rf"west){_SPACE})?(?:[\w'\u2019.-]{{1,20}}{_SPACE}){{1,4}}?(?:{_ENGLISH})(?:{_SPACE}(?:{_ENGLISH}))?(?!\w)"
    r"(?:\.(?=,|[ \t][A-Z\d]))?"
    rf"(?:{_SPACE}(?:[NSEW]{{1,2}}|north|south|east|west)(?!\w))?",
    rf"(?:\d{{1,5}}{_SPACE})?(?:(?:Alte|Neue|Große|Kleine|Obere|Untere) )?{_COMPOUND}{_SPACE}{_NUMBER}",
    rf"{_NUMBER}(?:[ \t]?(?:bis|ter))?,?{_SPACE}(?:{_BEFORE})[ \t]?(?:(?:de|la|le|les|l['\u2019]|du|des|"
    rf"d['\u2019])[ \t]?){{0,2}}[^\W\d_][\w'\u2019.-]*(?:{_SPACE}[\w'\u2019.-]+){{0,4}}",
    rf"(?:{_BEFORE}){_SPACE}(?:[^\W\d_][\w'\u2019.-]*{_SPACE}){{1,5}}?(?:n[.°º]? ?)?{_NUMBER}",
    rf"(?:\d{{1,5}}{_SPACE})?(?:[^\W\d_][\w'\u2019.-]*{_SPACE}){{1,3}}(?:{_AFTER})[ ,]{{1,2}}{_NUMBER}\.?",
    r"p\.? ?o\.? ?box[ \t]{0,2}#?\d{1,6}|postfach[ \t]?\d[\d ]{0,7}|apartado(?: postal)?[ \t]?\d{1,6}|bp[ \t]\d{2,5}|"
    r"gpo box \d+",
    rf"(?:the )?corner of [^\W\d_][\w'\u2019. -]{{2,30}} (?:and|"
    rf"&) [^\W\d_][\w'\u2019.-]*(?:{_SPACE}(?:{_ENGLISH}))?(?!\w)",
)
_STREET: Final = re.compile(rf"(?<![\w.,/$€£-])(?:{'|'.join(_STREETS)})(?!\w)", re.IGNORECASE)
_BARE: Final = re.compile(
    rf"(?<![\w.,/$€£-])\d{{1,5}}(?:[ \t]\d{{1,5}})?[ \t](?:\w{{1,2}}\.[ \t])?(?:(?:de|la|le|van|der|den|di|da|do|"
    rf"am) )?{_NAME}(?:[ \t]\d{{1,4}}[a-z]?\.?)?(?=[ \t]?[,\n]|[ \t](?:apt|suite|unit))"
)
"""A number, a name with capitals, perhaps another number, then a comma or a new line: the streets of any country."""
_CUE: Final = re.compile(
    r"(?<!\w)(?:address(?:es)?(?: (?:is|to|was|with|now|here they are))?|addr|live[sd]?|living|moved|moving|"
    r"reside[sd]?|residing|located|stay(?:s|ed|ing)?|"
    r"deliver(?:ed|y)?(?: it)?|ship(?:ped|ping)?(?: it| them| this)?|send(?: it| them| the \w+)?|sent|mail(?:ed)?|"
    r"post|return(?: it| this)?|based|home|house|office|is|"
    r"pick(?:ed)?(?: me)? up|drop(?:ped)? off|meet(?: me)?|visit)[ \t]{0,2}(?:it is|at|to|in|on|is|from|for|:|-|"
    r"=)?[ :]{0,2}\s{0,6}"
    r"(?P<value>\d{1,5}(?:[ \t]\d{1,5})?[ \t](?:[^\W\d_][\w\u2019'.-]*[ \t]){0,4}[^\W\d_][\w\u2019'.-]*"
    r"(?:[ \t]\d{1,4}[a-z]?\.?)?(?=,|\n|\.?$|[ \t](?:apt|suite|unit))"
    r"|[^\W\d_][\w\u2019'.-]{3,}(?:[ \t](?!(?:at|in|on|and|to|is|for)\b)[^\W\d_][\w\u2019'.-]*){0,3}[ \t]\d{1,4}[a-z]?"
    r"(?=[ \t]?(?:,|\n|\.?$|street)))",
    re.IGNORECASE,
)
"""Words before any address; what follows needs a number and a name only."""
_CODE_CUE: Final = re.compile(
    rf"(?<!\w)(?:zip(?:[ -]?code)?|post(?:al)?[ -]?code|postcode|plz|eircode|pin ?code|code postal|cap|cep)"
    rf"[ \t]{{0,2}}(?:is|was|to|number|:|=|-)?[ \t]{{0,2}}:?[ \t]{{0,2}}(?P<value>{_CODE}|[A-Z]\d[\dW] ?[A-Z\d]{{4}})",
    re.IGNORECASE,
)
_LONE_CODE: Final = re.compile(rf"(?<![\w-]){_UK_CODE}(?![\w-])")
_PART: Final = rf"(?:(?i:{_UNIT})|{_CODE}|nan(?=[ \n])|[A-Z]{{2,3}}(?!\w)|{_NAME}(?:[ \t]\d{{1,2}}(?!\w))?)"
_PART_END: Final = rf"(?=[ \t]*(?:{_CODE}|[,.;!?\n)]|$|\d|[A-Z]{2, 3}\b|(?:for|in|and|is|so|but|to|please|as|with)\b))"
_SENTENCE: Final = (
    r"Please|Call|I|My|The|We|It|Is|Are|Can|Could|You|Your|Thanks|Thank|Phone|Tel|If|And|But|Let|He|She|They"
)
_MORE: Final = re.compile(
    rf"[ \t]*,?[ \t]*(?:{_CODE}(?![ \t]?(?:and|or) ))|[ \t]*[,\n(-][ \t\n]*(?:,[ \t]*)?{_PART}\)?{_PART_END}|"
    rf"[ \t](?i:{_UNIT})|[ \t]*,?[ \t]*(?i:{_UNIT})"
    rf"|[ \t]+[A-Z]{{2,3}}(?=[ \t]+\d{{4}})|(?:(?<=\d)|(?<=\d [A-Z][A-Z]))[ \t]+(?!(?:{_SENTENCE})\b){_NAME}|"
    rf"(?<=\d\.)[ \t]+{_NAME}(?=[ \t]*(?:[,.\n]|$|\d))"
)
"""One more part of an address: flat, code, state, or a town or country behind a comma, a new line or a number."""
_MORE_LOWER: Final = re.compile(
    rf"\s*,?\s*(?i:{_UNIT})|\s*[,\n][ \t\n]*(?:,[ \t]*)?(?:{_CODE}|"
    rf"[^\W\d_A-Z][^\W\d_]*(?:[ '\u2019-][^\W\d_A-Z][^\W\d_]*){{0,2}}(?:[ \t]\d{{4,6}})?)(?=[ \t]*(?:[,\n]|\.?\s*$))|"
    rf"[ \t]+\d{{5}}(?!\w)"
)
"""The same in a text without capitals."""
_MOST_PARTS: Final = 7


def find_addresses(text: str) -> list[Find]:
    """Addresses and postal codes."""
    return apart([*_streets(text), *_codes(text)])


def _streets(text: str) -> Iterator[Find]:
    has_capitals = text.lower() != text
    for regex, confidence in ((_STREET, LIKELY), (_CUE, LIKELY), (_BARE, POSSIBLE)):
        for match in regex.finditer(text):
            group = "value" if "value" in regex.groupindex else 0
            start, end = match.span(group)
            end, parts = _on(text, end, _MORE if has_capitals else _MORE_LOWER)
            if _is_address(text, match, match[group], parts):
                yield Find(start, end, "ADDRESS", confidence)


def _on(text: str, end: int, more: re.Pattern[str]) -> tuple[int, int]:
    """Where an address that has come to `end` ends, and how many parts were added."""
    for parts in range(_MOST_PARTS):
        match = more.match(text, end)
        if not match or match.end() == end:
            return end, parts
        end = match.end()
    return end, _MOST_PARTS


def _is_address(text: str, match: re.Match[str], street: str, parts: int) -> bool:
    """Whether a number and words are an address: no measure or date, with capitals or words before it that say so."""
    if _NO_STREET.search(street) or (match.re is _BARE and not parts):
        return False
    if match.re is _CUE and street[0].isalpha() and street[0].islower() and text != text.lower():
        return False
    is_lower = street.lower() == street and not _NO_CASE.search(street)
    return (
        not is_lower
        or _SAID_BEFORE.search(text, max(0, match.start() - 30), match.start("value" if match.re is _CUE else 0))
        is not None
    )


_SAID_BEFORE: Final = re.compile(
    r"(?:\b(?:at|to|is|address|addr|on|from|in|now|near|for)[ :]*|[:,\n][ \t]*|^)$", re.IGNORECASE
)
_NO_CASE: Final = re.compile(r"(?i:\bp\.? ?o\.? ?box)|[\u3040-\u9fff]")
_NO_STREET: Final = re.compile(
    r"\b(?:minutes?|mins?|hours?|days?|weeks?|months?|years?|times?|dollars?|euros?|pounds?|percent|miles?|people|am|"
    r"pm|of|"
    r"January|February|March|April|June|July|August|September|October|November|December|jan|feb|mar|apr|jun|jul|aug|"
    r"sep|"
    r"oct|nov|dec|kg|km|that|which|this|are|was|have|has|had|because|my|your|i|you|it|for|with|if|when|what|how|not|"
    r"can|"
    r"who|they|we|would|will|but|from|than|by|or|more|other|ago|different|new|best|good|free|star|first|second|a|"
    r"an)\b(?!\.)",
    re.IGNORECASE,
)


def _codes(text: str) -> Iterator[Find]:
    for match in _CODE_CUE.finditer(text):
        yield Find(*match.span("value"), "ADDRESS", LIKELY)
    for match in _LONE_CODE.finditer(text):
        yield Find(*match.span(), "ADDRESS", POSSIBLE)
