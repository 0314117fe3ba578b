"""Linear algebra: NumPy's numbers, gradients of every order, stacks, and what happens where no derivative exists."""

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, LinearAlgebraError, NotDifferentiableError, ShapeError
from tinygrad_edu.op import REGISTRY
from tinygrad_edu.ops.matrix_functions import expm

OPERATIONS = [
    "solve", "inv", "cofactor", "det", "slogdet", "pinv", "lstsq", "cholesky", "qr", "eigh", "svd", "expm",
    "euclidean_norm", "power_norm", "part", "place",
]  # fmt: skip


def operands(op, case, rng):
    if op.sample is not None:
        return [np.asarray(x) for x in op.sample(rng, case)]
    return [rng.uniform(d.low, d.high, size=shape) for d, shape in zip(op.domain, case.shapes, strict=True)]


def gradient(op, xs, params, weights, create_graph=False):
    values = [Value(x) for x in xs]
    out = op(*values, **params)
    out.backward(weights, create_graph=create_graph)
    return values, [value.grad for value in values]


CASES = [(name, case) for name in OPERATIONS for case in REGISTRY[name].cases]


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}-{case.shapes}" for name, case in CASES])
def test_first_second_and_forward_derivatives_agree_with_differences(name, case, rng):
    op, params = REGISTRY[name], REGISTRY[name].bind((None,) * REGISTRY[name].arity, case.params)[1]
    xs = operands(op, case, rng)
    out = op(*xs, **params)
    weights, step = rng.normal(size=np.shape(out)), 1e-5
    us = [rng.normal(size=x.shape) for x in xs]
    vs = [rng.normal(size=x.shape) for x in xs]

    def moved(t):
        return [x + t * u for x, u in zip(xs, us, strict=True)]

    def inner(grads, directions):
        return sum(np.sum(g * d) for g, d in zip(grads, directions, strict=True))

    slope = (np.sum(weights * op(*moved(step), **params)) - np.sum(weights * op(*moved(-step), **params))) / (2 * step)
    values, grads = gradient(op, xs, params, weights)
    assert inner(grads, us) == pytest.approx(slope, rel=1e-6, abs=1e-7)
    forward = np.sum(weights * op.push(us, out, xs, params))
    assert forward == pytest.approx(inner(grads, us), rel=1e-11, abs=1e-11)
    values, grads = gradient(op, xs, params, weights, create_graph=True)
    for value in values:
        value.zero_grad()
    total = inner(grads, vs)
    bend = sum(inner(gradient(op, moved(s * step), params, weights)[1], vs) * s for s in (1, -1)) / (2 * step)
    if not total.op.terminal:
        total.backward()
    found = inner([np.zeros(()) if value.grad is None else value.grad for value in values], us)
    assert found == pytest.approx(bend, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", OPERATIONS)
def test_float32_is_kept(name, rng):
    op = REGISTRY[name]
    case = op.cases[0]
    xs = [x.astype(np.float32) for x in operands(op, case, rng)]
    values = [Value(x) for x in xs]
    out = op(*values, **case.params)
    assert out.dtype == np.float32
    out.backward(np.ones(out.shape))
    assert all(value.grad.dtype == np.float32 for value in values)


def symmetric(rng, n=4):
    a = rng.uniform(-1, 1, size=(2, n, n))
    return a @ a.mT + np.diag(np.arange(1.0, n + 1))


CALLS = {
    "slogdet": np.linalg.slogdet,
    "eigh": np.linalg.eigh,
    "eigvalsh": np.linalg.eigvalsh,
    "qr": np.linalg.qr,
    "qr of a wide matrix": lambda a: np.linalg.qr(a[..., :2, :]),
    "R alone": lambda a: np.linalg.qr(a, mode="r"),
    "svd": lambda a: np.linalg.svd(a[..., :3], full_matrices=False),
    "svd of a square matrix": np.linalg.svd,
    "svdvals": np.linalg.svdvals,
    "singular values alone": lambda a: np.linalg.svd(a, compute_uv=False),
    "cholesky": np.linalg.cholesky,
    "upper cholesky": lambda a: np.linalg.cholesky(a, upper=True),
    "inv": np.linalg.inv,
    "det": np.linalg.det,
    "pinv": lambda a: np.linalg.pinv(a[..., :2]),
    "solve for a vector": lambda a: np.linalg.solve(a, np.arange(4.0)),
    "lstsq": lambda a: np.linalg.lstsq(a[0][:, :2], np.arange(4.0)),
    "lstsq of a wide matrix": lambda a: np.linalg.lstsq(a[0][:2], np.ones((2, 2))),
    "power 0": lambda a: np.linalg.matrix_power(a, 0),
    "power 1": lambda a: np.linalg.matrix_power(a, 1),
    "power 6": lambda a: np.linalg.matrix_power(a, 6),
    "power -3": lambda a: np.linalg.matrix_power(a, -3),
    "trace": np.trace,
    "trace below": lambda a: np.trace(a, offset=-1, axis1=2, axis2=1),
    "trace of linalg": np.linalg.trace,
    "diagonal of linalg": lambda a: np.linalg.diagonal(a, offset=1),
    "matrix_norm": np.linalg.matrix_norm,
    "vector_norm": lambda a: np.linalg.vector_norm(a, axis=(0, 2), keepdims=True, ord=3),
    "norm of everything": np.linalg.norm,
}


def parts(result):
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("name", CALLS)
def test_numpys_own_functions_answer_with_numpys_numbers(name, rng):
    a = symmetric(rng)
    expected, found = CALLS[name](a), CALLS[name](Value(a))
    assert type(found) is type(expected) or not isinstance(expected, tuple)
    for ours, theirs in zip(parts(found), parts(expected), strict=True):
        data = ours.data if isinstance(ours, Value) else ours
        assert np.shape(data) == np.shape(theirs)
        np.testing.assert_allclose(data, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("ord_", [None, 2, 1, 3, 0.5, np.inf, -np.inf, -1, 0])
@pytest.mark.parametrize(("axis", "keepdims"), [(None, False), (0, False), (-1, True)])
def test_norms_of_vectors(ord_, axis, keepdims, rng):
    x = rng.uniform(0.5, 2.0, size=(4,) if axis is None else (3, 4)) * rng.choice([-1.0, 1.0], 4)
    check_norm(x, rng, ord=ord_, axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("ord_", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize(("axis", "keepdims"), [(None, False), ((0, 1), True), ((-1, 0), False)])
def test_norms_of_matrices(ord_, axis, keepdims, rng):
    x = rng.uniform(-2.0, 2.0, size=(3, 4) if axis is None else (3, 4, 3))
    check_norm(x, rng, ord=ord_, axis=axis, keepdims=keepdims)


def check_norm(x, rng, **how):
    v = Value(x)
    out = np.linalg.norm(v, **how)
    np.testing.assert_allclose(out.data, np.linalg.norm(x, **how), rtol=1e-12)
    g, u, step = rng.normal(size=out.shape), rng.normal(size=x.shape), 1e-6
    out.backward(g)
    slope = np.linalg.norm(x + step * u, **how) - np.linalg.norm(x - step * u, **how)
    found = 0.0 if how["ord"] == 0 else np.sum(v.grad * u)  # counting has no derivative: no gradient arrives
    assert found == pytest.approx(np.sum(g * slope) / (2 * step), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("ord_", [None, 1, 2, 3, 1.5, np.inf])
def test_a_norm_at_zero_has_gradient_zero(ord_):
    x = Value(np.zeros(3))
    np.linalg.norm(x, ord=ord_).backward()
    assert np.array_equal(x.grad, np.zeros(3))


@pytest.mark.parametrize("ord_", [None, "nuc", 2, 1, np.inf])
def test_a_matrix_norm_at_zero_has_gradient_zero(ord_):
    x = Value(np.zeros((3, 2)))
    np.linalg.norm(x, ord=ord_, axis=(0, 1)).backward()
    assert np.array_equal(x.grad, np.zeros((3, 2)))


@pytest.mark.parametrize(("how", "match"), [
    ({"ord": "nuc", "axis": 0}, "for matrices"),
    ({"ord": 3, "axis": (0, 1)}, "no matrix norm"),
    ({"ord": 2, "axis": (0, 0)}, "must differ"),
    ({"ord": 2}, "one axis"),
])  # fmt: skip
def test_a_norm_that_does_not_exist_is_refused(how, match):
    with pytest.raises(ArgumentError, match=match):
        np.linalg.norm(Value(np.ones((2, 2, 2))), **how)


def test_the_determinant_of_a_singular_matrix_has_its_gradient():
    a = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
    x = Value(a)
    np.linalg.det(x).backward()
    for i, j in np.ndindex(3, 3):
        minor = np.delete(np.delete(a, i, 0), j, 1)
        assert x.grad[i, j] == pytest.approx((-1) ** (i + j) * np.linalg.det(minor), abs=1e-12)


def test_the_second_derivative_of_a_singular_determinant_is_nan_and_says_so():
    x = Value(np.zeros((2, 2)))
    det = np.linalg.det(x)
    det.backward(create_graph=True)
    slope = x.grad.sum()
    x.zero_grad()
    with pytest.warns(RuntimeWarning, match="singular matrix"):
        slope.backward()
    assert np.isnan(x.grad).all()


@pytest.mark.parametrize("f", [
    np.linalg.inv,
    lambda a: np.linalg.solve(a, np.ones(2)),
    lambda a: np.linalg.slogdet(a)[1].backward(),
])  # fmt: skip
def test_a_singular_matrix_is_an_error_that_names_the_operation(f):
    with pytest.raises(LinearAlgebraError, match=r"(inv|solve): Singular matrix"):
        f(Value(np.ones((2, 2))))


def test_a_matrix_that_is_not_positive_definite_is_an_error_with_its_smallest_eigenvalue():
    with pytest.raises(LinearAlgebraError, match=r"smallest eigenvalue is -1.*1e-6 \* np.eye"):
        np.linalg.cholesky(Value(np.diag([1.0, -1.0])))
    assert issubclass(LinearAlgebraError, np.linalg.LinAlgError)


@pytest.mark.parametrize("f", [np.linalg.pinv, lambda a: np.linalg.lstsq(a, np.ones(3))[0]])
def test_a_pseudo_inverse_without_full_rank_has_gradient_nan_and_says_so(f):
    a = Value(np.ones((3, 2)))
    with pytest.warns(RuntimeWarning, match="full rank"):
        f(a).sum().backward()
    assert np.isnan(a.grad).all()


def test_q_without_full_rank_has_gradient_nan_and_says_so_for_that_matrix_alone(rng):
    a = rng.normal(size=(2, 3, 2))
    a[1] = 0.0
    x = Value(a)
    with pytest.warns(RuntimeWarning, match="full rank"):
        np.linalg.qr(x)[0].sum().backward()
    assert np.isfinite(x.grad[0]).all()
    assert np.isnan(x.grad[1]).all()


def test_eigenvectors_of_equal_eigenvalues_have_gradient_nan_and_say_so():
    a = Value(np.diag([1.0, 1.0, 2.0]))
    with pytest.warns(RuntimeWarning, match="eigenvalues coincide"):
        np.linalg.eigh(a).eigenvectors.sum().backward()
    assert np.isnan(a.grad).any()


def test_functions_of_equal_eigenvalues_alone_have_their_gradient():
    a = Value(np.eye(3) * 2.0)
    np.prod(np.linalg.eigvalsh(a)).backward()
    np.testing.assert_allclose(a.grad, 4.0 * np.eye(3), atol=1e-12)


def test_singular_vectors_of_equal_singular_values_have_gradient_nan_and_say_so():
    a = Value(np.eye(3))
    with pytest.warns(RuntimeWarning, match="singular values"):
        np.linalg.svd(a).U[0, 1].backward()
    assert np.isnan(a.grad).any()


def test_the_nuclear_norm_of_equal_singular_values_has_its_gradient():
    a = Value(np.eye(3))
    np.linalg.norm(a, "nuc").backward()
    np.testing.assert_allclose(a.grad, np.eye(3), atol=1e-12)


def test_the_gradient_of_a_symmetric_factorisation_is_symmetric(rng):
    for f in (np.linalg.cholesky, np.linalg.eigvalsh, lambda x: np.linalg.eigh(x)[1]):
        a = Value(symmetric(rng))
        f(a).sum().backward()
        np.testing.assert_allclose(a.grad, a.grad.mT, atol=1e-12)


def test_one_factorisation_serves_all_of_its_results():
    w, v = np.linalg.eigh(Value(np.diag([1.0, 2.0])))
    assert w.parents[0] is v.parents[0]
    assert w.parents[0].op.name == "eigh"


@pytest.mark.parametrize(("f", "error", "match"), [
    (lambda a: np.linalg.inv(a), ShapeError, "square matrix"),
    (lambda a: np.linalg.det(a[0]), ShapeError, "square matrix"),
    (lambda a: np.linalg.eigh(a), ShapeError, "square matrix"),
    (lambda a: np.linalg.solve(a @ a.T, np.ones(3)), ShapeError, "must have 2 rows"),
    (lambda a: np.linalg.lstsq(a, np.ones(3)), ShapeError, "lstsq: expected"),
    (lambda a: np.linalg.svd(a), NotDifferentiableError, "full_matrices=False"),
    (lambda a: np.linalg.qr(a.T, mode="complete"), NotDifferentiableError, "mode='complete'"),
    (lambda a: np.linalg.qr(a, mode="raw"), NotDifferentiableError, "mode='raw'"),
    (lambda a: np.linalg.svd(a, full_matrices=False, hermitian=True), NotDifferentiableError, "hermitian"),
    (lambda a: np.linalg.pinv(a, hermitian=True), NotDifferentiableError, "hermitian"),
    (lambda a: np.trace(a, out=np.empty(())), NotDifferentiableError, "out"),
    (lambda a: np.linalg.eigvals(a @ a.T), NotDifferentiableError, "eigvals"),
])  # fmt: skip
def test_what_has_no_derivative_here_is_refused_by_name(f, error, match):
    with pytest.raises(error, match=match):
        f(Value(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]])))


def test_rank_is_a_plain_number():
    assert np.linalg.matrix_rank(Value(np.ones((3, 3)))) == 1


@pytest.mark.parametrize("scale", [1e-8, 0.1, 3.0, 40.0])
def test_expm_is_scipys(scale, rng):
    linalg = pytest.importorskip("scipy.linalg")
    a = rng.normal(size=(2, 5, 5)) * scale
    expected = linalg.expm(a)
    np.testing.assert_allclose(expm(a), expected, atol=1e-12 * np.abs(expected).max())


def test_the_gradient_of_the_trace_of_expm_is_expm_transposed(rng):
    a = Value(rng.normal(size=(4, 4)))
    np.trace(expm(a)).backward()
    np.testing.assert_allclose(a.grad, expm(a.data).T, rtol=1e-11)


def test_a_gaussian_process_likelihood_in_plain_numpy(rng):
    x, y = rng.uniform(-2, 2, size=(6, 1)), rng.normal(size=6)

    def likelihood(length):
        k = np.exp(-((x - x.T) ** 2) / (2 * length * length)) + 0.1 * np.eye(6)
        factor = np.linalg.cholesky(k)
        half = np.linalg.solve(factor, y)
        return -0.5 * np.sum(half * half) - np.sum(np.log(np.linalg.diagonal(factor)))

    length, step = Value(0.7), 1e-6
    likelihood(length).backward()
    assert length.grad == pytest.approx((likelihood(0.7 + step) - likelihood(0.7 - step)) / (2 * step), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", [
    "inv", "det", "logdet", "cholesky", "eigvalsh", "projector", "qr", "svdvals", "low rank", "pinv", "solve", "expm",
    "nuc", "power", "lstsq",
])  # fmt: skip
def test_linear_algebra_agrees_with_pytorch(name, rng):
    torch = pytest.importorskip("torch")
    b = np.arange(4.0).reshape(4, 1)

    def low_rank(linalg, x):
        u, s, vh = linalg.svd(x, full_matrices=False)
        return (u[..., :2] * s[..., None, :2]) @ vh[..., :2, :]

    def projector(linalg, x):
        v = linalg.eigh(x)[1]
        return v[..., :2] @ v[..., :2].mT

    both = {
        "logdet": lambda linalg, x: linalg.slogdet(x)[1],
        "projector": projector,
        "qr": lambda linalg, x: linalg.qr(x)[0] @ linalg.qr(x)[1][..., :2],
        "low rank": low_rank,
        "pinv": lambda linalg, x: linalg.pinv(x[..., :2]),
        "nuc": lambda linalg, x: linalg.norm(x[0], "nuc"),
        "power": lambda linalg, x: linalg.matrix_power(x, 5),
        "solve": lambda linalg, x: linalg.solve(x, b if linalg is np.linalg else torch.tensor(b)),
        "expm": lambda linalg, x: expm(x) if linalg is np.linalg else torch.linalg.matrix_exp(x),
        "lstsq": lambda linalg, x: linalg.lstsq(x[0][:, :2], b if linalg is np.linalg else torch.tensor(b))[0],
    }.get(name) or (lambda linalg, x: getattr(linalg, name)(x))
    a = symmetric(rng) / 4.0
    x, tensor = Value(a), torch.tensor(a, requires_grad=True)
    out, expected = both(np.linalg, x), both(torch.linalg, tensor)
    np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=1e-10, atol=1e-10)
    g = rng.normal(size=out.shape)
    out.backward(g)
    expected.backward(torch.tensor(g))
    np.testing.assert_allclose(x.grad, tensor.grad.numpy(), rtol=1e-9, atol=1e-9)
