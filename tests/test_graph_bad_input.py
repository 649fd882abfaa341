"""What a story refuses: each error says what is wrong, where, and what to do."""

import numpy as np
import pytest
import xarray as xr
from stories import fork, tables, told

import gridbayes as gb
from gridbayes.posterior import PosteriorError

GRID = gb.trapezoid(-6, 6, 25)
ONE = gb.Graph().node("a", GRID, gb.Normal(0, 1))
RAIN = gb.Graph().node("rain", ["no", "yes"], [0.8, 0.2])
FORK = fork(GRID, GRID)
DIAMOND = told(tables())


@pytest.mark.parametrize(
    "tell, error, text",
    [
        # arrows
        (lambda: ONE.node("b", GRID, lambda a: gb.Normal(a, 1)).node("a", GRID, lambda b: gb.Normal(b, 1)), ValueError,
         "arrows must not lead back; they would: a -> b -> a. Leave out one of them."),
        (lambda: ONE.node("b", GRID, lambda c: gb.Normal(c, 1)), ValueError,
         "b depends on c, not in the story yet; it has a. Write causes before effects"),
        (lambda: gb.Graph().node("b", GRID, lambda c: gb.Normal(c, 1)), ValueError, "it has no node"),
        (lambda: ONE.node("a", GRID, gb.Normal(0, 1)), ValueError, "a is in the story already."),
        (lambda: ONE.node("b", GRID, lambda a: gb.Normal(a, 1)).merge(
            gb.Graph().node("b", GRID, gb.Normal(0, 1)).node("a", GRID, lambda b: gb.Normal(b, 1))), ValueError,
         "arrows must not lead back; together they do: .* -> .* -> .*. Tell both in one order."),
        (lambda: ONE.merge(gb.Graph().node("a", GRID, gb.Normal(0, 2))), ValueError,
         "a is told differently in the two"),
        (lambda: ONE.condition(a=1).merge(ONE.condition(a=2)), ValueError,
         "a is known in both stories, a = 1 and a = 2."),
        (lambda: ONE.condition(a=1).merge(ONE.do(a=1)), ValueError, "a is known in both stories"),
        # names
        (lambda: ONE.node("2b", GRID, gb.Normal(0, 1)), ValueError,
         "a node's name must be a Python name, as th1; it is '2b'"),
        (lambda: ONE.node("lambda", GRID, gb.Normal(0, 1)), ValueError, "a node's name must be a Python name"),
        (lambda: ONE.node("exp", GRID, gb.Normal(0, 1)), ValueError, "exp means something else in a story's memo"),
        (lambda: ONE.node("new_a", GRID, gb.Normal(0, 1)), ValueError, "new_a means something else"),
        (lambda: ONE.node("A", GRID, gb.Normal(0, 1)), ValueError,
         "A differs from another node in its first letter's case"),
        (lambda: ONE.marginal("b"), ValueError, "no node 'b' in the story; it has a."),
        (lambda: ONE.condition(b=1), ValueError, "no node 'b' in the story"),
        (lambda: ONE["b"], ValueError, "no node 'b' in the story"),
        (lambda: gb.Graph().marginal(), ValueError, "the story has no free node: story of nothing. Add one"),
        (lambda: ONE.undo("a"), ValueError, "a is neither observed nor set; known are none."),
        (lambda: FORK.joint("th1", "th1"), ValueError, "each node can be asked for once; asked for are th1, th1."),
        (lambda: FORK.predict(), ValueError, r"predict needs the names of the nodes .* story.predict\('y'\)"),
        # values
        (lambda: ONE.node("b", [3, 1], [0.5, 0.5]), ValueError,
         "the values of b must be a Grid, increasing numbers, or texts"),
        (lambda: ONE.node("b", 5, [0.5, 0.5]), TypeError,
         "the values of b must be a Grid, increasing numbers, or texts; .* 5"),
        (lambda: ONE.node("b", ["x", "x"], [0.5, 0.5]), ValueError,
         "the values of b must be two different texts or more"),
        # densities
        (lambda: ONE.node("b", GRID, gb.Normal), TypeError,
         "the density of b must be a distribution, a function of its"),
        (lambda: ONE.node("b", GRID, 3), TypeError, "the density of b must be a distribution, .*; it is 3. Write"),
        (lambda: RAIN.node("wet", [0, 1], lambda rain: [0.9, 0.1] if rain == "no" else [0.3, 0.6]), ValueError,
         "the probabilities of wet must sum to 1; given rain = yes they sum to 0.9. Divide them by their sum."),
        (lambda: RAIN.node("wet", [0, 1], lambda rain: [1.2, -0.2]), ValueError,
         "the probabilities of wet must not be negative; given rain = no one is -0.2."),
        (lambda: RAIN.node("wet", [0, 1], lambda rain: [0.2, 0.2, 0.6]), TypeError,
         r"the density of wet must be a distribution or 2 probabilities; given rain = no it is \[0.2, 0.2, 0.6\]"),
        (lambda: RAIN.node("wet", [0, 1], lambda rain: "often"), TypeError,
         "2 probabilities; given rain = no it is 'often'"),
        (lambda: RAIN.node("wet", [0, 1], np.full((2, 2), 0.5)), TypeError,
         r"2 probabilities; given nothing it is array[\s\S]* A table over parents names its axes: xarray.DataArray"),
        (lambda: RAIN.node("wet", ["n", "y"], {"n": 1.0}), ValueError,
         r"wet must have a key for each of its values, \['n', 'y'\]"),
        (lambda: RAIN.node("wet", [0, 1], lambda rain: [0.5, 0.5] if rain == "no" else gb.Normal(0, 1)), TypeError,
         "must return distributions, or probabilities, for all values of its parents; given rain = yes it returns Normal"),
        (lambda: RAIN.node("wet", [0, 1], xr.DataArray([[0.5, 0.5], [0.5, 0.4]], dims=("rain", "wet"))), ValueError,
         "the probabilities of wet must sum to 1; given rain = yes they sum to 0.9"),
        (lambda: RAIN.node("wet", [0, 1], xr.DataArray([[0.5, 0.5]] * 3, dims=("rain", "wet"))), ValueError,
         "the table of wet must have 2 values of rain; it has 3."),
        (lambda: RAIN.node("wet", [0, 1], xr.DataArray([[0.5, 0.5]] * 2, dims=("rain", "water"))), ValueError,
         "the table of wet must have an axis wet; its axes are rain, water."),
        (lambda: RAIN.node("wet", [0, 1], xr.DataArray([[0.5, 0.5]] * 2, {"rain": ["y", "n"]}, ("rain", "wet"))), ValueError,
         "the table of wet must have the values of rain in their order, no, yes; it has"),
        (lambda: ONE.node("b", GRID, lambda b, a: np.where(a > 5, np.nan, -b * b)), ValueError,
         "the log density of b must be a number or -inf; it is nan at b = -6 given a = 5.5."),
        (lambda: ONE.node("b", GRID, lambda b, a: np.zeros(7)), ValueError,
         r"the log density of b must be of the shape of its arguments, \(25, 25\); it is \(7,\)"),
        (lambda: ONE.node("b", GRID, lambda a: gb.Uniform(a + 6, a + 7)), ValueError,
         "the density of b must have mass on its grid, .*; it has none given a = .*. Widen or move the grid."),
        # observing and setting
        (lambda: FORK.condition(y1=7), ValueError, "y1 must lie on its grid, from -6 to 6; it is 7. Widen the grid."),
        (lambda: FORK.do(th2=-6.5), ValueError, "th2 must lie on its grid, from -6 to 6; it is -6.5"),
        (lambda: FORK.condition(y1=float("nan")), ValueError, "y1 must lie on its grid, from -6 to 6; it is nan"),
        (lambda: FORK.condition(y1="high"), ValueError, "y1 has no value 'high'"),
        (lambda: FORK.condition(y1=None), TypeError, "y1 must be a number, a text or a list of them; it is None"),
        (lambda: FORK.condition(y1=[]), ValueError, r"y1 must have a row at least; it is \[\]"),
        (lambda: FORK.condition(y1=[[1, 2]] * 2), TypeError, "y1 must be a number, a text or a list of them; it is"),
        (lambda: RAIN.condition(rain="snow"), ValueError, "rain has no value 'snow'; its values are no, yes."),
        (lambda: DIAMOND.condition(d=1.5), ValueError, "d must be one of its values: .* it is 1.5, between 1 and 2."),
        (lambda: gb.Graph().node("p", gb.linspace(0, 1, 11), gb.Uniform(0, 1)).condition(p=0.25), ValueError,
         "p must be one of its values: .* it is 0.25, between 0.2 and 0.3.*gb.trapezoid, and a density."),
        (lambda: FORK.condition(y1=1).do(y1=1), ValueError,
         r"y1 is observed, y1 = 1, and cannot be set: an intervention comes before .* undo\('y1'\) first."),
        (lambda: FORK.do(th2=1).condition(th2=1), ValueError,
         r"th2 is set, th2 = 1, and cannot be observed too: undo\('th2'\)"),
        (lambda: FORK.condition(y1=1).condition(y1=2), ValueError,
         "y1 is observed, y1 = 1, and cannot be observed: it has one"),
        (lambda: FORK.do(th2=[1, 2]), ValueError, r"th2 must be set to one value; it is \[1, 2\]."),
        (lambda: FORK.condition(y1=1).marginal("y1"), ValueError,
         "y1 is known, y1 = 1: ask for th1, th2, th3, y2, or undo it."),
        (lambda: FORK.do(th2=1).predict("th2"), ValueError, "th2 is set, not drawn: th2 = 1. Undo it to predict it."),
        (lambda: FORK.condition(th2=[1, 2]), ValueError,
         r"y1 depends on th2, which has 2 rows, and must have as many; it is free. Observe both in one call"),
        (lambda: FORK.condition(th2=[1, 2], y1=[1, 2, 3]), ValueError,
         "which has 2 rows, and must have as many; it has 3."),
        (lambda: FORK.condition(th2=[1, 2], y1=1), ValueError, "must have as many; it has one value."),
        # another order
        (lambda: DIAMOND.factored("abc"), ValueError, "order must have each node once, a, b, c, d; it is a, b, c."),
        (lambda: DIAMOND.do(b=1).factored("abcd"), ValueError,
         "b is set, which is about the arrows of this story. Undo it"),
        (lambda: FORK.condition(y1=0.3).factored(["y2", "y1", "th3", "th2", "th1"]), ValueError,
         "y1 must be one of its values"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tell, error, text):
    with pytest.raises(error, match=text):
        tell()


def test_what_cannot_have_happened_is_refused():
    story = gb.Graph().node("a", range(2), [0.5, 0.5]).node("b", range(3), lambda a: [1 - a / 2, a / 2, 0])
    for ask in (lambda s: s.marginal("a"), lambda s: s.sample(3), lambda s: s.by_memo("a")):
        with pytest.raises(PosteriorError, match="probability 0: story of a, b given b = 2"):
            ask(story.condition(b=2))
    assert story.condition(b=2).log_evidence == -np.inf


def test_a_draw_needs_a_number():
    with pytest.raises(TypeError, match="n must be a whole number of draws"):
        ONE.sample(2.5)
