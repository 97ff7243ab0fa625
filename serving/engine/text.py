"""Token ids to text, as they come: whole characters only, and never a part of a stop string."""

import re
from collections.abc import Sequence
from typing import Final

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

_BYTE_FALLBACK: Final = re.compile(r"<0x([0-9A-F]{2})>")
"""How SentencePiece spells a byte that is a part of a character."""


def _byte_alphabet() -> dict[str, int]:
    """The byte for each letter of byte-level vocabularies (Radford et al., GPT-2, 2019, `bytes_to_unicode`).

    Bytes that are printable in Latin-1 stand for themselves, the others for the letters from 256 on, in their order.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}


_BYTE_OF: Final = _byte_alphabet()


class AnswerText:
    """The text of one answer. `text` is what may be shown; `stopped` says that a stop string came.

    `length` counts also the characters that are held back.
    """

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str]) -> None:
        self.text = ""
        self.stopped = False
        self._tokenizer = tokenizer
        self._stops = stops
        self._stream = DecodeStream(skip_special_tokens=True)
        self._tokens: list[int] = []
        self._decoded = ""
        self._held = ""

    @property
    def length(self) -> int:
        """Characters of what the tokens so far say, whole ones only."""
        return len(self._decoded)

    def add(self, token: int) -> str:
        """Take one token; the text that it sets free, often none."""
        self._tokens.append(token)
        piece = self._stream.step(self._tokenizer, token) or ""
        self._decoded += piece
        return self._release(piece)

    def finish(self) -> str:
        """No more tokens come: the text that was held back, with what is left of a broken character."""
        whole = self._tokenizer.decode(self._tokens, skip_special_tokens=True)
        rest = self._release(whole[len(self._decoded) :]) if not self.stopped else ""
        self.text += self._held
        rest, self._held = rest + self._held, ""
        return rest

    def _release(self, piece: str) -> str:
        held = self._held + piece
        found = [place for stop in self._stops if (place := held.find(stop)) >= 0]
        if found:
            self.stopped = True
            free, self._held = held[: min(found)], ""
        else:
            keep = possible_start(held, self._stops)
            free, self._held = held[: len(held) - keep], held[len(held) - keep :]
        self.text += free
        return free


def token_text(tokenizer: Tokenizer, token: int) -> str:
    """What one token says; of one that is a part of a character, how the vocabulary spells it."""
    text: str = tokenizer.decode([token], skip_special_tokens=False)
    return str(tokenizer.id_to_token(token)) if "\ufffd" in text else text


def token_bytes(tokenizer: Tokenizer, token: int) -> bytes:
    """The bytes of what one token says; those of all tokens are together the answer's text, in UTF-8."""
    text: str = tokenizer.decode([token], skip_special_tokens=False)
    if "\ufffd" not in text:
        return text.encode()
    spelled = str(tokenizer.id_to_token(token))
    if fallback := _BYTE_FALLBACK.fullmatch(spelled):
        return bytes.fromhex(fallback[1])
    return bytes(map(_BYTE_OF.__getitem__, spelled)) if _BYTE_OF.keys() >= set(spelled) else text.encode()


def possible_start(text: str, stops: Sequence[str]) -> int:
    """Length of the longest end of `text` that could be the beginning of a stop string."""
    longest = 0
    for stop in stops:
        for length in range(min(len(stop) - 1, len(text)), longest, -1):
            if text.endswith(stop[:length]):
                longest = length
                break
    return longest
