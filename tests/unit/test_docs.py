"""The documentation names only what exists: commands, options, settings, files, decisions."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
import typer.main
from feedwheel_capture import settings as capture_settings
from feedwheel_capture.signing import verify

from feedback.capture.collector.settings import CollectorSettings
from feedback.labels import Rule, Unlabelled
from feedback.select import Reason, Step
from pipelines.cli.main import app
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from schemas.events import RejectReason
from serving.settings import ServingSettings
from tests.openai_stub import openai_server
from tests.ports import free_port
from tests.unit.capture.test_client import written

DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
CAPTURE_SETTINGS = set(re.findall(r"FEEDWHEEL_[A-Z_]+", Path(capture_settings.__file__).read_text(encoding="utf-8")))
COMMANDS = typer.main.get_command(app).commands


def documents() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


@documents()
def test_every_command_exists_with_its_options(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for words in re.findall(r"feedwheel ((?:[a-z]+ ?)+(?:--[a-z-]+)?)", "\n".join(code_of(text))):
        name, *rest = words.split()
        assert name in COMMANDS, f"{document.name}: feedwheel {words}"
        command = COMMANDS[name]
        if rest and hasattr(command, "commands"):
            assert rest[0] in command.commands, f"{document.name}: feedwheel {words}"
            command = command.commands[rest[0]]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= options, f"{document.name}: feedwheel {words}"


def code_of(text: str) -> list[str]:
    """Lines of code blocks and the text of code spans."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    lines = [line.split("   ")[0] for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


@documents()
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


@documents()
def test_every_named_file_exists(document: Path) -> None:
    paths = re.findall(
        r"(?<![\w/.-])(?:[\w-]+/)+[\w-]+\.(?:py|toml|md|svg|csv)\b", document.read_text(encoding="utf-8")
    )
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []


@documents()
def test_every_setting_exists(document: Path) -> None:
    fields = Settings.model_fields | CollectorSettings.model_fields | ServingSettings.model_fields
    known = {f"FEEDWHEEL_{name.upper()}" for name in fields} | CAPTURE_SETTINGS
    named = set(re.findall(r"FEEDWHEEL_[A-Z_]+", document.read_text(encoding="utf-8")))
    assert named <= known


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make ([a-z]+)", "\n".join(code_of((REPOSITORY / "README.md").read_text("utf-8")))):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_guide_to_capture_runs_as_it_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The Python of docs/capture.md, with OpenAI's own client against a server that answers like OpenAI's."""
    guide = (REPOSITORY / "docs" / "capture.md").read_text(encoding="utf-8")
    synchronous, asynchronous, link = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    with openai_server() as url:
        for name, value in {
            "OPENAI_BASE_URL": url,
            "OPENAI_API_KEY": "k",
            "FEEDWHEEL_APP": "helpdesk",
            "FEEDWHEEL_USER_KEY_LAYERS": "layer-of-sixteen-or-more",
            "FEEDWHEEL_SPLIT_KEY": "key-of-sixteen-or-more",
            "FEEDWHEEL_URL_KEY": "url-key",
            "FEEDWHEEL_CAPTURE_SPOOL": str(tmp_path / "spool"),
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        }.items():
            monkeypatch.setenv(name, value)
        names: dict[str, object] = {}
        exec(synchronous + link, names)
        stats = names["capture"].stats
        names["client"].close()
        names["capture"]._outbox.close(0)
        exec(asynchronous, {"__name__": "__main__"})
    assert (stats.recorded, stats.errors, stats.waiting) == (3, 0, 3)
    assert len(written(tmp_path)) == 5
    scope = verify(names["link"].removeprefix("https://collector.example/f/"), "url-key", datetime.now(UTC))
    assert (scope.app, scope.response_id) == ("helpdesk", names["answer"].id)


def test_the_guide_to_producing_names_every_reason() -> None:
    guide = (REPOSITORY / "docs" / "producing.md").read_text(encoding="utf-8")
    table = guide.partition("| reason |")[2]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == get_args(RejectReason)


def test_every_rule_and_every_reason_of_curation_is_explained() -> None:
    text = (REPOSITORY / "docs" / "curation.md").read_text(encoding="utf-8")
    names = [*get_args(Rule), *get_args(Unlabelled), *get_args(Reason)]
    assert [name for name in names if f"`{name}`" not in text] == []
    assert [step for step in get_args(Step) if step not in text] == []
