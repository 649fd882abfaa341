"""Explorers of one sample, a line, a mixture, a grid and a memo: numbers, code, widgets, bad input."""

import numpy as np
import pytest
import scipy.stats as st
from explorer_text import Elements, label_of, numbers_in, run

import gridbayes as gb
from gridbayes.explorers.widget import Shell

SAMPLE = [9.0, 12.0, 7.5, 10.5]
X, Y = [0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 2.9, 5.2, 6.8, 9.1]


@gb.memo
def coin[_p: P](k, n):
    nature: chooses(p in P, wpp=p**k * (1 - p) ** (n - k))
    return Pr[nature.p == _p]


@pytest.fixture(scope="module")
def explorers() -> dict[str, gb.Explorer]:
    return {
        "normal": gb.explore(SAMPLE, "normal"),
        "regression": gb.explore(Y, "regression", x=X),
        "mixture": gb.explore(model="mixture"),
        "grid": gb.explore([1, -15, 30], "grid"),
        "memo": gb.explore(model=coin, grids={"P": gb.gauss_legendre(0, 1)}, k=6, n=12),
    }


@pytest.fixture
def explorer(explorers, request) -> gb.Explorer:
    return explorers[request.param].reset()


EACH = pytest.mark.parametrize("explorer", ["normal", "regression", "mixture", "grid", "memo"], indirect=True)


@EACH
def test_every_slider_moves_the_picture_and_brings_it_back(explorer):
    shell = Shell(explorer)
    first, numbers = label_of(shell.picture.value), numbers_in(shell.picture.value)
    for name, slider in shell.sliders.items():
        value, state = slider.value, explorer.state
        one = 1 if isinstance(value, int) else max(0.4 * value, 2 * slider.step)
        slider.value = value - one if value - one > (slider.min if isinstance(value, int) else 0) else value + one
        assert explorer.state[name] != state[name]
        assert numbers_in(shell.picture.value) != numbers, name
        slider.value = value
        assert label_of(shell.picture.value) == first and numbers_in(shell.picture.value) == numbers
    assert all(f"{name} " in first for name in shell.sliders)


@EACH
def test_the_code_gives_the_numbers_of_the_picture(explorer, monkeypatch):
    names = {"coin": coin, "grids": {"P": gb.gauss_legendre(0, 1)}}
    for preset in [None, *explorer.presets]:
        if preset is not None:
            explorer.preset(preset)
        exec(explorer.code(), names)
        stated = numbers_in(explorer.frame())
        for label, marginal in names["post"].rows:
            np.testing.assert_allclose(stated[label][:2], [marginal.mean, marginal.sd], rtol=1e-12)
            np.testing.assert_allclose(stated[label][2:], marginal.eti() if len(stated[label]) > 2 else [], rtol=1e-12)


@EACH
def test_its_labels_name_each_input(explorer):
    shell = Shell(explorer)
    assert all(shell.inputs[name].description == name for name in shell.sliders)
    assert 1 <= sum(not control.more for control in explorer.subject.controls) <= 5
    assert Elements(shell.picture.value).of("svg")


def test_a_sample_under_a_wide_prior_is_the_t_distribution():
    """mu ~ N(0, 1e4), sigma ~ HalfNormal(1e4): mu is near a t of n - 2 degrees of freedom about the mean."""
    stated = numbers_in(gb.explore(SAMPLE, "normal", mu_scale=1e4, sigma_scale=1e4).frame())
    scale = np.sqrt(np.sum((np.array(SAMPLE) - np.mean(SAMPLE)) ** 2) / 2 / 4)
    np.testing.assert_allclose(stated["mu"][2:], st.t(2, np.mean(SAMPLE), scale).interval(0.89), rtol=2e-3)
    assert stated["next value"][3] - stated["next value"][2] > 1.5 * (stated["mu"][3] - stated["mu"][2])


def test_a_line_under_wide_priors_is_least_squares():
    stated = numbers_in(gb.explore(Y, "regression", x=X, slope_scale=1e4, intercept_scale=1e4).frame())
    fitted = st.linregress(X, Y)
    assert stated["slope"][0] == pytest.approx(fitted.slope, abs=1e-5)
    assert stated["intercept"][0] == pytest.approx(fitted.intercept, abs=1e-4)


def test_a_mixture_finds_its_truth(explorers):
    explorers["mixture"].reset().set(first=-2.0, second=3.0, weight=0.5)
    stated = numbers_in(explorers["mixture"].frame())
    assert abs(stated["mu[0]"][0] + 2) < 4 * stated["mu[0]"][1] and abs(stated["mu[1]"][0] - 3) < 4 * stated["mu[1]"][1]
    assert abs(stated["weight[0]"][0] - 0.5) < 4 * stated["weight[0]"][1]


def test_a_mixture_of_given_values():
    rng = np.random.default_rng(1)
    y = np.append(rng.normal(0, 1, 140), rng.normal(5, 1, 60))
    explorer = gb.explore(y, "mixture", sigma=1.0)
    post = gb.mixture(y, sigma=1, mu=gb.Normal(0, explorer.state["mu_scale"]))
    stated = numbers_in(explorer.frame())
    assert stated["mu[1]"] == pytest.approx([post.mean("mu", 1), post.sd("mu", 1)])
    assert run(explorer.code()).mean("mu", 1) == pytest.approx(post.mean("mu", 1))


