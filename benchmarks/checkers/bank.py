"""The bank: cases written by hand, and as many that were drawn."""

from collections.abc import Callable, Iterator

from benchmarks.checkers import drawn, right, wrong
from benchmarks.checkers.case import Case

SIZES = tuple(10.0**-k for k in range(1, 10))  # relative errors at which detection is measured
FRESH = 7_000_000  # seeds of the rates; those below are for the bank, and for tuning


def right_cases() -> list[Case]:
    """Right claims: half by hand, half drawn."""
    return [*right.cases(), *map(drawn.right, range(len(right.cases())))]


def wrong_cases() -> list[Case]:
    """Wrong claims: half by hand, half drawn."""
    return [*wrong.cases(), *map(drawn.wrong, range(len(wrong.cases())))]


def random_right(start: int, stop: int) -> Iterator[Case]:
    """Right cases for the rate of false alarms; none of them is in the bank."""
    return (drawn.right(FRESH + seed) for seed in range(start, stop))


def random_errors(start: int, stop: int) -> Iterator[Case]:
    """Random gradients, each right and then with one entry off by every size in turn, for the rate of detection."""
    for seed in range(FRESH + start, FRESH + stop):
        case = drawn.right(seed)
        errors = [off for size in SIZES for off in drawn.one_entry(case, seed, size)]
        yield from [case, *errors] if errors else ()


JOBS: dict[str, Callable[[int, int], Iterator[Case]]] = {
    "right": lambda start, stop: iter(right_cases()),
    "both": lambda start, stop: iter([*right_cases(), *wrong_cases()]),
    "random": random_right,
    "errors": random_errors,
}
