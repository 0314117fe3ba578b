import numpy as np
import pytest

from tinygrad_edu import Value, no_grad
from tinygrad_edu.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_edu.graph import topological
from tinygrad_edu.nn import GRU, LSTM, Dropout, ElmanRNN, JordanRNN, TreeRNN

KINDS = (ElmanRNN, LSTM, GRU)
every_kind = pytest.mark.parametrize("kind", KINDS)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(kind, cell, x):
    """All outputs for one sequence (time, features), step by step with plain NumPy."""
    w, u, n = cell.weight_input.data, cell.weight_hidden.data, cell.hidden_size
    h, c, outputs = np.zeros(n), np.zeros(n), []
    for row in x:
        a, back = row @ w + cell.bias.data, h @ u
        if kind is ElmanRNN:
            h = np.tanh(a + back)
        elif kind is LSTM:
            i, f, g, o = np.split(a + back, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            r, z = sigmoid((a + back)[:n]), sigmoid((a + back)[n : 2 * n])
            new = np.tanh(a[2 * n :] + r * (back[2 * n :] + cell.bias_hidden.data))
            h = (1 - z) * new + z * h
        outputs.append(h)
    return np.array(outputs)


@every_kind
@pytest.mark.parametrize("time", [1, 5, 40])
def test_a_layer_is_its_equations(kind, time, rng):
    layer, x = kind(2, 3, return_sequences=True, rng=0), rng.normal(size=(4, time, 2))
    for parameter in layer.parameters():
        parameter.data[...] += rng.normal(scale=0.3, size=parameter.shape)
    expected = [by_hand(kind, layer.cells[0], sequence) for sequence in x]
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-12)


@every_kind
def test_the_last_output_is_the_last_of_all(kind, rng):
    x = rng.normal(size=(2, 4, 3))
    alone, every = (kind(5, in_features=3, return_sequences=s, rng=0) for s in (False, True))
    np.testing.assert_array_equal(alone(x).data, every(x).data[:, -1])


@every_kind
def test_two_directions_stand_side_by_side(kind, rng):
    x = rng.normal(size=(2, 4, 3))
    both = kind(5, in_features=3, bidirectional=True, return_sequences=True, rng=0)
    one = kind(5, in_features=3, return_sequences=True, rng=0)
    for half, cell, data in ((slice(0, 5), both.cells[0], x), (slice(5, 10), both.cells[1], x[:, ::-1])):
        one.cells[0].load_state_dict(cell.state_dict())
        out = one(data).data
        np.testing.assert_allclose(both(x).data[..., half], out if half.start == 0 else out[:, ::-1], rtol=1e-13)
    both.return_sequences = False
    np.testing.assert_allclose(both(x).data[:, 5:], out[:, -1], rtol=1e-13)


@every_kind
def test_a_sequence_can_be_read_in_two_parts(kind, rng):
    x = rng.normal(size=(2, 7, 3))
    layer = kind(4, in_features=3, num_layers=2, return_sequences=True, return_state=True, rng=0)
    whole, end = layer(x)
    first, middle = layer(x[:, :3])
    second, end_again = layer(x[:, 3:], state=middle)
    np.testing.assert_allclose(np.concatenate([first.data, second.data], axis=1), whole.data, rtol=1e-13)
    ends = zip(end, end_again, strict=True) if kind is LSTM else [(end, end_again)]
    for a, b in ends:
        np.testing.assert_allclose(a.data, b.data, rtol=1e-13)


@every_kind
def test_padding_changes_nothing_and_gets_no_gradient(kind, rng):
    short, junk = rng.normal(size=(1, 3, 2)), 1e3 * rng.normal(size=(1, 2, 2))
    mask = np.array([[True, True, True, False, False]])
    layer = kind(4, in_features=2, num_layers=2, bidirectional=True, return_sequences=True, rng=0)
    padded = Value(np.concatenate([short, junk], axis=1))
    out = layer(padded, mask=mask)
    np.testing.assert_allclose(out.data[:, :3], layer(short).data, rtol=1e-12)
    np.testing.assert_array_equal(out.data[:, 3:], 0.0)
    out.sum().backward()
    np.testing.assert_array_equal(padded.grad[:, 3:], 0.0)
    assert np.all(padded.grad[:, :3] != 0.0)
    layer.return_sequences = False
    np.testing.assert_allclose(layer(padded, mask=mask).data, layer(short).data, rtol=1e-12)


