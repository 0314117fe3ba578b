"""A second thread for kernels whose work falls into halves.

A kernel lets go of Python's lock while it runs, so that another thread runs the other half meanwhile. The thread is
started when it is first wanted, and waits; handing it a half and getting word back takes a few tens of microseconds.
"""

import functools
import os
import threading
from collections.abc import Callable
from typing import Any

WORTH = 2e7  # operations on numbers (some 200 us) below which a half is not handed over


class Worker:
    """A thread that is handed one call at a time."""

    def __init__(self) -> None:
        self._call: tuple[Callable[..., None], tuple[Any, ...]] | None = None
        self._error: BaseException | None = None
        self._go, self._done = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._done.acquire()
        threading.Thread(target=self._run, name="tinygrad_edu kernels", daemon=True).start()

    def start(self, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        """Have it call the function."""
        self._call = function, arguments
        self._go.release()

    def wait(self) -> None:
        """Until the call has come back; raises what it raised. An interruption waits until then, too."""
        interruption: BaseException | None = None
        while True:
            try:
                self._done.acquire()
                break
            except BaseException as error:  # from a signal
                interruption = error
        found, self._error = interruption or self._error, None
        if found is not None:
            raise found

    def _run(self) -> None:
        while True:
            self._go.acquire()
            assert self._call is not None
            function, arguments = self._call
            try:
                function(*arguments)
            except BaseException as error:  # goes to the caller
                self._error = error
            self._call = function = arguments = None  # type: ignore[assignment]  # whose arrays may go now
            self._done.release()


_idle: list[Worker] = []
_made: list[Worker] = []


def _forget() -> None:
    _idle.clear()
    _made.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # threads stay behind


@functools.cache
def allowed() -> int:
    """How many threads kernels may use: 2, or 1 if ``OMP_NUM_THREADS`` says so or there is one processor."""
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if said.isdigit():
        return min(int(said), 2)
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(there, 2)


def blas_threads() -> int:
    """How many threads OpenBLAS uses, as far as the environment tells."""
    said = os.environ.get("OPENBLAS_NUM_THREADS", "").strip()
    return int(said) if said.isdigit() else allowed()


def _hire() -> Worker | None:
    """A worker with nothing to do, if there is one or may be one more."""
    try:
        return _idle.pop()
    except IndexError:
        if len(_made) + 1 >= allowed():
            return None
    worker = Worker()
    _made.append(worker)
    return worker


def halves(kernel: Callable[..., None], count: int, *arguments: Any) -> None:
    """``kernel(*arguments, start, stop, part)`` for both halves of `count` things, on two threads if one is free."""
    middle = (count + 1) // 2
    worker = _hire()
    if worker is None:
        kernel(*arguments, 0, middle, 0)
        kernel(*arguments, middle, count, 1)
        return
    worker.start(kernel, (*arguments, middle, count, 1))
    try:
        kernel(*arguments, 0, middle, 0)
    finally:
        try:
            worker.wait()
        finally:
            _idle.append(worker)


def in_turn(kernel: Callable[..., None], count: int, *arguments: Any) -> None:
    """The same on this thread alone."""
    middle = (count + 1) // 2
    kernel(*arguments, 0, middle, 0)
    kernel(*arguments, middle, count, 1)
