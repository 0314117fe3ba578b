// Computes the variables of the sheet again when an input has changed. No derivative is written down here: the
// steps of the backward pass come from the engine's own rules, as operations like any other.
"use strict";

const read = (x) => (typeof x === "string" ? { inf: Infinity, "-inf": -Infinity, nan: NaN }[x] : x);

const EACH = {
  add: (x, y) => x + y, subtract: (x, y) => x - y, multiply: (x, y) => x * y, divide: (x, y) => x / y,
  power: (x, y) => Math.pow(x, y), float_power: (x, y) => Math.pow(x, y), negative: (x) => -x, positive: (x) => x,
  absolute: Math.abs, sign: Math.sign, exp: Math.exp, expm1: Math.expm1, exp2: (x) => Math.pow(2, x), log: Math.log,
  log1p: Math.log1p, log2: Math.log2, log10: Math.log10, sqrt: Math.sqrt, cbrt: Math.cbrt, square: (x) => x * x,
  reciprocal: (x) => 1 / x, hypot: (x, y) => Math.hypot(x, y), maximum: (x, y) => (x > y || x !== x ? x : y),
  minimum: (x, y) => (x < y || x !== x ? x : y), sin: Math.sin, cos: Math.cos, tan: Math.tan, arcsin: Math.asin,
  arccos: Math.acos, arctan: Math.atan, arctan2: Math.atan2, sinh: Math.sinh, cosh: Math.cosh, tanh: Math.tanh,
  arcsinh: Math.asinh, arccosh: Math.acosh, arctanh: Math.atanh, relu: (x) => (x > 0 ? x : x !== x ? x : 0),
  sigmoid: (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  silu: (x) => x / (1 + Math.exp(-x)), softsign: (x) => x / (1 + Math.abs(x)),
  where: (c, x, y) => (c ? x : y), floor: Math.floor, ceil: Math.ceil, trunc: Math.trunc, stop_gradient: (x) => x,
  greater: (x, y) => +(x > y), greater_equal: (x, y) => +(x >= y), less: (x, y) => +(x < y),
  less_equal: (x, y) => +(x <= y), equal: (x, y) => +(x === y), not_equal: (x, y) => +(x !== y),
  isfinite: (x) => +Number.isFinite(x), isnan: (x) => +(x !== x), logical_and: (x, y) => +(x && y ? 1 : 0),
  logical_or: (x, y) => +(x || y ? 1 : 0), logical_not: (x) => +!x, isinf: (x) => +(Math.abs(x) === Infinity),
};

const ROWS = {
  max: (row) => [Math.max(...row)],
  min: (row) => [Math.min(...row)],
  logsumexp: (row) => { const m = Math.max(...row); return [m + Math.log(row.reduce((s, x) => s + Math.exp(x - m), 0))]; },
  softmax: (row) => { const m = Math.max(...row), e = row.map((x) => Math.exp(x - m)), s = e.reduce((a, b) => a + b, 0); return e.map((x) => x / s); },
  log_softmax: (row) => { const m = Math.max(...row), l = m + Math.log(row.reduce((s, x) => s + Math.exp(x - m), 0)); return row.map((x) => x - l); },
};

class Sheet {
  constructor(data) {
    this.shapes = data.vars.map((v) => v[0]);
    this.recorded = data.vars.map((v) => v[1].map(read));
    this.now = this.recorded.map((v) => v.slice());
    this.steps = data.steps;
    this.makes = new Map(data.steps.map((s, i) => [s.out, i]));
    this.fixed = new Set(); // what the page cannot compute again, and what follows from it
    for (const s of data.steps) {
      const known = s.kind === "sums" || (s.kind === "each" && (s.op in EACH) && !s.params) || (s.kind === "rows" && s.op in ROWS);
      if (!known) this.fixed.add(s.op);
    }
    this.complete = this.fixed.size === 0 && this.agrees();
  }

  // Whether computing everything here gives the numbers that the engine gave.
  agrees() {
    const made = this.run(this.recorded, new Map());
    return made.every((v, i) => v.every((x, k) => {
      const y = this.recorded[i][k];
      return x === y || (x !== x && y !== y) || Math.abs(x - y) <= 1e-9 * Math.max(1, Math.abs(x), Math.abs(y));
    }));
  }

  // Every variable, from those that no step makes, and with some of them held at other numbers.
  run(start, held) {
    const v = start.slice();
    for (const [id, numbers] of held) v[id] = numbers;
    for (const s of this.steps) {
      if (held.has(s.out)) continue;
      v[s.out] = this.compute(s, s.in.map((id) => v[id]));
    }
    return v;
  }

  compute(s, xs) {
    if (s.kind === "each") return this.each(EACH[s.op], s, xs);
    if (s.kind === "sums") {
      return s.terms.map((terms) => {
        let sum = 0;
        for (const t of terms) {
          let product = t[0];
          for (let k = 1; k < t.length; k += 2) product *= xs[t[k]][t[k + 1]];
          sum += product;
        }
        return sum;
      });
    }
    const out = [], f = ROWS[s.op];
    const whole = this.shapes[s.out].reduce((a, b) => a * b, 1) === xs[0].length;
    s.rows.forEach((at, r) => {
      const made = f(at.map((k) => xs[0][k]));
      if (whole && made.length === at.length) at.forEach((k, i) => { out[k] = made[i]; });
      else out[r] = made[0];
    });
    return out;
  }

  each(f, s, xs) {
    const shape = this.shapes[s.out], size = shape.reduce((a, b) => a * b, 1);
    const at = s.in.map((id) => strides(this.shapes[id], shape));
    const out = new Array(size);
    for (let k = 0; k < size; k++) out[k] = f(...xs.map((x, i) => x[position(k, shape, at[i])]));
    return out;
  }
}

// How far one step along each axis of `shape` goes in an array of shape `own`; 0 where broadcasting repeats it.
function strides(own, shape) {
  const found = new Array(shape.length).fill(0);
  let step = 1;
  for (let i = own.length - 1; i >= 0; i--) {
    found[shape.length - own.length + i] = own[i] === 1 ? 0 : step;
    step *= own[i];
  }
  return found;
}

function position(k, shape, steps) {
  let at = 0;
  for (let i = shape.length - 1; i >= 0; i--) {
    at += (k % shape[i]) * steps[i];
    k = Math.floor(k / shape[i]);
  }
  return at;
}
