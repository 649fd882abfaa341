"""Every example runs, and prints the numbers that it is there for."""

import io
import re
import runpy
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

PRINTED = {
    # the 27 published pairs are counted below; here a row, the joint's means, and both formulas beside them
    "published_figures_count_data_twice": [
        "       1         1  MATH          3.798 ( 55.836)    3.798 ( 55.836)    2.655 ( 38.851)",
        "all 124,416 cells of a coarse grid",
        "its means of theta      [ 0.132 -1.962  3.831]",
        "data used once          [ 0.132 -1.962  3.831]",
        "data used twice         [ 0.116 -1.875  4.904]",
        "gridbayes               [ 0.132 -1.962  3.831]",
    ],
    # evidence and means: reference/eight_schools.json
    "eight_schools": ["log evidence -31.311347", "4.397", "3.598", "School A's coaching beats school C's"],
    # 1 / (1 + 2**-20 / B(16, 6)) and 16 / 22, by hand
    "own_memo": ["BENT    0.763067", "is 0.727273", "It takes 17 heads in 20 tosses"],
    # forward, backward, Viterbi and EM in NumPy loops
    "switching_regression": [
        "idle  : 1.930 kW +0.0065 a degree, 7.2 hours",
        "heated: 5.960 kW -0.2897 a degree, 14.3 hours",
        "Heated in 81 of 120 hours, 29 hours",
        "Wrong in 15 hours; as the fit numbers them, in 105.",
    ],
    # sums over 676 x 676 x 20 cells of (mu, log sigma), (mu, log sigma), weight: 53.6988, 80.8298, -227.694635, .53214
    "mixture": ["53.7  0.916", "80.83  0.84", "log evidence -227.6946", "one by 20.8 in", "with probability 0.532"],
    # a sum over 141 x 240 x 240 equal cells in location, log width and the guess's logit: .248408, 1.208766, -56.674373
    "own_quadrature": ["0.2484", "1.209", "log evidence -56.67437"],
    # means and evidence: Gauss-Legendre and trapezoid sums in NumPy over wider and finer grids, SciPy's densities
    "own_density": ["2.125", "2.309", "log evidence -28.0388", "2.024", "0.2213", "log evidence -17.3111", "10.73"],
    # trapezoid sums over intercept and slope in NumPy, densities of scipy.stats
    "logistic_regression": ["0.3026", "log evidence -5.267684", "3.721 are expected", "0.2997"],
    "robust_regression": ["1.9257 +- 0.4386", "1.8352 +- 0.4701", "14.8791"],
    # forward and backward passes in NumPy, SciPy's Nelder-Mead, a sum over 400 x 500 cells of the two rates
    "hidden_states": [
        "log evidence -56.316725",
        "hour  8: unknown calls, busy with probability 0.8103",
        "hour 18: unknown calls, busy with probability 0.4673",
        "the next hour is busy with probability 0.2005",
        "likeliest rates [1.6818 8.9487] log likelihood -55.950289",
        "1.706",
        "8.948",
        "log evidence -58.4518",
    ],
    # weighted mean 9.8038225, 1 / sqrt(sum of weights) 0.0118378; scipy.integrate.quad over mu and tau: 0.73285151
    "complete_pooling": ["9.804 0.01184", "that differ: 0.7329"],
    # reference/crins2014_halfnormal05.json
    "meta_analysis": [
        "-1.576 0.3294    -2.238   -0.9335",
        "0.3811 0.2594   0.01773     0.973",
        "log evidence -9.632820",
        "between -2.7730 and -0.4173",
        "with probability 0.00867",
    ],
    # InverseGamma(3 + ends, 40 + months) in closed form; scipy.integrate.quad over one mean; (b / (b + 12))**a
    "lifetimes": [
        "mu[web]   19.62 7.418",
        "mu[store]  33.4  16.7",
        "log evidence -40.075098",
        "who are still there: [10.375 14.2  ]",
        "longer with probability 0.820378",
        "web: expected gain 145.5000",
        "store: expected gain 250.8000",
        "with probability 0.515367 in the web shop",
    ],
    # sums over 240 x 240 x 241 cells of intercept, slope and signal in NumPy: -61.920512, 24.713103, -73.768320
    "signal_on_background": ["24.71", "log evidence -61.92051", "without a line -73.768320", "for the line 11.8478"],
    # normal conditioning by hand: 7/10, -1/6, 1/8; told backwards th1 has mean (th2 + th3) / 3, and E th3 = -1/3
    "story": [
        "y2 = -0.5, th2 = 2: E th1 = 0.700000",
        "do(th2 = 2): E th1 = -0.166667",
        "y1 = 1: E th1 = 0.125000",
        "The joint has 43,046,721 cells",
        "me: observes_event(wpp=exp(at(log_p_y2, nature.th3)))  # y2 = -0.5",
        "gives E th1 = 0.555556",
    ],
    # means: reference/tutorial_numbers.json, learned_variance at (1, 1), continuum
    "ragged_punctuality": [
        "log evidence -30.291932",
        "-0.04836",
        "15.01",
        "0.4504",
        "-13.52",
        "15.54",
        "21.19",
    ],
}


@cache
def printed(name: str) -> str:
    """What an example prints, run once."""
    shown = io.StringIO()
    with redirect_stdout(shown):
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return shown.getvalue()


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_example_runs_and_prints_its_numbers(name):
    out = printed(name)
    assert out.strip()
    for text in PRINTED.get(name, []):
        assert text in out


def test_readme_shows_what_the_meta_analysis_prints():
    lines = printed("meta_analysis").splitlines()
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"group=\"study\".*?```\n(.*?)```", readme, re.DOTALL)
    for line in shown.splitlines():
        kept = re.sub(r"\s+1e-12$", "", line)  # errors are at the level of rounding
        assert kept == "..." or any(other.startswith(kept) for other in lines)


def test_every_published_pair_is_what_counting_twice_gives():
    rows = [line for line in printed("published_figures_count_data_twice").splitlines() if "(" in line[20:48]]
    rows = [row for row in rows if row[20:31].strip() in ("GOVERNMENT", "ENGLISH", "MATH")]
    assert len(rows) == 27
    for row in rows:
        published, twice, once = row[31:49], row[50:68], row[69:87]
        assert published == twice != once
