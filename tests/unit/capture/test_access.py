"""Access to Kafka from variables: what is given is used, what is used is given, and no secret is in a text."""

import logging

import pytest
from feedwheel_capture.access import SECURITY_VARIABLES, KafkaAccess
from feedwheel_capture.errors import SettingsWrong

from feedback.capture.settings import SharedSettings
from pipelines.io.kafka import client_options
from pipelines.settings import Settings
from pipelines.stack.environment import environment
from pipelines.stack.paths import REPOSITORY
from schemas.errors import ConfigError

SECRET = "correct horse battery staple"
SCRAM = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "feedwheel",
    "KAFKA_SASL_PASSWORD": SECRET,
}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL is 'TLS': it can be PLAINTEXT, SSL"),
        ({**SCRAM, "KAFKA_SASL_MECHANISM": "GSSAPI"}, "KAFKA_SASL_MECHANISM is 'GSSAPI': it can be PLAIN, SCRAM"),
        ({**SCRAM, "KAFKA_SASL_USERNAME": ""}, "set KAFKA_SASL_USERNAME, and either KAFKA_SASL_PASSWORD or"),
        ({**SCRAM, "KAFKA_SASL_PASSWORD": ""}, "either KAFKA_SASL_PASSWORD or KAFKA_SASL_PASSWORD_FILE"),
        ({**SCRAM, "KAFKA_SASL_PASSWORD_FILE": "p"}, "either KAFKA_SASL_PASSWORD or KAFKA_SASL_PASSWORD_FILE"),
        ({**SCRAM, "KAFKA_SECURITY_PROTOCOL": ""}, "KAFKA_SASL_MECHANISM is set, but .* PLAINTEXT, which does not use"),
        ({**SCRAM, "KAFKA_SECURITY_PROTOCOL": "SSL"}, "KAFKA_SASL_MECHANISM is set, but .* SSL, which does not use"),
        ({"KAFKA_SSL_CA_FILE": "ca.pem"}, "KAFKA_SSL_CA_FILE is set, but KAFKA_SECURITY_PROTOCOL is PLAINTEXT"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_KEY_FILE": "k"}, "set both KAFKA_SSL_CERTIFICATE_FILE and"),
    ],
)
def test_a_slip_is_named_and_shows_no_secret(given, problem, monkeypatch) -> None:
    with pytest.raises(SettingsWrong, match=problem) as raised:
        KafkaAccess.of("broker:9092", given)
    assert SECRET not in str(raised.value)
    for name, value in (given | {"KAFKA_BOOTSTRAP_SERVERS": "broker:9092"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=problem):
        _ = SharedSettings.load().kafka


def test_security_without_an_address_is_a_slip(monkeypatch) -> None:
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SSL")
    with pytest.raises(ConfigError, match="KAFKA_SECURITY_PROTOCOL is set, but KAFKA_BOOTSTRAP_SERVERS is not"):
        _ = SharedSettings.load().kafka


def test_both_libraries_and_child_processes_get_the_same(monkeypatch, tmp_path) -> None:
    (tmp_path / "ca.pem").write_text("")
    given = SCRAM | {"KAFKA_BOOTSTRAP_SERVERS": "broker:9092", "KAFKA_SSL_CA_FILE": "ca.pem"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    access = settings.kafka
    assert SECRET not in f"{access} {access!r} {settings!r}"
    assert access.kafka_python() == {
        "bootstrap_servers": "broker:9092",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "feedwheel",
        "sasl_plain_password": SECRET,
        "ssl_cafile": "ca.pem",
    }
    options = client_options(access)
    assert {name: options[name] for name in options if name.startswith(("sasl", "ssl", "security"))} == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "feedwheel",
        "sasl.password": SECRET,
        "ssl.ca.location": "ca.pem",
    }
    child = environment(settings)
    assert {name: child[name] for name in given} == given | {"KAFKA_SSL_CA_FILE": str(tmp_path / "ca.pem")}


def test_a_password_in_a_file_is_read_at_each_connection(tmp_path) -> None:
    file = tmp_path / "password"
    given = SCRAM | {"KAFKA_SASL_PASSWORD": "", "KAFKA_SASL_PASSWORD_FILE": str(file)}
    access = KafkaAccess.of("broker:9092", given)
    with pytest.raises(ConfigError, match=f"KAFKA_SASL_PASSWORD_FILE names {file}: No such file or directory"):
        client_options(access)
    for password in ("first", "second"):
        file.write_text(f"{password}\n")
        assert client_options(access)["sasl.password"] == access.kafka_python()["sasl_plain_password"] == password


def test_every_variable_is_documented() -> None:
    text = (REPOSITORY / "docs" / "operating.md").read_text(encoding="utf-8")
    assert [name for name in SECURITY_VARIABLES if f"`{name}`" not in text] == []


def test_the_library_does_not_log_what_it_sends(caplog) -> None:
    with caplog.at_level(logging.DEBUG, "kafka"):
        for name in ("kafka.protocol.parser", "kafka.net.connection", "kafka.producer.kafka"):
            logging.getLogger(name).debug("Send: %r", SECRET)
            logging.getLogger(name).warning("closed")
    assert SECRET not in caplog.text
    assert caplog.text.count("closed") == 3
