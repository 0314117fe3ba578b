"""Lets a source checkout import `tinygrad_edu.nn` and `tinygrad_edu.viz` from their sibling folders.

In the repository `nn/` and `viz/` stand beside `tinygrad_edu/`; an installation has them inside it. Only the first
case needs help: a finder that answers for exactly these two names. It is asked first, so that one checkout never takes
the folders of another that is installed in editable mode. Python itself then finds the sub-packages.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent
SIBLINGS = {f"{PACKAGE.name}.{name}": CHECKOUT / name for name in ("nn", "viz")}


class SiblingFinder(MetaPathFinder):
    """Finds the packages in `SIBLINGS`, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a sibling package, or None for any other name."""
        folder = SIBLINGS.get(fullname)
        if folder is None or not (folder / "__init__.py").is_file():
            return None
        return spec_from_file_location(fullname, folder / "__init__.py", submodule_search_locations=[str(folder)])


def in_checkout() -> bool:
    """Whether this package runs from a checkout (site-packages has no setup.cfg beside it)."""
    return (CHECKOUT / "setup.cfg").is_file() and not (PACKAGE / "nn").exists()


def install() -> None:
    """Put the finder first on `sys.meta_path`, once, if this is a checkout."""
    if in_checkout() and not any(isinstance(finder, SiblingFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, SiblingFinder())
