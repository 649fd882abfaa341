"""Saving a posterior and loading it: the model with its data goes into the file, and is fitted again when it is loaded.

A fit takes milliseconds and is the same each time, so the answers come back bit for bit on the same machine, and everything
that a posterior can be asked, it can be asked after loading. Log evidence, means and sds are in the file too: `load` refuses
a fit that does not agree with them.

The file is NumPy's npz without pickle: one entry `gridbayes` of JSON in UTF-8, which names classes of a fixed list with
their fields, and one entry for each array that it refers to. No code is stored, and none of a file is run.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

import gridbayes.priors
from gridbayes.files import atomically
from gridbayes.grids import Grid
from gridbayes.likelihoods import Bernoulli, Binomial, Poisson, StudentTErrors
from gridbayes.models.coefficients import Term
from gridbayes.models.components import Components
from gridbayes.models.covaried import Covaried
from gridbayes.models.fit import fit
from gridbayes.models.generalized import Generalized
from gridbayes.models.linear import Linear
from gridbayes.models.loyal_customers import Loyal
from gridbayes.models.pooling import Pooling
from gridbayes.models.proportion import Proportion
from gridbayes.models.signal_and_background import Bump
from gridbayes.models.survival import Lifetimes
from gridbayes.models.watched import WatchedRows
from gridbayes.observations import Observations
from gridbayes.posterior import Posterior
from gridbayes.priors import Custom, Prior
from gridbayes.quadrature.whitening import Plan

__all__ = ["load", "save"]

FORMAT = 1  # of the file; a change of what it holds is another number
ENTRY = "gridbayes"
AGREE = 1e-9  # of an sd, or of log evidence: another machine rounds otherwise
MODELS = (Pooling, Covaried, Linear, Generalized, Components, Proportion, Lifetimes, Loyal, Bump)
PARTS = (Observations, WatchedRows, Grid, Term, Plan, Bernoulli, Binomial, Poisson, StudentTErrors)
PRIORS = [
    c for c in vars(gridbayes.priors).values() if isinstance(c, type) and issubclass(c, Prior) and c is not Custom
]
STORED = {c.__name__: c for c in (*MODELS, *PARTS, *PRIORS)}


def save(post: Posterior, path: str | Path) -> None:
    """Write `post` so that `load` gives it back.

    Raises
    ------
    TypeError
        Where the model holds code of the user's: a density, a memo, a program, a prior that is no class of gridbayes and no
        frozen distribution of scipy.
    """
    model = getattr(post.model, "model", post.model)
    if not isinstance(model, MODELS):
        raise TypeError(
            "save takes posteriors of pooling models, regressions, mixtures, proportion and lifetimes; "
            f"{post.model.title} is made otherwise, by code that a file cannot hold. Save what it says: "
            "post.to_xarray() or post.weighted(), with .to_netcdf(path)."
        )
    arrays: dict[str, np.ndarray] = {}
    content = {"format": FORMAT, "model": _packed(model, arrays), "answers": _answers(post)}
    arrays[ENTRY] = np.frombuffer(json.dumps(content).encode(), np.uint8)
    with atomically(path) as file:
        np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]


def load(path: str | Path) -> Posterior:
    """The posterior that `post.save(path)` wrote, fitted again and held against the answers in the file.

    Raises
    ------
    ValueError
        When the file is no such file, is cut off or changed, is of another format, or does not agree with the fit.
    OSError
        When it cannot be read.

    >>> import gridbayes as gb, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "schools.npz"
    >>> post = gb.partial_pooling([1, -15, 30], sigma=15, mu_scale=10, tau_scale=10)
    >>> post.save(path)
    >>> bool((gb.load(path).mean("theta") == post.mean("theta")).all())
    True
    """
    content, arrays = _read(path)
    if content.get("format") != FORMAT:
        raise ValueError(
            f"{path} has format {content.get('format')!r}; this version of gridbayes reads format {FORMAT}. Load it with "
            "the version that wrote it."
        )
    try:
        model = _unpacked(content["model"], arrays)
        stored = content["answers"]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} does not describe a posterior: {error!r}. Save it again.") from None
    post = fit(model) if isinstance(model, Pooling) else model.posterior()
    _require_agreement(path, stored, _answers(post))
    return post


def _read(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What is in the file."""
    try:
        with open(path, "rb") as source, np.load(source, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        content = json.loads(arrays.pop(ENTRY).tobytes())
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path} is no whole file of post.save ({error}). It may have been cut off, or be something else; save it again."
        ) from None
    for array in arrays.values():
        array.setflags(write=False)
    return content, arrays


