"""By what a Gaussian process may be told to choose trials, and in which studies that makes sense. Standard library."""

from __future__ import annotations

from dataclasses import dataclass

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import StudySpec

DEFAULT = "log_nei"
GAINS = ("kg", "mes", "jes")  # what one trial is worth: never negative, so that it can be divided by what it costs
SCORES = ("ucb", "thompson")  # an order of points and no more
ACQUISITIONS = (DEFAULT, *GAINS, *SCORES)
TWO_DEVIATIONS = 4.0


@dataclass(frozen=True, slots=True)
class Choice:
    """An acquisition function by name; ``beta``: of ucb, the square of how many standard deviations count.

    along_costs: whether the best result at every cost is looked for: what a
    trial adds to the volume that results and logarithms of costs dominate.
    """

    acquisition: str = DEFAULT
    beta: float = TWO_DEVIATIONS
    along_costs: bool = False

    def __post_init__(self) -> None:
        if self.acquisition not in ACQUISITIONS:
            known = ", ".join(ACQUISITIONS)
            raise InvalidArgument("acquisition", f"must be one of {known}, not {self.acquisition[:80]!r}")
        if not 0.0 <= self.beta <= 1e6:
            raise InvalidArgument("beta", f"must be 0 to 1e6, not {self.beta:g}")
        if self.beta != TWO_DEVIATIONS and self.acquisition != "ucb":
            raise InvalidArgument("beta", f"only the acquisition ucb has it, not {self.acquisition}")
        if self.along_costs and self.acquisition != DEFAULT:
            raise InvalidArgument(
                "along_costs", f"weighs results against costs by {DEFAULT}, not by {self.acquisition}"
            )

    def check(self, spec: StudySpec) -> None:
        """Raises InvalidArgument (field ``options["..."]``) where such a study can't be asked so."""
        if self.along_costs and (spec.cost_metric is None or len(spec.objectives) > 1):
            raise InvalidArgument(
                'options["along_costs"]', "needs a cost_metric and one objective, the result that the cost is paid for"
            )
        if self.acquisition == DEFAULT:
            return
        unfit = {
            "several objectives": len(spec.objectives) > 1,
            "outcome constraints": bool(spec.outcome_constraints),
            "robustness": spec.robustness is not None,
            "a cost of trials": spec.cost_metric is not None and self.acquisition in SCORES,
        }
        for words, is_set in unfit.items():
            if is_set:
                raise InvalidArgument(
                    'options["acquisition"]',
                    f"{self.acquisition} isn't made for {words}; leave it out, and {DEFAULT} is used",
                )
