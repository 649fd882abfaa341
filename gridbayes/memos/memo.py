"""`@gridbayes.memo`: a user's own memo over grids given at call time, and `sweep` over its parameters."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from gridbayes.memos.linking import Written, linked
from gridbayes.memos.run import Run, arguments_of
from gridbayes.posterior import Posterior
from gridbayes.program import Program

if TYPE_CHECKING:  # loaded by the first labelled result
    import xarray as xr

__all__ = ["UserMemo", "memo", "sweep"]


class UserMemo(Written):
    """A memo that runs on grids given when it is called."""

    def __call__(self, *args: Any, grids: Any = None, **kwargs: Any) -> "Posterior | xr.DataArray":
        """Run the memo.

        Parameters
        ----------
        args, kwargs : its parameters: numbers, and arrays for those marked `: ...`.
        grids : domain name to a Grid, or a list of numbers: floats are nodes of a continuous parameter, integers are
            values of a discrete one. Domains that are found beside the memo (an IntEnum, `domain(...)`, a list) need none.

        Returns
        -------
        A Posterior where the memo returns one distribution over all its axes, `Pr[a.x == _x, ...]`; the labelled values of
        any other query. Masses on a grid with weights hold the weights, so E and Var are integrals; H is the entropy of
        these masses.

        Raises
        ------
        TypeError, ValueError
            When parameters or grids do not fit the memo.
        PosteriorError
            When nothing has any mass, which memo itself would report as zeros.
        """
        return self.run(args, kwargs, grids, sweep=False).result

    def run(self, args: tuple, kwargs: Mapping[str, Any], grids: Any, sweep: bool) -> Run:
        """The run that these arguments describe."""
        if grids is not None and not isinstance(grids, Mapping):
            raise TypeError(f'grids must map domain names to grids, {{"P": gb.linspace(0, 1, 200)}}; it is {grids!r}.')
        if unbound := self.text.unbound:
            axis = unbound[0]
            raise ValueError(
                f"memo {self.text.name} never uses its axis {axis.written}: {axis.domain}. Compare it with a choice, as in "
                f"Pr[agent.{axis.name} == {axis.written}], or take it away."
            )
        fixed, swept = arguments_of(
            self.text.name, inspect.signature(self.function), self.text.arrays, args, kwargs, sweep
        )
        return Run(linked(self, grids or {}), fixed, swept)

    @property
    def program(self) -> Program:
        """The text, as the user wrote it."""
        return Program(self.text.source)

    def __repr__(self) -> str:
        axes = ", ".join(f"{axis.written}: {axis.domain}" for axis in self.text.axes)
        return f"<memo {self.text.name}[{axes}]({', '.join(self.text.parameters)})>"


def memo(function: Any) -> UserMemo:
    """A memo of your own, over grids that each call brings.

    A parameter of the posterior is named after its axis without the underscore.

    >>> import gridbayes as gb
    >>> @gb.memo
    ... def coin[_p: P](k, n):
    ...     nature: chooses(p in P, wpp=p**k * (1 - p)**(n - k))
    ...     return Pr[nature.p == _p]
    >>> post = coin(k=6, n=12, grids={"P": gb.gauss_legendre(0, 1)})
    >>> round(post.sd("p") ** 2, 12) == round(7 * 7 / (14**2 * 15), 12)  # the variance of Beta(7, 7)
    True

    Raises
    ------
    TypeError
        When it is no function written with `def` in a file or a notebook cell.
    memo's own error
        At your file and line, when the text is not a legal memo.
    """
    return cast(UserMemo, UserMemo.of(function))


def sweep(program: Any, /, *, grids: Any = None, **parameters: Any) -> "xr.DataArray":
    """The memo at each of several values of one parameter or more: every parameter given as a list is swept.

    Several lists make a product. A parameter marked `: ...` takes its array whole and is never swept.

    Returns
    -------
    The memo's values (masses, for a posterior), `(*swept, *axes)`: the swept parameters first, in the memo's order.

    >>> import gridbayes as gb
    >>> @gb.memo
    ... def coin[_p: P](k, n):
    ...     nature: chooses(p in P, wpp=p**k * (1 - p)**(n - k))
    ...     return Pr[nature.p == _p]
    >>> gb.sweep(coin, k=range(13), n=12, grids={"P": gb.linspace(0, 1, 200)}).sizes
    Frozen({'k': 13, 'p': 200})

    Raises
    ------
    TypeError, ValueError
        When it is no memo, when no parameter is a list, or when parameters or grids do not fit the memo.
    """
    if not isinstance(program, UserMemo):
        raise TypeError(f"sweep takes a memo of your own; it got {program!r}. Decorate it with gridbayes.memo.")
    run = program.run((), parameters, grids, sweep=True)
    if not run.swept:
        scalars = [name for name in program.text.parameters if name not in program.text.arrays]
        raise ValueError(f"sweep needs a list for one parameter of {', '.join(scalars) or 'the memo, which has none'}.")
    return run.swept_values
