"""CSV files, read strictly: what cannot be trained on is an error that names the line and the column."""

import csv
import difflib
import io
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.errors import DataError

Task = Literal["classification", "regression"]
Row = tuple[int, list[str]]  # line number in the file, stripped cells
MISSING = frozenset({"", "nan"})  # an empty cell, or a missing one as NumPy and pandas write it (case ignored)
SEPARATORS = {"\t": r"'\t'", ";": "';'", "|": "'|'"}  # tried in the hint when a header does not split at the delimiter


@dataclass(frozen=True, eq=False)
class Table:
    """Features and targets, with their names.

    Attributes
    ----------
    features : array, shape (rows, columns)
    targets : array, shape (rows,)
        Classification: the index into `classes` (int64). Regression: the number itself (float64).
    feature_names : tuple of str, one a column
    target_name : str
    classes : tuple of str
        The class labels, numbers in numeric and text in alphabetic order; () for regression.
    """

    features: NDArray[np.float64]
    targets: NDArray[np.int64] | NDArray[np.float64]
    feature_names: tuple[str, ...]
    target_name: str
    classes: tuple[str, ...]


def load_csv(
    path: str | os.PathLike[str],
    target: str | int = -1,
    *,
    task: Task = "classification",
    delimiter: str = ",",
) -> Table:
    r"""A table from a CSV file whose first line names the columns.

    Every column but the target holds finite numbers. Blank lines are skipped, spaces around cells are not part of them.

    Parameters
    ----------
    path : path of a UTF-8 file, with or without byte order mark, lines ending in LF or CRLF
    target : str or int
        The column to predict, by its name or its position (from 0; negative counts from the end).
    task : "classification" or "regression"
        Whether the target is a class label (text or number) or a number.
    delimiter : str
        The character between cells.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        If the file is missing, empty, not UTF-8, has a header only, repeats a column name, or lacks the target column;
        if a line is longer or shorter than the header; if a cell is empty, not a number, NaN or infinite; if there is
        one class only.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "people.csv"
    ...     _ = path.write_text("weight,height,sex\n133,65,f\n160,72,m\n152,70,m\n")
    ...     table = load_csv(path, target="sex")
    >>> table.features
    array([[133.,  65.],
           [160.,  72.],
           [152.,  70.]])
    >>> table.targets, table.classes, table.feature_names
    (array([0, 1, 1]), ('f', 'm'), ('weight', 'height'))
    """
    if task not in ("classification", "regression"):
        raise DataError(f"task must be 'classification' or 'regression', but is {task!r}")
    path = Path(path)
    header, rows = _split(_read(path), path, delimiter)
    at = _find_target(target, header, path)

    values = np.array(
        [[_number(cell, line, header[j], path) for j, cell in enumerate(cells) if j != at] for line, cells in rows]
    )
    classes: tuple[str, ...] = ()
    targets: NDArray[np.int64] | NDArray[np.float64]
    if task == "classification":
        targets, classes = _classes([(line, cells[at]) for line, cells in rows], header[at], path)
    else:
        targets = np.array([_number(cells[at], line, header[at], path) for line, cells in rows])
    names = tuple(name for j, name in enumerate(header) if j != at)
    return Table(values, targets, names, header[at], classes)


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file (looked from {Path.cwd()})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read as a file: {error.strerror or error}") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: not UTF-8 text (byte 0x{raw[error.start]:02x}); save the file as 'CSV UTF-8', "
            "or convert it: iconv -f LATIN1 -t UTF-8 old.csv > new.csv"
        ) from None
    if not text.strip():
        raise DataError(f"{path}: the file is empty; its first line should name the columns")
    return text


def _split(text: str, path: Path, delimiter: str) -> tuple[list[str], list[Row]]:
    """The header, and the rows below it with their line numbers; every row as long as the header."""
    if len(delimiter) != 1:
        raise DataError(f"delimiter must be one character, but is {delimiter!r}")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    rows: list[Row] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells) or len(cells) > 1:
                rows.append((reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: not a CSV line: {error}") from error

    (line, header), body = rows[0], rows[1:]
    _check_header(header, line, path, delimiter)
    if not body:
        raise DataError(f"{path}: only a header, and no line of data below it")
    for line, cells in body:
        if len(cells) != len(header):
            raise DataError(f"{path}, line {line}: {len(cells)} cells, but the header names {len(header)} columns")
    return header, body


def _check_header(header: list[str], line: int, path: Path, delimiter: str) -> None:
    where = f"{path}, line {line}"
    if len(header) < 2:
        other = next((name for mark, name in SEPARATORS.items() if mark in header[0] and mark != delimiter), None)
        hint = f"pass delimiter={other}" if other else "features and a target need at least two"
        raise DataError(f"{where}: one column only ({header[0]!r}), split at {delimiter!r}; {hint}")
    for j, name in enumerate(header):
        if not name:
            raise DataError(f"{where}: column {j + 1} has no name")
        if name in header[:j]:
            raise DataError(
                f"{where}: the name {name!r} stands twice, for columns {header.index(name) + 1} and {j + 1}; "
                "give each column its own"
            )
    counted = [str(j) for j in range(len(header))]  # what pandas writes for columns that nobody named
    if header != counted and all(_parse(name) is not None for name in header):
        raise DataError(
            f"{where}: only numbers, where the column names should be; add a first line that names the columns"
        )


def _find_target(target: str | int, header: list[str], path: Path) -> int:
    if isinstance(target, str):
        if target in header:
            return header.index(target)
        folded = {name.casefold(): name for name in header}
        near = difflib.get_close_matches(target.casefold(), folded, n=1)
        hint = f"; did you mean {folded[near[0]]!r}?" if near else ""
        raise DataError(f"{path}: there is no column {target!r}; the columns are {', '.join(header)}{hint}")
    if not -len(header) <= target < len(header):
        raise DataError(
            f"{path}: there is no column number {target}; the {len(header)} columns count from 0: {', '.join(header)}"
        )
    return target % len(header)


def _parse(cell: str) -> float | None:
    """The number a cell writes; None if it writes none (Python's `1_000` is text here)."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _number(cell: str, line: int, column: str, path: Path) -> float:
    where = f"{path}, line {line}, column {column!r}"
    if cell.casefold() in MISSING:
        raise DataError(f"{where}: the value is missing ({cell!r}); fill it in or remove the line")
    value = _parse(cell)
    if value is None:
        raise DataError(
            f"{where}: expected a number, found the text {cell!r}; write it as numbers or remove the column"
        )
    if not math.isfinite(value):
        raise DataError(f"{where}: expected a finite number, found {cell!r}")
    return value


def _classes(cells: list[tuple[int, str]], column: str, path: Path) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class indices and class labels; where all labels are numbers, 1 and 1.0 are one class."""
    for line, cell in cells:
        if cell.casefold() in MISSING:
            raise DataError(
                f"{path}, line {line}, column {column!r}: the class label is missing ({cell!r}); "
                "fill it in or remove the line"
            )
    texts = [cell for _, cell in cells]
    numbers = [number for number in map(_parse, texts) if number is not None and math.isfinite(number)]
    if len(numbers) == len(texts):
        distinct, indices = np.unique(np.array(numbers), return_inverse=True)
        classes = tuple(repr(number).removesuffix(".0") for number in distinct.tolist())
    else:
        labels, indices = np.unique(np.array(texts), return_inverse=True)
        classes = tuple(labels.tolist())
    if len(classes) < 2:
        raise DataError(
            f"{path}, column {column!r}: every line has the class {classes[0]!r}; "
            "classification needs at least two classes (is this the right target column?)"
        )
    return indices.astype(np.int64), classes
