"""The course: every notebook runs, answers its questions, and states no number that it has not computed."""

import ast
import io
import json
import linecache
import re
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import matplotlib
import pytest

NOTEBOOKS = {path.stem: path for path in sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))}
HEADINGS = ["**The story.**", "**The formula.**", "**The call.**", "**The memo", "**The picture.**", "## Questions"]
NUMBER = r"\d+(?:\.\d+)?"

PRINTED = {
    # Beta(5, 2): mean 5 / 7, p(p > 1/2) = 57 / 64
    "01_one_parameter_on_a_grid": ["any share: mean 0.714286", "1. [ 0 12] red", "3. 0.890625"],
    # tutorial_numbers.json, complete_pooling, continuum and classic grid; 1 / sqrt(1 / 20**2 + n / 15**2), n = 55 and 56
    "02_complete_pooling": [
        "gridbayes  mean 4.491228  variance 63.157895  log evidence -14.146414",
        "mean 4.491098  variance 63.153211",
        "1. 0.000",
        "with 55 measurements the sd is 2.0123",
        "with 56 measurements the sd is 1.9945",
    ],
    # tutorial_numbers.json, no_pooling, continuum and classic grid; Phi(28.8 / (12 sqrt 2)) = .95517
    "03_no_pooling": [
        "GOVERNMENT classic grid    0.634   continuous    0.640",
        "ENGLISH    classic grid   -9.415   continuous   -9.600",
        "MATH       classic grid   18.122   continuous   19.200",
        "{'group': 3, 'theta': 200}",
        "3. GOVERNMENT    0.634 ->  -12.443",
        "3. MATH         18.122 ->   18.122",
        "5. 0.9552",
    ],
    # Gauss-Legendre in tau's prior quantile, normal conditioning in NumPy: evidence and means; tutorial_numbers.json for 1.
    "04_partial_pooling_and_shrinkage": [
        "log evidence -13.721995",
        "theta[GOVERNMENT]  2.165",
        "theta[ENGLISH]    -2.774",
        "1. s_tau =  1: mean   1.594  variance   27.383",
        "1. s_tau =  3: mean   3.984  variance   64.627",
        "1. s_tau = 10: mean   8.785  variance  126.833",
        "1. s_tau = 20: mean  11.903  variance  160.649",
        "2. MATH moves from 11.117 to 15.112",
        "3. 0.8120",
    ],
    # the same sums as in 04
    "05_ragged_and_missing_data": [
        "theta[GOVERNMENT] 0.1444",
        "theta[ENGLISH]    -7.919",
        "2. MATH moves from 10.054 to 22.643",
        "4. MATH would be at 3.343",
    ],
    # tutorial_numbers.json, learned_variance at (1, 1), continuum; with known sigmas the sums of 04
    "06_learned_variance": [
        "mu                -0.04836",
        "theta[GOVERNMENT]   0.4504",
        "theta[ENGLISH]      -13.52",
        "theta[MATH]          15.54",
        "known, 15         log evidence  -29.349   E theta [ 0.03 -1.63  1.65]",
        "sigma =  2: E theta = 29.58, log evidence -28.720",
        "sigma = 30: E theta =  4.12, log evidence -27.279",
    ],
    # tutorial_numbers.json, single_observation at (1, 1): 2.6551 and 1.5940
    "07_how_good_is_my_grid": ["classic grids: MATH 2.655", "continuous:    MATH 1.594", "with weights: MATH 1.594"],
    # reference/eight_schools.json; the sums of 04, again without each school, and at other scales; multivariate normals
    "08_eight_schools_in_earnest": [
        "log evidence -31.311347",
        "elpd_loo      -30.74      1.36",
        "A   -4.887785",
        "'BF01': 1.59537565",
        "'BF01': 0.5971017364",
        "[0.938, 0.635, 0.325, 0.59 , 0.283, 0.383, 0.905, 0.661]",
        "'mu_scale': 6.51671",
        "'log_evidence': -30.820407",
        "A from 6.212 to 6.713",
        # the quantile of a normal mixed over tau = 5 tan(pi u / 2); differences of single fits; tests/dense.py
        "before the data: [-33.101  33.101]",
        "mu_scale     0.637",
        "tau_scale    0.199",
        "slope 0.5422, against 0: 1.1005",
        "the file says the same: True",
        "complete pooling    0 -30.48 ",
        "-30.8442             1       0.6147",
        "Normal(0,  10):  -31.9760",
        "Normal(0,  30):  -35.8563",
        "Normal(0, 100):  -44.3261",
        "expected 4.397 5.858    -7.695     15.78",
        "p(A > C) = 0.6174",
        "than the others) = 0.6744",
        "1. Only at odds of 206 to 1",
        "2. 0.1717",
        "Bayes factor is 1.595",
        "4. 22.311 in place of 6.212",
    ],
    # sums over grids in NumPy: sigma; intercept and slope; weight and both means; weight and two lines; SciPy's optimiser
    "09_mixtures_and_regressions": [
        "intercept  5.404",
        "log evidence -79.973978",
        "log evidence -11.519497",
        "log evidence -199.886787",
        "mu[0]     -0.08299",
        "mu[1]        3.879",
        "log evidence -382.8176",
        "slope[0]     -0.4921",
        "slope[1]      0.7773",
        "2. At 2 minutes late: of the late kind with probability 0.398194",
        "2. At 0 minutes late: of the late kind with probability 0.000324",
        "of one normal with its own sigma -219.653",
        "Log likelihood of the truth -190.4290",
        "of the best fit -190.0716",
    ],
    # 1 / (1 + 2**-20 / B(16, 6)), 16 / 22, and precisions by hand
    "10_bring_your_own_memo": [
        "bent: 0.763066892",
        "1. 17 or more",
        "2. 0.727272727",
        "enumerate  -5.463415 19.200000",
        "quadrature -5.463415 19.200000",
    ],
    # normal conditioning by hand; .19 / (.19 + .8 (.3 .95 + .7 .01)); precisions 1/4, 1 and 1/2.25
    "11_stories_and_interventions": [
        "th2 = 2 is told: E th1 =  0.7000",
        "th2 = 2 is made: E th1 = -0.1667",
        "me: observes_event(wpp=exp(at(log_p_y2, nature.th3)))  # y2 = -0.5",
        "E phi at once 0.360656, in turn 0.360656",
        "24 orders, 3 to 6 arrows",
        "1. E th1 = 0.1250; by hand 0.1250.",
        "2. 0.4485, and with the sprinkler on 0.2000",
        "3. 0.2000, as before",
        "4. 3,486,784,401 cells; 13,284 are visited",
        "5. 0.4485: its arrows",
    ],
    # 19 / 62; (b + sum of t) / (a + d - 1) by hand; scipy's quad over inverse gammas for 2., exponential, and 3.
    "12_conversion_and_lifetimes": [
        "p 0.3065",
        "at once 0.66855726, one after the other 0.66855726",
        "with the censored 15.4053, without them 6.0842",
        "2. exponential: 0.780776",
        "3. web: -0.8058",
        "3. shop: +3.8108",
        "5. 8.0815 months",
    ],
    # the forward pass and EM in NumPy loops; the posterior of the means by a sum over 25 x 25 x 25 cells in NumPy
    "13_hidden_markov_models": [
        "log evidence -1100.8353",
        "LikeliestChain(3 states; log likelihood -1094.3722, converged) [-3.091  0.055  3.931]",
        "mu[0]  -3.11 0.06327",
        "mu[1] 0.0442 0.05904",
        "mu[2]  3.932 0.06179",
        "log evidence -1110.23439",
        "1. The truth reaches -1100.8353, the fit -1094.3722",
        "On new days the truth reaches -1136.4400, the fit -1142.5545",
        "3. On 9 days of 600",
        "4. mu[0]: sd 0.06053 by its 191 lectures, 0.06327 as it is",
    ],
    # forward, backward, Viterbi and EM in NumPy loops; both paths of the memo by hand
    "14_switching_regressions": [
        "log likelihood of the fit -2294.9580, of the truth -2303.8314",
        "in the truth's order: (2, 0, 1)",
        "wrong states: 977 of 1000, once aligned 43",
        "17 parameters, worth",
        "alone [0.000378, 0.577717, 0.421905]",
        "memo    [8.6e-05, 0.52273, 0.477185]",
        "smoother    [8.6e-05, 0.52273, 0.477185]",
        "two lines cross: 0.155 wrong, 0.168 in doubt",
        "two lines cross: 0.002 wrong, 0.003 in doubt",
        "3 states: log likelihood -2294.96, of ten new seasons -2269.66",
        "sd 0.0090 on the grid",
    ],
}


