"""Sweeps of hyperparameters: single fits at random settings, dense sums, scipy's optimiser on the marginal likelihood."""

import dense
import numpy as np
import pytest
import scipy.stats as st
from scipy.optimize import minimize, minimize_scalar

import gridbayes as gb

EFFECTS, ERRORS = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]
RAGGED = {"G": [-10, 1, 11], "E": [-16, -15, -14], "M": [30]}
Y, SE = np.array(EFFECTS, float), np.array(ERRORS, float)
MU_SCALES, TAU_SCALES = np.geomspace(0.01, 1000, 11), np.geomspace(0.01, 1000, 9)


@pytest.fixture(scope="module")
def schools() -> gb.Sensitivity:
    return gb.sensitivity(EFFECTS, sigma=ERRORS, groups=list("ABCDEFGH"), mu_scale=MU_SCALES, tau_scale=TAU_SCALES)


def oracle(mu_loc: float, mu_scale: float, log_prior) -> tuple[dense.Mixture, np.ndarray]:
    """Eight schools by dense normal algebra; `log_prior` is of tau."""
    tau, w = dense.log_scale(low=-32, high=30)
    prior = dense.partial(8, mu_loc, mu_scale, tau)
    return dense.mixture(Y, np.arange(8), np.tile(SE**2, (len(tau), 1)), *prior, np.log(w) + log_prior(tau)), tau


def test_every_answer_is_that_of_a_single_fit(schools):
    found = {
        "mean": [schools.mean(name) for name in ("mu", "tau", "theta")],
        "sd": [schools.sd(name) for name in ("mu", "tau", "theta")],
    }
    quantiles = {name: schools.quantile(name, [0.025, 0.5, 0.9]) for name in ("mu", "tau", "theta")}
    above = schools.probability("theta", above=0), schools.probability("tau", above=2, below=9)
    picks = np.random.default_rng(1).integers(0, [11, 9], (8, 2)).tolist()
    for i, j in [(0, 0), (10, 0), (0, 8), (10, 8), *picks]:
        s, t = MU_SCALES[i], TAU_SCALES[j]
        fit = gb.partial_pooling(EFFECTS, sigma=ERRORS, groups=list("ABCDEFGH"), mu_scale=s, tau_scale=t)
        assert float(schools.log_evidence[i, j]) == pytest.approx(fit.log_evidence, abs=1e-10)
        for statistic, answers in found.items():
            for name, answer in zip(("mu", "tau", "theta"), answers, strict=True):
                wanted, unit = getattr(fit, statistic)(name), fit.sd(name)
                np.testing.assert_allclose((answer[i, j] - wanted) / unit, 0, atol=1e-10)
        if (
            t > 100 * s
        ):  # a spike in a broad density: the fit's median is off by the 1e-5 it states; a dense sum tells below
            continue
        for name, answer in quantiles.items():
            apart = answer[i, j] - fit.quantile(name, [0.025, 0.5, 0.9])
            np.testing.assert_allclose(apart / fit.sd(name), 0, atol=2e-8)  # the fit's panels, between nodes
        np.testing.assert_allclose(above[0][i, j], fit.probability("theta", above=0), atol=2e-8)
        assert float(above[1][i, j]) == pytest.approx(fit.probability("tau", above=2, below=9), abs=2e-8)
    assert schools.accuracy.largest.size < 1e-9
    assert "the worst of 99 settings" in str(schools.accuracy)


@pytest.fixture(scope="module")
def corners() -> gb.Sensitivity:
    """Settings that are hard for an interval: mu or tau a spike in the breadth of the other."""
    return gb.sensitivity(EFFECTS, sigma=ERRORS, groups=list("ABCDEFGH"), mu_scale=[0.1, 100], tau_scale=[0.1, 100])


def require_shortest(found: np.ndarray, prob: float, exact: dense.Mixture, direction: list) -> None:
    """Of all intervals that hold `prob`: equal densities at its ends, and none of many others is shorter."""
    m, v = exact._normal(direction)
    sd = np.sqrt(np.maximum(v, 1e-30))
    inside = exact.weight @ (st.norm.cdf(found[1], m, sd) - st.norm.cdf(found[0], m, sd))
    assert inside == pytest.approx(prob, abs=1e-11)
    low, high = (exact.weight @ st.norm.pdf(end, m, sd) for end in found)
    assert low == pytest.approx(high, rel=1e-7)
    for p in (1 - prob) * np.linspace(0.02, 0.98, 13):
        length = exact.quantile(p + prob, *direction) - exact.quantile(p, *direction)
        assert length > found[1] - found[0] - 1e-9 * exact.moments(*direction)[1]


