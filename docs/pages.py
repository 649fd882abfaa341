"""What the site makes of the repository: the gallery of the registry of figures, the course of notebooks/, docstrings."""

import ast
import inspect
import json
import re
from pathlib import Path
from types import ModuleType

from gridbayes import figures
from gridbayes.lessons import registry

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

GALLERY = """# Gallery

What `uv run gridbayes figures` draws, each figure by its name, with the code that draws it.
[What they share](#what-they-share) is at the end.
"""
COURSE = """# The course

Fourteen notebooks, in the order in which one learns. Each has its story, formula, memo, call and picture, and ends
with questions and computed answers. They stand here as they are in `notebooks/`, without what they print: run them.
"""


def write(docs: Path) -> None:
    """Write docs/gallery/ and docs/course/, which git ignores."""
    for folder, texts in (("gallery", {"index": gallery()}), ("course", course())):
        (docs / folder).mkdir(exist_ok=True)
        for name, text in texts.items():
            (docs / folder / f"{name}.md").write_text(text, encoding="utf-8")


# --- the gallery --------------------------------------------------------------------------------------------------------


def gallery() -> str:
    """A section a figure: its caption, its picture, its code."""
    parts = [GALLERY]
    for name, draw in figures.FIGURES.items():
        caption = inspect.getdoc(draw)
        picture = f"![{caption}](../../figures/{name}.png)"
        parts.append(f"## `{name}`\n\n{caption}\n\n{picture}\n\n{folded(drawing(name))}")
    shared = "\n\n".join(fenced(preamble(module)) for module in (registry, *figures.LESSONS))
    return "\n\n".join([*parts, f"## What they share\n\n{shared}"]) + "\n"


def preamble(module: ModuleType) -> str:
    """The top of a file of figures: what they share."""
    return inspect.getsource(module).split("\n\n# ---")[0]


def drawing(name: str) -> str:
    """The functions that draw a figure: its own, below those of the same file that it calls and the preamble lacks."""
    module = inspect.getmodule(figures.FIGURES[name])
    assert module is not None
    source = inspect.getsource(module)
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    shared = {node.name for node in ast.parse(preamble(module)).body if isinstance(node, ast.FunctionDef)}
    needed, found = [name], []
    while needed:
        found.insert(0, needed.pop())
        named = {node.id for node in ast.walk(functions[found[0]]) if isinstance(node, ast.Name)}
        needed += sorted(named & set(functions) - shared - {*needed, *found})
    return "\n\n\n".join(str(ast.get_source_segment(source, functions[function])) for function in found)


# --- the course ---------------------------------------------------------------------------------------------------------


def course() -> dict[str, str]:
    """The pages of the course by name: `index`, and one a notebook."""
    texts = {path.stem: [text(cell) for cell in json.loads(path.read_text("utf-8"))["cells"]] for path in NOTEBOOKS}
    contents = ["```{toctree}", ":hidden:", *texts, "```"]
    parts = [COURSE, *(summary(name, cells[0]) for name, cells in texts.items()), "\n".join(contents)]
    return {"index": "\n\n".join(parts) + "\n"} | {name: "\n\n".join(cells) + "\n" for name, cells in texts.items()}


def text(cell: dict) -> str:
    """A cell of a notebook as Markdown."""
    source = "".join(cell["source"])
    return source if cell["cell_type"] == "markdown" else fenced(source)


def summary(name: str, first: str) -> str:
    """The title of a notebook, as a link, and its story."""
    title, story, *_ = first.split("\n\n")
    return f"## [{title.removeprefix('# ')}]({name}.md)\n\n{story.removeprefix('**The story.** ')}"


# --- Markdown -----------------------------------------------------------------------------------------------------------


def fenced(code: str) -> str:
    """Python as a block."""
    return f"```python\n{code.strip()}\n```"


def folded(code: str) -> str:
    """Python as a block that opens on a click."""
    return f"<details>\n<summary>The code</summary>\n\n{fenced(code)}\n\n</details>"


# --- docstrings ---------------------------------------------------------------------------------------------------------


def set_sections(lines: list[str]) -> None:
    """Headings of a docstring as Sphinx has them, and `name : what it is` as an item of a list of definitions, in place."""
    for number in [number for number, line in enumerate(lines) if line and not line.strip("-")]:
        lines[number - 1 : number + 1] = [f".. rubric:: {lines[number - 1]}", ""]
    for number, line in reversed(list(enumerate(lines))):
        if found := re.match(r"(\w[\w, ]*?) : (.*)", line):
            lines[number : number + 1] = [f"``{found[1]}``", f"    {found[2]}"]
