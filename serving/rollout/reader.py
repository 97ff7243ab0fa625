"""Reads the evidence of one test from Kafka, in the background.

In: the topics of generations and feedback, from shortly before the test began. Out: outcomes of both arms, and whether
they are current. A process that restarts reads them again and finds the same.
"""

import copy
import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.catalogue import TopicName
from feedwheel_capture.errors import CaptureError
from kafka.errors import KafkaError

from feedback.capture.consumer import Consumed, EventConsumer
from schemas.events import EventRejected, decode
from serving.rollout.evidence import Evidence, Outcomes

_LOG: Final = logging.getLogger(__name__)
_TOPICS: Final[tuple[TopicName, ...]] = ("feedwheel.generations", "feedwheel.feedback")
_CLOCK_SKEW: Final = timedelta(minutes=1)
"""The proposal is dated by another machine's clock than the records of the topics."""
_TRANSIT: Final = timedelta(seconds=1)
"""From an event's time, through spool and Kafka, to here; windows close this much later."""
_POLL_S: Final = 0.5
_RETRY_S: Final = 1.0
_BATCH: Final = 2000


class EvidenceReader:
    """The evidence of one release, kept up to date by a thread."""

    def __init__(self, access: KafkaAccess, evidence: Evidence, since: datetime, clock: Callable[[], datetime]) -> None:
        self._access = access
        self._empty = evidence
        self._since = since
        self._clock = clock
        self._outcomes = copy.deepcopy(evidence.outcomes)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feedwheel-evidence", daemon=True)
        self.current = False

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading; the thread ends by itself soon."""
        self._stopping.set()

    def outcomes(self) -> Outcomes:
        """What is final in both arms; the caller's own copy."""
        return self._outcomes

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with EventConsumer(self._access, _TOPICS) as consumer:
                    consumer.seek_to_time(self._since - _CLOCK_SKEW)
                    self._follow(consumer)
            except (KafkaError, CaptureError, OSError) as error:
                self.current = False
                _LOG.warning("evidence: %s; quality is not judged until Kafka is back", type(error).__name__)
            self._stopping.wait(_RETRY_S)

    def _follow(self, consumer: EventConsumer) -> None:
        evidence = copy.deepcopy(self._empty)
        while not self._stopping.is_set():
            asked_at = self._clock()
            for record in consumer.poll(_POLL_S, _BATCH):
                _take(evidence, record)
            # Only where everything that was there has been read may a window be closed.
            if consumer.at_end():
                evidence.settle(asked_at - _TRANSIT)
                self._outcomes = copy.deepcopy(evidence.outcomes)
                self.current = True


def _take(evidence: Evidence, record: Consumed) -> None:
    topic: TopicName = "feedwheel.generations" if record.topic == _TOPICS[0] else "feedwheel.feedback"
    try:
        evidence.add(decode(record.value, topic))
    except EventRejected as error:
        # Ingest keeps it, with its reason; it judges nobody here.
        _LOG.debug("evidence: a record was passed over (%s)", error.reason)
