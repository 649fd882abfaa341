"""Answers of a sweep over the hyperparameters that were swept: lines over one, a map with contours over two."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.ticker import MaxNLocator

from gridbayes.plots.style import COLOURS, axis_label, figure_of, group_style, ink, new_axes, open_legend, text_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["sensitivity_map"]

APART = ("group", "quantile", "hyperparameter", "bound")  # axes of an answer that nothing moves along: a line each
SHADES, LEVELS = 24, 7  # steps of colour, and contours, about
ABOVE = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0)}  # the legend of a map, which leaves no room within


def sensitivity_map(
    values: "xr.DataArray",
    *,
    at: Mapping[str, float] | None = None,
    label: str | None = None,
    unit: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """An answer of a sweep, as `gb.sensitivity` and `gb.sweep` return it, over the one or two numbers that vary.

    Over one a line, or one for each group, quantile or named prior; over two shades with labelled contours. An axis is
    logarithmic where its values are more evenly spaced in their logarithms.

    Parameters
    ----------
    values : for example `sweep.mean("theta", "MATH")` or `sweep.log_evidence`.
    at : your own setting, marked: {"mu_scale": 5, "tau_scale": 5}.
    label, unit : of the values; `values.name` if left out.

    Raises
    ------
    ValueError
        When more varies than a picture has room for, nothing does, no value is finite, or `at` misses an axis.

    >>> import gridbayes as gb
    >>> scales = {"mu_scale": gb.geomspace(1, 30, 9), "tau_scale": gb.geomspace(1, 30, 9)}
    >>> sweep = gb.sensitivity({"G": [1], "E": [-15], "M": [30]}, sigma=15, **scales)
    >>> ax = sensitivity_map(sweep.mean("theta", "M"), at={"mu_scale": 10, "tau_scale": 10}, unit="minutes late")
    >>> ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()
    ('mu_scale', 'tau_scale', 'log')
    """
    numbers = [str(axis) for axis in values.dims if axis not in APART and values[axis].dtype.kind in "iuf"]
    lines = [str(axis) for axis in values.dims if axis not in numbers]
    if (len(numbers), len(lines)) not in ((1, 0), (1, 1), (2, 0)):
        raise ValueError(
            f"a picture has room for two numbers that vary, or for one and a line for each group; here these vary: "
            f"{_shown(values)}. Pick one group with group=, or one setting with values.sel(...)."
        )
    if not np.isfinite(values.values).any():
        raise ValueError(f"values holds no finite number: {values.name} does not exist at these settings.")
    setting = _checked_setting(at, numbers)
    ax = new_axes(5.6, 4.2) if ax is None else ax
    label = axis_label(str(values.name) if label is None else label, unit)
    for name, axis, scale in zip(numbers, (ax.set_xlabel, ax.set_ylabel), (ax.set_xscale, ax.set_yscale), strict=False):
        axis(name, parse_math=False)
        scale("log" if _in_ratios(values[name].values) else "linear")  # first: contours place their numbers by it
    if len(numbers) == 2:
        _draw_map(ax, values, numbers, label)
    else:
        _draw_lines(ax, values, numbers[0], lines, label)
    _mark_setting(ax, setting)
    open_legend(ax, **(ABOVE if len(numbers) == 2 else {}))
    return ax


def _draw_map(ax: Axes, values: "xr.DataArray", names: list[str], label: str) -> None:
    """Shades of the values with a bar of what they mean, and contours with their numbers."""
    x, y = (values[name].values for name in names)
    z = np.ma.masked_invalid(values.transpose(*names).values.T)
    page = LinearSegmentedColormap.from_list("map", [to_rgb(ax.get_facecolor()), COLOURS[0]])  # opaque: no seams
    bar = figure_of(ax).colorbar(ax.contourf(x, y, z, levels=SHADES, cmap=page), ax=ax)
    bar.set_label(label, parse_math=False)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    levels = [level for level in MaxNLocator(LEVELS).tick_values(z.min(), z.max()) if z.min() < level < z.max()]
    if levels:
        lines = ax.contour(x, y, z, levels=levels, colors=[ink()], linewidths=0.9, linestyles="-")
        ax.clabel(lines, fontsize="x-small")


def _draw_lines(ax: Axes, values: "xr.DataArray", name: str, lines: list[str], label: str) -> None:
    """A line for the values, or one for each label of the other axis."""
    x = values[name].values
    for index, key in enumerate(values[lines[0]].values.tolist() if lines else [None]):
        own = values.isel({lines[0]: index}) if lines else values
        text = None if key is None else f"{key:g}" if isinstance(key, float) else text_of(key)
        ax.plot(x, own.values, linewidth=1.8, label=text, **group_style(index))
    ax.set_ylabel(label, parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)


def _mark_setting(ax: Axes, setting: dict[str, float]) -> None:
    """A cross at the setting of two numbers, a line at that of one."""
    text = ", ".join(f"{name} {value:g}" for name, value in setting.items())
    if len(setting) == 2:
        ax.plot(*([value] for value in setting.values()), marker="P", color=COLOURS[1], linestyle="none", label=text)
    for value in setting.values() if len(setting) == 1 else ():
        ax.axvline(value, color=ink(), linewidth=0.8, linestyle=":", label=text)


def _in_ratios(x: np.ndarray) -> bool:
    """Whether values are more evenly spaced in their logarithms, as those of `geomspace` are."""
    if len(x) < 3 or not (x > 0).all():
        return False
    even, ratios = (np.diff(each) for each in (x, np.log(x)))
    return bool(ratios.std() / abs(ratios.mean()) < even.std() / abs(even.mean()))


def _checked_setting(at: Mapping[str, float] | None, names: list[str]) -> dict[str, float]:
    """The user's own setting in the order of the axes."""
    if at is None:
        return {}
    if set(at) != set(names):
        raise ValueError(
            f"at must have {' and '.join(names)}; at is {dict(at)}. Pass for example {{{names[0]!r}: 5.0}}."
        )
    return {name: float(at[name]) for name in names}


def _shown(values: "xr.DataArray") -> str:
    return ", ".join(f"{axis} ({size})" for axis, size in values.sizes.items()) or "none"
