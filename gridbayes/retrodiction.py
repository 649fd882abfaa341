"""Posterior predictive p-values: how the data would look again, and how extreme they are among such data.

Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 6.3.
"""

from dataclasses import dataclass

__all__ = ["PredictiveCheck"]


@dataclass(frozen=True)
class PredictiveCheck:
    """A statistic of the data among those of replicates.

    Parameters
    ----------
    statistic : its name.
    observed : T(y), of the data.
    p : P(T(y_rep) >= T(y) | y): near 0 or 1 where the model hardly makes such data.
    error : the standard error of p; 0 where it is a closed form.
    """

    statistic: str
    observed: float
    p: float
    error: float

    def __repr__(self) -> str:
        how = f"+- {self.error:.1g}, by draws" if self.error else "exact"
        return f"P({self.statistic} of replicates >= {self.observed:.4g} | data) = {self.p:.4g} ({how})"