def cells(name: str, kind: str) -> list[str]:
    """The texts of all cells of that kind, in order."""
    notebook = json.loads(NOTEBOOKS[name].read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


@cache
def run(name: str) -> tuple[str, list[str]]:
    """What the code cells print and show, and the label of the first axis of each figure."""
    import matplotlib.pyplot as plt

    matplotlib.use("agg")
    namespace: dict = {"__name__": "__main__"}
    shown, labels = io.StringIO(), []
    try:
        with redirect_stdout(shown):
            for number, code in enumerate(cells(name, "code")):
                run_cell(code, f"{name}[{number}]", namespace)
        for number in plt.get_fignums():
            plt.figure(number).canvas.draw()
            labels.append(plt.figure(number).axes[0].get_xlabel())
    finally:
        plt.close("all")
    return shown.getvalue(), labels


def run_cell(code: str, title: str, namespace: dict) -> None:
    """As Jupyter does: the value of a last expression is shown, and functions can be asked for their source."""
    linecache.cache[title] = (len(code), None, code.splitlines(keepends=True), title)
    body = ast.parse(code).body
    last = ast.Expression(body.pop().value) if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), title, "exec"), namespace)
    if last is not None:
        value = eval(compile(last, title, "eval"), namespace)
        if value is not None and not code.endswith(";"):
            print(getattr(value, "_repr_html_", value.__repr__)() and repr(value))


