"""The command line: `gridbayes quickstart` shows what pooling does, `gridbayes fit` does it to a file.

A mistake of the user's is one line on standard error and exit status 2. Results alone go to standard output.
"""

import argparse
import csv
import dis
import io
import json
import math
import os
import re
import sys
import warnings
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from gridbayes.csvfile import CsvTable, read_csv
from gridbayes.files import atomically

if TYPE_CHECKING:
    import pandas as pd

    from gridbayes.grids import Grid
    from gridbayes.observations import Observations
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
        warnings.showwarning = _show_warning
        try:
            arguments.command(arguments)
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read our output has had enough of it
            _drop_output()
            return 1
        except Exception as error:
            if arguments.traceback or not _is_users(error):
                raise
            _say("error", _one_line(error))
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


def _add_figures(commands: Any) -> None:
    from gridbayes.rebuild import add_arguments, rebuild_command

    add_arguments(_add_command(commands, "figures", rebuild_command, "rebuild this project's figures, or check them"))


def _add_fit(commands: Any) -> None:
    summary = "a pooling model of your own CSV file"
    parser = _add_command(commands, "fit", _fit_command, summary, description=FIT_HELP, epilog=FIT_NOTES)
    parser.add_argument("data", help='a CSV file, or "-" for standard input')
    _add_columns(parser.add_argument_group("columns"))
    _add_model(parser.add_argument_group("model"))
    _add_result(parser.add_argument_group("result"))


def _add_columns(group: Any) -> None:
    sigma = "standard deviation of a measurement: known, or a prior to learn one a group"
    group.add_argument("--value", metavar="COLUMN", help="measurements, a row each")
    group.add_argument("--group", metavar="COLUMN", help="the group of each row")
    group.add_argument("--effect", metavar="COLUMN", help="estimates, a row a group; needs --se")
    group.add_argument("--se", metavar="COLUMN", help="their standard errors")
    group.add_argument("--sigma", metavar="NUMBER|COLUMN|PRIOR", help=sigma)
    group.add_argument("--shared-sigma", action="store_true", help="learn one sigma for all groups")
    group.add_argument("--delimiter", help='between cells, or "tab"; by default what the header shows')


def _add_model(group: Any) -> None:
    kinds = ("partial", "no", "complete")
    grid = "equally spaced points for a parameter instead of automatic nodes; may be repeated"
    group.add_argument("--model", choices=kinds, default="partial", help="pooling; default %(default)s")
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


@dataclass(frozen=True)
class _Question:
    """The data part of a call: what `gridbayes.observe` takes; `sigma` may also be a prior."""

    columns: Mapping[str, object]
    value: str
    labels: dict[str, object]  # `group`, a column, or `groups`, a list
    sigma: object

    @property
    def data(self) -> dict[str, Any]:
        return {"data": self.columns, "value": self.value, **self.labels}

    @cached_property
    def observed(self) -> "Observations":
        from gridbayes.observations import observe

        return observe(**self.data, sigma=None if hasattr(self.sigma, "logpdf") else self.sigma)


def _fit_command(arguments: argparse.Namespace) -> None:
    _check_figure(arguments.figure)
    table = read_csv(arguments.data, arguments.delimiter)
    question = _effects(table, arguments) if arguments.effect else _measurements(table, arguments)
    posterior = _fit(question, arguments)
    result = _FORMATS[arguments.format](posterior, question, arguments)
    if arguments.figure:
        _write_figure(_drawn(posterior, question, arguments), arguments.figure)
        _say("note", f"wrote {Path(arguments.figure).resolve()}")
    _write_result(result, arguments.output)


def _fit(question: _Question, arguments: argparse.Namespace) -> "Posterior":
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


# From columns to data


