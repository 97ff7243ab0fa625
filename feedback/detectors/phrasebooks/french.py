"""What people write in French after an answer. Text has no capitals and no marks: "répété" is "repete"."""

from typing import Final

from feedback.detectors.phrases import Phrasebook, Phrases, phrase

_START: Final = (
    r"^\W*(?:(?:non|oui|si|mais|et|alors|donc|ok|bon|ah|oh|hum+|euh|bah|ben|desolee?|pardon|s'il te plait|stp|svp|"
    r"merci|"
    r"attends?|bonjour|salut)\b\W*){0,3}"
)
_IT: Final = (
    r"(?:\bc'|\bce n'|\bca |\bcela |\bceci |\bce |\b(?:la|ta|votre|cette|le|ton|ce) (?:reponse|solution|code|"
    r"formule|liste|traduction|"
    r"lien|resume|resultat|information|script|exemple|texte|chiffre|date|explication) (?:n'|ne )?)"
)
_IS: Final = r"(?:est|etait|sont|semble|parait|sonne)"
_VERY: Final = (
    r"(?: (?:pas|tout|a fait|toujours|encore|completement|totalement|vraiment|tres|trop|plutot|du|juste|bien|un "
    r"peu|assez))*"
)

BOOK: Final = Phrasebook(
    task=Phrases((
        phrase("ecris ecrivez ecrire redige redigez rediger traduis traduisez traduire resume resumez corrige "
               "corrigez cree genere "
               "liste decris imagine", _START + r"(?:(?:peux[- ]tu|pouvez[- ]vous|pourrais[- ]tu|pourriez[- ]vous|"
               r"tu peux|aide[- ]moi a) "
               r"(?:\w+ )?(?:ecrire|rediger|traduire|resumer|corriger|creer)\b|(?:ecris|ecrivez|redige[z]?|"
               r"traduis(?:ez)?|resumez?|"
               r"corrigez?|cree|genere|liste|decris|imagine)\b(?!-(?:le|la|les)\b)(?! (?:ca|cela|ta)\b))", 1.0),
        phrase("phrase texte lettre email paragraphe", r"\b(?:cette|ce|la|le|mon|ma) (?:phrase|texte|lettre|email|"
               r"paragraphe)\s*:", 1.0),
    )),
    correction=Phrases((
        phrase("dire parlais parle", r"\bje (?:voulais dire|parlais (?:de|du|des)|parle (?:de|du|des)|voulais "
               r"parler)\b", 1.0),
        phrase("demande dit precise ecrit & j ai", r"\bj'(?:ai|avais) (?:(?:bien|deja|pas|jamais|pourtant|juste|"
               r"seulement|clairement) )*"
               r"(?:demande|dit|precise|ecrit)\b(?! (?:a|au) (?:mon|ma|mes|un|une|la|le)\b)(?!\W*$)", 0.9),
        phrase("demandais voulais", _START + r"je (?:te |vous )?(?:demandais|voulais) (?:(?:seulement|juste|"
               r"plutot) )?(?:une?|le|la|les|des|"
               r"du|si|que|quelque|en)\b", 0.8),
        phrase("oublie ignore saute omis confondu compris manque", r"\b(?:tu as|t'as|vous avez) (?:(?:encore|"
               r"aussi|completement|mal) )*"
               r"(?:oublie|ignore|saute|omis|confondu|mal compris|compris de travers)\b|\b(?:tu m'as|vous m'avez) "
               r"mal compris\b", 1.0),
        phrase("pas & mais", r"\b(?:pas|non) (?:d'une? |de |du |une? |le |la |les |en |a |au |pour )?[\w' "
               r"-]{1,30},? mais (?!c'est|je|tu|ca|il|elle|"
               r"on|quand|pas)\b", 0.7, also_replies=True),
        phrase("pas", r"[\w],? (?:et )?pas (?:une? |le |la |les |l'|en |a |au |du |des |de la |dans |pour "
               r")[\w'-]+(?: [\w'-]+)?\W*$", 0.7,
               also_replies=True),
        phrase("plutot lieu place", _START + r"(?:utilise[z]?|mets|mettez|fais|faites|donne[z]?|prends|essaie|"
               r"ecris)\b.{0,50}\b(?:plutot|"
               r"au lieu (?:de|du)|a la place)\b", 0.8),
        phrase("recommence recommencez refais reessaie refaites nouveau", _START + r"(?:recommence[z]?|refais|"
               r"refaites|reessaie)\b.{0,20}"
               r"\b(?:mais|sans|avec|cette fois|en)\b|\b(?:a|de) nouveau,? mais\b", 0.9),
        phrase("non faux nan pas", r"^\W*(?:non|nan|faux|pas (?:exactement|vraiment|tout a fait))\b(?!\W*(?:merci|"
               r"c'est (?:tout|bon|bien|faux|"
               r"pas|incorrect)|ce n'est pas|ca va|pas (?:besoin|de souci|de probleme)|rien|plus|probleme|je ne "
               r"(?:sais|crois|pense)))\W+\w+\W+\w",
               0.8, also_replies=True),
        phrase("doit devrait devait doivent faut", _START + r"(?:(?:ca|cela|il|elle|(?:le|la|les) \w+) (?:doit|"
               r"devrait|devait|doivent|"
               r"devraient) (?:etre|avoir|contenir|faire|dire|commencer|s'appeler)|il (?:faut|fallait) (?:que|"
               r"utiliser|mettre))\b", 0.7),
        phrase("sans & ni le la les", r"^\W*(?:mais |et |non,? )?(?:stp |s'il te plait )?sans (?:le|la|les|"
               r"utiliser)\b", 0.7,
               also_replies=True),
        phrase("fait realite", r"^\W*en (?:fait|realite),? (?:c'|ce |il |elle |la |le |je (?:voulais|parlais|"
               r"cherchais))", 0.6),
        phrase("bonne & est serait", r"\bla bonne (?:reponse|orthographe|date|solution) (?:est|serait|etait)\b", 0.9),
        phrase("appelle ecrit & pas", r"\b(?:ca s'|il s'|elle s')(?:appelle|ecrit)\b.{1,30}\bpas\b", 0.8),
    )),
    complaint=Phrases((
        phrase("faux fausse incorrect incorrecte errone erronee", _IT + _IS + _VERY + r" (?:faux|fausse|"
               r"incorrecte?|erronee?)\b|"
               r"^\W*(?:(?:toujours|encore|non)\W+)*(?:faux|incorrect)\W*$|\b(?:mauvaise|fausse) reponse\b",
               1.0, "wrong"),
        phrase("vrai correct juste exact ca cela & pas", r"(?:\bc'est|\bce n'est|\bcela n'est|\bca n'est)(?: "
               r"vraiment| toujours| meme)? pas "
               r"(?:du tout |tout a fait |vraiment )?(?:vrai|correct|juste|exact|bon|ca|cela)\b|^\W*pas (?:vrai|"
               r"correct|exact)\W*$", 0.9, "wrong"),
        phrase("trompes trompez trompe erreur erreurs", r"\btu te trompes\b|\bvous vous trompez\b|\btu t'es "
               r"trompe\b|\b(?:tu as fait|"
               r"vous avez fait|il y a) (?:encore )?(?:une|des|plusieurs) erreurs?\b", 1.0, "wrong"),
        phrase("inventes inventez invente hallucines existe & pas invente inventes inventez hallucines",
               r"\btu (?:inventes|hallucines|as (?:tout )?invente)\b|\bvous inventez\b|\b(?:ca|cela|cette \w+|ce "
               r"\w+) n'existe pas\b", 0.9,
               "wrong"),
        phrase("marche fonctionne & pas", r"(?:^\W*(?:toujours pas,? )?|\b(?:ca|cela|le code|le lien|la formule|"
               r"le script|la solution) )(?:ne )?"
               r"(?:marche|fonctionne)(?: toujours| vraiment)? pas\b", 0.8, "wrong"),
        phrase("toujours encore meme", r"^\W*(?:c'est )?(?:toujours|encore) (?:la meme|le meme|faux|pas|une "
               r"erreur|les memes)\b|"
               r"^\W*(?:la )?meme (?:erreur|chose|reponse|probleme)\W*$", 0.8, "wrong"),
        phrase("question sujet rapport & pas rien hors aucun", r"\bpas (?:du tout )?(?:repondu )?(?:a )?ma "
               r"question\b|\bhors sujet\b|"
               r"\b(?:rien a voir|aucun rapport)\b", 1.0, "irrelevant"),
        phrase("que & pas", r"\bpas (?:du tout )?ce que (?:j'ai|je|j'avais|je vous|je t'ai) ?(?:\w+ )?(?:demande|"
               r"demandais|voulais|veux|cherche|"
               r"cherchais|dit|disais)\b", 0.9, "irrelevant"),
        phrase("long longue verbeux", r"\b(?:beaucoup )?trop (?:long|longue|verbeux|verbeuse)\b(?! a\b)",
               0.9, "too_long"),
        phrase("court courte bref", r"\btrop (?:court|courte|bref|breve)\b", 0.8, "too_short"),
        phrase("vague general generale imprecis superficiel", r"\btrop (?:vague|generale?|imprecis|superficiel)\b|"
               r"\bpas assez (?:precis|"
               r"detaille)e?\b", 1.0, "missing_detail"),
        phrase("nul nulle inutile mauvais mauvaise ridicule stupide horrible absurde decevant decevante bidon quoi",
               r"(?:" + _IT + _IS + _VERY + r" |^\W*(?:trop |vraiment |completement )?)(?:nul|nulle|inutile|"
               r"mauvaise?|ridicule|stupide|"
               r"horrible|absurde|decevante?|bidon|n'importe quoi)\b(?! (?:de|d'))", 0.8, "bad"),
        phrase("importe quoi", r"\bn'importe quoi\b(?! (?:d'autre|de))", 0.8, "bad"),
        phrase("aide aider sert utile & pas rien", r"\b(?:ca|cela) (?:ne )?m'aide (?:\w+ )?pas\b|\b(?:ca|cela) ne "
               r"(?:m')?(?:sert|aide) (?:a )?"
               r"(?:rien|pas)\b|\bpas (?:tres |vraiment )?utile\b", 0.9, "bad"),
        phrase("rien & merci", r"\bmerci pour rien\b", 1.0, "bad"),
        phrase("sens", r"\b(?:n'a|a) (?:pas de|aucun) sens\b", 0.9, "bad"),
        phrase("comprends ecoutes comprenez & rien pas", r"\b(?:tu (?:ne |n')?(?:comprends|ecoutes)|vous ne "
               r"comprenez) (?:\w+ )?(?:rien|pas)\b", 0.9,
               "bad"),
        phrase("repetes deja repetez", r"\btu te repetes\b|\b(?:tu l'as|tu as|vous l'avez) deja (?:dit|propose|"
               r"donne)e?\b", 0.9, "bad"),
        phrase("plait aime & pas", r"\b(?:ca|cela) (?:ne )?me plait pas\b|\bje n'aime pas (?:ta|votre|cette) "
               r"(?:reponse|version|proposition)\b",
               0.8, "bad"),
        phrase("frustrant agacant enervant decu decue", r"\b(?:c'est|tu es) (?:\w+ )?(?:frustrant|agacant|"
               r"enervant)\b|\bje suis decue?\b", 0.8,
               "bad"),
    )),
    positive=Phrases((
        phrase("merci thx thanks", r"(?<!non )(?<!non, )\b(?:merci|thx|thanks)\b(?!\W*(?:pour rien|d'avance|mais|"
               r"de (?:me|m'|bien)\b))", 0.9),
        phrase("super parfait genial excellent top bravo magnifique formidable impeccable nickel cool chouette bien",
               r"^\W*(?:(?:ah|oh|ok|oui|wow|c'est|vraiment|tres)\W+)*(?:super|parfait|genial|excellent|top|bravo|"
               r"magnifique|formidable|"
               r"impeccable|nickel|chouette|tres bien)(?=\W*$|\s*[,.!;:])", 0.8),
        phrase("marche fonctionne aide aidee", r"\b(?:ca|cela) (?:marche|fonctionne)(?: (?:bien|maintenant|"
               r"parfaitement|enfin|tres bien))?"
               r"(?=\W*$|\s*[,.!])(?!\W*\?)|\b(?:ca|cela) m'(?:aide|a) (?:beaucoup|bien|vraiment)(?: aidee?)?\b", 0.9),
        phrase("exactement exact juste raison correct ca", r"^\W*(?:(?:oui|ah|ok)\W+)*(?:exactement|exact|c'est "
               r"(?:exactement )?(?:ca|exact|correct|"
               r"juste)|tu as raison|vous avez raison)\W*$|\bexactement ce (?:que je (?:voulais|cherchais)|qu'il "
               r"me fallait)\b", 0.8,
               also_replies=True),
        phrase("joue travail reponse explique", r"\bbien (?:joue|explique)\b|\b(?:bon|beau|super) travail\b|"
               r"\b(?:bonne|excellente|super) reponse\b",
               0.9),
        phrase("adore plait", r"\bj'adore\b(?=\W*$|[,.!]| (?:ca|cette|ta|votre)\b)|\bca me plait\b(?! pas)", 0.8),
    )),
    clarification=Phrases((
        phrase("dire signifie entends", r"\b(?:que|qu'est[- ]ce que|qu'est[- ]ce qu) ?(?:veux[- ]tu|voulez[- "
               r"]vous|tu veux|vous voulez) dire\b|"
               r"\b(?:ca|cela) (?:veut dire|signifie) quoi\b|\bque (?:veut dire|signifie) (?:ca|cela)\b|"
               r"\bqu'est[- ]ce que (?:ca|cela) (?:veut "
               r"dire|signifie)\b|\bqu'entends[- ]tu\b", 0.9),
        phrase("comprends compris saisis & pas rien", r"\bje (?:ne |n')?(?:comprends|saisis) (?:\w+ )?(?:pas|"
               r"rien)\b(?! pourquoi (?:mon|ma|il|elle))|"
               r"\bj(?:e n)?'ai pas (?:\w+ )?compris\b|^\W*(?:pas compris|comprends pas)\b", 0.9),
        phrase("expliquer preciser clarifier reformuler explique expliquez precise", r"\b(?:peux[- ]tu|pouvez[- "
               r"]vous|pourrais[- ]tu|"
               r"pourriez[- ]vous|tu peux) (?:(?:l'|me l')expliquer|m'expliquer (?:ca|cela|mieux|plus)|(?:me "
               r")?(?:preciser|clarifier|reformuler)|"
               r"expliquer (?:ca|cela|plus|"
               r"mieux|davantage))\b|^\W*(?:explique|expliquez)(?:[- ]moi)? (?:ca|mieux|plus)\b", 0.9),
        phrase("quoi comment pardon hein pourquoi", r"^\W*(?:(?:quoi|hein|pardon|pourquoi(?: (?:ca|pas))?|comment "
               r"ca|c'est[- ]a[- ]dire)\s*\?+|"
               r"comment ca\W*|hein\W*)\s*$", 0.8, also_replies=True),
        phrase("clair perdu perdue confus", r"\bpas (?:tres |vraiment |bien )?clair\b|\bje suis (?:\w+ "
               r")?(?:perdue?|confuse?)\b(?! (?:a|dans|mon|ma))",
               0.9),
    )),
    verification=Phrases((
        phrase("sur sure certain certaine vraiment serieux serieusement", r"\b(?:tu es|t'es|es[- ]tu|vous etes|"
               r"etes[- ]vous) (?:\w+ )?(?:sure?|"
               r"certaine?|serieux)\b|^\W*(?:vraiment|serieux|serieusement|sur)\s*\?", 1.0),
        phrase("vrai correct exact juste", r"\b(?:est[- ]ce|c'est) (?:\w+ )?(?:vrai|correct|exact|juste)\s*\?|"
               r"\best[- ]ce que c'est (?:\w+ )?(?:vrai|"
               r"correct|exact|juste)\b", 0.9),
        phrase("source sources sais savez", r"\b(?:quelle est|quelles sont|as[- ]tu|tu as|avez[- ]vous|donne[- "
               r"]moi) (?:ta|tes|ta|une|des|la|les|vos) "
               r"sources?\b|^\W*sources?\s*\?|\bcomment (?:le )?(?:sais[- ]tu|savez[- ]vous|tu (?:le )?sais)\b", 0.8),
        phrase("verifie verifier verifiez", r"\b(?:peux[- ]tu|pouvez[- ]vous|tu peux) (?:le |la |re)?verifier(?: "
               r"(?:ca|cela|ta))?\W*|^\W*verifie[z]? "
               r"(?:ca|ta|ton|encore)\b", 0.8),
    )),
    escalation=Phrases((
        phrase("parler discuter contacter transferer transferez passez", r"\b(?:parler|discuter|echanger) (?:a|"
               r"avec) (?:une?|quelqu'un|votre|le|la)"
               r"(?: (?:vraie?|autre|veritable))?\b ?(?:\w+ )?(?:humaine?|conseillere?|agent|personne|responsable|"
               r"operateur|service client|superieur|"
               r"d'humain)\b|\b(?:transferez|passez|transfere)[- ]moi\b", 1.0),
        phrase("humain personne conseiller agent", r"\bune? (?:vraie? (?:humaine?|personne|conseillere?|agent)|"
               r"(?:etre|agent|conseiller) humain)\b|"
               r"^\W*(?:je (?:veux|voudrais) )?un (?:humain|conseiller)(?: s'il vous plait| svp)?\W*$", 1.0),
    )),
)  # fmt: skip
