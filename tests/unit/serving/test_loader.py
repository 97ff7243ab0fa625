"""A model that does not load rests between attempts, and is forgotten when another is wanted."""

from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from schemas.errors import InfrastructureError
from serving.rollout.loader import PatientLoader
from tests.served import APP, deployed
from tests.tiny_model import tiny_model

BROKEN, SOUND = tiny_model("broken"), tiny_model("sound")


class Shelf:
    """A pool that cannot load one of its models; which it was asked for."""

    def __init__(self):
        self.asked = []

    def load(self, ref):
        self.asked.append(ref.version)
        if ref == BROKEN:
            raise InfrastructureError("no file")
        return SimpleNamespace(ref=ref)


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def clock():
    return SimpleNamespace(now=0.0)


@pytest.fixture
def loader(shelf, clock):
    return PatientLoader(shelf, "champion", lambda: clock.now)


def test_what_failed_rests_and_is_tried_again(loader, shelf, clock):
    for now, times in ((0, 1), (9.9, 1), (10, 2), (19.9, 2), (20, 3)):
        clock.now = now
        assert loader.load("app", BROKEN) is None
        assert loader.failures["app"].times == times
    assert shelf.asked == ["broken"] * 3


def test_another_model_and_another_application_do_not_wait_for_it(loader, shelf):
    assert loader.load("app", BROKEN) is None
    assert loader.load("other", BROKEN) is None
    assert loader.load("app", SOUND).ref == SOUND
    assert list(loader.failures) == ["other"]
    assert loader.load("app", BROKEN) is None
    assert loader.failures["app"].times == 1


def test_what_is_forgotten_is_tried_at_once(loader, shelf):
    loader.load("app", BROKEN)
    loader.forget("app")
    assert loader.failures == {}
    loader.load("app", BROKEN)
    assert shelf.asked == ["broken"] * 2


def test_one_application_that_stumbles_holds_no_other_up(tmp_path, monkeypatch):
    with deployed(tmp_path) as (_, service):
        supervisor, done = service.deployment.supervisor, []
        supervisor.close()
        monkeypatch.setattr(supervisor, "_follow", lambda *_: 1 / 0)
        monkeypatch.setattr(service.pool, "keep", done.append)
        supervisor.tick()
        assert done == [{service.lineup(APP).champion.ref}]


def test_a_champion_that_is_named_again_clears_the_fault_of_the_one_that_never_loaded(tmp_path):
    with deployed(tmp_path) as (_, service):
        supervisor, champion = service.deployment.supervisor, service.lineup(APP).champion.ref
        supervisor.close()
        assert not supervisor._load_champion(APP, replace(champion, digest="0" * 64))
        assert APP in supervisor.faults
        assert supervisor._load_champion(APP, champion)
        assert supervisor.faults == {}
