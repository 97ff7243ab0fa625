"""A collector over HTTP, whose Kafka is down."""

import pytest
from fastapi.testclient import TestClient

from feedback.capture.collector.app import create_app
from tests.collectors import make_key, open_collector


@pytest.fixture
def key(home):
    return make_key(home)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def collector(home, key):
    return open_collector(home, collector_origins=("https://app.example",))


@pytest.fixture
def http(collector, key):
    with TestClient(create_app(collector), headers={"Authorization": f"Bearer {key}"}) as client:
        yield client
