import io
import sys
import zipfile

import numpy as np
import pytest

from gridbayes.csvfile import parse_csv, read_csv

NAN = np.nan


def test_what_a_spreadsheet_writes_in_europe(tmp_path):
    text = '\ufeff"department" ; "minutes late" ;;\r\n'
    text += 'MATH;30,5;;\r\n"GOVERN;MENT";-1;;\r\n\r\n ENGLISH ;;;\r\n;;;\r\n'
    (tmp_path / "late.csv").write_bytes(text.encode("utf-8"))
    table = read_csv(str(tmp_path / "late.csv"))
    assert table.columns == ("department", "minutes late")
    assert table.labels("department") == ["MATH", "GOVERN;MENT", "ENGLISH"]
    np.testing.assert_array_equal(table.numbers("minutes late"), [30.5, -1, NAN])
    assert list(table.lines) == [2, 3, 5]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_line_ends_and_delimiters(tmp_path, encoding, newline, delimiter):
    rows = [["université", "y"], ["Mathématiques", "1.5"], ["Ελληνικά", "-2e1"]]
    text = newline.join(delimiter.join(row) for row in rows)
    (tmp_path / "x.csv").write_bytes(text.encode(encoding))
    table = read_csv(str(tmp_path / "x.csv"))
    assert table.labels("université") == ["Mathématiques", "Ελληνικά"]
    assert table.numbers("y").tolist() == [1.5, -20.0]


@pytest.mark.parametrize("cell", ["", "  ", "NA", "na", "N/A", "NaN", "nan", "NULL", "null", "#N/A", " #n/a "])
def test_missing_cells(cell):
    table = parse_csv(f"g,y\n{cell},1\nA,{cell}\n")
    assert table.labels("g") == [None, "A"]
    np.testing.assert_array_equal(table.numbers("y"), [1, NAN])


def test_short_rows_end_in_missing_cells():
    np.testing.assert_array_equal(parse_csv("g,y,z\nA,1,2\nB\n").numbers("y"), [1, NAN])


def test_a_line_break_inside_a_cell_is_no_line_of_its_own():
    table = parse_csv('g,y\n"A\nfirst",1\nB,x\n')
    assert table.labels("g")[0] == "A\nfirst"
    with pytest.raises(ValueError, match=r'data, line 3, column "y": "x" is not a number'):
        table.numbers("y")


def test_the_delimiter_is_that_of_the_header_and_can_be_stated():
    assert parse_csv('"a,b";y\nA;1\n').columns == ("a,b", "y")
    assert parse_csv("g|y\nA|1\n", delimiter="|").numbers("y").tolist() == [1.0]
    assert parse_csv("g,x\ty\nA\t1\n", delimiter="tab").columns == ("g,x", "y")
    with pytest.raises(ValueError, match=r"delimiter must be one character; it is '::'"):
        parse_csv("g,y\nA,1\n", delimiter="::")


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"g,y\nA,zero\n")))
    with pytest.raises(ValueError, match=r'standard input, line 2, column "y": "zero" is not a number'):
        read_csv("-").numbers("y")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "data is empty. Pass a file with a header"),
        (" \n\r\n,,\n", "data is empty"),
        ("g,y\n", "data has a header and no rows"),
        ("g,y\n,\n\n", "data has a header and no rows"),
        ("g, y,y\nA,1,2\n", 'data, line 1: 2 columns are named "y". Rename them.'),
        ("\ng,y\nA,1\nB,1,5\n", "data, line 4: 3 cells under 2 columns"),
        ('g,y\n"A,1\n', "data, line 2: .*Close every quote"),
        ('g,y\n"A,1\n"B",2\n', "data, line 2: .*Close every quote"),
    ],
)
def test_tables_that_are_none(text, message):
    with pytest.raises(ValueError, match=message):
        parse_csv(text)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("abc", '"abc" is not a number. Where a value is missing, leave the cell empty or write NA.'),
        ("1_000", '"1_000" is not a number'),
        ("inf", '"inf" is not a number'),
        ("1e999", '"1e999" is too large. Numbers end at 1.8e308.'),
        ('"1,234.5"', '"1,234.5" is not a number. Write numbers like 1234.5, without thousands separators.'),
        ("x" * 99, '"x{37}\\.\\.\\." is not a number'),
    ],
)
def test_cells_that_are_no_numbers(cell, message):
    with pytest.raises(ValueError, match=f'data, line 3, column "y": {message}'):
        parse_csv(f"g,y\nA,1\nB,{cell}\n").numbers("y")


def test_thousands_beside_decimal_commas_are_refused():
    with pytest.raises(ValueError, match=r'line 2.*"1.500" has a decimal point, and "2,5" in line 3 a decimal comma'):
        parse_csv("g;y\nA;1.500\nB;2,5\n").numbers("y")
    with pytest.raises(ValueError, match=r'"1.500,5" is not a number. Write numbers like 1234.5 or 1234,5'):
        parse_csv("g;y\nA;1.500,5\n").numbers("y")


def test_an_unknown_column_names_the_known_ones():
    table = parse_csv(",minutes,department\n1,2,A\n")
    with pytest.raises(
        ValueError, match=r'data has no column "Minuts". .*"minutes", "department". Did you mean "minutes"?'
    ):
        table.numbers("Minuts")
    with pytest.raises(ValueError, match=r'data has no column ""'):
        table.numbers("")


def test_which_columns_are_numeric():
    table = parse_csv("a,b,c\n1,x,\n,2,NA\n")
    assert [table.is_numeric(column) for column in "abc"] == [True, False, False]


def test_files_that_are_no_text(tmp_path):
    file = tmp_path / "book.csv"
    with zipfile.ZipFile(file, "w") as book:
        book.writestr("sheet.xml", "x")
    for data, message in [
        (file.read_bytes(), "book.csv is a workbook or another zip archive"),
        (b"g,y\nA,1\0\0\n", "book.csv is a binary file, not text: it holds zero bytes"),
        (b"g,y\nA,1\nUniversit\xe9,2\n", "book.csv is not UTF-8 text: byte 0xe9 in line 3"),
        (b"\xff\xfeg\0,\0y\0\n\0", "book.csv has a header and no rows"),
        (b"\xff\xfeg\0,\0y", "book.csv is not UTF-16 text"),
    ]:
        file.write_bytes(data)
        with pytest.raises(ValueError, match=message):
            read_csv(str(file))


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.csv: no such file, seen from"):
        read_csv(str(tmp_path / "nowhere.csv"))
    with pytest.raises(IsADirectoryError, match=r"is a folder. Name a CSV file in it."):
        read_csv(str(tmp_path))
