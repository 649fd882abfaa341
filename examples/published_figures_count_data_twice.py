"""Published figures that count each observation twice, beside the right ones, and what settles it.

Three professors came 1 minute late (GOVERNMENT), 15 minutes early (ENGLISH) and 30 minutes late (MATH), each
timed once with a standard deviation of 15 minutes. A public memo tutorial on multilevel models fits

    mu ~ Normal(0, mu_scale),      tau ~ HalfCauchy(tau_scale),
    theta_d ~ Normal(mu, tau),     t_d ~ Normal(theta_d, 15)

and prints a mean and a variance of each theta for nine pairs of scales. It takes p(mu, tau | t), which has
seen all of t, as the prior of theta_d and conditions on t_d once more:

    twice:  p(theta_d) ~ sum over (mu, tau) of p(mu, tau | t) p(theta_d | mu, tau) L_d(theta_d)
    once:   p(theta_d) ~ sum over (mu, tau) of p(mu, tau | t) p(theta_d | mu, tau) L_d(theta_d) / M_d(mu, tau)

with M_d(mu, tau) = p(t_d | mu, tau). gridbayes uses each observation once. The joint distribution of all
five unknowns, enumerated on a coarse grid without any factorisation, says which of the two is its marginal.

    python examples/published_figures_count_data_twice.py
"""

import numpy as np

import gridbayes as gb

T = {"GOVERNMENT": 1.0, "ENGLISH": -15.0, "MATH": 30.0}
SIGMA = 15.0

# (mu_scale, tau_scale): (mean, variance) of theta for GOVERNMENT, ENGLISH, MATH, as the tutorial prints them.
# Source: this project's reference/tutorial_numbers.json, entries "published" of "single_observation".
PUBLISHED = {
    (1, 3): ((0.187, 29.778), (-2.155, 40.307), (6.092, 82.286)),
    (3, 3): ((0.595, 35.435), (-2.168, 46.285), (6.891, 79.738)),
    (10, 3): ((2.370, 61.138), (-2.297, 73.436), (10.948, 80.582)),
    (1, 1): ((0.139, 17.512), (-1.247, 24.192), (3.798, 55.836)),
    (1, 10): ((0.298, 57.456), (-4.140, 73.415), (10.436, 116.686)),
    (1, 20): ((0.366, 74.551), (-5.324, 91.824), (12.698, 127.697)),
    (20, 20): ((2.517, 112.461), (-6.000, 129.325), (16.936, 112.901)),
    (20, 3): ((3.228, 74.198), (-2.422, 87.779), (13.039, 83.766)),
    (3, 20): ((0.632, 78.673), (-5.378, 96.102), (13.063, 124.248)),
}

CLASSIC = {
    "mu": np.linspace(-25, 25, 100),
    "tau": np.linspace(1, 30, 100),
    "theta": np.linspace(-40, 40, 200),
}
COARSE = {"mu": np.linspace(-25, 25, 9), "tau": np.linspace(1, 30, 8), "theta": np.linspace(-40, 40, 12)}


def prior(grids: dict, mu_scale: float, tau_scale: float) -> np.ndarray:
    """p(mu, tau) on the grids, (mu, tau), summing to 1."""
    mu = np.exp(-0.5 * (grids["mu"] / mu_scale) ** 2)
    tau = 1 / (1 + (grids["tau"] / tau_scale) ** 2)
    return np.outer(mu / mu.sum(), tau / tau.sum())


def population(grids: dict) -> np.ndarray:
    """p(theta | mu, tau), (mu, tau, theta), summing to 1 over theta."""
    mu, tau, theta = np.ix_(grids["mu"], grids["tau"], grids["theta"])
    density = np.exp(-0.5 * ((theta - mu) / tau) ** 2)
    return density / density.sum(axis=2, keepdims=True)


def likelihood(grids: dict) -> np.ndarray:
    """L_d(theta), (group, theta)."""
    t = np.array(list(T.values()))[:, None]
    return np.exp(-0.5 * ((t - grids["theta"]) / SIGMA) ** 2)


def marginals(grids: dict, scales: tuple[float, float], times: int) -> np.ndarray:
    """p(theta_d | t), (group, theta), with each observation used once, or `times=2` twice."""
    k, own = population(grids), likelihood(grids)
    m = np.einsum("ijk,dk->dij", k, own)
    hyper = prior(grids, *scales) * m.prod(axis=0)
    rest = hyper / m if times == 1 else hyper * np.ones_like(m)
    masses = np.einsum("dij,ijk->dk", rest, k) * own
    return masses / masses.sum(axis=1, keepdims=True)


def joint_marginals(grids: dict, scales: tuple[float, float]) -> np.ndarray:
    """p(theta_d | t), (group, theta), by summing the joint over (mu, tau, theta_G, theta_E, theta_M)."""
    k, (g, e, m) = population(grids), likelihood(grids)
    joint = np.einsum("ij,ijx,ijy,ijz,x,y,z->ijxyz", prior(grids, *scales), k, k, k, g, e, m)
    joint /= joint.sum()
    return np.array([joint.sum(axis=tuple(set(range(5)) - {axis})) for axis in (2, 3, 4)])


def moments(masses: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Mean and variance of each row, (group, 2)."""
    mean = masses @ nodes
    return np.stack([mean, (masses * (nodes - mean[:, None]) ** 2).sum(axis=1)], axis=1)


def gridbayes_moments(grids: dict, scales: tuple[float, float]) -> np.ndarray:
    """The same by gridbayes, (group, 2)."""
    post = gb.partial_pooling(T, sigma=SIGMA, mu_scale=scales[0], tau_scale=scales[1], grids=grids)
    return np.stack([post.mean("theta"), post.var("theta")], axis=1)


def print_figures() -> None:
    """A row for each of the 27 published pairs: as printed, reproduced by counting twice, and right."""
    print("theta on the classic grids: mean (variance)")
    head = " ".join(f"{text:>18}" for text in ("published", "data used twice", "used once"))
    print(f"{'mu_scale':>8} {'tau_scale':>9}  {'group':<10} {head}")
    for scales, published in PUBLISHED.items():
        twice = moments(marginals(CLASSIC, scales, times=2), CLASSIC["theta"])
        once = gridbayes_moments(CLASSIC, scales)
        for group, *pairs in zip(T, published, twice, once, strict=True):
            cells = " ".join(f"{mean:8.3f} ({variance:7.3f})" for mean, variance in pairs)
            print(f"{scales[0]:>8} {scales[1]:>9}  {group:<10} {cells}")


def print_verdict(scales: tuple[float, float]) -> None:
    """The joint of all five unknowns on a coarse grid, and how far each formula is from its marginals."""
    joint = joint_marginals(COARSE, scales)
    nodes = COARSE["theta"]
    cells = len(COARSE["mu"]) * len(COARSE["tau"]) * len(nodes) ** 3
    print(f"\nThe joint of mu, tau and three thetas at scales {scales}, all {cells:,} cells of a coarse grid:")
    print(f"  its means of theta      {np.round(moments(joint, nodes)[:, 0], 3)}")
    for name, times in (("used once", 1), ("used twice", 2)):
        masses = marginals(COARSE, scales, times)
        mean, off = moments(masses, nodes)[:, 0], np.abs(masses - joint).max()
        print(f"  data {name:<18} {np.round(mean, 3)}, masses off by {off:.1e}")
    print(f"  gridbayes               {np.round(gridbayes_moments(COARSE, scales)[:, 0], 3)}")


if __name__ == "__main__":
    print_figures()
    print_verdict((1, 3))
