"""Pooling models on explicit grids: published numbers, the NumPy oracle, the full joint, and identities."""

import json
from pathlib import Path

import jax
import numpy as np
import oracle
import pytest

import gridbayes as gb

REFERENCE = json.loads((Path(__file__).parent / "tutorial_numbers.json").read_text())
NAMES = ["GOVERNMENT", "ENGLISH", "MATH"]
SINGLE = {"GOVERNMENT": [1], "ENGLISH": [-15], "MATH": [30]}
RAGGED = [[-10, 1, 11], [-16, -15, -14], [30, np.nan, np.nan]]
CLASSIC = {
    "mu": np.linspace(-25, 25, 100),
    "tau": np.linspace(1, 30, 100),
    "theta": np.linspace(-40, 40, 200),
    "sigma": np.linspace(1, 30, 100),
}
TINY = {
    "mu": np.array([-12.0, -3.0, 1.0, 14.0]),
    "tau": np.array([1.5, 6.0, 20.0]),
    "theta": np.array([-21.0, -13.0, -2.0, 9.0, 25.0]),
    "sigma": np.array([2.0, 7.0, 16.0]),
}
KINDS = {"complete": gb.complete_pooling, "no": gb.no_pooling, "partial": gb.partial_pooling}
EPS = 1e-12


def setting(entry: dict) -> str:
    return f"{entry['mu_scale']}-{entry['tau_scale']}"


def classic(*names: str) -> dict[str, np.ndarray]:
    return {name: CLASSIC[name] for name in names}


def assert_moments(post: gb.Posterior, name: str, expected: list, rtol: float = 1e-9) -> None:
    """Means and variances, [mean, variance] or one such pair a group, at `rtol` of sd and variance."""
    mean, variance = np.array(expected).T
    np.testing.assert_allclose(post.mean(name), mean, rtol=0, atol=rtol * np.sqrt(variance.max()))
    np.testing.assert_allclose(post.var(name), variance, rtol=rtol)


def by_group(pairs: dict) -> list:
    return [pairs[letter] for letter in "GEM"]


# --- published numbers, each observation used once: A1 to A5 ------------------------------------------------


@pytest.mark.parametrize("entry", ["complete_pooling", "complete_pooling_exercise_t"])
def test_complete_pooling_on_the_classic_grid(entry):
    numbers = REFERENCE[entry]
    post = gb.complete_pooling(numbers["t"], sigma=15, theta=gb.Normal(0, 20), grids=classic("theta"))
    assert_moments(post, "theta", numbers["correct_same_grid"])


@pytest.mark.parametrize(("t", "entry"), [((1, -15, 30), "no_pooling"), ((-20, -15, 30), "no_pooling_exercise_t")])
def test_no_pooling_on_the_classic_grid(t, entry):
    post = gb.no_pooling(t, sigma=15, theta=gb.Normal(0, 20), grids=classic("theta"))
    assert_moments(post, "theta", by_group(REFERENCE[entry]["correct_same_grid"]))


def test_no_pooling_has_a_row_of_masses_a_group_and_moves_one_group_only():
    before = gb.no_pooling([1, -15, 30], sigma=15, theta=gb.Normal(0, 20), grids=classic("theta")).marginal("theta")
    after = gb.no_pooling([-20, -15, 30], sigma=15, theta=gb.Normal(0, 20), grids=classic("theta")).marginal("theta")
    assert before.shape == (3, 200)
    np.testing.assert_allclose(before.sum("theta"), 1, atol=EPS)
    np.testing.assert_allclose(before[1:], after[1:], rtol=EPS)
    assert abs(before[0] - after[0]).max() > 0.001


@pytest.mark.parametrize("numbers", REFERENCE["single_observation"], ids=setting)
def test_partial_pooling_on_the_classic_grids(numbers):
    scales = {name: numbers[name] for name in ("mu_scale", "tau_scale")}
    post = gb.partial_pooling(SINGLE, sigma=15, **scales, grids=classic("mu", "tau", "theta"))
    assert_partial(post, numbers["correct_same_grid"])


