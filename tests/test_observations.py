"""Observations: every door gives the same, its sums, its labels, known errors, and what it refuses."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xarray as xr
from late import DEPARTMENT, LABELS, LATE, MINUTES, NAN, PADDED, TABLE, OnlyInterchange, assert_is_late

from gridbayes.observations import Observations, observe

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
    "objects": lambda: observe(np.array([[-10, 1, 11], [-16, -15, -14], [30, None, ""]], object), groups=LABELS),
    "masked": lambda: observe(np.ma.masked_equal([[-10, 1, 11], [-16, -15, -14], [30, 9, 9]], 9), groups=LABELS),
    "DataArray": lambda: observe(xr.DataArray(PADDED, coords={"group": list(LABELS)}, dims=("group", "replicate"))),
    "frame as array": lambda: observe(pd.DataFrame(PADDED).to_numpy(), groups=pd.Series(LABELS)),
    "exact numbers": lambda: observe({**LATE, "MATH": [Decimal(30)], "ENGLISH": [Fraction(-16), -15.0, np.int8(-14)]}),
    "long": lambda: observe(MINUTES, group=DEPARTMENT),
    "long arrays": lambda: observe(np.array(MINUTES), group=np.array(DEPARTMENT)),
    "long categories": lambda: observe(pd.Series(MINUTES), group=pd.Categorical(DEPARTMENT)),
    "long polars": lambda: observe(pl.Series(MINUTES), group=pl.Series(DEPARTMENT)),
    "long with groups": lambda: observe(MINUTES, group=DEPARTMENT, groups=LABELS),
}


@pytest.mark.parametrize("door", UNTABLED)
def test_doors_agree(door):
    assert_is_late(UNTABLED[door](), "value")


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


@pytest.mark.parametrize("effects", [[28, 8, -3], range(3), np.arange(3), pl.Series([1, 2, 3]), (1.0, None, 3)])
def test_effects_without_labels_are_numbered(effects):
    found = observe(effects)
    assert found.groups == (0, 1, 2) and len(found) == 3
    assert all(type(label) is int for label in found.groups)


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
    np.testing.assert_array_equal(late_with(sigma, RAGGED_DATA[data]).errors, np.array(expected, float), strict=True)


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
    np.testing.assert_array_equal(observe(frame["y"], sigma=frame["se"], groups=["C", "B", "A"]).errors, [4, 5, 6])
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
    (
        {"data": [1, 2], "group": ["a", "b"], "groups": ["a"]},
        'group must have labels that are groups; "b" is not. Groups: "a"',
    ),
    ({"data": [NAN, 1, 2], "group": [NAN, 1.0, NAN]}, r"row 2 has value 2\.0 and a missing label"),
    ({"data": [1, 2], "group": ["a", ""]}, r"row 1 has value 2\.0 and a missing label"),
    ({"data": [[1, 2]], "group": ["a"]}, r"data must have axes \(row,\) with group="),
    ({"data": pd.Series([1, 2], index=[0, 1]), "group": pd.Series(["a", "b"], index=[1, 0])}, "same index"),
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
]


@pytest.mark.parametrize(("options", "message"), TYPE_ERRORS)
def test_errors_of_types(options, message):
    with pytest.raises(TypeError, match=message):
        observe(**options)


def test_observations_are_frozen():
    with pytest.raises(AttributeError, match="cannot assign to field"):
        observe([1]).name = "other"
    assert isinstance(observe([1]), Observations)
