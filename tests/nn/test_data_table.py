"""CSV files: what is read, and what is refused with which line and column."""

import re

import numpy as np
import pytest

from tinygrad_edu.errors import DataError
from tinygrad_edu.nn.data import load_csv

FLOWERS = "length,width,kind\n1,2,rose\n3,4.5,lily\n-5e1,6,rose\n"


@pytest.fixture
def write(tmp_path):
    def write_file(content):
        path = tmp_path / "table.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def test_features_are_numbers_and_text_labels_become_indices_in_alphabetic_order(write):
    table = load_csv(write(FLOWERS), target="kind")
    assert table.features.tolist() == [[1.0, 2.0], [3.0, 4.5], [-50.0, 6.0]]
    assert table.classes == ("lily", "rose")
    assert table.targets.tolist() == [1, 0, 1]
    assert np.issubdtype(table.targets.dtype, np.integer)
    assert table.feature_names == ("length", "width")
    assert table.target_name == "kind"


@pytest.mark.parametrize("target", ["kind", 2, -1])
def test_the_target_is_named_by_name_or_position(write, target):
    assert load_csv(write(FLOWERS), target=target).target_name == "kind"


def test_the_target_may_stand_anywhere_and_the_other_columns_keep_their_order(write):
    table = load_csv(write("a,y,b\n1,0,2\n3,1,4\n"), target=1)
    assert table.feature_names == ("a", "b")
    assert table.features.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_numeric_labels_are_classes_by_value_and_in_numeric_order(write):
    table = load_csv(write("x,y\n0,10\n0,2\n0,2.0\n0,2.1\n"))
    assert table.classes == ("2", "2.1", "10")
    assert table.targets.tolist() == [2, 0, 0, 1]


def test_a_regression_target_stays_a_number_and_has_no_classes(write):
    table = load_csv(write("x,y\n0,1.5\n1,1.5\n"), task="regression")
    assert table.targets.tolist() == [1.5, 1.5]
    assert table.targets.dtype == np.float64
    assert table.classes == ()


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + FLOWERS.encode(),
        FLOWERS.replace("\n", "\r\n"),
        FLOWERS.replace("\n", "\n\n") + "\n\n",
        FLOWERS.replace(",", " , "),
        FLOWERS.replace("rose", '"rose"').rstrip("\n"),
    ],
    ids=["byte order mark", "CRLF", "blank lines", "spaces", "quotes, no last newline"],
)
def test_how_the_file_was_saved_makes_no_difference(write, content):
    table = load_csv(write(content), target="kind")
    assert table.feature_names == ("length", "width")
    assert table.features.tolist() == [[1.0, 2.0], [3.0, 4.5], [-50.0, 6.0]]
    assert table.classes == ("lily", "rose")


def test_another_delimiter_and_commas_inside_quotes_are_read(write):
    table = load_csv(write('a;"kind, of"\n1;"x, y"\n2;z\n'), delimiter=";")
    assert table.target_name == "kind, of"
    assert table.classes == ("x, y", "z")


@pytest.mark.parametrize(
    ("content", "target", "says"),
    [
        ("", -1, "the file is empty"),
        ("\n \n", -1, "the file is empty"),
        ("a,b\n", -1, "only a header"),
        ("a,b\n1,0\n1,2,3\n", -1, "line 3: 3 cells, but the header names 2 columns"),
        ("a,b\n1,0\n\n1\n", -1, "line 4: 1 cells, but the header names 2 columns"),
        ("a,b\n1,0\nabc,1\n", -1, "line 3, column 'a': expected a number, found the text 'abc'"),
        ("a,b\n1_000,0\n2,1\n", -1, "line 2, column 'a': expected a number, found the text '1_000'"),
        ("a,b\n1,0\nNaN,1\n", -1, "line 3, column 'a': the value is missing ('NaN')"),
        ("a,b\n1,0\n,1\n", -1, "line 3, column 'a': the value is missing ('')"),
        ("a,b\n1,0\n-inf,1\n", -1, "line 3, column 'a': expected a finite number, found '-inf'"),
        ("a,b\n1e999,0\n2,1\n", -1, "line 2, column 'a': expected a finite number, found '1e999'"),
        ("a,b\n1,0\n2, \n", -1, "line 3, column 'b': the class label is missing ('')"),
        ("a,b\n1,x\n2,nan\n", -1, "line 3, column 'b': the class label is missing ('nan')"),
        ("weight,sex\n1,0\n2,1\n", "Wieght", "no column 'Wieght'; the columns are weight, sex; did you mean 'weight'?"),
        ("a,b\n1,0\n2,1\n", 2, "no column number 2; the 2 columns count from 0: a, b"),
        ("a,b\n1,0\n2,1\n", -3, "no column number -3"),
        ("a,b,a\n1,2,0\n", -1, "line 1: the name 'a' stands twice, for columns 1 and 3"),
        ("a,,b\n1,2,0\n", -1, "line 1: column 2 has no name"),
        ("a,b\n1,x\n2,x\n", -1, "column 'b': every line has the class 'x'"),
        ("a,b\n1,1\n2,1.0\n", -1, "column 'b': every line has the class '1'"),
        ("a;b\n1;0\n", -1, "pass delimiter=';'"),
        ("a\n1\n", -1, "line 1: one column only"),
        ("1.5,0\n2.5,1\n", -1, "line 1: only numbers, where the column names should be"),
        ('a,b\n1,"x\n', -1, "not a CSV line"),
        ("a,b\n1,é\n".encode("latin-1"), -1, "line 2: not UTF-8 text (byte 0xe9)"),
        ("a,b\n1,0\n".encode("utf-16"), -1, "line 1: not UTF-8 text"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_with_its_place(write, content, target, says):
    path = write(content)
    with pytest.raises(DataError, match=re.escape(says)) as caught:
        load_csv(path, target)
    assert str(caught.value).startswith(str(path))


def test_columns_that_pandas_counted_are_names(write):
    assert load_csv(write("0,1,2\n5,6,0\n7,8,1\n")).feature_names == ("0", "1")


def test_a_line_number_counts_the_lines_of_the_file_not_the_rows(write):
    with pytest.raises(DataError, match="line 5, column 'a'"):
        load_csv(write('a,b\n\n1,"x\ny"\nbad,z\n'))


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        load_csv(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="cannot be read as a file"):
        load_csv(tmp_path)


def test_unknown_tasks_and_long_delimiters_are_refused(write):
    path = write(FLOWERS)
    with pytest.raises(DataError, match="task must be 'classification' or 'regression'"):
        load_csv(path, task="clustering")
    with pytest.raises(DataError, match="delimiter must be one character"):
        load_csv(path, delimiter="::")


def test_a_regression_target_must_be_a_number(write):
    with pytest.raises(DataError, match="line 2, column 'kind': expected a number, found the text 'rose'"):
        load_csv(write(FLOWERS), target="kind", task="regression")
