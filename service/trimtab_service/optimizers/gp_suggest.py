"""Asks the Gaussian process for points. Imports torch; import it inside a call only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from botorch.models import SingleTaskGP

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Source, Suggested
from trimtab_service.optimizers.encoding import Encoding, Rows
from trimtab_service.optimizers.evidence import Evidence, encodings, gather
from trimtab_service.optimizers.gp_acquisition import (
    ClosedForm,
    ExpectedGain,
    LogNoisyExpectedImprovement,
    posterior_of,
    promising,
)
from trimtab_service.optimizers.gp_fit import fit
from trimtab_service.optimizers.gp_model import surrogate
from trimtab_service.optimizers.gp_search import CENTRES, ranked
from trimtab_service.optimizers.novelty import every_row, first_new, pick, tried_rows
from trimtab_service.optimizers.phases import phase

MOST_ROWS = 500  # that a model is made of: its cost grows with their cube
MOST_PENDING = 200  # likewise; the most recent ones
EXPLOIT_EVERY = 5  # trials, the least expected cost is tried instead of the largest expected improvement,
EXPLOIT_NOISE = 0.05  # where the variance of the noise is less than this share of the costs'
REPEATED = "every point was tried; this one is worth measuring again"


def categorical_columns(study: Study) -> tuple[int, ...]:
    """The columns of evidence that hold names."""
    parameters, context = encodings(study)
    return (*parameters.categorical, *(parameters.width + index for index in context.categorical))


def fitted(study: Study, evidence: Evidence) -> SingleTaskGP:
    """The surrogate with the hyperparameters that explain the evidence best."""
    categorical = categorical_columns(study)
    with phase("fit"):
        return surrogate(evidence, fit(evidence, categorical), categorical)


def suggest_by_model(
    study: Study,
    history: History,
    context: Parameters,
    count: int,
    earlier: Sequence[Suggested],
    rng: np.random.Generator,
) -> list[Suggested]:
    """``count`` points, none of them among the ``earlier`` ones of the same call; see ``GaussianProcess``."""
    evidence = gather(study, history, MOST_ROWS)
    model = fitted(study, evidence)
    encoding, context_encoding = encodings(study)
    here = context_encoding.encode([context])
    tried = tried_rows(study, history, context)
    answered = encoding.encode([suggested.parameters for suggested in earlier])
    with phase("acquisition"):
        for _ in range(count):
            number = history.next_number + len(answered)
            wanted = _wanted(model, evidence, encoding, here, answered, number, rng)
            answered = np.concatenate([answered, pick(wanted, tried, answered, encoding, rng)])
    return [
        _suggested(point, row, tried) for point, row in zip(encoding.decode(answered), answered[:, None], strict=True)
    ][len(earlier) :]


def _suggested(point: Parameters, row: Rows, tried: Rows) -> Suggested:
    if len(first_new(row, tried)):
        return Suggested(point, Source.MODEL)
    return Suggested(point, Source.INCUMBENT, REPEATED)


def _wanted(
    model: SingleTaskGP,
    evidence: Evidence,
    encoding: Encoding,
    here: Rows,
    answered: Rows,
    number: int,
    rng: np.random.Generator,
) -> Rows:
    """Rows [n, d] of parameters, the best one to be trial ``number`` first. here: the row [1, c] of the context."""
    at_work = np.concatenate([evidence.pending, _beside(answered, here)])[-MOST_PENDING:]
    posterior = posterior_of(model)
    measured = evidence.rows[evidence.measured, : encoding.width]
    known, likely = promising(posterior, _beside(measured, here))
    acquisition: ClosedForm
    if number % EXPLOIT_EVERY == 0 and not len(at_work) and float(np.median(posterior.noise)) < EXPLOIT_NOISE:
        acquisition = ExpectedGain(model, posterior, here)
    else:
        is_here = (at_work[:, encoding.width :] == here).all(axis=1)
        rivals = np.concatenate([known[:likely], at_work[is_here]])
        seed = int(rng.integers(2**31))
        acquisition = LogNoisyExpectedImprovement(model, posterior, here, rivals, at_work[~is_here], seed)
    every = every_row(encoding)
    if every is not None:
        return every[np.argsort(-acquisition.values(every), kind="stable")]
    return ranked(acquisition, encoding, known[:CENTRES, : encoding.width], rng)


def _beside(rows: Rows, here: Rows) -> Rows:
    """Rows [n, d + c] of parameters [n, d], each in the context [1, c]."""
    return np.hstack([rows, np.repeat(here, len(rows), axis=0)])
