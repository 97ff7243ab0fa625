"""Every import: whose events they are, and what those people allow."""

from pathlib import Path

from feedwheel_capture.events import Feedback, Generation

from tests.exports import (
    chatgpt_files,
    imported,
    of,
    target,
    write_folder,
)


def test_a_person_is_hashed_and_can_be_named(tmp_path: Path) -> None:
    path = write_folder(tmp_path, chatgpt_files())
    events, _ = imported("chatgpt", path)
    (key,) = {event.data.user_key for event in events}
    assert key == target().identity.person("helpdesk", "user-1", "").user_key
    named, _ = imported("chatgpt", path, user="ann")
    assert {event.data.user_key for event in named} == {target().identity.person("helpdesk", "ann", "").user_key}
    (tmp_path / "user.json").unlink()
    unnamed, _ = imported("chatgpt", path)
    assert {event.data.user_key for event in unnamed} == {
        target().identity.person("helpdesk", "export-owner", "").user_key
    }


def test_consent_is_applied_to_imports(tmp_path: Path) -> None:
    path = write_folder(tmp_path, chatgpt_files())
    signals, tally = imported("chatgpt", path, consent="signal_only")
    assert tally.answers == 3
    assert {it.output for it in of(signals, Generation)} == {None}
    assert {it.value.text for it in of(signals, Feedback)} == {None}
    nothing, tally = imported("chatgpt", path, consent="none")
    assert (nothing, tally.answers, tally.withheld) == ([], 0, 8)
