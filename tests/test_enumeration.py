"""enumeration.py and streaming.py: any log density on a product grid, against closed forms and NumPy sums."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as st
from jax.scipy.stats import norm

import gridbayes as gb
from gridbayes.enumeration import streaming
from gridbayes.enumeration.coarser import Coarser
from gridbayes.enumeration.row_sums import compress
from gridbayes.summaries import Marginal

Y = np.array([4.1, 6.3, 5.2, 3.9, 5.5])
MU = {"mu": gb.trapezoid(-2, 12, 241)}
REGRESSION = {
    "w": gb.trapezoid(0.5, 2.5, 24),
    "c": gb.linspace(-1, 1, 21),
    "sigma": gb.gauss_legendre(0.3, 2.0, panels=2, order=10),
}
X = np.linspace(-1, 1, 30)
ROWS = {"x": X, "y": 1.5 * X + 0.2 + 0.7 * np.sin(40 * X)}


def conjugate(mu, y):
    """mu ~ N(0, 10), y ~ N(mu, 2)."""
    return norm.logpdf(mu, 0, 10) + norm.logpdf(y, mu, 2).sum()


def regression(w, c, sigma, x, y):
    return norm.logpdf(y, w * x + c, sigma).sum() + norm.logpdf(w, 0, 5) + norm.logpdf(c, 0, 5) - sigma


def brute_force() -> np.ndarray:
    """log densities times weights of the regression's cells, a cell at a time."""
    table = np.empty([len(grid) for grid in REGRESSION.values()])
    for i, j, k in itertools.product(*map(range, table.shape)):
        w, c, sigma = (grid.nodes[n] for grid, n in zip(REGRESSION.values(), (i, j, k), strict=True))
        table[i, j, k] = st.norm.logpdf(ROWS["y"], w * X + c, sigma).sum() - sigma
        table[i, j, k] += st.norm.logpdf(w, 0, 5) + st.norm.logpdf(c, 0, 5)
        table[i, j, k] += sum(g.log_weight[n] for g, n in zip(REGRESSION.values(), (i, j, k), strict=True))
    return table


@pytest.fixture(scope="module")
def exact() -> np.ndarray:
    return brute_force()


@pytest.fixture(scope="module")
def post() -> gb.Posterior:
    return gb.enumerate(regression, REGRESSION, ROWS)


# --- the numbers ------------------------------------------------------------------------------------------------


def test_a_conjugate_model_has_its_closed_form():
    post = gb.enumerate(conjugate, MU, Y)
    variance = 1 / (1 / 100 + len(Y) / 4)
    evidence = st.multivariate_normal(cov=4 * np.eye(5) + 100).logpdf(Y)
    assert post.mean("mu") == pytest.approx(variance * Y.sum() / 4, rel=1e-12)
    assert post.sd("mu") == pytest.approx(variance**0.5, rel=1e-12)
    assert post.log_evidence == pytest.approx(evidence, abs=1e-12)


def test_all_cells_of_mixed_grids_have_the_sums_of_a_loop(post, exact):
    p = np.exp(exact - exact.max())
    for axis, name in enumerate(REGRESSION):
        masses = p.sum(axis=tuple({0, 1, 2} - {axis})) / p.sum()
        assert post.marginal(name).values == pytest.approx(masses, abs=1e-14)
    assert post.log_evidence == pytest.approx(exact.max() + math.log(p.sum()), abs=1e-12)


@pytest.mark.parametrize("first, second", list(itertools.permutations(REGRESSION, 2)))
def test_every_pair_and_its_transpose(post, exact, first, second):
    names = list(REGRESSION)
    p = np.exp(exact - exact.max())
    masses = p.sum(axis=({0, 1, 2} - {names.index(first), names.index(second)}).pop()) / p.sum()
    masses = masses if names.index(first) < names.index(second) else masses.T
    assert post.joint(first, second).values == pytest.approx(masses, abs=1e-14)


