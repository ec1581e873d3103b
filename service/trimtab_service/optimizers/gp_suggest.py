"""Asks the Gaussian process for points. Imports torch, for BoTorch's search; import it inside a call only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Source, Suggested
from trimtab_service.optimizers.acquisitions import Choice
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import MOST_ROWS, gather, rows_of
from trimtab_service.optimizers.gp_question import EXPLOIT_EVERY, EXPLOIT_NOISE, Question, acquisition, beside
from trimtab_service.optimizers.gp_robust import suggest_robustly
from trimtab_service.optimizers.gp_search import ranked
from trimtab_service.optimizers.novelty import first_new, pick, tried_rows
from trimtab_service.optimizers.phases import phase
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.repeats import doubtful_best, worth_repeating
from trimtab_service.optimizers.surrogates import Surrogates
from trimtab_service.optimizers.transfer import owes_nothing

REPEATED = "every point was tried; this one is worth measuring again"
DOUBTED = "measured far better than all others let expect; measured again to tell whether that is so"
UNCERTAIN = "which of the best points is the best is uncertain; measuring this one again tells more than a new one"


def suggest_by_model(
    study: Study,
    history: History,
    context: Parameters,
    count: int,
    earlier: Sequence[Suggested],
    region: Region,
    rng: np.random.Generator,
    choice: Choice,
    *,
    repeats: bool,
) -> list[Suggested]:
    """``count`` points, none of them among the ``earlier`` ones of the same call; see ``GaussianProcess``.

    repeats: whether a point may be measured again while there are new ones.
    """
    encoding = region.encoding
    answered = encoding.encode([suggested.parameters for suggested in earlier])
    evidence = gather(study, history, MOST_ROWS, along_costs=choice.along_costs)
    # Whatever other studies make of this one, some trials owe them nothing.
    related = () if owes_nothing(study, history.next_number) else history.related
    surrogates = Surrogates.of(study, evidence, related)
    tried = tried_rows(study, history, context)
    if study.spec.robustness is not None:
        with phase("acquisition"):
            return suggest_robustly(study, evidence, surrogates, count, earlier, tried, region, rng, repeats=repeats)
    question = Question.of(study, evidence, context, region, surrogates, along_costs=choice.along_costs)
    everything = partial(_attempts, study, history)
    answer: list[Suggested] = []
    with phase("acquisition"):
        while len(answer) < count:
            wanted = _wanted(question, choice, answered, history.next_number + len(answered), rng)
            row, why = pick(wanted, tried, answered, region, rng), ""
            if repeats:
                row, why = _or_again(question, row, answered, history.next_number + len(answer), everything)
            answered = np.concatenate([answered, row])
            (point,) = region.points(row)
            answer.append(_suggested(point, why or ("" if len(first_new(row, tried)) else REPEATED)))
    return answer


def _attempts(study: Study, history: History) -> Rows:
    """Rows [t, d + c] of all trials, whatever came of them."""
    return rows_of(study, [trial.parameters for trial in history.trials], [trial.context for trial in history.trials])


def _suggested(point: Parameters, why: str) -> Suggested:
    return Suggested(point, Source.INCUMBENT if why else Source.MODEL, why)


def _or_again(
    question: Question, new: Rows, answered: Rows, number: int, attempts: Callable[[], Rows]
) -> tuple[Rows, str]:
    """The row [1, d] ``new`` to be trial ``number``, or one that is better measured again, and why.

    The trials that would exploit, were there less noise, are those that may
    be repeats for the sake of knowing which point is the best.
    """
    surrogates, width = question.surrogates, question.encoding.width
    if question.region.fixed or len(surrogates.objectives) > 1:
        return new, ""
    doubtful = doubtful_best(surrogates.told, question.posterior, question.here, attempts)[:, :width]
    doubtful = first_new(doubtful, answered)
    if len(doubtful):
        return doubtful, DOUBTED
    noise = float(np.median(question.posterior.noise))
    busy = len(answered) or len(question.pending)
    if number % EXPLOIT_EVERY or noise < EXPLOIT_NOISE or busy or surrogates.bounds or question.along_costs:
        return new, ""
    chosen = worth_repeating(question.posterior, beside(new, question.here), question.rivals, noise)
    return (question.rivals[chosen, :width], UNCERTAIN) if len(chosen) else (new, "")


def _wanted(question: Question, choice: Choice, answered: Rows, number: int, rng: np.random.Generator) -> Rows:
    """Rows [n, d], the best one to be trial ``number`` first, after ``answered`` [k, d] in the same call."""
    chooser = acquisition(question, choice, answered, number, rng)
    if question.every is not None:
        return question.every[np.argsort(-chooser.values(question.every), kind="stable")]
    return ranked(chooser, question.region, question.centres(rng), rng, question.sharpness)
