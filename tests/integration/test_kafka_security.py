"""A real broker that lets in by password over TLS, or by certificate: every client of ours gets in, or says why not."""

import gc
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from feedwheel_capture import Capture, CaptureSettings
from feedwheel_capture.errors import PublishFailed
from feedwheel_capture.kafka import EventProducer
from typer.testing import CliRunner

from feedback.capture.consumer import EventConsumer
from pipelines import dlq, ingest, reconcile
from pipelines.cli import ingest as commands
from pipelines.dlq import Selection
from pipelines.io import kafka
from pipelines.io.kafka import Cluster, Outgoing, publish
from pipelines.io.kafka_admin import TopicSpec, create_topics
from pipelines.settings import Settings
from pipelines.stack import doctor
from pipelines.stack.topics import TOPIC_SPECS
from schemas.errors import InfrastructureError
from tests.certificates import Authority
from tests.conftest import JAR_CACHE, TEST_SECRETS
from tests.kafka_nodes import KafkaNodes
from tests.ports import free_port
from tests.topics import declaring, generations

pytestmark = pytest.mark.integration

PASSWORD = "correct-horse-battery"
WRONG = "wrong-horse-battery"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
JAAS = "org.apache.kafka.common.security"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A broker with a listener for passwords and one for certificates; `at` and `authority`."""
    home = tmp_path_factory.mktemp("secured")
    authority, port = Authority(home / "certificates"), free_port(4)
    certificate, key = authority.issue("broker")
    store = home / "broker.store.pem"
    store.write_text(key.read_text() + certificate.read_text())
    options = {
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.certificate),
        "listener.name.ssl.ssl.client.auth": "required",
        "listener.name.sasl_ssl.sasl.enabled.mechanisms": ",".join(MECHANISMS),
        "listener.name.sasl_ssl.plain.sasl.jaas.config": (
            f'{JAAS}.plain.PlainLoginModule required user_feedwheel="{PASSWORD}";'
        ),
        **{
            f"listener.name.sasl_ssl.{mechanism.lower()}.sasl.jaas.config": f"{JAAS}.scram.ScramLoginModule required;"
            for mechanism in MECHANISMS[1:]
        },
    }
    scram = [f"{mechanism}=[name=feedwheel,password={PASSWORD}]" for mechanism in MECHANISMS[1:]]
    nodes = KafkaNodes(home, JAR_CACHE, port, 1, options, {"SASL_SSL": port + 2, "SSL": port + 3}, scram)
    nodes.start()
    try:
        yield SimpleNamespace(sasl=f"127.0.0.1:{port + 2}", ssl=f"127.0.0.1:{port + 3}", authority=authority)
    finally:
        nodes.stop()


def by_password(secured: SimpleNamespace, mechanism: str = "SCRAM-SHA-512", **replaced: Any) -> dict[str, Any]:
    """Settings of a client that knows the password."""
    return {
        "kafka_bootstrap_servers": secured.sasl,
        "kafka_security_protocol": "SASL_SSL",
        "kafka_sasl_mechanism": mechanism,
        "kafka_sasl_username": "feedwheel",
        "kafka_sasl_password": PASSWORD,
        "kafka_ssl_ca_file": secured.authority.certificate,
        **replaced,
    }


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_client_gets_in_by_password(secured, mechanism, context, tmp_path):
    base = context(**by_password(secured, mechanism))
    access, topic = base.settings.kafka, f"test.{uuid.uuid4().hex[:12]}"
    create_topics(access, [*TOPIC_SPECS, TopicSpec(topic, 1, None)])
    settings = CaptureSettings("routing", base.settings.identity, access, consent="content", spool=tmp_path / "spool")
    capture = Capture(settings=settings, raise_errors=True)
    asked = capture.generation([{"role": "user", "content": "Where is my card?"}], "On its way.", model="m")
    assert capture.flush(20)
    capture.close()
    with EventConsumer(access, ["feedwheel.generations"]) as consumer:
        published = list[bytes | None]()
        while not consumer.at_end():
            published += [record.value for record in consumer.poll(0.2)]
    assert any(asked.event_id.encode() in value for value in published)

    publish(access, (Outgoing(topic, None, value, partition=0) for value in (*generations(3), b"not json")))
    over = declaring(base, {topic: "feedwheel.generations"})
    report = ingest.run(over)
    assert (report.accepted, report.rejected, report.dead_letters) == ({"routing": 3}, {"not_json": 1}, 1)
    assert dlq.replay(over, Selection(), dry_run=False).replayed == 1
    assert ingest.run(over).rejected == {"not_json": 1}
    result = reconcile.run(over, verify_gaps=True)
    assert (result.exact, result.broker) == (True, "reached")
    assert doctor.kafka(base.settings).found == f"{secured.sasl} lets us in by SASL_SSL, as feedwheel"


def test_every_client_gets_in_by_certificate(secured, context, monkeypatch):
    monkeypatch.setattr(kafka, "_REQUEST_TIMEOUT_S", 2.0)  # who shows no certificate hears nothing, and waits
    certificate, key = secured.authority.issue("client")
    given = {
        "kafka_bootstrap_servers": secured.ssl,
        "kafka_security_protocol": "SSL",
        "kafka_ssl_ca_file": secured.authority.certificate,
    }
    without = context(**given).settings
    assert doctor.kafka(without).level == "fail"
    access = context(**given, kafka_ssl_certificate_file=certificate, kafka_ssl_key_file=key).settings.kafka
    create_topics(access, TOPIC_SPECS)
    assert Cluster(access).view(["feedwheel.dlq"]).topics["feedwheel.dlq"].partitions == (0,)
    assert publish(access, [Outgoing("feedwheel.dlq", None, b"{}")]) == 1
    EventProducer(access).close()


WRONGS = {
    "password": (
        {"kafka_sasl_password": WRONG},
        "it refuses this user or password: correct KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD",
    ),
    "authority": ({"kafka_ssl_ca_file": None}, "no TLS connection comes about: correct KAFKA_SSL_CA_FILE"),
    "protocol": (
        {
            "kafka_security_protocol": "PLAINTEXT",
            "kafka_sasl_mechanism": None,
            "kafka_sasl_username": None,
            "kafka_sasl_password": None,
            "kafka_ssl_ca_file": None,
        },
        "KAFKA_SECURITY_PROTOCOL",
    ),
}


@pytest.mark.parametrize("wrong", WRONGS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # kafka-python leaves sockets open
def test_who_is_not_let_in_is_told_why_and_what_to_do(secured, wrong, context, caplog, monkeypatch):
    for name in ("_REQUEST_TIMEOUT_S", "_DELIVERY_TIMEOUT_S"):  # who speaks no TLS hears nothing, and waits
        monkeypatch.setattr(kafka, name, 2.0)
    replaced, advice = WRONGS[wrong]
    caplog.set_level(logging.DEBUG)
    base = context(**by_password(secured, "PLAIN", **replaced))
    access, said = base.settings.kafka, []
    for connect in (lambda: ingest.run(base), lambda: publish(access, [Outgoing("feedwheel.dlq", None, b"{}")])):
        with pytest.raises(InfrastructureError) as raised:
            connect()
        said.append(str(raised.value))
    finding = doctor.kafka(base.settings)
    said.append(f"{finding.found}: {finding.advice}")
    for text in said:
        assert secured.sasl in text
        assert advice in text, text
    with pytest.raises(PublishFailed) as refused:
        EventProducer(access)
    gc.collect()  # here, where it may warn
    everything = "\n".join([*said, str(refused.value), caplog.text])
    assert WRONG not in everything
    assert PASSWORD not in everything


def test_a_command_ends_with_the_reason(secured, monkeypatch, tmp_path):
    given = by_password(secured, kafka_sasl_password="", kafka_sasl_password_file=tmp_path / "password")
    (tmp_path / "password").write_text(WRONG)
    for name, value in given.items():
        monkeypatch.setenv(name.upper(), str(value))
    for name, value in TEST_SECRETS.items():
        monkeypatch.setenv(f"FEEDWHEEL_{name.upper()}", value)
    assert Settings.load().kafka.password_file == Path(tmp_path / "password")
    app = typer.Typer()
    commands.register(app)
    failed = CliRunner().invoke(app, ["ingest"], catch_exceptions=False)
    assert failed.exit_code == 1
    assert "KAFKA_SASL_PASSWORD" in failed.stderr.replace("\n", " ")
    assert WRONG not in failed.output
