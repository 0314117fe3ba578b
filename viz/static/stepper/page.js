// Buttons, keys, sliders, the table and the worksheet.
"use strict";

const $ = (id) => document.getElementById(id);

function h(tag, attributes = {}, ...children) {
  const found = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) found.addEventListener(key.slice(2), value);
    else found.setAttribute(key, value);
  }
  found.append(...children);
  return found;
}

const SHOWN = 8; // sliders; the others unfold

class Page {
  constructor(data) {
    this.data = data;
    this.sheet = new Sheet(data);
    this.sheet.dirty = false;
    this.words = new Words(data, this.sheet);
    this.graph = new Graph(data, this.words, $("graph"), (i, e) => this.drag(i, e));
    this.predict = new Predict(data, this.words);
    this.at = 0;
    this.timer = null;
    const last = data.events.length;
    $("scrub").max = String(last);
    $("start").onclick = () => this.go(0);
    $("back").onclick = () => this.go(this.at - 1);
    $("step").onclick = () => this.go(this.at + 1);
    $("end").onclick = () => this.go(last);
    $("play").onclick = () => this.play();
    $("scrub").oninput = () => this.go(Number($("scrub").value));
    for (const [id, what] of [["to-forward", "forward"], ["to-backward", "seed"], ["to-check", "check"], ["to-update", "update"]]) {
      const place = data.events.findIndex((e) => e.do === what);
      $(id).disabled = place < 0;
      $(id).onclick = () => this.go(place + 1);
    }
    $("predict").onclick = () => this.ask(!document.body.classList.contains("asking"));
    $("predict").disabled = !this.predict.asked.length;
    $("print").onclick = () => window.print();
    $("reset").onclick = () => this.reset();
    $("question").onsubmit = (e) => { e.preventDefault(); this.answer(); };
    $("next").onclick = () => { this.predict.next(); this.showQuestion(); };
    $("reveal").onclick = () => { $("verdict").textContent = `${this.words.slope(this.predict.node)} = ${number(this.predict.answer)}`; };
    document.addEventListener("keydown", (e) => this.key(e));
    addEventListener("beforeprint", () => this.worksheet()); // with the numbers as they are then
    this.inputs();
    this.worksheet();
    this.go(0);
    document.body.dataset.ready = "yes";
  }

