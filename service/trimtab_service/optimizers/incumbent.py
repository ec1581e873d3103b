"""The best parameters known, by a model of all that was measured, whatever algorithm chose it."""

from __future__ import annotations

import numpy as np

from trimtab_service.domain.errors import NoIncumbent
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Incumbent, Source, TrialState
from trimtab_service.optimizers.evidence import MOST_ROWS, encodings, gather


def incumbent(study: Study, history: History, context: Parameters) -> Incumbent:
    """The completed trial of least posterior mean cost, by a Gaussian process of all trials.

    Law: it is judged by the model and never by its own measurement alone, so
    the luckiest of many noisy measurements doesn't win. Judged in ``context``,
    or, if a study with a context gets an empty one, each trial in its own.
    Beyond 500 trials the most telling 500 are looked at. With nothing completed:
    the baseline, of which nothing is known; raises NoIncumbent without one.
    """
    if not history.in_state(TrialState.COMPLETED):
        if study.spec.baseline is None:
            raise NoIncumbent("nothing was observed yet, and the study has no baseline")
        return Incumbent(dict(study.spec.baseline), Source.BASELINE)
    # Brings torch, which the serving process never needs.
    from trimtab_service.optimizers.gp_model import predict
    from trimtab_service.optimizers.gp_suggest import fitted

    evidence = gather(study, history, MOST_ROWS)
    parameters, context_encoding = encodings(study)
    rows = evidence.rows[evidence.measured].copy()
    if context:
        rows[:, parameters.width :] = context_encoding.encode([context])
    means, deviations = predict(fitted(study, evidence), rows)
    best = int(np.argmin(means))
    number = int(evidence.numbers[evidence.measured][best])
    trial = next(trial for trial in history.trials if trial.number == number)
    return Incumbent(
        parameters=dict(trial.parameters),
        source=Source.INCUMBENT,
        mean=study.spec.objective.sign * (evidence.location + evidence.spread * float(means[best])),
        standard_error=evidence.spread * float(deviations[best]),
        number=number,
    )
