"""Files written whole or not at all, and never over another one unasked."""

import os
import tempfile
from pathlib import Path

from tinygrad_edu.errors import OutputExistsError


def check_free(path: str | Path, overwrite: bool) -> Path:
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


def write_whole(path: str | Path, content: bytes, overwrite: bool = False) -> Path:
    """Write a file through a temporary one beside it, so that nobody ever sees half of it.

    Raises
    ------
    OutputExistsError
        If something is there and `overwrite` is false.
    """
    path = check_free(path, overwrite)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        check_free(path, overwrite)  # somebody may have written there meanwhile
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
