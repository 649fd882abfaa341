"""Array types with named axes, checked while the tests run.

The axes: `row` of the data, `group`, `node` of a grid, and the parameters' own names (`mu`, `tau`, `theta`, `sigma`)
for axes that enumerate their nodes. A leading `*batch` stands for any axes in front.
"""

from collections.abc import Hashable

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Label", "Nodes", "PerGroup", "PerRow", "RowCodes"]

type Label = Hashable
type Nodes = Float[np.ndarray, "node"]
type PerGroup = Float[np.ndarray, "group"]
type PerRow = Float[np.ndarray, "row"]
type RowCodes = Int[np.ndarray, "row"]