def test_shortest_intervals_are_those_of_a_single_fit(corners):
    found = {name: corners.hdi(name, 0.8) for name in ("mu", "tau", "theta")}
    assert found["theta"].dims == ("mu_scale", "tau_scale", "group", "bound")
    assert found["theta"].attrs == {"ci_kind": "hdi", "ci_prob": 0.8}
    for i, j in ((0, 1), (1, 0), (1, 1)):
        fit = gb.partial_pooling(EFFECTS, sigma=ERRORS, mu_scale=[0.1, 100][i], tau_scale=[0.1, 100][j])
        for name, group in (("mu", None), ("tau", None), ("theta", 0), ("theta", 2)):
            ends = found[name][i, j] if group is None else found[name][i, j, group]
            apart = (ends - fit.hdi(name, 0.8, group=group).values) / float(fit.sd(name, group))
            np.testing.assert_allclose(apart, 0, atol=1e-8)


def test_shortest_intervals_equal_those_of_a_dense_mixture(corners):
    exact, _ = oracle(0, 100, lambda tau: dense.half_cauchy(tau, 0.1))
    require_shortest(corners.hdi("theta", 0.8, "A")[1, 0].values, 0.8, exact, [0, 1])
    require_shortest(corners.hdi("mu", 0.8)[1, 0].values, 0.8, exact, [1])
    assert float(corners.hdi("tau", 0.8)[1, 0].sel(bound="lower")) == pytest.approx(
        0, abs=1e-9
    )  # its density falls from 0


def test_contrasts_are_those_of_a_single_fit_and_of_a_dense_mixture(corners):
    apart, top = corners.contrast("A", "C"), corners.contrast({"A": 0.5, "G": 0.5, "C": -1})
    assert apart.mean().dims == ("mu_scale", "tau_scale") and apart.mean().name == "difference"
    assert repr(top) == "Sensitivity(combination in partial pooling of 8 groups over mu_scale 2, tau_scale 2)"
    fit = gb.partial_pooling(EFFECTS, sigma=ERRORS, groups=list("ABCDEFGH"), mu_scale=100, tau_scale=0.1)
    exact, _ = oracle(0, 100, lambda tau: dense.half_cauchy(tau, 0.1))
    for sweep, wanted, direction in (
        (apart, fit.contrast("A", "C"), [0, 1, 0, -1]),
        (top, fit.contrast({"A": 0.5, "G": 0.5, "C": -1}), [0, 0.5, 0, -1, 0, 0, 0, 0.5]),
    ):
        mean, sd = exact.moments(*direction)
        assert float(sweep.mean()[1, 0]) == pytest.approx(mean, abs=1e-9 * sd)
        assert float(sweep.mean()[1, 0]) == pytest.approx(wanted.mean(), abs=1e-8 * sd)
        assert float(sweep.sd()[1, 0]) == pytest.approx(sd, rel=1e-9)
        assert float(sweep.sd()[1, 0]) == pytest.approx(wanted.sd(), rel=1e-8)
        assert float(sweep.probability(above=0)[1, 0]) == pytest.approx(wanted.probability(above=0), abs=1e-8)
        require_shortest(sweep.hdi(0.9)[1, 0].values, 0.9, exact, direction)
        assert float(sweep.quantile(0.3)[1, 0]) == pytest.approx(exact.quantile(0.3, *direction), abs=1e-9 * sd)
    assert apart.accuracy.largest.size < 1e-8


def test_a_contrast_with_a_group_without_data_has_the_moments_of_a_single_fit():
    data = {"A": [1.0], "B": []}
    found = gb.sensitivity(data, sigma=1, mu_scale=3, tau_scale=[10]).contrast("A", "B")
    assert np.isinf(found.sd()).all()
    each = gb.partial_pooling(data, sigma=1, mu_scale=3, tau_scale=10).mean("theta")
    assert found.mean().item() == pytest.approx(float(each[0] - each[1]), rel=1e-6)


# --- a learned sigma --------------------------------------------------------------------------------------------------

VALUES, CODES = np.concatenate(list(RAGGED.values())).astype(float), np.repeat([0, 1, 2], [3, 3, 1])