@pytest.mark.parametrize("numbers", REFERENCE["multiple_observations_nan"], ids=setting)
def test_partial_pooling_of_ragged_data_on_the_classic_grids(numbers):
    scales = {name: numbers[name] for name in ("mu_scale", "tau_scale")}
    post = gb.partial_pooling(RAGGED, sigma=15, **scales, groups=NAMES, grids=classic("mu", "tau", "theta"))
    assert_partial(post, numbers["correct_same_grid"])


@pytest.mark.parametrize("numbers", REFERENCE["learned_variance"], ids=setting)
def test_partial_pooling_with_learned_sigma_on_the_classic_grids(numbers):
    scales = {name: numbers[name] for name in ("mu_scale", "tau_scale")}
    post = gb.partial_pooling(RAGGED, sigma=gb.HalfCauchy(5), **scales, groups=NAMES, grids=CLASSIC)
    assert_partial(post, numbers["correct_same_grid"])
    assert_moments(post, "sigma", by_group(numbers["correct_same_grid"]["sigma"]))


def assert_partial(post: gb.Posterior, expected: dict) -> None:
    assert_moments(post, "mu", expected["mu"])
    assert_moments(post, "tau", expected["tau"])
    assert_moments(post, "theta", by_group(expected["theta"]))
    assert post.log_evidence == pytest.approx(np.log(expected["evidence"]), rel=1e-12)


# --- the oracle ---------------------------------------------------------------------------------------------

PRIORS = {
    "mu": gb.Normal(2, 8),
    "tau": gb.HalfCauchy(4),
    "theta": gb.Normal(-1, 17),
    "sigma": gb.HalfNormal(9),
}
LOG_PRIORS = {
    "mu": lambda x: oracle.normal(x, 2, 8),
    "tau": oracle.half_cauchy(4),
    "theta": lambda x: oracle.normal(x, -1, 17),
    "sigma": oracle.half_normal(9),
}


def parameters(kind: str, sigma: str) -> tuple[str, ...]:
    shared = ("mu", "tau") if kind == "partial" else ()
    return (*shared, "theta", *(() if sigma == "known" else ("sigma",)))


def stated(kind: str, sigma: str) -> dict:
    """The arguments of a public call."""
    priors = ("mu", "tau") if kind == "partial" else ("theta",)
    learned = {"known": 15.0}.get(sigma, PRIORS["sigma"])
    return {**{name: PRIORS[name] for name in priors}, "sigma": learned, "shared_sigma": sigma == "shared"}


def fitted(kind: str, sigma: str, nodes: dict, rows: list = RAGGED) -> gb.Posterior:
    grids = {name: nodes[name] for name in parameters(kind, sigma)}
    return KINDS[kind](rows, **stated(kind, sigma), groups=list(range(len(rows))), grids=grids)


def modelled(kind: str, sigma: str, nodes: dict, rows: list = RAGGED) -> oracle.Model:
    known = [15.0] * len(rows) if sigma == "known" else sigma
    return oracle.Model(kind, rows, known, nodes, LOG_PRIORS)


CASES = [(kind, sigma) for kind in KINDS for sigma in ("known", "own", "shared")]
MEDIUM = {name: nodes[::5] for name, nodes in CLASSIC.items()}


@pytest.mark.parametrize(("kind", "sigma"), CASES)
def test_masses_and_evidence_equal_the_oracle(kind, sigma):
    post, answer = fitted(kind, sigma, MEDIUM), oracle.enumerated(modelled(kind, sigma, MEDIUM))
    assert set(post.marginals) == set(answer.masses)
    for name, masses in answer.masses.items():
        np.testing.assert_allclose(post.marginal(name), masses, rtol=1e-10, atol=1e-14)
    assert post.log_evidence == pytest.approx(answer.log_evidence, rel=EPS)


# --- the full joint -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "sigma"), CASES)
def test_marginals_equal_those_of_the_full_joint(kind, sigma):
    post, joint = fitted(kind, sigma, TINY), oracle.brute_force(modelled(kind, sigma, TINY))
    assert post.log_evidence == pytest.approx(joint.log_evidence, rel=EPS)
    for name, group, axis in addresses(post):
        np.testing.assert_allclose(post.marginal(name, group), joint.marginal(axis), atol=EPS)


