"""post.sample and post.weighted: a million draws, or as many as are cheap, within 4 standard errors of the exact numbers."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as st
from oracle import normal

import gridbayes as gb
from gridbayes.quadrature import rejection
from gridbayes.quadrature.quadrature import ResolutionError

EFFECTS, ERRORS = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]
SCHOOLS = list("ABCDEFGH")
ROWS = {"a": [3.1, 5.2, 1.0, 4.4], "b": [6.0, 4.1, 8.2, 5.5, 7.0], "c": [-1.0, 0.5, 2.2]}
QUANTILES = np.array([0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99])
GRIDS = {
    "mu": gb.linspace(-8, 12, 11),
    "tau": gb.linspace(0.5, 8, 9),
    "theta": gb.linspace(-10, 15, 26),
    "sigma": gb.linspace(0.5, 8, 8),
}


def schools(**options):
    given = {"mu": gb.Normal(0, 5), "tau": gb.HalfCauchy(5), **options}
    return gb.partial_pooling(EFFECTS, sigma=ERRORS, groups=SCHOOLS, **given)


def explicit(model, *names, **options):
    return model(ROWS, grids={name: GRIDS[name] for name in names}, **options)


def columns(post, draws):
    """Each number's exact marginal with its draws."""
    for name, marginals in post.marginals.items():
        values = draws[name].values.reshape(len(draws["draw"]), -1)
        yield from zip(marginals, values.T, strict=True)


def assert_within_four_errors(post, n, seed=0):
    draws = post.sample(n, seed=seed)
    for marginal, x in columns(post, draws):
        assert abs(x.mean() - marginal.mean) < 4 * marginal.sd / n**0.5
        kurtosis = np.mean((x - marginal.mean) ** 4) / marginal.var**2
        assert abs(x.var() / marginal.var - 1) < 4 * ((kurtosis - 1) / n) ** 0.5
        at = marginal.quantile(QUANTILES)
        exact = marginal.cdf(at)
        below = (x[:, None] <= at + 1e-12).mean(axis=0)
        assert (abs(below - exact) <= 4 * np.sqrt(exact * (1 - exact) / n)).all()
    return draws


def assert_same_correlation(post, draws, first, second, group=None):
    """Beside the exact joint of the pair."""
    masses = post.joint(first, second, group=group)
    a, b = (masses[name].values for name in (first, second))
    p = masses.values
    mean = p.sum(axis=1) @ a, p.sum(axis=0) @ b
    covariance = (a - mean[0]) @ p @ (b - mean[1])
    exact = covariance / np.sqrt((p.sum(axis=1) @ (a - mean[0]) ** 2) * (p.sum(axis=0) @ (b - mean[1]) ** 2))
    x, y = (draws[name].sel(group=group) if name in post.per_group else draws[name] for name in (first, second))
    z = (x - x.mean()) / x.std() * (y - y.mean()) / y.std()
    assert abs(np.corrcoef(x, y)[0, 1] - exact) < 4 * float(z.std()) / len(x) ** 0.5


