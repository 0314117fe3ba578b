"""A run's folder: filled under another name, and given its own when it is whole."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from tinygrad_edu.errors import ArgumentError, OutputExistsError


class RunFolder:
    """A new folder ``parent/name``; a context manager.

    Inside the block `path` is a hidden folder beside it; afterwards it is the final one. If the
    block ends with an error, the hidden folder is removed and nothing is left.

    Parameters
    ----------
    parent : Path
        Made if it is not there.
    name : str
        One folder name, no path.
    numbered : bool
        If the name is taken, use ``name-2``, ``name-3`` ... instead of refusing.

    Raises
    ------
    OutputExistsError
        If the name is taken and `numbered` is false.
    ArgumentError
        If `name` is not a plain folder name, or `parent` cannot be written to.
    """

    def __init__(self, parent: Path, name: str, numbered: bool = False) -> None:
        if not name or name in (".", "..") or Path(name).name != name:
            raise ArgumentError(f"run name: expected a plain folder name such as 'first-try', got {name!r}")
        if not numbered and (parent / name).exists():
            raise OutputExistsError(f"{parent / name} is there already and is not overwritten: choose another --name")
        self.parent, self.name, self.numbered = parent, name, numbered
        self.path = parent / name
        self.made = False  # whether the parent folder is ours

    def __enter__(self) -> "RunFolder":
        self.made = not self.parent.exists()
        try:
            self.parent.mkdir(parents=True, exist_ok=True)
            self.path = Path(tempfile.mkdtemp(prefix=f".{self.name}-", dir=self.parent))
            self.path.chmod(0o755)
        except OSError as error:
            raise ArgumentError(
                f"cannot write into the folder {self.parent} ({error.strerror}): choose another with --out"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._settle()
        else:
            shutil.rmtree(self.path)
            if self.made:
                with contextlib.suppress(OSError):  # somebody else uses it by now
                    self.parent.rmdir()

    def _settle(self) -> None:
        count = 1
        target = self.parent / self.name
        while True:
            if not target.exists():  # os.rename would replace an empty folder
                try:
                    os.rename(self.path, target)
                except FileExistsError:
                    continue  # somebody else was quicker
                self.path = target
                return
            if not self.numbered:
                shutil.rmtree(self.path)
                raise OutputExistsError(f"{target} appeared during the run and is not overwritten")
            count += 1
            target = self.parent / f"{self.name}-{count}"