def _measurements(table: CsvTable, arguments: argparse.Namespace) -> _Question:
    """One row a measurement: value, group, and sigma from wherever it comes."""
    if arguments.se:
        raise ValueError("--se goes with --effect. For measurements, name the column in --sigma.")
    value, group = _value_and_group(table, arguments)
    values, labels = table.numbers(value), table.labels(group)
    for row, label in enumerate(labels):
        if label is None and not math.isnan(values[row]):
            raise table.error(row, group, f"the value {values[row]:g} has no group. Name its group, or empty it.")
    columns: dict[str, object] = {value: values, group: labels}
    sigma = _sigma(table, arguments.sigma)
    if isinstance(sigma, str):
        columns[sigma] = _standard_errors(table, sigma, values)
    _mention_missing(value, values)
    return _Question(columns, value, {"group": group}, sigma)


def _effects(table: CsvTable, arguments: argparse.Namespace) -> _Question:
    """One row a group: an estimate with its standard error; groups are numbered where they have no labels."""
    if arguments.value:
        raise ValueError("--effect and --value exclude one another. Pass --effect for one row a group.")
    if not arguments.se:
        raise ValueError(f"--effect needs --se, the column of standard errors. {table.known()}")
    if arguments.sigma:
        raise ValueError("--se states the standard errors; leave out --sigma.")
    effects = table.numbers(arguments.effect)
    errors = _standard_errors(table, arguments.se, effects)
    labels = _own_labels(table, arguments.group) if arguments.group else range(1, len(effects) + 1)
    _mention_missing(arguments.effect, effects)
    columns = {arguments.effect: effects, arguments.se: errors}
    return _Question(columns, arguments.effect, {"groups": list(labels)}, arguments.se)


def _value_and_group(table: CsvTable, arguments: argparse.Namespace) -> tuple[str, str]:
    if arguments.value and arguments.group:
        return arguments.value, arguments.group
    if arguments.value or arguments.group:
        missing = "--group" if arguments.value else "--value"
        raise ValueError(f"{missing} is missing. {table.known()}")
    value, group = _only_columns(table, arguments.sigma)
    _say("note", f'using --value "{value}" --group "{group}"')
    return value, group


def _only_columns(table: CsvTable, sigma: str | None) -> tuple[str, str]:
    """The one column of numbers and the one other, where the file has no more."""
    named = [column for column in table.columns if column and column != sigma]
    numeric = [column for column in named if table.is_numeric(column)]
    headless = any(_is_number(column) for column in named)
    if len(named) != 2 or len(numeric) != 1 or headless:
        hint = " Is the header missing?" if headless else ""
        raise ValueError(f"pass --value and --group, or --effect and --se. {table.known()}{hint}")
    return numeric[0], next(column for column in named if column != numeric[0])


