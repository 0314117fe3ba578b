"""`stepper`: the page itself, one file without a line from outside."""

import json
from html import escape
from typing import Any

import numpy as np

from tinygrad_edu.compiler.explained import explained
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.graph import topological
from tinygrad_edu.viz.drawing import draw
from tinygrad_edu.viz.facts.rules import expression
from tinygrad_edu.viz.layered.layout import Layout, lay_out
from tinygrad_edu.viz.pages import Page, filled, static
from tinygrad_edu.viz.picture import Box, Edge, Line, Picture
from tinygrad_edu.viz.stepping.sheet import Sheet
from tinygrad_edu.viz.stepping.story import Story
from tinygrad_edu.viz.svg import curve
from tinygrad_edu.viz.text import clean, shape_text

MOST_NODES = 1_500
MOST_ENTRIES = 20_000
DRAWN = 70  # nodes; above, the page shows the neighbourhood of the current one, and a folded picture of the whole
MOST_OVERVIEW = 150_000  # characters; a graph without scopes or repetition does not fold, and has no such picture
SCRIPTS = ("numbers.js", "graph.js", "words.js", "predict.js", "page.js")


def stepper(root: Any, *, title: str | None = None, rate: float = 0.1) -> "Stepper":
    """A page that goes through forward pass, backward pass, check and update of a graph, step by step.

    On the page one can step, play, drag the value of an input or parameter, predict gradients and have wrong answers
    explained, and print a worksheet. It is one HTML file that needs no network, and shows itself in a notebook.

    Parameters
    ----------
    root : Value
        A single number, such as a loss.
    title : str, optional
    rate : float
        The learning rate of the update that the page shows at the end.

    Returns
    -------
    Stepper
        ``.save(path)`` writes the page.

    Raises
    ------
    ArgumentError
        If `root` is not a single recorded number, or the graph is too large to step through.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x, w = Value(2.0, name="x"), Value(-3.0, name="w")
    >>> page = stepper((w * x + 1.0).tanh())
    >>> page.html.startswith("<!doctype html>"), len(page.html) < 150_000
    (True, True)
    """
    if not hasattr(root, "parents") or np.size(root.data) != 1:
        what = f"an array of shape {np.shape(root.data)}" if hasattr(root, "parents") else type(root).__name__
        raise ArgumentError(f"stepper: expected a Value that is a single number, such as a loss, got {what}")
    order = topological(root)
    entries = sum(int(np.size(node.data)) for node in order)
    if len(order) > MOST_NODES or entries > MOST_ENTRIES:
        raise ArgumentError(
            f"stepper: a graph of {len(order):,} nodes with {entries:,} numbers; up to {MOST_NODES:,} and "
            f"{MOST_ENTRIES:,} can be stepped through. Take one sample instead of a batch, or a smaller network; "
            "viz.draw folds large graphs into a picture"
        )
    if not root.parents or root.op.terminal:
        raise ArgumentError(
            "stepper: this value was computed from nothing differentiable: build it from Values outside no_grad()"
        )
    if not isinstance(rate, (int, float)) or not 0 < rate < float("inf"):
        raise ArgumentError(f"stepper: rate must be a positive number, got {rate!r}")
    return Stepper(root, title, float(rate))


class Stepper(Page):
    """The page for one graph, as it was when this was made.

    Attributes
    ----------
    html : str
        The whole page.
    """

    sandbox = "allow-scripts allow-modals"

    def __init__(self, root: Any, title: str | None, rate: float) -> None:
        found = explained(root)
        sheet = Sheet(found)
        story = Story(root, found, sheet, rate)
        title = clean(title or "Backpropagation, step by step", 120)
        self.data: dict[str, Any] = {**story.as_json(), **sheet.as_json(), "picture": _picture(story)}
        super().__init__(title, _page(title, self.data, "" if self.data["picture"] else _overview(root)))

    def __repr__(self) -> str:
        return f"<Stepper of {len(self.data['nodes'])} nodes, {len(self.data['events'])} steps; .save(path) writes it>"


def _page(title: str, data: dict[str, Any], overview: str) -> str:
    safe = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")
    return filled(
        "stepper/page.html",
        TITLE=escape(title),
        STYLE=static("stepper/style.css"),
        SCRIPT="\n".join(static(f"stepper/{name}") for name in SCRIPTS),
        DATA=safe,
        OVERVIEW=overview,
    )


def _overview(root: Any) -> str:
    """The whole graph by layers, to unfold above the neighbourhood of a node."""
    svg = draw(root, detail="layer", gradients=False, renderer="builtin").svg()
    if len(svg) > MOST_OVERVIEW:
        return ""
    svg = svg[svg.index("<svg") :]
    return f'<details id="overview"><summary>the whole graph, by layers</summary><div>{svg}</div></details>'


def _picture(story: Story) -> dict[str, Any] | None:
    """Where each node stands and how its edges run; None for a graph that is too large to read."""
    if len(story.order) > DRAWN:
        return None
    boxes, edges = [], []
    for i, node in enumerate(story.order):
        words = [Line(f"value {WIDEST if node.size > 1 else NUMBER}"), Line("gradient")]
        title = clean(story.names[node], 18) + (f" {shape_text(np.shape(node.data))}" if np.ndim(node.data) else "")
        if node.parents:
            words.insert(0, Line(clean(expression(node, story.names.__getitem__), 26)))
        boxes.append(Box(str(i), "value", title, tuple(words)))
        for port, parent in enumerate(node.parents):
            label = NUMBER if (node, port) in story.use_index else ""
            edges.append(Edge(str(story.index[parent]), str(i), port, len(node.parents), label))
    keys = tuple(box.key for box in boxes)
    laid = lay_out(Picture("", "LR", tuple(boxes), (), tuple(edges), (), (), keys))
    return _drawn(laid, edges)


NUMBER, WIDEST = "-0.000e-00", "[-0.0000, -0.0000, …]"


def _drawn(laid: Layout, edges: list[Edge]) -> dict[str, Any]:
    rects = [laid.parts[str(i)] for i in range(len(laid.parts))]
    return {
        "width": round(laid.width, 1),
        "height": round(laid.height, 1),
        "boxes": [[round(v, 1) for v in (r.x, r.y, r.width, r.height)] for r in rects],
        "edges": [
            [int(edges[route.edge].tail), int(edges[route.edge].head), edges[route.edge].port,
             curve(list(route.points), laid.lengthwise),
             [round(v, 1) for v in route.label_at or route.points[len(route.points) // 2]]]
            for route in laid.routes
        ],
    }  # fmt: skip
