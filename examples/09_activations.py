# %% [markdown]
"""
# 9. Activation functions

Without a bend between them, two layers are one: a product of matrices is a matrix. The activation is that bend. What
matters for learning is its derivative, because backpropagation multiplies by it: where it is nearly 0, the unit is
saturated and hardly learns.

**Claim.** The sigmoid's slope is at most 1/4, so ten of them in a row pass on less than a millionth of a gradient; relu
passes all of it, or none. Of fifteen activations each derivative equals the formula in the books.
"""

# %%
import math

import numpy as np

from tinygrad_edu import Value, nn, relu, sigmoid, viz
from tinygrad_edu.lesson import show

# %% [markdown]
# Those that squash: everything large becomes nearly the same, and the slope on both sides goes to 0 (grey).

# %%
squashing = {
    "sigmoid": sigmoid, "tanh": np.tanh, "softsign": nn.Softsign(), "hard sigmoid": nn.HardSigmoid(),
    "hard tanh": nn.HardTanh(),
}  # fmt: skip
rectifying = {
    "relu": relu, "leaky relu (0.1)": nn.LeakyReLU(0.1), "PReLU (slope learned)": nn.PReLU(), "ELU": nn.ELU(),
    "SELU": nn.SELU(), "softplus": nn.Softplus(), "GELU": nn.GELU(), "SiLU": nn.SiLU(), "Mish": nn.Mish(),
    "hard swish": nn.HardSwish(),
}  # fmt: skip
show(
    viz.plot_activation(squashing),
    "squashing.png",
    "Squashing functions and their slopes (dashed); grey where the slope is below 0.05.",
)

# %% [markdown]
# Those that rectify: as they are for positive inputs, closed or nearly so for negative ones. The variants keep a little
# slope on the left (leaky, PReLU, ELU, SELU) or round off the corner (softplus, GELU, SiLU, Mish).

# %%
show(
    viz.plot_activation(rectifying),
    "rectifying.png",
    "Rectifiers and their slopes (dashed): one side open, the other more or less closed.",
)


def slope(function, x):
    """The derivative at each number of x, by the graph."""
    x = Value(np.array(x))
    function(x).sum().backward()
    return x.grad


print(f"{'slope at':21}" + "".join(f"{at:10}" for at in (-5, -1, 1, 5)))
for name, function in (squashing | rectifying).items():
    print(f"{name:21}" + "".join(f"{number:10.4f}" for number in slope(function, [-5.0, -1.0, 1.0, 5.0])))

# %% [markdown]
# Saturation multiplies. A signal through ten activations, one after the other, and the gradient that comes back:

# %%
passed = {}
for name, function in {"sigmoid": sigmoid, "tanh": np.tanh, "relu": relu, "SiLU": nn.SiLU()}.items():
    x = Value(1.0)
    out = x
    for _ in range(10):
        out = function(out)
    out.backward()
    passed[name] = x.grad
    print(f"ten times {name:8} gradient {x.grad:.2e}")

# %% [markdown]
# Every derivative, against the formula that the books give (x positive and negative, s the sigmoid of x).

# %%
x = np.linspace(-4, 4, 41) + 0.01  # no corner is hit
s, t = 1 / (1 + np.exp(-x)), np.tanh(x)
scale, alpha = 1.0507009873554805, 1.6732632423543772
books = {
    "sigmoid": s * (1 - s),
    "tanh": 1 - t**2,
    "softsign": 1 / (1 + abs(x)) ** 2,
    "hard sigmoid": (abs(x) < 3) / 6,
    "hard tanh": (abs(x) < 1) * 1.0,
    "relu": (x > 0) * 1.0,
    "leaky relu (0.1)": np.where(x > 0, 1, 0.1),
    "PReLU (slope learned)": np.where(x > 0, 1, 0.25),
    "ELU": np.where(x > 0, 1, np.exp(x)),
    "SELU": scale * np.where(x > 0, 1, alpha * np.exp(x)),
    "softplus": s,
    "GELU": np.vectorize(math.erf)(x / np.sqrt(2)) / 2 + 0.5 + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi),
    "SiLU": s * (1 + x * (1 - s)),
    "Mish": np.tanh(np.log1p(np.exp(x))) + x * (1 - np.tanh(np.log1p(np.exp(x))) ** 2) * s,
    "hard swish": np.where(abs(x) < 3, x / 3 + 0.5, (x > 0) * 1.0),
}
functions = squashing | rectifying
for name, expected in books.items():
    np.testing.assert_allclose(slope(functions[name], x), expected, rtol=1e-9, atol=1e-12, err_msg=name)
print(f"{len(books)} derivatives agree with their formulas")

# %%
assert books.keys() == functions.keys()
assert books["sigmoid"].max() <= 0.25
assert passed["sigmoid"] < 1e-6
assert passed["relu"] == 1.0
assert slope(relu, [-1.0, 1.0]).tolist() == [0.0, 1.0]
