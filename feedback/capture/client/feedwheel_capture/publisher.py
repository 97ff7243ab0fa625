"""The thread that carries the spool to Kafka: at least once, in order, patiently."""

import logging
import threading
from typing import Final

from feedwheel_capture.errors import PublishFailed
from feedwheel_capture.kafka import EventProducer
from feedwheel_capture.spool import Spool

_LOG: Final = logging.getLogger(__name__)
_BATCH_RECORDS: Final = 500
_IDLE_WAIT_S: Final = 0.5
"""How long a stop request can go unnoticed."""
_FIRST_RETRY_S: Final = 0.2
_LAST_RETRY_S: Final = 5.0
"""After an outage the queue starts to drain at most this late."""


class Publisher:
    """Publishes everything in a spool until it is closed; what is not acknowledged stays there."""

    def __init__(self, spool: Spool, bootstrap_servers: str) -> None:
        self._spool = spool
        self._bootstrap_servers = bootstrap_servers
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feedwheel-publisher", daemon=True)
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether the last attempt to reach Kafka succeeded."""
        return self._connected

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def close(self, timeout_s: float = 10.0) -> None:
        """Stop after the batch under way."""
        self._stopping.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        retry_s = _FIRST_RETRY_S
        while not self._stopping.is_set():
            try:
                with EventProducer(self._bootstrap_servers) as producer:
                    self._connected, retry_s = True, _FIRST_RETRY_S
                    self._drain(producer)
            except PublishFailed as error:
                self._connected = False
                _LOG.warning("Kafka does not take events (%s); %d wait in the spool", error, self._spool.depth)
                self._stopping.wait(retry_s)
                retry_s = min(retry_s * 2, _LAST_RETRY_S)

    def _drain(self, producer: EventProducer) -> None:
        while not self._stopping.is_set():
            cursor = self._spool.acknowledged
            if self._spool.wait(cursor, _IDLE_WAIT_S):
                records, behind = self._spool.read(cursor, _BATCH_RECORDS)
                producer.publish(records)
                self._spool.acknowledge(behind)
