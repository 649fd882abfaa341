"""No pooling: every group for itself."""

from collections.abc import Mapping

from gridbayes.likelihoods import RowLikelihood
from gridbayes.models.fit import fit
from gridbayes.models.pooling import pooling, theta_prior
from gridbayes.posterior import Posterior
from gridbayes.priors import Prior
from gridbayes.program import Program

__all__ = ["no_pooling"]


def no_pooling(
    data: object,
    *,
    sigma: object = None,
    likelihood: RowLikelihood | object = None,
    theta: Prior | object = None,
    mu: object = None,
    tau: float | None = None,
    mu_scale: float | None = None,
    shared_sigma: bool = False,
    grids: Mapping[str, object] | None = None,
    program: Program | str | None = None,
    value: str | None = None,
    group: object = None,
    groups: object = None,
) -> Posterior:
    """The posterior of theta_d ~ p(theta) for each group alone, y_dj ~ N(theta_d, sigma).

    Parameters
    ----------
    theta : the prior of each group's theta. `mu=m, tau=s` with numbers is short for `theta=Normal(m, s)`, `mu_scale=s`
        for `theta=Normal(0, s)`, and a prior for `mu` is taken as the prior of theta. Left out: Normal(mean, 2.5 sd) of
        the data, rounded; the summary's title states it.
    data, sigma, likelihood, shared_sigma, grids, program, value, group, groups : as in `partial_pooling`; grids of theta
        and sigma.

    Returns
    -------
    Posterior of theta by group, and sigma where it is learned.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As in `partial_pooling`.

    >>> from gridbayes.priors import Normal
    >>> post = no_pooling({"GOVERNMENT": [1], "ENGLISH": [-15], "MATH": [30]}, sigma=15, theta=Normal(0, 20))
    >>> post.mean("theta").values.round(6).tolist()  # t / (1 + 15**2 / 20**2)
    [0.64, -9.6, 19.2]
    """
    model = pooling(
        "no", data, sigma=sigma, likelihood=likelihood, priors={"theta": theta_prior(theta, mu, tau, mu_scale)},
        shared_sigma=shared_sigma, grids=grids, program=program, value=value, group=group, groups=groups,
    )  # fmt: skip
    return fit(model)
