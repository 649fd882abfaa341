import ast
import sys
import warnings
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xarray as xr

from gridbayes import observations
from gridbayes.observations import Observations, observe

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
    return np.array(
        list(zip(MINUTES, DEPARTMENT, strict=True)), dtype=[("minutes", "f8"), ("department", "U12")]
    )


def dataset():
    return xr.Dataset({name: ("row", column) for name, column in TABLE.items()})


# Doors

UNTABLED = {
    "dict": lambda: observe(LATE),
    "dict padded": lambda: observe(dict(zip(LABELS, PADDED, strict=True))),
    "dict of None and tuples": lambda: observe({**LATE, "MATH": (None, 30, pd.NA)}),
    "dict of scalars": lambda: observe({**LATE, "MATH": 30}),
    "dict of arrays": lambda: observe({k: np.array(v, np.int32) for k, v in LATE.items()}),
    "dict of series": lambda: observe({k: pd.Series(v, dtype="Int64") for k, v in LATE.items()}),
    "dict ordered by groups": lambda: observe(dict(reversed(LATE.items())), groups=LABELS),
    "array": lambda: observe(np.array(PADDED), groups=LABELS),
    "float32": lambda: observe(np.array(PADDED, np.float32), groups=np.array(LABELS)),
    "nested lists": lambda: observe(PADDED, groups=list(LABELS)),
    "ragged lists": lambda: observe(list(LATE.values()), groups=LABELS),
    "lists and a scalar": lambda: observe([[-10, 1, 11], np.array([-16, -15, -14]), 30], groups=LATE.keys()),
    "objects": lambda: observe(
        np.array([[-10, 1, 11], [-16, -15, -14], [30, None, ""]], object), groups=LABELS
    ),
    "masked": lambda: observe(
        np.ma.masked_equal([[-10, 1, 11], [-16, -15, -14], [30, 9, 9]], 9), groups=LABELS
    ),
    "DataArray": lambda: observe(
        xr.DataArray(PADDED, coords={"group": list(LABELS)}, dims=("group", "replicate"))
    ),
    "frame as array": lambda: observe(pd.DataFrame(PADDED).to_numpy(), groups=pd.Series(LABELS)),
    "exact numbers": lambda: observe(
        {**LATE, "MATH": [Decimal(30)], "ENGLISH": [Fraction(-16), -15.0, np.int8(-14)]}
    ),
    "long": lambda: observe(MINUTES, group=DEPARTMENT),
    "long arrays": lambda: observe(np.array(MINUTES), group=np.array(DEPARTMENT)),
    "long categories": lambda: observe(pd.Series(MINUTES), group=pd.Categorical(DEPARTMENT)),
    "long polars": lambda: observe(pl.Series(MINUTES), group=pl.Series(DEPARTMENT)),
    "long with groups": lambda: observe(MINUTES, group=DEPARTMENT, groups=LABELS),
}
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


@pytest.mark.parametrize("door", UNTABLED)
def test_doors_agree(door):
    assert_is_late(UNTABLED[door](), "value")


@pytest.mark.parametrize("door", TABLES)
def test_tables_agree(door):
    assert_is_late(observe(TABLES[door](), value="minutes", group="department"), "minutes")


@pytest.mark.parametrize("door", TABLES)
def test_tables_without_group_have_a_group_a_row(door):
    found = observe(TABLES[door](), value="minutes")
    assert found.groups == tuple(range(7)) and all(type(label) is int for label in found.groups)
    np.testing.assert_array_equal(found.values, MINUTES)
    np.testing.assert_array_equal(found.codes, range(7))


def test_table_rows_labelled_by_column_or_sequence():
    frame = pd.DataFrame({"y": [1.0, NAN, 3.0], "school": ["A", "B", "C"]}, index=[7, 8, 9])
    for groups in ("school", ["A", "B", "C"], frame["school"]):
        found = observe(frame, value="y", groups=groups)
        assert found.groups == ("A", "B", "C")
        np.testing.assert_array_equal(found.count, [1, 0, 1])
    assert observe(frame, value="y").groups == (0, 1, 2)


def test_group_of_a_table_may_be_a_sequence():
    assert_is_late(observe(pd.DataFrame(TABLE), value="minutes", group=DEPARTMENT), "minutes")


