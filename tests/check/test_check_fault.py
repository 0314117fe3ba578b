"""After FAIL the report names the fault: faults are planted in every place where one can be."""

import json

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Value, check_gradients, check_graph, record_lines, viz
from tinygrad_edu.backward import pull_back
from tinygrad_edu.check import Verdict, claims
from tinygrad_edu.check.fault import judge_node
from tinygrad_edu.errors import GradientCheckError
from tinygrad_edu.graph import topological
from tinygrad_edu.kinds import elementwise, general, multilinear

rng = np.random.default_rng(3)
X, W, V = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=3)


def ten_operations(x, w, step):
    """A function of ten operations; `step` is the sixth."""
    h = np.tanh(x @ w + 0.1)
    return np.mean((step(np.exp(0.3 * h)) - 1.0) ** 2)


RIGHT = {
    "square": (np.square, lambda t, out, x: t * 2 * x),
    "log": (np.log, lambda t, out, x: t / x),
    "sin": (np.sin, lambda t, out, x: t * np.cos(x)),
}
WRONG = {  # what is done to a right rule -> what the report guesses
    "a sign": lambda rule: lambda t, out, x: -rule(t, out, x),
    "a factor 2": lambda rule: lambda t, out, x: 2 * rule(t, out, x),
    "by a millionth": lambda rule: lambda t, out, x: 1.000002 * rule(t, out, x),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_rule_in_one_of_ten_operations_is_named_with_its_line_and_its_worst_entry(name, wrong):
    forward, rule = RIGHT[name]
    step = elementwise("the_culprit", lambda x: forward(x), along=(WRONG[wrong](rule),))
    report = check_gradients(lambda x, w: ten_operations(x, w, step), X, W, raise_on_fail=False)
    (fault,) = report.faults
    assert (fault.kind, fault.node.op.name) == ("rule", "the_culprit")
    text = str(fault)
    assert "test_check_fault.py" in text
    assert "return np.mean((step(" in text
    assert "operands of shape (4, 2) -> (4, 2)" in text
    assert "the rule says" in text
    assert wrong in text or wrong.startswith("by")
    wrong_nodes = [node for node, verdict in report.verdicts.items() if verdict is Verdict.FAIL and node.parents]
    assert wrong_nodes == [fault.node]


def test_the_right_operations_of_that_graph_are_confirmed():
    step = elementwise("the_culprit", lambda x: x * x, along=(lambda t, out, x: t * x,))
    report = check_gradients(lambda x, w: ten_operations(x, w, step), X, W, raise_on_fail=False)
    judged = {node.op.name: verdict for node, verdict in report.verdicts.items() if node.parents}
    assert judged.pop("the_culprit") is Verdict.FAIL
    assert set(judged.values()) == {Verdict.PASS}
    assert len(judged) >= 6


def test_one_wrong_entry_is_the_one_that_is_named():
    def rule(g, out, x):
        wrong = np.ones(x.shape)
        wrong[2, 1] = 1.5
        return 3 * g * x * x * wrong

    cube = general("cube_but_one", lambda x: x**3, pull=(rule,), push=(None,))
    report = check_gradients(lambda x: np.sum(np.tanh(cube(x))), X, raise_on_fail=False)
    assert "at [2, 1]" in str(report.faults[0])


def test_a_repeated_operand_that_counts_once_is_named_with_both_places():
    product = multilinear("half", np.multiply, pull=(lambda g, x, y: g * y, lambda g, x, y: g * x * (x is not y)))

    def f(x):
        y = np.exp(x)
        return np.sum(product(y, y))

    (fault,) = check_gradients(f, V, raise_on_fail=False).faults
    assert fault.node.op.name == "half"
    assert "operand 0 and 1" in fault.what


def test_the_line_of_the_rule_itself_is_given_for_an_operation_of_the_users():
    step = elementwise("mine", lambda x: x * x, along=(lambda t, out, x: t * x,))
    (fault,) = check_gradients(lambda x: np.sum(step(x)), V, raise_on_fail=False).faults
    assert any(detail.startswith("that rule is written at") and __file__ in detail for detail in fault.details)


def test_the_same_wrong_rule_in_several_places_is_one_fault():
    step = elementwise("again", lambda x: x * x, along=(lambda t, out, x: t * x,))
    (fault,) = check_gradients(lambda x: np.sum(step(step(step(x)))), V, raise_on_fail=False).faults
    assert "in 2 more of the operations called again" in str(fault)


def test_a_recorded_graph_names_its_fault_too_and_says_when_lines_were_not_recorded():
    step = elementwise("graphic", lambda x: x * x, along=(lambda t, out, x: t * x,))
    x = Value(V, name="x")
    report = check_graph(np.sum(step(x)), raise_on_fail=False)
    assert "its line was not recorded" in str(report.faults[0])
    with record_lines():
        loss = np.sum(step(x))
    report = check_graph(loss, raise_on_fail=False)
    assert f"made at {__file__}" in str(report.faults[0])
    assert report.root is loss


def test_a_float32_graph_is_judged_by_its_twin_and_told_of_in_its_own_values():
    step = elementwise("narrow", lambda x: x * x, along=(lambda t, out, x: t * x,))
    with record_lines():
        loss = np.sum(step(Value(V.astype(np.float32), name="x")))
    report = check_graph(loss, raise_on_fail=False)
    own = set(topological(loss))
    assert report.faults[0].node in own
    assert set(report.verdicts) <= own
    assert "made at" in str(report.faults[0])


# --- no rule is wrong


def overwriting(order, seeds, **options):
    """A backward pass with = where it should have +=."""
    grads = dict(seeds)
    for node in reversed(order):
        if node in grads:
            handed_back = pull_back([node], {node: grads[node]}, keep_all=True)
            grads.update({parent: g for parent, g in handed_back.items() if parent is not node})
    return grads


def test_a_wrong_accumulation_is_named_as_such_at_the_value_where_it_happens(monkeypatch):
    monkeypatch.setattr(claims, "pull_back", overwriting)

    def f(x):
        y = np.exp(x)
        return np.sum(y * 3.0 + np.sin(y))

    (fault,) = check_gradients(f, V, raise_on_fail=False).faults
    assert fault.kind == "accumulation"
    assert fault.node.op.name == "exp"
    assert "not the sum of what its 2 uses hand back (multiply, sin)" in fault.what


def test_a_hook_that_changes_the_gradient_is_named():
    with record_lines():
        x = Value(V, name="x")
        y = np.exp(x)
        loss = np.sum(y)

    def doubling(g):
        return 2 * g

    y.register_hook(doubling)
    (fault,) = check_graph(loss, raise_on_fail=False).faults
    assert fault.kind == "hook"
    assert fault.node is y
    assert "doubling" in str(fault)


def test_a_result_that_was_changed_in_place_is_named():
    def f(x):
        y = np.exp(x)
        z = y * y
        y.data *= 2.0
        return np.sum(z)

    (fault,) = check_gradients(f, V, raise_on_fail=False).faults
    assert fault.kind == "in place"
    assert fault.node.op.name == "exp"
    assert "recomputing gives" in str(fault)


def test_an_input_that_the_function_changed_in_place_is_named():
    def f(x):
        y = np.sum(x * x)
        x.data[1] += 1.0
        return y

    (fault,) = check_gradients(f, V, raise_on_fail=False).faults
    assert fault.kind == "in place"
    assert "its input x" in fault.what
    assert "at [1]" in str(fault)


def test_numbers_that_left_the_graph_are_named_where_they_come_back():
    (fault,) = check_gradients(lambda x: np.sum(x * float(np.max(x.data))), V, raise_on_fail=False).faults
    assert fault.kind == "left the graph"
    assert "operand 1 of multiply" in fault.what
    assert ".data" in str(fault)


def test_a_gradient_by_hand_has_no_graph_and_keeps_its_hints():
    with pytest.raises(GradientCheckError, match="perhaps: a sign") as caught:
        check_gradients(np.sin, V, gradient=lambda x: -np.cos(x))
    assert caught.value.report.faults == ()


def test_where_no_fault_is_found_the_operations_that_could_not_be_confirmed_are_listed():
    """At 0 any number from 0 to 1 may be this slope; but the difference of the two is x, and its slope is 1."""
    along = (lambda t, out, x: t * np.where(x == 0, 0.7, x > 0),)
    ramp = elementwise("ramp", lambda x: np.maximum(x, 0.0), along=along)
    report = check_gradients(lambda x: np.sum(ramp(x) - ramp(-x)), np.zeros(2), raise_on_fail=False)
    (fault,) = report.faults
    assert fault.kind == "none found"
    assert "ramp could not be confirmed: KINK, made at" in str(fault)


def test_a_rule_that_counts_ties_twice_is_found_by_moving_what_is_tied_together():
    tied = general("tied_max", lambda x: np.max(x), pull=(lambda g, out, x: g * (x == out),), push=(None,))
    report = check_gradients(lambda x: tied(np.concatenate([x, x])), V, raise_on_fail=False)
    (fault,) = report.faults
    assert (fault.kind, fault.node.op.name) == ("rule", "tied_max")


# --- how it is told


def test_the_message_brings_the_fault_before_the_table_and_json_has_it():
    step = elementwise("told", lambda x: x * x, along=(lambda t, out, x: -t * 2 * x,))
    with pytest.raises(GradientCheckError) as caught:
        check_gradients(lambda x: np.sum(step(x)), V)
    text = str(caught.value)
    assert text.index("fault: the derivative rule of told") < text.index("argument  entry")
    plain = json.loads(json.dumps(caught.value.report.to_dict(), allow_nan=False))
    assert plain["faults"][0]["operation"] == "told"
    assert plain["faults"][0]["line"].startswith(__file__)
    assert "the derivative rule of told" in caught.value.report._repr_html_()


def test_a_picture_marks_the_verdicts_in_words_as_well_as_in_colour():
    step = elementwise("drawn", lambda x: x * x, along=(lambda t, out, x: t * x,))
    report = check_gradients(lambda x: np.sum(step(x)), V, raise_on_fail=False)
    text = viz.draw(report.root, overlay=report).svg()
    assert "FAIL" in text
    assert "PASS" in text
    passed = check_gradients(lambda x: np.sum(x * x), V)
    assert "PASS" in viz.draw(passed.root, overlay=passed).svg()


def test_judging_one_node_changes_nothing_in_its_graph():
    a = Value(V, name="a")
    y = np.sum(np.exp(a) * a)
    y.backward()
    before = [(node, node.data, node.grad) for node in topological(y)]
    for node in topological(y):
        if node.parents:
            assert judge_node(node, np.random.default_rng(0)).verdict is Verdict.PASS
    assert all(node.data is data and node.grad is grad for node, data, grad in before)


def test_an_operation_that_cannot_be_judged_is_inconclusive_and_says_why():
    def moody(x):
        if not np.array_equal(x, V):
            raise RuntimeError("only there")
        return x * 2

    op = general("moody", moody, pull=(lambda g, out, x: g * 2,), push=(None,))
    report = judge_node(op(Value(V)), np.random.default_rng(0))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "only there" in report.worst.reason


def test_of_very_many_operations_some_of_each_are_judged():
    step = elementwise("rare_one", lambda x: x * x, along=(lambda t, out, x: t * x,))

    def f(x):
        y = step(x)
        for _ in range(600):
            y = y * 1.001
        return y

    report = check_gradients(f, 1.5, raise_on_fail=False)
    assert [fault.node.op.name for fault in report.faults] == ["rare_one"]
    assert sum(bool(node.parents) for node in report.verdicts) <= 400


@pytest.mark.parametrize("depth", [3, 30])
def test_no_fault_is_looked_for_while_everything_is_right(depth):
    def f(x):
        for _ in range(depth):
            x = np.tanh(x) * 1.1
        return np.sum(x)

    report = check_gradients(f, V)
    assert report.passed
    assert report.faults == ()
    assert list(report.verdicts.values()) == [Verdict.PASS]
    assert tg.check_graph(report.root).passed
