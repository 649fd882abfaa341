"""The command line: `gridbayes quickstart` shows what pooling does, `gridbayes fit` does it to a file,
`gridbayes explore` moves it.

A mistake of the user's is one line on standard error and exit status 2. Results alone go to standard output.
"""

import argparse
import dis
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridbayes.columns import Question, add_columns, question_of
from gridbayes.results import FORMATS, write_result
from gridbayes.terminal import drop_output, say, show_warning

if TYPE_CHECKING:
    from gridbayes.grids import Grid
    from gridbayes.posterior import Posterior
    from gridbayes.priors import Prior

__all__ = ["main"]

FIGURE = ".png, .svg or .pdf"
PROB = 0.89

FIT_HELP = """\
Fit a pooling model to the columns of a CSV file.

One row a measurement, with the group it belongs to and a standard deviation, known or learned:
  gridbayes fit late.csv --value minutes --group department --sigma 15
  gridbayes fit late.csv --value minutes --group department --sigma halfcauchy:5

One row a group, with its estimate and standard error, as in a meta-analysis:
  gridbayes fit schools.csv --effect effect --se error --group school --mu normal:0,5 --tau halfcauchy:5
"""

FIT_NOTES = """\
A prior is written name:parameters, like normal:0,5 or halfcauchy:5 or studentt:3,0,10. Priors left out are
set from the data's own mean and spread; the title of the result states them. For tau, jeffreys and
uniformshrinkage take no parameters: they are made of the known standard deviations of the data.

The file has a header and rows. Cells are separated by comma, semicolon (then 1,5 is a number) or tab, in
UTF-8, or UTF-16 with a byte order mark. An empty cell, NA, N/A, #N/A, NaN and null are missing; rows without
a value are left out.

--format json is an object with the keys
  gridbayes       the version
  model           the title: the model with its priors
  values, groups  how many there are
  interval        an object with the keys kind (eti or hdi) and prob
  log_evidence    natural logarithm
  accuracy        one line
  rows            a list of objects with the keys parameter, group (null where all groups share it), mean, sd,
                  lower, upper, and error (of the mean, in units of sd); null where unknown
--format csv has the rows only. A label that a spreadsheet would run as a formula has an apostrophe before it.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line on `argv`, by default the program's own arguments; returns the exit status.

    0 is success, 2 a mistake in the data or a model's arguments; a wrong option raises SystemExit(2).
    """
    arguments = _parser().parse_args(argv)
    with warnings.catch_warnings():
        warnings.showwarning = show_warning
        try:
            arguments.command(arguments)
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read our output has had enough of it
            drop_output()
            return 1
        except Exception as error:
            if arguments.traceback or not _is_users(error):
                raise
            say("error", _one_line(error))
            return 2
    return 0


# Arguments


