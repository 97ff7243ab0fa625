"""The product configuration: what is wrong is named by line; what it means has one hash."""

from pathlib import Path

import pytest

from feedback.capture.settings import SharedSettings
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from schemas.config import Config, parse
from schemas.errors import ConfigError, UsageError

TEXT = (REPOSITORY / "feedwheel.toml").read_text(encoding="utf-8")


def line_of(fragment: str) -> int:
    return next(number for number, line in enumerate(TEXT.splitlines(), 1) if line.startswith(fragment))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("epochs = ", "epochs = -"), f"{line_of('epochs')}: training.epochs"),
        (("lora_rank = ", "lora_rnk = "), f"{line_of('[training]')}: training.lora_rank: Field required"),
        (('type = "task"', 'type = "tusk"'), f"{line_of('type = ')}: apps.routing.type"),
        (('prompt_version = "route-1"', 'prompt_version = "route-9"'), f"{line_of('[apps.routing]')}: apps.routing: "),
        (("[gate]", "[gate"), "line"),
        (("retrain = ", "retrain = 7 #"), f"{line_of('retrain')}: schedule.retrain"),
        (
            ('retrain = "0 4 * * *"', 'retrain = "0 25 * * *"'),
            f"{line_of('retrain')}: schedule.retrain: Value error, no",
        ),
        (("\n[trigger]\n", "\n[triggers]\n"), "feedwheel.toml: trigger: Field required"),
        (("alpha = 0.05", "alpha = 0"), "gate.alpha"),
        (("\nshare = 0.5", "\nshare = 0"), f"{line_of('share')}: apps.routing.canary.share"),
        (("seed = 7", "seed = -1"), f"{line_of('seed')}: training.seed"),
        (("max_length = 256", "max_length = 1"), f"{line_of('max_length')}: training.max_length"),
        (('[topics."feedwheel.privacy"]', '[topics."no topic"]'), "topics.no topic"),
        (("[apps.routing]", '[apps."../routing"]'), "apps.../routing"),
    ],
)
def test_an_error_names_file_line_and_key(change: tuple[str, str], problem: str) -> None:
    assert change[0] in TEXT
    with pytest.raises(ConfigError) as error:
        parse(TEXT.replace(*change, 1), "feedwheel.toml")
    assert "feedwheel.toml:" in str(error.value)
    assert problem in str(error.value)


def test_every_error_is_named_at_once() -> None:
    text = TEXT.replace("epochs = ", "epochs = -", 1).replace("margin = ", "margin = 7", 1)
    with pytest.raises(ConfigError) as error:
        parse(text, "feedwheel.toml")
    assert len(str(error.value).splitlines()) == 2


def test_the_digest_follows_the_meaning_not_the_layout() -> None:
    config = parse(TEXT, "a")
    assert parse("# a comment\n\n" + TEXT, "b").digest == config.digest
    assert parse(TEXT.replace("epochs = ", "epochs = 1", 1), "c").digest != config.digest


def test_what_an_earlier_version_recorded_is_still_read() -> None:
    now = parse((REPOSITORY / "feedwheel.toml").read_text("utf-8"), "feedwheel.toml")
    document = now.model_dump(mode="json")
    document["canary"]["max_error_rate"] = 0.1
    assert Config.recorded(document) == now


def test_an_unknown_application_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no application 'chat'; feedwheel\.toml has routing"):
        parse(TEXT, "a").app("chat")


def test_a_missing_file_says_which_setting_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="FEEDWHEEL_CONFIG_PATH"):
        SharedSettings(config_path=tmp_path / "nothing.toml").config()


def test_secrets_are_masked_however_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDWHEEL_SPLIT_KEY", "do-not-show")
    settings = SharedSettings.load()
    assert settings.split_key.get_secret_value() == "do-not-show"
    assert "do-not-show" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_the_environment_wins_over_env_file_and_that_over_the_stack_s_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".feedwheel").mkdir()
    (tmp_path / ".feedwheel" / "secrets.env").write_text("FEEDWHEEL_SPLIT_KEY=stack\nFEEDWHEEL_KAFKA_PORT=1\n")
    (tmp_path / ".env").write_text("FEEDWHEEL_KAFKA_PORT=2\nFEEDWHEEL_SERVING_PORT=3\n")
    monkeypatch.setenv("FEEDWHEEL_SERVING_PORT", "4")
    settings = SharedSettings.load()
    assert (settings.split_key.get_secret_value(), settings.kafka_port, settings.serving_port) == ("stack", 2, 4)


def test_what_is_empty_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("KAFKA_BOOTSTRAP_SERVERS=there:9092\n")
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "FEEDWHEEL_HOME", "FEEDWHEEL_SERVING_PORT", "FEEDWHEEL_METRICS_TEXTFILE"):
        monkeypatch.setenv(name, "")
    settings = Settings.load()
    assert settings.kafka.bootstrap_servers == f"127.0.0.1:{settings.kafka_port}"
    assert (settings.home, settings.serving_port, settings.metrics_textfile) == (Path(".feedwheel"), 28000, None)


def test_a_wrong_setting_is_named_as_the_environment_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDWHEEL_SERVING_PORT", "many")
    with pytest.raises(ConfigError, match="FEEDWHEEL_SERVING_PORT: Input should be a valid integer"):
        SharedSettings.load()


def test_a_file_of_settings_that_may_not_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **given: object) -> None:
        raise PermissionError(13, "Permission denied", ".env")

    monkeypatch.setattr("pydantic_settings.sources.providers.dotenv.dotenv_values", denied)
    Path(".env").touch()
    with pytest.raises(ConfigError, match=r"\.env: Permission denied: let .* read it"):
        SharedSettings.load()
