"""Plate diagrams: the graphs of programs, of users' memos and of regressions, and what is drawn of them."""

import pytest
from drawn import DATA

import gridbayes as gb
from gridbayes import plots
from gridbayes.models.pooling import pooling
from gridbayes.plots.graphs import graph_of
from gridbayes.program import Program


def stated(kind, sigma=15, shared_sigma=False):
    """A model that is stated and not fitted."""
    names = ("mu", "tau") if kind == "partial" else ("theta",)
    priors = {name: gb.HalfCauchy(1) if name == "tau" else gb.Normal(0, 1) for name in names}
    rest = dict.fromkeys(["likelihood", "grids", "program", "value", "group", "groups"])
    return pooling(kind, DATA, sigma=sigma, priors=priors, shared_sigma=shared_sigma, **rest)


LEARNED = gb.HalfCauchy(5)
ABOVE = {("mu", "theta"), ("tau", "theta"), ("theta", "y")}


@pytest.mark.parametrize(
    "model, arrows, grouped",
    [
        (stated("complete"), {("theta", "y")}, set()),
        (stated("no"), {("theta", "y")}, {"theta"}),
        (stated("partial"), ABOVE, {"theta"}),
        (stated("partial", LEARNED), ABOVE | {("sigma", "y")}, {"theta", "sigma"}),
        (stated("partial", LEARNED, True), ABOVE | {("sigma", "y")}, {"theta"}),
        (stated("complete", LEARNED), {("theta", "y"), ("sigma", "y")}, {"sigma"}),
    ],
    ids=["complete", "no", "partial", "own sigma", "shared sigma", "complete, own sigma"],
)
def test_the_graph_is_that_of_the_program(model, arrows, grouped):
    graph = graph_of(model.program)
    assert (graph.arrows, graph.grouped) == (arrows, grouped)


def test_a_program_that_changes_changes_its_diagram():
    text = str(stated("partial").program)
    fixed = graph_of(Program(text.replace("at(tau_nodes, _tau))\n", "2.0)\n")))  # tau moves the data, and no theta
    assert fixed.arrows == {("mu", "theta"), ("theta", "y"), ("tau", "y")}
    heavy = graph_of(
        Program(text.replace("normal_lpdf(at(theta_nodes, _theta),", "laplace_lpdf(at(theta_nodes, _theta),"))
    )
    assert heavy.densities == {"mu": "normal", "tau": "half cauchy", "theta": "laplace"}
    with pytest.raises(ValueError, match="needs a program with densities .* has the memos hyper"):
        graph_of(Program("def hyper(): ..."))


def test_ragged_data_with_learned_sigmas_have_two_plates_and_four_arrows():
    ax = plots.plate_diagram(stated("partial", LEARNED).program)
    kinds = [type(patch).__name__ for patch in ax.patches]
    assert kinds.count("FancyArrowPatch") == 4 and kinds.count("FancyBboxPatch") == 2
    outer, inner = (patch for patch in ax.patches if type(patch).__name__ == "FancyBboxPatch")

    def around(plate, name):
        x, y = next(text.get_position() for text in ax.texts if text.get_text() == name)
        left, bottom = plate.get_x(), plate.get_y()
        return left < x < left + plate.get_width() and bottom < y < bottom + plate.get_height()

    assert [name for name in ("mu", "tau", "theta", "sigma", "y") if around(outer, name)] == ["theta", "sigma", "y"]
    assert [name for name in ("mu", "tau", "theta", "sigma", "y") if around(inner, name)] == ["y"]


def test_plates_state_priors_and_counts():
    late = gb.partial_pooling(DATA, sigma=15, mu_scale=10, tau_scale=10)
    texts = [text.get_text() for text in plots.plate_diagram(late).texts]
    assert {"Normal(0, 10)", "HalfCauchy(10)", "3 groups", "n = 3, 3, 1"} <= set(texts)
    with pytest.raises(
        ValueError, match="the posterior is of partial pooling of 3 groups by 1 covariates.* does not say"
    ):
        plots.plate_diagram(
            gb.partial_pooling([1, 2, 4], sigma=1, covariates={"z": [1, 2, 4]}, mu_scale=1, tau_scale=1)
        )


X, Y, PAIR = [0, 1, 3], [1, 2, 2], {"a": [0, 1, 3], "b": [1, 0, 1]}