def _answers(post: Posterior) -> dict[str, Any]:
    """Numbers by which a fit is known again."""
    moments = {label: [marginal.mean, marginal.sd] for label, marginal in post.rows}
    return {"log_evidence": post.log_evidence, "moments": moments}


def _require_agreement(path: str | Path, stored: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Raise where a fit is not the one that was saved."""
    if stored["moments"].keys() != found["moments"].keys():
        raise ValueError(f"{path} has other parameters than the model in it. It was changed; save it again.")
    one, other = (np.array([[x["log_evidence"], 1.0], *x["moments"].values()], float) for x in (stored, found))
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        off = np.where(same, 0.0, np.abs(one - other) / np.where(np.isfinite(one[:, 1:]), one[:, 1:], 1.0))
    if not (off <= AGREE).all():
        label = ["log_evidence", *stored["moments"]][int(np.argmax(~(off <= AGREE).all(axis=1)))]
        raise ValueError(
            f"{path}: {label} differs from what the model gives here by {np.nanmax(off):.2g} sds. The file was changed, or "
            "another version of gridbayes wrote it: fit the data again."
        )


# --- values as JSON and arrays --------------------------------------------------------------------------------------


def _packed(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """`value` as JSON can say it; arrays are put aside and referred to."""
    if isinstance(value, (np.integer, np.floating)):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.ndarray):
        arrays[key := f"array{len(arrays)}"] = value
        return {"array": key}
    if isinstance(value, tuple):
        return {"tuple": [_packed(each, arrays) for each in value]}
    if isinstance(value, Mapping):
        return {"mapping": {str(key): _packed(each, arrays) for key, each in value.items()}}
    if isinstance(value, Custom) and hasattr(value.distribution, "dist"):
        frozen = value.distribution
        return {"scipy": _name_in_scipy(frozen), "arguments": _packed((frozen.args, frozen.kwds), arrays)}
    if not is_dataclass(value) or STORED.get(type(value).__name__) is not type(value):
        raise TypeError(
            f"save cannot hold {value!r:.80}, a {type(value).__name__}: a file has no code. Use priors of gridbayes or "
            "frozen ones of scipy, labels that are text or numbers, and the model's own program; or save post.to_xarray()."
        )
    own = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, (Binomial, Poisson)):  # the call's trials and exposures are with the rows
        own = dict.fromkeys(own)
    return {"class": type(value).__name__, "fields": {name: _packed(each, arrays) for name, each in own.items()}}


def _name_in_scipy(frozen: Any) -> str:
    """What scipy.stats calls the distribution."""
    import scipy.stats  # here: half a second, for these priors alone

    name = frozen.dist.name
    if type(getattr(scipy.stats, name, None)) is not type(frozen.dist):
        raise TypeError(
            f"save cannot hold {name}, a distribution that is not scipy's. Use one of gridbayes or scipy.stats."
        )
    return name


def _frozen_by_scipy(name: str, arguments: tuple[tuple, dict]) -> Any:
    import scipy.stats

    distribution = getattr(scipy.stats, name)
    if not isinstance(distribution, scipy.stats.rv_continuous):
        raise TypeError(f"{name} is no distribution")
    return distribution(*arguments[0], **arguments[1])


def _unpacked(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    match value:
        case {"array": key}:
            return arrays[key]
        case {"tuple": each}:
            return tuple(_unpacked(one, arrays) for one in each)
        case {"mapping": each}:
            return {key: _unpacked(one, arrays) for key, one in each.items()}
        case {"scipy": name, "arguments": arguments}:
            return Custom(_frozen_by_scipy(name, _unpacked(arguments, arrays)))
        case {"class": name, "fields": each}:
            return STORED[name](**{key: _unpacked(one, arrays) for key, one in each.items()})
        case _:
            return value
