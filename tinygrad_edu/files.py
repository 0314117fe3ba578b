"""Files that are written whole or not at all, and never over another one unasked."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from tinygrad_edu.errors import OutputExistsError

LEFT_OVER = 600.0  # seconds without a write after which a temporary file is one that a killed program left


def check_free(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """The path, if a file may be written there.

    Raises
    ------
    OutputExistsError
        If something is there and `overwrite` is false.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} is already there; choose another name, or pass overwrite=True to replace it")
    return path


def write_whole(
    path: str | os.PathLike[str], content: bytes | Callable[[BinaryIO], Any], overwrite: bool = False
) -> Path:
    """Write a file through a temporary one beside it; it is on the disk before it takes the place of an older one.

    Whenever the program or the machine stops, the path holds the old file or the new one.

    Parameters
    ----------
    path : path
    content : bytes or function
        A function gets the open file and writes into it.
    overwrite : bool
        Whether a file that is already there may be replaced.

    Raises
    ------
    OutputExistsError
        If something is there and `overwrite` is false.
    FileNotFoundError
        If its folder is not there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_whole(Path(folder) / "note", b"whole")
    ...     path.read_bytes(), len(list(path.parent.iterdir()))
    (b'whole', 1)
    """
    path = check_free(path, overwrite)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into; make it first")
    mark = f".{path.name[:40]}."
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=mark, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        check_free(path, overwrite)  # somebody may have written there meanwhile
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)
    for other in path.parent.glob("*.part"):
        if other.name.startswith(mark):
            _remove_left_over(other)
    return path


def _sync_folder(folder: Path) -> None:
    """The new name itself on the disk; Windows has no such thing."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove_left_over(part: Path) -> None:
    try:
        if time.time() - part.stat().st_mtime > LEFT_OVER:
            part.unlink()
    except OSError:  # its writer has just finished, or it is somebody else's
        return


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