def addresses(post: gb.Posterior) -> list[tuple[str, int | None, str]]:
    """Each marginal: its parameter, its group, and the joint's axis."""
    return [
        (name, group, name if group is None else f"{name}{group}")
        for name in post.marginals
        for group in (post.groups if name in post.per_group else (None,))
    ]


@pytest.mark.parametrize(("kind", "sigma"), CASES)
def test_pairs_equal_those_of_the_full_joint(kind, sigma):
    post, joint = fitted(kind, sigma, TINY), oracle.brute_force(modelled(kind, sigma, TINY))
    for first, one, axis in addresses(post):
        for second, other, across in addresses(post):
            if first != second and (one is None or other is None or one == other):
                pair = post.joint(first, second, group=one if other is None else other)
                assert pair.dims == (first, second)
                np.testing.assert_allclose(pair, joint.marginal(axis, across), atol=EPS)


@pytest.mark.parametrize("sigma", ["known", "own", "shared"])
@pytest.mark.parametrize("kind", ["no", "partial"])
def test_contrasts_equal_those_of_the_full_joint(kind, sigma):
    post, joint = fitted(kind, sigma, TINY), oracle.brute_force(modelled(kind, sigma, TINY))
    difference = post.contrast(2, 1).marginal()
    pair = joint.marginal("theta2", "theta1")
    for value, mass in zip(difference["difference"].values, difference.values, strict=True):
        exact = pair[np.isclose(TINY["theta"][:, None] - TINY["theta"][None, :], value)].sum()
        assert mass == pytest.approx(exact, abs=EPS)


def test_known_sigma_may_differ_by_group_and_by_row():
    rows, sigma = [[-10.0, 1.0], [-16.0, -15.0]], [[4.0, 9.0], [2.0, 30.0]]
    grids = {name: TINY[name] for name in ("mu", "tau", "theta")}
    post = gb.partial_pooling(rows, sigma=sigma, mu=PRIORS["mu"], tau=PRIORS["tau"], grids=grids)
    model = oracle.Model("partial", rows, [1.0, 1.0], TINY, LOG_PRIORS)
    tables = [log_likelihood(*pair) for pair in zip(rows, sigma, strict=True)]
    object.__setattr__(model, "tables", np.array(tables)[:, None, None])
    np.testing.assert_allclose(post.marginal("theta"), oracle.enumerated(model).masses["theta"], atol=EPS)


def log_likelihood(rows: list[float], sigma: list[float]) -> np.ndarray:
    """log p(rows | theta) where each row has its own sigma, over the tiny grid."""
    return sum(oracle.normal(y, TINY["theta"], s) for y, s in zip(rows, sigma, strict=True))


# --- missing rows, missing groups ---------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "sigma"), CASES)
def test_columns_of_missing_values_change_nothing(kind, sigma):
    wider = [[*row, np.nan, np.nan] for row in RAGGED]
    one, other = fitted(kind, sigma, MEDIUM), fitted(kind, sigma, MEDIUM, wider)
    assert one.log_evidence == other.log_evidence
    for name in one.marginals:
        np.testing.assert_array_equal(one.marginal(name), other.marginal(name))


def test_a_group_without_data_gets_its_predictive():
    rows = [*RAGGED, [np.nan, np.nan, np.nan]]
    post, without = fitted("partial", "own", TINY, rows), fitted("partial", "own", TINY)
    hyper = without.joint("mu", "tau").values
    density = np.array(
        [[np.exp(modelled("partial", "own", TINY).log_theta(m, t)) for t in TINY["tau"]] for m in TINY["mu"]]
    )
    np.testing.assert_allclose(post.marginal("theta", group=3), np.einsum("ij,ijk->k", hyper, density), atol=EPS)
    np.testing.assert_allclose(
        post.marginal("sigma", group=3), np.exp(modelled("partial", "own", TINY).log_prior("sigma")), atol=EPS
    )
    assert post.log_evidence == pytest.approx(without.log_evidence, rel=EPS)
    np.testing.assert_allclose(post.marginal("mu"), without.marginal("mu"), atol=EPS)


# --- identities ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "sigma"), CASES)
def test_masses_are_distributions(kind, sigma):
    post = fitted(kind, sigma, MEDIUM)
    for name in post.marginals:
        marginal = post.marginal(name)
        assert marginal.dtype == np.float64
        assert float(marginal.min()) >= 0
        np.testing.assert_allclose(marginal.sum(name), 1, atol=EPS)