def test_columns_need_not_be_strings():
    found = observe(pd.DataFrame([[1, "a"], [2, "b"], [3, "a"]]), value=0, group=1)
    assert found.groups == ("a", "b") and found.name == "0"


@pytest.mark.parametrize(
    "effects",
    [
        pd.Series([28, 8, -3], index=["A", "B", "C"], name="effect"),
        xr.DataArray([28, 8, -3], coords={"school": ["A", "B", "C"]}, name="effect"),
    ],
    ids=["pandas", "xarray"],
)
def test_effects_carry_their_labels(effects):
    found = observe(effects)
    assert found.groups == ("A", "B", "C") and found.name == "effect"
    np.testing.assert_array_equal(found.values, [28, 8, -3])
    assert observe(effects, groups=["X", "Y", "Z"]).groups == ("X", "Y", "Z")


@pytest.mark.parametrize(
    "effects", [[28, 8, -3], range(3), np.arange(3), pl.Series([1, 2, 3]), (1.0, None, 3)]
)
def test_effects_without_labels_are_numbered(effects):
    found = observe(effects)
    assert found.groups == (0, 1, 2) and len(found) == 3
    assert all(type(label) is int for label in found.groups)


def test_arrays_without_axes_are_numbers():
    found = observe([np.array(1.0), np.float64(2), np.ma.masked, 3])
    np.testing.assert_array_equal(found.values, [1, 2, 3])
    np.testing.assert_array_equal(found.codes, [0, 1, 3])


def test_labels_lose_their_numpy_types():
    found = observe({np.str_("a"): 1, np.int64(2): 2, ("b", 1): 3, 2.5: 4})
    assert [type(label) for label in found.groups] == [str, int, tuple, float]
    assert found.groups == ("a", 2, ("b", 1), 2.5)
    assert [type(x) for x in observe([1, 2], groups=[np.int64(5), np.str_("b")]).groups] == [int, str]


def test_dates_are_labels():
    days = np.array(["2024-01-02", "2024-01-01", "2024-01-02"], "datetime64[ns]")
    found = observe([1, 2, 3], group=days)
    assert found.groups == (days[0], days[1])
    np.testing.assert_array_equal(found.codes, [0, 1, 0])


def test_mixed_labels_keep_order_of_first_appearance():
    found = observe([1, 2, 3, 4], group=["b", 1, "a", "b"])
    assert found.groups == ("b", 1, "a")
    np.testing.assert_array_equal(found.codes, [0, 1, 2, 0])


def test_groups_fix_order_and_full_set():
    found = observe([1, 2, 3], group=["a", "b", "a"], groups=["c", "b", "a"])
    assert found.groups == ("c", "b", "a")
    np.testing.assert_array_equal(found.count, [0, 1, 2])
    np.testing.assert_array_equal(observe({"a": [1, 3], "b": 2}, groups=["c", "b", "a"]).count, [0, 1, 2])


def test_observations_pass_through():
    late = observe(LATE)
    assert observe(late) is late
    with pytest.raises(TypeError, match="data is Observations already"):
        observe(late, sigma=3)


# Missing values


def test_extra_columns_of_nan_change_nothing():
    wider = np.hstack([np.full((3, 2), NAN), np.array(PADDED), np.full((3, 4), NAN)])
    assert observe(wider, groups=LABELS).fingerprint == observe(LATE).fingerprint


def test_a_group_without_values_stays():
    for found in (
        observe([[1, 2], [NAN, NAN], [3, NAN]]),
        observe([[1, 2], [], [3]]),
        observe([1, 2, None, 3], group=[0, 0, 1, 2]),
    ):
        assert found.groups == (0, 1, 2)
        np.testing.assert_array_equal(found.count, [2, 0, 1])
        np.testing.assert_array_equal(found.mean, [1.5, NAN, 3])
        np.testing.assert_array_equal(found.sum_of_squares, [0.5, 0, 0])


@pytest.mark.parametrize(
    "missing", [None, NAN, np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT", "ns"), "", Decimal("nan")]
)
def test_spellings_of_missing(missing):
    np.testing.assert_array_equal(observe([1, missing, 3]).codes, [0, 2])
    np.testing.assert_array_equal(observe({"a": missing, "b": [missing, 2]}).count, [0, 1])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, lambda t: OnlyInterchange(pd.DataFrame(t))])
