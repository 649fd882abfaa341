"""Three pooling models of two small data sets, told and drawn: what `gridbayes quickstart` shows."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gridbayes.datasets import Dataset, eight_schools, punctuality
from gridbayes.models.complete_pooling import complete_pooling
from gridbayes.models.no_pooling import no_pooling
from gridbayes.models.partial_pooling import partial_pooling
from gridbayes.observations import observe
from gridbayes.posterior import Posterior
from gridbayes.priors import HalfCauchy, Normal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["INTRODUCTION", "NEXT", "Study", "drawn", "studies", "told"]

WIDTH = 100  # columns of a terminal

INTRODUCTION = """\
Three models of the same data. A row is a parameter: its posterior mean, standard deviation,
equal-tailed 89% interval, and the numerical error of the mean in units of the standard deviation.
Log evidence compares the models; that of no pooling falls with the width of its prior.
"""

MEANING = {
    "partial pooling": "groups differ, and how much they do (tau) is learned: each borrows from the others",
    "no pooling": "each group on its own, under a prior so wide that its own data decide",
    "complete pooling": "one theta for all groups, which is partial pooling at tau = 0",
}

NEXT = """\
Your own file:  gridbayes fit data.csv --value COLUMN --group COLUMN --sigma NUMBER   (or --help)
From Python:    import gridbayes as gb; help(gb.partial_pooling)
"""


@dataclass(frozen=True)
class Study:
    """A data set and its posteriors, by the name of the model."""

    data: Dataset
    posteriors: Mapping[str, Posterior]


def studies() -> list[Study]:
    """Eight schools and the ragged punctuality data, with priors on the scale of their differences."""
    return [_study(eight_schools(), scale=5.0), _study(punctuality(ragged=True), scale=10.0)]


def _study(data: Dataset, scale: float) -> Study:
    """mu ~ N(0, scale), tau ~ HalfCauchy(scale); theta ~ N(0, 100) in no, N(0, scale) in complete pooling."""
    population, wide = Normal(0, scale), Normal(0, 100)
    known = {"data": data.values, "sigma": data.errors}
    posteriors = {
        "partial pooling": partial_pooling(**known, mu=population, tau=HalfCauchy(scale)),
        "no pooling": no_pooling(**known, theta=wide),
        "complete pooling": complete_pooling(**known, theta=population),
    }
    return Study(data, posteriors)


def told(study: Study) -> Iterator[str]:
    """Paragraphs about a study: what it is, and a table for each model. No line is longer than `WIDTH`."""
    title = f"{study.data.name}: {study.data.unit}"
    yield f"{title}\n{'=' * len(title)}\n{textwrap.fill(study.data.citation, WIDTH)}"
    for name, posterior in study.posteriors.items():
        lines = [f"{name.capitalize()}: {MEANING[name]}.", *str(posterior.summary()).splitlines()]
        yield "\n".join(textwrap.fill(line, WIDTH) if len(line) > WIDTH else line for line in lines)


def drawn(compared: Sequence[Study]) -> "Figure":
    """A panel for each study."""
    from gridbayes.plots import Panel, quickstart_figure

    panels = [
        Panel(data.name, study.posteriors, observe(data.values, sigma=data.errors), data.unit)
        for study in compared
        for data in [study.data]
    ]
    return quickstart_figure(panels)
