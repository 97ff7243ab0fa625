"""The control log: one baseline per application, however often it is asked for."""

import pytest
from feedwheel_capture.events import Baseline, Decision, ModelRef, Proposal

from pipelines import base_model
from pipelines.io.control import append_control, read_control
from pipelines.release import RollbackReport, ensure_baseline, rollback
from tests.events import APP
from tests.ports import free_port

pytestmark = pytest.mark.integration

BASE = ModelRef(name="smollm2-135m-instruct", version="base-int4", uri="file:///models/base", digest="0" * 64)


def test_baseline_is_named_once(kafka, context, monkeypatch):
    monkeypatch.setattr(base_model, "ensure", lambda context: BASE)
    ctx = context(kafka_bootstrap_servers=kafka.bootstrap)
    assert [ensure_baseline(ctx, "baseline-once") for _ in range(3)] == [BASE] * 3
    assert read_control(kafka.access, "baseline-once") == [Baseline(app="baseline-once", model=BASE)]
    assert read_control(kafka.access, "another") == []


def test_a_rollback_is_done_though_mlflow_is_away(own_kafka, context, caplog):
    """Were it an error, whoever ran it again would take back one more model."""
    away = f"http://127.0.0.1:{free_port()}"
    ctx = context(kafka_bootstrap_servers=own_kafka.bootstrap, mlflow_tracking_uri=away)
    first, second = (ModelRef(name="m", version=version, uri=version, digest=version) for version in "12")
    proposal = Proposal(app=APP, release_id="r1", model=second, verdict="PASS", share=0.5)
    promoted = Decision(app=APP, release_id="r1", state="PROMOTE", by="serving-1", rationale="")
    for record in (Baseline(app=APP, model=first), proposal, promoted):
        append_control(own_kafka.access, record, ctx.clock)
    assert rollback(ctx, APP) == RollbackReport("r1", "1")
    assert "aliases follow" in caplog.text