def _sigma(table: CsvTable, text: str | None) -> "float | str | Prior":
    """A number, the name of a column, or a prior."""
    from gridbayes.priors import parse_prior

    if text is None:
        raise ValueError("--sigma is missing. Pass a number, a column, or a prior to learn it: --sigma halfcauchy:5.")
    if _is_number(text):
        return float(text)
    if text in table.columns:
        return text
    try:
        return parse_prior(text)
    except ValueError as error:
        raise ValueError(
            f'--sigma "{text}" is no number, no column and no prior. {table.known(text)} {error}'
        ) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _standard_errors(table: CsvTable, column: str, values: Float[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
    """A column of standard deviations, positive wherever there is a value."""
    errors = table.numbers(column)
    bad = ~(errors > 0) & ~np.isnan(values)
    if bad.any():
        row = int(bad.argmax())
        found = "is missing" if math.isnan(errors[row]) else f"is {errors[row]:g}"
        raise table.error(
            row, column, f"a standard error must be positive; it {found}. Fill it in, or empty the value."
        )
    return errors


def _own_labels(table: CsvTable, column: str) -> list[str]:
    """The labels of a column, each of them there and there once."""
    first: dict[str, int] = {}
    for row, label in enumerate(table.labels(column)):
        if label is None:
            raise table.error(row, column, "the group has no name. Name it, or leave out --group.")
        if label in first:
            raise table.error(
                row,
                column,
                f'"{label}" is in line {table.lines[first[label]]} too; with --effect each row is a group. '
                "Rename it, or pass --value and --sigma in place of --effect and --se.",
            )
        first[label] = row
    return list(first)


def _mention_missing(column: str, values: Float[np.ndarray, " row"]) -> None:
    missing = int(np.isnan(values).sum())
    if missing:
        _say("note", f'{missing} of {len(values)} rows have no "{column}" and are left out')


# Results


def _table(posterior: "Posterior", question: _Question, arguments: argparse.Namespace) -> str:
    return _printable(f"{posterior.summary(arguments.prob, arguments.interval)}\n")


def _json(posterior: "Posterior", question: _Question, arguments: argparse.Namespace) -> str:
    """The result as JSON; its keys are described in the help."""
    from gridbayes import __version__

    names = ("mean", "sd", "lower", "upper", "error")
    summary = posterior.summary(arguments.prob, arguments.interval)
    rows = [
        {"parameter": parameter, "group": group, **dict(zip(names, map(_finite, numbers), strict=True))}
        for parameter, group, numbers in _rows(posterior, summary)
    ]
    result = {
        "gridbayes": __version__,
        "model": posterior.model.title,
        "values": len(question.observed.values),
        "groups": len(question.observed),
        "interval": {"kind": arguments.interval, "prob": arguments.prob},
        "log_evidence": _finite(posterior.log_evidence),
        "accuracy": str(posterior.accuracy),
        "rows": rows,
    }
    return json.dumps(result, indent=2, allow_nan=False) + "\n"


def _csv(posterior: "Posterior", question: _Question, arguments: argparse.Namespace) -> str:
    """The rows as CSV; numbers with all their digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    summary = posterior.summary(arguments.prob, arguments.interval)
    writer.writerow(["parameter", "group", *summary.columns])
    for parameter, group, numbers in _rows(posterior, summary):
        writer.writerow([parameter, "" if group is None else _harmless(str(group)), *map(repr, numbers)])
    return text.getvalue()


_FORMATS = {"table": _table, "json": _json, "csv": _csv}


def _rows(posterior: "Posterior", summary: "pd.DataFrame") -> Iterator[tuple[str, Hashable, tuple[float, ...]]]:
    """The rows of the summary, with parameter and group apart."""
    numbers = iter(summary.to_numpy().tolist())
    for name in posterior.marginals:
        for label in posterior.groups if name in posterior.per_group else (None,):
            yield name, label, tuple(next(numbers))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _harmless(label: str) -> str:
    """A label that a spreadsheet shows and does not run."""
    return f"'{label}" if label.startswith(("=", "+", "-", "@", "\t", "\r")) and not _is_number(label) else label


def _write_result(text: str, output: str | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    with atomically(output) as file:
        file.write(text.encode())
    _say("note", f"wrote {Path(output).resolve()}")


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


def _drawn(posterior: "Posterior", question: _Question, arguments: argparse.Namespace) -> Any:
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


# What is said on the side


def _say(kind: str, message: object) -> None:
    print(f"gridbayes: {kind}: {_printable(str(message))}", file=sys.stderr)


def _show_warning(message: object, category: object, *place: object, **_: object) -> None:
    _say("warning", message)


def _printable(text: str) -> str:
    """`text` without the control characters that could drive a terminal; a file may hold any label."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: f"\\x{ord(found[0]):02x}", text)


def _is_users(error: Exception) -> bool:
    """Whether the user can mend it: files, memory, and what a door of the library says on purpose."""
    from gridbayes.posterior import PosteriorError

    if isinstance(error, (OSError, MemoryError)):
        return True
    return isinstance(error, (ValueError, TypeError, PosteriorError)) and _is_stated(error)


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


def _drop_output() -> None:
    """Send what is still to be flushed to nowhere, or the interpreter complains when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
