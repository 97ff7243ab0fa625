"""Check digits: they tell a card, an account or an identity number from any other number of its length.

In: the characters of a find. Out: whether its check digits are right. Each names the standard it follows.
"""

import re
from datetime import date
from typing import Final

_SEPARATORS: Final = re.compile(r"[\s.\-/]")


def digits_of(found: str) -> list[int]:
    """The digits of a find, in order."""
    return [int(char) for char in found if "0" <= char <= "9"]


def compact(found: str) -> str:
    """A find without separators, upper case."""
    return _SEPARATORS.sub("", found).upper()


def luhn(digits: list[int]) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def is_card(found: str) -> bool:
    """Payment card: 13 to 19 digits, the first of which names a network (ISO/IEC 7812), Luhn."""
    digits = digits_of(found)
    return 13 <= len(digits) <= 19 and digits[0] in (2, 3, 4, 5, 6) and luhn(digits)


def is_iban(found: str) -> bool:
    """ISO 13616: letters as numbers from 10, the first four characters moved to the end, modulo 97 is 1."""
    text = compact(found)
    return 15 <= len(text) <= 34 and int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


def is_dni(found: str) -> bool:
    """Spanish DNI and NIE: the letter is the number modulo 23; X, Y, Z in front stand for 0, 1, 2."""
    text = compact(found)
    number = text[:-1].translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1]


def is_cpf(found: str) -> bool:
    """Brazilian CPF: two check digits, weights falling to 2, modulo 11."""
    digits = digits_of(found)
    if len(set(digits)) == 1:
        return False
    for size in (9, 10):
        rest = sum(digit * weight for digit, weight in zip(digits, range(size + 1, 1, -1), strict=False)) * 10 % 11
        if rest % 10 != digits[size]:
            return False
    return True


def is_nir(found: str) -> bool:
    """French social security number: the last two digits are 97 minus the others modulo 97; 2A and 2B are Corsica."""
    text = compact(found).replace("2A", "19").replace("2B", "18")
    return text.isdigit() and 97 - int(text[:13]) % 97 == int(text[13:])


_ODD_VALUES: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_ODD: Final = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", _ODD_VALUES, strict=True)) | {
    str(digit): value for digit, value in enumerate(_ODD_VALUES[:10])
}
"""Values of characters in odd places of an Italian tax code (Decree of 23 December 1976)."""


def is_codice_fiscale(found: str) -> bool:
    """Italian tax code: the last letter is the sum of the others' values modulo 26."""
    text = compact(found)
    even = sum(int(char) if char.isdigit() else ord(char) - 65 for char in text[1:15:2])
    return chr(65 + (sum(_ODD[char] for char in text[0:15:2]) + even) % 26) == text[15]


def is_pesel(found: str) -> bool:
    """Polish PESEL: begins with a birth date (the century is in the month) and ends in a weighted check digit."""
    digits = digits_of(found)
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    if (10 - sum(digit * weight for digit, weight in zip(digits, weights, strict=False)) % 10) % 10 != digits[10]:
        return False
    century, month = divmod(digits[2] * 10 + digits[3], 20)
    year = (1900, 2000, 2100, 2200, 1800)[century] + digits[0] * 10 + digits[1]
    return _is_date(year, month, digits[4] * 10 + digits[5])


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


_VERHOEFF_PRODUCT: Final = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_PLACE: Final = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
"""Multiplication in the dihedral group D5, and the permutation of each place (Verhoeff 1969)."""


def is_aadhaar(found: str) -> bool:
    """Indian Aadhaar: twelve digits, the first above 1, Verhoeff."""
    digits = digits_of(found)
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_PRODUCT[check][int(_VERHOEFF_PLACE[place % 8][digit])])
    return digits[0] > 1 and check == 0