def numbers(text: str) -> set[float]:
    """Numbers of two digits or more in prose; formulas, code and the counting of headings are no prose."""
    prose = re.sub(r"\$\$.*?\$\$|\$.*?\$|`.*?`|^#.*?$|\(Rubin \d{4}\)", " ", text, flags=re.DOTALL | re.MULTILINE)
    return {float(found) for found in re.findall(NUMBER, prose) if len(found) > 1}


def literals(code: str) -> list[str]:
    """The strings that stand in the code, without the formats of f-strings."""
    nodes = list(ast.walk(ast.parse(code)))
    formats = [node.format_spec for node in nodes if isinstance(node, ast.FormattedValue) and node.format_spec]
    apart = {id(part) for spec in formats for part in ast.walk(spec)}
    texts = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in apart]
    return [node.value for node in texts if isinstance(node.value, str)]


def test_the_parts_of_the_course_are_numbered_in_order():
    assert [name[:2] for name in NOTEBOOKS] == [f"{number:02d}" for number in range(1, 15)]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs_and_prints_its_numbers(name):
    out, _ = run(name)
    for text in PRINTED[name]:
        assert text in out, f"{text!r} is not in\n{out}"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_question_is_answered(name):
    questions = re.findall(r"^(\d+)\. ", cells(name, "markdown")[-1], re.MULTILINE)
    answers = re.findall(r"^(\d+)\. ", run(name)[0], re.MULTILINE)
    assert len(questions) >= 2
    assert sorted(set(answers)) == questions


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_figure_says_what_it_shows(name):
    _, labels = run(name)
    assert labels and all(labels)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_numbers_in_prose_are_data_or_computed(name):
    known = "\n".join([*cells(name, "code"), run(name)[0]])
    known = set(map(float, re.findall(NUMBER, known.replace("_", ""))))
    assert not numbers("\n\n".join(cells(name, "markdown"))) - known


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_result_is_typed_into_a_string(name):
    typed = [text for code in cells(name, "code") for text in literals(code) if re.search(r"\d\.\d", text)]
    assert not typed


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_has_every_part_and_is_short(name):
    prose, code = "\n".join(cells(name, "markdown")), cells(name, "code")
    assert not [heading for heading in HEADINGS if heading not in prose]
    answers = [cell for cell in code if len(cell.splitlines()) <= 3]  # part 8 has a cell for each answer of a posterior
    most = 15 + len(answers) if name.startswith("08") else 15
    hands = [cell for cell in code if "gb.explore(" in cell]
    assert len(hands) == (name < "10")  # later parts have stories, programs and chains, which no explorer moves yet
    assert 8 <= len(cells(name, "markdown")) + len(code) - len(hands) <= most


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_is_committed_without_outputs(name):
    notebook = json.loads(NOTEBOOKS[name].read_text(encoding="utf-8"))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    assert notebook["metadata"] == {"kernelspec": kernel}
    for cell in notebook["cells"]:
        assert not cell["metadata"]
        assert cell["cell_type"] == "markdown" or (cell["outputs"] == [] and cell["execution_count"] is None)
