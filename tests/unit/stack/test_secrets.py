import os
import stat
import threading

import pytest
from cryptography.fernet import Fernet

from pipelines.settings import Settings
from pipelines.stack.secrets import ensure_secrets, missing_secrets


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("FEEDWHEEL_HOME", str(tmp_path / "home"))
    return Settings.load()


def test_generated_once_for_the_owner_only_and_read_by_settings(settings):
    path = ensure_secrets(settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = Settings.load()
    assert missing_secrets(loaded) == []
    Fernet(loaded.payload_key.get_secret_value())
    assert len(loaded.user_keys) == 1
    assert loaded.split_key.get_secret_value() not in repr(loaded)


def test_never_overwritten(settings):
    before = ensure_secrets(settings).read_text()
    assert ensure_secrets(settings) is None
    assert ensure_secrets(Settings.load()) is None
    assert (settings.home / "secrets.env").read_text() == before


def test_every_deployment_has_its_own(tmp_path):
    made = {ensure_secrets(Settings(home=tmp_path / name)).read_text() for name in ("a", "b")}
    assert len(made) == 2


def test_not_written_where_the_environment_gives_them(tmp_path):
    given = Settings(home=tmp_path / "home", user_key_layers="a", split_key="b", payload_key="c", url_key="d")
    assert ensure_secrets(given) is None
    assert not (tmp_path / "home").exists()


def test_many_at_once_agree_on_one(settings):
    written = []
    threads = [threading.Thread(target=lambda: written.append(ensure_secrets(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([path for path in written if path]) == 1
    assert os.listdir(settings.home) == ["secrets.env"]
