import warnings

import numpy as np
import pytest

from tinygrad_edu.errors import ArgumentError, DataError, ShapeError
from tinygrad_edu.nn import HopfieldNetwork, McCullochPitts, Perceptron
from tinygrad_edu.nn.classic.perceptron import NotSeparatedWarning

TWO = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_gates_of_any_width(n):
    inputs = np.array(np.meshgrid(*[[0, 1]] * n)).reshape(n, -1).T
    np.testing.assert_array_equal(McCullochPitts.AND(n)(inputs), inputs.all(axis=1))
    np.testing.assert_array_equal(McCullochPitts.OR(n)(inputs), inputs.any(axis=1))


def test_not_is_one_inhibitory_input():
    gate = McCullochPitts.NOT()
    assert (gate([0]), gate([1])) == (1, 0)
    assert gate.inhibitory == (0,)


def test_an_inhibitory_input_vetoes_any_sum():
    neuron = McCullochPitts([1, 1, 1, 1], threshold=1, inhibitory=[3])
    assert neuron([1, 1, 1, 0]) == 1
    assert neuron([1, 1, 1, 1]) == 0
    np.testing.assert_array_equal(neuron.sums([[1, 1, 1, 1], [0, 1, 0, 0]]), [3, 1])


def test_a_negative_weight_inhibits_without_a_veto():
    neuron = McCullochPitts([2, -1], threshold=1)
    assert [neuron(x) for x in TWO] == [0, 0, 1, 1]


def test_no_single_threshold_neuron_is_xor_over_a_grid_of_weights():
    grid = np.arange(-3, 4)
    found = {
        tuple(McCullochPitts([a, b], threshold=t)(TWO)) for a in grid for b in grid for t in grid
    }  # fmt: skip
    assert (0, 1, 1, 0) not in found
    assert (0, 0, 0, 1) in found


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: McCullochPitts([], 1), ArgumentError, "one number an input"),
        (lambda: McCullochPitts([1, 1], 1, inhibitory=[2]), ArgumentError, "from 0 to 1"),
        (lambda: McCullochPitts.AND(2)([1, 0, 1]), ShapeError, r"expected inputs of shape \(2,\) or \(batch, 2\), got"),
        (lambda: McCullochPitts.AND(2)([1, 0.5]), DataError, "0 or 1"),
        (lambda: Perceptron(lr=0), ArgumentError, "above 0"),
        (lambda: Perceptron().predict(TWO), ArgumentError, "learned nothing yet"),
        (lambda: Perceptron().fit(TWO, [0, 1, 2, 3]), DataError, "0 and 1, or -1 and 1"),
        (lambda: Perceptron().fit(TWO, [0, 1]), ShapeError, r"got \(4, 2\) and \(2,\)"),
        (lambda: Perceptron().fit(TWO * np.nan, [0, 1, 1, 1]), DataError, "finite"),
        (lambda: HopfieldNetwork(3).store([1, -1]), ShapeError, "3 entries"),
        (lambda: HopfieldNetwork(2).store([0, 1]), DataError, r"2 \* x - 1"),
        (lambda: HopfieldNetwork(2).recall([[1, 1], [1, 1]]), ShapeError, "one state"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("wanted", [[0, 0, 0, 1], [0, 1, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0]])
def test_the_perceptron_learns_and_or_nand_nor(wanted):
    perceptron = Perceptron().fit(TWO, wanted)
    assert perceptron.converged
    assert perceptron.mistakes[-1] == 0
    np.testing.assert_array_equal(perceptron.predict(TWO), wanted)
    np.testing.assert_array_equal(TWO @ perceptron.weights > perceptron.theta, np.array(wanted, dtype=bool))


def test_its_first_steps_are_those_of_the_rule():
    perceptron = Perceptron(epochs=1)
    with pytest.warns(NotSeparatedWarning):
        perceptron.fit(TWO, [0, 0, 0, 1])
    # Only the last sample is wrong: it should fire, and the sum is 0. So the weights become that sample.
    np.testing.assert_array_equal(perceptron.weights, [1, 1])
    assert perceptron.bias == 1.0
    assert perceptron.mistakes == [1]


def test_xor_is_never_learned_and_it_says_so():
    perceptron = Perceptron(epochs=500)
    with pytest.warns(NotSeparatedWarning, match=r"after 500 passes: either no straight line"):
        perceptron.fit(TWO, [0, 1, 1, 0])
    assert not perceptron.converged
    assert min(perceptron.mistakes) > 0


def test_mistakes_stay_below_novikoffs_bound(rng):
    true = np.array([1.0, -2.0])
    x = rng.uniform(-1, 1, (300, 2))
    x = x[np.abs(x @ true) > 0.2]
    y = x @ true > 0
    perceptron = Perceptron(rng=0).fit(x, np.where(y, 1, -1))
    assert perceptron.converged
    extended = np.hstack([x, np.ones((len(x), 1))])
    margin = np.min(np.abs(x @ true)) / np.linalg.norm(true)
    assert sum(perceptron.mistakes) <= (np.linalg.norm(extended, axis=1).max() / margin) ** 2


def test_the_learning_rate_changes_no_decision(rng):
    x = rng.normal(size=(40, 3))
    y = (x @ [1.0, 2.0, -1.0] > 0.1).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotSeparatedWarning)
        first, second = (Perceptron(lr=lr, epochs=20).fit(x, y) for lr in (1.0, 0.25))
    assert first.mistakes == second.mistakes
    np.testing.assert_array_equal(first.weights, 4 * second.weights)