def test_every_step_has_a_scope_of_its_own_below_its_cell():
    out = LSTM(2, in_features=1, num_layers=2, rng=0)(np.ones((1, 3, 1)))
    paths = {node.scope.path for node in topological(out) if node.scope is not None}
    assert paths == {"lstm", "lstm/cell0", "lstm/cell1"} | {f"lstm/cell{k}/step{t}" for k in (0, 1) for t in range(3)}
    names = {node.name for node in topological(out) if node.name}
    assert {"input", "forget", "output", "cell", "weight_input", "weight_hidden", "bias"} <= names


@every_kind
def test_the_inputs_of_all_steps_meet_their_weights_in_one_product(kind):
    layer = kind(3, in_features=2, rng=0)
    products = [node for node in topological(layer(np.ones((4, 6, 2)))) if node.op.name == "matmul"]
    by_weight = [node.parents[1].name for node in products]
    assert by_weight.count("weight_input") == 1
    assert by_weight.count("weight_hidden") == 6
    (first,) = (node for node in products if node.parents[1].name == "weight_input")
    assert first.shape[0] == 24


@every_kind
def test_dropout_between_layers_is_that_of_a_layer_between_them(kind, rng):
    x = rng.normal(size=(4, 6, 3))
    whole = kind(3, 5, num_layers=2, dropout=0.4, return_sequences=True, rng=0)
    parts = [kind(n, 5, return_sequences=True, rng=0) for n in (3, 5)]
    for part, cell in zip(parts, whole.cells, strict=True):
        part.cells[0].load_state_dict(cell.state_dict())
    whole.rng = np.random.default_rng(7)
    between = np.swapaxes(Dropout(0.4, rng=7)(np.swapaxes(parts[0](x), 0, 1)), 0, 1)  # drawn step by step
    np.testing.assert_array_equal(whole(x).data, parts[1](between).data)
    np.testing.assert_array_equal(whole.eval()(x).data, parts[1](parts[0](x)).data)


def test_the_forget_gate_starts_open():
    layer = LSTM(2, 3, rng=0)
    np.testing.assert_array_equal(layer.cells[0].bias.data, np.repeat([0.0, 1.0, 0.0, 0.0], 3))
    np.testing.assert_array_equal(LSTM(2, 3, forget_bias=0.0, rng=0).cells[0].bias.data, np.zeros(12))


