"""The site: `uv run --extra docs python -m sphinx -W docs build/docs`, then open build/docs/index.html.

It needs no network, neither to build nor to read: Furo brings its scripts and takes the reader's own fonts, formulas are
MathML, which browsers draw themselves.
"""

import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.writers.html5 import HTML5Translator

import gridbayes

sys.path.insert(0, str(Path(__file__).parents[1]))
from docs import pages

project = "gridbayes"
author = copyright = "The gridbayes developers"
release = gridbayes.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.viewcode", "myst_parser"]
html_theme = "furo"
html_title = "gridbayes"
html_copy_source = False
html_math_renderer = "mathml"
pygments_style, pygments_dark_style = "friendly", "github-dark"

default_role = "code"  # `mu` in a docstring is code, as in Markdown
autodoc_typehints = "none"  # the docstrings say more: what it is, shape and unit
autodoc_member_order = "bysource"
highlight_language = "none"  # of a block that names no language
smartquotes = False  # quotes are Python's
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3


def setup(app: Sphinx) -> None:
    """Pages that are made from figures/ and notebooks/, docstrings, formulas."""
    app.connect("builder-inited", lambda app: pages.write(Path(app.srcdir)))
    app.connect("autodoc-process-docstring", lambda app, kind, name, thing, options, lines: pages.set_sections(lines))
    app.connect("build-finished", lambda app, error: error or _require_offline(Path(app.outdir)))
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))


def _require_offline(built: Path) -> None:
    """Raise where a page would fetch something: it must show without a network."""
    fetching = re.compile(r"""<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=["']?(?:https?:)?//[^"' >]*""")
    for page in built.rglob("*.html"):
        if found := fetching.search(page.read_text(encoding="utf-8")):
            raise SphinxError(f"{page.relative_to(built)} needs a network: {found[0]}")


def _inline(writer: HTML5Translator, node: nodes.math) -> None:
    writer.body.append(_mathml(node, as_block=False))
    raise nodes.SkipNode


def _block(writer: HTML5Translator, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="math">{_mathml(node, as_block=True)}</div>')
    raise nodes.SkipNode


def _mathml(node: nodes.Element, as_block: bool) -> str:
    try:
        return tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:
        raise SphinxError(f"no MathML of {node.astext()!r} in {node.source}: {error}") from error
