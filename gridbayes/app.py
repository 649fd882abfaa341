"""`gridbayes explore`: an explorer in the browser, which Voila serves to this machine alone, or a page that needs nothing.

Voila runs a notebook of two cells: colours for those who ask their system for dark ones, and the call of
`gridbayes.explore` with the data written out.
"""

import argparse
import importlib.util
import json
import socket
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gridbayes.columns import add_columns, question_of
from gridbayes.terminal import say

__all__ = ["EXPLORE_HELP", "add_arguments", "explore_command", "free_port", "notebook_of", "serve"]

EXPLORE_HELP = """\
Move a model by hand: sliders for its priors, its data in boxes, and posteriors that follow.

Three data sets to begin with, or the columns of a CSV file, as `gridbayes fit` takes them:
  gridbayes explore
  gridbayes explore late.csv --value minutes --group department --sigma 15
  gridbayes explore schools.csv --effect effect --se error --group school

The browser opens on an address of this machine that no other can reach; Ctrl-C ends it. This needs Voila:
pip install "gridbayes[app]". With --html a page is written that moves without Python or network; it has one
slider, and gridbayes.explore(...).save_html(...) makes pages of two.
"""

COLUMNS = ("value", "group", "effect", "se", "sigma", "delimiter")
POOLING = ("partial", "no", "complete")
NEEDED = ("voila", "ipykernel")
DARK = """\
from IPython.display import HTML, display

display(HTML('''<style>@media (prefers-color-scheme: dark) { :root, body {
  color-scheme: dark; background: #16181c;
  --jp-layout-color0: #16181c; --jp-layout-color1: #16181c; --jp-layout-color2: #33373f; --jp-layout-color3: #5c626d;
  --jp-ui-font-color0: #ffffff; --jp-ui-font-color1: #ececec; --jp-ui-font-color2: #c4c8cf;
  --jp-content-font-color1: #ececec; --jp-border-color1: #767d89; --jp-border-color2: #5c626d;
  --jp-brand-color1: #64b5f6; --jp-brand-color2: #90caf9; }
  .widget-dropdown > select { appearance: auto; background-image: none; } }</style>'''))
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `gridbayes explore`."""
    models = "partial, no or complete pooling, or another model of gridbayes.explore; default %(default)s"
    parser.add_argument("data", nargs="?", help='a CSV file, or "-" for standard input; left out, the punctuality data')
    add_columns(parser.add_argument_group("columns"))
    parser.add_argument("--model", default="partial", help=models)
    parser.add_argument("--html", metavar="FILE", help="write a page there instead of starting a server")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open no browser")


def explore_command(arguments: argparse.Namespace) -> None:
    """Run `gridbayes explore`.

    Raises
    ------
    ImportError
        Where Voila is needed and not installed.
    OSError, ValueError, TypeError
        For data or options that do not go together, and where the page cannot be written.
    """
    from gridbayes.explorers.explore import explore

    if not arguments.html:
        _check_installed()
    call = _call(arguments)
    explorer = explore(**call)  # before a server starts: what is wrong with the data is said here
    if arguments.html:
        explorer.save_html(arguments.html)
        say("note", f"wrote {Path(arguments.html).resolve()}")
    else:
        serve(_source(call), not arguments.no_browser)


def _check_installed() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f'gridbayes explore needs {" and ".join(missing)}, not installed here. Run pip install "gridbayes[app]", '
            "or write a page with --html FILE."
        )


def _call(arguments: argparse.Namespace) -> dict[str, object]:
    """The arguments of `gridbayes.explore`, all of which `repr` writes as Python."""
    model = f"{arguments.model}_pooling" if arguments.model in POOLING else arguments.model
    if arguments.data is None:
        given = [f"--{name}" for name in COLUMNS if getattr(arguments, name) is not None]
        if given:
            raise ValueError(f"{given[0]} is of a CSV file, and none is named. Name the file too, or leave it out.")
        return {"model": model}
    question = question_of(arguments.data, arguments)
    rows = question.observed
    places = {str(label): rows.codes == d for d, label in enumerate(rows.groups)}
    call: dict[str, object] = {"y": {label: rows.values[at].tolist() for label, at in places.items()}, "model": model}
    if isinstance(question.sigma, str) and rows.errors is not None:  # a column
        call["sigma"] = {label: rows.errors[at].tolist() for label, at in places.items()}
    elif question.sigma is not None:
        call["sigma"] = question.sigma
    return {**call, "unit": question.value}


def _source(call: Mapping[str, object]) -> str:
    """The call as Python text, whose value is the explorer."""
    lines = "".join(f"    {name}={value!r},\n" for name, value in call.items())
    return f"from gridbayes import HalfCauchy, explore\n\nexplore(\n{lines})\n"


def serve(source: str, browser: bool) -> None:
    """Show what Python text displays, on a free port of the loopback address, until Ctrl-C."""
    from voila.app import Voila

    with suppress(KeyboardInterrupt), tempfile.TemporaryDirectory() as folder:
        notebook, port = Path(folder, "explorer.ipynb"), free_port()
        notebook.write_text(notebook_of(DARK, source), encoding="utf-8")
        server = Voila()
        own = ["--Voila.ip=127.0.0.1", f"--Voila.port={port}", "--Voila.port_retries=0", "--Voila.log_level=ERROR"]
        server.initialize([str(notebook), *own, f"--Voila.open_browser={browser}"])
        print(f"http://127.0.0.1:{port}/ (its first picture takes some seconds; Ctrl-C ends it)", flush=True)
        server.start()


def notebook_of(*sources: str) -> str:
    """A notebook with a cell for each text."""
    blank = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    cells = [{**blank, "id": f"cell-{number}", "source": text} for number, text in enumerate(sources)]
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}}
    return json.dumps({**content, "nbformat": 4, "nbformat_minor": 5})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
