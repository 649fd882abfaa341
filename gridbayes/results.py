"""A posterior as the text that `gridbayes fit` prints: a table for people, JSON for programs, CSV for spreadsheets."""

import argparse
import csv
import io
import json
import math
import sys
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gridbayes.columns import Question
from gridbayes.csvfile import is_number
from gridbayes.files import atomically
from gridbayes.terminal import printable, say

if TYPE_CHECKING:
    import pandas as pd

    from gridbayes.posterior import Posterior

__all__ = ["FORMATS", "write_result"]


def _table(posterior: "Posterior", question: Question, arguments: argparse.Namespace) -> str:
    return printable(f"{posterior.summary(arguments.prob, arguments.interval)}\n")


def _json(posterior: "Posterior", question: Question, arguments: argparse.Namespace) -> str:
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


def _csv(posterior: "Posterior", question: Question, arguments: argparse.Namespace) -> str:
    """The rows as CSV; numbers with all their digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    summary = posterior.summary(arguments.prob, arguments.interval)
    writer.writerow(["parameter", "group", *summary.columns])
    for parameter, group, numbers in _rows(posterior, summary):
        writer.writerow([parameter, "" if group is None else _harmless(str(group)), *map(repr, numbers)])
    return text.getvalue()


FORMATS = {"table": _table, "json": _json, "csv": _csv}


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
    return f"'{label}" if label.startswith(("=", "+", "-", "@", "\t", "\r")) and not is_number(label) else label


def write_result(text: str, output: str | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    with atomically(output) as file:
        file.write(text.encode())
    say("note", f"wrote {Path(output).resolve()}")
