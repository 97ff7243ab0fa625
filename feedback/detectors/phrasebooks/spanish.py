"""What people write in Spanish after an answer. Text is in lower case without marks on letters: "así" reads "asi"."""

from typing import Final

from feedback.detectors.phrases import Phrasebook, Phrases, phrase

_START: Final = (
    r"^\W*(?:(?:no|si|pero|y|entonces|pues|ok|vale|bueno|ah|oh|eh|mmm+|perdon|disculpa|por favor|gracias|espera|"
    r"oye|hola)\b\W*){0,3}"
)
_IT: Final = (
    r"\b(?:eso|esto|ese|esta|(?:la|tu|su|esta|esa|el|este|ese) (?:respuesta|solucion|codigo|formula|lista|"
    r"traduccion|enlace|resumen|"
    r"resultado|informacion|script|ejemplo|texto|cifra|dato|fecha|explicacion))"
)
_IS: Final = r"(?:es|esta|era|estaba|son|parece|suena)"
_VERY: Final = (
    r"(?: (?:muy|todo|toda|todavia|aun|completamente|totalmente|bastante|un poco|demasiado|realmente|tan|mal))*"
)

BOOK: Final = Phrasebook(
    task=Phrases((
        phrase("escribe escribeme escribir redacta redactar traduce traducir traduceme resume resumir resumeme "
               "corrige corregir crea crear genera "
               "lista describe imagina", _START + r"(?:(?:puedes|podrias|puede|podria|ayudame a) (?:\w+ "
               r")?(?:escribir|redactar|traducir|resumir|"
               r"corregir|crear)(?:me)?\b|(?:escribe(?:me)?|redacta|traduce(?:me)?|resume(?:me)?|corrige|crea|"
               r"genera|lista|describe|imagina)\b"
               r"(?! (?:eso|esto|tu)\b))", 1.0),
        phrase("frase texto carta correo parrafo", r"\b(?:esta|este|la|el|mi) (?:frase|texto|carta|correo|"
               r"parrafo)\s*:", 1.0),
    )),
    correction=Phrases((
        phrase("referia refiero hablaba hablo", r"\b(?:me (?:referia|refiero) (?:a|al)|(?:estaba hablando|"
               r"hablaba) (?:de|del|sobre))\b|"
               r"\bhablo (?:de|del)\b", 1.0),
        phrase("queria", r"\bqueria decir\b|" + _START + r"(?:yo )?(?:lo que )?queria (?:(?:solo|mas bien) "
               r")?(?:una?|el|la|los|las|que|en|algo)\b", 0.8),
        phrase("pedi dije pregunte pedia preguntaba preguntado pedido dicho", r"\b(?:te|le|os|ya|yo|no|solo|que|"
               r"si|nunca) (?:(?:te|le|lo|ya|solo) )*"
               r"(?:pedi|dije|pregunte|pedia|preguntaba|he (?:pedido|dicho|preguntado))\b(?! (?:a (?:mi|un|una|"
               r"la)|al)\b)(?!\W*$)|"
               r"^\W*(?:pedi|dije|pregunte) (?!a (?:mi|un|una|la)\b|al\b)", 0.9),
        phrase("olvidaste olvidado olvido omitiste ignoraste confundiste saltaste faltado entendiste confundes "
               "confundido",
               r"\b(?:te (?:olvidaste|has olvidado|saltaste|confundiste|confundes|has confundido|has saltado)|"
               r"olvidaste|omitiste|ignoraste|"
               r"has (?:olvidado|omitido|ignorado|confundido)|me (?:entendiste|has entendido) mal)\b", 1.0),
        phrase("sino", r"\bno [^.!?\n]{1,40},? sino\b(?! (?:tambien|que)\b)", 0.8),
        phrase("no", r"\w,? (?:y )?no (?:una? |el |la |los |las |en |a |al |de |del |con |para )[\w'-]+(?: "
               r"[\w'-]+)?\W*$", 0.7, also_replies=True),
        phrase("vez lugar cambio", _START + r"(?:usa|utiliza|pon|haz|dame|prueba|escribe|pongas|"
               r"uses)\b.{0,50}\b(?:en (?:vez|lugar) de|en cambio)\b",
               0.8),
        phrase("nuevo vez otra intenta intentalo hazlo", r"\b(?:de nuevo|otra vez),? (?:pero|sin|con|esta vez|"
               r"y)\b|\bintentalo .{0,20}\b(?:pero|sin)\b",
               0.9),
        phrase("no falso exactamente incorrecto", r"^\W*(?:no|falso|incorrecto|no exactamente)\s*[,.;:!-]+ "
               r"?(?!(?:muchas )?gracias|(?:eso|esto) (?:es todo|"
               r"esta (?:bien|mal)|no)|(?:eso |esto )?es(?:ta)? (?:todo|mal|falso|incorrecto)\W*$|no (?:es "
               r"(?:correcto|cierto|verdad)|se\b|funciona)|"
               r"nada|esta bien|tranquilo|por ahora|se\b|ya esta)\w+\W+\w", 0.8, also_replies=True),
        phrase("debe deberia debia deben tiene", _START + r"(?:eso|esto|(?:el|la|los|las) \w+) (?:debe(?:ria|n)?|"
               r"debia|tiene que|tendria que) (?:ser|estar|"
               r"tener|decir|contener|empezar|llamarse)\b|^\W*deberia (?:ser|decir|estar)\b", 0.7),
        phrase("sin", r"^\W*(?:pero |y |no, )?(?:por favor )?(?:hazlo |pero )?sin (?:el|la|los|las|usar|utilizar)\b",
               0.7, also_replies=True),
        phrase("realidad", r"^\W*en realidad,? (?:es|era|son|fue|el|la|queria|se)\b", 0.7),
        phrase("correcta correcto", r"\b(?:la respuesta correcta|lo correcto|la forma correcta) (?:es|seria|era)\b",
               0.9),
        phrase("llama escribe & no", r"^\W*(?:no, )?se (?:llama|escribe)\b.{1,30}\bno\b", 0.8),
    )),
    complaint=Phrases((
        phrase("mal incorrecto incorrecta falso falsa equivocado equivocada erroneo erronea",
               _IT + r" " + _IS + _VERY + r" (?:mal|incorrect[oa]|fals[oa]|"
               r"equivocad[oa]|errone[oa])\b|^\W*(?:(?:eso|esto) )?(?:sigue )?(?:esta |es )?(?:mal|incorrecto|"
               r"falso)\W*$|\b(?:mala|pesima) respuesta\b|"
               r"\brespuesta (?:equivocada|incorrecta)\b", 1.0, "wrong"),
        phrase("correcto cierto verdad asi & no", r"\b(?:eso |esto )?no es (?:del todo |realmente )?(?:correcto|"
               r"cierto|verdad|asi)\b", 0.9, "wrong"),
        phrase("equivocas equivocaste equivocado error errores", r"\bte (?:equivocas|equivocaste|has "
               r"equivocado)\b|\bestas equivocado\b|"
               r"\b(?:cometiste|has cometido|hay) (?:un|varios|otro) error(?:es)?\b(?! en mi)", 1.0, "wrong"),
        phrase("inventas inventaste inventado inventando alucinando existe & no te estas lo has", r"\b(?:te (?:lo "
               r")?(?:estas inventando|inventaste|has inventado|"
               r"inventas)|lo has inventado|estas (?:alucinando|inventando))\b|\b(?:eso|est[ea] \w+|es[ea] \w+) "
               r"no existe\b", 0.9, "wrong"),
        phrase("funciona sirve funciono & no", r"(?:^\W*(?:(?:sigue|todavia|aun|pero)\W+)*|\b(?:eso|esto|el "
               r"codigo|el enlace|la formula|la solucion) "
               r"(?:\w+ )?)no (?:me )?(?:funciona|sirve|funciono)\b", 0.8, "wrong"),
        phrase("sigue sigues mismo misma", r"^\W*(?:eso |esto |(?:el|la) (?:codigo|enlace|formula|script|"
               r"respuesta) )?sigues? (?:estando mal|sin |igual|dando|mal)\b|"
               r"^\W*(?:el |la )?mism[oa] (?:error|problema|"
               r"respuesta|cosa)\W*$", 0.8, "wrong"),
        phrase("pregunta ver tema & no nada fuera", r"\bno (?:has |ha )?(?:respondes?|respondiste|respondido|"
               r"contestaste|contestas|contestado) (?:a )?(?:mi|la) "
               r"pregunta\b|\b(?:no tiene|tiene) nada (?:que|q) ver\b|\bfuera de tema\b", 1.0, "irrelevant"),
        phrase("que & no", r"\bno es lo que (?:te |yo |le )?(?:pedi|pregunte|queria|quiero|busco|buscaba|dije|"
               r"necesito|necesitaba|pedia)\b", 0.9, "irrelevant"),
        phrase("largo larga extenso", r"\b(?:demasiado|muy) (?:larg[oa]|extens[oa])\b(?! (?:que|para mi))",
               0.9, "too_long"),
        phrase("corto corta breve", r"\bdemasiado (?:cort[oa]|breve)\b", 0.8, "too_short"),
        phrase("vago vaga general generico superficial impreciso", r"\b(?:demasiado|muy) (?:vag[oa]|generic[oa]|"
               r"superficial|imprecis[oa])\b|\bdemasiado general\b",
               1.0, "missing_detail"),
        phrase("inutil tonteria basura ridiculo horrible estupido absurdo malo mala pesimo decepcionante mierda",
               r"(?:" + _IT + r" " + _IS + _VERY
               + r" (?:una? )?|^\W*(?:que |vaya |es una |menuda )?)(?:inutil|tonteria|basura|ridicul[oa]|horrible|"
               r"estupid[oa]|absurd[oa]|mal[oa]|pesim[oa]|"
               r"decepcionante|mierda)\b(?! (?:de|para|suerte|noticia|hora))", 0.8, "bad"),
        phrase("ayuda util sirve & no nada", r"\b(?:eso|esto) no (?:me )?(?:ayuda|sirve)\b|^\W*no (?:me "
               r")?(?:ayuda|sirve)(?: de)? nada\b|\bno (?:es|fue) (?:muy |nada )?util\b",
               0.9, "bad"),
        phrase("nada & gracias", r"\bgracias por nada\b", 1.0, "bad"),
        phrase("sentido", r"\bno tiene (?:ningun )?sentido\b", 0.9, "bad"),
        phrase("entiendes escuchas & no", r"\bno (?:me |lo )?(?:entiendes|escuchas|estas entendiendo)\b(?!\W*\?)",
               0.9, "bad"),
        phrase("repites repitiendo ya", r"\b(?:te|estas|me) (?:repites|repitiendo|estas repitiendo)\b|\bya (?:me "
               r")?(?:lo )?(?:dijiste|has dicho|habias dicho)\b", 0.9, "bad"),
        phrase("gusta & no", r"\bno me gusta (?:esta?|tu|eso|esto|la respuesta|como quedo)\b|^\W*no me gusta\W*$",
               0.8, "bad"),
        phrase("frustrante molesto decepcionado decepcionada", r"\b(?:es|que|esto es) (?:\w+ )?(?:frustrante|"
               r"molesto)\b|\bestoy decepcionad[oa]\b", 0.8, "bad"),
    )),
    positive=Phrases((
        phrase("gracias thx thanks", r"(?<!no )(?<!no, )(?<!no muchas )\b(?:(?:muchas|mil) )?(?:gracias|thx|"
               r"thanks)\b(?!\W*(?:por nada|de antemano|por adelantado|"
               r"pero|a (?:mi|que|un|una|la|los)\b|al\b))", 0.9),
        phrase("perfecto genial excelente estupendo fantastico increible maravilloso bravo guay brutal bien",
               r"^\W*(?:(?:ah|oh|ok|si|vale|wow|esta|es|muy|que|"
               r"realmente)\W+)*(?:perfecto|genial|excelente|estupendo|fantastico|increible|maravilloso|bravo|"
               r"guay|muy bien|esta bien)(?=\W*$|\s*[,.!;:])", 0.8),
        phrase("funciona funciono ayuda ayudo servido sirvio", r"\b(?:ya|ahora|eso|esto|me|si) (?:si "
               r")?(?:funciona|funciono|me ayudo|me ayuda|me sirvio|me ha servido|"
               r"ha funcionado)\b(?!\W*\?)(?<!no funciona)", 0.9),
        phrase("exacto exactamente correcto eso razon cierto asi justo", r"^\W*(?:(?:si|ah|ok|vale)\W+)*(?:exacto|"
               r"exactamente|correcto|asi es|eso es(?: correcto)?|tienes razon|es cierto)"
               r"\W*$|\b(?:justo|exactamente) lo que (?:queria|buscaba|necesitaba)\b", 0.8, also_replies=True),
        phrase("trabajo hecho explicado respuesta", r"\bbuen trabajo\b|\bbien (?:hecho|explicado)\b|\b(?:buena|"
               r"excelente|gran) respuesta\b", 0.9),
        phrase("encanta gusta gusto", r"(?<!no )\bme (?:encanta|ha gustado|gusto mucho|gusta mucho)\b(?=\W*$|"
               r"[,.!]| (?:esta?|tu|como|la respuesta|eso|esto)\b)|"
               r"^\W*me gusta\W*$", 0.8),
    )),
    clarification=Phrases((
        phrase("significa refieres decir", r"\b(?:que|a que) (?:quieres decir|significa (?:eso|esto)|te "
               r"refieres)\b|\bque quiere decir (?:eso|esto)\b|^\W*(?:y )?que significa "
               r"\w+\W*$", 0.9),
        phrase("entiendo entendi comprendo & no", r"(?:^|[.,;!?]\W*|\b(?:pero|yo|aun|todavia|perdon|sigo) )no "
               r"(?:lo |te |la )?(?:entiendo|entendi|comprendo)\b"
               r"(?! por que (?:mi|no me))", 0.9),
        phrase("explicar explicarlo explicarme explicarmelo aclarar aclararlo reformular explicame explicalo "
               "explicamelo", r"\b(?:puedes|podrias|puede|podria) "
               r"(?:explicar(?:lo|melo|me eso|me esto| eso| esto| mejor)|aclarar(?:lo|me)?|reformular)\b|"
               r"^\W*(?:por favor )?(?:explica(?:lo|melo|me (?:eso|esto|mejor)))\b",
               0.9),
        phrase("que como perdon cual", r"^\W*(?:que|como|perdon|por que(?: no)?|como asi|cual|por ejemplo)\s*\?+\s*$",
               0.8, also_replies=True),
        phrase("claro confundido confundida confuso confusa perdido", r"\bno (?:me )?(?:queda|esta|es|quedo) "
               r"(?:muy |del todo )?claro\b|\bestoy (?:un poco |muy )?"
               r"(?:confundid[oa]|perdid[oa])\b|\b(?:eso|esto) es (?:muy )?confuso\b", 0.9),
    )),
    verification=Phrases((
        phrase("seguro segura verdad serio enserio", r"\b(?:estas|esta|estas muy) (?:\w+ )?segur[oa]\b|"
               r"^\W*(?:seguro|de verdad|en serio|enserio)\s*\?", 1.0),
        phrase("cierto verdad correcto", r"(?:\?|^|[.,]\W*)\W*(?:eso |esto )?es (?:eso |esto )?(?:realmente |de "
               r"verdad )?(?:cierto|verdad|correcto)(?: eso| esto)?\s*\?", 0.9),
        phrase("fuente fuentes sabes sabe", r"\b(?:cual es|cuales son|tienes|dame|de donde sacas) (?:tu|tus|la|"
               r"las|una|alguna|el|eso) ?fuentes?\b|^\W*fuentes?\s*\?|"
               r"\bcomo (?:lo )?sabes(?: eso)?\s*\?", 0.8),
        phrase("verifica verificar comprueba comprobar comprobarlo verificarlo revisa", r"\b(?:puedes|podrias) "
               r"(?:verificar|comprobar)(?:lo| eso| esto)\b|^\W*(?:verifica|"
               r"comprueba|revisa) (?:eso|esto|tu)\b", 0.8),
    )),
    escalation=Phrases((
        phrase("hablar comunicarme contactar pasame transfiereme comuniqueme pongame", r"\b(?:hablar|comunicarme|"
               r"chatear) con (?:una?|alguien|tu|su|el|la|otra?)"
               r"(?: (?:verdader[oa]|otr[oa]))?\b ?(?:\w+ )?(?:human[oa]|persona|agente|asesor|representante|"
               r"operador|supervisor|encargado|gerente|atencion al cliente|real)\b|"
               r"\b(?:pasame|transfiereme|comuniqueme|paseme|pongame) con\b", 1.0),
        phrase("persona humano agente", r"\b(?:una )?persona (?:real|de verdad)\b|\b(?:un )?(?:ser|agente) "
               r"humano\b|^\W*(?:quiero )?un (?:humano|agente)(?: por favor)?\W*$",
               1.0),
    )),
)  # fmt: skip
