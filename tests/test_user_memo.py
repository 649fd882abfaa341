"""`gridbayes.memo` and `gridbayes.sweep`: plain memo's numbers, the continuum's on grids with weights, and how users err."""

import gc
import importlib.util
import linecache
import sys
import warnings
import weakref
from enum import IntEnum
from pathlib import Path
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import plain_memos as plain
import pytest
from scipy import stats
from scipy.special import betaln, digamma

import gridbayes as gb
from gridbayes.memos.linking import PROGRAMS, compiled, linked

HOOKS = sys.excepthook, warnings.showwarning
TEXT = Path(plain.__file__).read_text(encoding="utf-8")
BIAS = {"P": gb.linspace(0.005, 0.995, 100)}
LINE = {"A": gb.linspace(-3, 3, 31), "B": gb.linspace(-1, 2, 41)}
RATE = {"Rate": gb.linspace(0.1, 9.0, 60)}
X, Y = np.arange(4.0), np.array([0.1, 0.9, 2.2, 2.8])


def module_of(path: Path, text: str) -> ModuleType:
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> ModuleType:
    """The text of plain_memos.py with gridbayes' decorator; its grids are taken away, so that calls must bring theirs."""
    text = TEXT.replace("from memo import domain, memo\n", "from memo import domain\n\nfrom gridbayes import memo\n")
    module = module_of(tmp_path_factory.mktemp("user") / "user_memos.py", text)
    for name in ("P", "A", "B", "Rate"):
        delattr(module, name)
    return module


CALLS = {
    "coin": ((6, 12), BIAS),
    "line": ((1.2, X, Y), LINE),
    "frog": ((3, 0.7), {}),
    "hearer": ((1.5,), {}),
    "key": ((0.4, 0.8), {}),
    "leaning": ((2.0, 3.5), BIAS),
    "leaning_coin": ((3, 4, 2.0, 3.0), BIAS),
    "rate_mean": ((3,), RATE),
    "rate_var": ((3,), RATE),
    "doubt": ((0.3,), {}),
    "apart": ((3, 7, 2.0, 2.0), BIAS),
    "gamble": ((3.0, 2, 3), BIAS),
    "worth": ((0.7,), BIAS),
}


def values(result) -> np.ndarray:
    return result.model.run.values if isinstance(result, gb.Posterior) else result.values


def plain_values(name: str, arguments: tuple) -> np.ndarray:
    with jax.enable_x64(True):
        result = np.asarray(getattr(plain, name)(*map(jnp.asarray, arguments)))
    assert result.dtype == np.float64
    return result


@pytest.mark.parametrize("name", CALLS)
def test_a_memo_says_what_plain_memo_says_on_global_grids(ours, name):
    arguments, grids = CALLS[name]
    np.testing.assert_allclose(
        values(getattr(ours, name)(*arguments, grids=grids)), plain_values(name, arguments), rtol=0, atol=1e-12
    )


def test_cells_that_cannot_be_are_zero_as_in_plain_memo_and_are_told(ours):
    with pytest.warns(UserWarning, match=r"is 0 in 4 of the 16 cells .* at index \(0, 0\)"):
        result = ours.host()
    np.testing.assert_allclose(result.values, plain_values("host", ()), rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.sel(picked=0, opened=1), [0.25, 0, 0.375, 0.375], atol=1e-15)


def test_helpers_may_be_defined_after_the_memo_that_uses_them(ours):
    stones = np.arange(8)
    np.testing.assert_allclose(ours.frog(2, 0.5).marginal("s"), stats.binom(3, 0.5).pmf(stones), atol=1e-15)
    np.testing.assert_allclose(ours.frog(t=1).marginal("s"), stats.binom(2, 0.7).pmf(stones), atol=1e-15)


# --- what comes back ----------------------------------------------------------------------------------------------


@gb.memo
def coin[_p: P](k, n):
    nature: chooses(p in P, wpp=p**k * (1 - p) ** (n - k))
    return Pr[nature.p == _p]


@gb.memo
def coin_mean(k, n):
    nature: chooses(p in P, wpp=p**k * (1 - p) ** (n - k))
    return E[nature.p]