CLOSED = {
    "schools": schools,
    "mu not normal": lambda: schools(mu=gb.Laplace(2, 4)),
    "mu ends": lambda: schools(mu=gb.Uniform(-2, 6)),
    "mu flat": lambda: schools(mu=gb.Flat(), tau=gb.HalfNormal(5)),
    "mu beyond its end": lambda: schools(mu=gb.Exponential(5), tau=gb.HalfNormal(5)),
    "no pooling": lambda: gb.no_pooling(ROWS, sigma=2, theta=gb.Normal(0, 5)),
    "no pooling, sigma": lambda: gb.no_pooling(ROWS, sigma=gb.HalfNormal(4), shared_sigma=True, theta=gb.Laplace(0, 5)),
    "complete pooling": lambda: gb.complete_pooling(ROWS, sigma=2, theta=gb.Normal(0, 5)),
    "complete pooling, sigma": lambda: gb.complete_pooling(
        ROWS, sigma=gb.HalfNormal(4), shared_sigma=True, theta=gb.StudentT(4, 0, 5)
    ),
    "own sigma, no pooling": lambda: gb.no_pooling(ROWS, sigma=gb.HalfNormal(4), theta=gb.Normal(0, 5)),
    "own sigma, complete pooling": lambda: gb.complete_pooling(ROWS, sigma=gb.Uniform(1, 6), theta=gb.Normal(0, 5)),
    "no pooling of counts": lambda: gb.no_pooling({"a": 3, "b": 8}, likelihood=gb.Binomial(10), theta=gb.Normal(0, 2)),
    "proportion": lambda: gb.proportion(6, 12),
    "normal": lambda: gb.normal(ROWS["b"]),
    "line, errors known": lambda: gb.linear_regression([0, 1, 2, 4], [1, 3, 5, 8], sigma=0.5),
    "regression": lambda: gb.linear_regression({"a": [0, 1, 2, 4, 5], "b": [1, 0, 1, 1, 0]}, [1, 3, 5, 8, 12]),
    "grids": lambda: explicit(gb.partial_pooling, "mu", "tau", "theta", sigma=2, mu_scale=5, tau_scale=3),
    "grids, sigma": lambda: explicit(
        gb.partial_pooling, *GRIDS, sigma=gb.HalfNormal(4), shared_sigma=True, mu_scale=5, tau_scale=3
    ),
    "grids, own sigma": lambda: explicit(gb.partial_pooling, *GRIDS, sigma=gb.HalfNormal(4), mu_scale=5, tau_scale=3),
    "grids, complete pooling": lambda: explicit(
        gb.complete_pooling, "theta", "sigma", sigma=gb.HalfNormal(4), theta=gb.Normal(0, 5)
    ),
    "grids, no pooling": lambda: explicit(gb.no_pooling, "theta", sigma=2, theta=gb.Normal(0, 5)),
}


@pytest.mark.parametrize("name", CLOSED)
def test_moments_and_quantiles(name):
    assert_within_four_errors(CLOSED[name](), 10_000)


def test_a_quarter_of_a_million_draws():
    post = schools()
    draws = assert_within_four_errors(post, 250_000)
    assert_same_correlation(post, draws, "mu", "tau")
    assert_same_correlation(post, draws, "mu", "theta", group="A")
    assert_same_correlation(post, draws, "tau", "theta", group="A")
    difference = (draws["theta"].sel(group="A") - draws["theta"].sel(group="C")).values
    contrast = post.contrast("A", "C")
    assert abs(difference.std() / contrast.sd() - 1) < 4 / (2 * len(difference)) ** 0.5 * 1.5
    assert abs((difference > 0).mean() - contrast.probability(above=0)) < 4 * 0.5 / len(difference) ** 0.5


def test_shared_sigma_is_drawn_with_the_rest():
    post = gb.partial_pooling(ROWS, sigma=gb.HalfNormal(4), shared_sigma=True, mu_scale=5, tau_scale=3)
    draws = assert_within_four_errors(post, 10_000)
    assert_same_correlation(post, draws, "tau", "sigma")
    assert_same_correlation(post, draws, "sigma", "theta", group="c")


@pytest.fixture(scope="module")
def own():
    """Groups with sigmas of their own, one with one row, one with none."""
    data = {**ROWS, "d": [9.0], "e": []}
    return gb.partial_pooling(data, sigma=gb.HalfNormal(4), mu=gb.Normal(0, 5), tau=gb.HalfNormal(4))


def test_groups_with_sigmas_of_their_own(own):
    draws = assert_within_four_errors(own, 4_000)
    assert_same_correlation(own, draws, "mu", "tau")
    for group in ("a", "c", "d"):
        assert_same_correlation(own, draws, "theta", "sigma", group=group)
        assert_same_correlation(own, draws, "tau", "theta", group=group)


def test_weighted_nodes_of_groups_with_sigmas_of_their_own(own):
    nodes = own.weighted()
    for name in ("mu", "tau"):
        assert float(nodes["p_node"] @ nodes[name]) == pytest.approx(own.mean(name), abs=1e-7)


