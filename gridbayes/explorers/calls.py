"""Public calls as Python text, and the price of their grids."""

from collections.abc import Mapping
from dataclasses import fields

from gridbayes.accuracy import Comparison
from gridbayes.grids import FINE
from gridbayes.posterior import Posterior
from gridbayes.priors import Prior

__all__ = ["argument_text", "automatic", "call_text", "price"]


def price(post: Posterior, coarse: Posterior) -> str:
    """How far the means are from those on every other node: an upper bound of what finer grids would change."""
    pairs = zip(post.rows, coarse.rows, strict=True)
    found = [Comparison(label, one, other, "half of the nodes").error("mean") for (label, one), (_, other) in pairs]
    worst = max((error for error in found if error), key=lambda error: error.size)
    nodes = " x ".join(str(len(marginals[0].grid)) for marginals in post.marginals.values())
    return (
        f"Grids of {nodes} nodes: with half of them no mean is farther off than {worst.size:.1g} sd ({worst.quantity})"
    )


def automatic(post: Posterior) -> str:
    """What automatic grids promise; the posterior's own statement costs a second fit, and is for those who ask."""
    nodes = ", ".join(f"{len(marginal.grid)} for {label}" for label, marginal in post.rows)
    return f"Automatic grids ({nodes}), refined until densities are right to {FINE[0]:g} of their mass."


def call_text(name: str, data: object, arguments: Mapping[str, object], texts: Mapping[str, str]) -> str:
    """Python text of a public call: `arguments` are values, `texts` are text already."""
    lines = [f"{key}={argument_text(value)}" for key, value in arguments.items()]
    lines += [f"{key}={text}" for key, text in texts.items()]
    inside = "".join(f"    {line},\n" for line in [argument_text(data), *lines])
    return f"import gridbayes as gb\n\npost = gb.{name}(\n{inside})\n"


def argument_text(value: object) -> str:
    """A number, a container, or a prior with all its digits."""
    if not isinstance(value, Prior):
        return repr(value)
    inside = ", ".join(repr(float(getattr(value, each.name))) for each in fields(value))  # pyright: ignore
    return f"gb.{type(value).__name__}({inside})"
