"""A story as text that other tools draw: DOT, of Graphviz, and Mermaid, of Markdown pages."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gridbayes.graph.graph import Graph

__all__ = ["to_dot", "to_mermaid"]


def to_dot(graph: "Graph") -> str:
    """The text of `graph.to_dot()`."""
    lines = ["digraph story {"]
    for name in graph.parents:
        style = ' style=filled fillcolor="lightgrey"' if name in graph.observed else ""
        shape = "doublecircle" if name in graph.done else "circle"
        lines.append(f'  {name} [shape={shape} label="{_label(graph, name)}"{style}];')
    for names, count in graph.plates.items():
        lines += [
            f"  subgraph cluster_{'_'.join(names)} {{",
            f'    label="n = {count}";',
            f"    {'; '.join(names)};",
            "  }",
        ]
    lines += [f"  {one} -> {other}{' [style=dashed color=grey]' * cut};" for one, other, cut in _arrows(graph)]
    return "\n".join([*lines, "}"]) + "\n"


def to_mermaid(graph: "Graph") -> str:
    """The text of `graph.to_mermaid()`."""
    lines = ["flowchart TD"]
    for name in graph.parents:
        left, right = ("(((", ")))") if name in graph.done else ("((", "))")
        lines.append(f'  {name}{left}"{_label(graph, name)}"{right}')
    for names, count in graph.plates.items():
        lines += [f'  subgraph {"_".join(names)}_rows["n = {count}"]', *(f"    {name}" for name in names), "  end"]
    lines += [f"  {one} {'-.-x' if cut else '-->'} {other}" for one, other, cut in _arrows(graph)]
    if graph.observed:
        lines += ["  classDef observed fill:#ccc", f"  class {','.join(graph.observed)} observed"]
    return "\n".join(lines) + "\n"


def _label(graph: "Graph", name: str) -> str:
    """The node with its value; both languages end a label at a quotation mark."""
    return (graph.note(name) or name).replace('"', "'")


def _arrows(graph: "Graph") -> Iterator[tuple[str, str, bool]]:
    """Every arrow, and whether an intervention has cut it."""
    for name, parents in graph.parents.items():
        yield from ((parent, name, name in graph.done) for parent in parents)