@pytest.fixture(scope="module")
def learned() -> gb.Sensitivity:
    return gb.sensitivity(RAGGED, sigma=gb.HalfNormal(1), sigma_scale=[3, 12], mu_scale=8, tau_scale=[1, 10])


@pytest.fixture(scope="module")
def dense_learned() -> tuple[dense.Mixture, np.ndarray, np.ndarray]:
    """The same at tau_scale 10, sigma_scale 3, with tau and sigma of each cell."""
    tau, sigma = dense.log_scale(0.1, -20, 12), dense.log_scale(0.1, -0.5, 4.5)
    cells = [x.ravel() for x in np.meshgrid(tau[0], sigma[0], indexing="ij")]
    noise, log_w = np.tile(cells[1][:, None] ** 2, (1, len(VALUES))), np.add.outer(np.log(tau[1]), np.log(sigma[1]))
    log_p = log_w.ravel() + dense.half_cauchy(cells[0], 10) + dense.half_normal(cells[1], 3)
    return dense.mixture(VALUES, CODES, noise, *dense.partial(3, 0, 8, cells[0]), log_p), *cells


def test_a_learned_sigma_equals_a_dense_sum_over_tau_and_sigma(learned, dense_learned):
    assert learned.mean("theta").dims == ("tau_scale", "sigma_scale", "group")
    exact, tau, sigma = dense_learned
    at = {"tau_scale": 10, "sigma_scale": 3}
    assert float(learned.log_evidence.sel(at)) == pytest.approx(exact.log_evidence, abs=1e-9)
    for name, direction in (("mu", [1]), ("theta", [0, 0, 0, 1])):
        mean, sd = exact.moments(*direction)
        group = "M" if name == "theta" else None
        assert float(learned.mean(name, group).sel(at)) == pytest.approx(mean, abs=1e-8 * sd)
        assert float(learned.sd(name, group).sel(at)) == pytest.approx(sd, rel=1e-8)
    for name, cells in (("tau", tau), ("sigma", sigma)):
        mean, sd = exact.scale(cells)
        assert float(learned.mean(name).sel(at)) == pytest.approx(mean, rel=1e-8)
        assert float(learned.sd(name).sel(at)) == pytest.approx(sd, rel=1e-7)
    difference = learned.contrast("G", "M")
    assert float(difference.mean().sel(at)) == pytest.approx(exact.moments(0, 1, 0, -1)[0], rel=1e-8)
    assert float(difference.sd().sel(at)) == pytest.approx(exact.moments(0, 1, 0, -1)[1], rel=1e-8)


def test_a_learned_sigma_is_that_of_a_single_fit(learned):
    fit = gb.partial_pooling(RAGGED, sigma=gb.HalfNormal(12), shared_sigma=True, mu_scale=8, tau_scale=1)
    at = {"tau_scale": 1, "sigma_scale": 12}
    assert float(learned.log_evidence.sel(at)) == pytest.approx(fit.log_evidence, abs=1e-9)
    for name in ("theta", "sigma"):
        unit = fit.sd(name)
        np.testing.assert_allclose((learned.mean(name).sel(at) - fit.mean(name)) / unit, 0, atol=1e-8)
        np.testing.assert_allclose(learned.sd(name).sel(at) / unit, 1, atol=1e-8)
        np.testing.assert_allclose((learned.quantile(name, 0.9).sel(at) - fit.quantile(name, 0.9)) / unit, 0, atol=1e-8)
    apart = learned.hdi("sigma", 0.9).sel(at) - fit.hdi("sigma", 0.9)
    np.testing.assert_allclose(apart / fit.sd("sigma"), 0, atol=1e-8)
    above = learned.probability("sigma", above=6).sel(at)
    assert float(above) == pytest.approx(fit.probability("sigma", above=6), abs=1e-8)


def test_the_gradient_with_a_learned_sigma_is_that_of_the_dense_evidence(learned, dense_learned):
    found = learned.gradient().sel(tau_scale=10, sigma_scale=3)
    assert found["hyperparameter"].values.tolist() == ["tau_scale", "sigma_scale"]
    exact, tau, sigma = dense_learned

    def slope(log_prior) -> float:
        """Of log evidence, by five points; another prior changes the weights of the cells alone."""
        ratios = [np.log(exact.weight @ np.exp(log_prior(step) - log_prior(0))) for step in (-0.02, -0.01, 0.01, 0.02)]
        return (8 * (ratios[2] - ratios[1]) - (ratios[3] - ratios[0])) / 0.12

    assert float(found[0]) == pytest.approx(slope(lambda step: dense.half_cauchy(tau, 10 + step)), rel=1e-6)
    assert float(found[1]) == pytest.approx(slope(lambda step: dense.half_normal(sigma, 3 + step)), rel=1e-6)


