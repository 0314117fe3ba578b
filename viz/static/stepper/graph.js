// The graph: boxes with their numbers, edges with what flows back along them.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function el(tag, attributes = {}, ...children) {
  const found = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  found.append(...children);
  return found;
}

const cut = (text, n) => (text.length <= n ? text : text.slice(0, n - 1) + "…");

class Graph {
  constructor(data, words, place, pick) {
    this.data = data;
    this.words = words;
    this.place = place;
    this.pick = pick;
    this.boxes = new Map();
    this.edges = new Map();
    if (data.picture) this.draw(data.picture.boxes.map((b, i) => [i, b]), data.picture.edges, data.picture.width, data.picture.height);
  }

  draw(boxes, edges, width, height) {
    this.place.replaceChildren();
    this.boxes.clear();
    this.edges.clear();
    const svg = el("svg", { viewBox: `-8 -16 ${width + 16} ${height + 24}`, width: width + 16, height: height + 24, role: "group", "aria-label": "the graph; the same is in the table below" });
    for (const [tail, head, port, path, at] of edges) {
      const line = el("path", { d: path, class: "edge" }), label = el("text", { x: at[0], y: at[1] - 6, class: "part" });
      svg.append(line, label);
      this.edges.set(`${head}.${port}`, { line, label, tail });
    }
    for (const [i, [x, y, w, h]] of boxes) {
      const node = this.data.nodes[i];
      const group = el("g", { class: "node", transform: `translate(${x},${y})`, tabindex: "-1" });
      group.append(el("rect", { width: w, height: h, rx: 6 }));
      if (node.kind === "parameter") group.append(el("rect", { x: 3, y: 3, width: w - 6, height: h - 6, rx: 4 }));
      const rows = [[cut(node.name, 18) + (node.shape.length ? " " + shapeText(node.shape) : ""), "name"], ...(node.rule ? [[node.rule, "rule"]] : []), ["", "value"], ["", "gradient"]];
      const texts = {};
      rows.forEach(([text, kind], k) => {
        texts[kind] = el("text", { x: w / 2, y: 3 + ((h - 6) * (k + 0.72)) / rows.length, class: kind });
        texts[kind].textContent = kind === "rule" ? cut(text, 26) : text;
        group.append(texts[kind]);
      });
      texts.badge = el("text", { x: w - 4, y: -3, class: "badge" });
      const tip = el("title");
      tip.textContent = (node.rule ? `${node.name} = ${node.rule}` : `${node.name} (${node.kind})`) + (node.scope ? `, in ${node.scope}` : "");
      group.append(texts.badge, tip);
      group.addEventListener("pointerdown", (e) => this.pick(i, e));
      svg.append(group);
      this.boxes.set(i, { group, texts, x, y, w, h });
    }
    this.place.append(svg);
    this.svg = svg;
  }

  // Whether dragging its box changes a number.
  movable(i) {
    const node = this.data.nodes[i];
    return !node.parents.length && node.kind !== "constant" && !node.shape.length && this.words.sheet.complete;
  }

  // For a large graph: the current node in the middle, what it reads on the left, what reads it on the right.
  around(i) {
    const node = this.data.nodes[i], reads = [...new Set(node.parents)], readers = this.data.nodes.flatMap((n, k) => (n.parents.includes(i) ? [k] : []));
    const left = reads.slice(0, 8), right = readers.slice(0, 8), w = 180, h = 64, gap = 14, tall = Math.max(left.length, right.length, 1) * (h + gap);
    const column = (list, x) => list.map((n, k) => [n, [x, (tall - list.length * (h + gap)) / 2 + k * (h + gap), w, h]]);
    const boxes = [...column(left, 0), ...column([i], 250), ...column(right, 500)];
    const where = new Map(boxes), edges = [];
    const join = (tail, head, port) => {
      const a = where.get(tail), b = where.get(head);
      if (!a || !b) return;
      const [x1, y1, x2, y2] = [a[0] + w, a[1] + h / 2 + 4 * port, b[0], b[1] + h / 2 + 4 * port];
      edges.push([tail, head, port, `M${x1},${y1}C${x1 + 30},${y1} ${x2 - 30},${y2} ${x2},${y2}`, [(x1 + x2) / 2, (y1 + y2) / 2]]);
    };
    node.parents.forEach((p, port) => join(p, i, port));
    right.forEach((c) => this.data.nodes[c].parents.forEach((p, port) => { if (p === i) join(i, c, port); }));
    this.draw(boxes, edges, 680, tall + 20);
    [[reads.length - left.length, 0], [readers.length - right.length, 500]].forEach(([more, x]) => {
      if (more) this.svg.append(el("text", { x: x + w / 2, y: tall + 12, class: "part" }, `and ${more} more`));
    });
  }

  // Shows the state after some number of events.
  show(done, current) {
    const { nodes, uses, events, root } = this.data;
    const known = new Set(nodes.map((n, i) => (n.parents.length ? -1 : i))), graded = new Set(), sums = new Map(), handed = new Set();
    for (const e of events.slice(0, done)) {
      if (e.do === "forward") known.add(e.node);
      else if (e.do === "seed") sums.set(root, nodes[root].gradient), graded.add(root);
      else if (e.do === "visit") graded.add(e.node);
      else if (e.do === "contribute" && uses[e.use].summed.length === 0) this.put(sums, e.use), handed.add(e.use);
      else if (e.do === "sum") this.put(sums, e.use), handed.add(e.use);
    }
    const active = new Set(), targets = new Set();
    if (current && "node" in current) active.add(current.node);
    if (current && "use" in current) targets.add(uses[current.use].node);
    if (!this.data.picture) this.around(current && "node" in current ? current.node : root);
    for (const [i, box] of this.boxes) {
      const node = nodes[i], seen = known.has(i);
      box.texts.value.textContent = seen ? cut(this.words.of(node.value), 24) : "·";
      const sum = sums.get(i);
      box.texts.gradient.textContent = sum === undefined ? (node.gradient === null ? "" : "grad —") : cut("grad " + this.words.of(sum), 24);
      const state = active.has(i) ? "now" : targets.has(i) ? "gets" : graded.has(i) ? "done" : "";
      box.texts.badge.textContent = { now: "◀ now", gets: "+ gets", done: "✓", "": "" }[state];
      box.group.setAttribute("class", `node ${node.kind} ${state} ${seen ? "" : "unknown"} ${this.movable(i) ? "drag" : ""}`);
    }
    for (const [key, edge] of this.edges) {
      const [head, port] = key.split(".").map(Number);
      const use = uses.findIndex((u) => u.consumer === head && u.operand === port);
      const on = current && current.use === use && use >= 0;
      edge.line.setAttribute("class", `edge ${on ? "on" : handed.has(use) ? "handed" : ""}`);
      edge.label.textContent = on || handed.has(use) ? cut(this.words.of(uses[use].amount), 18) : "";
    }
    const centre = this.boxes.get(targets.size ? [...targets][0] : [...active][0]);
    if (centre && this.data.picture) {
      const p = this.place;
      p.scrollTo({ left: centre.x + centre.w / 2 - p.clientWidth / 2, top: centre.y + centre.h / 2 - p.clientHeight / 2, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    }
  }

  put(sums, use) {
    sums.set(this.data.uses[use].node, this.data.uses[use].total);
  }
}
