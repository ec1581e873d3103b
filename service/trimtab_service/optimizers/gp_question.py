"""What a study's models are asked, and by what the next trial is chosen. NumPy and SciPy, no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.optimizers.acquisitions import DEFAULT, SCORES, Choice
from trimtab_service.optimizers.beliefs import Beliefs, sharpness_after
from trimtab_service.optimizers.contenders import contenders, reference_costs
from trimtab_service.optimizers.encoding import Encoding, Rows
from trimtab_service.optimizers.evidence import Evidence, encodings
from trimtab_service.optimizers.gp_acquisition import ClosedForm, ExpectedGain, LogNoisyExpectedImprovement
from trimtab_service.optimizers.gp_constrained import AcceptableGain, LogConstrainedImprovement, PerCost
from trimtab_service.optimizers.gp_hypervolume import LogHypervolumeGain
from trimtab_service.optimizers.gp_posterior import Posterior
from trimtab_service.optimizers.gp_success import WhereItWorks
from trimtab_service.optimizers.lifted import Acquisition, Believed
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.surrogates import Surrogates
from trimtab_service.optimizers.targets import Role, Vector

MOST_CENTRES = 3
MOST_PENDING = 200  # trials that are taken into account, the most recent ones
# Power of the probability that a trial works: a failure gains nothing, and tells of nothing
# but the border, which is found with fewer of them.
CAUTION = 2.0
EXPLOIT_EVERY = 5  # trials, one exploits: it goes where the least cost is expected,
EXPLOIT_NOISE = 0.05  # if the variance of the noise is less than this share of the costs'
# Completed trials a parameter after which what a trial costs counts half: cheap trials
# are for the time when little is known. Lee, Perrone, Archambeau, Seeger 2020,
# "Cost-aware Bayesian Optimization", cool by the budget that is left, which
# nobody declares here.
HALF_COOLED = 10


@dataclass(frozen=True, slots=True)
class Question:
    """What stays the same while one call is answered.

    region: what may be suggested. every: [k, d] all its points, if finite and
        few, or None.
    here: [1, c] the row of the context. pending: [m, d + c] being tried.
    surrogates: of all metrics.
    known: [n, d + c] measured points, all seen in this context, the best
        first. rivals: [p, d + c] those that may be the best.
    reference: [objectives] the worst costs of interest, where there are several.
    power: of what a trial costs, from 1 to 0. sharpness: how much of what was
    believed beforehand still counts, likewise; see ``beliefs``.
    along_costs: whether the best at every cost is looked for.
    """

    region: Region
    here: Rows
    pending: Rows
    surrogates: Surrogates
    known: Rows
    rivals: Rows
    reference: Vector | None
    power: float
    beliefs: Beliefs
    sharpness: float
    every: Rows | None
    along_costs: bool

    @property
    def encoding(self) -> Encoding:
        """Of the parameters."""
        return self.region.encoding

    @property
    def posterior(self) -> Posterior:
        """Of the first objective."""
        return self.surrogates.objectives[0]

    @classmethod
    def of(
        cls,
        study: Study,
        evidence: Evidence,
        context: Parameters,
        region: Region,
        surrogates: Surrogates | None = None,
        *,
        along_costs: bool = False,
    ) -> Question:
        """Of a study with this evidence, asked in a context. surrogates: of both, where they were made before."""
        encoding, context_encoding = encodings(study)
        here = context_encoding.encode([context])
        surrogates = surrogates or Surrogates.of(study, evidence)
        measured = beside(region.brought_in(evidence.rows[evidence.measured, : encoding.width]), here)
        known, rivals = contenders(surrogates, measured, along_costs=along_costs)
        several = along_costs or len(study.spec.objectives) > 1
        return cls(
            region=region,
            here=here,
            pending=evidence.pending,
            surrogates=surrogates,
            known=known,
            rivals=rivals,
            reference=reference_costs(study.spec, surrogates, known, along_costs=along_costs) if several else None,
            power=1.0 / (1.0 + evidence.completed / (HALF_COOLED * encoding.width)),
            beliefs=(beliefs := Beliefs.of(encoding.parameters)),
            sharpness=sharpness_after(evidence.completed) if beliefs.columns else 0.0,
            every=region.every(),
            along_costs=along_costs,
        )

    def centres(self, rng: np.random.Generator) -> Rows:
        """Rows [k, d] around which to look: the best points known; of a front, any."""
        centres = self.known if self.reference is None else rng.permutation(self.rivals)
        return centres[:MOST_CENTRES, : self.encoding.width]


def acquisition(
    question: Question, choice: Choice, answered: Rows, number: int, rng: np.random.Generator
) -> Acquisition:
    """What chooses trial ``number``, after ``answered`` [k, d] in the same call."""
    here = question.here
    at_work = np.concatenate([question.pending, beside(answered, here)])[-MOST_PENDING:]
    exploits = number % EXPLOIT_EVERY == 0 and not len(at_work) and choice.acquisition not in SCORES
    if exploits and _can_exploit(question):
        return where_it_works(question, _exploiting(question), CAUTION)
    if choice.acquisition != DEFAULT:
        return _believed(question, _per_cost(question, _asked_for(question, choice, at_work, rng)))
    is_here = (at_work[:, question.encoding.width :] == here).all(axis=1)
    rivals = np.concatenate([question.rivals, at_work[is_here]])
    seed = int(rng.integers(2**31))
    gain = improvement(question, rivals, at_work[~is_here], seed)
    return _believed(question, gain if question.along_costs else _per_cost(question, gain))


def _asked_for(question: Question, choice: Choice, at_work: Rows, rng: np.random.Generator) -> ClosedForm:
    # Brings torch, by the search that some of them make.
    from trimtab_service.optimizers.gp_choice import chosen
    from trimtab_service.optimizers.gp_paths import Places

    places = Places(question.region, question.here, question.every, question.known, question.surrogates.success)
    return chosen(choice, question.posterior, places, at_work, rng)


def improvement(question: Question, rivals: Rows, elsewhere: Rows, seed: int) -> ClosedForm:
    """The log of what a trial is expected to gain on ``rivals`` [p, d + c], whatever it costs."""
    surrogates, here = question.surrogates, question.here
    if question.reference is not None:
        traded = surrogates.traded(along_costs=question.along_costs)
        return LogHypervolumeGain(traded, surrogates.bounds, here, rivals, elsewhere, question.reference, seed)
    if surrogates.bounds:
        return LogConstrainedImprovement(question.posterior, surrogates.bounds, here, rivals, elsewhere, seed)
    return LogNoisyExpectedImprovement(question.posterior, here, rivals, elsewhere, seed)


def _can_exploit(question: Question) -> bool:
    """Whether there is one best point to be found, by measurements that are nearly exact."""
    if question.reference is not None:
        return False
    return float(np.median(question.posterior.noise)) < EXPLOIT_NOISE


def _exploiting(question: Question) -> ClosedForm:
    if question.surrogates.bounds:
        return AcceptableGain(question.posterior, question.surrogates.bounds, question.here)
    return ExpectedGain(question.posterior, question.here)


def where_it_works(question: Question, gain: ClosedForm, power: float = 1.0) -> ClosedForm:
    """The gain as far as trials work; see ``WhereItWorks``."""
    success = question.surrogates.success
    return gain if success is None else WhereItWorks(gain, success, question.here, power)


def _believed(question: Question, gain: ClosedForm) -> Acquisition:
    gain = where_it_works(question, gain, CAUTION)
    return Believed(gain, question.beliefs, question.sharpness) if question.sharpness else gain


def _per_cost(question: Question, gain: ClosedForm) -> ClosedForm:
    for target, posterior in zip(question.surrogates.targets, question.surrogates.posteriors, strict=True):
        if target.role is Role.COST:
            return PerCost(gain, posterior, target.spread, question.power, question.here)
    return gain


def beside(rows: Rows, here: Rows) -> Rows:
    """Rows [n, d + c] of parameters [n, d], each in the context [1, c]."""
    return np.hstack([rows, np.repeat(here, len(rows), axis=0)])
