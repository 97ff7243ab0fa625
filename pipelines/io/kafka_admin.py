"""Administration of a Kafka cluster: whether it answers, and topics that must exist.

In: access to a cluster, and declared topics. Out: the missing ones created. A topic that is there is never changed: on
a cluster that others run its partitions and retention are theirs to decide.
"""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from feedwheel_capture.access import CA_FILE, PASSWORD, PROTOCOL, USERNAME, KafkaAccess
from feedwheel_capture.errors import SettingsWrong
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from schemas.errors import ConfigError, InfrastructureError


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic to create. `retention` None keeps records for ever; replicas are the cluster's default."""

    name: str
    partitions: int
    retention: timedelta | None

    def options(self) -> Mapping[str, object]:
        """What kafka-python's `create_topics` takes."""
        keep_ms = -1 if self.retention is None else int(self.retention.total_seconds() * 1000)
        configs = {
            "retention.ms": str(keep_ms),
            "retention.bytes": "-1",
            "cleanup.policy": "delete",
            # The broker's clock, which no producer can skew; an event carries its producer's own time inside.
            "message.timestamp.type": "LogAppendTime",
        }
        return {"num_partitions": self.partitions, "configs": configs}


def advice(access: KafkaAccess) -> str:
    """What to do where a cluster is not there or does not let us in: a client that is refused may say no more."""
    variables = ["KAFKA_BOOTSTRAP_SERVERS", f"{PROTOCOL} ({access.security_protocol})"]
    if access.uses_sasl:
        variables.append(f"{USERNAME} and {PASSWORD}")
    if access.uses_tls:
        variables.append(CA_FILE)
    named = f"{', '.join(variables[:-1])} or {variables[-1]}"
    return f"start it (the local stack's: `feedwheel up kafka`), or correct {named}"


@contextmanager
def readable() -> Iterator[None]:
    """A file of the access that cannot be read is a wrong setting."""
    try:
        yield
    except SettingsWrong as error:
        raise ConfigError(f"settings (environment or .env): {error}") from None


@contextmanager
def admin_client(access: KafkaAccess, timeout_s: float = 10.0) -> Iterator[KafkaAdminClient]:
    """An admin client, closed afterwards. Raises InfrastructureError if the cluster does not answer in time."""
    milliseconds = int(timeout_s * 1000)
    # A client that cannot connect leaves its thread and sockets behind, so ask the network first.
    check_listening(access, timeout_s)
    try:
        with readable():
            options = access.kafka_python()
        client = KafkaAdminClient(**options, bootstrap_timeout_ms=milliseconds, request_timeout_ms=milliseconds)
    except KafkaError as error:
        raise InfrastructureError(f"Kafka at {access} gives no metadata ({error}): {advice(access)}") from error
    try:
        yield client
    finally:
        client.close()


def check_listening(access: KafkaAccess, timeout_s: float) -> None:
    """Raise InfrastructureError at once if no server of the cluster takes connections: clients would go on trying."""
    if not any(_listens(server.strip(), timeout_s) for server in access.bootstrap_servers.split(",")):
        raise InfrastructureError(f"nothing listens at {access}: {advice(access)}")


def _listens(server: str, timeout_s: float) -> bool:
    host, _, port = server.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout_s).close()
    except (OSError, ValueError):
        return False
    return True


def answers(access: KafkaAccess, timeout_s: float = 3.0) -> bool:
    """Whether the cluster gives its metadata within `timeout_s`."""
    return awaited(access, timeout_s) is None


def awaited(access: KafkaAccess, timeout_s: float) -> str | None:
    """None if the cluster gives its metadata within `timeout_s`, else why not."""
    try:
        with admin_client(access, timeout_s) as client:
            return None if client.describe_cluster()["brokers"] else f"no broker at {access}"
    except InfrastructureError as error:
        return str(error)
    except KafkaError as error:
        return f"no answer at {access} ({type(error).__name__})"


def create_topics(access: KafkaAccess, specs: Sequence[TopicSpec]) -> list[str]:
    """Create what is missing and wait until each has leaders. Returns the names created.

    Raises InfrastructureError if the cluster refuses.
    """
    with admin_client(access) as client:
        there = set(client.list_topics())
        missing = {spec.name: spec.options() for spec in specs if spec.name not in there}
        try:
            if missing:
                _create(client, missing)
            client.wait_for_topics([spec.name for spec in specs])
        except KafkaError as error:
            raise InfrastructureError(
                f"Kafka at {access} does not create {', '.join(missing)} ({type(error).__name__}): "
                "create them, or give this user the right to"
            ) from error
    return list(missing)


def _create(client: KafkaAdminClient, missing: Mapping[str, Mapping[str, object]]) -> None:
    # Another process may have created one a moment ago; the broker creates the others all the same.
    with suppress(TopicAlreadyExistsError):
        client.create_topics(missing)
