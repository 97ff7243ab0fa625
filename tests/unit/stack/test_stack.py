"""The stack as a whole, over small services in place of the real ones."""

import threading
import time

import pytest

from pipelines.settings import Settings
from pipelines.stack import stack
from pipelines.stack import status as status_module
from pipelines.stack.exclusive import exclusive
from pipelines.stack.process import Background
from pipelines.stack.service import SERVICE_NAMES
from schemas.errors import InfrastructureError
from tests.ports import free_port
from tests.unit.stack.conftest import DIES


@pytest.fixture
def settings(home):
    return Settings(home=home)


@pytest.fixture
def install(service, monkeypatch):
    """Put small services in place of the real ones: `install(kafka={"program": DIES})`."""

    def put(**replaced):
        needs = {"serving": frozenset({"kafka"})}
        made = {
            name: service(name=name, **{"needs": needs.get(name, frozenset()), **replaced.get(name, {})})
            for name in SERVICE_NAMES
        }
        for module in (stack, status_module):
            monkeypatch.setattr(module, "services", lambda _: made)
        return made

    return put


def states(settings):
    return {row.name: row.state for row in status_module.status(settings).services}


def test_up_status_up_kill_status_up_down(settings, install):
    install()
    assert set(states(settings).values()) == {"stopped", "in process"}
    assert {it.outcome for it in stack.up(settings).services} == {"started"}
    assert {states(settings)[name] for name in SERVICE_NAMES} == {"ready"}
    assert {it.outcome for it in stack.up(settings).services} == {"already running"}

    Background(settings.home, "serving").kill()
    report = status_module.status(settings)
    assert not report.healthy
    dead = next(row for row in report.services if row.name == "serving")
    assert (dead.state, dead.pid) == ("died", None)
    assert "`feedwheel up serving` starts it again" in dead.detail
    assert {it.name: it.outcome for it in stack.up(settings).services} == {
        "kafka": "already running",
        "mlflow": "already running",
        "serving": "started",
        "collector": "already running",
        "airflow": "already running",
    }

    assert set(stack.down(settings.home).ended) == set(SERVICE_NAMES)
    assert stack.down(settings.home).ended == ()
    assert set(states(settings).values()) == {"stopped", "in process"}


def test_what_can_be_known_before_stops_all_before_any_is_started(settings, install):
    def lacking():
        raise InfrastructureError("Kafka needs Java, and there is none on the PATH: install Java")

    install(kafka={"requires": lacking})
    with pytest.raises(InfrastructureError, match="needs Java"):
        stack.up(settings)
    assert set(states(settings).values()) == {"stopped", "in process"}

    port = free_port()
    install(mlflow={"port": port}, serving={"port": port})
    with pytest.raises(InfrastructureError, match=f"port {port} is given twice, by FEEDWHEEL_MLFLOW_PORT and by"):
        stack.up(settings)
    assert set(states(settings).values()) == {"stopped", "in process"}


def test_naming_one_brings_what_it_needs(settings, install):
    install()
    assert [it.name for it in stack.up(settings, ("serving",)).services] == ["kafka", "serving"]


def test_what_is_needed_is_ready_before_what_needs_it(settings, install):
    order = []
    install()
    stack.up(settings, watch=lambda it: order.append(it.name))
    assert order.index("kafka") < order.index("serving")


def test_who_waits_is_told_for_what(settings, install, monkeypatch):
    monkeypatch.setattr(stack, "_SAY_EVERY_S", 0.2)
    waits, said = threading.Event(), []
    install(serving={"awaits": lambda: None if waits.is_set() else "not yet"})

    def say(text):
        said.append(text)
        if "waiting for serving:" in text:
            waits.set()

    stack.up(settings, say=say)
    assert said, "it was ready at once"


def test_failure_stops_only_what_needs_it(settings, install):
    install(kafka={"program": DIES})
    with pytest.raises(stack.StackFailed, match="kafka ended while it started") as caught:
        stack.up(settings)
    assert "serving was not started: it needs kafka" in str(caught.value)
    assert {it.name for it in caught.value.up} == {"mlflow", "collector", "airflow"}
    assert states(settings)["serving"] == "stopped"


def test_defect_in_our_own_code_is_not_taken_for_a_broken_service(settings, install):
    install(kafka={"prepare": lambda: 1 / 0})
    with pytest.raises(ZeroDivisionError):
        stack.up(settings, ("kafka",))


def test_two_ups_at_once_start_everything_once(settings, install):
    install()
    reports, said = [], []
    threads = [threading.Thread(target=lambda: reports.append(stack.up(settings, say=said.append))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcomes = [{it.outcome for it in report.services} for report in reports]
    assert sorted(outcomes, key=str) == [{"already running"}, {"started"}]
    assert len(said) == 1
    assert "another feedwheel command (pid " in said[0]


def test_waiting_for_the_lock_has_an_end(home):
    with exclusive(home, lambda _: None), pytest.raises(InfrastructureError, match="does not end: end it"):  # noqa: SIM117, the inner one must raise
        with exclusive(home, lambda _: None, wait_s=0.3):
            pytest.fail("it was given twice")


def test_down_of_one_leaves_the_others(settings, install):
    install()
    stack.up(settings, ("kafka", "mlflow"))
    assert stack.down(settings.home, ("kafka",)).ended == ("kafka",)
    assert states(settings)["mlflow"] == "ready"


def test_given_services_are_external_or_unreachable(settings, install):
    made = install(
        kafka={"given_by": "KAFKA_BOOTSTRAP_SERVERS"},
        mlflow={"given_by": "MLFLOW_TRACKING_URI", "awaits": lambda: None},
    )
    assert states(settings)["kafka"] == "unreachable"
    assert states(settings)["mlflow"] == "external"
    with pytest.raises(stack.StackFailed, match="given by KAFKA_BOOTSTRAP_SERVERS"):
        stack.up(settings, ("kafka", "mlflow"))
    assert stack.down(settings.home).ended == ()
    assert made["kafka"].given_by


def test_running_but_not_answering_is_not_ready(settings, install):
    broken = {"now": False}
    install(kafka={"awaits": lambda: "metadata missing" if broken["now"] else None})
    stack.up(settings, ("kafka",))
    broken["now"] = True
    row = next(row for row in status_module.status(settings).services if row.name == "kafka")
    assert (row.state, row.detail) == ("not ready", "metadata missing")
    assert row.pid
    assert row.log.endswith("kafka.log")


@pytest.mark.parametrize(
    ("given", "name", "state"),
    [
        ({"ray_address": "127.0.0.1:1"}, "ray", "unreachable"),
        ({"ray_address": "ray://127.0.0.1:1"}, "ray", "unreachable"),
        ({"ray_address": "auto"}, "ray", "in process"),
        ({"lake": "."}, "lake", "external"),
        ({"lake": "no/such/directory"}, "lake", "unreachable"),
        ({"lake": "nosuch://bucket/lake"}, "lake", "unreachable"),
    ],
)
def test_lake_and_ray_given_by_settings(home, install, given, name, state):
    install()
    assert states(Settings(home=home, **given))[name] == state


def test_status_asks_everything_at_once(settings, install):
    install(**{name: {"given_by": "IT", "awaits": lambda: time.sleep(0.4)} for name in SERVICE_NAMES})
    begun = time.monotonic()
    states(settings)
    assert time.monotonic() - begun < 1.2
