"""New observations of pooling models: published numbers, dense mixtures, sums over cells."""

import json
from pathlib import Path

import dense
import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb

HERE = Path(__file__).parent
RAGGED = {"G": [-10, 1, 11], "E": [-16, -15, -14], "M": [30]}
VALUES = np.array([-10.0, 1, 11, -16, -15, -14, 30])
CODES = np.array([0, 0, 0, 1, 1, 1, 2])
GRIDS = {"mu": gb.linspace(-25, 25, 20), "tau": gb.linspace(1, 30, 15), "theta": gb.linspace(-40, 40, 50)}


@pytest.mark.parametrize("name", ["eight_schools", "rubin1981_halfcauchy25", "crins2014_halfnormal05"])
def test_the_effect_in_a_new_group_is_the_published_one(name):
    numbers = json.loads((HERE / "reference" / f"{name}.json").read_text())
    mu, tau = (getattr(gb, family)(*parameters) for family, *parameters in (numbers["mu"], numbers["tau"]))
    post = gb.partial_pooling(numbers["effects"], sigma=numbers["standard_errors"], mu=mu, tau=tau)
    new, wanted = post.predict(new_group=True), numbers["parameters"]["pred"]
    sd = wanted["sd"]
    assert new.mean("expected") == pytest.approx(wanted["mean"], abs=1e-10 * sd)
    assert new.sd("expected") == pytest.approx(sd, rel=1e-10)
    for key, value in wanted.items():
        if key.startswith("q"):
            assert new.quantile("expected", float(f"0.{key[1:]}")) == pytest.approx(value, abs=1e-10 * sd)
    assert new.probability("expected", above=0) == pytest.approx(wanted["p_gt0"], abs=1e-10)
    np.testing.assert_allclose(new.hdi("expected", 0.95), wanted["shortest95"], atol=1e-6 * sd)
    assert list(new.marginals) == ["expected"]  # standard errors differ: that of a new row is not known
    assert new.accuracy.largest.size < 1e-8


def truth(tau: np.ndarray, weight: np.ndarray, sigma: float) -> dense.Mixture:
    """mu ~ N(0, 10), tau with these log masses, rows of RAGGED; z = (mu, theta_G, theta_E, theta_M)."""
    return dense.mixture(VALUES, CODES, np.full((len(tau), 7), sigma**2), *dense.partial(3, 0, 10, tau), weight)


def test_a_row_in_every_group_and_in_a_new_one_equals_a_dense_sum():
    tau, w = dense.log_scale(high=8)
    exact = truth(tau, np.log(w) + dense.half_normal(tau, 8), 5.0)
    post = gb.partial_pooling(RAGGED, sigma=5, mu=gb.Normal(0, 10), tau=gb.HalfNormal(8))
    every = post.predict()
    assert every.groups == ("G", "E", "M")
    for d, label in enumerate(RAGGED):
        mean, sd = exact.moments(*np.eye(4)[d + 1])
        assert every.mean("expected", label) == pytest.approx(mean, abs=1e-9 * sd)
        assert every.sd("y", label) == pytest.approx(np.hypot(sd, 5), rel=1e-9)
        one = post.predict(label)
        assert one.quantile("y", 0.9) == pytest.approx(every.quantile("y", 0.9, label), abs=1e-8)
    new = post.predict(new_group=True)
    m, v = exact._normal([1.0])
    v = v + tau**2 + 25
    mean = exact.weight @ m
    assert new.mean("y") == pytest.approx(mean, abs=1e-8)
    assert new.sd("y") == pytest.approx(np.sqrt(exact.weight @ (v + (m - mean) ** 2)), rel=1e-9)
    for x in (-20.0, 0.0, 31.0):
        assert new.probability("y", below=x) == pytest.approx(exact.weight @ st.norm.cdf(x, m, np.sqrt(v)), abs=1e-9)
    assert new.accuracy.largest.size < 1e-6


def test_a_stated_sigma_takes_the_place_of_the_groups_own():
    post = gb.partial_pooling(RAGGED, sigma=5, mu=gb.Normal(0, 10), tau=gb.HalfNormal(8))
    row = post.predict("E", sigma=12)
    assert row.var("y") == pytest.approx(post.var("theta", "E") + 144, rel=1e-9)


def test_a_shared_sigma_is_learned_for_new_rows_too():
    """E[y] = E[theta], Var[y] = Var[theta] + E[sigma**2]."""
    post = gb.partial_pooling(
        RAGGED, sigma=gb.HalfNormal(8), shared_sigma=True, mu=gb.Normal(0, 10), tau=gb.HalfNormal(8)
    )
    noise = post.var("sigma") + post.mean("sigma") ** 2
    assert post.predict("M").var("y") == pytest.approx(post.var("theta", "M") + noise, rel=1e-7)
    spread = post.var("mu") + post.var("tau") + post.mean("tau") ** 2
    assert post.predict(new_group=True).var("y") == pytest.approx(spread + noise, rel=1e-7)