def test_the_empirical_bayes_optimum_with_a_learned_sigma_is_one_of_single_fits(learned):
    found = learned.empirical_bayes()
    best = {key: found[key] for key in ("tau_scale", "sigma_scale")}

    def log_evidence(tau_scale: float, sigma_scale: float) -> float:
        sigma = gb.HalfNormal(sigma_scale)
        return gb.partial_pooling(RAGGED, sigma=sigma, shared_sigma=True, mu_scale=8, tau_scale=tau_scale).log_evidence

    at_best = log_evidence(**best)
    assert found["log_evidence"] == pytest.approx(at_best, abs=1e-9) and at_best > float(learned.log_evidence.max())
    for key, value in best.items():
        low, high = learned.settings.axes[key][0], learned.settings.axes[key][-1]
        for other in (value * 0.97, value * 1.03):
            assert log_evidence(**{**best, key: other}) < at_best or not low <= other <= high


def test_priors_of_sigma_in_a_list_beside_known_values_of_tau():
    """tau = 0 is complete pooling, with a sigma that all share."""
    priors = [gb.HalfNormal(12), gb.Exponential(0.2)]
    sweep = gb.sensitivity(RAGGED, sigma=priors, mu=gb.Normal(1, 9), tau=[0.0, 6.0])
    assert sweep.sd("mu").dims == ("tau", "sigma")
    np.testing.assert_allclose(sweep.hdi("tau", 0.5).sel(bound="upper"), [[0, 0], [6, 6]], rtol=1e-13)
    for i, prior in enumerate(priors):
        fit = gb.complete_pooling(RAGGED, sigma=prior, shared_sigma=True, theta=gb.Normal(1, 9))
        assert float(sweep.log_evidence[0, i]) == pytest.approx(fit.log_evidence, abs=1e-9)
        assert float(sweep.mean("mu")[0, i]) == pytest.approx(fit.mean("theta"), abs=1e-8 * fit.sd("theta"))
        assert float(sweep.sd("sigma")[0, i]) == pytest.approx(fit.sd("sigma"), rel=1e-8)


def test_the_axes_are_named(schools):
    assert schools.sd("theta").sizes == {"mu_scale": 11, "tau_scale": 9, "group": 8}
    small = gb.sensitivity(EFFECTS, sigma=ERRORS, mu_scale=[3, 5], tau_scale=4)
    theta = small.quantile("theta", [0.1, 0.9])
    assert theta.dims == ("mu_scale", "group", "quantile")
    assert theta.sizes == {"mu_scale": 2, "group": 8, "quantile": 2}
    one = schools.mean("theta", "C")
    np.testing.assert_allclose(one, schools.mean("theta").sel(group="C", drop=True), rtol=1e-12)
    np.testing.assert_allclose(one["tau_scale"], TAU_SCALES)
    assert repr(schools) == "Sensitivity(partial pooling of 8 groups over mu_scale 11, tau_scale 9)"


@pytest.mark.parametrize(("i", "j"), [(0, 8), (6, 4)])
def test_quantiles_and_probabilities_equal_those_of_a_dense_mixture(schools, i, j):
    exact, tau = oracle(0, MU_SCALES[i], lambda tau: dense.half_cauchy(tau, TAU_SCALES[j]))
    assert float(schools.log_evidence[i, j]) == pytest.approx(exact.log_evidence, abs=1e-10)
    m, v = exact._normal([0, 1])
    above = exact.weight @ st.norm.sf(0, m, np.sqrt(np.maximum(v, 1e-30)))
    assert float(schools.probability("theta", above=0, group="A")[i, j]) == pytest.approx(above, abs=1e-11)
    for q in (0.001, 0.5, 0.99):
        wanted = exact.quantile(q, 0, 1)
        assert float(schools.quantile("theta", q, group="A")[i, j]) == pytest.approx(
            wanted, abs=1e-9 * exact.moments(0, 1)[1]
        )
    assert float(schools.mean("tau")[i, j]) == pytest.approx(exact.scale(tau)[0], rel=1e-9)


