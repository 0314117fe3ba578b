"""The arithmetic of the stepper's page, run by Node: entry by entry it is NumPy's."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tinygrad_edu import Value, gelu, nn, softmax, viz
from tinygrad_edu.op import REGISTRY
from tinygrad_edu.viz.stepping.sheet import flat

SCRIPT = Path(viz.__file__).parent / "static" / "stepper" / "numbers.js"
# Elementwise operations that the page leaves as they were recorded.
LEFT = {"exists", "nan_to_num", "spherical_bessel", "sinc", "polygamma", "digamma", "gammaln"}
RUN = """
const script = require("fs").readFileSync(process.argv[1], "utf8");
const { EACH, WITH, read } = new Function(script + "; return { EACH, WITH, read };")();
const text = (x) => (Number.isFinite(x) ? x : String(x));
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(asked.map(([name, params, rows]) => rows.map((row) => {
  const xs = row.map(read);
  return text(params ? WITH[name](params, ...xs) : EACH[name](...xs));
}))));
"""


def tables():
    text = SCRIPT.read_text("utf-8")
    starts = (r"const EACH = \{", r"assign\(EACH, \{")
    each, more = (re.search(start + r"(.*?)^\}", text, re.S | re.M)[1] for start in starts)
    known = set(re.findall(r"(?:^|[,{]) *(\w+)(?=:|,)", each + more, re.M))
    return known | set(re.findall(r"^  (\w+): \(\{", text, re.M))


# As registered when this file is collected: examples in docstrings, and other tests, enter theirs too.
OURS = {n: op for n, op in REGISTRY.items() if op.kind == "elementwise" and op.is_built_in()}


def ours():
    return OURS


def test_the_page_knows_every_elementwise_operation_or_it_is_on_the_list():
    assert set(ours()) - tables() == LEFT


def test_the_page_computes_what_numpy_computes():
    if shutil.which("node") is None:
        pytest.skip("no Node: node is not on the PATH (Debian: apt-get install nodejs)")
    rng, asked, wanted = np.random.default_rng(0), [], []
    for name, op in ours().items():
        if name in LEFT:
            continue
        domains = op.domain if len(op.domain) == op.arity else op.domain * op.arity
        drawn = [
            rng.integers(int(d.low), int(d.high) + 1, 12).astype(float) if d.integer else rng.uniform(d.low, d.high, 12)
            for d in domains
        ]
        hard = [np.array([0.0, 0.5, 1.5, -2.5, 2.0, np.inf, np.nan, 30.0])[: 8 if len(drawn) == 1 else 5]] * len(drawn)
        for params in [case.params for case in op.cases if case.params] or [{}]:
            for xs in (drawn, hard):
                with np.errstate(all="ignore"):
                    wanted.append((name, np.broadcast_to(op.compute(*xs, **params), xs[0].shape)))
                rows = [flat(np.array(row)) for row in zip(*xs, strict=True)]
                asked.append([name, params or None, rows])
    done = subprocess.run(
        ["node", "-e", RUN, str(SCRIPT)], input=json.dumps(asked), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for (name, expected), got in zip(wanted, json.loads(done.stdout), strict=True):
        numbers = np.array([float(str(x).replace("Infinity", "inf")) for x in got])
        np.testing.assert_allclose(numbers, np.asarray(expected, dtype=float), rtol=2e-13, atol=1e-14, err_msg=name)


MOVE = """
const script = require("fs").readFileSync(process.argv[1], "utf8");
const { Sheet, read } = new Function(script + "; return { Sheet, read };")();
console.log(JSON.stringify(JSON.parse(require("fs").readFileSync(0, "utf8")).map(([before, leaves, after]) => {
  const sheet = new Sheet(before);
  const now = sheet.run(sheet.now, new Map(leaves.map((id) => [id, after.vars[id][1].map(read)])));
  return [[...sheet.fixed], sheet.complete, now];
})));
"""

RNG = np.random.default_rng(1)
FUNCTIONS = {
    "clip": lambda x: np.clip(x, -0.5, 0.5).sum(),
    "max": lambda x: (x.max(axis=1) ** 2).sum(),
    "softmax": lambda x: (softmax(x) * np.arange(3.0)).sum(),
    "std": lambda x: np.std(x, axis=0, ddof=1).sum(),
    "prod": lambda x: np.prod(x, axis=1).sum(),
    "norm": lambda x: np.linalg.norm(x),
    "relu": lambda x: (x.relu() * x).mean(),
    "gelu": lambda x: gelu(x).sum(),
    "layer norm": lambda x, layer=nn.LayerNorm(3): (layer(x) ** 2 * x).sum(),  # noqa: B008
    "attention": lambda x: ((softmax(x @ x.T) @ x) ** 2).sum(),
    "a long way round": lambda x: np.log1p(np.exp(np.einsum("ij,kj->ik", x, x)[0])).sum() / x[1, 2],
}


def test_after_a_change_every_number_on_the_page_is_what_the_engine_computes_there():
    if shutil.which("node") is None:
        pytest.skip("no Node: node is not on the PATH (Debian: apt-get install nodejs)")
    asked, there = [], []
    for name, f in FUNCTIONS.items():
        before, after = (viz.stepper(f(Value(RNG.normal(size=(2, 3)), name="x"))).data for _ in range(2))
        leaves = [node["value"] for node in before["nodes"] if node["kind"] in ("input", "parameter")]
        asked.append([before, leaves, after])
        there.append((name, after["vars"]))
    done = subprocess.run(
        ["node", "-e", MOVE, str(SCRIPT)], input=json.dumps(asked), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for (name, vars), (fixed, complete, now) in zip(there, json.loads(done.stdout), strict=True):
        assert fixed == [], name
        assert complete, name
        for (_, expected), got in zip(vars, now, strict=True):
            np.testing.assert_allclose(got, np.array(expected, dtype=float), rtol=1e-10, atol=1e-13, err_msg=name)