def test_the_marginal_of_a_joint_is_the_marginal():
    post = fitted("partial", "own", MEDIUM)
    np.testing.assert_allclose(post.joint("mu", "tau").sum("tau"), post.marginal("mu"), atol=EPS)
    np.testing.assert_allclose(
        post.joint("tau", "theta", group=1).sum("tau"), post.marginal("theta", group=1), atol=EPS
    )
    np.testing.assert_allclose(
        post.joint("sigma", "theta", group=1).sum("theta"), post.marginal("sigma", group=1), atol=EPS
    )


def test_a_contrast_is_antisymmetric_and_its_mean_the_difference_of_means():
    post = fitted("partial", "own", MEDIUM)
    forth, back = post.contrast(2, 1), post.contrast(1, 2)
    np.testing.assert_allclose(forth.marginal().values, back.marginal().values[::-1], atol=EPS)
    assert forth.mean() == pytest.approx(float(post.mean("theta", 2) - post.mean("theta", 1)), rel=1e-10)


def test_tau_near_zero_is_complete_pooling():
    nodes = np.linspace(-40, 40, 161)
    grids = {"mu": nodes, "tau": [1e-9, 2e-9], "theta": nodes}
    partial = gb.partial_pooling(SINGLE, sigma=15, mu_scale=20, tau_scale=1, grids=grids)
    complete = gb.complete_pooling(SINGLE, sigma=15, theta=gb.Normal(0, 20), grids={"theta": nodes})
    for group in NAMES:
        np.testing.assert_allclose(partial.marginal("theta", group=group), complete.marginal("theta"), atol=EPS)
    assert partial.log_evidence == pytest.approx(complete.log_evidence, rel=EPS)


def test_tau_of_zero_is_the_limit_of_tau_near_zero():
    nodes = np.linspace(-40, 40, 41)
    zero, near = (
        gb.partial_pooling(
            SINGLE, sigma=15, mu_scale=20, tau_scale=1, grids={"mu": nodes, "tau": [low, 5.0], "theta": nodes}
        )
        for low in (0.0, 1e-9)
    )
    np.testing.assert_allclose(zero.marginal("theta"), near.marginal("theta"), atol=1e-9)


def test_huge_tau_is_no_pooling_with_a_flat_prior():
    nodes = np.linspace(-60, 60, 241)
    grids = {"mu": [-1.0, 1.0], "tau": [1e8, 2e8], "theta": nodes}
    partial = gb.partial_pooling(SINGLE, sigma=15, mu_scale=20, tau_scale=1e8, grids=grids)
    alone = gb.no_pooling(SINGLE, sigma=15, theta=gb.Flat(), grids={"theta": nodes})
    np.testing.assert_allclose(partial.marginal("theta"), alone.marginal("theta"), atol=EPS)


@pytest.mark.parametrize("sigma", ["own", "shared"])
def test_the_order_of_groups_is_irrelevant(sigma):
    post, turned = fitted("partial", sigma, MEDIUM), fitted("partial", sigma, MEDIUM, RAGGED[::-1])
    assert post.log_evidence == pytest.approx(turned.log_evidence, rel=EPS)
    np.testing.assert_allclose(post.marginal("theta"), turned.marginal("theta")[::-1], atol=EPS)
    np.testing.assert_allclose(post.marginal("tau"), turned.marginal("tau"), atol=EPS)


def test_a_change_of_unit_changes_only_the_unit():
    minutes = fitted("partial", "own", MEDIUM)
    rows, grids = np.array(RAGGED) * 60, {name: nodes * 60 for name, nodes in MEDIUM.items()}
    seconds = gb.partial_pooling(
        rows,
        sigma=gb.HalfNormal(9 * 60),
        mu=gb.Normal(2 * 60, 8 * 60),
        tau=gb.HalfCauchy(4 * 60),
        grids=grids,
    )
    for name in minutes.marginals:
        np.testing.assert_allclose(seconds.marginal(name), minutes.marginal(name), atol=EPS)
    assert seconds.log_evidence == pytest.approx(minutes.log_evidence - 7 * np.log(60), rel=EPS)


