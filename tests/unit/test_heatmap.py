"""The heat map: which day a conversation is on, where a day and a month stand, and both outputs."""

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from feedback.capture.importers.refusal import ExportRefused
from pipelines.cli import imports as commands
from pipelines.heatmap import run
from pipelines.heatmap.calendars import Calendar, read_calendar
from pipelines.heatmap.days import cell, days_of, month_weeks, weeks
from schemas.errors import UsageError
from tests.exports import chatgpt_conversation, claude_conversation, write_folder, write_zip

BERLIN, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
YEARS = st.integers(min_value=1970, max_value=2200)


def chatgpt(tmp_path: Path, *times: Any) -> Path:
    conversations = [{"create_time": time, "mapping": {}} for time in times]
    return write_folder(tmp_path / "mine", {"conversations.json": conversations})


def claude(tmp_path: Path, *times: Any) -> Path:
    conversations = [claude_conversation(created_at=time) for time in times]
    return write_zip(tmp_path / "other.zip", {"conversations.json": conversations, "users.json": []})


def test_a_conversation_is_on_its_local_start_date(tmp_path):
    # 23:30 UTC on New Year's Eve is next year in Berlin; seconds come with and without a fraction.
    path = chatgpt(tmp_path, 1735687800, 1735687800.5, 1735640000)
    assert read_calendar(path, BERLIN).days == {date(2025, 1, 1): 2, date(2024, 12, 31): 1}
    assert read_calendar(path, UTC).days == {date(2024, 12, 31): 3}
    times = ("2024-12-31T23:30:00Z", "2024-12-31T23:30:00.123456+00:00")
    assert read_calendar(claude(tmp_path, *times), BERLIN).days == {date(2025, 1, 1): 2}


def test_the_product_is_told_by_the_content(tmp_path):
    assert read_calendar(chatgpt(tmp_path, 1735687800), None).product == "ChatGPT"
    assert read_calendar(claude(tmp_path, "2024-12-31T23:30:00Z"), None).product == "Claude"
    empty = {"conversations.json": []}
    assert read_calendar(write_folder(tmp_path / "a", empty | {"user.json": {}}), None).product == "ChatGPT"
    assert read_calendar(write_folder(tmp_path / "b", empty | {"users.json": []}), None).product == "Claude"
    assert read_calendar(write_folder(tmp_path / "c", empty), None).product == "unknown"


def test_what_has_no_day_is_counted(tmp_path):
    undated = {"create_time": None, "mapping": {}}
    by_message = chatgpt_conversation(create_time=None)
    path = write_folder(tmp_path / "x", {"conversations.json": [undated, by_message, {"a": 1}, 7]})
    calendar = read_calendar(path, BERLIN)
    assert (sum(calendar.days.values()), calendar.undated) == (1, 1)
    assert calendar.skipped == {"not_a_conversation": 1, "not_an_object": 1}


