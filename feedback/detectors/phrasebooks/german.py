"""What people write in German after an answer. Text is in lower case without marks on letters: "für" reads "fur"."""

from typing import Final

from feedback.detectors.phrases import Phrasebook, Phrases, phrase

_START: Final = (
    r"^\W*(?:(?:nein|nee?|ja|aber|also|und|ok|okay|hm+|ach|oh|naja|doch|sorry|bitte|danke|moment|hey|hallo|"
    r"gut)\b\W*){0,3}"
)
_IT: Final = (
    r"\b(?:das|es|dies|(?:der|die|das|deine?|ihre?|diese[rs]?) (?:antwort|losung|code|formel|liste|ubersetzung|link|"
    r"zusammenfassung|ergebnis|information|infos?|skript|beispiel|text|zahl|datum|erklarung))"
)
_VERY: Final = (
    r"(?: (?:leider|einfach|immer noch|noch immer|aber|so|doch|auch|ja|total|vollig|komplett|ganz|sehr|echt))*"
)

BOOK: Final = Phrasebook(
    task=Phrases((
        phrase("schreib schreibe ubersetze ubersetz formuliere formulier verfasse erstelle generiere fasse korrigiere "
               "entwirf beschreibe nenne liste schreiben ubersetzen formulieren verfassen erstellen",
               _START + r"(?:(?:kannst|konntest|konnen|konnten) (?:du|sie) [^.!?\n]{1,60}\b(?:schreiben|"
               r"ubersetzen|formulieren|"
               r"verfassen|erstellen)\b|(?:schreibe?|ubersetze?|formuliere?|verfasse|erstelle|generiere|fasse|"
               r"korrigiere|"
               r"entwirf|beschreibe|nenne|liste)\b(?! (?:das|es|ihn|sie|nochmal|noch)\b(?![^.!?]{0,20}:)))", 1.0),
        phrase("satz text brief absatz email", r"\b(?:diesen|den|meinen|folgenden|diese|folgende|meine) "
               r"(?:satz|text|brief|absatz|email)\s*:", 1.0),
    )),
    correction=Phrases((
        phrase("meinte gemeint", r"\bich meinte\b|\bich hab(?:e)? .{0,20}\bgemeint\b", 1.0),
        phrase("gesagt gefragt gebeten verlangt geschrieben & ich wir",
               r"\b(?:ich|wir) (?:habe?|haben|hatten?) (?:(?:doch|dich|dir|ja|aber|extra|ausdrucklich|eigentlich|"
               r"gerade|nur|"
               r"nicht|schon|bereits|sie|ihnen)\b ?)*(?:(?:nach|um) [\w ]{1,30} )?"
               r"(?:gesagt|gefragt|gebeten|verlangt|geschrieben)\b", 0.9),
        phrase("wollte wollten", _START + r"(?:ich|wir) wollten? (?:(?:doch|eigentlich|aber|nur|ja) )*(?:eine?n?|"
               r"das|die|den|"
               r"keine?n?|etwas)\b(?!.*\b(?:fragen|wissen|sagen|bedanken|mitteilen)\b)", 0.8),
        phrase("vergessen ubersehen ignoriert ausgelassen weggelassen verwechselt missverstanden verstanden",
               r"\b(?:du hast|sie haben) [^.!?\n]{0,40}(?:vergessen|ubersehen|ignoriert|ausgelassen|weggelassen|"
               r"verwechselt|"
               r"missverstanden|falsch verstanden)\b", 1.0),
        phrase("sondern", r"\b(?:nicht|keine?n?) (?!nur\b)[^.!?\n]{1,40}\bsondern\b", 0.8),
        phrase("statt stattdessen anstelle anstatt", _START + r"(?:nimm|mach|verwende|benutze?|nutze?|gib|zeig|"
               r"schreib)\w*\b"
               r".{0,50}\b(?:statt|stattdessen|anstelle|anstatt)\b", 0.8),
        phrase("nochmal nochmals mal einmal erneut", r"\b(?:nochmals?|noch (?:ein)?mal|erneut)\W+(?:bitte "
               r")?(?:aber|diesmal|ohne|mit)\b",
               0.9),
        phrase("nein ne nee falsch quatsch unsinn nicht",
               r"^\W*(?:nein|nee?|falsch|quatsch|unsinn|nicht ganz)\b(?!\W*(?:danke|alles|kein problem|passt|"
               r"schon gut|nicht notig|"
               r"mehr nicht|vielen dank|(?:das|es) (?:ist|war|waren|stimmt|passt)(?: \w+)? (?:alles|es|falsch|gut|"
               r"nicht|richtig|"
               r"quatsch|unsinn)\b))\W+\w+\W+\w", 0.8, also_replies=True),
        phrase("soll sollte sollten muss mussen musste", _START + r"(?:es|das|er|sie|(?:der|die|das) \w+) "
               r"(?:soll(?:te)?n?|muss|mussen|"
               r"musste) .{0,60}\b(?:sein|haben|enthalten|stehen|heis+en|lauten)\b", 0.7),
        phrase("ohne nicht auf nur & bitte", r"^\W*(?:aber |nein,? |und )?bitte (?:ohne|nicht|auf (?:deutsch|"
               r"englisch)|nur (?:den|die|"
               r"das|eine?n?|auf|mit))\b", 0.7, also_replies=True),
        phrase("eigentlich", r"^\W*eigentlich (?:ist|war|sind|heis+t)\b", 0.7),
        phrase("richtig richtige korrekt korrekte", r"\b(?:richtig|korrekt) (?:ist|ware|heis+t) (?!das)|"
               r"\b(?:richtige|korrekte) "
               r"(?:antwort|losung|schreibweise) (?:ist|ware|lautet)\b", 0.8),
        phrase("heist heisst & nicht", r"\b(?:es|das|er|sie) heis+t\b.{1,30}\bnicht\b", 0.8),
    )),
    complaint=Phrases((
        phrase("falsch inkorrekt fehlerhaft unwahr", _IT + r" (?:ist|war|sind|waren|scheint|klingt)" + _VERY
               + r" (?:falsch|inkorrekt|fehlerhaft|unwahr)\b|^\W*(?:(?:leider|immer noch|schon wieder|"
               r"nein)\W+)*falsch\W*$|"
               r"\b(?:falsche|schlechte) antwort\b", 1.0, "wrong"),
        phrase("stimmt passt richtig korrekt wahr & nicht",
               r"\b(?:das|es|da|hier) (?:stimmt|passt)" + _VERY + r" nicht\b|^\W*stimmt (?:\w+ )?nicht\b|" + _IT
               + r" (?:ist|war)" + _VERY + r" nicht (?:\w+ )?(?:richtig|korrekt|wahr)\b|^\W*nicht (?:richtig|"
               r"korrekt|wahr)\W*$", 0.9,
               "wrong"),
        phrase("erfunden halluziniert halluzinierst existiert gibt ausgedacht", r"\bdu (?:hast|"
               r"halluzinier\w*)\b.{0,20}(?:erfunden|"
               r"ausgedacht)\b|\bhalluzinier\w*|\b(?:das|diese \w+|dieses \w+) (?:existiert|gibt es) (?:doch |gar "
               r"|uberhaupt )*nicht\b",
               0.9, "wrong"),
        phrase("funktioniert geht klappt lauft & nicht", r"(?:^\W*(?:(?:leider|immer noch|nein)\W+)*|" + _IT
               + r" )(?:funktioniert|geht|klappt|lauft)" + _VERY + r" nicht\b", 0.8, "wrong"),
        phrase("noch wieder", r"\b(?:immer noch|schon wieder) (?:falsch|nicht|der(?:selbe)?|das(?:selbe)?|"
               r"die(?:selbe)?|ein fehler)\b",
               0.8, "wrong"),
        phrase("frage thema tun & nicht nichts verfehlt vorbei", r"\bmeine frage (?:\w+ ){0,3}nicht\b|\bnichts "
               r"mit .{1,40} zu tun\b|"
               r"\bthema verfehlt\b|\bam thema vorbei\b", 1.0, "irrelevant"),
        phrase("was wonach & nicht", r"\bnicht (?:das,? )?(?:was|wonach) ich (?:\w+ )?(?:gefragt|wollte|meinte|"
               r"gesucht|gesagt|"
               r"brauche|suche|will)\b", 0.9, "irrelevant"),
        phrase("lang ausfuhrlich umstandlich", r"\b(?:viel )?zu (?:lang|ausfuhrlich|umstandlich)\b", 0.9, "too_long"),
        phrase("kurz", r"\b(?:viel )?zu kurz\b", 0.8, "too_short"),
        phrase("ungenau vage allgemein oberflachlich", r"\bzu (?:ungenau|vage|allgemein|oberflachlich)\b",
               1.0, "missing_detail"),
        phrase("quatsch unsinn blodsinn mull mist nutzlos unbrauchbar schlecht lacherlich enttauschend "
               "schwachsinn furchtbar",
               r"(?:" + _IT + r" (?:ist|war|sind)" + _VERY + r" |^\W*(?:so ein |was fur ein |totaler |volliger )?)"
               r"(?:quatsch|unsinn|blodsinn|mull|mist|nutzlos|unbrauchbar|schlecht|lacherlich|enttauschend|"
               r"schwachsinn|furchtbar)\b",
               0.8, "bad"),
        phrase("hilft hilfreich bringt & nicht nichts", r"\b(?:das|es) (?:hilft|bringt) (?:mir |uns )?(?:\w+ "
               r")?nichts?\b|"
               r"\bnicht (?:\w+ )?hilfreich\b", 0.9, "bad"),
        phrase("nichts", r"\bdanke fur nichts\b", 1.0, "bad"),
        phrase("sinn", r"\b(?:ergibt|macht) (?:\w+ )?keinen sinn\b", 0.9, "bad"),
        phrase("verstehst horst & nicht", r"\bdu (?:verstehst|horst)(?: \w+){0,2} nicht\b", 0.9, "bad"),
        phrase("wiederholst schon bereits gerade", r"\bdu wiederholst dich\b|\bdas hast du (?:schon|bereits|gerade) "
               r"(?:gesagt|geschrieben|erwahnt)\b", 0.9, "bad"),
        phrase("gefallt & nicht", r"\bgefallt mir (?:\w+ )?nicht\b", 0.8, "bad"),
        phrase("frustrierend nervig nervst unverschamt", r"\b(?:das ist|wie|so|echt) (?:\w+ )?(?:frustrierend|"
               r"nervig)\b|"
               r"\bdu nervst\b|\bunverschamt\b", 0.8, "bad"),
    )),
    positive=Phrases((
        phrase("danke dankeschon dank thx thanks", r"(?<!nein )(?<!nein, )\b(?:danke(?:schon)?|(?:vielen|besten|"
               r"herzlichen|tausend) "
               r"dank|thx|thanks)\b(?!\W*(?:fur nichts|im voraus|nein|aber))", 0.9),
        phrase("super perfekt prima klasse toll spitze genial wunderbar ausgezeichnet hervorragend grosartig "
               "grossartig top mega "
               "gut schon", r"^\W*(?:(?:ja|oh|ah|ok|okay|wow|wirklich|echt|das ist|das war|na)\W+)*(?:super|"
               r"perfekt|prima|klasse|"
               r"toll|spitze|genial|wunderbar|ausgezeichnet|hervorragend|gross?artig|top|mega|sehr (?:gut|schon))"
               r"(?=\W*$|\s*[,.!;:])", 0.8),
        phrase("hilft geholfen geklappt funktioniert klappt lauft", r"\b(?:das|es) hilft (?:mir |uns )?(?:\w+ "
               r")?(?:weiter|sehr)\b|"
               r"\b(?:das|es) hat (?:\w+ )?(?:geholfen|geklappt|funktioniert)\b|"
               r"\bjetzt (?:funktioniert|klappt|lauft) (?:es|das|alles)\b(?! (?:\w+ )?nicht)|\b(?:funktioniert|"
               r"klappt|lauft) "
               r"(?:jetzt|nun|wunderbar|super|prima|perfekt)\b(?! (?:\w+ )?nicht)(?!\W*\?)", 0.9),
        phrase("genau richtig korrekt stimmt passt recht", r"^\W*(?:(?:ja|ok|okay)\W+)*(?:genau(?: das| so| "
               r"richtig)?|richtig|korrekt|"
               r"stimmt|(?:das )?passt(?: so| perfekt)?|du hast recht)\W*$|^\W*genau das (?:habe ich gesucht|"
               r"wollte ich|brauche ich)\b",
               0.8, also_replies=True),
        phrase("gemacht erklart arbeit antwort", r"\bgut (?:gemacht|erklart)\b|\b(?:gute|tolle|super) (?:arbeit|"
               r"antwort)\b(?! auf)", 0.9),
        phrase("gefallt", r"\bgefallt mir\b(?! (?:\w+ )?nicht)", 0.9),
    )),
    clarification=Phrases((
        phrase("meinst meinen meintest heist heisst bedeutet", r"\bwas (?:meinst|meinen|meintest) (?:du|sie)\b|"
               r"\bwas soll das "
               r"(?:heis+en|bedeuten)\b|\bwas (?:heis+t|bedeutet) (?:das|dies)\b(?! auf)", 0.9),
        phrase("verstehe versteh verstanden kapiere & nicht", r"\bich (?:verstehe?|kapiere?) (?:(?:das|es|dich|"
               r"sie|leider|immer noch|"
               r"die \w+|den \w+|gar|uberhaupt|noch|ganz)\b ?)*nicht\b|\b(?:das )?(?:verstehe|habe) ich (?:\w+ "
               r")?nicht(?: verstanden)?\W*$",
               0.9),
        phrase("erklaren erlautern ausfuhren erklar erklare erlautere", r"\b(?:kannst|konntest|konnen|konnten) "
               r"(?:du|sie) (?:mir )?"
               r"(?:bitte )?(?:das|es|dies)(?: \w+){0,3} (?:erklaren|erlautern|ausfuhren)\b|\b(?:genauer|naher|"
               r"einfacher) (?:erklaren|"
               r"erlautern)\b|^\W*(?:bitte )?(?:erklare?|erlautere) (?:mir )?(?:das|es)\b", 0.9),
        phrase("was wie ha hae hah bitte wieso warum inwiefern", r"^\W*(?:(?:was|wieso|warum|inwiefern|wie genau|"
               r"wieso das|warum das|"
               r"warum nicht)\s*\?+|wie bitte\W*|ha(?:e|h|eh)?\s*\?+)\s*$", 0.8, also_replies=True),
        phrase("unklar klar verwirrt", r"\b(?:das ist|mir ist|ist mir) (?:\w+ )?(?:unklar|nicht (?:ganz )?klar)\b|"
               r"\bbin (?:\w+ )?verwirrt\b",
               0.9),
    )),
    verification=Phrases((
        phrase("sicher wirklich echt ernsthaft ernst", r"\b(?:bist du|sind sie) (?:(?:dir|sich|da|ganz|wirklich|"
               r"absolut) )*sicher\b|"
               r"^\W*(?:sicher|wirklich|echt|ernsthaft|im ernst)\s*\?", 1.0),
        phrase("stimmt richtig wahr korrekt", r"\bstimmt das(?: wirklich| auch| so)*\s*\?|\bist das (?:(?:wirklich|"
               r"auch|tatsachlich) )*"
               r"(?:richtig|wahr|korrekt)\b", 0.9),
        phrase("woher quelle quellen beleg belege", r"\bwoher (?:weis+t|weist|hast) du (?:das|es)\b|\bwoher "
               r"wissen sie das\b|"
               r"\b(?:hast du|gibt es|was ist|nenne) (?:dafur )?(?:eine |die |deine )?(?:quellen?|belege?)\b|"
               r"^\W*quellen?\s*\?", 0.8),
        phrase("prufe uberprufe check prufen uberprufen", r"\b(?:uberprufe?|prufe?|check) (?:das|es|deine) (?:\w+ "
               r")*(?:nochmals?|bitte|"
               r"antwort|noch)\b|\bkannst du das (?:\w+ )?(?:uber)?prufen\b", 0.8),
    )),
    escalation=Phrases((
        phrase("sprechen reden verbinden weiterleiten chatten", r"\b(?:mit|an) (?:eine[mnr]?|de[mnr]|ihre[mn]|jemandem)"
               r"(?: (?:echten|richtigen|menschlichen|anderen))?(?: (?:menschen|mitarbeiter\w*|person|"
               r"kundenservice|kundendienst|support|"
               r"berater\w*|vorgesetzten|kundenbetreuer\w*))?\b.{0,20}\b(?:sprechen|reden|verbinden|weiterleiten|"
               r"chatten)\b", 1.0),
        phrase("verbinde verbinden & mich", r"\bverbinden? (?:sie )?mich\b", 0.9),
        phrase("menschen mensch person mitarbeiter ansprechpartner", r"\b(?:echten?r?|richtigen?r?|"
               r"menschlichen?r?) (?:menschen?|person|"
               r"mitarbeiter\w*|ansprechpartner\w*)\b", 1.0),
    )),
)  # fmt: skip
