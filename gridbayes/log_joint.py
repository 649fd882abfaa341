"""A user's log density of parameters and data, as one function of a mapping of parameters.

Users write `def log_joint(mu, sigma, y)`, one argument a parameter and one for the data, or `def log_joint(p, y)` with
all parameters in one mapping; `enumerate` and `quadrature` take both.
"""

import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gridbayes.program import Program

__all__ = ["LogJoint"]


@dataclass(frozen=True)
class LogJoint:
    """log p(parameters, data) up to a constant.

    Parameters
    ----------
    function : the user's own.
    names : of the parameters.
    as_mapping : whether the function takes them all in its first argument, as a mapping.
    data_names : its other arguments, each of which takes data.
    """

    function: Callable[..., Any]
    names: tuple[str, ...]
    as_mapping: bool
    data_names: tuple[str, ...]

    @classmethod
    def of(cls, function: Any, names: tuple[str, ...]) -> "LogJoint":
        """The function with its arguments told apart by their names.

        Raises
        ------
        TypeError
            When it cannot be called, or lacks the argument of a parameter.
        """
        if not callable(function):
            raise TypeError(f"log_joint must be a function of the parameters; it is {function!r}.")
        arguments = inspect.signature(function).parameters.values()
        required = [a.name for a in arguments if a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD, a.KEYWORD_ONLY)]
        if any(a.kind == a.VAR_KEYWORD for a in arguments) or set(names) <= set(required):
            optional = {a.name for a in arguments if a.default is not a.empty}
            return cls(function, names, False, tuple(n for n in required if n not in {*names, *optional}))
        if not set(names) & set(required) and required:
            return cls(function, names, True, tuple(required[1:]))
        missing, spare = sorted(set(names) - set(required)), [n for n in required if n not in names]
        raise TypeError(
            f"log_joint takes no argument {', '.join(missing)}; its arguments are {', '.join(required) or 'none'}"
            + (f", of which {', '.join(spare)} has no grid or support" if spare else "")
            + ". Name the parameters alike."
        )

    def data(self, data: object) -> dict[str, Any]:
        """`data` by the argument that takes it: one argument takes it whole, several take a mapping of their names.

        Raises
        ------
        TypeError
            When data and arguments do not fit.
        """
        wanted, names = set(self.data_names), ", ".join(self.data_names)
        if data is None and not wanted:
            return {}
        if not wanted:
            raise TypeError("log_joint has no argument for the data: add one, or leave data out.")
        if data is None:
            raise TypeError(
                f"log_joint's argument {names} is neither a parameter nor given as data=. Pass one of both."
            )
        if isinstance(data, Mapping) and wanted <= set(data):
            return {name: data[name] for name in self.data_names}
        if len(wanted) == 1:
            return {self.data_names[0]: data}
        raise TypeError(f"log_joint's arguments {names} need data= as a mapping of these names.")

    def __call__(self, parameters: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
        """log p(parameters, data), whatever the function returns."""
        if self.as_mapping:
            return self.function(dict(parameters), *(data[name] for name in self.data_names))
        return self.function(**parameters, **data)

    @property
    def program(self) -> Program:
        """The function's text, where Python has kept it."""
        try:
            return Program(textwrap.dedent(inspect.getsource(self.function)))
        except (OSError, TypeError):
            return Program(repr(self.function))
