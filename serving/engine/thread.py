"""The one thread that runs every loaded model: two models take turns, step by step, instead of fighting for cores."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from serving.engine.batch import Batch
from serving.engine.errors import Closing, EngineFault, Withdrawn
from serving.engine.job import Job

_LOG: Final = logging.getLogger(__name__)


class InferenceThread:
    """Owns the batches of all models. Any thread may submit; answers are delivered from this one."""

    def __init__(self, max_waiting: int, observe_rows: Callable[[int], None] = lambda rows: None) -> None:
        """`observe_rows` is told how many rows each step had."""
        self._max_waiting = max_waiting
        self._observe_rows = observe_rows
        self._batches: tuple[Batch, ...] = ()
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="feedwheel-inference", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def add(self, batch: Batch) -> None:
        """Run a model from now on."""
        with self._wake:
            self._batches = (*self._batches, batch)

    def drop(self, batch: Batch) -> bool:
        """Stop running a model if it has answered everything that it was asked; whether it has."""
        with self._wake:
            if batch.idle:
                self._batches = tuple(other for other in self._batches if other is not batch)
            return batch.idle

    def submit(self, batch: Batch, job: Job) -> None:
        """Queue a job for a model. Raises PromptTooLong, Overloaded, Withdrawn, Closing."""
        self.submit_all(batch, [job])

    def submit_all(self, batch: Batch, jobs: Sequence[Job]) -> None:
        """Queue the jobs of one request for a model, all or none. Raises PromptTooLong, Overloaded, Withdrawn, Closing.

        After Withdrawn some may be queued: whoever asked is to cancel them.
        """
        for job in jobs:
            batch.check_length(job.prompt)
        with self._wake:
            if self._stopping:
                raise Closing
            if not any(batch is running for running in self._batches):
                raise Withdrawn("the model was replaced: ask again")
            for job in jobs:
                batch.check_promise(job)
            batch.check_room(jobs, self._max_waiting)
            for job in jobs:
                # Since the check jobs have left the queues at most, and nobody else can have come.
                if batch.waiting >= self._max_waiting:
                    batch.make_room_for(job)
                batch.accept(job)
            self._wake.notify_all()

    @property
    def waiting(self) -> int:
        """Jobs that have no row yet, over all models."""
        return sum(batch.waiting for batch in self._batches)

    @property
    def running(self) -> int:
        """Jobs that have a row."""
        return sum(batch.size for batch in self._batches)

    def close(self, timeout_s: float) -> None:
        """Answer what was submitted, then stop; after `timeout_s` the rest gets an error."""
        with self._wake:
            self._wake.wait_for(lambda: all(batch.idle for batch in self._batches), timeout_s)
            self._stopping = True
            self._wake.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            rows = [self._work(batch) for batch in self._batches]
            for count in filter(None, rows):
                self._observe_rows(count)
            with self._wake:
                self._wake.notify_all()
                if all(batch.idle for batch in self._batches):
                    self._wake.wait_for(lambda: self._stopping or any(not batch.idle for batch in self._batches))
        for batch in self._batches:
            batch.fail_all(Closing())

    def _work(self, batch: Batch) -> int:
        try:
            return batch.work()
        except Exception as error:  # one model's defect must not silence the others; its jobs learn of it
            _LOG.exception("a batch failed")
            batch.fail_all(EngineFault(f"the batch failed: {type(error).__name__}"))
            return 0
