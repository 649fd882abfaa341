"""What a program, or a fitted model, says of its parameters: which depend on which, and what is repeated.

A program of a pooling model (models/pooling.py) is read as a syntax tree:

    normal_lpdf(at(theta_nodes, _theta), at(mu_nodes, _mu), ...)   theta is a node, an arrow leads to it from mu
    chooses(theta in Theta, ...) where another axis is known       theta is in the plate of that axis: one a group
    at(log_likelihood, _d, theta)                                  the data are a node, an arrow leads to them from theta

A parameter that another one stands between and the data (mu, by theta) has no arrow to the data of its own. And so is a memo
that a user wrote:

    nature: chooses(p in P, wpp=weight(coin, p, k))       p is a node, arrows lead to it from coin and the argument k
    nature: observes_event(wpp=likelihood(p, heads))      `heads` is a node of data, an arrow leads to it from p
    nature: observes [she.p] is _p                        p is known
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gridbayes.models.covaried import Covaried
from gridbayes.models.pooling import Pooling
from gridbayes.posterior import Posterior
from gridbayes.program import Program

__all__ = ["DATA", "Graph", "graph_of", "graph_of_posterior", "pooling_of"]

DATA = "y"  # the node of the data
INPUT = "x"  # the node of the inputs of a regression
TABLE = "log_likelihood"  # the table in which the data of a pooling model enter
CHOICES = ("chooses", "given", "draws", "assigned", "guesses")  # memo's words for one
LONGEST = 24  # letters of a weight that a diagram has room for


@dataclass(frozen=True)
class Graph:
    """What a program says of its model.

    Parameters
    ----------
    densities : parameter to the name of its density or the text of its weight, "" where it enters as a table.
    arrows : (from, to).
    grouped : the parameters that each group has its own of.
    known : nodes that are not learned: the data, and inputs or arguments.
    repeated : whether the data are rows, which have plates; a memo of one's own has no word for that.
    """

    densities: Mapping[str, str]
    arrows: frozenset[tuple[str, str]]
    grouped: frozenset[str]
    known: tuple[str, ...] = (DATA,)
    repeated: bool = True

    @property
    def nodes(self) -> tuple[str, ...]:
        """The parameters in the order of the program, then what else is known."""
        return tuple(dict.fromkeys([*self.densities, *self.known]))

    def parents(self, node: str) -> list[str]:
        """Where arrows to this node come from, in the order of the program."""
        return [name for name in self.nodes if (name, node) in self.arrows]

    def depth(self, node: str) -> int:
        """Steps from the node to the end of the longest way from it."""
        return max((1 + self.depth(child) for parent, child in self.arrows if parent == node), default=0)


def graph_of(program: Program) -> Graph:
    """The graph of a pooling program, or of a user's memo: the last one of the text.

    Raises
    ------
    ValueError
        When the text has neither densities of its parameters and a table of log likelihoods, nor choices of its own, or
        when two agents choose by the same name: what one thinks of another is no such graph.

    >>> import gridbayes as gb
    >>> post = gb.partial_pooling([1, 5], sigma=gb.HalfCauchy(5), mu_scale=1, tau_scale=1)
    >>> graph = graph_of(post.model.model.program)
    >>> sorted(graph.arrows), sorted(graph.grouped)
    ([('mu', 'theta'), ('sigma', 'y'), ('tau', 'theta'), ('theta', 'y')], ['sigma', 'theta'])
    """
    memos = [node for node in ast.parse(program.source).body if isinstance(node, ast.FunctionDef)]
    if (
        memos
        and not any(_indices(call, TABLE) for memo in memos for call in _calls(memo, "at"))
        and _choices(memos[-1])
    ):
        return _graph_of_memo(memos[-1])
    densities, arrows = _densities(memos)
    measured = {name for memo in memos for call in _calls(memo, "at") for name in _indices(call, TABLE)}
    inner = {name for name in measured & set(densities) if not any(parent == name for parent, _ in arrows)}
    if not inner:
        raise ValueError(
            f"a plate diagram needs a program with densities of its parameters and a table {TABLE}, like those of pooling "
            f"models, or a memo with choices; this one has the memos {', '.join(memo.name for memo in memos) or 'none'}."
        )
    chosen = [(_chosen(memo), _known_axes(memo)) for memo in memos]
    shared = {name for names, known in chosen for name in names if not known}
    grouped = {name for names, known in chosen for name in names if known} - shared
    return Graph(densities, frozenset({*arrows, *((name, DATA) for name in inner)}), frozenset(grouped))


def graph_of_posterior(post: Posterior) -> Graph:
    """The graph of a pooling model by its program, of a user's memo by its text, else by the priors that a model states.

    Raises
    ------
    ValueError
        When the model is none of these.
    """
    if (pooling := pooling_of(post)) is not None:
        return graph_of(pooling.program)
    if getattr(post.model, "run", None) is not None:
        return graph_of(post.program)
    priors = getattr(post.model, "priors", None)
    if not priors or isinstance(getattr(post.model, "model", None), Covaried):
        raise ValueError(
            "a plate diagram is of pooling models, regressions and memos of your own; the posterior is of "
            f"{post.model.title}, which does not say how its parameters depend on one another."
        )
    densities = {
        name: {repr(prior) for label, prior in priors.items() if label.partition("[")[0] == name}
        for name in post.marginals
    }
    known = (DATA, INPUT) if "slope" in post.marginals else (DATA,)
    return Graph(
        {name: found.pop() if len(found) == 1 else "" for name, found in densities.items()},
        frozenset((name, DATA) for name in [*densities, *known[1:]]),
        post.per_group,
        known,
    )


def pooling_of(post: Posterior) -> Pooling | None:
    """The pooling model behind a posterior, which states its program even where theta left in closed form; None where
    groups have covariates, whose program does not say how theta depends on them."""
    model = getattr(post.model, "model", None)
    return model if isinstance(model, Pooling) and not isinstance(model, Covaried) else None


# --- programs of pooling models ----------------------------------------------------------------------------------------


def _densities(memos: list[ast.FunctionDef]) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Each parameter's density by name, and the arrows to it."""
    densities: dict[str, str] = {}
    arrows: set[tuple[str, str]] = set()
    for memo in memos:
        for call in _calls(memo):
            function = call.func.id if isinstance(call.func, ast.Name) else ""
            if function.endswith("_lpdf") and (own := _node_of(call.args[0])):
                densities[own] = function.removesuffix("_lpdf").replace("_", " ")
                arrows |= {(parent, own) for argument in call.args[1:] if (parent := _node_of(argument))}
            elif function == "at" and (table := ast.unparse(call.args[0])).endswith("_log_density"):
                densities.setdefault(table.removesuffix("_log_density"), "")
    return densities, arrows