def test_one_distribution_is_a_posterior_named_after_its_axis():
    post = coin(k=6, n=12, grids={"P": gb.linspace(0, 1, 200)})
    p = np.linspace(0, 1, 200)
    masses = p**6 * (1 - p) ** 6
    masses /= masses.sum()
    np.testing.assert_allclose(post.marginal("p"), masses, rtol=1e-13)
    assert post.mean("p") == pytest.approx(masses @ p, abs=1e-14)
    assert post.quantile("p", 0.3) == p[np.searchsorted(masses.cumsum(), 0.3)]
    assert repr(post) == "Posterior(memo coin(k=6, n=12); p)"
    assert np.isnan(post.log_evidence) and "evidence" not in repr(post.summary())
    assert str(post.program).startswith("@gb.memo\ndef coin[_p: P](k, n):\n    nature: chooses(p in P, wpp=p**k")
    assert post.to_xarray()["p_p"].sum() == pytest.approx(1)


def test_two_axes_have_a_joint_and_marginals(ours):
    post = ours.line(1.2, X, Y, grids=LINE)
    a, b = np.meshgrid(LINE["A"].nodes, LINE["B"].nodes, indexing="ij")
    log_p = stats.norm.logpdf(Y, a[..., None] + b[..., None] * X, 1.2).sum(axis=-1) + stats.norm.logpdf(a, 0, 5)
    p = np.exp(log_p) / np.exp(log_p).sum()
    np.testing.assert_allclose(post.joint("a", "b"), p, atol=1e-15)
    np.testing.assert_allclose(post.joint("b", "a"), p.T, atol=1e-15)
    np.testing.assert_allclose(post.marginal("b"), p.sum(axis=0), atol=1e-15)
    assert post.joint("b", "a").dims == ("b", "a")
    with pytest.raises(ValueError, match="no parameter 'c' in memo line"):
        post.mean("c")


def test_lists_are_as_good_as_arrays(ours):
    assert ours.line(1.2, [0, 1, 2, 3], Y.tolist(), grids=LINE).mean("a") == ours.line(1.2, X, Y, grids=LINE).mean("a")


def test_a_conditional_is_an_array_labelled_by_names_and_values(ours):
    heard = ours.hearer(1.0)
    assert heard.dims == ("w", "s") and heard.name == "hearer"
    assert heard.w.values.tolist() == ["ROUND", "BRIGHT", "SHAPE"]
    np.testing.assert_allclose(heard.sum("s"), 1, atol=1e-15)
    # ROUND is said of DOT always, and of RING with (1/2) / (1/2 + 1/3)
    assert heard.sel(w="ROUND", s="DOT") == pytest.approx(1 / (1 + 0.6), abs=1e-15)
    means = ours.rate_mean(3, grids=RATE)
    assert means.tau.values.tolist() == [0.5, 1.0, 2.0, 4.0]


class Coin(IntEnum):
    TWO_HEADS = 2
    FAIR = 1


def heads(c, k, n):
    return jnp.where(c == Coin.FAIR, 0.5**n, (k == n) * 1.0)


@gb.memo
def which[_c: Coin](k, n):
    nature: chooses(c in Coin, wpp=heads(c, k, n))
    return Pr[nature.c == _c]


def test_an_enumeration_keeps_its_names_and_sorts_its_numbers():
    post = which(3, 3)
    assert post.marginal("c").sel(c="FAIR") == pytest.approx(1 / 9, abs=1e-15)
    assert post.marginal("c").c.values.tolist() == ["FAIR", "TWO_HEADS"]
    assert post.mean("c") == pytest.approx(2 - 1 / 9, abs=1e-15)
    assert post.probability("c", above=1) == pytest.approx(8 / 9)


def test_a_product_domain_keeps_its_fields(ours):
    post = ours.key(0.4, 0.8)
    mass = post.marginal("z")
    assert mass.z_row.values.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    columns = mass.groupby("z_column").sum()
    expected = np.exp(-0.8 * np.abs(np.arange(3) - 0.3))
    np.testing.assert_allclose(columns, expected / expected.sum(), atol=1e-15)


