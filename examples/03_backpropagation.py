# %% [markdown]
"""
# 3. Backpropagation, by hand and by graph

How does the loss change with one weight deep in the network? The chain rule says: multiply the local derivatives along
the path from the loss to that weight. Backpropagation does this for all weights in one walk from right to left.

**Claim.** With all weights 1, biases 0, x = [-2, -1] and target 1 the network predicts 0.524, and dL/dw1 = 0.0215
(0.0214 if every number on the way is first rounded to three digits).
"""

# %%
import math

from tinygrad_edu import Value, check_graph, sigmoid, viz
from tinygrad_edu.lesson import show

# %% [markdown]
# By hand. Forward first: two hidden neurons h1 and h2, the output o1, and the squared error L = (1 - o1)^2.

# %%


def s(v):
    """The sigmoid of a number."""
    return 1 / (1 + math.exp(-v))


def slope(v):
    """Its derivative, s(v) (1 - s(v))."""
    return s(v) * (1 - s(v))


h1 = h2 = s(1 * -2 + 1 * -1)
o1 = s(1 * h1 + 1 * h2)
print(f"h1 = h2 = {h1:.4f}, prediction o1 = {o1:.3f}, loss (1 - o1)^2 = {(1 - o1) ** 2:.4f}")

# %% [markdown]
# Backward: dL/dw1 = dL/do1 * do1/dh1 * dh1/dw1, and each factor needs nothing but numbers that are there already.

# %%
factors = {
    "dL/do1  = -2 (1 - o1)   ": -2 * (1 - o1),
    "do1/dh1 = w5 f'(h1 + h2)": 1 * slope(h1 + h2),
    "dh1/dw1 = x1 f'(-3)     ": -2 * slope(-3),
}
for name, factor in factors.items():
    print(f"{name} = {factor:+.4f}")
by_hand = math.prod(factors.values())


def r(number):
    """A number rounded to three digits, as one writes it down."""
    return float(f"{number:.3g}")


rounded = r(-2 * (1 - r(o1))) * r(slope(r(h1) + r(h2))) * r(-2 * slope(-3))
print(f"dL/dw1 = {by_hand:.4f}; rounding to three digits on the way: {rounded:.4f}")

# %% [markdown]
# By graph: write the forward pass, call backward(), read the gradient of every parameter.

# %%
x1, x2 = Value(-2.0, name="x1"), Value(-1.0, name="x2")
w1, w2, w3, w4, w5, w6 = (Value(1.0, name=f"w{k}") for k in range(1, 7))
b1, b2, b3 = (Value(0.0, name=f"b{k}") for k in range(1, 4))
parameters = [w1, w2, w3, w4, w5, w6, b1, b2, b3]


def forward():
    """The loss and the prediction, with the parameters as they are."""
    hidden1, hidden2 = sigmoid(w1 * x1 + w2 * x2 + b1), sigmoid(w3 * x1 + w4 * x2 + b2)
    output = sigmoid(w5 * hidden1 + w6 * hidden2 + b3)
    loss = (1 - output) ** 2
    for value, name in ((hidden1, "h1"), (hidden2, "h2"), (output, "o1"), (loss, "L")):
        value.name = name
    return loss, output


loss, output = forward()
loss.backward()
for parameter in parameters:
    print(f"dL/d{parameter.name} = {parameter.grad:+.4f}")

# %% [markdown]
# On the picture's edges stand the local derivatives. Follow the wide path from w1 to L and multiply: that is dL/dw1.
# Where paths meet, as in x1, their products add up.

# %%
show(
    viz.draw(loss, edges="local", highlight=w1),
    "chain_rule.svg",
    "Multiply the numbers on the wide edges from L back to w1: that is dL/dw1.",
)

# %% [markdown]
# Finite differences confirm every gradient; and one step against them makes the loss smaller, by about the step times
# the sum of their squares.

# %%
report = check_graph(loss)
print(f"all {len(report.entries)} gradients by finite differences: {report.verdict.name}")
expected = 0.1 * sum(parameter.grad**2 for parameter in parameters)
for parameter in parameters:
    parameter.data -= 0.1 * parameter.grad
lowered = loss.item() - forward()[0].item()
print(f"a step of 0.1 lowers the loss by {lowered:.4f}; the gradients promised {expected:.4f}")

# %%
assert round(o1, 3) == round(output.item(), 3) == 0.524
assert round(by_hand, 4) == 0.0215
assert round(rounded, 4) == 0.0214
assert math.isclose(w1.grad, by_hand, rel_tol=1e-12)
assert report.passed
assert math.isclose(lowered, expected, rel_tol=0.02)
