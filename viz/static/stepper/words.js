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
        lines: [["rule", `${node.name} = ${node.rule}`], ["numbers", `${this.filled(node.numbers)} = ${this.of(node.value)}`]],
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
        why: `A finite difference moves one number a little to both sides and looks at ${this.name(root)}. It knows nothing of rules. The table below has it beside each gradient.`,
        lines: [],
      };
      default: return {
        head: "Update: a step against the gradient",
        why: `Each ${this.data.trained.some((i) => nodes[i].kind === "parameter") ? "parameter" : "input"} moves by rate × gradient (rate ${number(this.data.rate)}), downhill.`,
        lines: this.update(),
      };
    }
  }

  filled(text) {
    return text.replace(/\{(\d+)\}/g, (_, id) => signed(this.of(Number(id))));
  }

  contribution(use, index) {
    const consumer = this.data.nodes[use.consumer], node = this.data.nodes[use.node];
    const upstream = this.of(consumer.gradient), broadcast = use.summed.length > 0;
    const lines = [["symbols", `${this.slope(use.node)} gets ${use.symbols}`]];
    if (use.local === null) lines.push(["numbers", `${this.of(use.raw)}`]);
    else lines.push(["numbers", `upstream ${upstream} × local ${signed(this.of(use.local))} = ${this.of(use.raw)}`]);
    if (broadcast) {
      lines.push(["shape", `(${this.sheet.shapes[use.raw].join(", ")}), but ${node.name} is (${node.shape.join(", ")}): the next step sums what broadcasting had repeated`]);
    } else lines.push(["ledger", this.ledger(use.node, index)]);
    return {
      head: `${consumer.name} → ${node.name}: upstream × local = contribution`,
      why: `${node.name} went into ${consumer.name} = ${consumer.rule}. Moving ${node.name} moves ${this.name(this.data.root)} through ${consumer.name}.`,
      lines,
    };
  }

  summed(use, index) {
    const node = this.data.nodes[use.node];
    return {
      head: `Un-broadcasting for ${node.name}`,
      why: `${node.name} of shape (${node.shape.join(", ")}) was repeated along ${plural(use.summed.length, "axis", "axes")} ${use.summed.join(", ")} on the way forward. Each copy had a slope; on the way back they add up.`,
      lines: [
        ["numbers", `sum over ${use.summed.join(", ")} of ${this.of(use.raw)} = ${this.of(use.amount)}`],
        ["ledger", this.ledger(use.node, index)],
      ],
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
