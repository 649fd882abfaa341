"""`gridbayes figures`: the registry of figures.py to files, several at a time, or compared with the files that are there.

A figure is stale when the picture differs, not when bytes do: a processor may round the last digit of a coordinate, which
moves the shade of a pixel, and another version of matplotlib signs its files anew.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

__all__ = ["add_arguments", "rebuild", "rebuild_command", "stale"]

DPI = 110  # 9 inches become 990 pixels, as wide as a page shows
FORMATS = ("png", "svg", "pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `gridbayes figures`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="which figures; all if left out")
    parser.add_argument("--directory", default="figures", help="where the files are; default %(default)s")
    parser.add_argument("--format", choices=FORMATS, nargs="+", default=["png"], help="default png")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes; default %(default)s")
    parser.add_argument("--list", action="store_true", help="print the names and what each figure shows")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a PNG is missing or stale")


def rebuild_command(arguments: argparse.Namespace) -> None:
    """Run `gridbayes figures`.

    Raises
    ------
    ValueError
        For a name that is no figure, and with --check where a figure is missing or stale.
    """
    names = _known_names(arguments.names)
    if arguments.jobs < 1:
        raise ValueError(f"--jobs must be at least 1; it is {arguments.jobs}.")
    if arguments.list:
        _print_list(names)
    elif arguments.check:
        found = stale(names, Path(arguments.directory), arguments.jobs)
        if found:
            raise ValueError(
                f"{len(found)} of {len(names)} figures are stale: {', '.join(found)}. Run gridbayes figures."
            )
        print(f"all {len(names)} figures are as the code draws them")
    else:
        Path(arguments.directory).mkdir(parents=True, exist_ok=True)
        _wait(rebuild(names, Path(arguments.directory), arguments.format, arguments.jobs), len(names))


def rebuild(names: Iterable[str], directory: Path, formats: Iterable[str], jobs: int) -> Iterator[str]:
    """Draw each figure into the directory, in this process for one job, else in as many; yields names as they are done."""
    formats = tuple(formats)
    if jobs == 1:
        for name in names:
            _draw(name, directory, formats)
            yield name
        return
    fresh = multiprocessing.get_context("spawn")  # a fork would take JAX's threads along
    with ProcessPoolExecutor(jobs, mp_context=fresh) as pool:
        waiting = {pool.submit(_draw, name, directory, formats): name for name in names}
        for done in as_completed(waiting):
            done.result()
            yield waiting[done]


def stale(names: Iterable[str], directory: Path, jobs: int) -> list[str]:
    """The figures whose PNG in the directory is missing, or not what the code draws."""
    from gridbayes.plots.save import differs

    names = list(names)
    with tempfile.TemporaryDirectory() as new:
        _wait(rebuild(names, Path(new), ("png",), jobs), len(names))
        return [name for name in names if differs(directory / f"{name}.png", Path(new) / f"{name}.png")]


def _draw(name: str, directory: Path, formats: tuple[str, ...]) -> None:
    """Draw one figure and write it."""
    from gridbayes.figures import FIGURES
    from gridbayes.plots import save_figure

    figure = FIGURES[name]()
    for kind in formats:
        save_figure(figure, directory / f"{name}.{kind}", dpi=DPI)


def _known_names(names: list[str]) -> list[str]:
    """The names that were asked for, all of them where none was."""
    from gridbayes.figures import FIGURES

    for name in names:
        if name not in FIGURES:
            raise ValueError(f"no figure {name!r}; the figures are {', '.join(FIGURES)}.")
    return names or list(FIGURES)


def _print_list(names: list[str]) -> None:
    from gridbayes.figures import FIGURES

    width = max(map(len, names))
    for name in names:
        print(f"{name:<{width}}  {str(FIGURES[name].__doc__).strip()}")


def _wait(done: Iterable[str], count: int) -> None:
    """Say which figure is done, as they are."""
    for number, name in enumerate(done, 1):
        print(f"[{number}/{count}] {name}", file=sys.stderr, flush=True)