# --- grids with weights -------------------------------------------------------------------------------------


def test_weights_of_the_grids_enter_as_the_oracle_says():
    grids = {
        "mu": gb.trapezoid(-25, 25, 30),
        "tau": gb.gauss_legendre(0, 30, 3, 8),
        "theta": gb.trapezoid(-40, 40, 60),
    }
    post = gb.partial_pooling(RAGGED, sigma=15, mu=PRIORS["mu"], tau=PRIORS["tau"], grids=grids)
    nodes, weights = ({name: getattr(grid, part) for name, grid in grids.items()} for part in ("nodes", "weights"))
    answer = oracle.enumerated(oracle.Model("partial", RAGGED, [15.0] * 3, nodes, LOG_PRIORS, weights))
    for name, masses in answer.masses.items():
        np.testing.assert_allclose(post.marginal(name), masses, rtol=1e-10, atol=1e-14)
    assert post.log_evidence == pytest.approx(answer.log_evidence, rel=EPS)


def test_weighted_grids_converge_to_the_continuous_model():
    """mu ~ N(2, 8), tau ~ Uniform(2, 20): theta leaves in closed form, t_d ~ N(mu, sqrt(tau**2 + 15**2))."""
    exact, log_evidence = integrated()
    errors = []
    for panels in (2, 4, 6):
        grids = {
            "mu": gb.gauss_legendre(-70, 74, panels, 8),
            "tau": gb.gauss_legendre(2, 20, panels, 4),
            "theta": gb.trapezoid(-180, 180, 361),
        }
        post = gb.partial_pooling(SINGLE, sigma=15, mu=PRIORS["mu"], tau=gb.Uniform(2, 20), grids=grids)
        errors.append(np.abs(post.mean("theta") - exact).max())
    assert errors[0] > 10 * errors[1] > 100 * errors[2]
    assert errors[2] < 1e-6
    assert post.log_evidence == pytest.approx(log_evidence, abs=1e-6)


def integrated() -> tuple[np.ndarray, float]:
    """E[theta_d | t] and log p(t) by quadrature over mu and tau, theta on paper."""
    u, weight = np.polynomial.legendre.leggauss(40)
    mu, tau = np.linspace(-70, 74, 1441)[:, None], 11 + 9 * u
    t = np.array([1.0, -15.0, 30.0])[:, None, None]
    log_p = oracle.normal(mu, 2, 8) + oracle.normal(t, mu, np.hypot(tau, 15)).sum(axis=0)
    mass = np.exp(log_p) * 0.1 * weight / 2
    theta = mu + (t - mu) * tau**2 / (tau**2 + 15**2)
    return (mass * theta).sum(axis=(1, 2)) / mass.sum(), float(np.log(mass.sum()))


# --- means by index: B2 to B4 of the models -----------------------------------------------------------------


def two_groups(second: int) -> list[np.ndarray]:
    """1,000 rows of mean 0 and `second` rows of mean 2, both exactly."""
    return [np.linspace(-2, 2, 1000), 2 + np.linspace(-1.5, 1.5, second)]


@pytest.mark.parametrize(("second", "printed"), [(100, 0.1818), (200, 0.3333)])
def test_pooled_mean_with_a_flat_prior_is_the_maximum_likelihood_estimate(second, printed):
    rows = two_groups(second)
    post = gb.complete_pooling(rows, sigma=1, theta=gb.Flat(), grids={"theta": gb.linspace(-1, 1, 401)})
    assert post.mean() == pytest.approx(np.concatenate(rows).mean(), abs=1e-10)
    assert round(post.mean(), 4) == printed


@pytest.mark.parametrize(("second", "printed"), [(100, 1.0), (200, 1.3333)])
def test_unpooled_means_are_shrunk_by_their_own_prior_only(second, printed):
    grid = {"theta": gb.linspace(-1, 3, 801)}
    post = gb.no_pooling(two_groups(second), sigma=1, theta=gb.Normal(0, 0.1), grids=grid)
    np.testing.assert_allclose(post.mean("theta"), [0, printed], atol=5e-5)
    assert float(post.mean("theta", 1)) == pytest.approx(2 * second / (second + 100), abs=1e-10)


