"""micrograd's moons demo with the imports changed: the same losses and gradients, step for step."""

import math
import random

import pytest

import tinygrad_edu
from tinygrad_edu.nn import MLP

# What micrograd 0.1.0 gives for `run(..., steps=5)`: the loss, five of the gradients, and the sum of all magnitudes.
CHECKED = (0, 2, 50, 200, 336)
REFERENCE = (
    (
        0.8990272565942887,
        (0.2966228785157352, 0.27214798369120075, -0.00011960740224195262, 0.10877372681431262, -0.16666666666666663),
        29.49858768034787,
    ),
    (
        1.8314501460803976,
        (
            -1.2223432922558785e-05,
            -5.442959673824015e-05,
            0.0057036558581594395,
            -2.1754745362862525e-05,
            0.13336666666666666,
        ),
        12.780426274276632,
    ),
    (
        0.4984367690527703,
        (
            -1.2221010238153535e-05,
            -5.441880879216663e-05,
            -0.00012071394535259144,
            -2.1750433572331605e-05,
            -0.19999309994,
        ),
        7.3634004779507105,
    ),
    (
        0.5921005480665397,
        (
            -1.2218610031742762e-05,
            -5.440812093811984e-05,
            -0.0003580095653813384,
            -0.06928723485452103,
            0.30004617870482825,
        ),
        9.962444429022463,
    ),
    (
        0.47502909767382906,
        (
            -1.2216232290230585e-05,
            -5.4397533117785284e-05,
            -0.00012062056847230096,
            0.04331485498065943,
            -0.20001221028154773,
        ),
        5.588599367989325,
    ),
)


def moons(n):
    """Two half circles with noise, by Python's own generator, so that the numbers stay as they are."""
    draw = random.Random(1337)
    points, labels = [], []
    for i in range(n):
        t, label = math.pi * (i // 2) / (n // 2 - 1), i % 2
        x, y = (math.cos(t), math.sin(t)) if label == 0 else (1 - math.cos(t), 0.5 - math.sin(t))
        points.append([x + draw.gauss(0, 0.1), y + draw.gauss(0, 0.1)])
        labels.append(2 * label - 1)
    return points, labels


def run(model, value, steps, n=30):
    """The demo: max-margin loss, L2 penalty, a falling learning rate. Yields (loss, gradients)."""
    points, labels = moons(n)
    for k in range(steps):
        inputs = [list(map(value, row)) for row in points]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(labels, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        total = data_loss + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        total.backward()
        yield total.data, [p.grad for p in model.parameters()]
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / 100) * p.grad


def test_five_steps_of_the_moons_demo_give_the_numbers_of_micrograd():
    model = MLP(2, [16, 16, 1], rng=random.Random(1337))
    for (loss, grads), (expected, some, total) in zip(run(model, tinygrad_edu.Value, 5), REFERENCE, strict=True):
        assert loss == pytest.approx(expected, rel=1e-12)
        assert [grads[i] for i in CHECKED] == pytest.approx(some, rel=1e-9, abs=1e-14)
        assert math.fsum(map(abs, grads)) == pytest.approx(total, rel=1e-11)


def test_the_first_loss_of_the_moons_demo_is_micrograds_to_the_last_bit():
    model = MLP(2, [16, 16, 1], rng=random.Random(1337))
    loss, _ = next(run(model, tinygrad_edu.Value, 1))
    assert loss == REFERENCE[0][0]


def test_every_loss_and_gradient_of_the_demo_equals_micrograds_side_by_side():
    engine = pytest.importorskip("micrograd.engine")
    theirs_nn = pytest.importorskip("micrograd.nn")
    random.seed(7)
    theirs = theirs_nn.MLP(2, [8, 8, 1])
    random.seed(7)
    ours = MLP(2, [8, 8, 1], rng=random)
    assert [p.data for p in ours.parameters()] == [p.data for p in theirs.parameters()]
    both = zip(run(ours, tinygrad_edu.Value, 8), run(theirs, engine.Value, 8), strict=True)
    for (loss, grads), (expected, expected_grads) in both:
        assert loss == pytest.approx(expected, rel=1e-12)
        assert grads == pytest.approx(expected_grads, rel=1e-9, abs=1e-14)
