"""Nothing is gathered of this machine for the makers of what runs on it."""

import os
import subprocess
import sys

import pytest

from schemas.reporting import REPORTING_OFF
from tests.tiny_model import tiny_model_dir

_RUNS_A_MODEL = """
import sys, {package}, onnxruntime
onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
"""


@pytest.mark.parametrize("package", ["serving", "pipelines"])
def test_a_process_that_runs_a_model_leaves_no_file_at_home(tmp_path, package):
    code, model = _RUNS_A_MODEL.format(package=package), str(tiny_model_dir() / "model.onnx")
    inherited = {name: value for name, value in os.environ.items() if name not in {*REPORTING_OFF, "XDG_CACHE_HOME"}}
    subprocess.run([sys.executable, "-c", code, model], env={**inherited, "HOME": str(tmp_path)}, check=True)
    assert list(tmp_path.rglob("*")) == []
