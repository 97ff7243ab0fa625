from hashlib import sha256

import pytest

from feedback.dislikes import MIN_PEOPLE, Answer, summarise, worse_prompts


def answers(count, disliked, judged=True, **slices):
    """`count` answers to as many people, `disliked` of them disliked."""
    of = {"model": "m", "model_version": "m-1", "prompt_version": "p", "arm": "champion", "locale": "en", **slices}
    name = "-".join(of.values())
    return [
        Answer(
            response_id=f"{name}-{n}",
            person=sha256(f"{name}-{n}".encode()).hexdigest(),
            slices=of,
            p_dissatisfied=0.9 if n < disliked else 0.1,
            judged=judged,
            categories=["wrong"] if n < disliked else [],
        )
        for n in range(count)
    ]


def levers(found, lever="retrieval"):
    return {answer.response_id: lever for answer in found if answer.is_disliked}


def summary(found, by="model_version"):
    return summarise(found, levers(found), by)


def test_counts_are_those_of_the_rows():
    found = answers(40, 10) + answers(5, 5, judged=False, locale="de")
    total = summary(found).total
    assert (total.answers, total.judged, total.people, total.disliked) == (45, 40, 40, 10)
    assert total.expected == pytest.approx(10 * 0.9 + 30 * 0.1)
    assert total.share.estimate == pytest.approx(0.25)
    assert total.share.low < 0.25 < total.share.high
    assert (total.levers, total.categories) == ({"retrieval": 10}, {"wrong": 10})


def test_one_person_counts_once_however_much_they_judge():
    loud = [Answer(f"loud-{n}", "loud", answers(1, 0)[0].slices, 0.9, True) for n in range(100)]
    total = summary([*answers(39, 0), *loud]).total
    assert (total.judged, total.people) == (139, 40)
    assert total.share.estimate == pytest.approx(1 / 40)


def test_slices_of_few_people_come_last_and_are_not_ranked():
    few, many, calm = (
        answers(n, bad, model_version=name)
        for n, bad, name in [(MIN_PEOPLE - 1, MIN_PEOPLE - 1, "few"), (MIN_PEOPLE, 20, "many"), (50, 5, "calm")]
    )
    slices = summary([*few, *calm, *many]).slices
    assert [(group.name, group.is_ranked) for group in slices] == [("many", True), ("calm", True), ("few", False)]


def test_a_slice_that_nobody_judged_has_no_share():
    (group,) = summary(answers(3, 0, judged=False)).slices
    assert (group.share, group.people, group.is_ranked) == (None, 0, False)


def test_levers_are_shares_of_all_judged_answers_and_the_unknown_stands_last():
    found = answers(100, 50)
    of = levers(found, "unknown") | dict.fromkeys([answer.response_id for answer in found[:10]], "prompt")
    groups = summarise(found, of, "model").levers
    assert [(group.lever, group.disliked, group.share.estimate) for group in groups] == [
        ("prompt", 10, pytest.approx(0.1)),
        ("unknown", 40, pytest.approx(0.4)),
    ]


def test_an_order_that_turns_round_in_every_slice_is_pointed_out():
    """New answers the hard locale and does better in both, as in Simpson's example; old answers the easy one."""
    found = [
        *answers(400, 40, model_version="old", locale="easy"),
        *answers(60, 50, model_version="old", locale="hard"),
        *answers(60, 2, model_version="new", locale="easy"),
        *answers(400, 250, model_version="new", locale="hard"),
    ]
    (reversal,) = summary(found).reversals
    assert (reversal.worse, reversal.better, reversal.dimension) == ("new", "old", "locale")
    assert reversal.within == ("easy", "hard")


def test_an_order_that_holds_in_one_slice_is_none_that_turns_round():
    found = [
        *answers(400, 40, model_version="old", locale="easy"),
        *answers(60, 20, model_version="old", locale="hard"),
        *answers(60, 2, model_version="new", locale="easy"),
        *answers(400, 250, model_version="new", locale="hard"),
    ]
    assert summary(found).reversals == ()


def test_a_prompt_is_worse_only_beyond_chance_and_with_the_same_model():
    good, bad = answers(200, 20, prompt_version="good"), answers(200, 120, prompt_version="bad")
    assert worse_prompts([*good, *bad]) == {("m-1", "bad")}
    assert worse_prompts([*answers(40, 4, prompt_version="good"), *answers(40, 8, prompt_version="bad")]) == frozenset()
    elsewhere = answers(200, 120, model_version="m-2", prompt_version="bad")
    assert worse_prompts([*good, *elsewhere]) == frozenset()


def test_the_interval_of_many_people_is_as_narrow_as_their_number_allows():
    share = summary(answers(20_000, 6_000)).total.share
    assert share.n == 20_000
    assert share.low < 0.3 < share.high
    assert share.high - share.low < 2 * 2 * 1.96 * (0.3 * 0.7 / 20_000) ** 0.5
