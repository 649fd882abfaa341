"""The text of a user's memo, read as Python's syntax tree: its axes, parameters and names, and where weights enter.

A memo that is legal Python is all this file needs; whether it is a legal memo is for memo itself to say (program.py).
"""

import ast
import inspect
import textwrap
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property
from tokenize import TokenError
from types import FunctionType
from typing import Any

__all__ = ["OPERATORS", "Axis", "MemoText", "log_weight_name", "weight_name"]

CHOICES = frozenset(["chooses", "given", "draws", "assigned", "guesses"])
STATEMENTS = CHOICES | {
    "knows", "forgets_about", "wants", "snapshots_self_as", "has_theory", "observes_event", "INSPECT",
}  # fmt: skip
OPERATORS = frozenset(["exp", "log", "abs"])  # memo's own when called with one argument, whatever the user's names say
QUERIES = frozenset(["E", "Pr", "Var", "H", "KL", "EU", "Predict"])
FACTORS = frozenset(["wpp", "such_that"])  # what is normalised over a domain; a maximum or a fixed value has no weight


@dataclass(frozen=True)
class Axis:
    """An axis of the result: `_p: P` is written `_p`, reported as `p`, over the domain `P`."""

    written: str
    name: str
    domain: str


@dataclass(frozen=True)
class MemoText:
    """A memo as its author wrote it.

    Parameters
    ----------
    text : the function's source, decorators and indentation included.
    file, line : where its first line stands.
    """

    text: str
    file: str
    line: int

    @classmethod
    def of(cls, function: Any) -> "MemoText":
        """The text of a function.

        Raises
        ------
        TypeError
            When it is no function written with `def`, or Python has not kept its text.
        """
        if not isinstance(function, FunctionType) or function.__name__ == "<lambda>":
            raise TypeError(
                f"memo takes a function written with def; it got {function!r}. Write @gb.memo above the def."
            )
        found = cls._found(function)
        if found is None:
            raise TypeError(
                f"memo {function.__name__} has no source text: Python keeps none of what is typed at its prompt or passed "
                "to exec. Write it in a file or a notebook cell."
            )
        return found

    @classmethod
    def _found(cls, function: FunctionType) -> "MemoText | None":
        """The text that Python finds for a function; None where there is none, or that of something else."""
        try:
            lines, line = inspect.getsourcelines(function)
            node = ast.parse(textwrap.dedent("".join(lines))).body[0]
        except (OSError, SyntaxError, TokenError):
            return None
        same = isinstance(node, ast.FunctionDef) and node.name == function.__name__
        return cls("".join(lines), str(inspect.getsourcefile(function)), line) if same else None

    @cached_property
    def definition(self) -> ast.FunctionDef:
        """The function's syntax tree, without decorators; lines count from 1."""
        node: Any = ast.parse(self.source).body[0]
        node.decorator_list = []
        return node

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def source(self) -> str:
        """The text without its indentation."""
        return textwrap.dedent(self.text)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of all parameters, in order."""
        return tuple(argument.arg for argument in self.definition.args.args)

    @cached_property
    def arrays(self) -> frozenset[str]:
        """Names of the parameters marked `: ...`, which take arrays."""
        marked = (a for a in self.definition.args.args if isinstance(a.annotation, ast.Constant))
        return frozenset(argument.arg for argument in marked)

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The axes of the result in memo's order: those of the signature, then those of `forall:` lines."""
        written = [
            (node.name, node.bound.id)
            for node in self.definition.type_params
            if isinstance(node, ast.TypeVar) and isinstance(node.bound, ast.Name)
        ]
        foralls: list[Any] = [node for node in self.definition.body if _is_forall(node)]
        written += [_pair(node.annotation) for node in foralls]
        bare = [name.lstrip("_") for name, _ in written]
        taken = {*self.parameters, *(name for name in bare if bare.count(name) > 1), ""}
        return tuple(
            Axis(name, name if short in taken else short, domain)
            for (name, domain), short in zip(written, bare, strict=True)
        )

    @cached_property
    def unbound(self) -> tuple[Axis, ...]:
        """Axes that the body never mentions."""
        used = {node.id for statement in self._body for node in ast.walk(statement) if isinstance(node, ast.Name)}
        return tuple(axis for axis in self.axes if axis.written not in used)

    @cached_property
    def _body(self) -> list[ast.stmt]:
        return [statement for statement in self.definition.body if not _is_forall(statement)]

    @cached_property
    def _choices(self) -> list[tuple[str, str]]:
        """(choice, domain) of every choice that anybody makes."""
        calls: list[Any] = [node for node in ast.walk(self.definition) if _is_choice(node)]
        return [_pair(argument) for call in calls for argument in call.args if _is_member(argument)]

    @cached_property
    def domains(self) -> tuple[str, ...]:
        """Names of all domains, each once."""
        return tuple(dict.fromkeys([*(axis.domain for axis in self.axes), *(domain for _, domain in self._choices)]))

    @cached_property
    def called(self) -> tuple[str, ...]:
        """Names of the functions and memos that the text calls, memo's own words left out."""
        calls = [node for node in ast.walk(self.definition) if isinstance(node, ast.Call)]
        names = [_called_name(node.func) for node in calls]
        return tuple(dict.fromkeys(name for name in names if name and name not in STATEMENTS))

    @cached_property
    def inlined(self) -> tuple[str, ...]:
        """Names in `{...}`, and in defaults: Python's own expressions."""
        braces = [node for node in ast.walk(self.definition) if isinstance(node, ast.Set)]
        nodes = [inner for outer in [*braces, *self.definition.args.defaults] for inner in ast.walk(outer)]
        names = (node.id for node in nodes if isinstance(node, ast.Name))
        return tuple(dict.fromkeys(name for name in names if name not in self.parameters))

    # --- what the memo returns ----------------------------------------------------------------------------------

    @cached_property
    def returned(self) -> list[ast.expr]:
        """The expressions after `return`; memo stacks them when there are several."""
        return [node.value for node in self.definition.body if isinstance(node, ast.Return) and node.value]

    @cached_property
    def distributed(self) -> tuple[Axis, ...]:
        """The axes over which the returned probability sums to 1, as far as the text can tell.

        In `Pr[a.x == _x, b.y == _y]` these are `_x` and `_y`, where x is chosen from the domain of `_x`, and nothing else in
        the memo mentions the axis but `knows(_x)`. Axes that the memo conditions on are not among them, and of a query that
        is no probability none.
        """
        if len(self.returned) != 1:
            return ()
        query = _innermost(self.returned[0])
        if not _is_query(query, "Pr"):
            return ()
        terms = _terms(query.slice)
        pairs = [pair for pair in map(_equality, terms) if pair]
        if len(pairs) < len(terms):
            return ()
        compared = [axis for choice, axis in pairs]
        choices = {axis: choice for choice, axis in pairs}
        return tuple(
            axis
            for axis in self.axes
            if compared.count(axis.written) == 1
            and self._mentions(axis.written) == 1
            and {domain for choice, domain in self._choices if choice == choices[axis.written]} == {axis.domain}
        )

    def _mentions(self, name: str) -> int:
        """How often the body names an axis, `knows(_x)` left out: one who knows it does not yet use it."""
        nodes: list[Any] = [node for statement in self._body for node in ast.walk(statement)]
        named = sum(getattr(node, "id", None) == name or getattr(node, "attr", None) == name for node in nodes)
        known = [argument for node in nodes if _is_call(node, {"knows"}) for argument in node.args]
        return named - sum(isinstance(argument, ast.Name) and argument.id == name for argument in known)

    @cached_property
    def total(self) -> "MemoText | None":
        """The memo with `return Pr[agent.x == agent.x]` for the first choice that it keeps: 1 in each cell, or 0 where all
        factors have underflowed. None where the observer keeps no choice."""
        kept = [
            (statement.target.id, _pair(argument)[0])
            for statement in self._body
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
            for call in [statement.annotation]
            if isinstance(call, ast.Call) and _is_choice(call)
            for argument in call.args
            if _is_member(argument) and _pair(argument)[0] not in self._forgotten
        ]
        if not kept:
            return None
        lines = [node for node in self.definition.body if not isinstance(node, ast.Return)]
        agent, choice = kept[0]
        query = ast.parse(f"return Pr[{agent}.{choice} == {agent}.{choice}]").body
        return self._with_body([*lines, *query])

    @property
    def _forgotten(self) -> set[str]:
        calls: list[Any] = [node for node in ast.walk(self.definition) if _is_call(node, {"forgets_about"})]
        return {argument.id for call in calls for argument in call.args if isinstance(argument, ast.Name)}

    @cached_property
    def scaled(self) -> "MemoText":
        """The memo with every product that memo normalises made smaller by 2**-20: the same results, unless one of its
        factors is so small already that it is lost. `wpp=exp(...)` is computed relative to its maximum and left as it is."""
        copy: Any = _Scaling().visit(ast.parse(self.source).body[0])
        return self if ast.dump(copy) == ast.dump(ast.parse(self.source).body[0]) else self._with_body(copy.body)

    def _with_body(self, body: list[ast.stmt]) -> "MemoText":
        """Another memo of the same signature, in Python's own layout."""
        old = self.definition
        new = ast.FunctionDef(old.name, old.args, body, [], old.returns, old.type_comment, old.type_params)
        return MemoText(ast.unparse(ast.fix_missing_locations(new)) + "\n", self.file, self.line)

    # --- weights ------------------------------------------------------------------------------------------------

    def weighted(self, domains: frozenset[str], callees: Mapping[str, "MemoText"]) -> "MemoText":
        """The memo in which every choice from one of these domains is weighted by the node's weight.

        `chooses(p in P, wpp=f)` becomes `wpp=f * weight(p)`, and `wpp=exp(g)` becomes `wpp=exp(g + log_weight(p))`, so that
        the mass of a node is f(p) w(p) / sum_j f(p_j) w(p_j). A probability of a node that f itself asks for,
        `Pr[agent.q == p]` or a call of a memo that returns one, is such a mass: it becomes a density, `Pr[...] / weight(p)`,
        or its weight would count twice. What the memo returns stays a mass.

        Raises
        ------
        ValueError
            When it cannot be told whether a probability is of a node with weights.
        """
        if not domains & set(self.domains):
            return self
        weighting = _Weighting(self, domains, callees)
        copy: Any = ast.parse(self.source).body[0]
        return self._with_body([weighting.statement(node) for node in copy.body])

    def domains_of(self, node: ast.expr) -> set[str]:
        """The domains of all choices and axes called as `x` or `agent.x` says."""
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
        named = [*self._choices, *((axis.written, axis.domain) for axis in self.axes)]
        return {domain for choice, domain in named if choice == name}