def test_pairs_that_were_not_kept_are_summed_when_asked_for(post):
    without = gb.enumerate(regression, REGRESSION, ROWS, pairs=[("sigma", "w")])
    assert set(without.model.sums.tables) >= {(False, (0, 2))} and (False, (0, 1)) not in without.model.sums.tables
    for pair in (("w", "c"), ("w", "sigma")):
        assert without.joint(*pair).values == pytest.approx(post.joint(*pair).values, abs=1e-15)


def test_pairs_that_the_memory_has_no_room_for_are_not_kept_unasked(post):
    without = gb.enumerate(regression, REGRESSION, ROWS, memory=60_000)
    assert not any(len(keep) == 2 for _, keep in without.model.sums.tables)
    assert_same(post, without)


def test_the_joint_of_all_is_there_on_request(post, exact):
    p = np.exp(exact - exact.max())
    assert post.model.joint_of_all() == pytest.approx(p / p.sum(), abs=1e-14)


def test_on_points_the_evidence_is_the_plain_sum_over_cells():
    post = gb.enumerate(lambda k: jnp.log(0.1) + k * 0, {"k": np.arange(7.0)})
    assert post.log_evidence == pytest.approx(math.log(0.7), abs=1e-14)
    assert post.marginal("k").values == pytest.approx(np.full(7, 1 / 7), abs=1e-15)


def test_densities_beyond_the_range_of_floats():
    post = gb.enumerate(lambda a, b: -1e6 * (a - 0.5) ** 2 - 1e5 + 0 * b, {"a": np.linspace(0, 1, 11), "b": [0.0, 1]})
    assert post.log_evidence == pytest.approx(-1e5 + math.log(2), abs=1e-10)
    assert post.mean("a") == 0.5


def test_cells_without_density_count_for_nothing():
    post = gb.enumerate(lambda a, b: jnp.where(a > b, 0.0, -jnp.inf), {"a": np.arange(6.0), "b": np.arange(6.0)})
    assert post.log_evidence == pytest.approx(math.log(15), abs=1e-14)
    assert post.marginal("b").values == pytest.approx(np.arange(5, -1, -1) / 15, abs=1e-15)


# --- what must not matter -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(REGRESSION)))
def test_the_order_of_the_grids_changes_nothing(post, order):
    other = gb.enumerate(regression, {name: REGRESSION[name] for name in order}, ROWS)
    assert other.log_evidence == pytest.approx(post.log_evidence, abs=1e-12)
    for name in REGRESSION:
        assert other.marginal(name).values == pytest.approx(post.marginal(name).values, abs=1e-13)


@pytest.mark.parametrize("block", [7, 100, 20 * 21, 5000])
def test_the_size_of_blocks_changes_nothing(post, block, monkeypatch):
    monkeypatch.setattr(streaming, "BLOCK", block)
    other = gb.enumerate(regression, {name: REGRESSION[name] for name in ("w", "c", "sigma")}, ROWS)
    assert_same(post, other)


def test_the_memory_changes_nothing_but_the_size_of_blocks(post):
    lengths, data = (24, 21, 20), streaming.Data.of(ROWS)
    joint, small = post.model.model.density, 200_000
    with jax.enable_x64(True):
        tiles = [streaming._fitting(joint, lengths, data, ((False, (0,)),), m)[1] for m in (small, 2**30)]
    assert math.prod(tiles[0]) < math.prod(tiles[1])
    assert_same(post, gb.enumerate(regression, REGRESSION, ROWS, memory=small))


def assert_same(post: gb.Posterior, other: gb.Posterior) -> None:
    assert other.log_evidence == pytest.approx(post.log_evidence, abs=1e-13 * abs(post.log_evidence))
    for name in post.marginals:
        assert other.marginal(name).values == pytest.approx(post.marginal(name).values, abs=1e-13)