def test_hebbian_weights_are_symmetric_without_a_diagonal(rng):
    patterns = rng.choice([-1, 1], (3, 20))
    network = HopfieldNetwork(20).store(patterns[:2]).store(patterns[2])
    expected = patterns.T @ patterns / 20
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(network.weights, expected, rtol=1e-15)
    assert network.stored == 3


def test_noisy_patterns_are_completed_and_the_energy_never_rises(rng):
    patterns = rng.choice([-1, 1], (5, 100))
    network = HopfieldNetwork(100).store(patterns)
    assert network.capacity == 13
    for pattern in patterns:
        noisy = pattern.copy()
        noisy[rng.choice(100, 15, replace=False)] *= -1
        recall = network.recall(noisy, rng)
        assert recall.converged
        np.testing.assert_array_equal(recall.state, pattern)
        assert np.all(np.diff(recall.energies) <= 0)
        assert recall.energies[0] > recall.energies[-1] == network.energy(pattern)


def test_the_energy_never_rises_from_random_states_with_ties(rng):
    for n in (2, 5, 12):
        network = HopfieldNetwork(n).store(rng.choice([-1, 1], (4, n)))
        for _ in range(50):
            recall = network.recall(rng.choice([-1, 1], n), rng)
            assert recall.converged
            assert np.all(np.diff(recall.energies) <= 0)


def test_far_beyond_capacity_memories_are_lost(rng):
    def share_kept(count):
        patterns = rng.choice([-1, 1], (count, 200))
        network = HopfieldNetwork(200).store(patterns)
        return np.mean([(network.recall(pattern, rng).state == pattern).mean() > 0.95 for pattern in patterns])

    assert share_kept(15) == 1.0
    assert share_kept(60) < 0.2


def test_the_order_of_a_recall_is_that_of_the_generator(rng):
    network = HopfieldNetwork(60).store(rng.choice([-1, 1], (20, 60)))
    start = rng.choice([-1, 1], 60)
    np.testing.assert_array_equal(network.recall(start, 3).state, network.recall(start, 3).state)
    assert len({tuple(network.recall(start, seed).state) for seed in range(20)}) > 1


def test_the_input_of_a_recall_is_left_alone():
    network, start = HopfieldNetwork(3).store([1, 1, -1]), np.array([1, -1, -1])
    network.recall(start, rng=0)
    np.testing.assert_array_equal(start, [1, -1, -1])