@gb.memo
def bits[_n: N, _b: Bit](rate):
    source: chooses(n in N, wpp=exp(-rate * n))
    source: chooses(b in Bit, wpp=flipped(b, n))
    return Pr[source.n == _n and source.b == _b]


def flipped(b, n):
    return jnp.where(b == n % 2, 0.75, 0.25)


def test_integers_are_discrete_and_joined_to_a_second_axis():
    post = bits(0.5, grids={"N": range(6), "Bit": [True, False]})
    n = np.arange(6)
    p = np.exp(-0.5 * n) / np.exp(-0.5 * n).sum()
    np.testing.assert_allclose(post.joint("n", "b").sel(b=1), p * np.where(n % 2, 0.75, 0.25), atol=1e-15)
    assert "rounding: all domains are discrete" in str(post.accuracy)
    assert post.accuracy.largest.size < 1e-11


@gb.memo
def several(k, n):
    nature: chooses(p in P, wpp=p**k * (1 - p) ** (n - k))
    return E[nature.p]
    return Pr[nature.p > 0.5]


def test_several_returns_have_an_axis_of_their_own():
    result = several(3, 4, grids={"P": gb.gauss_legendre(0, 1)})
    assert result.dims == ("returned",)
    assert result[0] == pytest.approx(4 / 6, abs=1e-14)
    assert result[1] == pytest.approx(stats.beta.sf(0.5, 4, 2), abs=1e-12)


@gb.memo
def somewhere[_y: Elsewhere]():
    nature: chooses(x in Here, wpp=exp(-x))
    return Pr[nature.x == _y]


def test_a_probability_of_values_that_are_not_chosen_is_no_posterior():
    result = somewhere(grids={"Here": range(3), "Elsewhere": range(2, 5)})
    assert result.values == pytest.approx([np.exp(-2) / np.exp(-np.arange(3)).sum(), 0, 0])


# --- weights ------------------------------------------------------------------------------------------------------

WEIGHTED = [gb.gauss_legendre(0, 1), gb.trapezoid(0, 1, 4001)]


@gb.memo
def anything[_p: P]():
    nature: draws(p in P, uniformly)
    return Pr[nature.p == _p]


@pytest.mark.parametrize("grid", WEIGHTED, ids=repr)
def test_masses_on_a_grid_with_weights_are_the_continuous_posterior(grid):
    post, uniform = coin(6, 12, grids={"P": grid}), anything(grids={"P": grid})
    tolerance = 1e-12 if grid.rule == "panels" else 1e-7
    assert uniform.mean("p") == pytest.approx(0.5, abs=1e-12)
    assert uniform.var("p") == pytest.approx(1 / 12, abs=tolerance)
    assert post.mean("p") == pytest.approx(0.5, abs=tolerance)
    assert post.var("p") == pytest.approx(1 / 60, abs=tolerance)
    q = [0.025, 0.5, 0.9]
    np.testing.assert_allclose(post.quantile("p", q), stats.beta(7, 7).ppf(q), atol=1e-6)
    assert coin_mean(6, 12, grids={"P": grid}) == pytest.approx(0.5, abs=tolerance)


def test_a_memo_that_another_calls_as_a_prior_has_its_weights_once(ours):
    post = ours.leaning_coin(3, 4, 2.0, 3.5, grids={"P": gb.gauss_legendre(0, 1)})
    exact = stats.beta(2 + 3, 3.5 + 1)
    assert post.mean("p") == pytest.approx(exact.mean(), abs=1e-10)
    assert post.sd("p") == pytest.approx(exact.std(), abs=1e-10)


@gb.memo
def hearsay[_q: P](k, n, trust):
    judge: thinks[nature: chooses(p in P, wpp=exp(k * log(p) + (n - k) * log(1 - p)))]  # fmt: skip
    judge: chooses(q in P, wpp=Pr[nature.p == q] ** trust)
    return Pr[judge.q == _q]


def test_a_belief_about_a_belief_has_its_weights_once():
    post = hearsay(3, 4, 2.0, grids={"P": gb.gauss_legendre(0, 1)})
    exact = stats.beta(7, 3)  # the density of Beta(4, 2), squared
    assert post.mean("q") == pytest.approx(exact.mean(), abs=1e-10)
    assert post.sd("q") == pytest.approx(exact.std(), abs=1e-10)