def test_other_families_lists_and_flat_priors():
    families = [gb.HalfNormal(4), gb.Uniform(0, 30), gb.Exponential(0.2), gb.HalfStudentT(4, 7), gb.Jeffreys()]
    sweep = gb.sensitivity(EFFECTS, sigma=ERRORS, tau=families, mu=[gb.Normal(3, 10), gb.Flat()])
    assert sweep.log_evidence.dims == ("mu", "tau")
    assert str(sweep.log_evidence["tau"].values[1]) == "Uniform(0, 30)"
    for i, mu, j in ((0, gb.Normal(3, 10), 1), (1, gb.Flat(), 0), (1, gb.Flat(), 4)):
        fit = gb.partial_pooling(EFFECTS, sigma=ERRORS, mu=mu, tau=families[j])
        assert float(sweep.log_evidence[i, j]) == pytest.approx(fit.log_evidence, abs=1e-9)
        np.testing.assert_allclose(sweep.mean("theta")[i, j], fit.mean("theta"), atol=1e-8)
    assert sweep.accuracy.largest.size < 1e-8


def test_any_parameter_of_a_prior_is_an_axis():
    sweep = gb.sensitivity(
        EFFECTS, sigma=ERRORS, mu=gb.Normal(0, 6), mu_loc=[-5, 8], tau=gb.HalfStudentT(1, 1), tau_df=[2, 9], tau_scale=3
    )
    assert sweep.sd("theta").dims == ("mu_loc", "tau_df", "group")
    fit = gb.partial_pooling(EFFECTS, sigma=ERRORS, mu=gb.Normal(8, 6), tau=gb.HalfStudentT(2, 3))
    np.testing.assert_allclose(sweep.sd("theta").sel(mu_loc=8, tau_df=2), fit.sd("theta"), rtol=1e-9)


def test_a_grid_of_sigma_is_a_range():
    sweep = gb.sensitivity(RAGGED, sigma=gb.linspace(4, 16, 3), mu_scale=8, tau_scale=[1, 10])
    assert sweep.mean("theta").dims == ("tau_scale", "sigma", "group")
    for sigma in (4, 16):
        fit = gb.partial_pooling(RAGGED, sigma=sigma, mu_scale=8, tau_scale=10)
        at = {"tau_scale": 10, "sigma": sigma}
        assert float(sweep.log_evidence.sel(at)) == pytest.approx(fit.log_evidence, abs=1e-9)
        np.testing.assert_allclose(sweep.mean("theta").sel(at), fit.mean("theta"), atol=1e-8)
        np.testing.assert_allclose(sweep.sd("mu").sel(at), fit.sd("mu"), rtol=1e-9)


def marginal(tau: float, loc: float, scale: float) -> float:
    """log p(t | tau): the effects are normal, with mu in common."""
    return float(st.multivariate_normal.logpdf(Y, np.full(8, loc), np.diag(SE**2 + tau**2) + scale**2))


def test_a_known_tau_is_an_axis_too():
    """The conditional moments of Gelman et al., figures 5.6 and 5.7; tau = 0 is complete pooling."""
    taus = [0.0, 2.0, 20.0, 300.0]
    sweep = gb.sensitivity(EFFECTS, sigma=ERRORS, mu=gb.Normal(2, 9), tau=taus)
    assert sweep.mean("theta").dims == ("tau", "group")
    np.testing.assert_allclose(sweep.log_evidence, [marginal(tau, 2, 9) for tau in taus], atol=1e-10)
    for i, tau in enumerate(taus):
        cov = np.diag(SE**2 + tau**2) + 81
        cross = tau**2 * np.eye(8) + 81
        wanted = 2 + cross @ np.linalg.solve(cov, Y - 2)
        var = np.diag(tau**2 * np.eye(8) + 81 - cross @ np.linalg.solve(cov, cross))
        np.testing.assert_allclose(sweep.mean("theta")[i], wanted, rtol=1e-10)
        np.testing.assert_allclose(sweep.sd("theta")[i], np.sqrt(var), rtol=1e-10)
        np.testing.assert_allclose(sweep.quantile("theta", 0.9)[i], st.norm.ppf(0.9, wanted, np.sqrt(var)), rtol=1e-9)
    assert sweep.quantile("tau", 0.2).values.tolist() == taus
    assert sweep.probability("tau", above=1, below=100).values.tolist() == [0, 1, 1, 0]
    assert sweep.accuracy.largest.size < 1e-11