def test_missing_cells_of_tables(frame):
    table = frame({"y": [1.0, None, 3.0], "g": ["a", None, "b"], "se": [1.0, None, 2.0]})
    found = observe(table, value="y", group="g", sigma="se")
    assert found.groups == ("a", "b")
    np.testing.assert_array_equal(found.values, [1, 3])
    np.testing.assert_array_equal(found.errors, [1, 2])


def test_booleans_count_in_tables_only():
    frame = pd.DataFrame({"hit": [True, False, True], "maybe": [True, None, False]})
    for table in (frame, pl.DataFrame({k: list(frame[k]) for k in frame}), frame.convert_dtypes()):
        np.testing.assert_array_equal(observe(table, value="hit").values, [1, 0, 1])
        np.testing.assert_array_equal(observe(table, value="maybe").codes, [0, 2])
    np.testing.assert_array_equal(observe(OnlyInterchange(frame[["hit"]]), value="hit").values, [1, 0, 1])
    with pytest.raises(TypeError, match=r"values\[1\] is True, not a number\. Write 1 for True"):
        observe([1, True])


# Statistics


def test_a_million_rows_agree_with_a_loop():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 1_000, 1_000_000)
    values = 1e6 + rng.normal(size=codes.size)  # a large offset, which a one-pass variance would not survive
    found = observe(values, group=codes)
    gathered = defaultdict(list)
    for code, value in zip(codes.tolist(), values.tolist(), strict=True):
        gathered[code].append(value)
    assert found.groups == tuple(gathered)
    np.testing.assert_array_equal(found.count, [len(v) for v in gathered.values()])
    np.testing.assert_allclose(found.mean, [np.mean(v) for v in gathered.values()], rtol=1e-14)
    squares = [np.var(np.array(v) - 1e6) * len(v) for v in gathered.values()]
    np.testing.assert_allclose(found.sum_of_squares, squares, rtol=1e-9)


def test_mean_of_many_rows_does_not_drift():
    values = np.full(1_000_000, 0.1)  # added one after another they miss 1e5 by 1e-6
    np.testing.assert_allclose(observe(values[None]).mean, [0.1], rtol=1e-15)


def test_sum_of_squares_survives_an_offset():
    np.testing.assert_allclose(observe([[1e9, 1e9 + 1, 1e9 + 2]]).sum_of_squares, [2], rtol=1e-12)


def test_change_of_unit_changes_only_the_unit():
    minutes, seconds = observe(PADDED), observe(np.array(PADDED) * 60)
    np.testing.assert_allclose(seconds.mean, 60 * minutes.mean)
    np.testing.assert_allclose(seconds.sum_of_squares, 3600 * minutes.sum_of_squares)


def test_large_integers_are_numbers():
    np.testing.assert_array_equal(observe([10**30, 2**63, 1]).values, [1e30, 2.0**63, 1])


def test_fingerprint_tells_data_apart():
    plain = [
        observe([1, 2]),
        observe([1, 3]),
        observe([1, 2], groups=["0", "1"]),
        observe([[1, 2]]),
        observe([1, 2], sigma=1),
        observe([1, 2], sigma=[1, 2]),
    ]
    assert len({found.fingerprint for found in plain}) == len(plain)
    assert observe([1.0, 2.0]).fingerprint == plain[0].fingerprint


def test_arrays_are_read_only_and_copies():
    data = np.array([1.0, 2.0])
    found = observe(data, sigma=data)
    for array in (found.values, found.codes, found.errors, found.count, found.mean, found.sum_of_squares):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9
    data[0] = 7
    assert found.values[0] == 1 and found.errors[0] == 1


def test_repr_is_one_short_line():
    assert repr(observe(LATE, sigma=15)) == (
        'Observations of value: 7 values in 3 groups ("GOVERNMENT" 3, "ENGLISH" 3, "MATH" 1), sigma known'
    )
    assert repr(observe(range(9))).endswith("(0 1, 1 1, 2 1, 3 1, ... 5 more), sigma to be learned")


def test_where():
    late = observe(LATE)
    assert [late.where(label) for label in LABELS] == [0, 1, 2]
    assert observe([1, 2]).where(np.int64(1)) == 1


