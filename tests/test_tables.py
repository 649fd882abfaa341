"""Tables of every kind give the same; cells, labels and messages."""

import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xarray as xr
from late import (
    DEPARTMENT,
    MINUTES,
    NAN,
    TABLE,
    TABLES,
    LikePyarrow,
    OnlyInterchange,
    assert_is_late,
    dataset,
    structured,
)

from gridbayes.observations import observe
from gridbayes.tables import cells_of, index_of, known, numbers_of, open_table, ragged, unique_labels


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


def test_large_integers_are_numbers():
    np.testing.assert_array_equal(observe([10**30, 2**63, 1]).values, [1e30, 2.0**63, 1])


@pytest.mark.parametrize("frame", [dict, pd.DataFrame, pl.DataFrame, LikePyarrow])
def test_sigma_in_a_column(frame):
    table = frame({"y": [1, 2, None], "se": [0.1, 0.2, None], "g": ["a", "a", "b"]})
    for group in (None, "g"):
        np.testing.assert_array_equal(observe(table, value="y", group=group, sigma="se").errors, [0.1, 0.2])


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


def test_interchange_reads_null_categories():
    frame = pd.DataFrame({"y": [1.0, NAN, 3], "g": pd.Categorical(["b", None, "a"])})
    assert observe(OnlyInterchange(frame), value="y", group="g").groups == ("b", "a")


TABLE_ERRORS = [
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


@pytest.mark.parametrize(("options", "message"), TABLE_ERRORS)
def test_errors_of_tables(options, message):
    with pytest.raises(ValueError, match=message):
        observe(**options)


def test_dates_are_no_numbers():
    frame = OnlyInterchange(pd.DataFrame({"y": pd.to_datetime(["2024"])}))
    with pytest.raises(TypeError, match=r'row 0 of column "y" is .*datetime64.*, not a number'):
        observe(frame, value="y")


@pytest.mark.parametrize("data", [[1, 2], np.ones(3), pd.Series([1]), pl.LazyFrame(TABLE), 3.0, None], ids=str)
def test_what_has_no_columns_is_no_table(data):
    assert open_table(data) is None


def test_masked_cells_are_none():
    assert cells_of(np.ma.masked_equal([1, 9], 9)).tolist() == [1, None]
    assert cells_of([np.ma.masked, np.array(2.0)]).tolist() == [None, 2.0]


def test_numbers_of_a_list_are_never_promoted():
    assert cells_of([1, "abc"]).tolist() == [1, "abc"]
    with pytest.raises(TypeError, match="cell 1 is 'abc', not a number"):
        numbers_of(cells_of([1, "abc"]), lambda cell: f"cell {cell}")


def test_only_pandas_and_xarray_have_an_index():
    assert index_of(pd.Series([1, 2], index=["a", "b"])).tolist() == ["a", "b"]
    assert index_of(xr.DataArray([1, 2], coords={"g": ["a", "b"]})).tolist() == ["a", "b"]
    assert index_of(xr.DataArray([1, 2])) is index_of(pl.Series([1, 2])) is index_of([1, 2]) is None


def test_labels_are_unique_and_there():
    assert unique_labels("groups", ["a", 1, ("b", 2)]) == ("a", 1, ("b", 2))
    with pytest.raises(ValueError, match='groups must be unique; "a" is a duplicate'):
        unique_labels("groups", ["a", "b", "a"])
    with pytest.raises(ValueError, match="groups must not hold missing labels; label 1 is missing"):
        unique_labels("groups", ["a", None])


def test_places_of_cells_by_group():
    found = ragged("values", ("a", "b", "c"), [[1, 2], 3, []])
    assert [found.place(cell) for cell in range(3)] == ['values["a"][0]', 'values["a"][1]', 'values["b"]']
    assert found.codes.tolist() == [0, 0, 1] and found.numbers().tolist() == [1, 2, 3]


def test_known_names_eight():
    assert known("Groups", range(9)).endswith("6, 7, ... (9 in all).")
    assert known("Groups", ["MATH"], "zebra") == 'Groups: "MATH".'


def test_import_loads_no_frames():
    code = "import sys, gridbayes.observations; print({'pandas', 'polars', 'xarray'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