def test_moments_that_do_not_exist_are_those_of_a_single_fit():
    sweep = gb.sensitivity({"A": [1.0], "B": []}, sigma=1, mu_scale=3, tau_scale=[1, 10])
    fit = gb.partial_pooling({"A": [1.0], "B": []}, sigma=1, mu_scale=3, tau_scale=10)
    for name in ("tau", "theta"):
        np.testing.assert_allclose(sweep.mean(name)[1], fit.mean(name), rtol=1e-6)
        np.testing.assert_allclose(sweep.sd(name)[1], fit.sd(name), rtol=1e-6)
    assert np.isinf(sweep.sd("tau")).all()


# --- gradients and the optimum ----------------------------------------------------------------------------------------


def test_gradients_equal_finite_differences():
    def at(mu_scale, tau_scale):
        return gb.sensitivity(EFFECTS, sigma=ERRORS, mu_scale=mu_scale, tau_scale=tau_scale)

    scales = [0.5, 6.0, 40.0]
    sweep = at(scales, scales)
    of_evidence, of_theta = sweep.gradient(), sweep.gradient("theta")
    assert of_theta.dims == ("mu_scale", "tau_scale", "group", "hyperparameter")
    step = 1e-4 * np.array(scales)
    near = {"mu_scale": [], "tau_scale": []}
    for side in (-2, -1, 1, 2):
        near["mu_scale"].append(at(scales + side * step, scales))
        near["tau_scale"].append(at(scales, scales + side * step))
    for key, (far_left, left, right, far_right) in near.items():
        h = step[:, None] if key == "mu_scale" else step

        def slope(answer, h):
            lower, low, high, higher = (answer(each) for each in (far_left, left, right, far_right))  # noqa: B023
            return (8 * (high - low) - (higher - lower)) / (12 * h)

        np.testing.assert_allclose(
            of_evidence.sel(hyperparameter=key), slope(lambda s: s.log_evidence.values, h), rtol=1e-7, atol=1e-9
        )
        np.testing.assert_allclose(
            of_theta.sel(hyperparameter=key),
            slope(lambda s: s.mean("theta").values, h[..., None]),
            rtol=1e-6,
            atol=1e-8,
        )


def test_the_optimum_over_a_known_tau_with_flat_mu_is_restricted_maximum_likelihood():
    """Three groups far apart, so that it is not 0; REML by its textbook formula."""
    y, se = np.array([0.0, 11, 25]), np.array([3.0, 2, 4])

    def reml(tau: float) -> float:
        w = 1 / (se**2 + tau**2)
        return -0.5 * (np.log(w.sum()) - np.log(w).sum() + (w * (y - (w @ y) / w.sum()) ** 2).sum())

    best = minimize_scalar(lambda tau: -reml(tau), bounds=(0, 100), method="bounded", options={"xatol": 1e-10})
    found = gb.sensitivity(y, sigma=se, mu=gb.Flat(), tau=gb.linspace(0, 100, 21)).empirical_bayes()
    assert found["tau"] == pytest.approx(best.x, rel=1e-6)
    assert found["log_evidence"] == pytest.approx(reml(best.x) - np.log(2 * np.pi), abs=1e-9)


def test_the_optimum_of_two_scales_is_scipys():
    y, se = np.array([20.0, 26, 44, 31]), np.array([3.0, 2, 4, 3])
    nodes, w = dense.log_scale(step=0.2, low=-16, high=16)

    def minus_log_evidence(u: np.ndarray) -> float:
        mu_scale, tau_scale = np.exp(u)
        log_l = [st.multivariate_normal.logpdf(y, np.zeros(4), np.diag(se**2 + t**2) + mu_scale**2) for t in nodes]
        return -float(dense.log_sum(np.array(log_l) + dense.half_normal(nodes, tau_scale) + np.log(w), axis=0))

    best = minimize(minus_log_evidence, [3.0, 2.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12})
    sweep = gb.sensitivity(y, sigma=se, mu_scale=[1, 20, 300], tau=gb.HalfNormal(1), tau_scale=[0.5, 5, 100])
    found = sweep.empirical_bayes()
    np.testing.assert_allclose([found["mu_scale"], found["tau_scale"]], np.exp(best.x), rtol=1e-5)
    assert found["log_evidence"] == pytest.approx(-best.fun, abs=1e-9)