def test_a_coin_is_a_beta(explorers):
    stated = numbers_in(explorers["memo"].reset().frame())["p"]
    beta = st.beta(7, 7)
    np.testing.assert_allclose(stated, [beta.mean(), beta.std(), *beta.interval(0.89)], rtol=1e-6)


def test_the_price_of_a_grid_is_its_distance_from_the_closed_form(explorers):
    """theta ~ N(0, 20), three values of sd 15, five points from -40 to 40."""
    explorer = explorers["grid"].reset().set(nodes="5", reach=40, theta_scale=20, sigma=15)
    nodes = np.linspace(-40, 40, 5)
    masses = np.exp(-(nodes**2) / 800 - sum((t - nodes) ** 2 for t in (1, -15, 30)) / 450)
    precision = 1 / 400 + 3 / 225
    stated = numbers_in(explorer.frame())
    assert stated["theta"][0] == pytest.approx(masses @ nodes / masses.sum())
    assert stated["theta, continuous"][:2] == pytest.approx([16 / 225 / precision, precision**-0.5])
    assert "The grid's price: largest error" in explorer.picture.accuracy
    price = float(explorer.picture.accuracy.split("largest error ")[1].split()[0])
    assert price >= 0.99 * abs(stated["theta"][0] - stated["theta, continuous"][0]) * precision**0.5


@pytest.mark.parametrize(
    ("explorer", "name", "typed", "said"),
    [
        ("normal", "data[values]", "", "at least 1 values"),
        ("regression", "data[x]", "1 2", "equally many of x and y; there are 2 of x, 5 of y"),
        ("regression", "slope_scale", "1e300", "slope_scale must be from"),
        ("grid", "data[values]", "x", "must be a number"),
        ("memo", "k", "2.5", "k must be a whole number"),
        ("memo", "n", "-3", "n must be from 0 to 24"),
        ("mixture", "weight", "2", "weight must be from 0 to 1"),
    ],
    indirect=["explorer"],
)
def test_what_is_no_value_is_said_in_place(explorer, name, typed, said):
    shell = Shell(explorer)
    picture = shell.picture.value
    shell.inputs[name].value = typed
    assert said in "".join(Elements(shell.message.value).texts) and shell.picture.value == picture


@pytest.mark.parametrize("explorer", ["grid"], indirect=True)
def test_what_a_model_refuses_is_said_in_place(explorer, monkeypatch):
    def refuses(*_, **__):
        raise MemoryError("the grids need 9 GiB <b>")

    shell = Shell(explorer)
    picture, state = shell.picture.value, explorer.state
    with monkeypatch.context() as patched:
        patched.setattr("gridbayes.explorers.nodes.complete_pooling", refuses)
        shell.sliders["theta_scale"].value = 30.0
        assert "the grids need 9 GiB <b>" in "".join(Elements(shell.message.value).texts)
    assert shell.picture.value == picture and explorer.state is state
    shell.inputs["theta_scale"].value = "30"
    assert shell.message.value == "" and explorer.state["theta_scale"] == 30


@pytest.mark.parametrize("explorer", ["mixture"], indirect=True)
def test_what_quadrature_warns_of_is_in_the_accuracy_line(explorer):
    assert "differ by" not in explorer.picture.accuracy
    assert "differ by" in explorer.set(second=0.0).picture.accuracy


def test_points_of_a_line_are_dragged_both_ways(explorers):
    explorer = explorers["regression"].reset()
    shell = Shell(explorer)
    shell.dragged.value = '[["x", 4, 2.5], ["y", 4, -1.5]]'
    scales, sigma = ("slope", "intercept"), gb.HalfNormal(explorer.state["sigma_scale"])
    priors = {name: gb.Normal(0, explorer.state[f"{name}_scale"]) for name in scales}
    post = gb.linear_regression([*X[:4], 2.5], [*Y[:4], -1.5], **priors, sigma=sigma)
    stated = numbers_in(shell.picture.value)
    assert {label: stated[label][0] for label in stated} == pytest.approx({label: m.mean for label, m in post.rows})
    assert "x went from 4 to 2.5" not in explorer.picture.sentence  # two values moved


def test_explore_needs_one_input():
    with pytest.raises(ValueError, match="x must be one input here; there are 2"):
        gb.explore(Y, "regression", x=np.ones((5, 2)))


def test_a_memo_must_return_a_posterior():
    @gb.memo
    def share[_p: P](k):
        nature: chooses(p in P, wpp=p**k)
        return E[nature.p] + _p

    with pytest.raises(TypeError, match="memo share must return a distribution"):
        gb.explore(model=share, grids={"P": gb.linspace(0, 1, 3)}, k=3)


def test_a_page_of_another_explorer(explorers, tmp_path):
    assert explorers["memo"].reset().save_html(tmp_path / "coin.html") == 13
    assert explorers["normal"].reset().save_html(tmp_path / "normal.html", positions=5) == 5
    assert (tmp_path / "normal.html").stat().st_size < 200_000
