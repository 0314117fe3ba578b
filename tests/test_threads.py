"""Threads and asyncio tasks have modes of their own, and do not disturb each other's graphs."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tinygrad_edu import Value, no_grad, scope
from tinygrad_edu.mode import current_mode, detect_anomaly
from tinygrad_edu.transforms import grad, hessian


def loss_of(w, steps):
    x = w
    for _ in range(steps):
        x = np.tanh(x * 1.1 + 0.1)
    return (x * x).sum()


def test_two_threads_differentiate_their_own_graphs_while_one_records_nothing():
    w = np.linspace(-1.0, 1.0, 5)
    expected = grad(lambda v: loss_of(v, 20))(w)
    barrier = threading.Barrier(3)

    def trains():
        results = []
        for _ in range(30):
            barrier.wait()
            leaf = Value(w)
            loss_of(leaf, 20).backward()
            results.append(leaf.grad)
        return results

    def evaluates():
        results = []
        for _ in range(30):
            with no_grad():
                barrier.wait()
                results.append(loss_of(Value(w), 20))
        return results

    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(trains), pool.submit(trains), pool.submit(evaluates)]
        first, second, plain = (run.result() for run in runs)
    for found in first + second:
        np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert all(value.parents == () for value in plain)


def test_transforms_in_many_threads_agree_with_one():
    points = np.linspace(-1.0, 1.0, 24)
    f = lambda x: np.sum(np.sin(x) * x**3)  # noqa: E731
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda p: hessian(f)(np.array([p, 1.0])), points))
    for p, h in zip(points, found, strict=True):
        np.testing.assert_array_equal(h, hessian(f)(np.array([p, 1.0])))


def test_a_transform_follows_values_into_threads_that_its_function_starts():
    def f(x):
        with ThreadPoolExecutor(2) as pool:
            return sum(pool.map(lambda k: x**k, [2, 3]))

    assert grad(f)(2.0) == 4.0 + 12.0


def test_a_new_thread_starts_in_the_plain_mode():
    seen = []
    with no_grad(), scope("outer"), detect_anomaly():
        thread = threading.Thread(target=lambda: seen.append(current_mode()))
        thread.start()
        thread.join()
    assert seen[0].plain
    assert seen[0].info is None


def test_asyncio_tasks_keep_their_modes_across_await():
    async def records(name):
        with scope(name):
            x = Value(3.0)
            await asyncio.sleep(0)
            y = x * x
            await asyncio.sleep(0)
            y.backward()
            return x.grad, y.scope.path

    async def does_not():
        with no_grad():
            await asyncio.sleep(0)
            y = Value(3.0) * 2
            await asyncio.sleep(0)
            return y.parents

    async def main():
        return await asyncio.gather(records("a"), does_not(), records("b"), does_not())

    assert asyncio.run(main()) == [(6.0, "a"), (), (6.0, "b"), ()]


def test_no_grad_on_a_coroutine_lasts_through_its_awaits():
    @no_grad()
    async def evaluate():
        await asyncio.sleep(0)
        return Value(2.0) * 3

    async def main():
        task = asyncio.create_task(evaluate())
        await asyncio.sleep(0)
        mine = Value(2.0) * 3
        return (await task).parents, len(mine.parents)

    assert asyncio.run(main()) == ((), 2)
