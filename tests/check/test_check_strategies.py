"""What the strategies draw is what they say, and bad requests are refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygrad_edu.check import strategies
from tinygrad_edu.errors import ArgumentError, MissingDependencyError
from tinygrad_edu.op import Interval

hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")
few = hypothesis.settings(max_examples=40, database=None, derandomize=True, deadline=None)


@few
@hypothesis.given(strategies.arrays((0.5, 2.0), shape=strategies.shapes(max_dims=2)))
def test_arrays_stay_inside_their_domain(x):
    assert x.dtype == np.float64
    assert np.all((x > 0.5) & (x < 2.0))


@few
@hypothesis.given(strategies.arrays(Interval(0, 4, integer=True), (3,)), strategies.arrays(dtype=np.float32))
def test_arrays_of_whole_numbers_and_of_other_types(whole, narrow):
    assert whole.dtype == np.int64
    assert set(whole.tolist()) <= {0, 1, 2, 3, 4}
    assert (narrow.dtype, narrow.shape) == (np.float32, ())


@few
@hypothesis.given(strategies.arrays((-1.0, 1.0), (4,)))
def test_numbers_next_to_zero_are_zero(x):
    assert np.all((x == 0) | (np.abs(x) > 1e-7))


@few
@hypothesis.given(strategies.broadcastable_shapes(3))
def test_broadcastable_shapes_broadcast(three):
    assert len(three) == 3
    np.broadcast_shapes(*three)


@few
@hypothesis.given(st.data(), strategies.shapes(min_side=0))
def test_axes_are_what_numpy_takes(data, shape):
    np.sum(np.zeros(shape), axis=data.draw(strategies.axes(len(shape))))


@few
@hypothesis.given(strategies.distinct((2, 3)), strategies.ties((2, 3)))
def test_distinct_entries_differ_clearly_and_ties_are_exact(apart, tied):
    gaps = np.diff(np.sort(apart.ravel()))
    assert gaps.min() > 0.5
    assert len(set(tied.ravel().tolist())) < tied.size


@pytest.mark.parametrize(
    "ask",
    [
        lambda: strategies.arrays((2.0, 1.0)),
        lambda: strategies.distinct((2,), (1.0, 1.0)),
        lambda: strategies.ties(()),
        lambda: strategies.axes(-1),
    ],
)
def test_impossible_requests_are_refused(ask):
    with pytest.raises(ArgumentError):
        ask()


def test_without_hypothesis_the_error_has_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis.extra.numpy", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tinygrad_edu\[check\]'"):
        strategies.shapes()


def test_importing_the_checker_does_not_import_hypothesis_or_pytest():
    code = "import sys, tinygrad_edu.check.strategies; print({'hypothesis', 'pytest'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
