"""The tile of a matrix product in registers, and the tiles that a machine has room for."""

import numpy as np
import pytest

pytest.importorskip("numba")
from numba import njit

from tinygrad_edu.compiler.kernels import tile


def product(dtype, rows, vectors, lanes, tail=0, offsets=None, add=0):
    """Found and expected: a tile over two nested sums, in matrices that are wider than it."""
    of = tile.tile(dtype, rows, vectors, lanes, tail, offsets)
    columns = vectors * lanes - (lanes - tail if tail else 0)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(rows, 4, 5)).astype(dtype), rng.normal(size=(4, 3, columns)).astype(dtype)
    c = np.ones((rows, columns + 2), dtype)

    @njit
    def run(c, a, b):
        of(c.ctypes.data, a.ctypes.data, b.ctypes.data, 4, 5, 3 * columns, 3, 1, columns, 20, columns + 2, add)

    run(c, a, b)
    picked = a if offsets is None else np.array([np.ravel(a)[o : o + 20] for o in offsets]).reshape(-1, 4, 5)
    expected = np.einsum("rkl,klq->rq", picked[:, :, :3], b) + add
    assert np.all(c[:, columns:] == 1), "written beyond the last column"
    return c[:, :columns], expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"tail": 3}, {"add": 1}, {"offsets": (3, 0, 20)}], ids=str)
def test_a_tile_is_a_product_of_matrices(dtype, options):
    found, expected = product(dtype, 3, 2, 4, **options)
    np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == "float32" else 1e-14, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_tile_begins_with_its_bias_and_leaves_no_number_below_zero(dtype):
    of = tile.tile(dtype, 3, 2, 4, bias=True, relu=True)
    rng = np.random.default_rng(1)
    a, b, bias = (rng.normal(size=shape).astype(dtype) for shape in ((3, 5), (5, 8), (8,)))
    c = np.full((3, 8), 100.0, dtype)

    @njit
    def run(c, a, b, bias):
        of(c.ctypes.data, a.ctypes.data, b.ctypes.data, 1, 0, 0, 5, 1, 8, 5, 8, bias.ctypes.data)

    run(c, a, b, bias)
    expected = np.maximum(bias + a @ b, 0)
    assert np.any(expected == 0)
    np.testing.assert_allclose(c, expected, rtol=1e-5 if dtype == "float32" else 1e-14, atol=1e-6)


@pytest.mark.parametrize("width", [16, 32, 64])
def test_tiles_fit_into_the_registers(width, monkeypatch):
    monkeypatch.setattr(tile, "register_bytes", lambda: width)
    for rows in (1, 7, 14, 28, 100):
        for columns in (1, 3, 8, 16, 33, 64):
            for size in (4, 8):
                high, vectors, lanes = tile.shape_for(rows, columns, size)
                assert 1 <= high <= rows
                assert (high + 1) * vectors + 1 <= tile.registers()
                assert lanes * size <= width


def test_tiles_that_cannot_be_compiled_are_no_tiles(monkeypatch):
    def broken(*_):
        raise NotImplementedError("another llvmlite")

    monkeypatch.setattr(tile, "compiled", broken)
    assert not tile.works.__wrapped__()


def test_tiles_with_wrong_numbers_are_no_tiles(monkeypatch):
    assert tile.works.__wrapped__()
    monkeypatch.setattr(tile, "compiled", lambda source: lambda c, a, b: None)
    assert not tile.works.__wrapped__()
