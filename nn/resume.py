"""The file from which `fit` goes on after it was stopped: written after each epoch, whole."""

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, CheckpointError
from tinygrad_edu.nn.archive import read_archive, write_archive
from tinygrad_edu.nn.callbacks import Callback, TrainingState
from tinygrad_edu.nn.checkpoint import Generators, Kind, Restorable, history_from, history_state, refusing, restore
from tinygrad_edu.nn.measure import Best


class Journal:
    """The checkpoint of a run.

    Parameters
    ----------
    path : path
        Read now, if it is there.
    rng : Generator
        That of the run, before it has drawn anything.
    run : dict
        What must be the same when the run goes on: the size of a batch, the number of samples ...

    Raises
    ------
    CheckpointError
        If there is a file, and it is not one of such a run.
    """

    def __init__(self, path: str | os.PathLike[str], rng: np.random.Generator, run: Mapping[str, Any]) -> None:
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise ArgumentError(f"checkpoint: there is no folder {self.path.parent} to write {self.path.name} in")
        self.rng, self.run = rng, dict(run)
        self.saved: Any = read_archive(self.path) if self.path.exists() else None
        self.drawer = rng
        if self.saved is None:
            self.start = rng.bit_generator.state
            return
        with refusing(self.path):
            if not isinstance(self.saved, dict) or not isinstance(self.saved.get("run"), dict):
                raise CheckpointError("it is a checkpoint, but not one that fit(checkpoint=...) wrote")
            other = [f"{key}={self.saved['run'].get(key)!r}" for key in run if self.saved["run"].get(key) != run[key]]
            if other:
                here = ", ".join(f"{key}={value!r}" for key, value in run.items())
                raise CheckpointError(
                    f"it is of a run with {', '.join(other)}, this one has {here}; remove it, or choose another path"
                )
            # The run begins as the first one did, so that the same samples are held out.
            self.drawer = copy.deepcopy(rng)
            Generators({"rng": self.drawer}).load_state_dict(self.saved["start"])
            self.start = self.drawer.bit_generator.state

    def attach(self, state: TrainingState, callbacks: Sequence[Callback], best: Best) -> None:
        """Say what belongs to the run; if there is a file, everything is as it was when that was written."""
        self.state = state
        self.parts: dict[str, Restorable] = {
            "model": state.model,
            "generators": Generators.of(state.model),
            "optimizer": Kind(state.optimizer),
            "rng": Generators({"rng": self.rng}),
            "best": best,
            **{f"callback{i}": Kind(callback) for i, callback in enumerate(callbacks)},
        }
        if self.saved is None:
            return
        with refusing(self.path):
            names = [name for name in self.saved if name.startswith("callback")]
            if names != [name for name in self.parts if name.startswith("callback")]:
                raise CheckpointError(f"it is of a run with {len(names)} callbacks, this one has {len(callbacks)}")
            history, epoch = history_from(self.saved["history"]), self.saved["epoch"]
            if epoch != len(history) or not isinstance(self.saved["stop"], bool):
                raise CheckpointError(f"it stands at epoch {epoch!r}, and its history has {len(history)}")
            restore([(part, self.saved[name]) for name, part in self.parts.items()])
        state.history, state.epoch, state.stop = history, epoch, self.saved["stop"]
        self.saved = None

    def write(self) -> None:
        """Save the run as it stands."""
        state = self.state
        head = {"run": self.run, "start": {"rng": self.start}, "epoch": state.epoch, "stop": state.stop}
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        write_archive(self.path, {**head, "history": history_state(state.history), **parts})
