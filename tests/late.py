"""The late arrivals of three departments, in every form in which data come."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import xarray as xr

from gridbayes.observations import observe

NAN = np.nan
LABELS = ("GOVERNMENT", "ENGLISH", "MATH")
LATE = {"GOVERNMENT": [-10, 1, 11], "ENGLISH": [-16, -15, -14], "MATH": [30]}
PADDED = [[-10.0, 1, 11], [-16, -15, -14], [30, NAN, NAN]]
MINUTES = [-10, 1, 11, -16, -15, -14, 30]
DEPARTMENT = ["GOVERNMENT"] * 3 + ["ENGLISH"] * 3 + ["MATH"]
TABLE = {"minutes": MINUTES, "department": DEPARTMENT}


class OnlyInterchange:
    """A frame that shows nothing but the dataframe interchange protocol, whose use pandas deprecates."""

    def __init__(self, frame):
        self._frame = frame

    def __dataframe__(self, nan_as_null=False, allow_copy=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._frame.__dataframe__(nan_as_null, allow_copy)


class LikePyarrow:
    """pyarrow's face: names in `column_names`, and `columns` that are the columns themselves."""

    def __init__(self, table):
        self._table = table

    @property
    def column_names(self):
        return list(self._table)

    @property
    def columns(self):
        return list(self._table.values())

    def __getitem__(self, name):
        return self._table[name]


def structured():
    return np.array(list(zip(MINUTES, DEPARTMENT, strict=True)), dtype=[("minutes", "f8"), ("department", "U12")])


def dataset():
    return xr.Dataset({name: ("row", column) for name, column in TABLE.items()})


TABLES = {
    "dict of columns": lambda: TABLE,
    "pandas": lambda: pd.DataFrame(TABLE),
    "pandas nullable": lambda: pd.DataFrame(TABLE).convert_dtypes(),
    "pandas categories": lambda: pd.DataFrame(TABLE).astype({"department": "category"}),
    "polars": lambda: pl.DataFrame(TABLE),
    "polars categories": lambda: pl.DataFrame(TABLE).cast({"department": pl.Categorical}),
    "like pyarrow": lambda: LikePyarrow(TABLE),
    "structured": structured,
    "Dataset": dataset,
    "interchange": lambda: OnlyInterchange(pd.DataFrame(TABLE)),
    "interchange nullable": lambda: OnlyInterchange(pd.DataFrame(TABLE).convert_dtypes()),
    "interchange categories": lambda: OnlyInterchange(pd.DataFrame(TABLE).astype({"department": "category"})),
    "interchange slice": lambda: OnlyInterchange(pd.DataFrame({k: v[:1] + v for k, v in TABLE.items()})[1:]),
}


def assert_is_late(found, name):
    assert found.groups == LABELS and all(type(label) is str for label in found.groups)
    np.testing.assert_array_equal(found.values, np.array(MINUTES, float), strict=True)
    np.testing.assert_array_equal(found.codes, [0, 0, 0, 1, 1, 1, 2])
    np.testing.assert_array_equal(found.count, [3, 3, 1])
    np.testing.assert_allclose(found.mean, [2 / 3, -15, 30])
    np.testing.assert_allclose(found.sum_of_squares, [222 - 4 / 3, 2, 0])
    assert found.errors is None and found.name == name
    assert found.fingerprint == observe(LATE).fingerprint