def _calls(node: ast.AST, name: str | None = None) -> Iterator[ast.Call]:
    for child in ast.walk(node):
        if isinstance(child, ast.Call) and (
            name is None or (isinstance(child.func, ast.Name) and child.func.id == name)
        ):
            yield child


def _node_of(argument: ast.expr) -> str:
    """`theta` of `at(theta_nodes, _theta)`; "" of anything else."""
    text = ast.unparse(argument.args[0]) if isinstance(argument, ast.Call) and argument.args else ""
    return text.removesuffix("_nodes") if text.endswith("_nodes") else ""


def _indices(call: ast.Call, table: str) -> list[str]:
    """The parameters that a table is read at."""
    first, *others = (ast.unparse(argument) for argument in call.args)
    return others if first == table else []


def _chosen(memo: ast.FunctionDef) -> set[str]:
    """The parameters that a memo's frame chooses: `chooses(theta in Theta, ...)`."""
    return {name for call in _calls(memo, "chooses") for name in _members(call)}


def _known_axes(memo: ast.FunctionDef) -> set[str]:
    """The axes that a memo's frame knows and does not choose: `knows(_d)`."""
    return {ast.unparse(argument) for call in _calls(memo, "knows") for argument in call.args}


# --- memos that users write ---------------------------------------------------------------------------------------------


def _graph_of_memo(memo: ast.FunctionDef) -> Graph:
    """Each choice of the memo with its weight, what the weight depends on, and what is observed."""
    choices, arguments = _choices(memo), [argument.arg for argument in memo.args.args]
    names = [name for chosen, _ in choices for name in chosen]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"a plate diagram shows what nobody thinks of anybody; in memo {memo.name} {name} is chosen more than once. "
                "Give every choice a name of its own."
            )
    densities: dict[str, str] = {}
    arrows: set[tuple[str, str]] = set()
    for chosen, weight in choices:
        densities |= dict.fromkeys(chosen, _short(weight))
        arrows |= {
            (one, name) for one in _mentioned(weight, [*names, *arguments]) for name in chosen if one not in chosen
        }
    known = [name for name in arguments if any(one == name for one, _ in arrows)]
    for weight in _observed_weights(memo):
        data = ", ".join(_mentioned(weight, arguments)) or "event"
        known.append(data)
        arrows |= {(name, data) for name in _mentioned(weight, names)}
    known += [name for name in _observed_choices(memo) if name in names]
    return Graph(densities, frozenset(arrows), frozenset(), tuple(dict.fromkeys(known)), repeated=False)


def _choices(memo: ast.FunctionDef) -> list[tuple[list[str], ast.expr]]:
    """The names that each choice of a memo chooses together, and the weight of their values."""
    calls = [call for word in CHOICES for call in _calls(memo, word) if call.keywords]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    return [(_members(call), call.keywords[0].value) for call in calls]


def _members(call: ast.Call) -> list[str]:
    """The names in `chooses(a in A, b in B, ...)`."""
    return [
        ast.unparse(argument.left)
        for argument in call.args
        if isinstance(argument, ast.Compare) and isinstance(argument.ops[0], ast.In)
    ]


def _observed_weights(memo: ast.FunctionDef) -> list[ast.expr]:
    """The weights of `observes_event(wpp=...)`."""
    return [call.keywords[0].value for call in _calls(memo, "observes_event") if call.keywords]


def _observed_choices(memo: ast.FunctionDef) -> list[str]:
    """`w` of `observes [speaker.w] is _w`."""
    return [
        node.slice.attr
        for node in ast.walk(memo)
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "observes"
        and isinstance(node.slice, ast.Attribute)
    ]


def _mentioned(weight: ast.expr, names: list[str]) -> list[str]:
    """Which of the names a weight has, as `p` or as `mint.p`, in their order."""
    found = {node.id for node in ast.walk(weight) if isinstance(node, ast.Name)}
    found |= {node.attr for node in ast.walk(weight) if isinstance(node, ast.Attribute)}
    return [name for name in dict.fromkeys(names) if name in found]


def _short(weight: ast.expr) -> str:
    """A weight as a diagram writes it; "" where it is too long for that."""
    text = f"wpp={ast.unparse(weight)}"
    return text if len(text) <= LONGEST else ""
