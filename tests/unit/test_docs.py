"""The documentation names only what exists: commands, options, settings, files, decisions."""

import re
from pathlib import Path

import pytest
import typer.main

from pipelines.cli.main import app
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY

DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
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
    known = {f"FEEDWHEEL_{name.upper()}" for name in Settings.model_fields} | {"FEEDWHEEL_APP"}
    named = set(re.findall(r"FEEDWHEEL_[A-Z_]+", document.read_text(encoding="utf-8")))
    assert named <= known


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make ([a-z]+)", "\n".join(code_of((REPOSITORY / "README.md").read_text("utf-8")))):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