def test_a_divergence_on_a_grid_with_weights_is_the_integral(ours):
    (a, b), (c, d) = (4, 5), (2.0, 3.5)
    exact = betaln(c, d) - betaln(a, b) + (a - c) * digamma(a) + (b - d) * digamma(b) + (c - a + d - b) * digamma(a + b)
    apart = ours.apart(3, 7, 2.0, 3.5, grids={"P": gb.gauss_legendre(0, 1, panels=16)})
    assert float(apart) == pytest.approx(exact, abs=1e-10)


def test_a_probability_that_may_or_may_not_hold_a_weight_is_refused():
    @gb.memo
    def twins[_q: P]():
        one: chooses(p in P, wpp=p)
        judge: knows(one.p)
        judge: thinks[other: chooses(p in P, wpp=1 - p)]  # fmt: skip
        judge: chooses(q in P, wpp=q + Pr[other.p == one.p])
        return Pr[judge.q == _q]

    fails(ValueError, r"asks for Pr\[other.p == one.p\], in which no choice", twins, grids={"P": WEIGHTED[0]})
    assert twins(grids={"P": [0.25, 0.5, 0.75]}).mean("q") > 0.5

    @gb.memo
    def namesakes[_q: P]():
        judge: thinks[one: chooses(x in P, wpp=x), other: chooses(x in Q, wpp=x)]  # fmt: skip
        judge: chooses(q in P, wpp=Pr[one.x == q])
        return Pr[judge.q == _q]

    grids = {"P": WEIGHTED[0], "Q": [1, 2]}
    fails(ValueError, "namesakes chooses one.x from P and from Q, on a grid with weights", namesakes, grids=grids)


def test_equal_chances_of_three_are_thirds_in_float64():
    result = anything(grids={"P": [1, 2, 3]})
    np.testing.assert_allclose(result.marginal("p"), 1 / 3, rtol=1e-15)


@gb.memo
def bent[_kind: Kind, _p: P](k, n):
    me: knows(_kind, _p)
    me: thinks[mint: chooses(kind in Kind, wpp=1), mint: chooses(p in P, wpp=1)]  # fmt: skip
    me: observes_event(wpp=tossed(mint.kind, mint.p, k, n))
    return me[Pr[mint.kind == _kind, mint.p == _p]]


class Kind(IntEnum):
    FAIR = 0
    BENT = 1


def tossed(kind, p, k, n):
    q = jnp.where(kind == Kind.BENT, p, 0.5)
    return q**k * (1 - q) ** (n - k)


def test_a_belief_of_an_agent_over_names_and_a_grid_is_a_posterior():
    post = bent(7, 9, grids={"P": gb.gauss_legendre(0, 1)})
    is_bent = 1 / (1 + 0.5**9 / np.exp(betaln(8, 3)))
    assert post.marginal("kind").sel(kind="BENT") == pytest.approx(is_bent, abs=1e-12)
    assert post.mean("p") == pytest.approx(is_bent * 8 / 11 + (1 - is_bent) / 2, abs=1e-12)
    assert post.joint("p", "kind").sel(kind="FAIR").sum() == pytest.approx(1 - is_bent, abs=1e-12)


# --- accuracy -----------------------------------------------------------------------------------------------------


def test_accuracy_is_the_distance_to_a_coarser_grid_and_bounds_the_true_error():
    for count in (40, 80, 160):
        post = coin(2, 6, grids={"P": gb.linspace(0, 1, count)})
        stated = {e.statistic: e.size for e in post.accuracy.errors}
        exact = stats.beta(3, 5)
        assert abs(post.mean("p") - exact.mean()) / exact.std() <= stated["mean"]
        assert abs(post.sd("p") / exact.std() - 1) <= stated["sd"]
    assert str(post.accuracy).startswith("largest error 0.0")
    assert "(p, coarser grid); use a finer grid" in str(post.accuracy)


def test_accuracy_of_resolved_panels_is_small():
    assert coin(6, 12, grids={"P": gb.gauss_legendre(0, 1)}).accuracy.largest.size < 1e-8