@pytest.mark.parametrize("wrong", ["MAHT", "math"])
def test_where_suggests(wrong):
    with pytest.raises(ValueError, match=rf'"{wrong}" is not\. Groups: "GOVERN.*Did you mean "MATH"\?'):
        observe(LATE).where(wrong)


def test_where_lists_eight_groups():
    with pytest.raises(ValueError, match=r"Groups: 0, 1, 2, 3, 4, 5, 6, 7, \.\.\. \(100 in all\)\.$"):
        observe(range(100)).where("zebra")
    with pytest.raises(ValueError, match=r"\[1\] is not"):
        observe(range(3)).where([1])


# Known standard errors

PER_GROUP = [1, 1, 1, 2, 2, 2, 3]
PER_ROW = [1, 2, 3, 4, 5, 6, 7]
RAGGED_DATA = {"dict": LATE, "lists": list(LATE.values())}


def late_with(sigma, data=LATE):
    return observe(data, sigma=sigma, groups=LABELS)


@pytest.mark.parametrize("data", RAGGED_DATA)
@pytest.mark.parametrize(
    ("sigma", "expected"),
    [
        (15, [15] * 7),
        (np.float32(0.5), [0.5] * 7),
        (np.array(2), [2] * 7),
        ([1, 2, 3], PER_GROUP),
        (np.array([1.0, 2, 3]), PER_GROUP),
        ({"MATH": 3, "GOVERNMENT": 1, "ENGLISH": 2}, PER_GROUP),
        (pd.Series({"MATH": 3, "GOVERNMENT": 1, "ENGLISH": 2}), PER_GROUP),
        (pd.Series([1, 2, 3]), PER_GROUP),
        (pd.Series([1, 2, 3], index=[9, 8, 7]), PER_GROUP),
        (xr.DataArray([3, 2, 1], coords={"group": ["MATH", "ENGLISH", "GOVERNMENT"]}), PER_GROUP),
        ([[1, 2, 3], [4, 5, 6], [7]], PER_ROW),
        ([[1, 2, 3], [4, 5, 6], 7], PER_ROW),
        ({"ENGLISH": [4, 5, 6], "GOVERNMENT": [1, 2, 3], "MATH": 7}, PER_ROW),
    ],
)
def test_sigma_by_group_and_by_row(data, sigma, expected):
    np.testing.assert_array_equal(
        late_with(sigma, RAGGED_DATA[data]).errors, np.array(expected, float), strict=True
    )


def test_sigma_in_the_shape_of_padded_data():
    sigma = np.array([[1, 2, 3], [4, 5, 6], [7, NAN, -1]])
    np.testing.assert_array_equal(late_with(sigma, np.array(PADDED)).errors, PER_ROW)
    np.testing.assert_array_equal(late_with(sigma.tolist(), PADDED).errors, PER_ROW)


@pytest.mark.parametrize(
    ("sigma", "expected"),
    [
        (PER_ROW, PER_ROW),
        ([1, 2, 3], PER_GROUP),
        ({"MATH": 3, "GOVERNMENT": 1, "ENGLISH": 2}, PER_GROUP),
        ({"MATH": 7, "GOVERNMENT": [1, 2, 3], "ENGLISH": [4, 5, 6]}, PER_ROW),
        (pd.Series({"MATH": 3, "GOVERNMENT": 1, "ENGLISH": 2}), PER_GROUP),
        (pd.Series(PER_ROW), PER_ROW),
    ],
)
def test_sigma_of_long_data(sigma, expected):
    np.testing.assert_array_equal(observe(MINUTES, group=DEPARTMENT, sigma=sigma).errors, expected)
    np.testing.assert_array_equal(
        observe(pd.DataFrame(TABLE), value="minutes", group="department", sigma=sigma).errors, expected
    )


def test_sigma_by_row_follows_interleaved_rows():
    found = observe([1, 2, 3, 4], group=["b", "a", "b", "a"], sigma={"a": [10, 20], "b": [30, 40]})
    np.testing.assert_array_equal(found.errors, [30, 10, 40, 20])


def test_sigma_by_row_goes_before_by_group():
    found = observe([1, 2], group=["b", "a"], groups=["a", "b"], sigma=[10, 20])
    np.testing.assert_array_equal(found.errors, [10, 20])


