"""Model directories: whole or not there, and named by what is in them."""

import subprocess
import sys
import textwrap

import pytest

from pipelines.io.models import build_once, directory_digest, local_path, model_ref, path_of
from schemas.errors import InfrastructureError


def fill(directory):
    (directory / "model.onnx").write_bytes(b"weights")
    (directory / "tokenizer").mkdir()
    (directory / "tokenizer" / "tokenizer.json").write_text("{}")


def test_a_directory_is_built_once(tmp_path):
    calls = []
    for _ in range(3):
        build_once(tmp_path / "models" / "a", lambda folder: (calls.append(folder), fill(folder)))
    assert len(calls) == 1
    assert (tmp_path / "models" / "a" / "model.onnx").exists()


def test_a_failed_build_leaves_nothing_that_looks_finished(tmp_path):
    def break_off(folder):
        fill(folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        build_once(tmp_path / "a", break_off)
    assert not (tmp_path / "a").exists()
    build_once(tmp_path / "a", fill)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["model.onnx", "tokenizer"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from pipelines.io.models import build_once
        def half(folder):
            (folder / "half").write_text("x")
            os.kill(os.getpid(), signal.SIGKILL)
        build_once(Path(sys.argv[1]), half)
        """
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "a")], check=False)
    assert killed.returncode == -9
    assert not (tmp_path / "a").exists()
    build_once(tmp_path / "a", fill)
    assert not (tmp_path / "a" / "half").exists()


def test_the_digest_is_of_paths_and_contents(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        fill(tmp_path / name)
    assert directory_digest(tmp_path / "a") == directory_digest(tmp_path / "b")
    (tmp_path / "b" / "model.onnx").write_bytes(b"other")
    assert directory_digest(tmp_path / "a") != directory_digest(tmp_path / "b")
    (tmp_path / "b" / "model.onnx").rename(tmp_path / "b" / "model2.onnx")
    assert directory_digest(tmp_path / "a") != directory_digest(tmp_path / "b")


def test_a_reference_names_its_place_in_both_forms(tmp_path):
    place = tmp_path / "with blank"
    place.mkdir()
    fill(place)
    reference = model_ref("m", "1", place)
    assert local_path(reference) == place
    assert path_of(str(place)) == place
    (place / "model.onnx").unlink()
    (place / "tokenizer" / "tokenizer.json").unlink()
    (place / "tokenizer").rmdir()
    place.rmdir()
    with pytest.raises(InfrastructureError, match="is not there"):
        local_path(reference)