def test_accuracy_names_a_density_that_its_grid_cuts():
    text = str(coin(6, 12, grids={"P": gb.linspace(0.3, 0.9, 61)}).accuracy)
    left = (0.3 * 0.7) ** 6 / 0.25**6
    assert f"of the peak density is left p {100 * left:.3g}% at 0.3, p " in text
    assert text.endswith(
        f"{100 * (0.9 * 0.1) ** 6 / 0.25**6:.3g}% at 0.9: widen the grid, unless the support ends there"
    )
    assert "peak" not in str(coin(6, 12, grids={"P": gb.linspace(0, 1, 61)}).accuracy)


def test_without_anything_coarser_the_error_is_unbounded():
    assert coin(1, 2, grids={"P": [0.25, 0.5, 0.75]}).accuracy.largest.size == np.inf

    @gb.memo
    def spike[_p: P]():
        nature: chooses(p in P, such_that=p == 0.5)
        return Pr[nature.p == _p]

    accuracy = spike(grids={"P": [0.25, 0.5, 0.75, 1.0]}).accuracy
    assert str(accuracy) == "largest error inf sd (p, nothing coarser to compare with); use more nodes"


# --- sweep --------------------------------------------------------------------------------------------------------


def test_sweep_is_a_call_for_each_value():
    grids = {"P": gb.linspace(0, 1, 50)}
    swept = gb.sweep(coin, k=range(13), n=12, grids=grids)
    assert swept.dims == ("k", "p") and swept.k.values.tolist() == list(range(13))
    one = np.stack([coin(k, 12, grids=grids).marginal("p") for k in range(13)])
    np.testing.assert_allclose(swept, one, atol=1e-15)


def test_sweep_over_two_parameters_is_their_product():
    swept = gb.sweep(coin_mean, n=[4, 8], k=np.arange(5), grids={"P": gb.gauss_legendre(0, 1)})
    n, k = np.array([4, 8]), np.arange(5)[:, None]
    assert swept.dims == ("k", "n")  # as the memo has them
    np.testing.assert_allclose(swept, (k + 1) / (n + 2), atol=1e-13)


def test_sweep_leaves_array_parameters_whole(ours):
    swept = gb.sweep(ours.line, sigma=[0.8, 1.2], x=X, y=Y, grids=LINE)
    assert swept.dims == ("sigma", "a", "b")
    np.testing.assert_allclose(swept.sel(sigma=1.2), plain_values("line", (1.2, X, Y)), atol=1e-14)


def test_sweep_follows_the_depth_of_a_recursion(ours):
    swept = gb.sweep(ours.frog, t=range(4), eagerness=0.5)
    np.testing.assert_allclose(swept.sel(t=2)[:4], np.array([1, 3, 3, 1]) / 8, atol=1e-15)


@gb.memo
def softened[_c: Coin](scale):
    nature: chooses(c in Coin, wpp=exp(c * squared(scale)))
    return Pr[nature.c == _c]


def squared(x):
    return x**2


def test_sweep_passes_through_a_call_whose_arguments_are_all_parameters():
    swept = gb.sweep(softened, scale=[0.5, 1.5])
    np.testing.assert_allclose(swept.sel(c="FAIR"), 1 / (1 + np.exp([0.25, 2.25])), atol=1e-15)


# --- where memos may be written -----------------------------------------------------------------------------------


def test_a_memo_inside_a_function_sees_the_names_around_it():
    Face, sides = list(range(1, 7)), 6

    def loaded(face, power):
        return face**power / later(sides)

    @gb.memo
    def die[_f: Face](power):
        hand: chooses(f in Face, wpp=loaded(f, power) * {float(sides)})
        return Pr[hand.f == _f]

    def later(x):
        return x * 1.0

    np.testing.assert_allclose(die(2).marginal("f"), np.arange(1, 7) ** 2 / 91, atol=1e-15)


CELL = """
import gridbayes as gb

@gb.memo
def cell_coin[_p: P](k):
    nature: chooses(p in P, wpp=sharpened(p)**k)   # a comment that stays
    return Pr[nature.p == _p]

def sharpened(p):
    return {body}
"""


def run_cell(number: int, text: str, namespace: dict) -> None:
    """As IPython does: the cell's text is kept in linecache under a name that is no file's."""
    name = f"<ipython-input-{number}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), namespace)


