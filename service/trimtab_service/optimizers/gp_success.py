"""What the next trial is chosen by where some trials fail. NumPy and SciPy, no torch."""

from __future__ import annotations

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Vector
from trimtab_service.optimizers.failures import SuccessModel
from trimtab_service.optimizers.gp_acquisition import ClosedForm


class WhereItWorks(ClosedForm):
    """Another acquisition function, plus ``power`` times the log of the probability that a trial works.

    Of a logarithm of a gain that makes, with a power of 1, the log of the
    expected gain, since a trial that fails gains nothing.
    """

    def __init__(self, gain: ClosedForm, success: SuccessModel, here: Rows, power: float = 1.0) -> None:
        super().__init__(success.latent, here)
        self.gain, self.success, self.power = gain, success, power

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        return self.gain.values(rows) + self.power * self.success.log_probability(self._beside(rows))

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        values, slopes = self.gain.values_and_slopes(rows)
        logs, steep = self.success.log_probability_and_slope(self._beside(rows))
        return values + self.power * logs, slopes + self.power * steep[:, : rows.shape[1]]