def weight_name(domain: str) -> str:
    """The function of a node's value that returns its weight."""
    return f"gridbayes_weight_{domain}"


def log_weight_name(domain: str) -> str:
    """The function of a node's value that returns the log of its weight."""
    return f"gridbayes_log_weight_{domain}"


class _Scaling(ast.NodeTransformer):
    """The change that `MemoText.scaled` makes."""

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if _is_choice(node) or _is_call(node, {"observes_event"}):
            for keyword in node.keywords:
                if keyword.arg == "wpp" and not (
                    _is_call(keyword.value, {"exp"}) or isinstance(keyword.value, ast.Constant)
                ):
                    keyword.value = ast.BinOp(keyword.value, ast.Mult(), ast.Constant(2.0**-20))
        return node


class _Weighting(ast.NodeTransformer):
    """The change that `MemoText.weighted` makes."""

    def __init__(self, memo: MemoText, domains: frozenset[str], callees: Mapping[str, MemoText]) -> None:
        self.memo, self.domains, self.callees = memo, domains, callees
        self.returned: ast.AST | None = None

    def statement(self, node: Any) -> Any:
        """A statement with its weights."""
        self.returned = _innermost(node.value) if isinstance(node, ast.Return) and node.value else None
        return self.visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """`Pr[agent.q == p]` as a density."""
        self.generic_visit(node)
        if node is self.returned or not (_is_query(node, "Pr") or _is_query(node, "E")):
            return node
        terms = _terms(node.slice)
        for term in terms:
            self._refuse_coincidence(node, term)
        pairs = filter(None, map(_equality, terms))
        same = [
            axis
            for choice, axis in pairs
            if self.memo.domains_of(ast.Name(choice)) == self.memo.domains_of(ast.Name(axis))
        ]
        return self._density(node, [ast.Name(axis, ast.Load()) for axis in same])

    def _refuse_coincidence(self, query: ast.expr, term: Any) -> None:
        """`Pr[a.x == b.x]` is a density of one of the two if the other is known, and 0 if not: the text does not tell."""
        sides = (
            [term.left, *term.comparators] if isinstance(term, ast.Compare) and isinstance(term.ops[0], ast.Eq) else []
        )
        if sides and all(isinstance(side, ast.Attribute) and self._domain(side) for side in sides):
            raise ValueError(
                f"memo {self.memo.name} asks for {ast.unparse(query)}, in which no choice is its own, over a grid with "
                "weights. Use a grid of equal weights, gb.linspace."
            )

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Subscript):
            return node if node is self.returned else self._called(node, node.func)
        return self._chosen(node) if _is_choice(node) else node

    def _called(self, node: ast.Call, function: ast.Subscript) -> ast.expr:
        """`g[p](...)` as a density, where g returns a probability of its axis."""
        callee = self.callees.get(_called_name(function) or "")
        passed = function.slice.elts if isinstance(function.slice, ast.Tuple) else [function.slice]
        if callee is None or len(passed) != len(callee.axes):
            return node
        masses = [each for each, axis in zip(passed, callee.axes, strict=True) if axis in callee.distributed]
        return self._density(node, masses)

    def _density(self, mass: ast.expr, nodes: list[ast.expr]) -> ast.expr:
        for each in nodes:
            if domain := self._domain(each):
                mass = ast.BinOp(mass, ast.Div(), _call(weight_name(domain), each))
        return mass

    def _domain(self, node: ast.expr) -> str | None:
        """The domain of a choice, if it has weights."""
        found = self.memo.domains_of(node)
        if len(found) > 1 and found & self.domains:
            raise ValueError(
                f"memo {self.memo.name} chooses {ast.unparse(node)} from {' and from '.join(sorted(found))}, on a grid with "
                "weights. Give each choice a name of its own."
            )
        return next(iter(found & self.domains), None)

    def _chosen(self, node: ast.Call) -> ast.Call:
        """`chooses(p in P, wpp=...)` with the weight of p."""
        if isinstance(node.args[-1], ast.Name) and node.args[-1].id == "uniformly":
            node.args, node.keywords = node.args[:-1], [ast.keyword("wpp", ast.Constant(1))]
        pairs = [_pair(argument) for argument in node.args if _is_member(argument)]
        for keyword in node.keywords:
            if keyword.arg in FACTORS:
                for choice, domain in pairs:
                    keyword.value = self._times_weight(keyword.value, choice, domain)
        return node

    def _times_weight(self, value: ast.expr, choice: str, domain: str) -> ast.expr:
        if domain not in self.domains:
            return value
        node = ast.Name(choice, ast.Load())
        if isinstance(value, ast.Call) and _is_call(value, {"exp"}):
            total = ast.BinOp(value.args[0], ast.Add(), _call(log_weight_name(domain), node))
            return ast.Call(value.func, [total], [])
        return ast.BinOp(value, ast.Mult(), _call(weight_name(domain), node))


