"""The next token: drawn as asked, by formulas that everyone knows."""

import numpy as np
import pytest
from feedwheel_capture.events import Sampling
from hypothesis import given
from hypothesis import strategies as st

from serving.engine.sampling import Sampler, token_logprob

NO_TOKENS = np.empty(0, np.int64)
SHARES = [0.5, 0.3, 0.15, 0.05]
LOGITS = np.log(np.array(SHARES, np.float32))


def drawn(count=500, logits=LOGITS, prompt=NO_TOKENS, bias=None, written=(), allowed=None, **asked):
    """Shares of the tokens in so many draws."""
    sampler = Sampler(Sampling(**{"temperature": 1.0, "seed": 1, **asked}), np.array(prompt, np.int64), bias or {})
    for token in written:
        sampler.take(token)
    picks = [sampler.pick(logits, allowed) for _ in range(count)]
    return np.bincount(picks, minlength=len(logits)) / count


def test_draws_follow_the_distribution():
    assert np.allclose(drawn(4000), SHARES, atol=0.03)
    assert np.allclose(drawn(4000, top_p=0.75), [5 / 8, 3 / 8, 0, 0], atol=0.03)
    assert np.allclose(drawn(4000, temperature=2.0), np.sqrt(SHARES) / np.sqrt(SHARES).sum(), atol=0.03)
    assert drawn(temperature=1e-3)[0] == drawn(temperature=0.0)[0] == 1


@pytest.mark.parametrize(
    ("asked", "possible"),
    [
        ({"top_k": 1}, {0}),
        ({"top_k": 3}, {0, 1, 2}),
        ({"top_k": 9}, {0, 1, 2, 3}),
        ({"min_p": 0.2}, {0, 1, 2}),  # of the likeliest's .5
        ({"min_p": 0.7}, {0}),
        ({"top_p": 0.81, "top_k": 2}, {0, 1}),
        ({"top_p": 0.6, "min_p": 0.2}, {0, 1}),
        ({"bias": {0: -100.0}}, {1, 2, 3}),
        ({"bias": {3: 100.0}}, {3}),
        ({"allowed": np.array([False, True, False, True])}, {1, 3}),
        ({"temperature": 0.0, "allowed": np.array([False, True, True])}, {1}),  # what is beyond the vocabulary is not
    ],
)
def test_what_is_cut_off_is_never_drawn(asked, possible):
    assert set(np.flatnonzero(drawn(**asked))) == possible


def test_penalties_are_those_of_their_formulas():
    def after(**asked):
        """Logits before the draw, up to a constant."""
        return np.log(drawn(20_000, **asked))[:2] @ [1, -1]

    plain = LOGITS[0] - LOGITS[1]
    assert after(frequency_penalty=0.5, written=[0, 0]) == pytest.approx(plain - 1.0, abs=0.1)
    assert after(presence_penalty=0.5, written=[0, 0]) == pytest.approx(plain - 0.5, abs=0.1)
    # Log-probabilities are negative, so the penalty multiplies: of what stands in the prompt too.
    assert after(repetition_penalty=1.5, prompt=[0]) == pytest.approx(plain + 0.5 * LOGITS[0], abs=0.1)
    positive = LOGITS + 4
    assert after(logits=positive, repetition_penalty=1.5, written=[0]) == pytest.approx(
        positive[0] / 1.5 - positive[1], abs=0.1
    )


@given(
    st.lists(st.floats(-20, 20, width=32), min_size=2, max_size=600),
    st.floats(0.01, 1),
    st.integers(0, 2**32),
)
def test_a_nucleus_is_the_smallest_set_that_reaches_its_share(values, top_p, seed):
    logits = np.array(values, np.float32)
    token = Sampler(Sampling(temperature=1.0, top_p=top_p, seed=seed), NO_TOKENS).pick(logits)
    weights = np.exp(logits.astype(np.float64) - logits.max())
    likelier = weights[weights > weights[token]].sum() / weights.sum()
    assert likelier < top_p or likelier == pytest.approx(top_p)


def test_log_probabilities_are_the_models_own():
    told = token_logprob(LOGITS + 7, 1, alternatives=2)
    assert np.exp(told.logprob) == pytest.approx(0.3)
    assert [token for token, _ in told.top] == [0, 1]
    assert token_logprob(LOGITS, 3, alternatives=0).top == ()
