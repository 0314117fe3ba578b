"""Products of arrays: the numbers are NumPy's, the gradients those of finite differences and of PyTorch."""

import string

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, NotDifferentiableError, ShapeError


def slope(f, xs, i, step=1e-6):
    """Central differences of sum(weights * f(*xs)) by operand i, and the weights."""
    out = np.asarray(f(*xs))
    weights = np.cos(np.arange(out.size)).reshape(out.shape)
    found = np.zeros_like(xs[i])
    for at in np.ndindex(xs[i].shape):
        moved = [x.copy() for x in xs]
        moved[i][at] += step
        up = np.sum(weights * f(*moved))
        moved[i][at] -= 2 * step
        found[at] = (up - np.sum(weights * f(*moved))) / (2 * step)
    return found, weights


def assert_differentiable(f, *xs):
    """f gives NumPy's numbers on Values, and gradients that central differences confirm."""
    values = [Value(x) for x in xs]
    out = f(*values)
    assert isinstance(out, Value)
    np.testing.assert_allclose(out.data, f(*xs), rtol=1e-13, atol=1e-13)
    _, weights = slope(f, xs, 0)
    out.backward(weights)
    for i, value in enumerate(values):
        np.testing.assert_allclose(value.grad, slope(f, xs, i)[0], rtol=1e-6, atol=1e-7)


PRODUCTS = {
    "dot of vectors": (np.dot, [(3,), (3,)]),
    "dot of matrices": (np.dot, [(2, 3), (3, 4)]),
    "dot of stacks": (np.dot, [(2, 3, 4), (5, 4, 2)]),
    "dot of a vector with a stack": (np.dot, [(4,), (5, 4, 2)]),
    "dot with a number": (np.dot, [(), (2, 3)]),
    "vdot": (np.vdot, [(2, 3), (3, 2)]),
    "inner of matrices": (np.inner, [(2, 3), (4, 3)]),
    "inner of stacks": (np.inner, [(2, 2, 3), (3,)]),
    "outer of matrices": (np.outer, [(2, 2), (3,)]),
    "outer of linalg": (np.linalg.outer, [(2,), (3,)]),
    "kron": (np.kron, [(2, 3), (3, 2)]),
    "kron of a vector and a matrix": (np.kron, [(2,), (2, 3)]),
    "kron of stacks": (np.kron, [(2, 1, 2), (2, 3)]),
    "tensordot of the last two axes": (np.tensordot, [(2, 3, 4), (3, 4, 2)]),
    "tensordot of named axes": (lambda a, b: np.tensordot(a, b, axes=([2, 0], [0, 1])), [(2, 3, 4), (4, 2, 5)]),
    "tensordot of nothing": (lambda a, b: np.tensordot(a, b, axes=0), [(2,), (3,)]),
    "tensordot of negative axes": (lambda a, b: np.linalg.tensordot(a, b, axes=(-1, -2)), [(2, 3), (3, 4)]),
    "cross": (np.cross, [(2, 3), (3,)]),
    "cross of the first axis": (lambda a, b: np.cross(a, b, axis=0), [(3, 2), (3, 2)]),
    "cross of different axes": (lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0), [(3, 2), (2, 3)]),
    "cross of linalg": (lambda a, b: np.linalg.cross(a, b, axis=0), [(3, 2), (3, 2)]),
    "matmul of linalg": (np.linalg.matmul, [(2, 3), (3, 2)]),
    "vecdot": (np.linalg.vecdot, [(2, 3), (3,)]),
    "vecdot of the first axis": (lambda a, b: np.linalg.vecdot(a, b, axis=0), [(3, 2), (3, 2)]),
    "a chain of four": (lambda *x: np.linalg.multi_dot(x), [(2, 4), (4, 3), (3, 5), (5, 2)]),
    "a chain between vectors": (lambda *x: np.linalg.multi_dot(x), [(4,), (4, 3), (3,)]),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_has_numpys_numbers_and_the_gradients_of_finite_differences(name, rng):
    f, shapes = PRODUCTS[name]
    assert_differentiable(f, *[rng.uniform(-1, 1, shape) for shape in shapes])


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="np.matvec came with NumPy 2.2")
def test_matvec_and_vecmat_work_on_stacks(rng):
    a, v = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4))
    assert_differentiable(np.matvec, a, v)
    assert_differentiable(np.vecmat, v, a.mT.copy())
    assert_differentiable(np.vecdot, v, v + 1)