@pytest.mark.parametrize("created", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2200-01-01T00:00:00Z"])
def test_a_time_that_cannot_be_true_has_no_day(created, tmp_path):
    calendar = read_calendar(claude(tmp_path, created, "2024-12-31T12:00:00Z"), ZoneInfo("America/New_York"))
    assert (calendar.undated, list(calendar.days)) == (1, [date(2024, 12, 31)])


@given(YEARS)
def test_a_month_is_labelled_at_the_week_that_holds_its_first_day(year):
    columns = month_weeks(year)
    assert columns[0] == 0
    for month, column in enumerate(columns, 1):
        assert [day for day in days_of(year) if cell(day)[0] == column and (day.month, day.day) == (month, 1)]


@given(YEARS)
def test_a_year_fills_its_weeks_from_monday_to_sunday(year):
    days = list(days_of(year))
    places = [cell(day) for day in days]
    assert len(set(places)) == len(days) == (366 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 365)
    assert {week for week, _ in places} == set(range(weeks(year)))
    assert places == sorted(places)
    for day, (week, weekday) in zip(days, places, strict=True):
        assert weekday == day.weekday()
        if weekday == 0 and week:
            assert cell(day - timedelta(days=1)) == (week - 1, 6)


def test_a_year_that_starts_mid_week_and_one_of_54_weeks():
    assert cell(date(2025, 1, 1)) == (0, 2)
    assert cell(date(2025, 1, 6)) == (1, 0)
    assert (weeks(2024), weeks(2025), weeks(2028), weeks(2012)) == (53, 53, 53, 54)


def test_colour_is_full_at_the_90th_percentile():
    days = {date(2025, 1, day): day for day in range(1, 12)}
    calendar = Calendar("x", "ChatGPT", days, 0, {})
    assert calendar.full == 10
    assert [calendar.depth(date(2025, 1, day)) for day in (5, 10, 11, 20)] == [0.5, 1.0, 1.0, 0.0]
    assert Calendar("x", "ChatGPT", {}, 0, {}).full == 1


@pytest.mark.parametrize("name", ["map.png", "map.html"])
def test_exports_side_by_side(name, tmp_path):
    paths = [chatgpt(tmp_path, 1672700000, 1735687800), claude(tmp_path, "2024-02-29T12:00:00Z")]
    report = run(paths, tmp_path / name, "Europe/Berlin")
    assert report.years == [2023, 2024, 2025]  # ChatGPT has nothing in 2024
    assert [it.years for it in report.exports] == [{"2023": 1, "2025": 1}, {"2024": 1}]
    assert (tmp_path / name).stat().st_size > 10_000


@pytest.mark.parametrize("name", ["map.png", "map.html"])
def test_nothing_to_show_is_shown_as_such(name, tmp_path):
    report = run([chatgpt(tmp_path)], tmp_path / name)
    assert (report.exports[0].conversations, report.exports[0].busiest_day) == (0, None)
    assert len(report.years) == 1
    assert run([chatgpt(tmp_path, 1735687800)], tmp_path / name, year=1999).years == [1999]
    assert (tmp_path / name).stat().st_size > 5_000


def test_a_picture_is_a_png_and_a_page_needs_nothing_else(tmp_path):
    hostile = write_zip(tmp_path / "<script>alert(1)<.zip", {"conversations.json": [claude_conversation()]})
    run([hostile], tmp_path / "map.png", "UTC")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    run([hostile], tmp_path / "map.html", "UTC")
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert not re.search(r"(?:src|href|url)\s*[=(]|https?:", page)
    assert page.count("<rect") == 365
    assert "<title>2025-01-06: 1</title>" in page
    assert "<table>" in page


def test_wrong_usage_says_what_to_do(tmp_path):
    path = chatgpt(tmp_path, 1735687800)
    for output, tz in (("map.gif", None), ("map.png", "Mars/Olympus"), ("map.png", "../etc"), ("none/map.png", None)):
        with pytest.raises(UsageError):
            run([path], tmp_path / output, tz)
    with pytest.raises(ExportRefused) as refused:
        run([write_folder(tmp_path / "empty", {})], tmp_path / "map.png")
    assert refused.value.reason == "not_an_export"


def test_the_command(tmp_path):
    app = typer.Typer()
    commands.register(app)
    given_paths = (str(chatgpt(tmp_path, 1735687800)), str(claude(tmp_path, "2024-02-29T12:00:00Z")))
    result = CliRunner().invoke(app, ["heatmap", *given_paths, "--tz", "Europe/Berlin", "--json"])
    report = json.loads(result.stdout)
    assert (result.exit_code, report["output"], report["timezone"]) == (0, "heatmap.png", "Europe/Berlin")
    assert [it["days"] for it in report["exports"]] == [{"2025-01-01": 1}, {"2024-02-29": 1}]
    assert "ChatGPT" in CliRunner().invoke(app, ["heatmap", *given_paths]).stdout
    assert CliRunner().invoke(app, ["heatmap", str(tmp_path / "gone")]).exit_code == 2
