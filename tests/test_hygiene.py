"""What importing gridbayes costs and touches, and which file may know which."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gridbayes"

LAYERS = [  # a file imports only from above it; files in one row do not know each other
    ["_types", "colours", "files", "terminal", "memos.text", "quadrature.supports", "quadrature.rules"],
    ["sequences.messages", "sequences.probabilities"],
    ["grids", "densities", "tables", "enumeration.row_sums"],
    ["observations", "csvfile", "summaries", "rows", "memos.domains", "sequences.chains"],
    [
        "datasets",
        "likelihoods",
        "priors",
        "accuracy",
        "enumeration.coarser",
        "labelled",
        "sampling",
        "leave_one_out",
        "retrodiction",
        "graph.arrows",
        "graph.text",
        "graph.values",
    ],
    ["closed_form", "convolution", "program", "contraction", "models.coefficients", "learned", "graph.rules"],
    ["factors", "questions", "graph.node"],
    ["conditional", "posterior", "table", "log_joint", "memos.linking", "graph.elimination"],
    ["arviz_tree", "graph.as_memo", "graph.solved"],
    ["graph.answers"],
    [
        "smoothing",
        "double_exponential",
        "engine",
        "memos.run",
        "quadrature.target",
        "enumeration.streaming",
        "comparison",
    ],
    ["models.pooling", "graph.graph"],
    ["evidence", "memos.memo", "quadrature.modes", "quadrature.clouds", "quadrature.starts", "enumeration.enumeration"],
    ["quadrature.exchange", "quadrature.whitening", "quadrature.curves"],
    ["quadrature.rejection"],
    ["quadrature.quadrature"],
    [
        "models.covaried",
        "models.draws",
        "models.lattice",
        "models.least_squares",
        "models.left_out",
        "models.mirrored",
        "models.ranges",
        "models.scales",
        "models.sweeps",
    ],
    ["sequences.emissions"],
    ["sequences.hidden_markov"],
    ["sequences.expectation"],
    ["sequences.unknown"],
    ["enumeration.windows"],
    ["models.tails"],
    ["models.mixed", "models.predicted", "models.prediction", "models.ranks", "models.shrinkage", "models.watched"],
    ["models.components", "models.count_rows", "models.given_theta", "models.in_cells", "models.survival"],
    ["models.answers"],
    ["models.enumerated", "models.given_cells", "models.scale_nodes"],
    ["models.placed", "models.linear", "models.generalized", "models.settings"],
    ["models.given_scales", "models.meta_regression", "models.swept"],
    ["models.by_group"],
    ["models.continuous"],
    ["models.fit"],
    ["models.complete_pooling", "models.no_pooling", "models.partial_pooling", "models.sensitivity"],
    ["models.linear_regression", "models.logistic_regression", "models.mixture", "models.mixture_of_regressions"],
    ["models.lifetimes", "models.loyal_customers", "models.normal", "models.poisson_regression", "models.proportion"],
    ["models.signal_and_background"],
    ["storage"],
    ["models", "quadrature", "memos", "enumeration", "graph", "sequences"],
    ["plots.graphs", "plots.save", "plots.style"],
    ["plots.forest", "plots.grid", "plots.joint", "plots.lines", "plots.panels", "plots.plates", "plots.pooling"],
    ["plots.sequences", "plots.states"],
    ["plots.checks", "plots.evidence", "plots.sensitivity"],
    ["plots.stories"],
    ["plots.survival"],
    ["plots.choose"],
    ["plots"],
    ["explorers.controls", "explorers.dragging"],
    ["explorers.view"],
    ["explorers.calls", "explorers.marks", "explorers.svg"],
    ["explorers.frame", "explorers.mixture", "explorers.nodes", "explorers.normal", "explorers.own_memo"],
    ["explorers.pooling", "explorers.regression"],
    ["explorers.page", "explorers.widget"],
    ["explorers.explorer"],
    ["explorers.explore"],
    ["explorers"],
    ["sequences.labels"],
    [""],
    ["quickstart"],
    ["lessons.registry"],
    ["lessons.first", "lessons.pooling", "lessons.stories"],
    ["lessons.switching"],
    ["lessons.lifetimes"],
    ["lessons.sequences"],
    ["lessons"],
    ["figures"],
    ["rebuild", "columns"],
    ["app", "results"],
    ["cli"],
    ["__main__"],
]


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def imported(path: Path, at_top: bool = False) -> set[str]:
    """Absolute names of all modules that a file imports, annotations' imports left out."""
    tree = ast.parse(path.read_text())
    found = set()
    for node in _statements(tree, at_top):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def _statements(node: ast.AST, at_top: bool):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if at_top and isinstance(child, (ast.FunctionDef, ast.Lambda)):
            continue
        yield child
        yield from _statements(child, at_top)


