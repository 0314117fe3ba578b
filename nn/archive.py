"""Trees of numbers in one file: an npz archive (no pickle) with a JSON entry that says what stands where.

``numpy.load`` reads its arrays by name. What is read back has the same types and bits. Reading trusts nothing: every
size is checked against the size of the file before memory is asked for, and anything odd is a `CheckpointError`.
"""

import io
import json
import math
import os
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from tinygrad_edu.errors import CheckpointError
from tinygrad_edu.files import write_whole

FORMAT, VERSION = "tinygrad_edu checkpoint", 1
INDEX = "index.json"
ARRAY = "__array__"  # {"__array__": name} stands for the array of that name
MOST_INDEX = 2**28  # bytes
EPOCH_ZERO = (1980, 1, 1, 0, 0, 0)  # equal trees give equal files


def write_archive(path: str | os.PathLike[str], tree: Any) -> Path:
    """Write a tree of dicts, lists, numbers, text, None and arrays, whole; a file there is replaced.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_archive(Path(folder) / "a.npz", {"step": 3, "mean": np.array([0.5, np.inf])})
    ...     read_archive(path), np.load(path)["mean"]
    ({'step': 3, 'mean': array([0.5, inf])}, array([0.5, inf]))
    """
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    index = {"format": FORMAT, "version": VERSION, "tree": _without_arrays(tree, "", arrays)}

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(INDEX, EPOCH_ZERO), json.dumps(index))
            for name, array in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy", EPOCH_ZERO), "w", force_zip64=True) as entry:
                    npy.write_array(entry, array, allow_pickle=False)

    return write_whole(path, write, overwrite=True)


def read_archive(path: str | os.PathLike[str]) -> Any:
    """The tree that `write_archive` wrote.

    Raises
    ------
    CheckpointError
        If there is no such file, or it is truncated, changed, or of another kind.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked_entries(archive, path.stat().st_size)
            index = json.loads(archive.read(entries[INDEX]))
            if not isinstance(index, dict) or index.get("format") != FORMAT:
                raise CheckpointError("it is not a checkpoint of tinygrad_edu")
            if index.get("version") != VERSION:
                raise CheckpointError(f"it has version {index.get('version')!r}, this program reads {VERSION}")
            return _with_arrays(index["tree"], archive, entries)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such file (looked from {Path.cwd()})") from None
    except Exception as error:  # a hostile file can raise anything inside zipfile, json and NumPy
        raise CheckpointError(
            f"{path}: this is no whole checkpoint, and nothing was loaded: {error or type(error).__name__}"
        ) from error


def _without_arrays(tree: Any, place: str, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """The tree as JSON has it; its arrays are put beside, under their places."""
    if isinstance(tree, dict):
        return {str(key): _without_arrays(value, f"{place}/{key}", arrays) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_without_arrays(value, f"{place}/{i}", arrays) for i, value in enumerate(tree)]
    if isinstance(tree, (np.ndarray, np.generic)):
        name = place.strip("/") or "array"
        arrays[name] = np.asarray(tree)
        return {ARRAY: name}
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return tree
    raise CheckpointError(f"cannot save {place.strip('/')}: expected numbers, text, lists and dicts, got {tree!r}")


def _with_arrays(tree: Any, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> Any:
    if isinstance(tree, dict):
        if tree.keys() == {ARRAY}:
            return _read_array(archive, entries[f"{tree[ARRAY]}.npy"])
        return {key: _with_arrays(value, archive, entries) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_with_arrays(value, archive, entries) for value in tree]
    return tree


def _checked_entries(archive: zipfile.ZipFile, file_size: int) -> dict[str, zipfile.ZipInfo]:
    """The entries by name: each once, none compressed, together no larger than the file."""
    entries = {info.filename: info for info in archive.infolist()}
    if INDEX not in entries:
        raise CheckpointError("it is not a checkpoint of tinygrad_edu")
    if len(entries) != len(archive.infolist()):
        raise CheckpointError("an entry is there twice")
    if any(
        info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size for info in entries.values()
    ):
        raise CheckpointError("an entry is compressed, and checkpoints are not")
    if sum(info.file_size for info in entries.values()) > file_size or entries[INDEX].file_size > MOST_INDEX:
        raise CheckpointError("its entries claim to be larger than the file")
    return entries


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    """One array, or NumPy scalar, of real numbers."""
    raw = archive.read(info)  # as large as the entry, which is no larger than the file; its checksum is verified
    file = io.BytesIO(raw)
    version = npy.read_magic(file)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
    shape, fortran, dtype = read_header(file)
    if dtype.kind not in "biuf":
        raise CheckpointError(f"{info.filename} holds {dtype}, not real numbers")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(raw) - file.tell():
        raise CheckpointError(f"{info.filename} has not the size of its shape {shape}")
    flat = np.frombuffer(raw, dtype=dtype, offset=file.tell())
    array = flat.reshape(shape, order="F" if fortran else "C").astype(dtype.newbyteorder("="))
    return array if shape else array[()]