EINSUMS = [
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ba,cb", [(2, 3), (4, 2)]),
    ("ij,jk->ki", [(2, 3), (3, 4)]),
    ("ij->i", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ii", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("iij->j", [(2, 2, 3)]),
    ("iii->i", [(3, 3, 3)]),
    ("ii,jj->ij", [(2, 2), (3, 3)]),
    ("...ij,...jk", [(2, 2, 3), (3, 2)]),
    ("...i,...i->...", [(2, 3), (3,)]),
    ("i...,i...->...", [(3, 2), (3, 1)]),
    ("...ii->...i", [(2, 3, 3)]),
    ("i,j,k->kji", [(2,), (3,), (2,)]),
    ("ij,kl->i", [(2, 3), (2, 2)]),
    ("ij,ij,jk->k", [(2, 3), (2, 3), (3, 2)]),
    (" i j , j -> i ", [(2, 3), (3,)]),
    ("ij,ij->j", [(1, 3), (2, 3)]),
]


@pytest.mark.parametrize(("subscripts", "shapes"), EINSUMS)
def test_einsum_in_every_written_form(subscripts, shapes, rng):
    assert_differentiable(lambda *xs: np.einsum(subscripts, *xs), *[rng.uniform(-1, 1, s) for s in shapes])


@pytest.mark.parametrize("optimize", [True, "optimal", ["einsum_path", (0, 1), (0, 1)]])
def test_einsum_takes_an_order_of_contraction(optimize, rng):
    xs = [rng.normal(size=s) for s in [(2, 3), (3, 4), (4, 2)]]
    assert_differentiable(lambda *x: np.einsum("ij,jk,kl->il", *x, optimize=optimize), *xs)


def test_einsum_in_the_interleaved_form(rng):
    x, y = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
    assert_differentiable(lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), x, y)
    assert_differentiable(lambda a, b: np.einsum(a, [0, 1], b, [1, 2]), x, y)
    assert_differentiable(lambda a: np.einsum(a, [Ellipsis, 1], [Ellipsis]), x)


def test_an_einsum_can_be_differentiated_twice(rng):
    x = Value(rng.normal(size=(3, 3)))
    np.einsum("ij,jk,ki->", x, x, x).backward(create_graph=True)
    slope_, x.grad = x.grad, None
    slope_.sum().backward()
    ones = np.ones((3, 3))
    np.testing.assert_allclose(x.grad, 3 * (ones @ x.data + x.data @ ones).T, rtol=1e-12)


def test_einsum_keeps_float32():
    x = Value(np.ones((3, 3), dtype=np.float32))
    out = np.einsum("ii->i", x)
    out.backward(np.ones(3))
    assert out.dtype == x.grad.dtype == np.float32


@pytest.mark.parametrize(("args", "error"), [
    (("ij,jk", np.ones((2, 2))), ArgumentError),
    (("ijk", np.ones((2, 2))), ShapeError),
    (("...j->j", np.ones((2, 2))), ArgumentError),
    (("ij,jk->ik", np.ones((2, 3)), np.ones((2, 3))), ShapeError),
])  # fmt: skip
def test_einsum_refuses_subscripts_that_do_not_fit(args, error):
    with pytest.raises(error, match="einsum"):
        np.einsum(args[0], Value(args[1]), *args[2:])


def test_einsum_refuses_an_output_array_by_name():
    with pytest.raises(NotDifferentiableError, match="out"):
        np.einsum("i->i", Value(np.ones(2)), out=np.empty(2))


def test_all_letters_may_be_used_in_an_einsum():
    assert len(set(string.ascii_letters)) == 52
    x = Value(np.ones((1,) * 26))
    assert np.einsum(x, list(range(26))).shape == (1,) * 26


def test_a_chain_is_multiplied_in_the_cheapest_order():
    a, b, c = Value(np.ones((2, 50))), Value(np.ones((50, 3))), Value(np.ones((3, 40)))
    out = np.linalg.multi_dot([a, b, c])
    assert out.parents[0].shape == (2, 3)  # (a b) c
    assert np.linalg.multi_dot([c.T, b.T, a.T]).parents[1].shape == (3, 2)


@pytest.mark.parametrize(("call", "match"), [
    (lambda v: np.cross(v, np.ones(2)), "vectors of 3"),
    (lambda v: np.linalg.multi_dot([v]), "at least two"),
    (lambda v: np.linalg.multi_dot([v, v, v]), "position 1"),
    (lambda v: np.linalg.outer(v, np.ones((2, 2))), "two vectors"),
    (lambda v: np.linalg.vecdot(v, np.ones(4)), "one length"),
])  # fmt: skip
def test_products_say_which_shape_does_not_fit(call, match):
    with pytest.raises(ValueError, match=match):
        call(Value(np.ones(3)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tensordot", "kron", "cross", "inner", "einsum", "outer"])
def test_products_agree_with_pytorch(name, rng):
    torch = pytest.importorskip("torch")
    shapes = {"tensordot": [(2, 3, 4), (3, 4, 2)], "kron": [(2, 3), (3, 2)], "cross": [(2, 3), (2, 3)],
              "inner": [(2, 3), (4, 3)], "einsum": [(2, 3, 3), (3, 4)], "outer": [(3,), (4,)]}[name]  # fmt: skip
    theirs = {"einsum": lambda a, b: torch.einsum("bii,ij->bj", a, b), "cross": lambda a, b: torch.cross(a, b, dim=-1)}
    ours = {"einsum": lambda a, b: np.einsum("bii,ij->bj", a, b)}
    xs = [rng.normal(size=s) for s in shapes]
    values, tensors = [Value(x) for x in xs], [torch.tensor(x, requires_grad=True) for x in xs]
    out, expected = ours.get(name, getattr(np, name))(*values), theirs.get(name, getattr(torch, name))(*tensors)
    weights = rng.normal(size=out.shape)
    out.backward(weights)
    expected.backward(torch.tensor(weights))
    for value, tensor in zip(values, tensors, strict=True):
        np.testing.assert_allclose(value.grad, tensor.grad.numpy(), rtol=1e-12, atol=1e-12)
