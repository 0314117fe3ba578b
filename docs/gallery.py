"""Write docs/gallery.md and its pictures: one graph after the other, each drawn from code that ran.

Run it from the repository root after any change to drawing: python docs/gallery.py
With --check it writes nothing, and fails if a picture or the page is not up to date.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import Value, compile, nn, scope, softmax
from tinygrad_edu.files import write_whole
from tinygrad_edu.viz import draw, paths
from tinygrad_edu.viz.drawing import Drawing

TARGET = Path(__file__).with_suffix(".md")
IMAGES = TARGET.parent / "images" / "gallery"

HEAD = """\
# Gallery

Graphs as `viz.draw` draws them, without Graphviz. This page is written by `python docs/gallery.py`; a test keeps it up
to date.

How to read them: every **box** is a value, with its name, its numbers and, after *grad*, how much the result changes
with it. Every **circle** is an operation; arrows go into it from its operands, in their order, and out of it to its
result. A box with a double border is a parameter (learned), one with a folded corner an input, a small grey one a
constant, and the one with the widest border is the result, the *root*. Frames are scopes: a layer, a neuron, a time
step. A pile of boxes stands for several nodes at once, and says for how many.
"""


@dataclass(frozen=True)
class Entry:
    """One picture: what to look for in it, how it is made, and how many boxes it may have at most."""

    name: str
    title: str
    caption: str
    make: Callable[[], Drawing]
    most: int = 40

    @property
    def image(self) -> Path:
        """Where the picture is."""
        return IMAGES / f"{self.name}.svg"


def neuron() -> Drawing:
    """tanh(w1 x1 + w2 x2 + b)."""
    x1, x2 = Value(2.0, name="x1"), Value(0.5, name="x2")
    w1, w2, b = nn.Parameter(-0.6, name="w1"), nn.Parameter(1.0, name="w2"), nn.Parameter(0.9, name="b")
    out = (w1 * x1 + w2 * x2 + b).tanh()
    out.name = "out"
    out.backward()
    return draw(out, edges="contribution", renderer="builtin")


def _scalar_mlp() -> Value:
    model = nn.MLP(2, [2, 1], rng=3, activation="tanh")
    out = model([Value(1.0, name="x1"), Value(-2.0, name="x2")])
    loss = (out - 1.0) ** 2
    loss.name = "loss"
    loss.backward()
    return loss


def mlp_scalars() -> Drawing:
    """Two inputs, two neurons, one neuron; every weight a box."""
    return draw(_scalar_mlp(), direction="TB", renderer="builtin")


def mlp_layers() -> Drawing:
    """The same loss, by layer."""
    return draw(_scalar_mlp(), detail="layer", renderer="builtin")


def path() -> Drawing:
    """One of the two ways from a weight to the loss."""
    a, b = Value(2.0, name="a"), Value(-3.0, name="b")
    c = a * b
    c.name = "c"
    loss = c * a
    loss.name = "loss"
    loss.backward()
    return draw(loss, edges="local", highlight=paths(loss, a)[0], renderer="builtin")


def opened() -> Drawing:
    """A matrix product, opened."""
    x = Value([1.0, -2.0, 0.5], name="x")
    w = nn.Parameter([[0.3, -0.1], [0.8, 0.4], [-0.5, 0.2]], name="W")
    y = x @ w
    y.name = "y"
    y.backward(np.array([1.0, 1.0]))
    return draw(y, detail="scalar", renderer="builtin")


def broadcast() -> Drawing:
    """A bias added to every row of a batch."""
    h = Value(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), name="h")
    b = nn.Parameter([0.5, -0.5], name="b")
    loss = ((h + b) ** 2).sum()
    loss.name = "loss"
    loss.backward()
    return draw(loss, edges="contribution", renderer="builtin")


def cnn() -> Drawing:
    """Convolution, pooling, dense."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, activation="relu", rng=0, name="convolution"),
        nn.MaxPool2d(2, name="pooling"),
        nn.Flatten(name="flatten"),
        nn.Dense(18, 3, rng=1, name="dense"),
        name="network",
    )
    scores = model(Value(rng.normal(size=(4, 8, 8, 1)), name="images"))
    scores.name = "scores"
    scores.backward(np.ones((4, 3)))
    return draw(scores, direction="TB", renderer="builtin")