def products_by_brute_force(log_l, mu_prior, tau_prior, reach):
    """E of mu theta_d and tau theta_d of two groups, on a dense grid of mu, tau and theta."""
    mu, tau = np.linspace(-reach, reach, 161), np.linspace(0, 6 * tau_prior.std(), 161)[1:]
    theta = np.linspace(-4 * reach, 4 * reach, 2001)
    k = np.exp(normal(theta, mu[:, None, None], np.maximum(tau, 4 * np.diff(theta)[0])[:, None]))
    likelihood = np.exp([each(theta) for each in log_l])
    m, first = k @ likelihood.T, k @ (theta * likelihood).T
    w = mu_prior.pdf(mu)[:, None] * tau_prior.pdf(tau)
    total = (w * m[..., 0] * m[..., 1]).sum()
    sums = [w * first[..., d] * m[..., 1 - d] for d in (0, 1)]
    return [[(x * mu[:, None]).sum() / total, (x * tau).sum() / total] for x in sums]


@pytest.mark.parametrize(
    ("data", "options", "log_l", "reach"),
    [
        (
            {"a": 3, "b": 9},
            {"likelihood": gb.Binomial(10), "mu": st.norm(0, 2), "tau": st.halfnorm(0, 1)},
            [lambda theta, y=y: y * theta - 10 * np.logaddexp(0, theta) for y in (3, 9)],
            8.0,
        ),
        (
            {"a": [0, 1, 9], "b": [4, 5]},
            {"likelihood": gb.StudentTErrors(4), "sigma": 1.0, "mu": st.norm(0, 3), "tau": st.halfnorm(0, 4)},
            [lambda theta, y=y: st.t.logpdf(np.array(y)[:, None], 4, theta).sum(axis=0) for y in ([0, 1, 9], [4, 5])],
            12.0,
        ),
    ],
    ids=["binomial", "student"],
)
def test_rows_that_are_not_normal(data, options, log_l, reach):
    n = 3_000
    draws = assert_within_four_errors(gb.partial_pooling(data, **options), n)
    exact = products_by_brute_force(log_l, options["mu"], options["tau"], reach)
    for d, group in enumerate(data):
        for name, expected in zip(("mu", "tau"), exact[d], strict=True):
            product = (draws[name] * draws["theta"].sel(group=group)).values
            assert abs(product.mean() - expected) < 4 * product.std() / n**0.5


def test_draws_on_grids_are_nodes():
    draws = CLOSED["grids, own sigma"]().sample(200)
    for name, grid in GRIDS.items():
        assert np.isin(draws[name], grid.nodes).all()


def test_a_population_far_narrower_than_its_distance_to_the_data_is_drawn():
    """K underflows where the data are: the draw is by logs."""
    grids = {"mu": gb.linspace(0, 1, 3), "tau": gb.linspace(0.01, 0.02, 3), "theta": gb.linspace(-1, 60, 123)}
    post = gb.partial_pooling({"a": [50]}, sigma=0.5, mu=gb.Normal(0, 5), tau=gb.Uniform(0.005, 0.03), grids=grids)
    draws = post.sample(400)
    assert abs(draws["theta"].mean() - post.mean("theta", "a")) < 4 * post.sd("theta", "a") / 20 + 1e-9


# --- densities and memos of one's own ---------------------------------------------------------------------------------


def two_normals(a, b):
    return -((a - 1) ** 2) / 2 - (b - 0.7 * a) ** 2 / (2 * 0.5**2)


def gamma_and_share(rate, share):
    return 2 * jnp.log(rate) - 3 * rate + 4 * jnp.log(share) + jnp.log1p(-share)


def unordered(m, y):
    return -(m**2).sum() / 200 + jnp.logaddexp(-((y - m[0]) ** 2) / 2, -((y - m[1]) ** 2) / 2).sum()


@gb.memo
def coin[_p: P](k, n):
    nature: chooses(p in P, wpp=p**k * (1 - p) ** (n - k))
    return Pr[nature.p == _p]


