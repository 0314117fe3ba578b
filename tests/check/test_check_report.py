"""How a report reads: verdicts, order, table, HTML, JSON, and the guess in a message."""

import dataclasses
import json
import math

import numpy as np
import pytest

from tinygrad_edu.check import Entry, Report, Verdict, check_gradients
from tinygrad_edu.check.hints import explain


def entry(verdict=Verdict.PASS, index=(0,), analytic=1.0, numeric=1.0, digits=9.0, **rest):
    return Entry("x", index, None, analytic, numeric, 1e-9, digits, verdict, **rest)


def report(*entries, **rest):
    return Report(tuple(entries), 10, **rest)


def test_the_worst_verdict_decides_and_only_fail_does_not_pass():
    assert report().verdict is Verdict.PASS
    assert report(entry(), entry(Verdict.KINK)).verdict is Verdict.KINK
    assert report(entry(Verdict.KINK), entry(Verdict.INCONCLUSIVE)).verdict is Verdict.INCONCLUSIVE
    assert report(entry(Verdict.INCONCLUSIVE)).passed
    failed = report(entry(Verdict.FAIL), entry(Verdict.INCONCLUSIVE))
    assert failed.verdict is Verdict.FAIL
    assert not failed.passed


def test_the_worst_entry_comes_first():
    few, many = entry(digits=4.0, index=(1,)), entry(digits=12.0, index=(2,))
    failed = entry(Verdict.FAIL, digits=6.0, index=(3,))
    assert report(many, few).worst is few
    assert report(many, few, failed).ranked() == [failed, few, many]
    assert report().worst is None


def test_a_report_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        report(entry()).evaluations = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry().analytic = 3.0


def test_the_table_shows_names_places_numbers_and_notes():
    text = str(check_gradients(lambda weight: (weight**2).sum(), np.array([1.0, 3.0]), names=("weight",)))
    lines = text.splitlines()
    assert lines[0].startswith("PASS: 2 PASS")
    assert lines[1].split() == ["argument", "entry", "analytic", "numeric", "±", "error", "digits", "verdict"]
    assert lines[2].startswith("weight    [")
    assert "6" in text
    assert "note: a remark" in str(report(entry(), notes=("a remark",)))


def test_a_long_table_is_cut_with_a_count():
    text = str(report(*(entry(index=(i,)) for i in range(100))))
    assert "... and 88 more" in text
    assert len(text.splitlines()) < 20


def test_each_reason_is_given_once():
    text = str(report(*(entry(Verdict.KINK, index=(i,), reason="not smooth here") for i in range(5))))
    assert text.count("not smooth here") == 1


def test_places_read_as_one_would_write_them():
    assert entry(index=(1, 2)).place == "[1, 2]"
    assert entry(index=None, label="projection 3").place == "projection 3"
    assert dataclasses.replace(entry(index=(1,)), output=(0,)).place == "[1] of out[0]"


def test_html_is_escaped_and_small():
    hostile = dataclasses.replace(entry(), argument="<script>alert(1)</script>")
    page = report(hostile, *(entry(index=(i,)) for i in range(100)), notes=("a < b",))._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "a &lt; b" in page
    assert page.count("<tr>") == 13
    assert "89 more" in page


def test_a_report_survives_json_whatever_it_found():
    found = check_gradients(np.log, -1.0)
    text = json.dumps(found.to_dict(), allow_nan=False)
    again = json.loads(text)
    assert again["verdict"] == "INCONCLUSIVE"
    assert again["entries"][0]["numeric"] is None
    assert json.loads(json.dumps(report(entry(index=(1, 2))).to_dict()))["entries"][0]["index"] == [1, 2]


def guess(f, x, gradient):
    message = explain(check_gradients(f, x, gradient=gradient, raise_on_fail=False))
    return next((line.removeprefix("  perhaps: ") for line in message.splitlines() if "perhaps" in line), "")


V = np.random.default_rng(3).normal(size=4)
M = np.random.default_rng(4).normal(size=(3, 3))


@pytest.mark.parametrize(
    ("gradient", "words"),
    [
        (-2 * V, "a sign"),
        (4 * V, "a factor 2"),
        (V, "a factor 1/2"),
        (0 * V, "does not arrive"),
        (2 * V * 7, "a whole number"),
        (2 * V / 3, "one part in a whole number"),
        (2 * V * 8 / 9, "(n - 1) / n"),
        (-2 * V * 1.37, "a sign, and a factor"),
        (V**3, "a wrong formula"),
        (2 * V * np.array([1, 1, np.nan, 1]), "0/0"),
        (2 * V * np.array([1.0, 1.0, 1.37, 1.0]), ""),
    ],
)
def test_a_telling_ratio_is_put_into_words(gradient, words):
    found = guess(lambda x: np.sum(x * x), V, gradient)
    assert found.startswith(words) if words in ("a sign", "") else words in found
    assert bool(found) == bool(words)


def test_a_transposed_gradient_is_called_that():
    weights = np.arange(9.0).reshape(3, 3)
    assert "transposed" in guess(lambda x: np.sum(x * x * weights), M, (2 * M * weights).T)


def test_a_dependence_that_is_not_there_is_called_that():
    assert "does not depend" in guess(lambda x: np.sum(x[:2]), V, np.ones(4))


def test_beside_a_kink_the_message_says_so():
    message = explain(check_gradients(lambda x: np.maximum(x, 0), 0.0, gradient=2.0, raise_on_fail=False))
    assert "slope 0 to the left, 1 to the right" in message


def test_the_message_ends_with_the_whole_report():
    found = check_gradients(lambda x: np.sum(x * x), V, gradient=V, raise_on_fail=False)
    assert explain(found).endswith(str(found))
    assert math.isclose(found.worst.ratio, 0.5)
