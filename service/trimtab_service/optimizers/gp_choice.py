"""Makes the acquisition function that was asked for by name. NumPy and SciPy, no torch."""

from __future__ import annotations

import numpy as np

from trimtab_service.optimizers.acquisitions import Choice
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.gp_acquisition import ClosedForm
from trimtab_service.optimizers.gp_confidence import ConfidenceBound
from trimtab_service.optimizers.gp_entropy import JointEntropy, MaxValueEntropy
from trimtab_service.optimizers.gp_knowledge import KnowledgeGradient
from trimtab_service.optimizers.gp_paths import DrawnGain, Places
from trimtab_service.optimizers.gp_posterior import Posterior

OPTIMA = 32  # draws of the best point
MOST_DRAWN, MOST_KNOWN = 16, 8  # of them, and of the measured points, may be recommended after a trial


def chosen(choice: Choice, posterior: Posterior, places: Places, at_work: Rows, rng: np.random.Generator) -> ClosedForm:
    """The function for one trial, while those at_work [p, d + c] are taken to come out as expected.

    A function that draws whole costs needs no such belief.
    """
    if choice.acquisition == "thompson":
        return DrawnGain(places.drawn(posterior, 1, rng), places.here)
    believed = posterior.given(at_work, np.zeros((len(at_work), 1))) if len(at_work) else posterior
    if choice.acquisition == "ucb":
        return ConfidenceBound(believed, places.here, choice.beta)
    optima, least = places.minima(places.drawn(posterior, OPTIMA, rng).beside_the_mean(), rng)
    noise = float(np.median(posterior.noise))
    if choice.acquisition == "mes":
        return MaxValueEntropy(believed, places.here, least[1:], noise)
    if choice.acquisition == "jes":
        return JointEntropy(believed, places.here, optima[1:], least[1:], noise)
    points = np.unique(np.concatenate([places.known[:MOST_KNOWN], optima[:MOST_DRAWN]]), axis=0)
    return KnowledgeGradient(believed, places.here, points, noise)
