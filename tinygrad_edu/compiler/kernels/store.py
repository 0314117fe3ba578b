"""Kernels on the disk: compiled once, found again by every later process."""

import contextlib
import functools
import gc
import hashlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tinygrad_edu.files import write_whole

VARIABLE = "TINYGRAD_EDU_CACHE"


def folder() -> Path:
    """Where kernels are kept: the folder that ``TINYGRAD_EDU_CACHE`` names, else a cache folder of the user."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen) / "kernels"
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "tinygrad_edu" / "kernels"


def compiled(source: str) -> Callable[..., None]:
    """The function `kernel` of a source text, compiled; from the disk if it is there.

    What is broken on the disk is made anew. Where nothing can be written, a kernel is compiled for this process alone.
    """
    return _loaded(hashlib.sha256(f"{_makers()}{source}".encode()).hexdigest()[:24], source)


@functools.cache
def _makers() -> str:
    """What kernels depend on beside their text."""
    import numba
    import numpy as np

    here = Path(__file__).parent
    own = ("functions.py", "tile.py", "fill.py", "register.py", "pointers.py")
    used = [*(here / name for name in own), here.parents[1] / "ops" / "gaussian.py"]
    return "".join([numba.__version__, np.__version__, *(path.read_text("utf-8") for path in used)])


@functools.lru_cache(maxsize=4096)
def _loaded(key: str, source: str) -> Callable[..., None]:
    try:
        path = _written(folder() / key, source)
    except OSError:
        return _made(key, source)
    for _ in range(2):
        try:
            return _imported(key, path)
        except Exception:  # something half-written, or of another version
            shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
    return _made(key, source)  # numba cannot write there


def _made(key: str, source: str) -> Callable[..., None]:
    """A kernel for this process alone."""
    space: dict[str, Any] = {"CACHE": False, "__name__": f"tinygrad_edu_kernel_{key}"}
    with _without_collector():
        exec(compile(source, f"<kernel {key}>", "exec"), space)
    return space["kernel"]  # type: ignore[no-any-return]  # a function


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Python's collector waits: it would go through all that a compiler holds, again and again, and find little."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _written(place: Path, source: str) -> Path:
    """The module of a kernel, which is written if it is not there as it should be."""
    path = place / "kernel.py"
    text = source.encode()
    try:
        if path.read_bytes() == text:
            return path
    except FileNotFoundError:
        pass
    place.mkdir(parents=True, exist_ok=True)
    return write_whole(path, text, overwrite=True)


def _imported(key: str, path: Path) -> Callable[..., None]:
    name = f"tinygrad_edu_kernel_{key}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.CACHE = True  # type: ignore[attr-defined]  # what the text asks for
    sys.modules[name] = module  # numba looks it up there when it reads from the disk
    with _without_collector():
        spec.loader.exec_module(module)
    return module.kernel  # type: ignore[no-any-return]  # a function
