"""Products of small plans run on one thread of OpenBLAS; afterwards there are as many as before."""

import threading

import numpy as np
import pytest

from tinygrad_edu import Value, compile
from tinygrad_edu.compiler import blas


class Library:
    """A library that counts its threads."""

    def __init__(self, threads):
        self.threads = threads
        self.seen = []

    def put(self, threads):
        self.threads = threads
        self.seen.append(threads)


@pytest.fixture
def library(monkeypatch):
    library = Library(8)
    threads = blas.Threads(lambda: library.threads, library.put)
    monkeypatch.setattr(blas, "found", lambda: threads)
    return library


def test_a_plan_of_small_products_runs_on_one_thread(library):
    fast = compile(lambda x, w: np.sum(x @ w), jit=False)
    w = Value(np.ones((30, 64)))
    loss = fast(np.ones((64, 30)), w)
    assert library.threads == 8
    assert library.seen == [1, 8]
    loss.backward()
    assert library.seen == [1, 8, 1, 8]


@pytest.mark.parametrize(
    ("f", "size"),
    [
        (lambda x: np.sum(x * 2.0), 64),
        (lambda x: np.sum((x @ x) @ (x @ x)), 64),
        (lambda x: x @ x, 8),
    ],
    ids=["no products", "much to do", "a product that is never shared"],
)
def test_other_plans_have_the_threads_that_are_there(f, size, library, monkeypatch):
    monkeypatch.setattr(blas, "FEW", 1e6)
    compile(f, jit=False)(Value(np.eye(size)))
    assert library.seen == []


def test_the_threads_are_there_again_after_an_error(library):
    def f(x, w):
        np.log(w, out=np.empty(3))
        return x @ w

    run = blas.found().one(f)
    with pytest.raises(ValueError, match="broadcast"):
        run(np.eye(2), np.ones((2, 2)))
    assert library.threads == 8


def test_who_wants_one_thread_has_it_until_the_last_is_done(library):
    threads = blas.found()
    begun, go_on = threading.Event(), threading.Event()

    def wait():
        begun.set()
        go_on.wait(10)

    other = threading.Thread(target=threads.one(wait))
    other.start()
    begun.wait(10)
    threads.one(lambda: None)()
    assert library.threads == 1
    go_on.set()
    other.join()
    assert library.threads == 8
    assert library.seen == [1, 8]


def test_one_thread_stays_one(library):
    library.threads = 1
    blas.found().one(lambda: None)()
    assert library.seen == []


def test_explain_says_so(library):
    fast = compile(lambda x: x @ x, jit=False)
    fast(Value(np.eye(64)))
    assert "products: on one thread" in fast.explain()


def test_numpys_own_library_is_told():
    threads = blas.found()
    if threads is None:
        pytest.skip("NumPy has no OpenBLAS of its own here")
    before = threads.get()
    assert threads.one(threads.get)() == 1
    assert threads.get() == before