@every_kind
def test_recurrent_weights_start_orthogonal_gate_by_gate(kind):
    weight = kind(2, 5, rng=0).cells[0].weight_hidden.data
    for gate in np.split(weight, weight.shape[1] // 5, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(5), atol=1e-12)


def test_what_comes_back_in_a_jordan_network_is_the_output(rng):
    layer, x = JordanRNN(2, 3, 1, output_activation="tanh", return_sequences=True, rng=0), rng.normal(size=(1, 4, 2))
    cell, y, expected = layer.cells[0], np.zeros(1), []
    for row in x[0]:
        h = np.tanh(row @ cell.weight_input.data + y @ cell.weight_hidden.data + cell.bias.data)
        y = np.tanh(h @ cell.weight_output.data + cell.bias_output.data)
        expected.append(y)
    np.testing.assert_allclose(layer(x).data[0], expected, rtol=1e-13)
    assert cell.weight_hidden.shape == (1, 3)


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (lambda: LSTM(2, 3)(np.ones((4, 2))), ShapeError, r"of shape \(batch, length, 2\), got \(4, 2\)"),
        (lambda: LSTM(2, 3)(np.ones((4, 0, 2))), ShapeError, "at least one step"),
        (lambda: GRU(2, 3)(np.ones((4, 5, 2)), state=np.ones((4, 3))), ShapeError, r"state of shape \(1, 4, 3\), got"),
        (lambda: LSTM(2, 3)(np.ones((4, 5, 2)), state=(np.ones((1, 4, 3)),)), ShapeError, r"a state of 2 of shape"),
        (lambda: GRU(2, 3)(np.ones((4, 5, 2)), mask=np.ones((4, 4), bool)), ShapeError, r"mask of shape \(4, 5\), got"),
        (lambda: GRU(2, 3)(np.ones((4, 5, 2)), mask=np.ones((4, 5))), DTypeError, "the mask must be boolean"),
        (lambda: GRU(2, 3, bidirectonal=True), ArgumentError, "no option 'bidirectonal'; there are"),
        (lambda: GRU(), ArgumentError, "hidden_size is missing"),
        (lambda: GRU(1, 2, 3), ArgumentError, r"by position, \(hidden_size\) or \(in_features, hidden_size\)"),
        (lambda: JordanRNN(4), ArgumentError, "output_size"),
        (lambda: GRU(4, dropout=0.5), ArgumentError, r"needs num_layers of at least 2; got 0.5 with num_layers=1"),
        (lambda: GRU(4, num_layers=2, dropout=1.0), ArgumentError, r"must lie in \[0, 1\)"),
        (lambda: ElmanRNN(4, activation="tanhh"), ArgumentError, "none is called 'tanhh'"),
    ],
)
def test_what_does_not_fit_is_refused(action, error, message):
    with pytest.raises(error, match=message):
        action()


def test_without_recording_no_graph_is_kept():
    with no_grad():
        assert GRU(3, rng=0)(np.ones((2, 30, 2))).parents == ()


# -- trees


def test_a_tree_is_composed_from_the_leaves_up(rng):
    layer = TreeRNN(3, rng=0)
    a, b, c, d = rng.normal(size=(4, 3))

    def joint(left, right):
        return np.tanh(np.concatenate([left, right]) @ layer.weight.data + layer.bias.data)

    np.testing.assert_allclose(layer(((a, b), (c, d))).data, joint(joint(a, b), joint(c, d)), rtol=1e-13)
    np.testing.assert_allclose(layer((((a, b), c), d)).data, joint(joint(joint(a, b), c), d), rtol=1e-13)
    assert [np.shape(one) for one in layer.nodes(((a, b), c))] == [(3,)] * 5
    np.testing.assert_array_equal(layer(a), a)


def test_the_weights_of_a_tree_are_shared_and_drawn_once(rng):
    layer = TreeRNN(2, rng=0)
    leaves = [Value(rng.normal(size=2)) for _ in range(4)]
    out = layer(((leaves[0], leaves[1]), (leaves[2], leaves[3])))
    nodes = topological(out)
    assert sum(node is layer.weight for node in nodes) == 1
    assert sum(parent is layer.weight for node in nodes for parent in node.parents) == 3
    assert {"treernn/joint0", "treernn/joint1", "treernn/joint2"} <= {n.scope.path for n in nodes if n.scope}
    out.sum().backward()
    assert all(leaf.grad is not None for leaf in leaves)


def test_a_deep_tree_is_no_recursion():
    tree = np.zeros(2)
    for _ in range(3000):
        tree = (tree, np.ones(2))
    with no_grad():
        assert TreeRNN(2, rng=0)(tree).shape == (2,)


def test_a_tree_for_a_batch(rng):
    layer, leaves = TreeRNN(2, rng=0), rng.normal(size=(3, 5, 2))
    together = layer((leaves[0], (leaves[1], leaves[2]))).data
    one = layer((leaves[0, 4], (leaves[1, 4], leaves[2, 4]))).data
    np.testing.assert_allclose(together[4], one, rtol=1e-13)


def test_a_bad_tree_names_the_way_to_the_fault():
    good = np.zeros(2)
    with pytest.raises(ShapeError, match=r"the one at tree\[1\]\[0\] has \(3,\)"):
        TreeRNN(2)((good, (np.zeros(3), good)))
    with pytest.raises(ShapeError, match=r"a joint has two children; \[1\] has 3"):
        TreeRNN(2)((good, (good, good, good)))
