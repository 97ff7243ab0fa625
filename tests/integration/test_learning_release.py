"""The control log: one baseline per application, however often it is asked for."""

import pytest
from feedwheel_capture.events import Baseline, ModelRef

from pipelines import base_model
from pipelines.io.control import read_control
from pipelines.release import ensure_baseline

pytestmark = pytest.mark.integration

BASE = ModelRef(name="smollm2-135m-instruct", version="base-int4", uri="file:///models/base", digest="0" * 64)


def test_baseline_is_named_once(kafka, context, monkeypatch):
    monkeypatch.setattr(base_model, "ensure", lambda context: BASE)
    ctx = context(kafka_bootstrap_servers=kafka.bootstrap)
    assert [ensure_baseline(ctx, "baseline-once") for _ in range(3)] == [BASE] * 3
    assert read_control(kafka.access, "baseline-once") == [Baseline(app="baseline-once", model=BASE)]
    assert read_control(kafka.access, "another") == []
