"""Loading with patience: what did not load rests before it is tried again, and how often it failed is known.

In: the model that a place should have; a place is an application's champion, or its challenger. Out: the model, or why
there is none yet.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from feedwheel_capture.events import ModelRef

from schemas.errors import FeedwheelError
from serving.models import LoadedModel, ModelPool

_LOG: Final = logging.getLogger(__name__)
_RELOAD_S: Final = 10.0
"""Between attempts: reading a model's files again costs seconds of a core."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A model that does not load. `times`: in a row; `at`: the last, in seconds of the loader's clock."""

    ref: ModelRef
    times: int
    at: float
    error: FeedwheelError


class PatientLoader:
    """Loads models into places of one kind, one place for each application. Its failures may be read by any thread."""

    def __init__(self, pool: ModelPool, kind: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`kind`: what a log line calls such a model; `clock`: seconds that only ever pass."""
        self._pool, self._kind, self._clock = pool, kind, clock
        self.failures: Mapping[str, Failure] = {}
        """By application."""

    def load(self, app: str, ref: ModelRef) -> LoadedModel | None:
        """The model; None while it does not load, and then `failures` says why."""
        failure = self.failures.get(app)
        if failure is not None and failure.ref != ref:
            failure = None
        if failure is not None and self._clock() - failure.at < _RELOAD_S:
            return None
        try:
            model = self._pool.load(ref)
        except FeedwheelError as error:
            times = failure.times + 1 if failure else 1
            self.failures = {**self.failures, app: Failure(ref, times, self._clock(), error)}
            _LOG.error("%s of %s: %s", self._kind, app, error)
            return None
        self.forget(app)
        return model

    def forget(self, app: str) -> None:
        """Begin anew with whatever comes next."""
        self.failures = {name: failure for name, failure in self.failures.items() if name != app}
