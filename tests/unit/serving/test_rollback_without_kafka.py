"""A challenger that fails is rolled back by one process alone: Kafka is down throughout, a restart included."""

import time
from unittest.mock import patch

import httpx
import pytest
from feedwheel_capture.events import Baseline, Proposal

from serving.engine.errors import NoSlotFree, Overloaded
from serving.models import ModelPool
from tests.served import APP, await_true, deployed
from tests.tiny_model import tiny_model

ASK = {"model": APP, "messages": [{"role": "user", "content": "My card?"}], "max_tokens": 3}


def test_a_challenger_that_cannot_be_loaded_just_now_is_tried_again(tmp_path, monkeypatch):
    """Its check is refused where too many wait, which says nothing of the model."""
    monkeypatch.setattr("serving.rollout.loader._RELOAD_S", 0.1)
    load, failures = ModelPool.load, iter([Overloaded(4, 1, "full")] * 2)

    def busy(pool, ref, base=None):
        if ref.version == "2" and (failure := next(failures, None)):
            raise failure
        return load(pool, ref, base)

    monkeypatch.setattr(ModelPool, "load", busy)
    proposal = Proposal(app=APP, release_id="r1", model=tiny_model("2"), verdict="PASS", share=0.5)
    with deployed(tmp_path, records=[Baseline(app=APP, model=tiny_model("1")), proposal]) as (_, service):
        await_true(lambda: service.lineup(APP).challenger)
        assert next(failures, None) is None


def test_a_challenger_that_never_loads_is_rolled_back(tmp_path, monkeypatch):
    monkeypatch.setattr("serving.rollout.loader._RELOAD_S", 0.1)
    load, tried = ModelPool.load, []

    def full(pool, ref, base=None):
        if ref.version == "2":
            tried.append(ref)
            raise NoSlotFree("no slot")
        return load(pool, ref, base)

    monkeypatch.setattr(ModelPool, "load", full)
    proposal = Proposal(app=APP, release_id="r1", model=tiny_model("2"), verdict="PASS", share=0.5)
    with deployed(tmp_path, records=[Baseline(app=APP, model=tiny_model("1")), proposal]) as (url, _):
        await_true(lambda: httpx.get(f"{url}/v1/rollout?app={APP}").json()["state"] == "ROLLBACK")
        assert len(tried) == 3


def test_errors_roll_back_without_kafka(tmp_path):
    proposal = Proposal(app=APP, release_id="r1", model=tiny_model("2"), verdict="PASS", share=0.5)
    with deployed(tmp_path, records=[Baseline(app=APP, model=tiny_model("1")), proposal]) as (url, service):
        await_true(lambda: service.lineup(APP).challenger)
        trial = httpx.get(f"{url}/v1/rollout?app={APP}").json()
        assert (trial["state"], trial["release_id"]) == ("NODATA", "r1")
        service.lineup(APP).challenger.model.batch.decoder.decode = lambda *_: 1 / 0
        asked = 0
        while service.lineup(APP).challenger:
            httpx.post(f"{url}/v1/chat/completions", json={**ASK, "user": f"u{asked}"})
            asked += 1
        assert httpx.get(f"{url}/v1/rollout?app={APP}").json()["rationale"].startswith("errors")
    with deployed(tmp_path, records=[]) as (url, service):
        state = httpx.get(f"{url}/v1/rollout?app={APP}").json()
        assert (state["state"], state["champion"]["version"]) == ("ROLLBACK", "1")
        assert service.lineup(APP).challenger is None


def test_several_answers_to_one_request_are_no_several_failures(tmp_path):
    proposal = Proposal(app=APP, release_id="r1", model=tiny_model("2"), verdict="PASS", share=0.99)
    with deployed(tmp_path, records=[Baseline(app=APP, model=tiny_model("1")), proposal]) as (url, service):
        await_true(lambda: service.lineup(APP).challenger)
        service.lineup(APP).challenger.model.batch.decoder.decode = lambda *_: 1 / 0
        for _ in range(2):
            httpx.post(f"{url}/v1/chat/completions", json={**ASK, "user": "ann", "n": 10}, timeout=30)
        seen = service.deployment.traffic.snapshot("r1").challenger
        assert (seen.requests, seen.errors, seen.is_dead) == (2, 2, False)


def test_who_leaves_with_nothing_shown_counts_and_who_has_read_does_not(tmp_path):
    with deployed(tmp_path) as (url, service), patch.object(service.deployment.traffic, "left") as left:
        decoder = service.lineup(APP).champion.batch.decoder
        decode = decoder.decode
        decoder.decode = lambda *given: time.sleep(0.02) or decode(*given)
        asked = {**ASK, "max_tokens": 400, "ignore_eos": True}
        with httpx.stream("POST", f"{url}/v1/chat/completions", json={**asked, "stream": True}) as answer:
            next(line for line in answer.iter_lines() if '"content":"' in line and '"content":""' not in line)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/v1/chat/completions", json=asked, timeout=0.5)
        await_true(lambda: 'outcome="cancelled"} 2.0' in httpx.get(f"{url}/metrics").text)
        assert [call.args[1] for call in left.call_args_list] == ["champion"]
        assert left.call_args.args[3] >= 400
