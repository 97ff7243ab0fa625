"""Sentences with personal data as people write them in chats, and where in them it stands.

In: a seed. Out: texts with spans (start, end, group). Templates and values are written for this benchmark; half of the
names stand in no list of the package. The hand that wrote them also wrote the rules: what is found here is a
regression figure, not a promise about other people's sentences.
"""

import random
import re
import string
from collections.abc import Iterator
from typing import Final, NamedTuple


class Gold(NamedTuple):
    """A span that ought to be found. `group` is how figures are reported."""

    start: int
    end: int
    group: str


FIRST: Final = (
    *("Maria", "Giulia", "Ahmed", "Priya", "Wei", "Kwame", "Olga", "Anders", "Siobhan", "Hiroshi", "Fatima", "Pedro"),
    *("Zdravka", "Torvald", "Ikaika", "Nomfundo", "Wilhelmina", "Tariku", "Eluned", "Quetzalli", "Bertil", "Ondine"),
    *("Isolde", "Leocadia", "Makana", "Thandolwethu", "Zbigniewa", "Aurelius", "Perpetua", "Oyelaran"),
)
LAST: Final = (
    *("Garcia", "Kowalski", "Okafor", "Nguyen", "Smith", "Haddad", "Andersson", "Rossi", "Tanaka", "O'Connor", "Silva"),
    *("Vandersloot", "Quispe", "Threlkeld", "Abernathy", "Mbatha", "Yazzie", "Stromquist", "Featherstone", "Bhandari"),
    *("Tupou", "Kahananui", "Wrzesniewski", "Le Guellec", "Schimmelpfennig", "Oduya", "Birkeland"),
)
ADDRESSES: Final = (
    *(
        "221 Baker Street, London NW1 6XE",
        "47 West 13th Street, Apt 5B, New York, NY 10011",
        "Hauptstraße 14, 10115 Berlin",
    ),
    *(
        "12 rue de Rivoli, 75001 Paris",
        "Calle de Alcalá 45, 28014 Madrid",
        "Via Roma 27, 00184 Roma",
        "PO Box 1432, Austin, TX",
    ),
    *(
        "1600 Pennsylvania Ave NW, Washington, DC 20500",
        "Keizersgracht 174, 1016 DW Amsterdam",
        "ul. Długa 8, 31-147 Kraków",
    ),
    *(
        "88 Queens Road East, Wan Chai, Hong Kong",
        "Rua Augusta 1508, São Paulo",
        "Flat 3, 19 Elm Grove, Bristol BS6 5DB",
    ),
    *("7 Kungsgatan 23, Stockholm", "14/2 MG Road, Bengaluru 560001", "305 Harbour View Crescent, Toronto, ON M5V 2T6"),
    *("Storgata 15, 0155 Oslo", "9 Ferncliff Mews", "2450 N Lakewood Dr", "Kossuth Lajos utca 5, Budapest"),
)
TEMPLATES: Final = (
    *("hi, my name is {name} and I was charged twice", "I'm {name}, calling about my loan", "{name} here, any news?"),
    *("Please send it to {name} at {address}.", "Dear {name},\n\nthank you for your patience.", "Thanks,\n{name}"),
    *(
        "My sister {first} will pick it up on Friday.",
        "can you tell {first} that I'm late?",
        "Regards,\n{name}\n{phone}",
    ),
    *(
        "I spoke to {name} yesterday and she promised a refund",
        "Mr. {last} has not called me back",
        "from: {name} <{email}>",
    ),
    *(
        "we moved, the new address is {address}",
        "I live at {address}",
        "Ship the parcel to {address} please",
        "{address}",
    ),
    *("Could a technician come to {address} tomorrow?", "my address: {address}\nphone: {phone}", "call me at {phone}"),
    *(
        "You can reach me on {phone} after 6",
        "my number is {phone}, ask for {first}",
        "whatsapp {phone}",
        "text me {phone}",
    ),
    *(
        "my passport number is {passport}",
        "Passport: {passport}, issued in March",
        "driver's license {licence} expired",
    ),
    *(
        "order #{order} never arrived",
        "my customer id is {order}",
        "account number {account} please",
        "the ssn is {ssn}",
    ),
    *("booking reference {pnr}, two adults", "policy no. {order}", "my insurance member id: {order}", "IBAN {iban}"),
    *(
        "password is {password}",
        "login: {user} / password: {password}",
        "the api key: {key}",
        "my pin is {pin} by the way",
    ),
    *(
        "wifi password: {password}",
        "I was born on {dob}",
        "DOB: {dob}",
        "date of birth {dob}, {name}",
        "username {user}",
    ),
    *("{name} works with my brother {first} and lives on {address}", "Patient: {name}\nDOB: {dob}\nMRN: {account}"),
    *("the doctor, Dr. {last}, said to ask {name} about it", "i am {lower} and i cant log in", "my name's {lower}"),
    *("Attendees: {name}, {name} and {name}", "{first} and {first} are coming too", "It was {first}'s idea, not mine"),
    *(
        "my card {card} was declined",
        "mail me: {email}",
        "is {name} still working there?",
        "{name} told me to write to you",
    ),
)
GROUPS: Final = {
    **dict.fromkeys(("name", "first", "last", "lower"), "names"),
    "address": "addresses",
    "phone": "phones",
    **dict.fromkeys(("passport", "licence", "order", "account", "ssn", "pnr", "iban", "card"), "ids"),
    **dict.fromkeys(("password", "key", "pin"), "credentials"),
    **dict.fromkeys(("dob", "email", "user"), "others"),
}
_FIELD: Final = re.compile(r"\{(\w+)\}")