@pytest.mark.parametrize(
    ("second", "printed"), [(100, [0.83019, 0.07547, 1.41509]), (200, [0.90588, 0.08235, 1.63529])]
)
def test_hierarchical_means_with_a_known_tau(second, printed):
    """tau is known to be 0.1: two nodes a billionth apart say so on a grid."""
    grids = {"mu": gb.linspace(0, 2, 201), "tau": [0.1, 0.1 + 1e-9], "theta": gb.linspace(-1, 3, 401)}
    post = gb.partial_pooling(two_groups(second), sigma=1, mu=gb.Normal(1, 0.1), tau=gb.Uniform(0, 1), grids=grids)
    np.testing.assert_allclose([post.mean("mu"), *post.mean("theta")], printed, atol=5e-6)


@pytest.mark.parametrize("second", [100, 200])
def test_means_by_index_without_grids(second):
    """The same three models in the continuum; Uniform(0.1 -+ 1e-9) says that tau is known."""
    rows, tau = two_groups(second), gb.Uniform(0.1 - 1e-9, 0.1 + 1e-9)
    pooled = gb.complete_pooling(rows, sigma=1, theta=gb.Flat()).mean()
    unpooled = gb.no_pooling(rows, sigma=1, theta=gb.Normal(0, 0.1)).mean("theta", 1)
    hierarchical = gb.partial_pooling(rows, sigma=1, mu=gb.Normal(1, 0.1), tau=tau)
    assert pooled == pytest.approx(2 * second / (1000 + second), abs=1e-10)
    assert float(unpooled) == pytest.approx(2 * second / (100 + second), abs=1e-10)
    printed = {100: [0.83019, 0.07547, 1.41509], 200: [0.90588, 0.08235, 1.63529]}[second]
    np.testing.assert_allclose([hierarchical.mean("mu"), *hierarchical.mean("theta")], printed, atol=5e-6)


# --- float64, and nothing of the caller's touched -----------------------------------------------------------


def test_every_number_is_float64_and_the_configuration_is_left_alone():
    before = jax.config.jax_enable_x64
    post = fitted("partial", "own", MEDIUM)
    assert jax.config.jax_enable_x64 == before
    arrays = [
        post.marginal("theta"),
        post.joint("mu", "tau"),
        post.mean("sigma"),
        post.quantile("theta", [0.1, 0.9]),
    ]
    arrays += [post.contrast(0, 1).marginal(), post.hdi("mu"), post.grids["mu"].nodes]
    assert {np.asarray(array).dtype for array in arrays} == {np.dtype(np.float64)}
    assert type(post.log_evidence) is float and type(post.mean("mu")) is float


def test_float32_data_lose_nothing_after_the_door():
    rows = np.array(RAGGED, dtype=np.float32)
    one, other = fitted("partial", "own", MEDIUM, list(rows)), fitted("partial", "own", MEDIUM)
    np.testing.assert_array_equal(one.marginal("theta"), other.marginal("theta"))


@pytest.mark.parametrize("kind", KINDS)
def test_scales_of_a_slider_give_what_a_fresh_fit_gives(kind):
    """Tables of the data are kept between calls: a move must not see what an earlier prior left behind."""
    before = fitted(kind, "own", MEDIUM)
    changed = stated(kind, "own") | ({"mu": gb.Normal(0, 1)} if kind == "partial" else {"theta": gb.Normal(0, 3)})
    grids = {name: MEDIUM[name] for name in parameters(kind, "own")}
    KINDS[kind](RAGGED, **changed, grids=grids)
    KINDS[kind](RAGGED, **stated(kind, "own") | {"sigma": gb.HalfNormal(2)}, grids=grids)
    np.testing.assert_array_equal(fitted(kind, "own", MEDIUM).marginal("theta"), before.marginal("theta"))


# --- where linear space underflows --------------------------------------------------------------------------

FAR = [[-40.0], [0.0], [40.0]]