def test_quadrature_draws_the_density_itself():
    draws = gb.quadrature(two_normals, {"a": "real", "b": "real"}).sample(20_000)
    assert st.kstest(draws["a"], st.norm(1, 1).cdf).pvalue > 1e-3
    assert st.kstest((draws["b"] - 0.7 * draws["a"]) / 0.5, st.norm.cdf).pvalue > 1e-3
    draws = gb.quadrature(gamma_and_share, {"rate": "positive", "share": "unit"}).sample(20_000)
    assert st.kstest(draws["rate"], st.gamma(3, scale=1 / 3).cdf).pvalue > 1e-3
    assert st.kstest(draws["share"], st.beta(5, 2).cdf).pvalue > 1e-3


def test_mirror_images_are_not_drawn():
    y = np.append(st.norm(0, 1).ppf(np.linspace(0.02, 0.98, 20)), st.norm(7, 1).ppf(np.linspace(0.02, 0.98, 30)))
    post = gb.quadrature(unordered, {"m": ("real", 2)}, y, exchangeable="m")
    draws = assert_within_four_errors(post, 4_000)
    assert (draws["m"].sel(group=0) < draws["m"].sel(group=1)).all()


def test_a_density_far_from_a_bell_is_refused(monkeypatch):
    post = gb.quadrature(two_normals, {"a": "real", "b": "real"})
    monkeypatch.setattr(rejection, "RARE", 0.99)
    with pytest.raises(ResolutionError, match="makes a draw of a, b: .* Use post.weighted"):
        post.sample(10)


def test_mixtures_and_their_mirrored_labels():
    y = np.append(st.norm(0, 1).ppf(np.linspace(0.02, 0.98, 20)), st.norm(7, 1).ppf(np.linspace(0.02, 0.98, 30)))
    assert_within_four_errors(gb.mixture(y, sigma=1, mu=gb.Normal(0, 10)), 4_000)
    draws = assert_within_four_errors(gb.mixture(y, sigma=1, mu=gb.Normal(0, 10), labels="mirrored"), 4_000)
    low = draws["mu"].argmin("group")
    assert abs(draws["weight"].isel(group=low).mean() - 0.4) < 0.02  # weights move with their means
    assert abs(low.mean() - 0.5) < 4 * 0.5 / 4_000**0.5


def test_regressions_by_quadrature():
    post = gb.logistic_regression(
        [-1, 0, 1, 2], [0, 3, 5, 9], trials=10, slope=gb.Normal(0, 2), intercept=gb.Normal(0, 2)
    )
    draws = assert_within_four_errors(post, 10_000)
    assert_same_correlation(post, draws, "intercept", "slope")


def test_enumerated_densities_and_memos():
    grids = {"a": gb.gauss_legendre(-7, 9, panels=8), "b": gb.gauss_legendre(-8, 9, panels=14)}
    post = gb.enumerate(two_normals, grids, progress=False)
    draws = assert_within_four_errors(post, 10_000)
    assert st.kstest((draws["b"] - 0.7 * draws["a"]) / 0.5, st.norm.cdf).pvalue > 1e-3
    draws = coin(k=6, n=12, grids={"P": gb.gauss_legendre(0, 1)}).sample(10_000)
    assert st.kstest(draws["p"], st.beta(7, 7).cdf).pvalue > 1e-3


# --- the call ---------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_draws():
    post = schools()
    first = post.sample(50, seed=3)
    assert first.identical(schools().sample(50, seed=3))
    assert not first.equals(post.sample(50, seed=4))
    assert first.equals(post.sample(50, seed=np.random.default_rng(3)))
    assert first["theta"].dims == ("draw", "group") and first["group"].values.tolist() == SCHOOLS
    assert first["mu"].dims == ("draw",) and list(first) == ["mu", "tau", "theta"]


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError)])
def test_counts_that_are_none(n, error):
    with pytest.raises(error, match=f"n must be .*; n is {n}"):
        schools().sample(n)


def test_one_number_is_drawn_by_its_distribution_function():
    post = schools().contrast("A", "C")
    assert_within_four_errors(post, 10_000)
    nodes = post.weighted()
    assert float(nodes["p_node"] @ nodes["difference"]) == pytest.approx(post.mean(), abs=1e-12)