def test_parameters_in_one_mapping_are_the_same_model():
    post = gb.enumerate(lambda p, y: conjugate(p["mu"], y), MU, Y)
    assert post.mean("mu") == gb.enumerate(conjugate, MU, Y).mean("mu")


def test_lists_arrays_and_nested_data():
    def nested(mu, d):
        return conjugate(mu, d["rows"][0])

    means = [gb.enumerate(conjugate, MU, rows).mean("mu") for rows in (Y, Y.tolist(), jnp.asarray(Y))]
    means.append(gb.enumerate(nested, MU, {"rows": (Y, None)}).mean("mu"))
    assert means == pytest.approx([means[0]] * 4, abs=1e-6)  # the third was a float32
    assert means[1] == means[0] == means[3]


def test_what_a_row_of_chebyshev_nodes_says_is_what_the_rows_say():
    rows = st.norm(5, 2).rvs(500, random_state=0)
    few = compress(rows, 12)
    one = gb.enumerate(conjugate, MU, rows)
    two = gb.enumerate(
        lambda mu, d: norm.logpdf(mu, 0, 10) + d[1] @ norm.logpdf(d[0], mu, 2), MU, (few.nodes, few.weights)
    )
    assert two.mean("mu") == pytest.approx(one.mean("mu"), rel=1e-12)
    assert two.log_evidence == pytest.approx(one.log_evidence, abs=1e-9)


def test_nested_jits_loops_and_sums_in_the_density():
    def log_joint(a, b, y):
        steps = jax.lax.fori_loop(0, 3, lambda _, s: s + a, 0.0)
        mixture = jax.nn.logsumexp(jnp.stack([norm.logpdf(y, a, 1), norm.logpdf(y, b, 1)]), axis=0)
        return jax.jit(lambda z: z.sum())(mixture) - jnp.max(jnp.abs(y)) * 0 - steps * b / 10 - (a**2 + b**2) / 20

    a, b = np.linspace(-1, 9, 14), np.linspace(0, 8, 9)
    table = np.array([[np.log(st.norm(i).pdf(Y) + st.norm(j).pdf(Y)).sum() - 3 * i * j / 10 - (i**2 + j**2) / 20
                       for j in b] for i in a])  # fmt: skip
    post = gb.enumerate(log_joint, {"a": a, "b": b}, Y)
    assert post.log_evidence == pytest.approx(np.logaddexp.reduce(table, axis=None), abs=1e-11)


# --- what is kept, touched and shown --------------------------------------------------------------------------------


def test_new_data_and_new_nodes_of_the_same_sizes_compile_nothing():
    traces = []

    def log_joint(mu, y):
        traces.append(0)
        return conjugate(mu, y)

    def means(shift):
        return gb.enumerate(log_joint, {"mu": gb.trapezoid(-2 + shift, 12 + shift, 61)}, Y + shift).mean("mu")

    first = means(0.0)
    before = len(traces), streaming._block.cache_info().misses
    assert means(1.0) > first
    assert (len(traces), streaming._block.cache_info().misses) == before
    gb.enumerate(log_joint, MU, Y)
    assert streaming._block.cache_info().misses == before[1] + 1


def test_the_callers_precision_is_left_alone():
    gb.enumerate(conjugate, MU, Y)
    assert jnp.ones(1).dtype == jnp.float32 and not jax.config.jax_enable_x64


def test_nothing_is_shown_within_a_second(capsys):
    gb.enumerate(conjugate, MU, Y)
    assert capsys.readouterr() == ("", "")


def test_progress_is_one_line_with_cells_and_seconds(capsys, monkeypatch):
    monkeypatch.setattr(streaming, "PATIENCE", 0.0)
    monkeypatch.setattr(streaming, "REFRESH", 0.0)
    monkeypatch.setattr(streaming, "BLOCK", 21 * 20)
    gb.enumerate(regression, REGRESSION, ROWS)
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert "420 of 10,080 cells, " in err and err.rstrip().endswith(" s") and "enumerate: 10,080 cells in " in err
    gb.enumerate(regression, REGRESSION, ROWS, progress=False)
    assert capsys.readouterr() == ("", "")


