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

// Half to the even neighbour, as NumPy rounds.
function rint(x) {
  const down = Math.floor(x), half = x - down;
  return half < 0.5 || (half === 0.5 && down % 2 === 0) ? down : down + 1;
}

function remainder(x, y) {
  const left = x % y;
  return left !== 0 && left < 0 !== y < 0 ? left + y : left;
}

// The error function, complemented: its series near 0, a continued fraction further out.
function erfc(x) {
  if (x < 0) return 2 - erfc(-x);
  if (x > 27) return 0;
  if (x < 2.5) {
    let term = x, sum = x;
    for (let n = 1; n < 80; n++) sum += (term *= (-x * x) / n) / (2 * n + 1);
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let deep = x;
  for (let n = 80; n > 0; n--) deep = x + n / 2 / deep;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / deep;
}

const bend = (x) => Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x));

Object.assign(EACH, {
  clip: (x, low, high) => EACH.minimum(EACH.maximum(x, low), high), rint, remainder, erfc, erf: (x) => 1 - erfc(x),
  logaddexp: (x, y) => (x === y ? x + Math.LN2 : Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y)))),
  logaddexp2: (x, y) => (x === y ? x + 1 : Math.max(x, y) + Math.log2(1 + Math.pow(2, -Math.abs(x - y)))),
  fmax: (x, y) => (x >= y || y !== y ? x : y), fmin: (x, y) => (x <= y || y !== y ? x : y),
  degrees: (x) => (x * 180) / Math.PI, radians: (x) => (x * Math.PI) / 180,
  fmod: (x, y) => x % y, floor_divide: (x, y) => Math.round((x - remainder(x, y)) / y),
  heaviside: (x, y) => (x > 0 ? 1 : x < 0 ? 0 : x === 0 ? y : x), conjugate: (x) => x, imag: () => 0,
  copysign: (x, y) => (y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x)),
  ndtr: (x) => erfc(-x / Math.SQRT2) / 2, gelu: (x) => (x * erfc(-x / Math.SQRT2)) / 2,
  gelu_slope: (x) => erfc(-x / Math.SQRT2) / 2 + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  gelu_tanh: (x) => 0.5 * x * (1 + bend(x)), mish: (x) => x * Math.tanh(EACH.softplus(x)),
  bitwise_and: (x, y) => x & y, bitwise_or: (x, y) => x | y, bitwise_xor: (x, y) => x ^ y,
  uniform: (u, low, high) => low + (high - low) * u, normal: (z, mean, std) => mean + std * z, bernoulli: (u, p) => +(u < p),
});

// The same for operations with parameters, which come first.
const WITH = {
  leaky_relu: ({ negative_slope }, x) => (x > 0 ? x : x * negative_slope),
  elu: ({ alpha }, x) => (x > 0 ? x : alpha * Math.expm1(x)),
  dropout: ({ p }, x, u) => (p === 1 ? 0 : (x * +(u >= p)) / (1 - p)),
  round: ({ decimals }, x) => rint(x * Math.pow(10, decimals)) / Math.pow(10, decimals),
};

const spread = (row, ddof) => { const m = row.reduce((a, b) => a + b, 0) / row.length; return row.reduce((s, x) => s + (x - m) * (x - m), 0) / Math.max(0, row.length - ddof); };

// What goes along an axis: the entries that belong together, and `ddof` where there is one.
const ROWS = {
  var: (row, ddof) => [spread(row, ddof)],
  std: (row, ddof) => [Math.sqrt(spread(row, ddof))],
  euclidean_norm: (row) => [Math.hypot(...row)],
  prod: (row) => [row.reduce((a, b) => a * b, 1)],
  cumprod: (row) => { let p = 1; return row.map((x) => (p *= x)); },
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
      const known = s.kind === "sums" || (s.kind === "each" && s.op in (s.params ? WITH : EACH)) || (s.kind === "rows" && s.op in ROWS);
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

  // How much entry k of a variable moves with each entry of another, of which it is a linear function; none if the
  // steps between cannot be computed here, or are too many.
  slopes(from, to, k) {
    const after = new Set([from]), wanted = new Set([to]), steps = [];
    const touched = this.steps.filter((s) => s.in.some((id) => after.has(id)) && after.add(s.out));
    for (const s of touched.reverse()) if (wanted.has(s.out)) steps.unshift(s), s.in.forEach((id) => wanted.add(id));
    if (this.now[from].length > MOST_WRITTEN || steps.some((s) => this.fixed.has(s.op))) return [];
    return this.now[from].map((_, j) => {
      const v = this.now.slice();
      v[from] = v[from].map((_, i) => +(i === j));
      for (const s of steps) v[s.out] = this.compute(s, s.in.map((id) => v[id]));
      return v[to][k];
    });
  }

  compute(s, xs) {
    if (s.kind === "each") return this.each(s.params ? WITH[s.op].bind(null, s.params) : EACH[s.op], s, xs);
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
      const made = f(at.map((k) => xs[0][k]), s.ddof);
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
