"""The settings of a sweep and sums over all of them: nodes that resolve every one, filled up, in one compiled call."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from gridbayes.contraction import require_memory
from gridbayes.grids import COARSE, FINE, Grid, in_panels
from gridbayes.likelihoods import NormalFactors, known_sigma, learned_sigma
from gridbayes.models import sweeps
from gridbayes.models.pooling import Pooling, known_scale
from gridbayes.models.ranges import Range
from gridbayes.models.scale_nodes import BEYOND, scale_nodes, tau_nodes
from gridbayes.models.tails import falls_as, tail_power
from gridbayes.posterior import PosteriorError
from gridbayes.priors import Flat, Normal

__all__ = ["Settings", "Sums"]

TOGETHER = 2**22  # numbers in one table of the compiled sums
STEP = 16 * FINE[1]  # tables of nodes of tau alone are filled up to a multiple of this
PANELS = 4 * FINE[1]  # the same where they are multiplied with those of sigma

REMEDY = "Sweep fewer values at a time, or ask for one group: group=."

type Sums = Float[np.ndarray, "sigma mu tau ..."]  # of each known sigma, prior of mu, and priors of the scales


@dataclass(frozen=True, eq=False)
class Settings:
    """Partial pooling at every setting of its priors.

    Parameters
    ----------
    model : the data; its priors are the defaults.
    mu, tau : the settings of both priors.
    sigma : the values of one known sigma for all rows, or the settings of the prior of one that all groups learn; None
        where it is known as the model has it.
    """

    model: Pooling
    mu: Range
    tau: Range
    sigma: Range | None = None

    @property
    def learned_sigma(self) -> Range | None:
        return self.sigma if self.sigma is not None and self.sigma.known is None else None

    @property
    def known_sigma(self) -> Float[np.ndarray, " sigma"] | None:
        return None if self.sigma is None else self.sigma.known

    @property
    def scales(self) -> tuple[Range, ...]:
        """tau, and a sigma that is learned: what is summed over nodes."""
        return (self.tau,) if self.learned_sigma is None else (self.tau, self.learned_sigma)

    @property
    def axes(self) -> dict[str, list]:
        """Of each hyperparameter that varies its values."""
        return {**self.mu.axes, **self.tau.axes, **({} if self.sigma is None else self.sigma.axes)}

    @property
    def count(self) -> int:
        return len(self.mu) * len(self.tau) * (1 if self.sigma is None else len(self.sigma))

    @property
    def _of_scales(self) -> int:
        """Settings of the scales' priors together."""
        return math.prod(map(len, self.scales))

    # --- nodes and tables -----------------------------------------------------------------------------------------------

    @cached_property
    def nodes(self) -> tuple[Grid, ...]:
        """Nodes of tau, and of a learned sigma, that resolve every setting."""
        if self.learned_sigma is not None:
            return scale_nodes(self.model, self.mu.priors, self.tau, self.learned_sigma, *FINE)
        factors = self._factors(self.known_sigma)
        return (tau_nodes(self.model, factors, self.mu.priors, self.tau, *FINE),)

    @property
    def coarse(self) -> tuple[Grid, ...]:
        """A rougher rule on the same panels, without those that no setting should need."""
        coarse = []
        for scale, grid in zip(self.scales, self.nodes, strict=True):
            endless = scale.known is None and any(np.isinf(prior.support[1]) for prior in scale.priors)
            edges = grid.edges[:-BEYOND] if endless else grid.edges
            coarse.append(grid if scale.known is not None else in_panels(edges, COARSE[1]))
        return tuple(coarse)

    def _factors(self, sigma: Float[np.ndarray, " sigma"] | None) -> NormalFactors:
        """What the rows say of each theta at these values of one sigma, or with the sigmas that are known."""
        observations = self.model.observations
        return known_sigma(observations) if sigma is None else learned_sigma(observations, sigma)

    @staticmethod
    def _log_prior(scale: Range, grid: Grid) -> Float[np.ndarray, "setting node"]:
        """The log prior of each node at each setting; a known tau is on its own node."""
        if scale.known is not None:
            return np.where(scale.known[:, None] == grid.nodes, 0.0, -np.inf)
        return np.stack([prior.logpdf(grid.nodes) for prior in scale.priors])

    def _length(self, grid: Grid) -> int:
        """Of a table of nodes: filled up, so that few programs are compiled."""
        step = STEP if self.learned_sigma is None else PANELS
        return -(-len(grid) // step) * step

    def edges(self, name: str) -> Float[np.ndarray, " edge"]:
        """Of the panels of a scale; those that only fill up have no length."""
        grid = self.nodes[[scale.name for scale in self.scales].index(name)]
        more = self._length(grid) // grid.order + 1 - len(grid.edges)
        return np.append(grid.edges, np.full(more, grid.edges[-1]))

    def _filled(self, grids: tuple[Grid, ...]) -> tuple[sweeps.Groups, sweeps.Nodes, Float[np.ndarray, "tau cell"]]:
        """The rows' factors, the nodes with their log weights, and the log prior of each cell at each setting."""
        nodes, log_weight, log_prior = [], np.zeros(()), np.zeros(())
        for scale, grid in zip(self.scales, grids, strict=True):
            more = self._length(grid) - len(grid)
            nodes.append(np.append(grid.nodes, np.full(more, grid.nodes[-1])))
            log_weight = np.add.outer(log_weight, np.append(grid.log_weight, np.full(more, -np.inf)))
            own = np.pad(self._log_prior(scale, grid), ((0, 0), (0, more)), mode="edge")
            log_prior = np.add.outer(log_prior, own)
        if len(nodes) == 2:  # (tau, node of tau, sigma, node of sigma)
            log_prior = log_prior.swapaxes(1, 2).reshape(self._of_scales, -1)
            factors = self._factors(nodes[1])
            a, w = factors.a.T[None], factors.w.T[None]
        else:
            factors = self._factors(self.known_sigma)
            nodes, log_weight = [*nodes, np.zeros(1)], log_weight[:, None]
            a, w = factors.a.T[:, None], factors.w.T[:, None]
        groups = sweeps.Groups(*map(jnp.asarray, (a, w, factors.c)))
        return groups, sweeps.Nodes(*map(jnp.asarray, (*nodes, log_weight))), log_prior

    # --- sums ---------------------------------------------------------------------------------------------------------

    def sums(
        self,
        statistic: Callable,
        name: str,
        items: np.ndarray,
        grids: tuple[Grid, ...],
        *arguments: np.ndarray,
        wide: int = 1,
    ) -> Sums:
        """A statistic (sweeps.py) of these items of a parameter at every setting; `wide` numbers of each item."""
        together = self._together(len(items) * wide, len(items))
        with jax.enable_x64(True):
            groups, nodes, log_prior = self._filled(grids)
            found = sweeps.sweep(
                statistic, name, groups, jnp.asarray(items), self._of_mu, nodes,
                jnp.asarray(log_prior), tuple(map(jnp.asarray, arguments)), together,
            )  # fmt: skip
            return self._checked(np.asarray(found), name)

    def require_memory(self, numbers: int) -> None:
        """MemoryError where a result of so many numbers at each setting is too large."""
        require_memory({"result, settings x numbers": (self.count, numbers)}, REMEDY)

    def _together(self, numbers: int, items: int) -> int:
        """How many settings of the scales fit into memory at once; MemoryError where what they are made from does not."""
        cells = math.prod(map(self._length, self.nodes))
        tables = {
            "prior, settings x node": (self._of_scales, cells),
            "closed form, node x group": (4 * cells, len(self.model.observations) + items),
        }
        require_memory(tables, REMEDY)
        return max(1, min(self._of_scales, TOGETHER // (cells * numbers)))

    def derivatives(
        self, statistic: Callable, name: str, items: np.ndarray, at: Mapping[str, float] | None = None
    ) -> tuple[Sums, dict[str, np.ndarray]]:
        """A statistic and its derivatives in each hyperparameter at every setting, or at one."""
        mu, pairs = self._of_mu, np.meshgrid(*(np.arange(len(scale)) for scale in self.scales), indexing="ij")
        scales = {
            key: values[index.ravel()]
            for scale, index in zip(self.scales, pairs, strict=True)
            for key, values in scale.numbers.items()
        }
        if at is not None:
            mu = {key: jnp.asarray([at.get(key, float(values[0]))]) for key, values in mu.items()}
            scales = {key: np.array([at.get(key, float(values[0]))]) for key, values in scales.items()}
        families = tuple((scale.name, scale.priors[0].lpdf) for scale in self.scales if scale.known is None)
        numbers = len(items) * (1 + len(mu) + len(scales))
        together = self._together(numbers, 2 * numbers)
        with jax.enable_x64(True):
            groups, nodes, _ = self._filled(self.nodes)
            found, slopes = sweeps.derivatives(
                statistic, name, groups, jnp.asarray(items), mu, nodes,
                {key: jnp.asarray(values) for key, values in scales.items()}, families, together,
            )  # fmt: skip
        return self._checked(np.asarray(found), name), {key: np.asarray(each) for key, each in slopes.items()}

    @property
    def _of_mu(self) -> dict[str, jax.Array]:
        """loc and scale of mu at each setting; a flat prior has the scale inf."""
        pairs = [(p.loc, p.scale) if isinstance(p, Normal) else (0.0, np.inf) for p in self.mu.priors]
        return {
            f"mu_{key}": jnp.asarray(column) for key, column in zip(("loc", "scale"), np.array(pairs).T, strict=True)
        }

    @staticmethod
    def _checked(values: np.ndarray, name: str) -> np.ndarray:
        if np.isnan(values).any():
            raise PosteriorError(
                f"{name} is not a number in {np.isnan(values).sum():,} of {values.size:,} entries of the sweep: prior and "
                "data exclude one another there. Narrow the ranges."
            )
        return values

    def powers(self, name: str, items: np.ndarray) -> Float[np.ndarray, "1 mu tau item"]:
        """The power at which each density falls, at its heavier side (tails.py): which moments exist.

        A combination falls as the heaviest of its thetas.
        """
        combined = name == "combination"
        asked = [np.flatnonzero(items[0]).tolist()] if combined else items[:, None].tolist()
        known = [known_scale(1.0, "tau")] * len(self.tau)  # a value has no tail, whichever it is
        falls = [
            [("mu", prior, isinstance(prior, Flat)) for prior in self.mu.priors],
            *([(scale.name, prior, falls_as(prior)) for prior in scale.priors or known] for scale in self.scales),
        ]
        alike = {tuple(power for *_, power in each): each for each in product(*map(_of_each_power, falls))}
        found = {}
        for powers, each in alike.items():
            model = replace(self.model, priors={key: prior for key, prior, _ in each})
            of = "theta" if combined else name
            found[powers] = [min(tail_power(model, of, d, side) for d in own for side in (-1, 1)) for own in asked]
        of_mu, *of_scales = [[power for *_, power in each] for each in falls]
        return np.array([[found[mu, *each] for each in product(*of_scales)] for mu in of_mu])[None]


def _of_each_power(priors: list[tuple]) -> list[tuple]:
    """One prior of each power."""
    return list({power: (name, prior, power) for name, prior, power in priors}.values())