def _call(function: str, argument: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function, ast.Load()), [argument], [])


# --- shapes of the tree -------------------------------------------------------------------------------------------


def _is_call(node: Any, names: Container[str]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _is_choice(node: Any) -> bool:
    return _is_call(node, CHOICES) and bool(node.args)


def _is_member(node: Any) -> bool:
    """Whether the node is `x in X`."""
    return (
        isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.In)
        and isinstance(node.left, ast.Name)
        and isinstance(node.comparators[0], ast.Name)
    )


def _pair(node: Any) -> tuple[str, str]:
    """("x", "X") of `x in X`."""
    return node.left.id, node.comparators[0].id


def _is_forall(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id == "forall"
        and _is_member(node.annotation)
    )


def _called_name(function: ast.expr) -> str | None:
    """`f` of `f(...)`, of the memo call `f[x](...)`, and of `f[0][x](...)`."""
    while isinstance(function, ast.Subscript):
        function = function.value
    return function.id if isinstance(function, ast.Name) else None


def _is_query(node: Any, name: str) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == name


def _innermost(node: ast.expr) -> Any:
    """The query of `alice[...]` and of `imagine[..., ...]`: what is asked, whoever is asked."""
    while isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id not in QUERIES:
        inner = node.slice
        node = inner.elts[-1] if isinstance(inner, ast.Tuple) else inner
    return node


def _terms(node: ast.expr) -> list[ast.expr]:
    """The events of `Pr[a, b]`, `Pr[a & b]` and `Pr[a and b]`."""
    if isinstance(node, ast.Tuple):
        return [term for part in node.elts for term in _terms(part)]
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return [term for part in node.values for term in _terms(part)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd):
        return [*_terms(node.left), *_terms(node.right)]
    return [node]


def _equality(node: ast.expr) -> tuple[str, str] | None:
    """("x", "_x") of `agent.x == _x` or `_x == agent.x`."""
    if not (isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq)):
        return None
    sides = (node.left, node.comparators[0])
    choices = [side.attr for side in sides if isinstance(side, ast.Attribute)]
    axes = [side.id for side in sides if isinstance(side, ast.Name)]
    return (choices[0], axes[0]) if len(choices) == len(axes) == 1 else None