@pytest.mark.parametrize("frame", [dict, pd.DataFrame, pl.DataFrame, LikePyarrow])
def test_sigma_in_a_column(frame):
    table = frame({"y": [1, 2, None], "se": [0.1, 0.2, None], "g": ["a", "a", "b"]})
    for group in (None, "g"):
        np.testing.assert_array_equal(observe(table, value="y", group=group, sigma="se").errors, [0.1, 0.2])


def test_sigma_of_missing_values_is_ignored():
    found = observe([1, NAN, 3], group=["a", None, "b"], sigma=[1, -1, 2])
    np.testing.assert_array_equal(found.errors, [1, 2])
    np.testing.assert_array_equal(observe([1, NAN, 3], sigma=[1, np.inf, 2]).errors, [1, 2])
    np.testing.assert_array_equal(observe({"a": 1, "b": []}, sigma={"a": 2}).errors, [2])


def test_a_series_without_labels_goes_by_position():
    effects = pd.Series([1, 2, 3], index=["A", "B", "C"])
    np.testing.assert_array_equal(observe(effects, sigma=pd.Series([4, 5, 6])).errors, [4, 5, 6])
    np.testing.assert_array_equal(observe(effects, group=pd.Series(["x", "y", "x"])).count, [2, 1])


def test_series_with_one_index_go_by_position():
    frame = pd.DataFrame({"y": [1, 2, 3], "se": [4, 5, 6]}, index=["A", "B", "C"])
    np.testing.assert_array_equal(observe(frame["y"], sigma=frame["se"]).errors, [4, 5, 6])
    np.testing.assert_array_equal(observe(frame["y"], sigma=frame["se"].iloc[::-1]).errors, [4, 5, 6])
    np.testing.assert_array_equal(
        observe(frame["y"], sigma=frame["se"], groups=["C", "B", "A"]).errors, [4, 5, 6]
    )
    np.testing.assert_array_equal(observe(frame, value="y", sigma=frame["se"]).errors, [4, 5, 6])


SIGMA_ERRORS = [
    ({"sigma": 0}, ValueError, r"sigma must be positive; sigma is 0\.0\. Pass standard errors\."),
    ({"sigma": -3.0}, ValueError, r"sigma must be positive; sigma is -3\.0"),
    ({"sigma": NAN}, ValueError, "sigma must be known wherever a value is; sigma is missing"),
    ({"sigma": np.inf}, ValueError, "sigma must be finite; sigma is inf"),
    ({"sigma": True}, TypeError, r"sigma must be a number, a dict, a list or an array; it is True \(bool"),
    ({"sigma": "3"}, TypeError, "it is '3', and data is not a table"),
    (
        {"sigma": object},
        TypeError,
        "sigma must be a number, a dict, a list or an array; it is <class 'object'>",
    ),
    ({"sigma": {1.0, 2.0}}, TypeError, "sigma must be a number, .*set"),
    (
        {"sigma": [1, 2, -3]},
        ValueError,
        r'sigma must be positive; sigma\["C"\] is -3\.0\. Pass standard errors\.',
    ),
    ({"sigma": [1, 2, None]}, ValueError, r'sigma\["C"\] is missing'),
    ({"sigma": [1, 2, "3"]}, TypeError, r"""sigma\["C"\] is '3', not a number\. Convert strings"""),
    ({"sigma": [[1], [2], [np.inf]]}, ValueError, r'sigma must be finite; sigma\["C"\]\[0\] is inf'),
    ({"sigma": [1, 2]}, ValueError, "sigma must have one entry a group; it has 2 for 3 groups"),
    (
        {"sigma": [[1], [2, 3], [4]]},
        ValueError,
        r'shape of the data; sigma\["B"\] has 2 entries for 1 values',
    ),
    ({"sigma": np.ones((3, 1, 1))}, ValueError, r"axes of the data; its shape is \(3, 1, 1\)"),
    ({"sigma": {"A": 1, "B": 2}}, ValueError, r'sigma\["C"\] is missing'),
    (
        {"sigma": {"A": 1, "B": 2, "C": 3, "D": 4}},
        ValueError,
        r'sigma must have labels that are groups; "D" is not',
    ),
    (
        {"sigma": pd.Series([1, 2, 3], index=["A", "B", "D"])},
        ValueError,
        "sigma and data must have the same index",
    ),
]


