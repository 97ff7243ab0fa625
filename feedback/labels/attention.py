"""Attention: what is shown second is chosen less often because it is looked at less often.

In: the choices of many people. Out: the same, with how likely each option was looked at, estimated from how often
each position is chosen where positions were drawn at random (`feedback.bias.position`).
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from feedback.bias.position import examination
from feedback.labels.records import Evidence, Option

_MIN_CHOICES: Final = 30
"""Before positions are told apart: of 30 the share of one of two is known to 0.18 (95 %)."""
_LEAST: Final = 0.05
"""A position that nobody ever chose was looked at by somebody."""
_EVEN: Final = 0.5


def with_attention(signals: Sequence[Evidence]) -> list[Evidence]:
    """The signals, in order, with `looked_at` of every option; all 1 where choices are too few to tell."""
    choices = [signal for signal in signals if signal.options and signal.chosen]
    looked_at = _by_position(choices) if len(choices) >= _MIN_CHOICES else None
    if looked_at is None:
        return list(signals)
    return [_attended(signal, looked_at) for signal in signals]


def _by_position(choices: Sequence[Evidence]) -> Sequence[float] | None:
    """How likely each position is looked at, 0..1, relative to the one looked at most; None if that cannot be said."""
    shown = [(option, option.response_id == choice.chosen) for choice in choices for option in choice.options or ()]
    found = examination(
        np.array([float(is_chosen) for _, is_chosen in shown]),
        np.array([option.position for option, _ in shown], dtype=np.int64),
        np.array([option.propensity or _EVEN for option, _ in shown]),
    )
    if np.isnan(found).all():
        return None
    shares: list[float] = np.clip(np.nan_to_num(found / np.nanmax(found), nan=1.0), _LEAST, 1.0).round(3).tolist()
    return shares


def _attended(signal: Evidence, looked_at: Sequence[float]) -> Evidence:
    if not signal.options:
        return signal
    return msgspec.structs.replace(signal, options=[_seen(option, looked_at) for option in signal.options])


def _seen(option: Option, looked_at: Sequence[float]) -> Option:
    """An option at a position where nothing was ever chosen or shown in a choice counts as looked at."""
    share = looked_at[option.position] if option.position < len(looked_at) else 1.0
    return msgspec.structs.replace(option, looked_at=share)