@pytest.mark.parametrize("kind", ["complete", "no"])
def test_the_other_models_predict_too(kind):
    call = getattr(gb, f"{kind}_pooling")
    post = call(RAGGED, sigma=4, theta=gb.Normal(0, 10))
    rows = post.predict()
    count = np.array([3, 3, 1])
    precision = count / 16 + 0.01 if kind == "no" else np.full(3, 7 / 16 + 0.01)
    total = np.array([2.0, -45, 30]) / 16 if kind == "no" else np.full(3, -13 / 16)
    np.testing.assert_allclose(rows.mean("y"), total / precision, atol=1e-9)
    np.testing.assert_allclose(rows.var("y"), 1 / precision + 16, rtol=1e-9)
    assert call(RAGGED, sigma=gb.HalfNormal(9), shared_sigma=True, theta=gb.Normal(0, 10)).predict("E").sd("y") > 0


@pytest.mark.parametrize("shared", [False, True], ids=["known", "shared"])
def test_explicit_grids_mix_normals_about_their_nodes(shared):
    sigma = gb.HalfNormal(9) if shared else 7
    grids = {**GRIDS, "sigma": gb.linspace(2, 30, 12)} if shared else GRIDS
    post = gb.partial_pooling(RAGGED, sigma=sigma, shared_sigma=shared, mu_scale=9, tau_scale=9, grids=grids)
    noise = post.var("sigma") + post.mean("sigma") ** 2 if shared else 49
    rows = post.predict()
    np.testing.assert_allclose(rows.mean("expected"), post.mean("theta"), atol=1e-9)
    np.testing.assert_allclose(rows.mean("y"), post.mean("theta"), atol=1e-8)
    np.testing.assert_allclose(rows.var("y"), post.var("theta") + noise, rtol=1e-8)
    joint = post.joint("mu", "tau").values
    centre, scale = np.meshgrid(GRIDS["mu"].nodes, GRIDS["tau"].nodes, indexing="ij")
    at = GRIDS["theta"].nodes
    p = st.norm.pdf(at, centre[..., None], scale[..., None])
    p = np.einsum("mt,mtx->x", joint, p / p.sum(axis=2, keepdims=True))
    new = post.predict(new_group=True)
    np.testing.assert_allclose(new.marginal("expected"), p, atol=1e-12)
    assert new.mean("y") == pytest.approx(p @ at, abs=1e-8)
    if not shared:
        assert new.accuracy.largest.size > 1e-4


OWN = {"A": [-3.0, 0.0, 2.0], "B": [5.0, 9.0, 7.0, 2.0], "C": [1.5]}


@pytest.mark.parametrize("pooling", [gb.no_pooling, gb.complete_pooling, gb.partial_pooling])
def test_groups_that_learn_their_own_sigma(pooling):
    """p(y | t) = p(t, y) / p(t): each density beside a fit with the row in the data. One row has a pole at its value."""
    partial = pooling is gb.partial_pooling
    priors = {"mu": gb.Normal(0, 10), "tau": gb.HalfNormal(3)} if partial else {"theta": gb.Normal(0, 10)}
    priors["sigma"] = gb.HalfCauchy(5)
    post = pooling(OWN, **priors)
    rows = post.predict()
    for group, at, close in [("A", -4.0, 2e-8), ("B", 12.0, 2e-8), ("C", 3.0, 5e-7)]:  # 3 is near C's pole
        more = pooling({**OWN, group: [*OWN[group], at]}, **priors).log_evidence
        density = rows.marginals["y"][list(OWN).index(group)].density(at)
        assert np.log(density) == pytest.approx(more - post.log_evidence, abs=close)
    np.testing.assert_allclose(rows.mean("expected")[:2], np.broadcast_to(post.mean("theta"), 3)[:2], rtol=1e-7)
    assert np.isinf(rows.sd("y", "C"))
    if pooling is not gb.no_pooling:
        new = post.predict(new_group=True).marginals["y"][0]
        more = pooling({**OWN, "D": [12.0]}, **priors).log_evidence
        assert np.log(new.density(12.0)) == pytest.approx(more - post.log_evidence, abs=5e-8)


def test_rows_that_cannot_be_predicted_are_refused():
    post = gb.partial_pooling({"A": [1, 2], "B": [4]}, sigma={"A": [1, 3], "B": [2]}, mu_scale=5, tau_scale=5)
    with pytest.raises(
        ValueError, match=r"sigma must be stated for a new row in group 'A', which has rows of sigma 1 to 3"
    ):
        post.predict()
    with pytest.raises(ValueError, match="label must be one of the groups"):
        post.predict("C")
    with pytest.raises(TypeError, match="new_group=True asks for a group that is not in the data; leave out group='A'"):
        post.predict("A", new_group=True)
    with pytest.raises(ValueError, match="sigma must be a positive number; sigma is -1"):
        post.predict("A", sigma=-1)
    with pytest.raises(TypeError, match="sigma must be a positive number; sigma is 'x'"):
        post.predict("A", sigma="x")
    apart = gb.no_pooling([1, 2], sigma=1, theta=gb.Normal(0, 5))
    with pytest.raises(ValueError, match=r"say nothing of a new group: its theta is the prior Normal\(0, 5\)"):
        apart.predict(new_group=True)
    learned = gb.complete_pooling(RAGGED, sigma=gb.HalfNormal(9), shared_sigma=True, theta=gb.Normal(0, 10))
    with pytest.raises(TypeError, match=r"sigma is learned here, from its prior HalfNormal\(9\); leave out sigma=3"):
        learned.predict(sigma=3)
    row = apart.predict(0)
    with pytest.raises(ValueError, match="has no joint: each row is predicted on its own"):
        row.joint("expected", "y")