def test_the_program_is_the_density_and_the_title_its_name(post):
    assert str(post.program).startswith("def regression(w, c, sigma, x, y):")
    assert "regression on grids" in repr(post)
    assert list(post.summary().index) == ["w", "c", "sigma"]


# --- accuracy -------------------------------------------------------------------------------------------------------

NORMAL, GAMMA, BETA = st.norm(0.3, 1.0), st.gamma(3.0), st.beta(3, 5)
PROBLEMS = {
    "trapezoid of 9 nodes": (NORMAL, gb.trapezoid(-5, 5, 9), None),
    "trapezoid of 40 nodes": (NORMAL, gb.trapezoid(-7, 7, 40), None),
    "points": (NORMAL, gb.linspace(-7, 7, 40), None),
    "points of an even number on a short grid": (NORMAL, gb.linspace(-2.5, 3.5, 30), None),
    "points cut off at a mode": (st.halfnorm(), gb.linspace(0, 8, 50), (0, np.inf)),
    "trapezoid of a gamma": (GAMMA, gb.trapezoid(1e-9, 25, 60), (0, np.inf)),
    "a gamma cut off": (GAMMA, gb.trapezoid(1e-9, 9, 60), (0, np.inf)),
    "panels of a gamma cut off": (GAMMA, gb.gauss_legendre(0, 9, panels=3, order=8), (0, np.inf)),
    "coarse panels": (NORMAL, gb.gauss_legendre(-7, 7, panels=3, order=6), None),
    "panels of a beta": (BETA, gb.gauss_legendre(0, 1, panels=1, order=5), (0, 1)),
    "a power law cut off": (st.t(4), gb.trapezoid(-20, 20, 200), None),
}
LOG_PDF = {
    NORMAL: lambda x: norm.logpdf(x, 0.3, 1),
    GAMMA: lambda x: jax.scipy.stats.gamma.logpdf(x, 3.0),
    BETA: lambda x: jax.scipy.stats.beta.logpdf(x, 3.0, 5.0),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_stated_error_is_above_the_true_one_and_within_a_thousand_times(problem):
    law, grid, support = PROBLEMS[problem]
    own = LOG_PDF.get(law, lambda x: jax.scipy.stats.t.logpdf(x, 4.0) if "power" in problem else norm.logpdf(x, 0, 1))
    grids = {"x": grid, "z": gb.trapezoid(-8, 8, 41)}
    post = gb.enumerate(
        lambda x, z: own(x) + norm.logpdf(z, 0, 1), grids, support=None if support is None else {"x": support}
    )
    true = {
        "mean": abs(post.mean("x") - law.mean()) / law.std(),
        "sd": abs(post.sd("x") / law.std() - 1),
        "eti89_lb": abs(post.quantile("x", 0.055) - law.ppf(0.055)) / law.std(),
        "eti89_ub": abs(post.quantile("x", 0.945) - law.ppf(0.945)) / law.std(),
    }
    if grid.rule != "points":
        true["value"] = abs(post.log_evidence - math.log(1.0))
    stated = {e.statistic: e.size for e in post.accuracy.errors if e.quantity != "z" and e.statistic in true}
    if grid.rule != "points":
        stated["value"] = post.accuracy.errors[-1].size
    assert set(stated) == set(true)
    print(problem, {k: (f"{true[k]:.1e}", f"{stated[k]:.1e}") for k in true})
    for statistic, error in true.items():
        assert error <= stated[statistic], statistic
    assert max(stated.values()) <= 1000 * max(true.values())


def test_a_density_that_does_not_fall_at_the_end_has_no_stated_error_unless_it_ends_there():
    grids = {"x": gb.trapezoid(0, 3, 101)}
    cut = gb.enumerate(lambda x: x * 0.0, grids)
    assert cut.accuracy.largest.size == math.inf and "tail beyond" in str(cut.accuracy)
    whole = gb.enumerate(lambda x: x * 0.0, grids, support={"x": (0, 3)})
    assert whole.accuracy.largest.size < 1e-3


def test_a_posterior_narrower_than_the_spacing_is_not_called_exact():
    for node in (50, 51):  # one that the coarser rule keeps, and one that it leaves out
        grids = {"x": gb.trapezoid(0, 10, 101), "z": gb.trapezoid(-9, 9, 60)}
        post = gb.enumerate(
            lambda x, z, node: norm.logpdf(x, node / 10, 1e-3) + norm.logpdf(z, 0, 1), grids, float(node)
        )
        assert str(post.accuracy.largest) == "inf (log_evidence, posterior of x narrower than the spacing)"


def test_what_one_parameter_loses_is_said_of_the_other():
    def accuracy(end):
        grids = {"x": gb.trapezoid(-9, end, 200), "z": gb.trapezoid(-9, 9, 100)}
        post = gb.enumerate(lambda x, z: norm.logpdf(x, 0, 1) + norm.logpdf(z, 0, 1), grids)
        return post.accuracy.of_means["z"]

    assert accuracy(9) < 1e-9 < st.norm.sf(2) < accuracy(2) < 0.1


@pytest.mark.parametrize(
    "grid", [gb.trapezoid(0, 2, 10), gb.trapezoid(0, 2, 11), gb.gauss_legendre(0, 2, 2, 8)], ids=str
)
def test_a_coarser_rule_integrates_what_it_puts_back(grid):
    f, read = np.exp(-(grid.nodes**2)), Coarser(grid)
    assert read.weights @ f == pytest.approx(read.measure @ read.put_back(f), rel=1e-14)
    assert (read.weights == 0).sum() == (len(grid) // 4 if grid.rule == "panels" else (len(grid) - 1) // 2)
    line = 3 - grid.nodes
    assert read.put_back(line) == pytest.approx(line, abs=1e-13)


def test_points_are_read_as_a_density_in_their_index():
    read = Coarser(gb.geomspace(1, 100, 201))
    marginal = read.marginal(np.ones(201))  # log-uniform
    assert isinstance(marginal, Marginal)
    h = np.log(100) / 200  # the first cell is heavier than the last by tanh(h / 2) of a cell
    assert marginal.quantile(0.5) == pytest.approx(10 * np.exp(h * np.tanh(h / 2) / 2), rel=1e-7)


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value, shown", [(jnp.nan, "nan"), (jnp.inf, "inf")])
def test_a_density_that_is_no_number_is_refused_with_its_cell(value, shown):
    def log_joint(a, b):
        return jnp.where((a == 3) & (b == 2), value, -(a**2) - b)

    with pytest.raises(FloatingPointError, match=f"log_joint is {shown} at a = 3, b = 2. Let it return -jnp.inf"):
        gb.enumerate(log_joint, {"a": np.arange(5.0), "b": np.arange(4.0)})


def test_the_first_bad_block_ends_the_pass(monkeypatch):
    monkeypatch.setattr(streaming, "BLOCK", 1)
    blocks = []
    monkeypatch.setattr(streaming._Line, "step", lambda self: blocks.append(0))
    with pytest.raises(FloatingPointError, match="nan at a = 2"):
        gb.enumerate(lambda a: jnp.where(a >= 2, jnp.nan, a), {"a": np.arange(500.0)})
    assert len(blocks) < 50


def test_a_bad_cell_is_found_in_a_later_block(monkeypatch):
    monkeypatch.setattr(streaming, "BLOCK", 4)
    with pytest.raises(FloatingPointError, match="nan at a = 7, b = 1"):
        gb.enumerate(lambda a, b: jnp.where((a == 7) & (b == 1), jnp.nan, a + b), {"a": np.arange(9.0), "b": [0.0, 1]})


def test_a_density_of_nothing_is_refused():
    with pytest.raises(gb.PosteriorError, match="-inf at all cells of mu 0 to 9"):
        gb.enumerate(lambda mu: -jnp.inf + mu, {"mu": np.arange(10.0)})


@pytest.mark.parametrize(
    "log_joint, error, match",
    [
        (lambda mu: norm.logpdf(jnp.arange(3.0), mu, 1), ValueError, r"it returns shape \(3,\). Sum the rows"),
        (lambda mu: None, TypeError, "must return a number; it returns NoneType. Is a return missing"),
        (lambda mu: mu > 0, TypeError, "must return a real number, a log density; it returns bool"),
        (lambda mu: jnp.zeros(()), ValueError, "does not use mu"),
        (lambda tau, y: tau, TypeError, "neither a parameter nor given as data="),
        ("norm", TypeError, "must be a function"),
    ],
)
def test_what_is_no_log_density_of_the_grids_is_refused(log_joint, error, match):
    with pytest.raises(error, match=match):
        gb.enumerate(log_joint, {"mu": [0.0, 1.0]})


def test_the_functions_own_error_keeps_its_place():
    def log_joint(mu):
        return undefined(mu)

    with pytest.raises(NameError, match="undefined") as caught:
        gb.enumerate(log_joint, {"mu": [0.0, 1.0]})
    assert any(entry.name == "log_joint" for entry in caught.traceback)


@pytest.mark.parametrize(
    "grids, error, match",
    [
        ({}, ValueError, "grids must name at least one parameter"),
        ([1.0, 2.0], TypeError, "grids must be a mapping of names to grids; it is list"),
        ({"mu": []}, (TypeError, ValueError), r'grids\["mu"\]'),
        ({"mu": [0.0, np.nan]}, ValueError, r'grids\["mu"\]: grid nodes must be finite'),
        (
            {"mu": np.arange(10**6), "tau": np.arange(10**6)},
            ValueError,
            r"1,000,000 x 1,000,000 = 1e\+12 cells, more than",
        ),
    ],
)
def test_grids_that_are_none_are_refused(grids, error, match):
    with pytest.raises(error, match=match):
        gb.enumerate(lambda mu, tau: mu + tau, grids)


@pytest.mark.parametrize(
    "options, error, match",
    [
        ({"pairs": [("a", "c")]}, ValueError, "pairs names 'c', which has no grid; grids has a, b"),
        ({"pairs": [("a", "a")]}, ValueError, "pairs has a twice"),
        ({"support": {"c": (0, 1)}}, ValueError, "support names c, which has no grid"),
        ({"support": {"a": (1, 2)}}, ValueError, r'grids\["a"\] runs from 0 to 1, beyond its support 1 to 2'),
        ({"memory": 100, "pairs": [("b", "a")]}, MemoryError, "memory=100 bytes .* the largest has a 2 x b 2 cells"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, error, match):
    with pytest.raises(error, match=match):
        gb.enumerate(lambda a, b: a * b, {"a": [0.0, 1.0], "b": [0.0, 1.0]}, **options)


def test_a_joint_of_all_beyond_the_memory_is_refused_with_its_size():
    post = gb.enumerate(
        lambda a, b: a * b, {"a": np.linspace(0, 1, 200), "b": np.linspace(0, 1, 300)}, pairs=[], memory=10**6
    )
    with pytest.raises(MemoryError, match="the largest has a 200 x b 300 cells"):
        post.model.joint_of_all()


@pytest.mark.parametrize(
    "data", [np.array(["a", "b"]), [[1.0, 2.0], [3.0]], {"y": object()}], ids=["text", "rows", "any"]
)
def test_data_that_are_no_numbers_are_refused(data):
    with pytest.raises(TypeError, match="data must be arrays of numbers; a part of it is"):
        gb.enumerate(conjugate, MU, data)


def test_there_are_no_groups_to_contrast(post):
    with pytest.raises(ValueError, match="contrast needs a theta for every group"):
        post.contrast("a", "b")
