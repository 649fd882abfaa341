"""The site: every public name has its place in the API reference, and what is made from the repository is whole."""

import builtins
import re
import symtable
import sys
from pathlib import Path

import pytest

import gridbayes
from docs import pages
from gridbayes import plots
from gridbayes.figures import FIGURES

API = {path.stem: path.read_text(encoding="utf-8") for path in (Path(pages.__file__).parent / "api").glob("*.rst")}


def documented(page: str) -> list[str]:
    """The names of a page's directives, as they are written there."""
    return re.findall(r"^\.\. auto(?!module)\w+:: (\S+)", API[page], re.MULTILINE)


def test_every_public_name_is_in_the_reference_once():
    found = [name for page in API.keys() - {"plots"} for name in documented(page)]
    top = [name for name in found if "." not in name]
    assert sorted([*top, "datasets"]) == sorted(gridbayes.__all__)  # of `datasets` each function is there
    assert {f"gridbayes.datasets.{name}" for name in ("eight_schools", "punctuality", "Dataset")} <= set(found)
    assert sorted(documented("plots")) == sorted(plots.__all__)


def test_every_method_of_a_posterior_is_in_the_reference_once():
    methods = [name.removeprefix("Posterior.") for name in documented("posterior") if name.startswith("Posterior.")]
    assert sorted(methods) == sorted(name for name in dir(gridbayes.Posterior) if not name.startswith("_"))


def names_used(code: str) -> set[str]:
    """The global names that functions of a module's text refer to."""
    tables = [symtable.symtable(code, "code", "exec")]
    for table in tables:
        tables += table.get_children()
    return {symbol.get_name() for table in tables[1:] for symbol in table.get_symbols() if symbol.is_global()}


def names_made(code: str) -> set[str]:
    """The names that a module's text defines or imports."""
    return set(symtable.symtable(code, "code", "exec").get_identifiers())


@pytest.mark.parametrize("name", FIGURES)
def test_the_code_that_the_gallery_shows_of_a_figure_is_all_that_it_needs(name):
    code, top = pages.drawing(name), pages.preamble(sys.modules[FIGURES[name].__module__])
    assert re.findall(r"^def (\w+)", code, re.MULTILINE)[-1] == name
    assert not names_used(code) - names_made(top + "\n" + code) - set(dir(builtins))


def test_the_gallery_has_every_figure_with_its_caption():
    text = pages.gallery()
    shown = re.findall(r"!\[(.*)\]\(../../figures/(\w+)\.png\)", text)
    assert shown == [(str(draw.__doc__), name) for name, draw in FIGURES.items()]


def test_the_course_has_every_notebook_with_its_story_and_all_cells():
    texts = pages.course()
    assert list(texts) == ["index", *(path.stem for path in pages.NOTEBOOKS)]
    assert len(re.findall(r"^## \[\d+\. .*\]\(\d\d_\w+\.md\)\n\n\w", texts["index"], re.MULTILINE)) == len(
        pages.NOTEBOOKS
    )
    bag = texts["01_one_parameter_on_a_grid"]
    assert bag.startswith("# 1. One parameter on a grid\n\n**The story.** A bag holds twelve balls")
    assert bag.count("```python\n") == 7 and bag.endswith("```\n")


def test_headings_and_parameters_of_a_docstring_become_lists():
    lines = ["What it is.", "", "Parameters", "----------", "mu, tau : priors: any", "    will do.", "", "x : y"]
    pages.set_sections(lines)
    assert lines == ["What it is.", "", ".. rubric:: Parameters", "", "``mu, tau``", "    priors: any", "    will do.",
                     "", "``x``", "    y"]  # fmt: skip
