"""Asks the Gaussian process for points. Imports torch; import it inside a call only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from botorch.models import SingleTaskGP

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Source, Suggested
from trimtab_service.optimizers.encoding import Encoding, Rows
from trimtab_service.optimizers.evidence import MOST_ROWS, Evidence, encodings, gather
from trimtab_service.optimizers.gp_acquisition import (
    ClosedForm,
    ExpectedGain,
    LogNoisyExpectedImprovement,
    posterior_of,
    promising,
)
from trimtab_service.optimizers.gp_fit import fit
from trimtab_service.optimizers.gp_model import surrogate
from trimtab_service.optimizers.gp_posterior import Posterior
from trimtab_service.optimizers.gp_search import CENTRES, ranked
from trimtab_service.optimizers.novelty import every_row, first_new, pick, tried_rows
from trimtab_service.optimizers.phases import phase

MOST_PENDING = 200  # trials that are taken into account, the most recent ones
EXPLOIT_EVERY = 5  # trials, one exploits: it goes where the least cost is expected,
EXPLOIT_NOISE = 0.05  # if the variance of the noise is less than this share of the costs'
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


@dataclass(frozen=True, slots=True)
class Question:
    """What stays the same while one call is answered.

    here: [1, c] the row of the context. pending: [m, d + c] being tried.
    known: [n, d + c] measured points, all seen in this context, of least
        expected cost first; the first ``likely`` of them may be the best.
    every: [k, d] all points of a small finite space, or None.
    """

    encoding: Encoding
    here: Rows
    pending: Rows
    model: SingleTaskGP
    posterior: Posterior
    known: Rows
    likely: int
    every: Rows | None

    @classmethod
    def of(cls, study: Study, evidence: Evidence, context: Parameters) -> Question:
        """Of a study with this evidence, asked in a context."""
        encoding, context_encoding = encodings(study)
        here = context_encoding.encode([context])
        model = fitted(study, evidence)
        posterior = posterior_of(model)
        known, likely = promising(posterior, _beside(evidence.rows[evidence.measured, : encoding.width], here))
        return cls(encoding, here, evidence.pending, model, posterior, known, likely, every_row(encoding))


def suggest_by_model(
    study: Study,
    history: History,
    context: Parameters,
    count: int,
    earlier: Sequence[Suggested],
    rng: np.random.Generator,
) -> list[Suggested]:
    """``count`` points, none of them among the ``earlier`` ones of the same call; see ``GaussianProcess``."""
    question = Question.of(study, gather(study, history, MOST_ROWS), context)
    encoding = question.encoding
    tried = tried_rows(study, history, context)
    answered = encoding.encode([suggested.parameters for suggested in earlier])
    with phase("acquisition"):
        for _ in range(count):
            wanted = _wanted(question, answered, history.next_number + len(answered), rng)
            answered = np.concatenate([answered, pick(wanted, tried, answered, encoding, rng)])
    return [
        _suggested(point, row, tried) for point, row in zip(encoding.decode(answered), answered[:, None], strict=True)
    ][len(earlier) :]


def _suggested(point: Parameters, row: Rows, tried: Rows) -> Suggested:
    if len(first_new(row, tried)):
        return Suggested(point, Source.MODEL)
    return Suggested(point, Source.INCUMBENT, REPEATED)


def _wanted(question: Question, answered: Rows, number: int, rng: np.random.Generator) -> Rows:
    """Rows [n, d], the best one to be trial ``number`` first, after ``answered`` [k, d] in the same call."""
    acquisition = _acquisition(question, answered, number, rng)
    if question.every is not None:
        return question.every[np.argsort(-acquisition.values(question.every), kind="stable")]
    centres = question.known[:CENTRES, : question.encoding.width]
    return ranked(acquisition, question.encoding, centres, rng)


def _acquisition(question: Question, answered: Rows, number: int, rng: np.random.Generator) -> ClosedForm:
    model, posterior, here = question.model, question.posterior, question.here
    at_work = np.concatenate([question.pending, _beside(answered, here)])[-MOST_PENDING:]
    if number % EXPLOIT_EVERY == 0 and not len(at_work) and float(np.median(posterior.noise)) < EXPLOIT_NOISE:
        return ExpectedGain(model, posterior, here)
    is_here = (at_work[:, question.encoding.width :] == here).all(axis=1)
    rivals = np.concatenate([question.known[: question.likely], at_work[is_here]])
    seed = int(rng.integers(2**31))
    return LogNoisyExpectedImprovement(model, posterior, here, rivals, at_work[~is_here], seed)


def _beside(rows: Rows, here: Rows) -> Rows:
    """Rows [n, d + c] of parameters [n, d], each in the context [1, c]."""
    return np.hstack([rows, np.repeat(here, len(rows), axis=0)])
