# %% [markdown]
"""
# 33. An operation of your own

An operation is one entry: what it computes, and its derivative, both in plain NumPy. Derivatives of any order, both
modes, broadcasting, pictures and verification follow from it.

**Claim.** From a first derivative in one line come exact second and third derivatives, and finite differences agree.
"""

# %%
import numpy as np

from tinygrad_edu import Value, check_gradients, elementwise_grad, grad, hessian, jvp, viz, vjp
from tinygrad_edu.kinds import elementwise, general
from tinygrad_edu.lesson import show
from tinygrad_edu.op import Interval, case

rng = np.random.default_rng(0)

# %% [markdown]
# The entry: forward in plain NumPy, and for each operand t times the derivative. No bookkeeping, no Value in sight.

# %%
soft_gap = elementwise(
    "soft_gap",
    lambda x, y: np.sqrt(1 + (x - y) ** 2) - 1,
    along=(
        lambda t, out, x, y: t * (x - y) / (out + 1),
        lambda t, out, x, y: t * (y - x) / (out + 1),
    ),
    symbol="gap",
    reads=("(x - y) / (gap + 1)", "(y - x) / (gap + 1)"),
    domain=Interval(-2.0, 2.0),
)

# %% [markdown]
# An operation whose entries mix has a rule to pull a gradient back, and one to push a tangent forward.

# %%
mean_square = general(
    "mean_square",
    lambda x: np.mean(x * x),
    pull=(lambda g, out, x: g * x * (2.0 / np.size(x)),),
    push=(lambda t, out, x: np.mean(2.0 * t * x),),
    reads="2 x / n",
    cases=(case((3,)), case((2, 3))),
)

# %% [markdown]
# It broadcasts, and each gradient comes back in the shape of its operand. The picture has the symbol of the entry.

# %%
x, y = Value(rng.normal(size=(3, 1)), name="x"), Value(rng.normal(size=4), name="y")
loss = mean_square(soft_gap(x, y))
loss.backward()
print(f"soft_gap of {x.shape} and {y.shape}: gradients of {x.grad.shape} and {y.grad.shape}")
show(viz.draw(loss), "custom_operation.svg", "Two operations that the library did not have, in a graph like any other.")

# %% [markdown]
# The same rules serve both modes: pulling back and pushing forward are adjoint, <u, J t> = <J' u, t>.

# %%
a, t = rng.normal(size=4), rng.normal(size=4)
value, pullback = vjp(lambda y: soft_gap(a[:, None], y), a)
_, tangent = jvp(lambda y: soft_gap(a[:, None], y), a, t)
u = rng.normal(size=value.shape)
print(f"<u, J t> = {np.sum(u * tangent):.12f}   <J' u, t> = {np.sum(pullback(u) * t):.12f}")

# %% [markdown]
# Any order: the second derivative of sqrt(1 + x^2) is (1 + x^2)^(-3/2), the third -3x (1 + x^2)^(-5/2).


# %%
def gap(x):
    """The distance from 0, smooth."""
    return soft_gap(x, 0.0)


third = grad(grad(grad(gap)))(1.0)
print(f"third derivative at 1: {third:.12f}   by hand: {-3 * 2**-2.5:.12f}")

# %% [markdown]
# The proof, by finite differences.

# %%
reports = check_gradients(soft_gap, a[:, None], a + 0.5), check_gradients(mean_square, a)
print(*reports, sep="\n")

# %%
assert (x.grad.shape, y.grad.shape) == ((3, 1), (4,))
assert np.isclose(np.sum(u * tangent), np.sum(pullback(u) * t), rtol=1e-12)
np.testing.assert_allclose(elementwise_grad(elementwise_grad(gap))(a), (1 + a**2) ** -1.5, rtol=1e-12)
assert np.isclose(third, -3 * 2**-2.5, rtol=1e-12)
np.testing.assert_allclose(hessian(mean_square)(a), np.eye(4) / 2)
assert all(report.passed for report in reports)