def _parser() -> argparse.ArgumentParser:
    from gridbayes import __version__

    parser = argparse.ArgumentParser(
        prog="gridbayes", description="Exact Bayesian inference on grids: pooling models.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"gridbayes {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_quickstart(commands)
    _add_fit(commands)
    _add_explore(commands)
    _add_figures(commands)
    return parser


def _add_command(commands: Any, name: str, command: Any, summary: str, **options: Any) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        **{"description": summary, **options},
    )
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    parser.set_defaults(command=command)
    return parser


def _add_quickstart(commands: Any) -> None:
    parser = _add_command(commands, "quickstart", _quickstart, "three pooling models of two small data sets")
    default = "gridbayes-quickstart.png"
    parser.add_argument("--figure", default=default, metavar="FILE", help=f"{FIGURE}; default %(default)s")


def _add_explore(commands: Any) -> None:
    from gridbayes.app import EXPLORE_HELP, add_arguments, explore_command

    summary = "a model that follows your hand, in the browser"
    add_arguments(_add_command(commands, "explore", explore_command, summary, description=EXPLORE_HELP))


def _add_figures(commands: Any) -> None:
    from gridbayes.rebuild import add_arguments, rebuild_command

    add_arguments(_add_command(commands, "figures", rebuild_command, "rebuild this project's figures, or check them"))


def _add_fit(commands: Any) -> None:
    summary = "a pooling model of your own CSV file"
    parser = _add_command(commands, "fit", _fit_command, summary, description=FIT_HELP, epilog=FIT_NOTES)
    parser.add_argument("data", help='a CSV file, or "-" for standard input')
    add_columns(parser.add_argument_group("columns"))
    _add_model(parser.add_argument_group("model"))
    _add_result(parser.add_argument_group("result"))


def _add_model(group: Any) -> None:
    kinds = ("partial", "no", "complete")
    grid = "equally spaced points for a parameter instead of automatic nodes; may be repeated"
    group.add_argument("--model", choices=kinds, default="partial", help="pooling; default %(default)s")
    group.add_argument("--shared-sigma", action="store_true", help="learn one sigma for all groups")
    group.add_argument("--mu", metavar="PRIOR", help="of the population's mean (partial)")
    group.add_argument("--tau", metavar="PRIOR", help="of the population's standard deviation (partial)")
    group.add_argument("--theta", metavar="PRIOR", help="of each group (no) or of all (complete)")
    group.add_argument("--grid", metavar="NAME=LOW:HIGH:COUNT", action="append", default=[], help=grid)


def _add_result(group: Any) -> None:
    formats = ("table", "json", "csv")
    interval = "equal-tailed or shortest; default %(default)s"
    group.add_argument("--prob", type=float, default=PROB, help="of the intervals; default %(default)s")
    group.add_argument("--interval", choices=("eti", "hdi"), default="eti", help=interval)
    group.add_argument("--format", choices=formats, default="table", help="default %(default)s")
    group.add_argument("--output", metavar="FILE", help="write the result there instead of printing it")
    group.add_argument("--figure", metavar="FILE", help=f"also draw it: {FIGURE}")


# gridbayes fit


def _fit_command(arguments: argparse.Namespace) -> None:
    _check_figure(arguments.figure)
    question = question_of(arguments.data, arguments)
    if question.sigma is None:
        raise ValueError("--sigma is missing. Pass a number, a column, or a prior to learn it: --sigma halfcauchy:5.")
    posterior = _fit(question, arguments)
    result = FORMATS[arguments.format](posterior, question, arguments)
    if arguments.figure:
        _write_figure(_drawn(posterior, question, arguments), arguments.figure)
        say("note", f"wrote {Path(arguments.figure).resolve()}")
    write_result(result, arguments.output)


def _fit(question: Question, arguments: argparse.Namespace) -> "Posterior":
    import gridbayes

    model = getattr(gridbayes, f"{arguments.model}_pooling")
    return model(
        **question.data,
        sigma=question.sigma,
        shared_sigma=arguments.shared_sigma,
        grids=_grids(arguments.grid),
        **_priors(arguments),
    )


def _priors(arguments: argparse.Namespace) -> dict[str, "Prior"]:
    """The priors that were given, of the parameters that the model has."""
    allowed = ("mu", "tau") if arguments.model == "partial" else ("theta",)
    given = {name: text for name in ("mu", "tau", "theta") if (text := getattr(arguments, name)) is not None}
    for name in given:
        if name not in allowed:
            options = " and ".join(f"--{name}" for name in allowed)
            raise ValueError(f"--{name} is not of --model {arguments.model}, which takes {options}. Leave it out.")
    return {name: _prior(f"--{name}", text) for name, text in given.items()}


def _prior(option: str, text: str) -> "Prior":
    from gridbayes.priors import parse_prior

    try:
        return parse_prior(text)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None


def _grids(texts: list[str]) -> "dict[str, Grid] | None":
    grids = dict(map(_grid, texts))
    if len(grids) < len(texts):
        raise ValueError("--grid names a parameter twice. Give each parameter one grid.")
    return grids or None


def _grid(text: str) -> "tuple[str, Grid]":
    """`tau=1:30:100` as a name and 100 points from 1 to 30."""
    from gridbayes.grids import linspace

    name, _, span = text.partition("=")
    try:
        low, high, count = span.split(":")
        numbers = float(low), float(high), int(count)
    except ValueError:
        raise ValueError(
            f'--grid must be NAME=LOW:HIGH:COUNT; it is "{text}". Write for example tau=1:30:100.'
        ) from None
    try:
        return name, linspace(*numbers)
    except ValueError as error:
        raise ValueError(f"--grid {text}: {error}") from None


# gridbayes quickstart


def _quickstart(arguments: argparse.Namespace) -> None:
    from gridbayes.quickstart import INTRODUCTION, NEXT, drawn, studies, told

    _check_figure(arguments.figure)
    compared = studies()
    print(INTRODUCTION)
    for study in compared:
        print("\n\n".join(told(study)), end="\n\n")
    _write_figure(drawn(compared), arguments.figure)
    print(f"Figure: {Path(arguments.figure).resolve()}\n")
    print(NEXT, end="")


# Figures


def _check_figure(path: str | None) -> None:
    """Refuse a name that cannot be drawn to before the work is done, not after."""
    if path is not None:
        from gridbayes.plots import figure_format

        figure_format(path)


def _drawn(posterior: "Posterior", question: Question, arguments: argparse.Namespace) -> Any:
    from gridbayes.plots import pooling_comparison

    name = f"{arguments.model} pooling"
    ax = pooling_comparison(
        {name: posterior},
        observed=question.observed,
        prob=arguments.prob,
        kind=arguments.interval,
        unit=question.value,
    )
    return ax.figure


def _write_figure(figure: Any, path: str) -> None:
    from gridbayes.plots import save_figure

    save_figure(figure, path)


def _is_users(error: Exception) -> bool:
    """Whether the user can mend it: files, memory, and what a door of the library says on purpose."""
    from gridbayes.posterior import PosteriorError

    if isinstance(error, (OSError, MemoryError)):
        return True
    return isinstance(error, (ValueError, TypeError, ImportError, PosteriorError)) and _is_stated(error)


def _is_stated(error: Exception) -> bool:
    """Whether a `raise` of this package made the error; one of NumPy's, say, is a bug and has to be seen."""
    last = error.__traceback__
    assert last is not None
    while last.tb_next is not None:
        last = last.tb_next
    code = last.tb_frame.f_code
    ours = Path(code.co_filename).is_relative_to(Path(__file__).parent)
    return ours and dis.opname[code.co_code[last.tb_lasti]] == "RAISE_VARARGS"


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
