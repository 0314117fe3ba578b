"""The benchmarks: every row's contenders compute the same, and the page says what was found."""

import dataclasses
import importlib
import io
import pkgutil
import sys
import types

import numpy as np
import pytest

from benchmarks import report, rows, studies, worker
from benchmarks.harness import EAGER, NUMBA, NUMPY, VARIANTS, Row, agree, workers_of
from benchmarks.profile import called, compiled
from benchmarks.studies import growth, limits, memory
from tinygrad_edu.compiler import kernels

MODULES = [f"benchmarks.rows.{module.name}" for module in pkgutil.iter_modules(rows.__path__)]
WITHOUT_DATA = [name for name in MODULES if not name.endswith(".mnist")]
ROWS = {(name, key): row for name in WITHOUT_DATA for key, row in importlib.import_module(name).ROWS.items()}


@pytest.mark.parametrize(("module", "name"), ROWS)
def test_a_row_has_a_peer_and_its_goals_are_of_contenders_that_it_has(module, name):
    row = ROWS[module, name]
    assert row.peers
    assert set(row.ours) <= set(VARIANTS)
    assert set(row.goals) <= set(row.peers)
    assert all(set(goals) <= set(row.ours) for goals in row.goals.values())


@pytest.mark.slow
@pytest.mark.parametrize(("module", "name"), ROWS)
def test_all_contenders_of_a_row_compute_the_same(module, name):
    with workers_of(module, name, ROWS[module, name]) as workers:
        agree(workers, ROWS[module, name])


def test_a_contender_that_computes_something_else_is_told():
    row = Row("work", {EAGER: None}, {}, tolerance=1e-6)

    class Told:
        def __init__(self, contender, loss):
            self.contender, self.loss = contender, loss

        def ask(self, command, path):
            np.savez(path, loss=self.loss)

    agree([Told(EAGER, 1.0), Told("numpy", 1.0 + 1e-8)], row)
    with pytest.raises(SystemExit, match=r"work: loss of numpy differs from that of eager by 1\.0e-03"):
        agree([Told(EAGER, 1.0), Told("numpy", 1.001)], row)
    with pytest.raises(SystemExit, match="at most 0e"):
        agree([Told(EAGER, 1.0), Told("numpy", 1.0 + 1e-15)], dataclasses.replace(row, exact=("loss",)))


def figures():
    """Made-up times of one row: twice as fast eager, four times compiled."""
    times = {NUMBA: 1.0, NUMPY: 2.0, EAGER: 4.0, "torch": 8.0, "jax.jit": 2.0, "NumPy by hand": 2.0}
    found = {who: {"first": 200.0, "times": [t, 2 * t, t]} for who, t in times.items()}
    limit = {"operations": 1e12, "bytes": 1e10}
    return {"machine": report.machine(), "rows": {"dense": {"SGD, batch 32": found}}, "studies": {"limits": limit}}


def test_the_page_says_ratios_by_pairs_and_which_goals_are_met():
    page = report.page(figures())
    line = next(line for line in page.splitlines() if "| torch |" in line)
    assert "| 8,000 |" in line
    assert "**8x** (8 to 8) ✓ 4x | **4x** (4 to 4) ✓ 2.5x | **2x** (2 to 2) ✓ 1.6x" in line
    line = next(line for line in page.splitlines() if "| jax.jit |" in line)
    assert "**2x** (2 to 2) ✗ 2.5x" in line
    assert "Goals met: compiled, numba 1 of 2; compiled, NumPy alone 1 of 2; eager 1 of 1." in page


def test_break_even_is_where_the_first_steps_have_paid():
    own = report.page(figures()).partition("Ours by itself")[2]
    # 200 + (n - 25) * 1 <= 4 n from n = 58.3 on; 200 + (n - 25) * 2 <= 4 n from n = 75 on
    assert "| 25: 200; 200 | 59; 75 |" in own


def test_the_page_says_which_share_of_the_limits_a_step_reaches():
    row = importlib.import_module("benchmarks.rows.dense").ROWS["SGD, batch 32"]
    assert row.flops == 2 * 32 * (2 * 784 * 128 + 3 * 128 * 10)
    lines = limits.lines({"operations": row.flops, "bytes": 2 * row.least}, [(row, {NUMBA: {"times": [2.0]}})])
    assert "50% of arithmetic, 25% of memory" in lines[-1]


def test_growth_is_linear_where_the_time_of_the_whole_is():
    for power, mark in ((1.0, "1.00 ✓"), (1.5, "1.50 ✗")):
        times = [(1e-3 * size, 1e-6 * size**power) for size in growth.SIZES["batch"]]
        assert any(f"{mark} | 1,000 | 1.00 ✓" in line for line in growth.lines({"batch": {EAGER: times}}, []))


def test_a_point_that_took_too_long_is_left_out_and_said():
    times = [(t, t) for t in (1e-6, 4e-6, 16e-6, 64e-6, 256e-6, 1024e-6)] + [None]
    assert any("4,096" in line and "1 to 1,024" in line for line in growth.lines({"batch": {EAGER: times}}, []))


def test_memory_is_measured_against_torch_and_against_bytes_a_node():
    found = {"step": {EAGER: [90.0, 80.0], "torch": [60.0, 70.0]}, "node": {EAGER: 120.0, "micrograd": 700.0}}
    lines = memory.lines(found, [])
    assert any("eager | 90 MB | 80 MB | ✗ 70" in line for line in lines)
    assert any("120 B | ✓ 160" in line for line in lines)


def test_a_scalar_node_takes_at_most_as_many_bytes_as_aimed_at():
    assert memory.point(EAGER, "node") <= memory.GOAL


def test_every_study_has_a_title_and_measures():
    for module in pkgutil.iter_modules(studies.__path__):
        study = importlib.import_module(f"benchmarks.studies.{module.name}")
        assert callable(study.measure)
        assert study.TITLE


def test_the_profile_of_a_compiled_step_adds_up_lines_by_what_they_call(capsys, monkeypatch):
    monkeypatch.setattr(kernels, "available", lambda: False)  # numba would make kernels of the products
    step, _ = ROWS["benchmarks.rows.dense", "SGD, batch 32"].ours[NUMPY]()
    compiled(step, least=0.01)
    assert "| matmul | 5 |" in capsys.readouterr().out
    assert called("v3 = getitem(v2)") == "getitem"


def test_a_slow_step_has_a_round_for_itself_and_others_fill_it(monkeypatch, capsys):
    counts = []
    rows = types.ModuleType("rows")
    rows.ROWS = {"row": types.SimpleNamespace(contenders=lambda: {"torch": lambda: (None, None)})}
    monkeypatch.setitem(sys.modules, "rows", rows)
    monkeypatch.setattr(worker, "seconds", lambda _, count: counts.append(count) or 0.002)
    for slow, expected in ((1.0, [1, 20]), (0.001, [1, 1])):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"time 0.04 {slow}\n" * 2))
        worker.main("rows", "row", "torch")
        assert counts == expected
        counts.clear()
    assert capsys.readouterr().out.splitlines() == ["0.002"] * 4
