"""The priors of mu, tau or sigma over a sweep: which hyperparameters take which values, and the prior at each setting."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Float

from gridbayes.grids import Grid
from gridbayes.priors import HalfCauchy, Normal, Prior, as_prior, as_scale_prior
from gridbayes.summaries import checked_number

__all__ = ["Range", "range_of"]

FAMILIES: dict[str, Prior] = {"mu": Normal(0.0, 1.0), **dict.fromkeys(("tau", "sigma"), HalfCauchy(1.0))}  # of a scale
EXAMPLES = {"mu": "gridbayes.Normal(0, 5)", **dict.fromkeys(("tau", "sigma"), "gridbayes.HalfCauchy(5)")}


@dataclass(frozen=True, eq=False)
class Range:
    """The settings of one parameter's prior, in the order of the product of their axes.

    Parameters
    ----------
    name : `mu`, `tau` or `sigma`.
    axes : of each hyperparameter that varies, by its name (`mu_scale`): its values, or the texts of listed priors.
    priors : the prior at each setting, (setting,); none where tau or sigma itself is known.
    known : (setting,) its values where it is.
    """

    name: str
    axes: Mapping[str, list]
    priors: tuple[Prior, ...]
    known: Float[np.ndarray, " setting"] | None = None

    def __len__(self) -> int:
        return len(self.priors) if self.known is None else len(self.known)

    @property
    def moving(self) -> tuple[str, ...]:
        """The hyperparameters in which there are derivatives: numbers that change no end of a support."""
        numeric = (name for name, values in self.axes.items() if not isinstance(values[0], str))
        return tuple(name for name in numeric if not name.endswith(("_low", "_high")))

    @property
    def numbers(self) -> dict[str, Float[np.ndarray, " setting"]]:
        """The parameters of each setting's prior, or a known value itself, by their names as hyperparameters."""
        if self.known is not None:
            return {self.name: self.known}
        return {
            f"{self.name}_{key}": np.array([prior.parameters[key] for prior in self.priors])
            for key in self.priors[0].parameters
        }


def range_of(name: str, given: Any, fields: Mapping[str, object], default: Prior | None) -> Range:
    """The settings that a call asks for.

    Parameters
    ----------
    given : a prior; a list of them; for a scale one number or several, known; or None.
    fields : values of the prior's own parameters: one, or several to sweep.
    default : the prior where nothing is said of it.
    """
    if fields:
        return _of_fields(name, given, fields)
    if isinstance(given, (list, tuple)) and given and all(hasattr(each, "logpdf") for each in given):
        priors = tuple(_as_prior(name, each) for each in given)
        return Range(name, {name: [repr(prior) for prior in priors]}, priors)
    if name != "mu" and given is not None and not hasattr(given, "logpdf"):
        return _known(name, given)
    prior = default if given is None else _as_prior(name, given)
    assert prior is not None, "the door of the model has filled it in"
    return Range(name, {}, (prior,))


def _of_fields(name: str, given: Any, fields: Mapping[str, object]) -> Range:
    """One family, some of whose parameters take several values."""
    if given is None and "scale" not in fields:
        raise TypeError(f"{name}_scale is missing. Pass it, or the prior that {name}_{next(iter(fields))} belongs to.")
    if isinstance(given, (list, tuple)) or (given is not None and not hasattr(given, "logpdf")):
        raise TypeError(
            f"{name} must be one prior where {name}_{next(iter(fields))} is swept; {name} is {given!r}. "
            f"Pass for example {name}={EXAMPLES[name]}, or a list of priors alone."
        )
    prior = FAMILIES[name] if given is None else _as_prior(name, given)
    own = [field.name for field in dataclass_fields(prior) if field.name in prior.parameters]
    for field in fields:
        if field not in own:
            has = ", ".join(f"{name}_{key}" for key in own) or "none that can be swept: pass a list of priors"
            raise TypeError(f"{name}_{field} is no hyperparameter of {name} ~ {prior!r}; it has {has}.")
    values = {field: values_of(f"{name}_{field}", value) for field, value in fields.items()}
    swept = {f"{name}_{field}": values[field].tolist() for field, value in fields.items() if np.ndim(_nodes(value))}
    settings = product(*values.values())
    priors = tuple(replace(prior, **dict(zip(values, setting, strict=True))) for setting in settings)
    return Range(name, swept, priors)


def _as_prior(name: str, given: Any) -> Prior:
    return as_prior(given, name) if name == "mu" else as_scale_prior(given, name)


def _known(name: str, given: Any) -> Range:
    """tau itself, or sigma."""
    values = values_of(name, given)
    if values.min() < 0:
        rule = f"{name} must not be negative; {name} is {values.min():g}"
        raise ValueError(f"{rule}. Pass standard deviations from 0 upwards.")
    return Range(name, {name: values.tolist()} if np.ndim(_nodes(given)) else {}, (), values)


def values_of(name: str, given: Any) -> Float[np.ndarray, " value"]:
    """One number or several as an array; TypeError or ValueError that name the argument."""
    given = _nodes(given)
    if np.ndim(given) > 1 or np.size(given) == 0:
        raise ValueError(f"{name} must be a number or a list of numbers; its shape is {np.shape(given)}.")
    entries = [given] if np.ndim(given) == 0 else list(given)
    values = np.array([checked_number(entry, name) for entry in entries])
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} must be finite; {name} is {values[~np.isfinite(values)][0]}. Leave it out of the range."
        )
    if len(np.unique(values)) < len(values):
        raise ValueError(f"{name} must have each value once; it has {len(values)}, {len(np.unique(values))} different.")
    return values


def _nodes(given: Any) -> Any:
    return given.nodes if isinstance(given, Grid) else given
