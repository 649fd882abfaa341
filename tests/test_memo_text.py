"""What can be read off a memo's text: axes and their names, what a call needs, what sums to 1, where weights go."""

import ast

import pytest

from gridbayes.memos.text import MemoText


def text_of(body: str, head: str = "f[_x: X, _y: Y](k)") -> MemoText:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return MemoText(f"def {head}:\n{lines}\n", "mine.py", 1)


def test_axes_are_named_without_underscores_where_that_is_clear():
    text = text_of("return _x", "f[_x: X, _k: K, _y: Y, y: Y](k)")
    assert [axis.name for axis in text.axes] == ["x", "_k", "_y", "y"]
    assert [axis.name for axis in text_of("forall: z in Z\nreturn z").axes] == ["x", "y", "z"]
    assert [axis.written for axis in text.unbound] == ["_k", "_y", "y"]


def test_what_a_call_needs_is_told_from_what_memo_says():
    text = text_of(
        "a: thinks[b: draws(u in U, wpp=g(u) * h[u](k) * {c + k})]\n"
        "a: chooses(v in V, wpp=exp(imagine[a: knows(v), m[0][v]()]))\n"
        "return a[E[b.u]]",
        "f[_x: X](k, r: ..., d=e)",
    )
    assert set(text.domains) == {"X", "U", "V"}
    assert set(text.called) == {"g", "h", "exp", "m"}
    assert set(text.inlined) == {"c", "e"}
    assert text.parameters == ("k", "r", "d") and text.arrays == {"r"}


CHOICES = "a: chooses(x in X, wpp=x)\na: chooses(y in Y, wpp=f(x, y))\n"


@pytest.mark.parametrize(
    "body, summed",
    [
        (CHOICES + "return Pr[a.x == _x, a.y == _y]", "xy"),
        (CHOICES + "return Pr[_x == a.x and a.y == _y]", "xy"),
        (CHOICES + "return Pr[(a.x == _x) & (a.y == _y)]", "xy"),
        ("b: thinks[a: chooses(x in X, y in Y, wpp=1)]\nb: knows(_x, _y)\nreturn b[Pr[a.x == _x, a.y == _y]]", "xy"),
        ("a: knows(_x)\na: chooses(y in Y, wpp=y * _x)\nreturn Pr[a.y == _y]", "y"),
        ("b: thinks[a: chooses(x in X, wpp=x)]\nb: observes[a.x] is _x\nb: draws(y in Y, wpp=y)\nreturn Pr[b.y == _y]", "y"),
        (CHOICES + "return Pr[a.x == _x, a.y == _x]", ""),
        (CHOICES + "return Pr[a.x > _x, a.y == _y]", ""),
        (CHOICES + "return Pr[a.y == _x]", ""),
        (CHOICES + "return E[a.x == _x]", ""),
        (CHOICES + "return Pr[a.x == _x] + 0 * _y", ""),
    ],
)  # fmt: skip
def test_the_axes_that_a_probability_sums_to_one_over(body, summed):
    assert "".join(axis.name for axis in text_of(body).distributed) == summed


def weighted(body: str, callee: MemoText | None = None) -> str:
    changed = text_of(body).weighted(frozenset(["X"]), {"g": callee} if callee else {})
    text = changed.text.replace("gridbayes_log_weight_X", "log_w").replace("gridbayes_weight_X", "w")
    return "\n".join(line.strip() for line in text.splitlines()[1:])


@pytest.mark.parametrize(
    "statement, expected",
    [
        ("a: chooses(x in X, wpp=x ** 2)", "a: chooses(x in X, wpp=x ** 2 * w(x))"),
        ("a: given(x in X, wpp=exp(-x))", "a: given(x in X, wpp=exp(-x + log_w(x)))"),
        ("a: draws(x in X, uniformly)", "a: draws(x in X, wpp=1 * w(x))"),
        ("a: chooses(x in X, y in Y, such_that=x > y)", "a: chooses(x in X, y in Y, such_that=(x > y) * w(x))"),
        ("a: chooses(x in X, to_maximize=x)", "a: chooses(x in X, to_maximize=x)"),
        ("a: chooses(y in Y, wpp=y)", "a: chooses(y in Y, wpp=y)"),
        ("a: thinks[b: chooses(x in X, wpp=x)]", "a: thinks[b:chooses(x in X, wpp=x * w(x))]"),
        ("a: observes_event(wpp=Pr[b.x == x])", "a: observes_event(wpp=Pr[b.x == x] / w(x))"),
        ("a: observes_event(wpp=g[x](k))", "a: observes_event(wpp=g[x](k) / w(x))"),
    ],
)  # fmt: skip
def test_weights_enter_choices_and_leave_the_masses_that_they_ask_for(statement, expected):
    callee = text_of("c: chooses(z in X, wpp=z)\nreturn Pr[c.z == _z]", "g[_z: X](k)")
    body = f"b: chooses(x in X, wpp=1)\n{statement}\nreturn Pr[a.x == _x]"
    plain, changed = (ast.unparse(ast.parse(line)) for line in (expected, weighted(body, callee).splitlines()[1]))
    assert changed == plain
    assert weighted(body, callee).splitlines()[2] == "return Pr[a.x == _x]"


def test_what_is_made_smaller_is_what_memo_normalises():
    changed = text_of("a: chooses(x in X, wpp=x)\na: observes_event(wpp=f(a.x))\nreturn Pr[a.x == _x]").scaled
    assert changed.text.count("* 9.5367431640625e-07") == 2
    same = text_of("a: chooses(x in X, wpp=exp(x))\na: draws(y in Y, uniformly)\nreturn E[a.x]")
    assert same.scaled is same
