"""A model in the shadow of a process that serves without Kafka: people see the champion and nothing else."""

import threading
import time

import httpx
import pytest
from feedwheel_capture.events import Baseline, Proposal

from tests.served import APP, await_true, deployed, spooled
from tests.tiny_model import tiny_model

BASELINE = Baseline(app=APP, model=tiny_model("1"))
PROPOSAL = Proposal(app=APP, release_id="r1", model=tiny_model("2"), verdict="PASS", share=0.5, shadow_share=1.0)


def ask(url, user="u1", content="My card?", max_tokens=3, **fields):
    body = {"model": APP, "messages": [{"role": "user", "content": content}], "max_tokens": max_tokens, **fields}
    response = httpx.post(f"{url}/v1/chat/completions", json={**body, "user": user}, timeout=30)
    return response.raise_for_status().json()["choices"][0]["message"]["content"]


def report(url):
    return httpx.get(f"{url}/v1/rollout?app={APP}").json()


@pytest.fixture
def shadowed(tmp_path):
    """A process with a model in the shadow."""
    with deployed(tmp_path, records=[BASELINE, PROPOSAL]) as (url, service):
        await_true(lambda: service.lineup(APP).shadow)
        yield url, service


def counts(service):
    return service.lineup(APP).shadow.tally.counts()


def ask_until_it_ends(url, service, most):
    """Person after person, each when the shadow is done with the one before, `most` of them where it takes as many."""
    shadow = service.lineup(APP).shadow
    for number in range(most):
        assert ask(url, f"u{number}")
        await_true(lambda least=number + 1: shadow.tally.counts().people >= least or not service.lineup(APP).shadow)
        if service.lineup(APP).shadow is None:
            return
    await_true(lambda: service.lineup(APP).shadow is None)


def test_without_harm_it_is_shown_to_people_and_stays_so(tmp_path):
    with deployed(tmp_path, records=[BASELINE, PROPOSAL]) as (url, service):
        await_true(lambda: service.lineup(APP).shadow)
        ask_until_it_ends(url, service, 8)
        await_true(lambda: report(url)["arms"])
        assert service.lineup(APP).challenger is not None
        shown = report(url)
        assert (shown["release_id"], shown["state"], shown["shadow"]["people"]) == ("r1", "NODATA", 8)
        # One model by two names: what it says is the same.
        assert shown["shadow"]["likeness"] == {"same": 8}
        answers = [event for event in spooled(service) if event["type"].startswith("feedwheel.generation")]
        assert {(each["data"]["arm"], each["data"]["model_version"]) for each in answers} == {("champion", "1")}
        assert len(answers) == 8
        assert {each["data"].get("release_id") for each in answers} == {None}
    with deployed(tmp_path, records=[]) as (url, service):
        await_true(lambda: service.lineup(APP).challenger)
        assert report(url)["shadow"] == shown["shadow"]


def test_what_fails_in_the_shadow_is_rolled_back_before_anybody_sees_it(shadowed):
    url, service = shadowed
    service.lineup(APP).shadow.model.batch.decoder.decode = lambda *_: 1 / 0
    ask_until_it_ends(url, service, 20)
    ended = report(url)
    assert (ended["state"], ended["champion"]["version"]) == ("ROLLBACK", "1")
    assert ended["rationale"].startswith("errors")
    assert ended["rationale"].endswith("in the shadow")
    assert service.lineup(APP).challenger is None


def test_whoever_asks_waits_for_one_step_of_the_shadow(shadowed):
    url, service = shadowed
    plain = ask(url, "u0", max_tokens=12)
    await_true(lambda: counts(service).people == 1)
    champion, shadow = service.lineup(APP).champion.batch, service.lineup(APP).shadow.model.batch
    seen, begun = list[str](), threading.Event()
    champion.decoder.decode = told(champion.decoder.decode, lambda: seen.append("champion"))
    shadow.decoder.decode = told(shadow.decoder.decode, lambda: (seen.append("shadow"), begun.set(), time.sleep(0.03)))
    ask(url, "u1", "And how long does it take?", 60)
    assert begun.wait(10)
    champion.accept = told(champion.accept, lambda: seen.append("asked"))
    assert ask(url, "u2", max_tokens=12) == plain
    since = seen[seen.index("asked") :]
    assert "shadow" not in since[since.index("champion") : len(since) - since[::-1].index("champion")]
    assert since[: since.index("champion")].count("shadow") <= 1
    await_true(lambda: counts(service).dropped == {"gave_way": 1})
    await_true(lambda: counts(service).people == 2)


def told(function, tell):
    """Does what the function does, and tells of it first."""

    def telling(*given):
        tell()
        return function(*given)

    return telling


def test_it_is_given_nothing_of_whom_nothing_is_kept(shadowed):
    url, service = shadowed
    ask(url, "u1", store=False)
    ask(url, "u2", store=True)
    await_true(lambda: counts(service).people == 1)
    time.sleep(0.1)
    assert (counts(service).people, counts(service).dropped) == (1, {})