def sentences(seed: int, each: int = 6) -> Iterator[tuple[str, list[Gold]]]:
    """Every template `each` times, with values drawn by `seed`."""
    draw = random.Random(seed)
    for template in TEMPLATES * each:
        text, gold, position = "", list[Gold](), 0
        for field in _FIELD.finditer(template):
            text += template[position : field.start()]
            value, position = _value(field[1], draw), field.end()
            gold.append(Gold(len(text), len(text) + len(value), GROUPS[field[1]]))
            text += value
        yield text + template[position:], gold


def _value(kind: str, draw: random.Random) -> str:
    first, last = draw.choice(FIRST), draw.choice(LAST)
    makers = {
        "name": lambda: f"{first} {last}",
        "first": lambda: first,
        "last": lambda: last,
        "lower": lambda: f"{first} {last}".lower(),
        "address": lambda: draw.choice(ADDRESSES),
        "phone": lambda: _form(draw.choice(PHONES), draw),
        "email": lambda: f"{first}.{last}@example.org".lower().replace(" ", "").replace("'", ""),
        "user": lambda: f"{first.lower()}_{draw.randint(10, 99)}",
        "passport": lambda: _form(draw.choice(("A########", "#########", "AA#######", "A##A#####")), draw),
        "licence": lambda: _form(draw.choice(("A#######", "########", "A###-####-####", "AAAAA######AA#AA")), draw),
        "order": lambda: _form(draw.choice(("#######", "AA-######", "###-#######-#######", "A#####")), draw),
        "account": lambda: _form(draw.choice(("########", "############", "####-####-##")), draw),
        "ssn": lambda: _form("2##-4#-1###", draw),
        "pnr": lambda: _form("A#AA#A", draw),
        "iban": lambda: "DE89370400440532013000",
        "card": lambda: "4556156821609393",
        "password": lambda: _form(draw.choice(("aaaaaa##", "Aaaaa!##", "aaa-aaa-###", "Aaaa#aaa$")), draw),
        "key": lambda: _form("sk-aaaa####aaaa####aaaa####", draw),
        "pin": lambda: _form("####", draw),
        "dob": lambda: draw.choice(("12/04/1987", "4 March 1990", "1979-11-30", "July 9, 1968", "03.07.2001")),
    }
    return makers[kind]()


PHONES: Final = (
    *("+44 7### ######", "0# #### ####", "(###) ###-####", "###-###-####", "+1 ### ### ####", "+49 30 #######"),
    *("06 ## ## ## ##", "+91 ##### #####", "### ####", "07### ######", "+33 6 ## ## ## ##", "####-####"),
)
_SIGNS: Final = {"#": string.digits, "A": string.ascii_uppercase, "a": string.ascii_lowercase}


def _form(form: str, draw: random.Random) -> str:
    """A code of a form: # a digit, A and a a letter."""
    return "".join(draw.choice(_SIGNS[sign]) if sign in _SIGNS else sign for sign in form)
