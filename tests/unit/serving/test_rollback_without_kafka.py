"""A challenger that fails is rolled back by one process alone: Kafka is down throughout, a restart included."""

import httpx
from feedwheel_capture.events import Baseline, Proposal

from tests.served import APP, await_true, deployed
from tests.tiny_model import tiny_model

ASK = {"model": APP, "messages": [{"role": "user", "content": "My card?"}], "max_tokens": 3}


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
