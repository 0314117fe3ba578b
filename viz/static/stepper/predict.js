// "Predict this gradient": a question, and what a wrong answer tells about how it came about.
"use strict";

class Predict {
  constructor(data, words) {
    this.data = data;
    this.words = words;
    this.asked = data.events.filter((e) => e.do === "visit").flatMap((e) => e.uses.map((u) => data.uses[u].node))
      .filter((n, k, all) => all.lastIndexOf(n) === k && data.nodes[n].gradient !== null);
    this.at = 0;
  }

  get node() { return this.asked[this.at]; }
  next() { this.at = (this.at + 1) % this.asked.length; }

  question() {
    const w = this.words, node = this.data.nodes[this.node], uses = node.uses.map((u) => this.data.uses[u]);
    const known = uses.map((u) => `${w.slope(u.consumer)} = ${w.of(this.data.nodes[u.consumer].gradient)}, and ${this.data.nodes[u.consumer].name} = ${this.data.nodes[u.consumer].rule} = ${w.filled(this.data.nodes[u.consumer].numbers)}`);
    const entry = node.shape.length ? ` (its first entry)` : "";
    return { head: `What is ${w.slope(this.node)}${entry}?`, known: [...new Set(known)] };
  }

  get answer() { return this.words.sheet.now[this.data.nodes[this.node].gradient][0]; }

  judge(text) {
    const given = Number(text.trim().replace(",", ".").replace("−", "-"));
    if (text.trim() === "" || Number.isNaN(given)) return { right: false, say: "Please write a number, such as 0.5 or -1e-3." };
    const w = this.words, sheet = w.sheet, truth = this.answer, node = this.data.nodes[this.node];
    const like = (x) => Number.isFinite(x) && Math.abs(given - x) <= 0.006 * Math.max(Math.abs(x), 1e-12);
    if (like(truth) || (truth === 0 && given === 0)) return { right: true, say: `Right: ${w.slope(this.node)} = ${number(truth)}.` };
    const uses = node.uses.map((u) => this.data.uses[u]);
    const first = (id) => sheet.now[id][0];
    const ups = uses.map((u) => first(this.data.nodes[u.consumer].gradient));
    const locals = uses.map((u) => (u.local === null ? NaN : first(u.local)));
    const parts = uses.map((u) => first(u.amount));
    const sum = (xs) => xs.reduce((a, b) => a + b, 0), product = (xs) => xs.reduce((a, b) => a * b, 1);
    const faults = [
      [-truth, "The size is right, the sign is not: look at the sign of each local derivative."],
      ...(parts.length > 1 ? parts.map((p, k) => [p, `That is only the part through ${w.name(uses[k].consumer)}. ${node.name} is used ${parts.length} times; its gradient is the sum of all parts.`]) : []),
      ...(parts.length > 1 ? [[product(parts), "The parts of several uses are added, not multiplied."]] : []),
      [sum(ups), "That is the gradient from upstream. It still has to be multiplied by the local derivative."],
      [sum(locals), "That is the local derivative. It still has to be multiplied by the gradient from upstream."],
      [sum(ups) + sum(locals), "Upstream and local are multiplied, not added."],
      ...uses.filter((u) => u.summed.length).map((u) => [first(u.raw), `That is one of the copies that broadcasting made of ${node.name}: the copies' gradients are summed.`]),
      [2 * truth, "That is twice the gradient, as if an old gradient had not been cleared before this pass (zero_grad)."],
      [first(node.value), `That is the value of ${node.name}, not its gradient.`],
    ];
    const found = faults.find(([x]) => like(x));
    return { right: false, say: found ? found[1] : `Not quite. Each use of ${node.name} gives upstream × local; ${parts.length > 1 ? `add the ${parts.length} parts.` : "there is one use."}` };
  }
}
