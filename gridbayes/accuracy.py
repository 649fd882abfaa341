"""The accuracy statement: how far each reported number is from the continuous model's, and why.

An explicit grid is compared with an automatic one of the same model: that is the grid's price. An automatic grid is
compared with a coarser rule in the same panels: the difference bounds the error of the finer one.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from gridbayes.summaries import Marginal

if TYPE_CHECKING:
    from gridbayes.posterior import Posterior

__all__ = ["Accuracy", "Error"]

ROUNDING = 1e-13  # no statement claims more than double precision can keep through a sum of a few thousand terms
FINE = 1e-6  # an error, in sds, that needs no remark


@dataclass(frozen=True)
class Error:
    """The error of one reported quantity.

    Parameters
    ----------
    quantity : `mu`, `theta[MATH]`, `log_evidence`.
    statistic : `mean` (error in units of the sd), `sd` (relative), or `value` (absolute).
    size : the estimate of the error, not negative.
    source : what it comes from.
    """

    quantity: str
    statistic: str
    size: float
    source: str


@dataclass(frozen=True)
class Accuracy:
    """The errors of all reported quantities; prints as one line.

    Parameters
    ----------
    errors : one a quantity and statistic.
    remedy : what to do when the largest is too large.
    """

    errors: tuple[Error, ...]
    remedy: str

    @classmethod
    def between(
        cls,
        reported: Iterable[tuple[str, Marginal]],
        reference: Iterable[tuple[str, Marginal]],
        log_evidence: tuple[float, float],
        sources: dict[str, str],
        remedy: str = "",
    ) -> "Accuracy":
        """The differences of two posteriors; `sources` says for each parameter's name where its error comes from."""
        errors = []
        for (label, marginal), (_, other) in zip(reported, reference, strict=True):
            source = sources[label.partition("[")[0]]
            unit = other.sd if 0 < other.sd < math.inf else other.width or 1.0
            for statistic in ("mean", "sd"):  # one that does not exist has no error
                found, expected = getattr(marginal, statistic), getattr(other, statistic)
                if math.isfinite(found) and math.isfinite(expected):
                    errors.append(Error(label, statistic, abs(found - expected) / unit + ROUNDING, source))
        difference = abs(log_evidence[0] - log_evidence[1]) + ROUNDING
        errors.append(Error("log_evidence", "value", difference, sources["log_evidence"]))
        return cls(tuple(errors), remedy)

    @classmethod
    def refined(cls, posterior: "Posterior", coarse: "Posterior") -> "Accuracy":
        """The distance of an automatic grid to a coarser one: it bounds the distance to the continuum from above."""
        sources = dict.fromkeys((*posterior.marginals, "log_evidence"), "refinement of nodes")
        return cls.between(posterior.rows, coarse.rows, (posterior.log_evidence, coarse.log_evidence), sources)

    @classmethod
    def inherited(cls, reported: Iterable[tuple[str, Marginal]], source: "Accuracy", expected: float) -> "Accuracy":
        """The statement of a quantity computed from a posterior, whose mean is also known from the posterior's means.

        The largest error of a mean is taken over, or the distance to the expected mean where that is larger.
        """
        worst = max((error for error in source.errors if error.statistic == "mean"), key=lambda error: error.size)
        off = {label: abs(marginal.mean - expected) / (marginal.width or 1.0) for label, marginal in reported}
        errors = [Error(label, "mean", max(worst.size, size), worst.source) for label, size in off.items()]
        return cls(tuple(errors), source.remedy)

    @property
    def largest(self) -> Error:
        """The largest error of all."""
        return max(self.errors, key=lambda error: error.size)

    @cached_property
    def of_means(self) -> dict[str, float]:
        """The error of each mean in units of its sd, by label."""
        return {error.quantity: error.size for error in self.errors if error.statistic == "mean"}

    def to_pandas(self):
        """A frame with one row an error."""
        import pandas as pd

        return pd.DataFrame([vars(error) for error in self.errors])

    def __str__(self) -> str:
        worst = self.largest
        size = {"mean": f"{worst.size:.2g} sd", "sd": f"{worst.size:.2g} of the sd", "value": f"{worst.size:.2g}"}
        line = f"largest error {size[worst.statistic]} ({worst.quantity}, {worst.source})"
        return f"{line}; {self.remedy}" if self.remedy and worst.size > FINE else line

    def _repr_html_(self) -> str:
        return str(self.to_pandas()._repr_html_())