def known(modules: set[str]) -> set[str]:
    """Those that are files of gridbayes, by their names within it."""
    ours = {name.removeprefix("gridbayes").removeprefix(".") for name in modules if name.split(".")[0] == "gridbayes"}
    files = ours & set(FILES)
    # `import gridbayes.plots.save` names gridbayes.plots too, and every `from gridbayes.x import` names gridbayes
    return {name for name in files if name or modules & {"gridbayes"}} - packages_above(files)


def packages_above(files: set[str]) -> set[str]:
    return {other for other in files if any(name.startswith(f"{other}.") for name in files if name)}


def test_every_file_has_its_layer():
    assert sorted(LEVEL) == sorted(FILES)


@pytest.mark.parametrize("name", FILES, ids=lambda name: name or "__init__")
def test_a_file_imports_only_from_above(name):
    below = {other for other in known(imported(FILES[name])) - {name} if LEVEL[other] >= LEVEL[name]}
    if name == "posterior":  # one line with a late import each: the printed table, the exports, the picture
        below -= {"table", "arviz_tree", "storage", "plots"}
    if name in ("models.swept", "graph.graph"):
        below -= {"plots"}
    assert not below, f"{name} imports {below}"


OWNERS = {
    "memo": ["program"],
    "matplotlib": ["plots"],
    "ipywidgets": ["explorers"],
    "arviz": ["posterior"],
}


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_has_one_owner(library):
    users = {name for name, path in FILES.items() if any(x.split(".")[0] == library for x in imported(path))}
    strangers = {name for name in users if name.split(".")[0] not in OWNERS[library]}
    assert not strangers


@pytest.mark.parametrize("library", ["matplotlib", "ipywidgets", "pandas", "xarray", "arviz", "memo"])
def test_no_file_above_the_plots_imports_a_heavy_library_at_its_top(library):
    above = [name for name in FILES if name.split(".")[0] not in ("plots", "table", "explorers")]
    eager = {n for n in above if any(x.split(".")[0] == library for x in imported(FILES[n], at_top=True))}
    assert not eager


def run(code: str, *flags: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)


def test_importing_loads_no_heavy_library():
    log = run("import gridbayes", "-X", "importtime").stderr
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in log.splitlines()}
    assert "gridbayes" in loaded and "jax" in loaded
    assert not loaded & {"matplotlib", "ipywidgets", "pandas", "arviz", "xarray", "memo", "polars", "IPython"}


SNAPSHOT = """
import json, sys, warnings
import jax, jax.numpy, numpy as np, scipy.special, scipy.optimize, scipy.sparse  # what these set is not ours
{first}

def snapshot():
    state = {{
        "excepthook": repr(sys.excepthook),
        "displayhook": repr(sys.displayhook),
        "showwarning": repr(warnings.showwarning),
        "formatwarning": repr(warnings.formatwarning),
        "filters": repr(warnings.filters),
        "errors": repr(np.geterr()),
        "printing": repr(np.get_printoptions()),
        "random": repr(np.random.get_state()[1][:5]),
        "path": repr(sys.path),
        "recursion": sys.getrecursionlimit(),
        "jax": repr(sorted(jax.config.values.items(), key=str)),
        "dtype": str(jax.numpy.ones(1).dtype),
    }}
    if "matplotlib" in sys.modules:
        import matplotlib
        state["style"] = repr(sorted(matplotlib.rcParams.items(), key=str))
        state["backend"] = matplotlib.get_backend()
    return state

before = snapshot()
import gridbayes as gb
imported = snapshot()
post = gb.partial_pooling({{"a": [1, 4], "b": [5]}}, sigma=2, mu=gb.Normal(0, 5), tau=gb.HalfCauchy(2))
repr(post.summary())
nodes = gb.linspace(0.5, 9, 9)
gb.partial_pooling([1, 4], sigma=gb.HalfNormal(2), mu_scale=3, tau_scale=3, shared_sigma=True,
                   grids=dict.fromkeys(["mu", "tau", "theta", "sigma"], nodes)).mean("theta")
{last}
print(json.dumps([before, imported, snapshot()]))
"""


@pytest.mark.parametrize("plots", [False, True], ids=["numbers", "plots"])
def test_importing_and_fitting_change_no_global_setting(plots):
    first = "import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot, pandas, xarray" if plots else ""
    first = first or "import pandas, xarray"
    before, imported, fitted = json.loads(run(SNAPSHOT.format(first=first, last="")).stdout.splitlines()[-1])
    for moment in (imported, fitted):
        changed = {key: (before[key], moment[key]) for key in before if before[key] != moment[key]}
        assert not changed
