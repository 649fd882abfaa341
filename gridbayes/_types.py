"""Types that several modules share, checked while the tests run (tests/conftest.py).

Axes have names: `row` of the data, `group`, and `...` for any shape.
"""

from collections.abc import Hashable, Sequence

import jax
import numpy as np
from jaxtyping import Float, Int

__all__ = ["Floats", "Label", "Numbers", "PerGroup", "PerRow", "RowCodes", "Values"]

type Values = np.ndarray | np.number | jax.Array | float  # what a log density takes
type Numbers = Values | Sequence  # what NumPy makes numbers of
type Floats = Float[np.ndarray, "..."]
type Label = Hashable
type PerGroup = Float[np.ndarray, " group"]
type PerRow = Float[np.ndarray, " row"]
type RowCodes = Int[np.ndarray, " row"]  # the index of each row's group
