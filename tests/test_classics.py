"""Classic functions in plain NumPy, differentiated as they stand, against closed forms and independent numbers."""

import itertools

import numpy as np
import pytest

from tinygrad_edu.transforms import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad


def central(f, x, step=1e-6):
    """The gradient of `f` by central differences."""
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[i] = step
        found[i] = (f(x + e) - f(x - e)) / (2 * step)
    return found


def complex_step(f, x):
    """The gradient of `f`, which runs on complex numbers, exact to the last bits."""
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        z = x.astype(complex)
        z[i] += 1e-30j
        found[i] = f(z).imag / 1e-30
    return found


def adjoint(f, x, rng):
    """How far forward and reverse mode are from being adjoint, relative."""
    t = rng.normal(size=x.shape)
    forward, reverse = jvp(f, (x,), (t,))[1], np.sum(grad(f)(x) * t)
    return abs(forward - reverse) / max(abs(reverse), 1e-300)


# -- logistic regression


def test_logistic_regression(rng):
    x, y = rng.normal(size=(40, 3)), (rng.random(40) < 0.5).astype(float)

    def loss(w):
        p = 1 / (1 + np.exp(-(x @ w)))
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.1 * np.sum(w**2)

    w = rng.normal(size=3)
    p = 1 / (1 + np.exp(-(x @ w)))
    np.testing.assert_allclose(grad(loss)(w), x.T @ (p - y) / 40 + 0.2 * w, rtol=1e-12)
    curvature = (x.T * (p * (1 - p))) @ x / 40 + 0.2 * np.eye(3)
    np.testing.assert_allclose(hessian(loss)(w), curvature, rtol=1e-11)
    for _ in range(8):  # Newton's method arrives
        w = w - np.linalg.solve(hessian(loss)(w), grad(loss)(w))
    assert np.abs(grad(loss)(w)).max() < 1e-12
    np.testing.assert_allclose(grad(loss)(p[:3]), complex_step(loss, p[:3]), rtol=1e-12)


# -- Gaussian mixture


def log_likelihood(params, x):
    """Log-likelihood of points under a mixture of Gaussians with diagonal covariances."""
    logits, means, log_scales = params["logits"], params["means"], params["log_scales"]
    log_weights = logits - np.log(np.sum(np.exp(logits)))
    z = (x[:, None, :] - means) / np.exp(log_scales)
    parts = log_weights + np.sum(-0.5 * z**2 - log_scales - 0.5 * np.log(2 * np.pi), axis=2)
    peak = np.max(parts, axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(parts - peak), axis=1)) + peak[:, 0])


def test_gaussian_mixture_likelihood(rng):
    x = rng.normal(size=(20, 2))
    params = {
        "logits": rng.normal(size=3),
        "means": rng.normal(size=(3, 2)),
        "log_scales": 0.3 * rng.normal(size=(3, 2)),
    }
    found = grad(log_likelihood)(params, x)
    for name, value in params.items():
        numbers = central(lambda v, name=name: log_likelihood({**params, name: v}, x), value)
        np.testing.assert_allclose(found[name], numbers, rtol=1e-6, atol=1e-7)
    # The gradient by the means is the sum of responsibility times distance: what the EM algorithm uses.
    z = (x[:, None, :] - params["means"]) / np.exp(params["log_scales"])
    joint = np.exp(params["logits"]) * np.exp(np.sum(-0.5 * z**2 - params["log_scales"], axis=2))
    shares = joint / joint.sum(axis=1, keepdims=True)
    by_hand = np.sum(shares[:, :, None] * z / np.exp(params["log_scales"]), axis=0)
    np.testing.assert_allclose(found["means"], by_hand, rtol=1e-11)


# -- an ODE


def pendulum(state, length):
    angle, speed = state[0], state[1]
    return np.stack([speed, -9.81 / length * np.sin(angle)])


def runge_kutta(state, length, steps=50, h=0.02):
    for _ in range(steps):
        a = pendulum(state, length)
        b = pendulum(state + h / 2 * a, length)
        c = pendulum(state + h / 2 * b, length)
        d = pendulum(state + h * c, length)
        state = state + h / 6 * (a + 2 * b + 2 * c + d)
    return state


def test_a_loop_of_ode_steps(rng):
    start, length = np.array([0.5, 0.1]), 1.3
    J = jacobian(runge_kutta)(start, length)
    by_numbers = np.stack([central(lambda s, i=i: runge_kutta(s, length)[i], start) for i in range(2)])
    np.testing.assert_allclose(J, by_numbers, rtol=1e-7)
    np.testing.assert_allclose(np.linalg.det(J), 1.0, rtol=1e-6)  # Liouville: the flow keeps areas
    final = lambda s: np.sum(runge_kutta(s, length) ** 2)  # noqa: E731
    assert adjoint(final, start, rng) < 1e-12


