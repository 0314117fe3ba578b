"""The bank of gradient checkers: right claims are right, wrong ones are wrong, and answers are counted as they fell."""

import json
from decimal import Decimal, localcontext

import numpy as np
import pytest

import tinygrad_edu as tg
from benchmarks.checkers import bank, drawn, exact, right, wrong
from benchmarks.checkers.report import Answer, Results, written
from benchmarks.checkers.worker import answer
from tinygrad_edu.errors import TinygradEduError

RIGHT = {case.name: case for case in right.cases()}
WRONG = {case.name: case for case in wrong.cases()}
ENTRIES = 8  # entries looked at one by one, of inputs that are not large
LARGE = 1000
TOLERANCE = 1e-12  # of the sizes that are summed
ROUNDED = 1e-28  # slopes no larger than this are 0: difference quotients have a step of 1e-25


def directions(case):
    """Some entries by themselves, all entries together, and all with random signs."""
    draw = np.random.default_rng(0)
    for position in draw.permutation(case.x.size)[: ENTRIES if case.x.size < LARGE else 1]:
        unit = np.zeros(case.x.shape)
        unit.flat[position] = 1.0
        yield unit
    if case.x.size > 1:
        yield draw.choice((-1.0, 1.0), case.x.shape)
    if 1 < case.x.size < LARGE:
        yield np.ones(case.x.shape)


def excess(case, gradient, direction):
    """How far a gradient lies outside the exact slopes to both sides, relative to the sizes summed."""
    left, right = exact.slopes(case.exactly, case.x, direction)
    claimed = np.tensordot(gradient, direction, axes=direction.ndim)
    size = np.tensordot(np.abs(gradient), np.abs(direction), axes=direction.ndim) + np.abs(left) + np.abs(right)
    outside = np.maximum(np.minimum(left, right) - claimed, claimed - np.maximum(left, right))
    if not case.kink:
        outside = np.abs((left + right) / 2 - claimed)
    with np.errstate(all="ignore"):
        return float(np.max(np.where(outside <= ROUNDED, 0.0, outside / size)))


def test_half_of_the_bank_is_drawn_and_it_is_as_large_as_promised():
    rights, wrongs = bank.right_cases(), bank.wrong_cases()
    assert sum(case.family == "hand" for case in rights) >= 40
    assert sum(case.family == "hand" for case in wrongs) >= 60
    for cases in (rights, wrongs):
        assert sum(case.family == "drawn" for case in cases) * 2 == len(cases)
        assert len({case.name for case in cases}) == len(cases)
    assert all(case.right for case in rights)
    assert not any(case.right for case in wrongs)


def each(cases):
    """Their names; of those with very many inputs or terms, which take seconds, only in the slow tests."""
    return [
        pytest.param(name, marks=pytest.mark.slow if case.x.size > LARGE or "100,000" in name else ())
        for name, case in cases.items()
    ]


@pytest.mark.parametrize("name", each(RIGHT))
def test_a_right_claim_is_right_to_twelve_digits(name):
    case = RIGHT[name]
    assert case.claim.shape == np.shape(case.function(case.x)) + case.x.shape
    assert max(excess(case, case.claim, d) for d in directions(case)) <= TOLERANCE


@pytest.mark.parametrize("name", each(WRONG))
def test_a_wrong_claim_stands_beside_a_truth_that_is_right(name):
    case = WRONG[name]
    assert max(excess(case, case.truth, d) for d in directions(case)) <= TOLERANCE


@pytest.mark.parametrize("name", each(WRONG))
def test_a_wrong_claim_is_wrong_by_as_much_as_it_says(name):
    case = WRONG[name]
    if case.claim.shape != case.truth.shape:
        assert np.isnan(case.error)
        return
    if not np.isfinite(case.claim).all():
        assert case.error == np.inf
        return
    far = np.unravel_index(np.argmax(_relative(case)), case.truth.shape)
    unit = np.zeros(case.x.shape)
    unit[far[case.truth.ndim - case.x.ndim :]] = 1.0
    seen = max(excess(case, case.claim, d) for d in (unit, np.ones(case.x.shape)))
    assert seen > 1e-10
    assert case.kink or seen > min(case.error, 1.0) / 10
    assert case.error >= 0.99e-9


def _relative(case):
    with np.errstate(all="ignore"):
        return np.nan_to_num(np.abs(case.claim - case.truth) / np.abs(case.truth), nan=0.0, posinf=np.inf)


def test_a_drawn_gradient_agrees_with_that_of_the_engine():
    agreed = 0
    for seed in range(60):
        case = drawn.right(seed)
        try:
            with np.errstate(all="ignore"):
                found = np.asarray(tg.jacobian(case.function)(case.x if case.x.ndim else float(case.x)))
        except TinygradEduError:
            continue
        noise = drawn.rounding(case).max() / max(np.abs(case.truth * np.where(case.x, case.x, 1.0)).max(), 1e-300)
        assert np.abs(found - case.truth).max() <= (1e-9 + 1e3 * noise) * np.abs(case.truth).max(), seed
        agreed += 1
    assert agreed > 50