@pytest.mark.parametrize("question", ["sample", "weighted"])
def test_predictions_are_known_row_by_row(question):
    arguments = [10] if question == "sample" else []
    with pytest.raises(TypeError, match=f"does not answer {question}: .* without a joint"):
        getattr(schools().predict(), question)(*arguments)


# --- weighted nodes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["schools", "mu ends", "no pooling, sigma", "complete pooling, sigma", "grids, sigma"])
def test_weighted_nodes_have_the_exact_moments(name):
    post = CLOSED[name]()
    nodes = post.weighted()
    p = nodes["p_node"]
    assert float(p.sum()) == pytest.approx(1, abs=1e-12)
    for parameter in set(nodes) - {"p_node"}:
        assert float(p @ nodes[parameter]) == pytest.approx(post.mean(parameter), rel=1e-10)
        assert float(p @ nodes[parameter] ** 2) == pytest.approx(
            post.var(parameter) + post.mean(parameter) ** 2, rel=1e-9
        )


def test_weighted_nodes_of_complete_pooling_by_group():
    post = CLOSED["own sigma, complete pooling"]()
    assert float(post.weighted()["p_node"] @ post.weighted()["theta"]) == pytest.approx(post.mean("theta"), abs=1e-9)


def test_weighted_nodes_of_a_regression_have_its_moments_and_those_of_products():
    post = CLOSED["regression"]()
    nodes = post.weighted()
    p, slope = nodes["p_node"], nodes["slope"]
    assert abs((p * slope).sum("node") - post.mean("slope")).max() < 1e-10
    assert abs((p * slope**2).sum("node") - post.mean("slope") ** 2 - post.var("slope")).max() < 1e-9
    difference = slope.sel(group="a") - slope.sel(group="b")
    assert float(p @ difference**2) - float(p @ difference) ** 2 == pytest.approx(
        post.contrast("a", "b").var(), rel=1e-9
    )
    assert float(p @ nodes["sigma"]) == pytest.approx(post.mean("sigma"), rel=1e-10)


def test_weighted_nodes_of_densities_and_memos():
    fitted = gb.quadrature(two_normals, {"a": "real", "b": "real"}).weighted()
    assert float(fitted["p_node"] @ (fitted["a"] * fitted["b"])) == pytest.approx(0.7 * 2, abs=1e-9)
    grids = {"a": gb.gauss_legendre(-7, 9, panels=8), "b": gb.gauss_legendre(-8, 9, panels=14)}
    cells = gb.enumerate(two_normals, grids, progress=False).weighted()
    assert float(cells["p_node"] @ (cells["a"] * cells["b"])) == pytest.approx(0.7 * 2, abs=1e-9)
    thrown = coin(k=6, n=12, grids={"P": gb.gauss_legendre(0, 1)}).weighted()
    assert float(thrown["p_node"] @ thrown["p"] ** 3) == pytest.approx(7 * 8 * 9 / (14 * 15 * 16), abs=1e-12)
    mixed = gb.mixture(np.append(np.arange(10.0), np.arange(50.0, 60)), sigma=3, mu=gb.Normal(0, 100)).weighted()
    assert mixed["mu"].dims == ("node", "group")


def test_weighted_nodes_that_do_not_exist():
    with pytest.raises(ValueError, match="weighted needs a parameter that the groups share; no pooling of 3"):
        CLOSED["no pooling"]().weighted()
    with pytest.raises(ValueError, match="weighted needs a parameter that the groups share; no pooling of 3"):
        CLOSED["own sigma, no pooling"]().weighted()
    y = np.append(np.arange(10.0), np.arange(50.0, 60))
    with pytest.raises(ValueError, match="Pass labels='ordered'"):
        gb.mixture(y, sigma=3, mu=gb.Normal(0, 100), labels="mirrored").weighted()
    wide = np.random.default_rng(0).normal(size=(40, 20))
    with pytest.raises(ValueError, match="no room for 21 coefficients in 262,144 nodes"):
        gb.linear_regression(wide, np.sin(np.arange(40)), sigma=1).weighted()