@pytest.mark.parametrize(("options", "kind", "message"), SIGMA_ERRORS)
def test_errors_of_sigma(options, kind, message):
    with pytest.raises(kind, match=message):
        observe(pd.Series([1, 2, 3], index=["A", "B", "C"]), **options)


def test_errors_of_sigma_by_row():
    with pytest.raises(ValueError, match=r"positive; row 5 of sigma is -1\.0"):
        observe(MINUTES, group=DEPARTMENT, sigma=[1, 1, 1, 1, 1, -1, 1])
    with pytest.raises(ValueError, match=r"one entry a row or group; it has 4 for 7 rows or 3 groups"):
        observe(MINUTES, group=DEPARTMENT, sigma=[1, 1, 1, 1])
    with pytest.raises(ValueError, match=r'sigma\["MATH"\]\[0\] is 0\.0'):
        late_with([[1, 2, 3], [1, 2, 3], [0]])


def test_errors_of_sigma_in_a_column():
    table = {"y": [1, 2], "se": [1, 0], "word": ["a", "b"], "short": [1]}
    with pytest.raises(ValueError, match=r'sigma must be positive; row 1 of column "se" is 0\.0'):
        observe(table, value="y", sigma="se")
    with pytest.raises(TypeError, match="""row 0 of column "word" is 'a', not a number"""):
        observe(table, value="y", sigma="word")
    with pytest.raises(ValueError, match=r'sigma must be a column; "sd" is not\. Columns: "y", "se"'):
        observe(table, value="y", sigma="sd")
    with pytest.raises(ValueError, match="sigma must have one entry a row; it has 1 for 2 rows"):
        observe(table, value="y", sigma="short")


# Refusals


VALUE_ERRORS = [
    ({"data": []}, r"data must hold at least one value; it is empty"),
    ({"data": {}}, "it is empty"),
    ({"data": [[], []]}, "it is empty"),
    ({"data": np.empty((0, 3))}, "it is empty"),
    ({"data": pd.DataFrame({"y": []}), "value": "y"}, "it is empty"),
    ({"data": OnlyInterchange(pd.DataFrame({"y": []})), "value": "y"}, "it is empty"),
    ({"data": [], "group": []}, "it is empty"),
    ({"data": [NAN, None]}, r"every value is missing \(2 of them\)"),
    ({"data": {"A": [None]}}, "every value is missing"),
    ({"data": [None, None], "group": [None, None]}, "every value is missing"),
    ({"data": np.zeros((2, 2, 2))}, r"axes \(group,\) or \(group, replicate\); its shape is \(2, 2, 2\)"),
    ({"data": [np.zeros((2, 2)), 1]}, r"values\[0\] must be a list of numbers; its shape is \(2, 2\)"),
    (
        {"data": {"A": [1, np.inf]}},
        r'values must be finite; values\["A"\]\[1\] is inf\. Mark a missing value NaN',
    ),
    ({"data": [[1, 2], [3, -np.inf]]}, r"values\[1\]\[1\] is -inf"),
    ({"data": [1, 10**400]}, r"values\[1\] is inf"),
    ({"data": [1, -(10**400)]}, r"values\[1\] is -inf"),
    ({"data": [1, np.inf], "group": ["a", "b"]}, "row 1 of values is inf"),
    ({"data": {"y": [1, np.inf]}, "value": "y"}, 'row 1 of column "y" is inf'),
    ({"data": [1, 2], "groups": ["a", "a"]}, 'groups must be unique; "a" is a duplicate'),
    (
        {"data": pd.Series([1, 2], index=["a", "a"])},
        '"a" is a duplicate. To gather rows by label, use group=',
    ),
    ({"data": [1, 2], "groups": ["a"]}, "groups must label every group; it has 1 labels for 2 groups"),
    ({"data": [1, 2], "groups": ["a", None]}, "groups must not hold missing labels; label 1 is missing"),
    ({"data": {None: 1}}, "data must not hold missing labels"),
    ({"data": {"a": 1, "b": 2}, "groups": ["a"]}, 'data must have labels that are groups; "b" is not'),
    ({"data": [1, 2], "group": ["a"]}, "group must have one label a row; it has 1 labels for 2 values"),
    ({"data": [1, 2], "group": ["a", "b"], "groups": ["a"]}, 'row 1 is in group "b". groups has: "a"'),
    ({"data": [NAN, 1, 2], "group": [NAN, 1.0, NAN]}, r"row 2 has value 2\.0 and a missing label"),
    ({"data": [1, 2], "group": ["a", ""]}, r"row 1 has value 2\.0 and a missing label"),
    ({"data": [[1, 2]], "group": ["a"]}, r"data must have axes \(row,\) with group="),
    ({"data": pd.Series([1, 2], index=[0, 1]), "group": pd.Series(["a", "b"], index=[1, 0])}, "same index"),
    (
        {"data": pd.DataFrame(TABLE)},
        r'value must name a column, since data is a table \(DataFrame\).*"minutes"',
    ),
    ({"data": pl.DataFrame(TABLE)}, r"value must name a column"),
    ({"data": structured()}, r"value must name a column"),
    ({"data": dataset()}, r"value must name a column, since data is a table \(Dataset\)"),
    ({"data": OnlyInterchange(pd.DataFrame(TABLE))}, r"value must name a column"),
    (
        {"data": TABLE, "value": "minuts"},
        r'"minuts" is not. Columns: "minutes", "department". Did you mean "minutes"',
    ),
    ({"data": TABLE, "value": "minutes", "group": "dept"}, 'group must be a column; "dept" is not'),
    ({"data": TABLE, "value": "minutes", "groups": "dept"}, 'groups must be a column; "dept" is not'),
    ({"data": TABLE, "value": "minutes", "groups": "department"}, '"GOVERNMENT" is a duplicate'),
    ({"data": pd.DataFrame([[1, 2]], columns=["y", "y"]), "value": "y"}, '2 columns are duplicates of "y"'),
    (
        {"data": {"y": np.ones((2, 2))}, "value": "y"},
        r'column "y" must have axes \(row,\); its shape is \(2, 2\)',
    ),
]


