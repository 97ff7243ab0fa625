"""The local collector: where browsers, and applications that cannot reach Kafka, send what they record."""

import sys

from pipelines.settings import Settings
from pipelines.stack.environment import environment
from pipelines.stack.probe import awaits_ok
from pipelines.stack.process import Launch
from pipelines.stack.service import Port, Service


def collector_service(settings: Settings) -> Service:
    """The collector of this deployment. It takes events without Kafka too, which then wait in its spool."""
    return Service(
        name="collector",
        address=settings.collector,
        given_by="FEEDWHEEL_COLLECTOR_URL" if settings.collector_url else None,
        ports=(Port(settings.collector_port, "FEEDWHEEL_COLLECTOR_PORT"),),
        prepare=lambda: Launch((sys.executable, "-m", "feedback.capture.collector"), environment(settings)),
        awaits=lambda: awaits_ok(f"{settings.collector.rstrip('/')}/readyz"),
        needs=frozenset({"kafka"}),
    )
