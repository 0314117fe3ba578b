"""Halves of a kernel's work on two threads: the same numbers, the same errors, whoever asks."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from tinygrad_edu.compiler.kernels import threads


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    monkeypatch.setattr(threads, "allowed", lambda: 2)


def squares(x, out, start, stop, part):
    out[start:stop] = x[start:stop] ** 2


@pytest.mark.parametrize("way", [threads.halves, threads.in_turn])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_each_thing_is_done_once(way, count):
    x, out, parts = np.arange(float(count)), np.zeros(count), []

    def kernel(x, out, start, stop, part):
        out[start:stop] += x[start:stop] ** 2
        parts.append((part, start, stop))

    way(kernel, count, x, out)
    np.testing.assert_array_equal(out, x**2)
    assert sorted(parts) == [(0, 0, (count + 1) // 2), (1, (count + 1) // 2, count)]


def test_the_second_half_runs_on_a_second_thread():
    seen = {}
    threads.halves(lambda start, stop, part: seen.update({part: threading.current_thread()}), 2)
    assert seen[0] is threading.current_thread()
    assert seen[1] is not seen[0]
    assert seen[1].daemon


def test_one_thread_is_all_that_a_user_wants(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads.allowed.__wrapped__() == 1
    monkeypatch.setattr(threads, "allowed", lambda: 1)
    monkeypatch.setattr(threads, "_idle", [])
    seen = set()
    threads.halves(lambda start, stop, part: seen.add(threading.current_thread()), 2)
    assert seen == {threading.current_thread()}


@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_in_either_half_reaches_the_caller_and_the_thread_lives_on(bad):
    def kernel(start, stop, part):
        if part == bad:
            raise ValueError(f"part {part}")

    for _ in range(3):
        with pytest.raises(ValueError, match=f"part {bad}"):
            threads.halves(kernel, 2)
    out = np.zeros(5)
    threads.halves(squares, 5, np.arange(5.0), out)
    np.testing.assert_array_equal(out, np.arange(5.0) ** 2)


def test_threads_of_a_users_own_do_not_disturb_each_other():
    wrong = []

    def work(seed):
        x = np.random.default_rng(seed).normal(size=101)
        for _ in range(200):
            out = np.zeros(101)
            threads.halves(squares, 101, x, out)
            if not np.array_equal(out, x**2):
                wrong.append(seed)

    running = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not wrong


PROGRAM = """
import os
import numpy as np
from tinygrad_edu.compiler.kernels import threads
threads.allowed = lambda: 2
def kernel(out, start, stop, part):
    out[start:stop] += 1
out = np.zeros(4)
threads.halves(kernel, 4, out)
child = os.fork()
threads.halves(kernel, 4, out)
assert np.all(out == 2)
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("well")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_a_thread_of_its_own_and_the_program_ends():
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert found.stdout == "well\n", found.stderr
