"""The facts behind pictures and explanations: contributions, ledgers, paths, the chain rule in words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_edu import Value, nn, scope
from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.graph import leaves, topological
from tinygrad_edu.viz import explain, paths
from tinygrad_edu.viz.facts.chain import Facts, local_derivative, stretched
from tinygrad_edu.viz.facts.latex import derivative_latex, name_latex
from tinygrad_edu.viz.facts.rules import Names

SCALAR_STEPS = (
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a - b * 0.5,
    lambda a, b: (a * 0.1).tanh() * b,
    lambda a, b: a.sigmoid(),
    lambda a, b: a.relu() + 2.0,
    lambda a, b: a / (b * b + 1.0),
)
TENSOR_STEPS = (
    lambda a, b: a @ b.T @ b / 6.0,
    lambda a, b: np.tanh(a) * b,
    lambda a, b: a + b[0],
    lambda a, b: a * b.sum(axis=1, keepdims=True),
    lambda a, b: np.concatenate([a[:1], b[1:]]),
    lambda a, b: a - b.mean(),
)


def grown(steps, draws, nodes):
    """A graph in which each draw (step, operand, operand) adds a node; the loss reads the last two."""
    for step, one, other in draws:
        nodes.append(steps[step % len(steps)](nodes[one % len(nodes)], nodes[other % len(nodes)]))
    return (nodes[-1] * nodes[-2]).sum() if nodes[-1].shape else nodes[-1] * nodes[-2]


draws = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=9)


@given(draws)
@settings(max_examples=60, deadline=None)
def test_on_random_scalar_graphs_the_products_of_all_paths_add_up_to_the_gradient(draws):
    inputs = [Value(0.7, name="a"), Value(-1.3, name="b")]
    loss = grown(SCALAR_STEPS, draws, list(inputs))
    loss.backward()
    for leaf in leaves(loss):
        found = paths(loss, leaf, limit=100_000)
        assert found.total == pytest.approx(leaf.grad, rel=1e-9, abs=1e-12)
        for path in found:
            assert path.product == pytest.approx(np.prod(path.factors), rel=1e-9)


@given(draws)
@settings(max_examples=30, deadline=None)
def test_on_random_tensor_graphs_what_flows_along_all_paths_adds_up_to_the_gradient(draws):
    rng = np.random.default_rng(0)
    inputs = [Value(rng.normal(size=(2, 3)), name="a"), Value(rng.normal(size=(2, 3)), name="b")]
    loss = grown(TENSOR_STEPS, draws[:6], list(inputs))
    loss.backward()
    for leaf in leaves(loss):
        np.testing.assert_allclose(paths(loss, leaf, limit=100_000).total, leaf.grad, rtol=1e-9, atol=1e-9)


@given(draws)
@settings(max_examples=30, deadline=None)
def test_on_random_graphs_every_ledger_ends_in_the_gradient_of_the_engine(draws):
    loss = grown(SCALAR_STEPS, draws, [Value(0.7), Value(-1.3)])
    loss.backward()
    facts = Facts(loss)
    for node in topological(loss):
        if node.op.name == "constant" or node is loss:
            continue
        assert facts.gradient(node) == pytest.approx(node.grad, rel=1e-12)
        assert facts.ledger(node)[-1].total == pytest.approx(node.grad, rel=1e-12)


def test_facts_leave_the_gradients_of_the_graph_alone():
    a = Value(3.0)
    loss = a * a
    Facts(loss)
    assert a.grad is None
    assert loss.grad is None


def test_facts_start_from_the_gradient_of_the_root_if_a_pass_gave_it_one():
    a = Value([1.0, 2.0])
    out = a * 3.0
    with pytest.raises(ArgumentError, match=r"root, which has shape \(2,\).*backward\(gradient=\.\.\.\)"):
        Facts(out)
    out.backward(np.array([10.0, 100.0]))
    np.testing.assert_array_equal(Facts(out).gradient(a), [30.0, 300.0])


def test_a_contribution_of_a_broadcast_operand_says_which_axes_were_summed():
    x, b = Value(np.ones((4, 3)), name="x"), Value(np.ones(3), name="b")
    loss = (x * b).sum()
    (one,) = Facts(loss).contributions(b)
    assert one.summed == (0,)
    assert np.shape(one.raw) == (4, 3)
    np.testing.assert_array_equal(one.amount, [4.0, 4.0, 4.0])


@pytest.mark.parametrize(
    ("shape", "onto", "axes"), [((), (2, 3), (0, 1)), ((1, 3), (2, 3), (0,)), ((3,), (3,), ()), ((1,), (1,), ())]
)
def test_stretched_axes_are_those_that_broadcasting_repeats(shape, onto, axes):
    assert stretched(shape, onto) == axes


def test_float32_contributions_are_float32():
    x = Value(np.ones((2, 2), np.float32))
    loss = (x * 2.0).sum()
    assert Facts(loss).gradient(x).dtype == np.float32


def test_local_derivatives_are_the_numbers_on_the_edges():
    x, y = Value(2.0), Value(5.0)
    assert [local_derivative(x * y, index) for index in (0, 1)] == [5.0, 2.0]
    assert local_derivative(x**3, 1) == pytest.approx(8 * 0.6931471805599453)
    assert local_derivative(np.sqrt(Value(0.0)), 0) == np.inf
    assert local_derivative(Value([1.0, 2.0]).sum(), 0) is None


def test_paths_go_through_nothing_that_has_no_derivative():
    a = Value(2.5, name="a")
    loss = a * np.floor(a)
    (path,) = paths(loss, a)
    assert path.product == 2.0


def test_a_path_lists_its_nodes_from_the_result_down():
    a = Value(3.0, name="a")
    h = a.tanh()
    (path,) = paths(h * 2.0, a)
    assert path.nodes[-2:] == (h, a)
    assert path.factors[0] == 2.0


def test_too_many_paths_are_counted_and_refused():
    b = a = Value(1.0, name="a")
    for _ in range(20):
        b = b + b
    with pytest.raises(ArgumentError, match=r"there are 1,048,576 paths, more than limit=1,000"):
        paths(b, a)


def test_a_path_longer_than_pythons_recursion_is_followed():
    b = a = Value(1.0, name="a")
    for _ in range(3_000):
        b = b + 1.0
    assert paths(b, a).total == 1.0


@pytest.mark.parametrize("function", [paths, explain])
def test_what_the_loss_does_not_depend_on_has_nothing_to_show(function):
    a, b = Value(1.0, name="a"), Value(2.0, name="b")
    with pytest.raises(ArgumentError, match="does not depend on b"):
        function(a * 2.0, b)
    with pytest.raises(ArgumentError, match="two Values"):
        function(a * 2.0, 3.0)


def test_paths_of_an_array_without_a_gradient_say_what_to_do():
    a = Value([1.0, 2.0], name="a")
    with pytest.raises(ShapeError, match=r"backward\(gradient="):
        paths(a * 2.0, a)


def test_an_explanation_shows_symbols_and_then_numbers():
    x, w = Value(2.0, name="x"), Value(-3.0, name="w")
    text = str(explain((w * x).tanh(), w))
    assert "v1 = w × x = -6" in text
    assert "dL/dv1 = dL/dL · (1 - tanh(v1)^2) = 1 × 2.458e-05 = 2.458e-05" in text
    assert text.endswith("dL/dw = dL/dv1 · x = 2.458e-05 × 2 = 4.915e-05")


def test_an_explanation_adds_up_the_uses_of_a_value():
    a, b = Value(2.0, name="a"), Value(5.0, name="b")
    assert str(explain(a * b + a, a)).endswith("dL/da = dL/dL · 1 + dL/dv1 · b = 1 × 1 + 1 × 5 = 1 + 5 = 6")


def test_an_explanation_of_arrays_has_the_linear_map_and_the_summed_axis():
    x, w, b = Value(np.ones((4, 2)), name="x"), Value(np.ones((2, 3)), name="w"), Value(np.zeros(3), name="b")
    loss = (x @ w + b).sum()
    assert "dL/dw = x.T @ dL/dv1" in str(explain(loss, w))
    assert "dL/db = Σ(dL/dv2 · 1) over axis 0" in str(explain(loss, b))


def test_the_latex_of_an_explanation_is_balanced_and_shown_by_notebooks():
    a, b = Value(2.0, name="alpha_1"), Value(5.0, name="b2")
    said = explain((a / b).tanh(), b)
    assert said.latex.count("{") == said.latex.count("}")
    assert r"\frac{\partial L}{\partial b_{2}}" in said.latex
    assert r"\mathrm{alpha\_1}" in said.latex
    assert said._repr_markdown_() == f"$$\n{said.latex}\n$$"
    assert said.latex in said._repr_latex_()


def test_the_latex_can_be_typeset_whatever_the_names():
    mathtext = pytest.importorskip("matplotlib.mathtext")
    parser = mathtext.MathTextParser("path")
    a, b = Value(2.0, name="</script> $x$ \\ {%"), Value(5.0, name="b2")
    latex = explain((a / b).sigmoid() * b, b).latex
    assert "<" not in latex
    # matplotlib lacks the two names that MathJax and KaTeX have for the characters that HTML would read.
    for line in latex.replace(r"\lt", "<").replace(r"\gt", ">").splitlines()[1:-1]:
        parser.parse(f"${line.replace('&', '').removesuffix(chr(92) * 2)}$")


def test_an_explanation_of_too_many_nodes_says_how_many():
    b = a = Value(1.0, name="a")
    for _ in range(100):
        b = b + 1.0
    with pytest.raises(ArgumentError, match="101 nodes lie between, more than limit=60"):
        explain(b, a)


def test_names_are_different_for_different_nodes():
    a, b = Value(1.0, name="w"), Value(2.0, name="w")
    c = a * b + 1.0
    names = Names(topological(c), c)
    assert [names[node] for node in (a, b, c)] == ["w", "w'", "L"]


def test_weights_of_the_same_name_are_told_apart_by_their_layers():
    model = nn.MLP(1, [2, 1], rng=0)
    loss = model([Value(1.0, name="x")])
    names = Names(topological(loss), loss)
    assert {names[one] for one in model.parameters()} == {
        "layer0.neuron0.w0", "layer0.neuron0.b", "layer0.neuron1.w0", "layer0.neuron1.b",
        "layer1.neuron0.b", "layer1.neuron0.w0", "w1",
    }  # fmt: skip
    with scope("one"):
        a = Value(2.0, name="w") * 3.0
    with scope("two"):
        b = a * Value(2.0, name="w")
    assert [name for name in Names(topological(b), b).of.values() if "w" in name] == ["one.w", "two.w"]


def test_an_operand_may_be_called_g_as_rules_call_the_incoming_gradient():
    g, w = Value([[1.0, 2.0]], name="g"), Value([[3.0], [4.0]], name="x")
    loss = (g @ w).sum()
    assert "dL/dx = g.T @ dL/dv1 = [1, 2]" in str(explain(loss, w))
    assert "dL/dg = dL/dv1 @ x.T = [3, 4]" in str(explain(loss, g))
    loss = np.einsum("ij,jk->", g, w)
    assert "dL/dx = einsum of dL/dL with the other operands = [1, 2]" in str(explain(loss, w))


@pytest.mark.parametrize(
    ("reads", "latex"),
    [
        ("-x / y^2", "- a / b^{2}"),
        ("e^x", "e^{a}"),
        ("1 / (2 sqrt x)", r"1 / (2 \operatorname{sqrt}a)"),
        ("g @ y.T", r"G b^{\top}"),
        ("", ""),
    ],
)
def test_derivatives_as_entries_write_them_become_latex(reads, latex):
    assert derivative_latex(reads, {"x": "a", "y": "b"}, "G") == latex


def test_a_number_is_no_name():
    assert name_latex("2.5") == "2.5"