@pytest.mark.parametrize(("options", "message"), VALUE_ERRORS)
def test_errors_of_values(options, message):
    with pytest.raises(ValueError, match=message):
        observe(**options)


TYPE_ERRORS = [
    (
        {"data": {"MATH": [1, "abc"]}},
        r"""values\["MATH"\]\[1\] is 'abc', not a number\. Convert strings .*pass value=""",
    ),
    ({"data": {"MATH": "12"}}, r"""values\["MATH"\] is '12', not a number"""),
    ({"data": [[1], [2, "3"]]}, r"values\[1\]\[1\] is '3', not a number"),
    ({"data": np.array(["1", "2"])}, r"values\[0\] is '1', not a number"),
    ({"data": [1, "x"], "group": [1, 2]}, "row 1 of values is 'x', not a number"),
    ({"data": {"y": [1, "x"]}, "value": "y"}, """row 1 of column "y" is 'x', not a number"""),
    ({"data": [1j, 2]}, r"values\[0\] is 1j, not a number\. Pass real numbers"),
    ({"data": np.array([1, 2 + 1j])}, r"values\[0\] is \(1\+0j\), not a number"),
    ({"data": np.array([True])}, r"values\[0\] is True, not a number"),
    ({"data": [[[1, 2]]]}, r"values\[0\]\[0\] is \[1, 2\], not a number"),
    ({"data": [{"y": 1}]}, r"values\[0\] is \{'y': 1\}, not a number"),
    ({"data": np.array(["2024-01-01"], "M8[ns]")}, r"values\[0\] is .*datetime64.*, not a number"),
    ({"data": pd.Series([1, 2], dtype="m8[s]")}, r"values\[0\] is .*timedelta64.*, not a number"),
    (
        {"data": "data.csv"},
        "data must be numbers in a dict, list, array or table; it is a str. Read the file",
    ),
    ({"data": {1, 2}}, "it is a set. A set has no order; pass a list"),
    ({"data": 3.0}, "it is a float. Pass a list of numbers"),
    ({"data": None}, "it is a NoneType"),
    ({"data": (x for x in [1])}, "it is a generator. Pass a list of numbers"),
    ({"data": pl.LazyFrame(TABLE)}, r"it is a LazyFrame. Pass data\.collect\(\)"),
    ({"data": pl.LazyFrame(TABLE), "value": "minutes"}, "data must be a table; it is a LazyFrame"),
    ({"data": [1, 2], "value": "y"}, "value names a column, so data must be a table; it is a list"),
    (
        {"data": [1, 2], "group": "y"},
        "group must list the label of each row, since data is not a table; it is 'y'",
    ),
    ({"data": {"a": 1}, "group": ["a"]}, "group goes with a table or long data; data is a dict"),
    ({"data": [1, 2], "groups": "ab"}, r"groups must be a list of labels; it is 'ab' \(str"),
    ({"data": [1, 2], "groups": {"a", "b"}}, "groups must be a list of labels; .*set"),
    (
        {"data": [1, 2], "group": [["a"], ["b"]]},
        "labels must be strings, numbers or tuples; group holds a list",
    ),
    (
        {"data": OnlyInterchange(pd.DataFrame({"y": pd.to_datetime(["2024"])})), "value": "y"},
        "must hold numbers",
    ),
]