def test_a_memo_in_a_notebook_cell_uses_the_helper_as_it_is_now():
    notebook: dict = {"__name__": "__main__"}
    run_cell(1, CELL.format(body="p"), notebook)
    grids = {"P": gb.gauss_legendre(0, 1)}
    assert notebook["cell_coin"](2, grids=grids).mean() == pytest.approx(3 / 4, abs=1e-12)
    assert "# a comment that stays" in str(notebook["cell_coin"].program)
    run_cell(2, "def sharpened(p):\n    return 1 - p\n", notebook)
    assert notebook["cell_coin"](2, grids=grids).mean() == pytest.approx(1 / 4, abs=1e-12)


def test_a_memo_keeps_the_text_that_it_was_defined_with(tmp_path):
    text = (
        "import gridbayes as gb\n\n@gb.memo\ndef f[_x: X]():\n    a: chooses(x in X, wpp=x)\n    return Pr[a.x == _x]\n"
    )
    module = module_of(tmp_path / "edited.py", text)
    (tmp_path / "edited.py").write_text("# rewritten since\n" * 9)
    assert module.f(grids={"X": [1, 2]}).mean() == pytest.approx(5 / 3, abs=1e-14)


def test_a_plain_memo_may_be_called_on_the_same_grid_only(tmp_path):
    text = (
        "import gridbayes as gb\nfrom plain_memos import leaning\n\n@gb.memo\ndef coin[_p: P](k, n):\n"
        "    nature: chooses(p in P, wpp=leaning[p](2, 2) * p**k * (1 - p)**(n - k))\n    return Pr[nature.p == _p]\n"
    )
    module = module_of(tmp_path / "calls_plain.py", text)
    np.testing.assert_allclose(
        module.coin(3, 4, grids=BIAS).marginal(), plain_values("leaning_coin", (3, 4, 2.0, 2.0)), atol=1e-8
    )  # plain memo's own priors are in float32 where Python's numbers enter
    with pytest.raises(ValueError, match="leaning is a plain memo over a P of its own"):
        module.coin(3, 4, grids={"P": gb.linspace(0.1, 0.9, 100)})


# --- state --------------------------------------------------------------------------------------------------------


def test_nothing_global_is_touched():
    before = sys.excepthook, warnings.showwarning, jax.config.jax_enable_x64, set(linecache.cache)
    coin(1, 3, grids={"P": gb.linspace(0, 1, 33)}).summary()
    assert before[:3] == (sys.excepthook, warnings.showwarning, jax.config.jax_enable_x64)
    assert not {name for name in set(linecache.cache) - before[3] if name.startswith("<memo ")}
    assert jnp.ones(1).dtype == np.float32


def test_a_new_parameter_compiles_nothing_and_equal_grids_share_a_program():
    compiled.cache_clear()
    for k in (1, 2, 3):
        coin(k, 5, grids={"P": gb.linspace(0, 1, 21)})
    assert compiled.cache_info().misses == 2  # the memo, and the same with smaller products, which shows an underflow
    traced = []

    def seen(p):
        traced.append(p)
        return p

    @gb.memo
    def watched[_p: P](k, n):
        nature: chooses(p in P, wpp=seen(p) ** k * (1 - p) ** (n - k))
        return Pr[nature.p == _p]

    watched(1, 4, grids={"P": [0.25, 0.75]})
    before = len(traced)
    watched(3, 4, grids={"P": [0.25, 0.75]})
    assert len(traced) == before > 0


def test_the_cache_is_bounded_and_lets_programs_go():
    compiled.cache_clear()
    first = weakref.ref(compiled(linked(coin, {"P": gb.linspace(0, 1, 10)})))
    assert first() is not None
    for count in range(11, 11 + PROGRAMS):
        compiled(linked(coin, {"P": gb.linspace(0, 1, count)}))
    assert compiled.cache_info().currsize == PROGRAMS
    gc.collect()
    assert first() is None


# --- errors -------------------------------------------------------------------------------------------------------


def fails(error: type[Exception], match: str, call, *args, **kwargs) -> None:
    with pytest.raises(error, match=match):
        call(*args, **kwargs)


