"""An explorer of each kind: tests import this module, and so does the notebook that Voila shows them."""

import gridbayes as gb

ROWS = {"GOVERNMENT": [-10, 1, 11], "ENGLISH": [-16, -15, -14], "MATH": [30]}
LONG = {"Department of Comparative Literature and Philology": [4, 9], "MATH": [30]}


@gb.memo
def coin[_p: P](k, n):
    nature: chooses(p in P, wpp=p**k * (1 - p) ** (n - k))
    return Pr[nature.p == _p]


EXPLORERS = {  # each is fitted when it is called
    "complete": lambda: gb.explore(ROWS, "complete_pooling", sigma=15),
    "no": lambda: gb.explore(LONG, "no_pooling", sigma=15),
    "partial": lambda: gb.explore(ROWS, sigma=15),
    "learned": lambda: gb.explore(ROWS, "learned_sigma"),
    "normal": lambda: gb.explore([9.0, 12.0, 7.5, 10.5], "normal", unit="mm"),
    "mixture": lambda: gb.explore(model="mixture"),
    "regression": lambda: gb.explore([1.0, 2.9, 5.2, 6.8, 9.1], "regression", x=[0, 1, 2, 3, 4]),
    "grid": lambda: gb.explore({"early": [1, -15], "late": [30]}, "grid"),
    "memo": lambda: gb.explore(model=coin, grids={"P": gb.gauss_legendre(0, 1)}, k=6, n=12),
}
