"""Asks the Gaussian process for points. Imports torch; import it inside a call only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction
from botorch.models import SingleTaskGP

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Source, Suggested
from trimtab_service.optimizers.encoding import Encoding, Rows
from trimtab_service.optimizers.evidence import Evidence, encodings, gather
from trimtab_service.optimizers.gp_acquisition import ExpectedGain, LogNoisyExpectedImprovement, promising
from trimtab_service.optimizers.gp_fit import fit
from trimtab_service.optimizers.gp_model import surrogate
from trimtab_service.optimizers.gp_search import CENTRES, evaluate, ranked
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
        _suggested(point, row, tried)
        for point, row in zip(encoding.decode(answered), answered[:, None], strict=True)
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
    measured = evidence.rows[evidence.measured, : encoding.width]
    known, likely = promising(model, torch.from_numpy(_beside(measured, here)))
    suffix = torch.from_numpy(here[0])
    acquisition: AcquisitionFunction
    if number % EXPLOIT_EVERY == 0 and not len(at_work) and float(model.likelihood.noise.median()) < EXPLOIT_NOISE:
        acquisition = ExpectedGain(model, suffix)
    else:
        is_here = (at_work[:, encoding.width :] == here).all(axis=1)
        pending, elsewhere = torch.from_numpy(at_work[is_here]), torch.from_numpy(at_work[~is_here])
        rivals = torch.cat([known[:likely], pending])
        acquisition = LogNoisyExpectedImprovement(model, rivals, elsewhere, suffix, int(rng.integers(2**31)))
    every = every_row(encoding)
    if every is not None:
        return every[np.argsort(-evaluate(acquisition, every), kind="stable")]
    return ranked(acquisition, encoding, known[:CENTRES, : encoding.width].numpy(), rng)


def _beside(rows: Rows, here: Rows) -> Rows:
    """Rows [n, d + c] of parameters [n, d], each in the context [1, c]."""
    return np.hstack([rows, np.repeat(here, len(rows), axis=0)])