def rnn() -> Drawing:
    """Three steps with the same weights."""
    w, u = nn.Parameter(0.8, name="w"), nn.Parameter(-0.5, name="u")
    h = Value(0.0, name="h0")
    for step, number in enumerate([1.0, -0.5, 2.0], start=1):
        with scope(f"step {step}"):
            h = (w * Value(number, name=f"x{step}") + u * h).tanh()
        h.name = f"h{step}"
    h.backward()
    return draw(h, direction="TB", renderer="builtin")


def lstm() -> Drawing:
    """One step of a memory cell with scalar gates."""
    x, h, c = Value(0.5, name="x"), Value(0.1, name="h"), Value(-0.4, name="c")

    def gate(name: str, squash: Callable[[Value], Value], wx: float, wh: float) -> Value:
        with scope(name):
            found = squash(nn.Parameter(wx, name="wx") * x + nn.Parameter(wh, name="wh") * h)
        found.name = name
        return found

    forget = gate("forget", Value.sigmoid, 0.7, -0.3)
    write = gate("write", Value.sigmoid, 0.4, 0.9)
    candidate = gate("candidate", Value.tanh, -0.8, 0.5)
    show = gate("show", Value.sigmoid, 0.6, 0.2)
    memory = forget * c + write * candidate
    memory.name = "new c"
    out = show * memory.tanh()
    out.name = "new h"
    out.backward()
    return draw(out, direction="TB", renderer="builtin")


def attention() -> Drawing:
    """softmax(Q K^T / sqrt d) V."""
    rng = np.random.default_rng(0)
    x = Value(rng.normal(size=(3, 4)), name="words")
    made = {}
    for name in ("queries", "keys", "values"):
        with scope(name):
            made[name] = x @ nn.Parameter(rng.normal(size=(4, 4)) / 2, name="W")
        made[name].name = name
    with scope("who looks at whom"):
        weights = softmax(made["queries"] @ made["keys"].T / 2.0)
    weights.name = "weights"
    out = weights @ made["values"]
    out.name = "out"
    out.backward(np.ones((3, 4)))
    return draw(out, direction="TB", renderer="builtin")


def tree() -> Drawing:
    """Two joints that share weights."""
    model = nn.TreeRNN(2, rng=0)
    very, good, not_ = (
        Value(vector, name=word) for word, vector in (("very", [1.0, 0.0]), ("good", [0.0, 1.0]), ("not", [-1.0, 0.5]))
    )
    out = model((not_, (very, good)))
    out.name = "phrase"
    out.backward(np.ones(2))
    return draw(out, direction="TB", renderer="builtin")


def _compiled_scalars() -> Any:
    w, b = nn.Parameter(0.5, name="w"), nn.Parameter(-0.1, name="b")

    def loss_of(xs: list[float], ys: list[float]) -> Value:
        squares = [(w * x + b - y) ** 2 for x, y in zip(xs, ys, strict=True)]
        return sum(squares[1:], squares[0]) * (1.0 / len(squares))

    fast = compile(loss_of)
    xs = [0.2 * i for i in range(13)]
    fast(xs, [0.7 * x + 0.1 for x in xs])
    return fast


def vectorised() -> Drawing:
    """Thirteen points and a line, scalar by scalar, in frames."""
    return draw(_compiled_scalars(), detail="scalar", gradients=False, renderer="builtin")


def arrays() -> Drawing:
    """The same function as its plan computes it."""
    return draw(_compiled_scalars(), gradients=False, renderer="builtin")


def nan() -> Drawing:
    """Where a NaN comes from."""
    x = Value([0.5, -0.2], name="x")
    w = nn.Parameter([1.0, 2.0], name="w")
    with np.errstate(invalid="ignore"):
        loss = (np.log(x * w) * 2.0).mean()
    loss.name = "loss"
    loss.backward()
    return draw(loss, overlay="health", renderer="builtin")


