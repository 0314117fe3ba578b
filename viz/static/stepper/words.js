// Numbers and steps in words.
"use strict";

function number(x) {
  if (x !== x) return "nan";
  if (Math.abs(x) === Infinity) return x > 0 ? "inf" : "-inf";
  if (x === 0) return "0";
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x);
  const size = Math.abs(x);
  if (size < 1e-4 || size >= 1e4) return x.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e");
  return String(Number(x.toPrecision(4)));
}

const few = (xs, shape) => (shape.length === 0 ? number(xs[0]) : "[" + xs.slice(0, xs.length > 4 ? 3 : 4).map(number).join(", ") + (xs.length > 4 ? ", …" : "") + "]");
const signed = (text) => (text.startsWith("-") ? `(${text})` : text);
const plural = (n, one, many) => `${n} ${n === 1 ? one : many}`;
const shapeText = (shape) => (shape.length === 0 ? "a single number" : shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`);
const MOST_WRITTEN = 48, MOST_TERMS = 6; // entries of an array, and parts of a sum, that are written out

// [0,2] for an entry of an array, and nothing for a scalar.
function place(k, shape) {
  const found = [];
  for (let i = shape.length - 1; i >= 0; i--) { found.unshift(k % shape[i]); k = Math.floor(k / shape[i]); }
  return shape.length ? `[${found.join(",")}]` : "";
}

function whole(xs, shape) {
  if (xs.length > MOST_WRITTEN || shape.length < 2) return shape.length ? "[" + xs.slice(0, MOST_WRITTEN).map(number).join(", ") + (xs.length > MOST_WRITTEN ? ", …" : "") + "]" : number(xs[0]);
  const each = xs.length / shape[0];
  return "[" + Array.from({ length: shape[0] }, (_, i) => whole(xs.slice(i * each, (i + 1) * each), shape.slice(1))).join(", ") + "]";
}

const sumOf = (terms) => terms.slice(0, MOST_TERMS).join(" + ") + (terms.length > MOST_TERMS ? ` + … (${terms.length - MOST_TERMS} more)` : "");

class Words {
  constructor(data, sheet) {
    this.data = data;
    this.sheet = sheet;
  }

  name(i) { return this.data.nodes[i].name; }
  slope(i) { return `d${this.name(this.data.root)}/d${this.name(i)}`; }
  of(id) { return few(this.sheet.now[id], this.sheet.shapes[id]); }

  list(indices) {
    const names = [...new Set(indices)].map((i) => this.name(i));
    return names.length < 2 ? names.join("") : names.slice(0, -1).join(", ") + " and " + names.at(-1);
  }

  // What a step says: a heading, why it happens now, the same in symbols and in numbers, and a ledger.
  tell(event) {
    const { nodes, uses, root } = this.data, node = nodes[event.node];
    switch (event.do) {
      case "forward": return {
        head: `Forward: ${node.name}`,
        why: `Everything that ${node.name} is computed from is known.`,
        lines: [
          ["rule", `${node.name} = ${node.rule}`],
          ...(node.parents.some((p) => nodes[p].shape.length) ? [["shapes", `${node.parents.map((p) => `${nodes[p].name} ${shapeText(nodes[p].shape)}`).join(", ")} → ${shapeText(node.shape)}`]] : []),
          ["numbers", `${this.filled(node.numbers)} = ${this.of(node.value)}`],
          ...this.entry(node.name, node.value, this.added(node.value)),
        ],
      };
      case "seed": return {
        head: `The seed: ${this.slope(root)} = 1`,
        why: `The backward pass starts at the result. If ${node.name} moves by a little, ${node.name} moves by exactly as much: the slope is 1.`,
        lines: [["gradient", `${this.slope(root)} = ${this.of(node.gradient)}`]],
      };
      case "visit": return {
        head: `Backward: ${node.name} hands its gradient on`,
        why: event.node === root ? `${node.name} is the result, so its gradient is complete from the start.`
          : `The gradient of ${node.name} is complete: ${node.uses.length === 1 ? "its only reader," : "all its readers,"} ${this.list(node.uses.map((u) => uses[u].consumer))}, ${node.uses.length === 1 ? "has" : "have"} handed back ${node.uses.length === 1 ? "its part" : "their parts"}.`,
        lines: [
          ["rule", `${node.name} = ${node.rule}`],
          ["gradient", `${this.slope(event.node)} = ${this.of(node.gradient)}`],
          ["next", `a part for ${this.list(event.uses.map((u) => uses[u].node))}`],
        ],
      };
      case "contribute": return this.contribution(uses[event.use], event.use);
      case "sum": return this.summed(uses[event.use], event.use);
      case "check": return {
        head: "Check: do the gradients agree with finite differences?",
        why: nodes.every((n) => n.differences === null) ? "Left out on this page: the graph has too many numbers. check_graph(loss) in Python compares them all."
          : `A finite difference moves one number a little to both sides and looks at ${this.name(root)}. It knows nothing of rules. Here for what an update would move, and in the table below beside each gradient.`,
        lines: this.data.trained.filter((i) => nodes[i].differences !== null).map((i) => {
          const found = this.differences(i);
          return [this.name(i), `gradient ${this.of(nodes[i].gradient)}, finite difference ${few(found, nodes[i].shape)} ${this.agreement(i, found)}`];
        }),
      };
      default: return {
        head: "Update: a step against the gradient",
        why: `Each ${this.data.trained.some((i) => nodes[i].kind === "parameter") ? "parameter" : "input"} moves by rate × gradient (rate ${number(this.data.rate)}), downhill.`,
        lines: [["rule", `new = old − rate × d${this.name(root)}/dold`], ...this.update()],
      };
    }
  }

  filled(text) {
    return text.replace(/\{(\d+)\}/g, (_, id) => signed(this.of(Number(id)))).replace(/\(\((-[^()]*)\)\)/g, "($1)");
  }

  contribution(use, index) {
    const consumer = this.data.nodes[use.consumer], node = this.data.nodes[use.node];
    const upstream = this.of(consumer.gradient), broadcast = use.summed.length > 0;
    const lines = [["symbols", `${this.slope(use.node)} gets ${use.symbols}`]];
    const spread = use.local === null ? this.entry(this.slope(use.node), use.raw, this.shared(consumer.gradient, use.raw), "Σ upstream × local") : [];
    if (use.local === null) lines.push(["numbers", `${this.of(use.raw)}`], ...spread);
    else lines.push(["numbers", `upstream ${upstream} × local ${signed(this.of(use.local))} = ${this.of(use.raw)}`]);
    if (broadcast) {
      lines.push(["shape", `${shapeText(this.sheet.shapes[use.raw])}, but ${node.name} is ${shapeText(node.shape)}: the next step sums what broadcasting had repeated`]);
    } else lines.push(["ledger", this.ledger(use.node, index)]);
    return {
      head: `${consumer.name} → ${node.name}: upstream × local = contribution`,
      why: `${node.name} went into ${consumer.name} = ${consumer.rule}. Moving ${node.name} moves ${this.name(this.data.root)}${use.consumer === this.data.root ? " directly" : ` through ${consumer.name}`}.`,
      lines,
    };
  }

  summed(use, index) {
    const node = this.data.nodes[use.node], axes = `${use.summed.length === 1 ? "axis" : "axes"} ${use.summed.join(", ")}`;
    return {
      head: `Un-broadcasting for ${node.name}`,
      why: `${node.name}${node.shape.length ? ` of shape ${shapeText(node.shape)}` : ", a single number,"} was repeated along ${axes} on the way forward. Each copy had a slope; on the way back they add up.`,
      lines: [
        ["numbers", `sum over ${axes} of ${this.of(use.raw)} = ${this.of(use.amount)}`],
        ...this.entry(this.slope(use.node), use.amount, this.shared(use.raw, use.amount)),
        ["ledger", this.ledger(use.node, index)],
      ],
    };
  }

  // One entry of an array written out, the first that is not 0; nothing where there is nothing to add up.
  entry(name, id, terms, what = "") {
    const shape = this.sheet.shapes[id], k = Math.max(0, this.sheet.now[id].findIndex((x) => x !== 0));
    const found = terms(k);
    return found.length < 2 ? [] : [[shape.length ? "one entry" : "in full", `${name}${place(k, shape)} = ${what ? what + " = " : ""}${sumOf(found)} = ${number(this.sheet.now[id][k])}`]];
  }

  // What makes up entry k of a sum of products, such as a matmul.
  added(id) {
    const step = this.sheet.steps[this.sheet.makes.get(id)];
    if (!step || step.kind !== "sums") return () => [];
    return (k) => step.terms[k].map(([factor, ...at]) => {
      const parts = factor === 1 && at.length ? [] : [signed(number(factor))];
      for (let i = 0; i < at.length; i += 2) parts.push(signed(number(this.sheet.now[step.in[at[i]]][at[i + 1]])));
      return parts.join(" × ");
    });
  }

  // What each entry of one variable gives entry k of another: upstream × local, without what gives nothing.
  shared(from, to) {
    return (k) => {
      const slopes = this.sheet.slopes(from, to, k), copies = slopes.every((slope) => slope === 0 || slope === 1);
      return slopes.flatMap((slope, j) => {
        const given = signed(number(this.sheet.now[from][j]));
        return slope === 0 ? [] : [copies ? given : `${given} × ${signed(number(slope))}`];
      });
    };
  }

  // 0 → +5 → +10 = 15, up to and including this use.
  ledger(i, until) {
    const node = this.data.nodes[i], order = this.data.events.filter((e) => e.do === "contribute" && this.data.uses[e.use].node === i).map((e) => e.use);
    const upTo = order.slice(0, order.indexOf(until) + 1);
    const sum = upTo.map((u) => { const t = this.of(this.data.uses[u].amount); return t.startsWith("-") || t.startsWith("[") ? t : "+" + t; }).join(" → ");
    const left = order.length - upTo.length;
    return `${node.name}: 0 → ${sum} = ${this.of(this.data.uses[until].total)}` + (left ? ` (${plural(left, "part", "parts")} still to come)` : " (complete)");
  }

  update() {
    const { nodes, trained, rate, root } = this.data;
    const lines = trained.map((i) => [nodes[i].name, `${this.of(nodes[i].value)} − ${number(rate)} × ${signed(this.of(nodes[i].gradient))} = ${few(this.moved(i), nodes[i].shape)}`]);
    const after = this.after();
    if (after !== null) lines.push([this.name(root), `before ${this.of(nodes[root].value)}, after ${number(after)}`]);
    return lines;
  }

  moved(i) {
    const node = this.data.nodes[i], g = this.sheet.now[node.gradient];
    return this.sheet.now[node.value].map((x, k) => x - this.data.rate * g[k]);
  }

  after() {
    const { nodes, trained, root } = this.data;
    if (!this.sheet.complete) return this.sheet.dirty ? null : read(this.data.after);
    if (!this.sheet.dirty) return read(this.data.after);
    const held = new Map(trained.map((i) => [nodes[i].value, this.moved(i)]));
    return this.sheet.run(this.sheet.now, held)[nodes[root].value][0];
  }

  agreement(i, differences) {
    const g = this.sheet.now[this.data.nodes[i].gradient];
    const off = Math.max(...g.map((x, k) => Math.abs(x - differences[k]) / Math.max(1, Math.abs(x))));
    return off !== off ? "— no number to compare" : off < 1e-4 ? "✓ agrees" : off < 1e-2 ? "≈ close" : "✗ differs";
  }

  differences(i) {
    const { nodes, root } = this.data, node = nodes[i];
    if (node.differences === null || !this.sheet.dirty) return node.differences === null ? null : node.differences.map(read);
    const start = this.sheet.now[node.value], out = nodes[root].value;
    return start.map((x, k) => {
      const h = 1e-6 * Math.max(1, Math.abs(x));
      const at = (sign) => { const moved = start.slice(); moved[k] = x + sign * h; return this.sheet.run(this.sheet.now, new Map([[node.value, moved]]))[out][0]; };
      return (at(1) - at(-1)) / (2 * h);
    });
  }
}