def test_the_same_seed_draws_the_same_case():
    first, second = drawn.wrong(7), drawn.wrong(7)
    assert str(first.function) == str(second.function)
    assert np.array_equal(first.claim, second.claim, equal_nan=True)
    assert str(first.function) != str(drawn.wrong(8).function)


def test_a_drawn_fault_moves_the_function_by_more_than_its_rounding():
    for seed in range(20):
        case = drawn.wrong(seed)
        if np.isfinite(case.claim).all():
            moved = np.abs(case.claim - case.truth) * np.where(case.x == 0, 1.0, np.abs(case.x))
            assert moved.max() >= 1e4 * drawn.rounding(case).min()


def test_an_error_of_every_size_is_of_that_size():
    cases = list(bank.random_errors(0, 3))
    assert len(cases) % (1 + len(bank.SIZES)) == 0
    for case in cases:
        size = 0.0 if case.right else float(case.name.rsplit(": ", 1)[1])
        assert case.error == pytest.approx(size, rel=1e-3)


# -- numbers of 120 digits


@pytest.mark.parametrize(
    ("name", "x", "digits"),
    [
        ("sin", 1.0, "0.84147098480789650665250232163029899962256306079837"),
        ("cos", 1.0, "0.54030230586813971740093660744297660373231042061792"),
        ("exp", 1.0, "2.71828182845904523536028747135266249775724709369995"),
        ("log", 2.0, "0.69314718055994530941723212145817656807550013436025"),
        ("sqrt", 2.0, "1.41421356237309504880168872420969807856967187537694"),
        ("tanh", 1.0, "0.76159415595576488811945828260479359041276859725793"),
        ("arctan", 1.0, "0.78539816339744830961566084581987572104929234984377"),
        ("log1p", 1.0, "0.69314718055994530941723212145817656807550013436025"),
        ("expm1", 1.0, "1.71828182845904523536028747135266249775724709369995"),
    ],
)
def test_an_exact_function_has_fifty_digits_and_more(name, x, digits):
    with localcontext(exact.CONTEXT):
        found = getattr(exact.Exact(x), name)().value
    assert abs(found - Decimal(digits)) < Decimal("1e-49")


@pytest.mark.parametrize("x", [1e-300, 1e-26, 1e-8, 0.3, -2.5, 40.0, 1e10, -1.5e12])
def test_exact_functions_obey_their_identities(x):
    with localcontext(exact.CONTEXT):
        n = exact.Exact(x)
        assert abs((n.sin() * n.sin() + n.cos() * n.cos() - 1).value) < Decimal("1e-100")
        assert abs((n.arctan().tan() / n - 1).value) < Decimal("1e-60")
        if abs(x) < 100:
            assert abs((n.expm1().log1p() / n - 1).value) < Decimal("1e-75")
            assert abs((n.tanh() * (n.exp() + (-n).exp()) / (n.expm1() - (-n).expm1()) - 1).value) < Decimal("1e-75")


# -- counting


def test_answers_are_counted_as_they_fell():
    def yes(case, function):
        return "pass", "PASS: 9.0 digits; "

    def crash(case, function):
        function(case.x)
        raise TypeError("no such thing")

    case, false = RIGHT["x^20"], WRONG["sign"]
    assert Answer(**answer(yes, false)).miss
    assert not Answer(**answer(yes, case)).alarm
    rejected = Answer(**json.loads(json.dumps(answer(crash, case))))
    assert rejected.alarm
    assert rejected.calls == 1
    assert not Answer(**answer(crash, false)).miss


def test_the_table_shows_alarms_misses_and_everything_left_over():
    def said(name, kind, verdict, error=0.0, words="said"):
        return Answer(name, "hand", kind, error, verdict, words, 10, 0.5)

    ours = [said("good", True, "pass"), said("odd", True, "fail"), said("bad", False, "pass", 1e-9, "PASS: 7.0 digits")]
    results = Results(many=3, few=1, bank={"tinygrad_edu": ours, "tinygrad_edu, own gradients": ours[:1]})
    off = [said(f"x: {size:.0e}", False, "fail", size) for size in bank.SIZES]
    results.errors = {"tinygrad_edu": [said("good", True, "pass"), *off]}
    results.random = [said("drawn 1", True, "pass")] * 3
    text = written(results)
    assert "| tinygrad_edu | **1** (1 + 0) | **1** (1 + 0) | 0 + 0 | 30 | 1.5 |" in text
    assert "- odd: said" in text
    assert "- bad (off by 1.0e-09): the error is below the 7.0 digits that the report certifies" in text
    assert "**0 false alarms**" in text
    assert "| tinygrad_edu | 0 | 100 | 100 |" in text