def test_an_optimum_at_an_end_is_that_end():
    """Of eight schools the maximum likelihood of tau is 0."""
    found = gb.sensitivity(EFFECTS, sigma=ERRORS, mu=gb.Flat(), tau=[0, 5, 30]).empirical_bayes()
    assert found["tau"] == 0


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "message", "options"),
    [
        (ValueError, "mu must be Normal or Flat", {"mu": gb.Laplace(0, 5), "tau_scale": 3}),
        (ValueError, r"sigma must have a prior on \[0, inf\)", {"sigma": gb.Normal(0, 3), "tau_scale": 3}),
        (TypeError, "sigma must be one prior where sigma_scale is swept", {"sigma": 2.0, "sigma_scale": [1, 2]}),
        (ValueError, "sigma cannot be learned: the rows of every group are all the same",
            {"sigma": gb.HalfNormal(1), "data": {"a": [1, 1], "b": [2, 2]}}),
        (TypeError, r"tau_df is no hyperparameter of tau ~ HalfCauchy\(1\)", {"tau_df": [1], "tau_scale": 1}),
        (TypeError, "tau_scale is missing", {"tau_df": [1, 2]}),
        (TypeError, "no argument beta_scale", {"beta_scale": [1, 2]}),
        (TypeError, "tau must be one prior where tau_scale is swept", {"tau": [gb.HalfNormal(1)], "tau_scale": [1]}),
        (TypeError, "tau_scale must be a number; tau_scale is 'a'", {"tau_scale": ["a"]}),
        (ValueError, r"HalfCauchy: scale must be positive; scale is -1", {"tau_scale": [-1, 2]}),
        (ValueError, "tau_scale must have each value once", {"tau_scale": [2, 2]}),
        (ValueError, "mu_scale must be finite", {"mu_scale": [2, np.inf]}),
        (ValueError, r"mu_scale must be a number or a list of numbers; its shape is \(0,\)", {"mu_scale": []}),
        (ValueError, "tau must not be negative; tau is -2", {"tau": [-2, 1]}),
        (ValueError, "tau must have a proper prior here", {"mu": gb.Flat(), "tau": gb.Flat(), "data": [1, 2]}),
    ],
)  # fmt: skip
def test_ranges_that_cannot_be_swept_are_refused(error, message, options):
    with pytest.raises(error, match=message):
        gb.sensitivity(options.pop("data", [1, 2, 3]), **{"sigma": 2.0, **options})


def test_questions_without_an_answer_are_refused(schools):
    with pytest.raises(MemoryError, match="result, settings x numbers has .* Sweep fewer values at a time"):
        gb.sensitivity(EFFECTS, sigma=ERRORS, mu_scale=range(1, 9001), tau_scale=range(1, 9001)).mean("theta")
    with pytest.raises(ValueError, match="no parameter 'beta'"):
        schools.mean("beta")
    with pytest.raises(ValueError, match="mu is one for all groups; leave out group='A'"):
        schools.mean("mu", "A")
    with pytest.raises(ValueError, match="label must be one of the groups"):
        schools.mean("theta", "X")
    with pytest.raises(ValueError, match="q must lie between 0 and 1, both left out"):
        schools.quantile("mu", [0, 0.5])
    with pytest.raises(ValueError, match="prob must lie between 0 and 1, both left out; prob is 1"):
        schools.hdi("mu", 1)
    with pytest.raises(ValueError, match="contrast needs two different groups; got 'A' twice"):
        schools.contrast("A", "A")
    with pytest.raises(ValueError, match="contrast needs finite weights that are not all 0"):
        schools.contrast({"A": 0})
    with pytest.raises(ValueError, match="no parameter 'mu' in a contrast; it has difference"):
        schools.contrast("A", "B").mean("mu")
    with pytest.raises(TypeError, match="probability needs a bound"):
        schools.probability("mu")
    with pytest.raises(ValueError, match="above must be less than below"):
        schools.probability("mu", above=2, below=1)
    named = gb.sensitivity(EFFECTS, sigma=ERRORS, tau=[gb.HalfNormal(1), gb.HalfCauchy(1)])
    with pytest.raises(TypeError, match="a gradient needs a hyperparameter that is a number: tau varies here"):
        named.gradient()
    several = gb.sensitivity(RAGGED, sigma=gb.linspace(4, 16, 3), tau_scale=[1, 10])
    with pytest.raises(TypeError, match="empirical_bayes is for one sigma"):
        several.empirical_bayes()
