"""Checkpoints: everything that training changes, in one file, written whole and restored whole.

`save_checkpoint` and `load_checkpoint` keep model, optimizer, schedule and generators; `save_weights` and
`load_weights` exchange the weights alone with other programs, as safetensors. `fit` takes ``checkpoint=path``.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tinygrad_edu.errors import ArgumentError, CheckpointError, optional_import
from tinygrad_edu.files import write_whole
from tinygrad_edu.nn.archive import read_archive, write_archive
from tinygrad_edu.nn.history import History
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.optim import LRScheduler, Optimizer

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Checkpoint:
    """What `load_checkpoint` found besides what it restored.

    Attributes
    ----------
    epoch : int or None
    history : History or None
    """

    epoch: int | None
    history: History | None


def save_checkpoint(
    path: PathLike,
    model: Module,
    optimizer: Optimizer | None = None,
    scheduler: LRScheduler | None = None,
    rng: np.random.Generator | None = None,
    history: History | None = None,
    epoch: int | None = None,
) -> Path:
    """Save a model, and what is needed to go on training it, in one file without pickle.

    Parameters
    ----------
    path : path
        A checkpoint there is replaced, in one instant: nobody ever finds half a file.
    model : Module
        Its parameters, buffers, and the generators of its layers (dropout).
    optimizer, scheduler, rng, history, epoch : optional
        Saved if given.

    Returns
    -------
    Path

    Examples
    --------
    >>> import tempfile
    >>> from tinygrad_edu.nn import Adam, Dense
    >>> model, other = Dense(2, 3, rng=0), Dense(2, 3, rng=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_checkpoint(Path(folder) / "model.npz", model, Adam(model.parameters()), epoch=7)
    ...     load_checkpoint(path, other).epoch, bool((other.weight.data == model.weight.data).all())
    (7, True)
    """
    parts = _parts(model, optimizer, scheduler, rng)
    tree = {name: part.state_dict() for name, part in parts.items()}
    course = None if history is None else history_state(history)
    return write_archive(path, {**tree, "history": course, "epoch": epoch})


def load_checkpoint(
    path: PathLike,
    model: Module,
    optimizer: Optimizer | None = None,
    scheduler: LRScheduler | None = None,
    rng: np.random.Generator | None = None,
) -> Checkpoint:
    """Restore what `save_checkpoint` saved: all that is given, or nothing.

    Parameters
    ----------
    path : path
    model : Module
    optimizer, scheduler, rng : optional
        Restored if given; each must then be in the file. NaN and infinities are restored as they were saved.

    Returns
    -------
    Checkpoint
        The epoch and the history, if they were saved.

    Raises
    ------
    CheckpointError
        If the file is truncated, changed, of another kind, or does not fit; nothing has changed then.
    """
    tree = read_archive(path)
    with refusing(path):
        if not isinstance(tree, dict):
            raise CheckpointError("it is not a checkpoint of a model")
        epoch, course = tree.get("epoch"), tree.get("history")
        if epoch is not None and not isinstance(epoch, int):
            raise CheckpointError(f"its epoch is {epoch!r}, not a number")
        history = None if course is None else history_from(course)
        parts = _parts(model, optimizer, scheduler, rng)
        missing = [name for name in parts if name not in tree]
        if missing:
            raise CheckpointError(f"it holds no {' and no '.join(missing)}; it holds {', '.join(tree)}")
        restore([(part, tree[name]) for name, part in parts.items()])
    return Checkpoint(epoch, history)


def save_weights(path: PathLike, model: Module) -> Path:
    """The parameters and buffers of a model as a safetensors file (extra ``io``), under their dotted names.

    Parameters
    ----------
    path : path
        A file there is replaced, in one instant.
    model : Module

    Raises
    ------
    MissingDependencyError
        If safetensors is not installed.
    """
    library = optional_import("safetensors.numpy", extra="io")
    # safetensors 0.8.0 writes the memory of an array as it lies there, so transposed ones come out wrong.
    weights = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in model.state_dict().items()}
    raw: bytes = library.save(weights)
    return write_whole(path, raw, overwrite=True)


def load_weights(path: PathLike, model: Module) -> None:
    """Take the parameters and buffers of a model from a safetensors file (extra ``io``).

    Raises
    ------
    CheckpointError
        If the file is not one, or its names or shapes are not the model's; nothing has changed then.
    MissingDependencyError
        If safetensors is not installed.
    """
    library = optional_import("safetensors.numpy", extra="io")
    with refusing(path):
        model.load_state_dict(library.load_file(os.fspath(path)))


class Restorable(Protocol):
    """Anything that can be saved and restored."""

    def state_dict(self) -> dict[str, Any]:
        """What to save."""

    def load_state_dict(self, saved: Mapping[str, Any], /) -> None:
        """Take it back, or refuse it."""


class refusing:
    """A context in which whatever goes wrong is a `CheckpointError` that names the file."""

    def __init__(self, path: PathLike) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            said = str(error) if isinstance(error, CheckpointError) else f"{type(error).__name__}: {error}"
            raise CheckpointError(f"{self.path}: {said} (nothing was loaded)") from error


def restore(parts: Sequence[tuple[Restorable, Any]]) -> None:
    """Give each part its saved state; if one refuses, give all of them back what they had."""
    before = [part.state_dict() for part, _ in parts]
    try:
        for part, saved in parts:
            if not isinstance(saved, Mapping):
                raise CheckpointError(f"a state is {saved!r}, not a dict")
            part.load_state_dict(saved)
    except BaseException:
        for (part, _), saved in zip(parts, before, strict=True):
            part.load_state_dict(saved)
        raise


class Kind:
    """A part together with its class, so that the state of another class is refused."""

    def __init__(self, part: Restorable) -> None:
        self.part = part

    def state_dict(self) -> dict[str, Any]:
        """The part's state and its class."""
        return {"kind": type(self.part).__name__, "state": self.part.state_dict()}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Hand it on, if the class is the same."""
        own = type(self.part).__name__
        if saved.get("kind") != own or not isinstance(saved.get("state"), Mapping):
            raise CheckpointError(f"it was saved from a {saved.get('kind')}, not from a {own}")
        self.part.load_state_dict(saved["state"])


class Generators:
    """Random generators by name: `rng` itself, and those that the layers of a model draw from."""

    def __init__(self, generators: Mapping[str, np.random.Generator]) -> None:
        self.generators = generators

    @classmethod
    def of(cls, model: Module) -> "Generators":
        """Those that are attributes of the modules of a model."""
        return cls({
            f"{name}.{attribute}".lstrip("."): value
            for name, module in model.named_modules()
            for attribute, value in vars(module).items()
            if isinstance(value, np.random.Generator)
        })  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """What each will draw next."""
        return {name: generator.bit_generator.state for name, generator in self.generators.items()}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Draw the same again."""
        if saved.keys() != self.generators.keys():
            raise CheckpointError(
                f"generators: expected {', '.join(self.generators) or 'none'}, got {', '.join(saved) or 'none'}"
            )
        for name, generator in self.generators.items():
            if not _alike(generator.bit_generator.state, saved[name]):
                raise CheckpointError(f"generators: what is saved as {name} is no state of its kind of generator")
        for name, generator in self.generators.items():
            generator.bit_generator.state = saved[name]


# NumPy takes any position of a generator in its buffer, and reads beyond the buffer's end.
POSITIONS = {"pos": 624, "buffer_pos": 4}


def _alike(own: Any, saved: Any, key: str = "") -> bool:
    """Whether a saved part of a generator's state may take the place of the one it has."""
    if isinstance(own, dict):
        return isinstance(saved, dict) and own.keys() == saved.keys() and all(_alike(own[k], saved[k], k) for k in own)
    if isinstance(own, np.ndarray):
        return isinstance(saved, np.ndarray) and (own.shape, own.dtype) == (saved.shape, saved.dtype)
    if isinstance(own, str):
        return bool(own == saved)
    return isinstance(saved, int) and 0 <= saved <= POSITIONS.get(key, 2**128 - 1)


def history_state(history: History) -> dict[str, Any]:
    """A history as a tree."""
    return {"epochs": list(history.epochs), "metrics": dict(history.metrics), "best_epoch": history.best_epoch}


def history_from(saved: Any) -> History:
    """The history of a tree; anything else is refused."""
    epochs, metrics, best = saved["epochs"], saved["metrics"], saved["best_epoch"]
    numbers = [number for column in metrics.values() for number in column]
    if not all(isinstance(epoch, int) for epoch in epochs) or not all(isinstance(n, (int, float)) for n in numbers):
        raise CheckpointError("its history holds something else than numbers")
    if best is not None and best not in epochs:
        raise CheckpointError(f"the best epoch of its history is {best!r}, which is none of its epochs")
    return History(list(epochs), {name: list(column) for name, column in metrics.items()}, best_epoch=best)


def _parts(
    model: Module, optimizer: Optimizer | None, scheduler: LRScheduler | None, rng: np.random.Generator | None
) -> dict[str, Restorable]:
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise ArgumentError(f"checkpoint: rng must be a Generator (a seed has no state), got {rng!r}")
    parts: dict[str, Restorable] = {"model": model, "generators": Generators.of(model)}
    if optimizer is not None:
        parts["optimizer"] = Kind(optimizer)
    if scheduler is not None:
        parts["scheduler"] = Kind(scheduler)
    if rng is not None:
        parts["rng"] = Generators({"rng": rng})
    return parts
