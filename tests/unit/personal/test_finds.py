"""What is personal in a text: each recogniser on its forms, and on what only looks like them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.personal.find import Hints, find_personal
from feedback.personal.pseudonyms import Pseudonyms
from feedback.personal.spans import UNSURE, Find


def found(text: str) -> set[tuple[str, str]]:
    return {(find.type, text[find.start : find.end]) for find in find_personal(text)}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("My name is Zdravka Oduya and I was charged twice", "PERSON", "Zdravka Oduya"),
        ("my name is john smith and i cannot log in", "PERSON", "john smith"),
        ("Mr. Brown has not called back", "PERSON", "Brown"),
        ("Regards,\nSiobhán O'Connor", "PERSON", "Siobhán O'Connor"),
        ("Maria's parcel is lost", "PERSON", "Maria"),
        ("It is at 221 Baker Street, London NW1 6XE, thanks", "ADDRESS", "221 Baker Street, London NW1 6XE"),
        ("Ich wohne Hauptstraße 14, 10115 Berlin", "ADDRESS", "Hauptstraße 14, 10115 Berlin"),
        ("12 rue de Rivoli, 75001 Paris", "ADDRESS", "12 rue de Rivoli, 75001 Paris"),
        ("write to P.O. Box 1432", "ADDRESS", "P.O. Box 1432"),
        ("my zip code is 94110", "ADDRESS", "94110"),
        ("call me at 555 0199", "PHONE", "555 0199"),
        ("passport number: X1234567", "PASSPORT", "X1234567"),
        ("driver's license number is 481195160", "DRIVER_LICENSE", "481195160"),
        ("order #AB-123456 never came", "ACCOUNT_ID", "AB-123456"),
        ("the wifi password is sunny-day-42", "CREDENTIALS", "sunny-day-42"),
        ("my pin is 4821", "CREDENTIALS", "4821"),
        ("She was born on 12/27/1986", "DATE_OF_BIRTH", "12/27/1986"),
        ("I grew up in Montevideo", "LOCATION", "Montevideo"),
        ("I work for Geoscape", "ORGANIZATION", "Geoscape"),
        ("ask @quiet_fox7 about it", "USERNAME", "@quiet_fox7"),
    ],
)
def test_is_found_as_it_stands(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "I am still waiting on my card?",
        "Will my account stay active in May?",
        "What is the exchange rate from Euros to American dollars on Monday?",
        "Can I use Apple Pay or Google Pay, and which ATMs take Mastercard?",
        "It took 3 weeks and 20 minutes to walk down the street",
        "my order is late and my account is locked, the pin is blocked",
        "Top 10 places to stay, no way over 50 per street",
    ],
)
def test_what_people_say_every_day_is_not_personal(text: str) -> None:
    assert found(text) == set()


def test_what_a_model_alone_sees_counts_as_unsure_and_gives_way() -> None:
    place = Find(0, 7, "LOCATION", UNSURE)
    assert find_personal("Nairobi is warm", Hints(indirect=[place])) == [place]
    assert find_personal("IBAN is wrong", Hints(indirect=[Find(0, 4, "ORGANIZATION", UNSURE)])) == []
    (named,) = find_personal("My name is Ann Lee", Hints(indirect=[Find(11, 18, "ORGANIZATION", UNSURE)]))
    assert named.type == "PERSON"


@given(st.text())
def test_finds_are_in_order_apart_and_inside(text: str) -> None:
    finds = find_personal(text)
    ends = [0, *(find.end for find in finds)]
    assert all(end <= find.start < find.end <= len(text) for end, find in zip(ends, finds, strict=False))


@given(st.integers(1, 400))
def test_work_grows_with_the_text(times: int) -> None:
    text = "Ann Lee, 12 Baker Street, London; " * times
    assert len([find for find in find_personal(text) if find.type == "PERSON"]) == times


def test_the_same_name_has_the_same_pseudonym_and_brackets_stay() -> None:
    pseudonyms = Pseudonyms(["[PERSON_3] wrote"])
    first = "I am Ann Lee, not [PERSON_3] or Bob Ray"
    assert pseudonyms.replaced(first, find_personal(first)) == "I am [PERSON_4], not [PERSON_3] or [PERSON_5]"
    assert pseudonyms.replaced("Dear ann", [Find(5, 8, "PERSON", 0.9)]) == "Dear [PERSON_4]"
    assert find_personal("I am [PERSON_4], not [PERSON_3] or [PERSON_5], at [ADDRESS_1]. Call [PHONE]") == []