@pytest.mark.parametrize(
    "post, texts",
    [
        (lambda: gb.proportion(6, 12), ["p", "Beta(1, 1)", "y", "n = 1"]),
        (
            lambda: gb.linear_regression(X, Y, slope=gb.Normal(0, 1), intercept=gb.Normal(0, 2), sigma=1),
            ["intercept", "Normal(0, 2)", "slope", "Normal(0, 1)", "y", "x", "n = 3"],
        ),
        (
            lambda: gb.linear_regression(PAIR, Y, slope=gb.Normal(0, 1), intercept=gb.Flat(), sigma=1),
            ["intercept", "Flat()", "slope", "Normal(0, 1)", "y", "x", "n = 3", "2 inputs"],
        ),
    ],
    ids=["proportion", "one input", "two inputs"],
)
def test_a_regression_shows_its_priors_inputs_and_rows(post, texts):
    ax = plots.plate_diagram(post())
    assert [text.get_text() for text in ax.texts] == texts
    arrows = [patch for patch in ax.patches if type(patch).__name__ == "FancyArrowPatch"]
    assert len(arrows) == len({"p", "intercept", "slope", "x"} & set(texts))


def memo_graph(*lines):
    return graph_of(Program("\n    ".join(["def told[_p: P](k, n=2):", *lines, "return Pr[nature.p == _p]"])))


PRIOR = "nature: chooses(coin in Coin, wpp=1)", "nature: chooses(p in P, wpp=weight(coin, p))"


def test_the_graph_of_a_memo_is_what_its_weights_mention():
    event = memo_graph(*PRIOR, "nature: observes_event(wpp=likelihood(nature.coin, nature.p, k, n))")
    assert event.arrows == {("coin", "p"), ("coin", "k, n"), ("p", "k, n")}
    assert event.densities == {"coin": "wpp=1", "p": "wpp=weight(coin, p)"} and event.known == ("k, n",)
    alone = memo_graph("nature: chooses(p in P, wpp=p**k * (1 - p)**(n - k) * 1.000000)")
    assert (alone.arrows, alone.known, alone.densities) == ({("k", "p"), ("n", "p")}, ("k", "n"), {"p": ""})
    thought = memo_graph(f"me: thinks[{', '.join(PRIOR)}]", "me: observes [nature.p] is _p")
    assert (thought.arrows, thought.known) == ({("coin", "p")}, ("p",))
    pair = memo_graph("nature: chooses(a in A, p in P, wpp=f(a, p, k))")
    assert pair.arrows == {("k", "a"), ("k", "p")}
    with pytest.raises(
        ValueError, match="in memo told p is chosen more than once. Give every choice a name of its own"
    ):
        memo_graph("she: chooses(p in P, wpp=1)", "nature: chooses(p in P, wpp=1)")


@gb.memo
def coin[_p: P](k, n):
    nature: chooses(p in P, wpp=1)
    nature: observes_event(wpp=p**k * (1 - p) ** (n - k))
    return Pr[nature.p == _p]


def test_a_memo_of_ones_own_is_drawn_from_its_text():
    ax = plots.plate_diagram(coin(6, 12, grids={"P": gb.linspace(0, 1, 11)}))
    assert [text.get_text() for text in ax.texts] == ["p", "wpp=1", "k, n"]
    assert [type(patch).__name__ for patch in ax.patches].count("FancyBboxPatch") == 0


def test_an_arrow_past_a_row_bows():
    lines = *PRIOR, "nature: observes_event(wpp=likelihood(coin, p, k))", "return Pr[nature.p == _p]"
    ax = plots.plate_diagram(Program("\n    ".join(["def told[_p: P](k):", *lines])))
    reach = [patch.get_path().vertices[:, 0].max() for patch in ax.patches if type(patch).__name__ == "FancyArrowPatch"]
    assert sorted(x > 0.5 for x in reach) == [False, False, True]  # from coin to k, past p, at the right


def test_arguments_called_x_and_y_are_arguments_like_others():
    lines = "nature: chooses(a in A, b in B, wpp=exp(line(a, b, x, y)))", "return Pr[nature.a == _a]"
    ax = plots.plate_diagram(Program("\n    ".join(["def told[_a: A](x: ..., y: ...):", *lines])))
    places = {text.get_text(): tuple(text.get_position()) for text in ax.texts}
    assert places == {"a": (-0.75, 0.0), "b": (0.75, 0.0), "x": (-0.75, 1.5), "y": (0.75, 1.5)}
    assert [type(patch).__name__ for patch in ax.patches].count("FancyBboxPatch") == 0