def test_exponential_decay_has_the_derivative_of_its_closed_form():
    def euler(rate, steps=100, h=0.01):
        y = 1.0
        for _ in range(steps):
            y = y + h * (-rate * y)
        return y

    rate = 2.0
    np.testing.assert_allclose(grad(euler)(rate), -100 * 0.01 * (1 - 0.01 * rate) ** 99, rtol=1e-12)
    np.testing.assert_allclose(grad(grad(euler))(rate), 9900 * 1e-4 * (1 - 0.01 * rate) ** 98, rtol=1e-11)


# -- a network


def network(params, x):
    for weight, bias in params[:-1]:
        x = np.tanh(x @ weight + bias)
    weight, bias = params[-1]
    return x @ weight + bias


@pytest.mark.parametrize("sizes", [(2, 1), (2, 5, 1), (3, 4, 6, 4, 2)])
def test_a_network_of_any_depth(sizes, rng):
    params = [(rng.normal(size=(m, n)) / np.sqrt(m), rng.normal(size=n)) for m, n in itertools.pairwise(sizes)]
    x, y = rng.normal(size=(7, sizes[0])), rng.normal(size=(7, sizes[-1]))
    loss = lambda params: np.mean((network(params, x) - y) ** 2)  # noqa: E731
    value, found = value_and_grad(loss)(params)
    assert value == loss(params)

    # backpropagation, written out
    states = [x]
    for weight, bias in params[:-1]:
        states.append(np.tanh(states[-1] @ weight + bias))
    delta = 2 * (network(params, x) - y) / y.size
    for (weight, _), state, (by_weight, by_bias) in zip(params[::-1], states[::-1], found[::-1], strict=True):
        np.testing.assert_allclose(by_weight, state.T @ delta, rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(by_bias, delta.sum(axis=0), rtol=1e-11, atol=1e-14)
        delta = (delta @ weight.T) * (1 - state**2)


def test_the_curvature_of_a_network_times_a_vector(rng):
    params = [(rng.normal(size=(2, 4)), rng.normal(size=4)), (rng.normal(size=(4, 1)), rng.normal(size=1))]
    direction = [(rng.normal(size=w.shape), rng.normal(size=b.shape)) for w, b in params]
    x = rng.normal(size=(6, 2))
    loss = lambda params: np.mean(network(params, x) ** 2)  # noqa: E731

    def ahead(s):
        return grad(loss)([(w + s * v, b + s * u) for (w, b), (v, u) in zip(params, direction, strict=True)])

    product = hvp(loss)(params, direction)
    for found, plus, minus in zip(product, ahead(1e-6), ahead(-1e-6), strict=True):
        for h, p, m in zip(found, plus, minus, strict=True):
            np.testing.assert_allclose(h, (p - m) / 2e-6, rtol=1e-6, atol=1e-8)


# -- Rosenbrock


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def test_the_hessian_of_rosenbrocks_function(rng):
    optimize = pytest.importorskip("scipy.optimize")
    for x in (np.ones(4), rng.normal(size=4)):
        np.testing.assert_allclose(grad(rosenbrock)(x), optimize.rosen_der(x), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(hessian(rosenbrock)(x), optimize.rosen_hess(x), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(hvp(rosenbrock)(x, x), optimize.rosen_hess_prod(x, x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(grad(rosenbrock)(x), complex_step(rosenbrock, x), rtol=1e-13)


# -- attention


def attention(q, k, v):
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True) @ v


def test_softmax_attention(rng):
    q, k, v = (rng.normal(size=(2, 5, 3)) for _ in range(3))
    weights = rng.normal(size=(2, 5, 3))
    loss = lambda q, k, v: np.sum(attention(q, k, v) * weights)  # noqa: E731
    by_q, by_k, by_v = grad(loss, argnum=(0, 1, 2))(q, k, v)
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(3)
    p = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(by_v, p.transpose(0, 2, 1) @ weights, rtol=1e-12)
    dp = weights @ v.transpose(0, 2, 1)
    ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) / np.sqrt(3)
    np.testing.assert_allclose(by_q, ds @ k, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(by_k, ds.transpose(0, 2, 1) @ q, rtol=1e-11, atol=1e-13)


def test_attention_by_einsum_is_the_same(rng):
    q, k, v = (rng.normal(size=(2, 4, 3)) for _ in range(3))

    def by_einsum(q, k, v):
        scores = np.einsum("bqd,bkd->bqk", q, k) / np.sqrt(3)
        e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
        return np.einsum("bqk,bkd->bqd", e / e.sum(axis=-1, keepdims=True), v)

    for i in range(3):
        found = grad(lambda *a: np.sum(by_einsum(*a) ** 2), argnum=i)(q, k, v)
        np.testing.assert_allclose(found, grad(lambda *a: np.sum(attention(*a) ** 2), argnum=i)(q, k, v), rtol=1e-10)


# -- a Gaussian process


def negative_log_likelihood(params, x, y):
    """Of a Gaussian process with a squared exponential kernel, by Cholesky."""
    length, scale, noise = np.exp(params["length"]), np.exp(params["scale"]), np.exp(params["noise"])
    distance = (x[:, None] - x[None, :]) / length
    covariance = scale**2 * np.exp(-0.5 * distance**2) + noise**2 * np.eye(len(x))
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, y)
    return 0.5 * np.sum(white**2) + np.sum(np.log(np.diagonal(factor))) + 0.5 * len(x) * np.log(2 * np.pi)


def test_gaussian_process_likelihood(rng):
    x = np.sort(rng.uniform(-3, 3, size=12))
    y = np.sin(x) + 0.1 * rng.normal(size=12)
    params = {"length": 0.1, "scale": -0.2, "noise": -1.5}
    found = grad(negative_log_likelihood)(params, x, y)

    # Rasmussen & Williams (5.9): -1/2 tr((a a' - K^-1) dK)
    length, scale, noise = (np.exp(params[name]) for name in ("length", "scale", "noise"))
    distance = (x[:, None] - x[None, :]) / length
    smooth = scale**2 * np.exp(-0.5 * distance**2)
    inverse = np.linalg.inv(smooth + noise**2 * np.eye(12))
    a = inverse @ y
    changes = {"length": smooth * distance**2, "scale": 2 * smooth, "noise": 2 * noise**2 * np.eye(12)}
    for name, change in changes.items():
        np.testing.assert_allclose(found[name], -0.5 * np.trace((np.outer(a, a) - inverse) @ change), rtol=1e-9)

    matrix = hessian(negative_log_likelihood)(params, x, y)
    for name in params:
        up, down = (grad(negative_log_likelihood)({**params, name: params[name] + s}, x, y) for s in (1e-5, -1e-5))
        for row in params:
            np.testing.assert_allclose(matrix[row][name], (up[row] - down[row]) / 2e-5, rtol=1e-6, atol=1e-7)


# -- against other ways to differentiate


def test_elementary_functions_agree_with_the_complex_step():
    x = np.array([0.3, 0.9, 1.7])
    for f in (np.exp, np.sin, np.tanh, np.sqrt, lambda z: z**2.5, lambda z: np.log1p(z * z) / (2 + np.cos(z))):
        exact = f(x + 1e-30j).imag / 1e-30
        np.testing.assert_allclose(elementwise_grad(f)(x), exact, rtol=1e-14)
        np.testing.assert_allclose(jvp(f, x, np.ones(3))[1], exact, rtol=1e-14)


@pytest.mark.slow
def test_a_network_and_attention_agree_with_pytorch(rng):
    torch = pytest.importorskip("torch")
    arrays = [rng.normal(size=shape) for shape in ((6, 3), (3, 3), (3, 3), (3, 3), (3, 2))]

    def model(np, x, wq, wk, wv, wo):
        q, k, v = x @ wq, x @ wk, x @ wv
        e = np.exp(q @ k.T / 3**0.5)
        return (np.tanh(e / e.sum(-1)[:, None] @ v @ wo) ** 2).mean()

    found = grad(lambda *a: model(np, *a), argnum=tuple(range(5)))(*arrays)
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    loss = model(torch, *tensors)
    loss.backward()
    for ours, tensor in zip(found, tensors, strict=True):
        np.testing.assert_allclose(ours, tensor.grad.numpy(), rtol=1e-11, atol=1e-14)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # importing torch.func makes some
def test_hessians_and_jacobians_agree_with_pytorch(rng):
    functional = pytest.importorskip("torch.func")
    torch = pytest.importorskip("torch")
    x, v = rng.normal(size=4), rng.normal(size=4)

    def f(np, x):
        return np.exp(np.sin(x) * x.sum()) / (1 + x**2)

    t = torch.tensor(x)
    ours = lambda x: f(np, x)  # noqa: E731
    theirs = lambda x: f(torch, x)  # noqa: E731
    np.testing.assert_allclose(jacobian(ours)(x), functional.jacrev(theirs)(t).numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(jvp(ours, x, v)[1], functional.jvp(theirs, (t,), (torch.tensor(v),))[1].numpy())
    total = hessian(lambda x: ours(x).sum())(x)
    np.testing.assert_allclose(total, functional.hessian(lambda x: theirs(x).sum())(t).numpy(), rtol=1e-11, atol=1e-13)
