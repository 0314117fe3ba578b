"""Files that are written whole or not at all."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

LEFT_OVER = 600.0  # seconds without a write after which a temporary file is one that a killed program left


def write_whole(path: str | os.PathLike[str], write: Callable[[BinaryIO], Any]) -> Path:
    """Write a file through a temporary one beside it; it is on the disk before it takes the place of an older one.

    Whenever the program or the machine stops, the path holds the old file or the new one.

    Parameters
    ----------
    path : path
        A file there is replaced.
    write : function
        Gets the open file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_whole(Path(folder) / "note", lambda file: file.write(b"whole"))
    ...     path.read_bytes(), len(list(path.parent.iterdir()))
    (b'whole', 1)
    """
    path = Path(path)
    mark = f".{path.name[:40]}."
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=mark, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
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