def test_grids_that_do_not_fit():
    grid = gb.linspace(0, 1, 20)
    fails(ValueError, r'memo coin needs a grid for P. Pass grids=\{"P": gb.linspace', coin, 6, 12)
    fails(ValueError, "memo coin has no domain 'Q'; its domains are P", coin, 6, 12, grids={"P": grid, "Q": grid})
    fails(TypeError, "grids must map domain names", coin, 6, 12, grids=grid)
    fails(TypeError, "domain P must be a Grid, a list of numbers", coin, 6, 12, grids={"P": ["a", "b"]})
    fails(ValueError, "values of domain P must be finite; they hold nan", coin, 6, 12, grids={"P": [0.1, np.nan]})


def test_parameters_that_do_not_fit(ours):
    grids = {"P": gb.linspace(0, 1, 20)}
    fails(TypeError, "memo coin: missing a required argument: 'n'. Its parameters are k, n", coin, 6, grids=grids)
    fails(TypeError, "unexpected keyword argument 'm'. Its parameters are k, n", coin, 6, 12, m=2, grids=grids)
    fails(TypeError, "parameter k of memo coin must be one number; it is .* gb.sweep", coin, [1, 2], 6, grids=grids)
    fails(TypeError, "parameter k of memo coin must be a number", coin, "six", 6, grids=grids)
    fails(TypeError, "parameter y of memo line must be a number or an array", ours.line, 1.0, X, ["a"], grids=LINE)


def test_what_is_no_memo():
    fails(TypeError, "memo takes a function written with def", gb.memo, lambda p: p)
    fails(TypeError, "memo takes a function written with def; it got 3", gb.memo, 3)
    fails(TypeError, "sweep takes a memo of your own", gb.sweep, len, k=[1, 2])
    fails(ValueError, "sweep needs a list for one parameter of k, n", gb.sweep, coin, k=1, n=2, grids={"P": [0.1, 0.2]})


@pytest.mark.parametrize("file", ["<string>", __file__], ids=["nowhere", "elsewhere"])
def test_a_memo_whose_text_cannot_be_found(file):
    text = "@gb.memo\ndef typed[_p: P]():\n    a: chooses(p in P, wpp=1)\n    return Pr[a.p == _p]\n"
    with pytest.raises(
        TypeError, match="memo typed has no source text: Python keeps none of what is typed at its prompt"
    ):
        exec(compile(text, file, "exec"), {"gb": gb})


def test_an_axis_that_is_not_used():
    @gb.memo
    def loose[_p: P, _q: Q](k):
        nature: chooses(p in P, wpp=p**k)
        return Pr[nature.p == _p]

    fails(ValueError, "memo loose never uses its axis _q: Q", loose, 2, grids={"P": [0.1, 0.2], "Q": [1.0, 2.0]})


def test_memos_own_error_points_at_the_users_file_and_line(tmp_path):
    text = (
        "import gridbayes as gb\n\n\n@gb.memo\ndef wrong[_p: P](k):\n"
        "    nature: chooses(p in P, wpp=q**k)\n    return Pr[nature.p == _p]\n"
    )
    with pytest.raises(Exception, match="Unknown choice nature.q") as caught:
        module_of(tmp_path / "mine.py", text)
    assert type(caught.value).__name__ == "MemoError"
    notes = caught.value.__notes__
    assert notes[0] == '  file: "mine.py", line 6, in @memo wrong'
    assert notes[2].index("^") == notes[1].index("q**k")


def test_the_users_own_error_comes_through():
    def broken(p):
        raise RuntimeError("my own mistake")

    @gb.memo
    def breaks[_p: P]():
        nature: chooses(p in P, wpp=broken(p))
        return Pr[nature.p == _p]

    with pytest.raises(RuntimeError, match="my own mistake") as caught:
        breaks(grids={"P": [0.1, 0.2]})
    assert any(entry.name == "broken" for entry in caught.traceback)