  key(e) {
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) || e.ctrlKey || e.metaKey || e.altKey) return;
    const act = { ArrowRight: () => this.go(this.at + 1), ArrowLeft: () => this.go(this.at - 1), Home: () => this.go(0), End: () => this.go(this.data.events.length), p: () => this.ask(true), r: () => this.reset() }[e.key];
    if (e.key === " " && e.target.tagName !== "BUTTON") { e.preventDefault(); this.play(); }
    if (act) { e.preventDefault(); act(); }
  }

  play() {
    if (this.timer !== null) return this.stop();
    if (this.at === this.data.events.length) this.go(0);
    $("play").textContent = "❙❙ pause";
    this.timer = setInterval(() => (this.at < this.data.events.length ? this.go(this.at + 1, true) : this.stop()), 1100);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    $("play").textContent = "▶ play";
  }

  go(to, playing = false) {
    if (!playing && this.timer !== null) this.stop();
    this.at = Math.max(0, Math.min(this.data.events.length, to));
    const event = this.at ? this.data.events[this.at - 1] : null;
    $("scrub").value = String(this.at);
    $("count").textContent = `step ${this.at} of ${this.data.events.length}`;
    $("scrub").setAttribute("aria-valuetext", $("count").textContent);
    $("back").disabled = $("start").disabled = this.at === 0;
    $("step").disabled = $("end").disabled = this.at === this.data.events.length;
    this.tell(event);
    this.graph.show(this.at, event);
    this.table();
  }

  tell(event) {
    const told = event ? this.words.tell(event) : {
      head: `${this.words.name(this.data.root)} and the graph it was computed by`,
      why: "Press → (or step) to compute it forward, and then to follow the gradient back, one contribution at a time.",
      lines: [["boxes", "a double border is a parameter (learned), a dashed border a constant, a box without a rule an input; (2, 3) is the shape of an array"]],
    };
    $("head").textContent = told.head;
    $("why").textContent = told.why;
    $("lines").replaceChildren(...told.lines.flatMap(([key, text]) => [h("dt", {}, key), h("dd", {}, text)]));
    const arrays = this.arrays(event);
    $("arrays").replaceChildren(...arrays);
  }

  // Small arrays of the current step, written out.
  arrays(event) {
    if (!event || !("node" in event)) return [];
    const { nodes, uses } = this.data, shown = [];
    if (event.do === "forward") shown.push([nodes[event.node].name, nodes[event.node].value]);
    if ("use" in event) {
      const use = uses[event.use];
      shown.push([this.words.slope(use.consumer), nodes[use.consumer].gradient], ["contribution", event.do === "sum" ? use.amount : use.raw]);
    }
    return shown.filter(([, id]) => this.sheet.shapes[id].length && this.sheet.now[id].length <= MOST_WRITTEN).map(([name, id]) => this.matrix(name, id));
  }

  matrix(name, id) {
    const shape = this.sheet.shapes[id], xs = this.sheet.now[id], columns = shape.at(-1) || 1, rows = [];
    for (let k = 0; k < xs.length; k += columns) rows.push(h("tr", {}, ...xs.slice(k, k + columns).map((x) => h("td", {}, number(x)))));
    return h("table", { class: "matrix" }, h("caption", {}, `${name} ${shapeText(shape)}`), h("tbody", {}, ...rows));
  }

  table() {
    const { nodes, events } = this.data, checked = events.slice(0, this.at).some((e) => e.do === "check");
    const done = new Set(events.slice(0, this.at).filter((e) => e.do !== "contribute").map((e) => `${e.do}${e.node}`));
    const rows = nodes.map((node, i) => {
      const value = !node.parents.length || done.has(`forward${i}`) ? this.words.of(node.value) : "·";
      const complete = node.gradient !== null && this.complete(i);
      const differences = checked && node.gradient !== null ? this.words.differences(i) : null;
      const cells = [node.name, (node.rule ?? node.kind) + (node.scope ? ` · ${node.scope}` : ""), value, node.gradient === null ? "none needed" : complete ? this.words.of(node.gradient) : "·",
        differences === null ? "·" : few(differences, node.shape), differences === null ? "·" : this.words.agreement(i, differences)];
      return h("tr", {}, h("th", { scope: "row" }, cells[0]), ...cells.slice(1).map((c) => h("td", {}, c)));
    });
    $("rows").replaceChildren(...rows);
  }

  complete(i) {
    const { events, uses, root } = this.data, past = events.slice(0, this.at);
    if (i === root) return past.some((e) => e.do === "seed");
    const last = events.findLastIndex((e) => "use" in e && uses[e.use].node === i);
    return last >= 0 && last < this.at;
  }

  inputs() {
    const { nodes } = this.data, rows = [], large = [];
    nodes.forEach((node, i) => {
      if (node.parents.length || node.kind === "constant") return;
      if (this.sheet.now[node.value].length > MOST_WRITTEN) return large.push(node.name);
      this.sheet.now[node.value].forEach((x, k) => {
        const name = node.name + place(k, node.shape);
        const reach = Math.max(2, 2 * Math.abs(x)), id = `in${i}-${k}`;
        const range = h("input", { type: "range", id, min: String(x - reach), max: String(x + reach), step: "any", "aria-label": name });
        const box = h("input", { type: "number", step: "any", id: `${id}-n`, "aria-label": `${name}, as a number` });
        range.value = box.value = String(x);
        box.value = String(Number(x.toPrecision(6)));
        range.oninput = () => { box.value = String(Number(Number(range.value).toPrecision(6))); this.set(i, k, Number(range.value)); };
        box.onchange = () => { if (box.value !== "" && Number.isFinite(Number(box.value))) { range.value = box.value; this.set(i, k, Number(box.value)); } };
        range.disabled = box.disabled = !this.sheet.complete;
        rows.push(h("div", { class: "slider" }, h("label", { for: id }, name), range, box));
      });
    });
    $("inputs").replaceChildren(...rows.slice(0, SHOWN));
    $("others").replaceChildren(...rows.slice(SHOWN));
    $("more").hidden = rows.length <= SHOWN;
    $("more").firstElementChild.textContent = `${rows.length - SHOWN} more`;
    const why = this.sheet.fixed.size ? `This page cannot compute ${[...this.sheet.fixed].join(", ")} again, so the numbers stay as they were recorded.` : "The numbers computed here differ from the recorded ones, so they stay as they were recorded.";
    const conditions = nodes.filter((n) => n.condition).map((n) => n.name);
    const without = (large.length ? `Too many numbers for sliders: ${large.join(", ")}. ` : "") + (conditions.length ? `Conditions stay as they were recorded: ${conditions.join(", ")}.` : "");
    $("frozen").textContent = this.sheet.complete ? without : why;
  }

  set(i, k, x) {
    const id = this.data.nodes[i].value, numbers = this.sheet.now[id].slice();
    numbers[k] = x;
    this.sheet.dirty = true;
    this.sheet.now = this.sheet.run(this.sheet.now, new Map([[id, numbers]]));
    this.go(this.at);
    if (document.body.classList.contains("asking")) this.showQuestion();
  }

  reset() {
    this.sheet.now = this.sheet.recorded.map((v) => v.slice());
    this.sheet.dirty = false;
    this.inputs();
    this.go(this.at);
  }

  // Dragging the box of an input sideways changes its number.
  drag(i, e) {
    const node = this.data.nodes[i];
    if (!this.graph.movable(i)) return;
    e.preventDefault();
    const from = e.clientX, x = this.sheet.now[node.value][0], per = Math.max(0.01, Math.abs(x) / 100);
    const move = (m) => {
      const now = x + (m.clientX - from) * per;
      this.set(i, 0, now);
      const range = $(`in${i}-0`);
      if (range) { range.value = String(now); $(`in${i}-0-n`).value = String(Number(now.toPrecision(6))); }
    };
    const up = () => { removeEventListener("pointermove", move); removeEventListener("pointerup", up); };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
  }

  ask(on) {
    if (!this.predict.asked.length) return;
    document.body.classList.toggle("asking", on);
    $("predict").setAttribute("aria-pressed", String(on));
    if (on) { this.showQuestion(); $("given").focus(); }
  }

  showQuestion() {
    const asked = this.predict.question();
    $("asked").textContent = asked.head;
    $("known").replaceChildren(...asked.known.map((k) => h("li", {}, k)));
    $("verdict").textContent = "";
    $("verdict").className = "";
    $("given").value = "";
  }

  answer() {
    const found = this.predict.judge($("given").value);
    $("verdict").className = found.right ? "right" : "wrong";
    $("verdict").textContent = (found.right ? "✓ " : "✗ ") + found.say;
  }

  worksheet() {
    const { nodes, root } = this.data, all = (id) => whole(this.sheet.now[id], this.sheet.shapes[id]);
    const given = nodes.filter((n) => !n.parents.length && (n.kind !== "constant" || n.shape.length)).map((n) => h("li", {}, `${n.name} = ${all(n.value)}`));
    const line = (n, i, filled) => h("tr", {}, h("td", {}, n.parents.length ? `${n.name} = ${n.rule}` : n.name),
      h("td", {}, filled || !n.parents.length ? all(n.value) : ""), h("td", {}, n.gradient === null ? "—" : filled ? all(n.gradient) : ""));
    const table = (filled) => h("table", {}, h("thead", {}, h("tr", {}, ...["computed as", "value", `d${nodes[root].name}/d…`].map((t) => h("th", {}, t)))),
      h("tbody", {}, ...nodes.map((n, i) => (n.kind === "constant" ? null : line(n, i, filled))).filter(Boolean)));
    $("worksheet").replaceChildren(
      h("section", {}, h("h2", {}, "Worksheet"), h("p", {}, "Compute the values from top to bottom, then the gradients from bottom to top. Where a number is used twice, add both parts."), h("ul", {}, ...given), table(false)),
      h("section", { class: "answers" }, h("h2", {}, "Answers"), table(true)),
    );
  }
}

window.stepper = new Page(JSON.parse($("data").textContent));