@pytest.mark.parametrize("kind", KINDS)
def test_groups_eighty_sigmas_apart_equal_the_oracle(kind):
    nodes = {
        "mu": np.linspace(-25, 25, 21),
        "tau": np.linspace(0.25, 8, 15),
        "theta": np.linspace(-45, 45, 181),
    }
    grids = {name: nodes[name] for name in parameters(kind, "known")}
    priors = {"mu": PRIORS["mu"], "tau": PRIORS["tau"]} if kind == "partial" else {"theta": PRIORS["theta"]}
    post = KINDS[kind](FAR, sigma=0.5, **priors, grids=grids)
    answer = oracle.enumerated(oracle.Model(kind, FAR, [0.5] * 3, nodes, LOG_PRIORS))
    for name, masses in answer.masses.items():
        np.testing.assert_allclose(post.marginal(name), masses, rtol=1e-9, atol=1e-14)
    assert post.log_evidence == pytest.approx(answer.log_evidence, rel=EPS)


@pytest.mark.parametrize("far", [3.0, 12.0, 30.0, 80.0])
def test_an_outlying_group_keeps_its_digits_at_any_distance(far):
    """The factors of K lose digits where a group is far from the others: then K itself, then log-sum-exps take over."""
    nodes = {"mu": np.linspace(-3, 3, 13), "tau": np.linspace(0.5, 2, 50), "theta": np.linspace(-6, far + 6, 161)}
    rows = [[0.0], [0.5], [far]]
    post = gb.partial_pooling(rows, sigma=1, mu=PRIORS["mu"], tau=PRIORS["tau"], grids=nodes)
    answer = oracle.enumerated(oracle.Model("partial", rows, [1.0] * 3, nodes, LOG_PRIORS))
    for name, masses in answer.masses.items():
        np.testing.assert_allclose(post.marginal(name), masses, rtol=1e-9, atol=1e-13)


def test_a_prior_a_thousand_sds_from_the_data_equals_the_oracle():
    nodes = {"mu": np.linspace(-1, 1, 11), "tau": np.array([0.1, 0.2]), "theta": np.linspace(-2, 102, 521)}
    rows = [[100.0], [-1.0]]
    post = gb.partial_pooling(rows, sigma=0.1, mu=PRIORS["mu"], tau=PRIORS["tau"], grids=nodes)
    answer = oracle.enumerated(oracle.Model("partial", rows, [0.1, 0.1], nodes, LOG_PRIORS))
    assert answer.log_evidence < -1e4
    for name, masses in answer.masses.items():
        np.testing.assert_allclose(post.marginal(name), masses, rtol=1e-7, atol=1e-12)
    assert post.log_evidence == pytest.approx(answer.log_evidence, rel=EPS)


# --- the program is what runs -------------------------------------------------------------------------------


def test_an_altered_program_is_the_altered_model():
    grids = {name: MEDIUM[name] for name in ("mu", "tau", "theta")}
    call = {"sigma": 15, "mu_scale": 3, "grids": grids}
    cauchy = gb.partial_pooling(RAGGED, tau_scale=4, **call)
    normal = gb.partial_pooling(RAGGED, tau=gb.HalfNormal(4), **call)
    text = str(cauchy.program).replace("half_cauchy_lpdf", "half_normal_lpdf")
    altered = gb.partial_pooling(RAGGED, tau_scale=4, program=text, **call)
    assert str(altered.program) == text != str(cauchy.program)
    assert abs(altered.marginal("tau") - cauchy.marginal("tau")).max() > 1e-3
    assert altered.log_evidence == pytest.approx(normal.log_evidence, rel=EPS)
    for name in ("mu", "tau", "theta"):
        np.testing.assert_allclose(altered.marginal(name), normal.marginal(name), atol=EPS)


@pytest.mark.parametrize(("kind", "sigma"), CASES)
def test_the_printed_program_is_the_one_that_ran(kind, sigma):
    post = fitted(kind, sigma, TINY)
    grids = {name: TINY[name] for name in parameters(kind, sigma)}
    again = KINDS[kind](RAGGED, **stated(kind, sigma), grids=grids, program=str(post.program))
    assert str(again.program) == str(post.program)
    for name in post.marginals:
        np.testing.assert_array_equal(again.marginal(name), post.marginal(name))


def test_a_program_of_ones_own_needs_explicit_grids():
    with pytest.raises(ValueError, match="pass grids for tau, theta"):
        gb.partial_pooling(RAGGED, sigma=15, program="", grids={"mu": CLASSIC["mu"]})