def test_an_underflow_is_an_error_and_its_remedy_works():
    grids = {"P": gb.gauss_legendre(0, 1, panels=64)}
    for memo in (coin, coin_mean):
        fails(gb.PosteriorError, r"has no mass anywhere.*wpp=exp\(log density\)", memo, 60000, 120000, grids=grids)
    fails(gb.PosteriorError, "has no mass", gb.sweep, coin, k=[60000, 60001], n=120000, grids=grids)

    @gb.memo
    def in_logs[_p: P](k, n):
        nature: chooses(p in P, wpp=exp(k * log(p) + (n - k) * log(1 - p)))
        return Pr[nature.p == _p]

    assert in_logs(60000, 120000, grids=grids).sd() == pytest.approx(stats.beta(60001, 60001).std(), rel=1e-4)
    fails(gb.PosteriorError, "coin.* has a mass of -0.3", coin, 1, 2, grids={"P": [0.0, 0.5, 1.0, 1.25, 1.5]})
    fails(gb.PosteriorError, r"0 \* log\(0\)", in_logs, 0, 12, grids={"P": gb.linspace(0, 1, 20)})


def test_a_posterior_that_underflow_has_cut_is_an_error():
    grids = {"P": gb.gauss_legendre(0, 1, panels=40)}
    exact = stats.beta(481, 481).std()
    assert coin(480, 960, grids=grids).sd() == pytest.approx(exact, rel=1e-9)  # at its peak 1e-289
    for memo in (coin, coin_mean):  # 1e-304: all that is 1e-4 of the peak would be 0, and the sd an eighth too small
        fails(gb.PosteriorError, "loses what is too small for double precision", memo, 500, 1010, grids=grids)

    @gb.memo
    def half[_p: P](k):
        nature: chooses(p in P, wpp=p**k * (p > 0.5))
        return Pr[nature.p == _p]

    assert half(2, grids=grids).mean() == pytest.approx(0.75 * (1 - 0.5**4) / (1 - 0.5**3), abs=1e-12)  # a true edge


def test_names_that_the_engine_hides(tmp_path):
    def pad(p):
        return p

    @gb.memo
    def padded[_p: P]():
        nature: chooses(p in P, wpp=pad(p))
        return Pr[nature.p == _p]

    fails(ValueError, "calls pad, but the engine has a pad of its own", padded, grids={"P": [0.1, 0.2]})

    def exp(p):
        return p

    @gb.memo
    def own_exp[_p: P]():
        nature: chooses(p in P, wpp=exp(p))
        return Pr[nature.p == _p]

    fails(ValueError, "calls exp, but the engine has a exp of its own", own_exp, grids={"P": [0.1, 0.2]})
    with pytest.raises(ValueError, match="parameter aux of memo named is a name of the memo engine"):

        @gb.memo
        def named[_p: P](aux):
            nature: chooses(p in P, wpp=p * aux)
            return Pr[nature.p == _p]

    @gb.memo
    def forgotten[_p: P]():
        nature: chooses(p in P, wpp=nowhere(p))
        return Pr[nature.p == _p]

    fails(NameError, "uses nowhere, which is not defined", forgotten, grids={"P": [0.1, 0.2]})


def test_one_name_is_one_domain(tmp_path):
    first = (
        "import gridbayes as gb\nX = [1, 2, 3]\n\n@gb.memo\ndef inner[_x: X]():\n"
        "    a: chooses(x in X, wpp=x)\n    return Pr[a.x == _x]\n"
    )
    second = (
        "import gridbayes as gb\nX = [4, 5, 6]\n\n@gb.memo\ndef outer[_x: X]():\n"
        "    b: chooses(x in X, wpp=inner[x]())\n    return Pr[b.x == _x]\n"
    )
    inner = module_of(tmp_path / "inner_module.py", first).inner
    outer_module = module_of(tmp_path / "outer_module.py", second)
    outer_module.inner = inner
    fails(ValueError, "domain X of memo .* has other values than X of memo", outer_module.outer)
    assert outer_module.outer(grids={"X": [1, 2, 3]}).mean() == pytest.approx(14 / 6, abs=1e-14)


def test_an_impossible_sweep_is_refused_with_its_size():
    grids = {"P": gb.linspace(0, 1, 1000)}
    fails(ValueError, "would hold 1,000,000,000 values", gb.sweep, coin, k=range(1000), n=range(1000), grids=grids)
