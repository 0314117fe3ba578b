"""IDX files, the format of MNIST: a number for the type, the sizes, the entries; nothing less and nothing more."""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.errors import DataError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_PACKED = 1032  # how many bytes one byte of gzip can stand for


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """The array of an IDX file, plain or gzip.

    Parameters
    ----------
    path : path
        Its name ends in ``.gz`` if it is compressed.

    Returns
    -------
    array

    Raises
    ------
    DataError
        If the file is missing, of another format, truncated, or longer than its sizes say.

    Notes
    -----
    The format is described at http://yann.lecun.com/exdb/mnist/.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "two-by-three"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]))
    ...     read_idx(path)
    array([[1, 2, 3],
           [4, 5, 6]], dtype=uint8)
    """
    path = Path(path)
    packed = path.suffix == ".gz"
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            return _read(path, file, path.stat().st_size * (MOST_PACKED if packed else 1))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file (looked from {Path.cwd()})") from None
    except (EOFError, zlib.error, OSError) as error:
        raise DataError(f"{path}: cannot be read, is the download complete? {error}") from error


def _read(path: Path, file: BinaryIO | gzip.GzipFile, most: int) -> NDArray[Any]:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in TYPES or not head[3]:
        raise DataError(f"{path}: not an IDX file, it begins with {head.hex(' ') or 'nothing'}")
    sizes = file.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise DataError(f"{path}: truncated, the file ends within its {head[3]} sizes")
    shape = struct.unpack(f">{head[3]}I", sizes)
    dtype = np.dtype(TYPES[head[2]])
    expected = math.prod(shape) * dtype.itemsize
    if expected > most:  # before memory is asked for
        raise DataError(f"{path}: truncated, {shape} entries need {expected} bytes, and the file cannot hold them")
    content = file.read(expected + 1)
    if len(content) != expected:
        state = "truncated" if len(content) < expected else "longer than it says"
        raise DataError(f"{path}: {state}, expected {expected} bytes for shape {shape}, got {len(content)}")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))