@pytest.mark.parametrize(("options", "message"), TYPE_ERRORS)
def test_errors_of_types(options, message):
    with pytest.raises(TypeError, match=message):
        observe(**options)


# The interchange protocol, laid out by hand where pandas' own columns do not go: bits, offsets, chunks


def buffer_of(array):
    return SimpleNamespace(bufsize=array.nbytes, ptr=array.ctypes.data, _keep=array)


def column_of(kind, bits, cells, size, offset=0, null=(0, None), **buffers):
    parts = {"data": (buffer_of(cells), (kind, bits, "", "="))}
    parts |= {name: (buffer_of(array), dtype) for name, (array, dtype) in buffers.items()}
    column = SimpleNamespace(
        dtype=(kind, bits, "", "="), offset=offset, describe_null=null, size=lambda: size
    )
    column.get_buffers = lambda: parts
    column.get_chunks = lambda: [column]
    return column


class ByHand:
    def __init__(self, **columns):
        self._columns = columns

    def __dataframe__(self, nan_as_null=False, allow_copy=True):
        names, get = self._columns.keys, self._columns.__getitem__
        return SimpleNamespace(column_names=names, get_column_by_name=get)


def test_interchange_reads_bits_and_offsets():
    bits = np.packbits([1, 1, 0, 1, 1], bitorder="little")
    present = np.packbits([1, 1, 1, 0, 1], bitorder="little")
    hit = column_of(20, 1, bits, 4, offset=1, null=(3, 0), validity=(present, (20, 1, "", "=")))
    found = observe(ByHand(hit=hit), value="hit")
    np.testing.assert_array_equal(found.values, [1, 0, 1])
    np.testing.assert_array_equal(found.codes, [0, 1, 3])


def test_interchange_reads_strings_at_an_offset():
    text = np.frombuffer("xéab".encode(), np.uint8)
    ends = np.array([0, 1, 3, 4, 5], np.int32)
    label = column_of(21, 8, text, 3, offset=1, offsets=(ends, (0, 32, "", "=")))
    value = column_of(1, 16, np.array([9, 1, 2, 3], np.uint16), 3, offset=1)
    found = observe(ByHand(y=value, g=label), value="y", group="g")
    assert found.groups == ("é", "a", "b")
    np.testing.assert_array_equal(found.values, [1, 2, 3])


def test_interchange_reads_chunks_and_sentinels():
    parts = [column_of(0, 64, np.array(cells), 2, null=(2, -999)) for cells in ([1, -999], [3, 4])]
    whole = SimpleNamespace(get_chunks=lambda: parts)
    found = observe(ByHand(y=whole), value="y")
    np.testing.assert_array_equal(found.values, [1, 3, 4])
    np.testing.assert_array_equal(found.codes, [0, 2, 3])


def test_interchange_reads_null_categories():
    frame = pd.DataFrame({"y": [1.0, NAN, 3], "g": pd.Categorical(["b", None, "a"])})
    assert observe(OnlyInterchange(frame), value="y", group="g").groups == ("b", "a")


def test_import_loads_no_frames():
    tree = ast.parse(Path(observations.__file__).read_text())
    found = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    found |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in found} - set(sys.stdlib_module_names) == {"numpy", "jaxtyping"}


def test_observations_are_frozen():
    with pytest.raises(AttributeError, match="cannot assign to field"):
        observe([1]).name = "other"
    assert isinstance(observe([1]), Observations)
