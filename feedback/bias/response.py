"""Response: who speaks up is not like who does not.

In: what everybody was shown and who judged it. Out: the satisfied share among all, not among those who said something.
The policy to be valued is "everybody is offered the usual controls and answers"; the logged one offers them with a
known propensity and is answered with one that is fitted, P(answers | features), by logistic regression (Rosenbaum and
Rubin, Biometrika 1983; Robins, Rotnitzky and Zhao, JASA 1994 for the doubly robust form). What neither the features
nor the implicit signals among them know stays uncorrected.
"""

from dataclasses import dataclass

import numpy as np

from feedback.bias.likelihood import Codes, mean_interval
from feedback.bias.logistic import fit, standardised
from feedback.bias.propensity import doubly_robust, inverse_propensity, self_normalised, weights_of
from feedback.statistics import Floats, Interval


@dataclass(frozen=True, slots=True)
class Reweighted:
    """The satisfied share of those who answered, and of all by three estimators that should agree."""

    answered: Interval
    inverse_propensity: Interval
    self_normalised: Interval
    doubly_robust: Interval


def reweighted(
    satisfied: Floats, answered: Floats, offered: Floats, propensities: Floats, features: Floats, owners: Codes
) -> Reweighted:
    """Satisfied share as if all had answered; all arrays of n answers, some of them offered and answered.

    satisfied, answered, offered: float64 [n] of 0 and 1, `satisfied` anything where nobody answered; `propensities`
    float64 [n] in (0, 1], of being offered; features float64 [n, k]. Fitted weights are cut off at sqrt(n) times their
    mean, which keeps one rare respondent from standing for everybody (Ionides, JCGS 2008).
    """
    scaled, heard = standardised(features), (answered > 0) & (offered > 0)
    shown = offered > 0
    responds = fit(scaled[shown], answered[shown], owners[shown]).predict(scaled)
    weights = np.where(heard, weights_of(np.ones(len(heard)), propensities * responds), 0.0)
    weights = np.minimum(weights, np.sqrt(len(weights)) * weights.mean())
    expected = fit(scaled[heard], satisfied[heard], owners[heard]).predict(scaled)
    rewards = np.where(heard, satisfied, 0.0)
    return Reweighted(
        answered=mean_interval(satisfied[heard], owners[heard]),
        inverse_propensity=inverse_propensity(rewards, weights, owners),
        self_normalised=self_normalised(rewards, weights, owners),
        doubly_robust=doubly_robust(rewards, weights, expected, expected, owners),
    )
