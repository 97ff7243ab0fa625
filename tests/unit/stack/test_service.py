import sys
import threading
import time

import pytest

from pipelines.stack import service as service_module
from pipelines.stack.process import Background, Launch
from pipelines.stack.service import Port, StartCancelled, bring_up, require_free
from schemas.errors import InfrastructureError
from tests.unit.stack.conftest import DIES, HANGS


def test_up_twice_leaves_the_first_one_running(service, home, never):
    it = service()
    assert bring_up(it, home, never) == "started"
    first = Background(home, it.name).started()
    assert bring_up(it, home, never) == "already running"
    assert Background(home, it.name).started() == first


def test_killed_child_is_started_again(service, home, never):
    it = service()
    bring_up(it, home, never)
    Background(home, it.name).kill()
    assert bring_up(it, home, never) == "started"


def test_what_exists_inside_is_completed_every_time(service, home, never):
    calls = []
    it = service(complete=lambda: calls.append("topics"))
    bring_up(it, home, never)
    bring_up(it, home, never)
    assert calls == ["topics", "topics"]


def test_taken_port_names_the_port_its_holder_and_the_setting(service, home, never):
    holder = service(name="kafka")
    bring_up(holder, home, never)
    it = service(port=holder.ports[0].number)
    with pytest.raises(InfrastructureError) as caught:
        bring_up(it, home, never)
    pid = Background(home, "kafka").started().pid
    assert f"port {it.ports[0].number}" in str(caught.value)
    assert f"(pid {pid})" in str(caught.value)
    assert "set FEEDWHEEL_MLFLOW_PORT to a free port" in str(caught.value)
    assert Background(home, it.name).state() == "stopped"


def test_free_port_is_free_again_right_after_its_holder_ended(service, home, never):
    it = service()
    bring_up(it, home, never)
    Background(home, it.name).stop()
    require_free(Port(it.ports[0].number, "FEEDWHEEL_MLFLOW_PORT"), it.name)


def test_death_during_the_start_shows_its_last_words(service, home, never):
    with pytest.raises(
        InfrastructureError, match=r"mlflow ended while it started; it last wrote .*\ncannot open the frob"
    ):
        bring_up(service(program=DIES), home, never)


def test_not_ready_in_time_says_what_is_missing(service, home, never):
    it = service(program=HANGS, timeout_s=0.3)
    with pytest.raises(
        InfrastructureError, match=r"mlflow is not ready after 0 s: no answer at port .*feedwheel down mlf"
    ):
        bring_up(it, home, never)
    assert Background(home, it.name).state() == "running", "it is kept to be looked at"


def test_one_that_runs_and_does_not_answer_is_started_anew(service, home, never, monkeypatch):
    monkeypatch.setattr(service_module, "_RESTART_AFTER_S", 0.2)
    it = service()
    number = str(it.ports[0].number)
    Background(home, it.name).start(Launch([sys.executable, "-c", HANGS, number]))
    hung = Background(home, it.name).started()
    assert bring_up(it, home, never) == "started"
    assert Background(home, it.name).started() != hung


def test_failed_preparation_starts_nothing(service, home, never):
    def no_java():
        raise InfrastructureError("Kafka needs Java")

    with pytest.raises(InfrastructureError, match="needs Java"):
        bring_up(service(prepare=no_java), home, never)
    assert Background(home, "mlflow").state() == "stopped"


def test_given_service_is_used_and_never_started(service, home, never):
    outside = service(name="kafka")
    bring_up(outside, home, never)
    given = service(given_by="MLFLOW_TRACKING_URI", awaits=outside.awaits)
    assert bring_up(given, home, never) == "external"
    assert Background(home, given.name).state() == "stopped"


def test_given_service_that_does_not_answer_is_an_error(service, home, never):
    with pytest.raises(InfrastructureError, match="mlflow is given by MLFLOW_TRACKING_URI, but no answer at port"):
        bring_up(service(given_by="MLFLOW_TRACKING_URI"), home, never)
    assert Background(home, "mlflow").state() == "stopped"


def test_waiting_can_be_cancelled(service, home):
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    begun = time.monotonic()
    with pytest.raises(StartCancelled, match="feedwheel down"):
        bring_up(service(program=HANGS, timeout_s=60), home, cancelled)
    assert time.monotonic() - begun < 5
