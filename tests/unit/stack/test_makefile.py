"""`make clean` deletes the repository's own .feedwheel, and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.stack.paths import REPOSITORY


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A directory with the Makefile, this environment, and something to delete."""
    directory = tmp_path / "clone"
    (directory / ".feedwheel").mkdir(parents=True)
    (directory / ".feedwheel" / "data").write_text("of a turn")
    shutil.copy(REPOSITORY / "Makefile", directory)
    (directory / ".venv").symlink_to(Path(sys.executable).parents[1])
    monkeypatch.chdir(directory)
    return directory


def clean():
    return subprocess.run(["make", "clean"], capture_output=True, text=True)


def test_clean_removes_the_data_and_keeps_the_environment(clone):
    assert clean().returncode == 0
    assert not (clone / ".feedwheel").exists()
    assert (clone / ".venv" / "bin").exists()


def test_clean_refuses_a_home_elsewhere(clone, tmp_path, monkeypatch):
    monkeypatch.setenv("FEEDWHEEL_HOME", str(tmp_path / "precious"))
    (tmp_path / "precious").mkdir()
    result = clean()
    assert result.returncode != 0
    assert "not deleted" in result.stderr
    assert (clone / ".feedwheel" / "data").exists()
    assert (tmp_path / "precious").exists()


def test_clean_refuses_a_link(clone, tmp_path):
    shutil.rmtree(clone / ".feedwheel")
    (tmp_path / "precious").mkdir()
    (clone / ".feedwheel").symlink_to(tmp_path / "precious")
    assert clean().returncode != 0
    assert (tmp_path / "precious").exists()


def test_clean_refuses_while_the_stack_may_run_and_nothing_can_end_it(clone):
    (clone / ".venv").unlink()
    (clone / ".feedwheel" / "run").mkdir()
    (clone / ".feedwheel" / "run" / "kafka.json").write_text("{}")
    result = clean()
    assert result.returncode != 0
    assert "make setup" in result.stderr
    assert (clone / ".feedwheel" / "data").exists()