ENTRIES = (
    Entry(
        "neuron",
        "A neuron",
        "Two inputs, two weights, a bias, a tanh. On each edge stands what flows back along it: the gradient of "
        "the result of the operation, times the local derivative. The wider the edge, the more flows. Read it "
        "from the right: the root has gradient 1, tanh hands on 0.961 of it, the sums hand it on unchanged, and "
        "each product multiplies it with the *other* operand.",
        neuron,
    ),
    Entry(
        "mlp-scalars",
        "A network of neurons, weight by weight",
        "Two inputs, a layer of two neurons, a layer of one; `nn.MLP`, where every weight is a node. A frame is a "
        "neuron, the frame around it a layer.",
        mlp_scalars,
    ),
    Entry(
        "mlp-layers",
        "The same network, layer by layer",
        'The same graph with `detail="layer"`: each layer is one box that counts what is inside.',
        mlp_layers,
    ),
    Entry(
        "matmul-opened",
        "A matrix product, opened",
        'One operation, `x @ W`, with `detail="scalar"`: six products, and a sum for each of the two results.',
        opened,
    ),
    Entry(
        "broadcast",
        "Broadcasting",
        "The bias has two numbers and the batch three rows, so the bias is *stretched* on the way forward and the "
        "gradient is *summed* over that axis on the way back.",
        broadcast,
    ),
    Entry(
        "path",
        "One path of two",
        "`a` is used twice, so there are two paths from it to the loss. `viz.paths(loss, a)` lists both; the "
        "highlighted one contributes 1 × a × b = -6, and so does the other one: together they are the gradient, "
        "-12.",
        path,
    ),
    Entry(
        "rnn",
        "A recurrent network, unrolled",
        "Three time steps. The weights `w` and `u` are drawn once and used in every step, so their gradients add "
        "up what three steps hand back.",
        rnn,
    ),
    Entry(
        "lstm",
        "An LSTM cell",
        "Three gates between 0 and 1 (σ) and a candidate: *forget* decides what stays of the memory `c`, *write* "
        "how much of the candidate comes in, *show* how much of the new memory is seen.",
        lstm,
    ),
    Entry(
        "cnn",
        "A convolutional network",
        "Four images through a convolution (∗), a pooling and a dense layer, top to bottom. Each box has the "
        "shape of its array: (batch, height, width, channels).",
        cnn,
    ),
    Entry(
        "attention",
        "Attention",
        "Three words become queries, keys and values. Each query is compared with every key (@), the softmax "
        "turns the comparisons into weights, and the result is the values, mixed by those weights.",
        attention,
    ),
    Entry(
        "tree",
        "A network that follows a tree",
        "*(not (very good))*: the vectors of two children become that of their parent, by the same weight at "
        "every joint. It is drawn once, with an edge to every use.",
        tree,
    ),
    Entry(
        "vectorised",
        "What a vectorising compiler sees",
        "A line through thirteen points, written point by point, as `compile` lifts it: scalars that do the same to "
        "entries of the same arrays stand in one frame, and each frame becomes one operation on arrays. "
        '(`draw(fast, detail="scalar")` of a compiled function.)',
        vectorised,
        most=110,
    ),
    Entry(
        "arrays",
        "The same, as arrays",
        "What the plan computes instead: the loss is the same to the last bit.",
        arrays,
    ),
    Entry(
        "nan",
        "Where does the NaN come from?",
        'With `overlay="health"` the box where it begins is marked ✗ with the cause, and those that only passed '
        "it on ⚠.",
        nan,
    ),
)


def page() -> str:
    """The whole page."""
    parts = [f"## {one.title}\n\n{one.caption}\n\n![{one.title}](images/gallery/{one.image.name})\n" for one in ENTRIES]
    return "\n".join([HEAD, *parts])


def main() -> None:
    """Write the page and its pictures; with --check, only say whether they are up to date."""
    made = {one.image: one.make().svg() for one in ENTRIES} | {TARGET: page()}
    if "--check" in sys.argv[1:]:
        stale = [path.name for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
        if stale:
            raise SystemExit(f"{', '.join(stale)}: not up to date; run: python docs/gallery.py")
        return
    IMAGES.mkdir(parents=True, exist_ok=True)
    for path, text in made.items():
        write_whole(path, text.encode(), overwrite=True)
    for stale in set(IMAGES.iterdir()) - set(made):
        stale.unlink()
    print(f"wrote {TARGET}", file=sys.stderr)


if __name__ == "__main__":
    main()
