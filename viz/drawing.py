"""`draw`: the picture of a graph, and what one can do with it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tinygrad_edu.compiler.compiled import Compiled
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.files import check_free, write_whole
from tinygrad_edu.graph import topological
from tinygrad_edu.transforms.trees import flatten
from tinygrad_edu.viz.annotate import Annotations
from tinygrad_edu.viz.compose import compose
from tinygrad_edu.viz.dot import to_dot
from tinygrad_edu.viz.folding.fold import Fold, plan
from tinygrad_edu.viz.folding.outline import outline
from tinygrad_edu.viz.mermaid import to_mermaid
from tinygrad_edu.viz.overlays.table import OverlayName, overlay_of
from tinygrad_edu.viz.picture import Picture
from tinygrad_edu.viz.render import FORMATS, check_renderer, render
from tinygrad_edu.viz.text import count_text
from tinygrad_edu.viz.zoom.scalars import MOST_PARTS, scalar_parts

Direction = Literal["LR", "TB"]
RendererName = Literal["auto", "dot", "pygraphviz", "builtin"]
EdgeWords = Literal["local", "contribution"]
Detail = Literal["layer", "tensor", "scalar"]
DETAILS = ("layer", "tensor", "scalar")
EDGE_WORDS = (None, "local", "contribution")
FOLDS = (True, False, "auto", "scopes", "repeats")
DIRECTIONS = ("LR", "TB")


class Drawing:
    """A drawn graph: shows itself in a notebook, and writes itself to a file.

    Attributes
    ----------
    picture : Picture
        What is drawn, before any format.
    renderer : str
        What lays it out: "auto", "dot", "pygraphviz" or "builtin".

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.viz import draw
    >>> a = Value(3.0, name="a")
    >>> draw(a * a)
    Drawing(2 values, 1 operation, 3 edges)
    """

    def __init__(self, picture: Picture, renderer: str = "auto") -> None:
        check_renderer(renderer)
        self.picture = picture
        self.renderer = renderer
        self._source: str | None = None
        self._svg: str | None = None

    @property
    def source(self) -> str:
        """The DOT text."""
        if self._source is None:
            self._source = to_dot(self.picture)
        return self._source

    @property
    def notes(self) -> list[str]:
        """What was folded, one sentence each; empty if every node is drawn."""
        return list(self.picture.notes)

    @property
    def mermaid(self) -> str:
        """The Mermaid text, which Markdown pages draw between ```` ```mermaid ```` and ```` ``` ````."""
        return to_mermaid(self.picture)

    def svg(self) -> str:
        """The picture as the text of one <svg> element; needs nothing installed unless a renderer was chosen."""
        if self._svg is None:
            self._svg = render(self.picture, "svg", self.renderer).decode()
        return self._svg

    def render(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write the picture to a file; its suffix names the format (.svg .png .pdf .dot .gv .mmd).

        Parameters
        ----------
        path : str or Path
        overwrite : bool
            Whether a file that is already there may be replaced.

        Returns
        -------
        Path
            Where it was written.

        Raises
        ------
        ArgumentError
            If the suffix names no format; lists those that exist.
        OutputExistsError
            If the file is there and `overwrite` is false.
        MissingDependencyError
            If nothing that is installed writes this format; SVG, DOT and Mermaid always work.
        """
        path = Path(path)
        suffix = path.suffix[1:].lower()
        if suffix not in FORMATS:
            listed = " ".join(f".{one}" for one in FORMATS)
            raise ArgumentError(f"{path.name!r} does not say in which format to draw; end the name in one of {listed}")
        check_free(path, overwrite)
        content = self.svg().encode() if suffix == "svg" else render(self.picture, suffix, self.renderer)
        return write_whole(path, content, overwrite)

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
    ) -> dict[str, str]:
        return {"image/svg+xml": self.svg(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        parts = [
            count_text(len(self.picture.boxes), "value"),
            count_text(len(self.picture.circles), "operation"),
            count_text(len(self.picture.edges), "edge"),
        ]
        return f"Drawing({', '.join(parts + ['folded'] * bool(self.picture.notes))})"


def draw(
    root: Any,
    *,
    detail: Detail = "tensor",
    direction: Direction = "LR",
    title: str = "",
    gradients: bool = True,
    edges: EdgeWords | None = None,
    highlight: Any = None,
    overlay: OverlayName | Mapping[Any, Any] | None = None,
    fold: Fold = "auto",
    max_nodes: int = 120,
    renderer: RendererName = "auto",
) -> Drawing:
    """The drawing of everything `root` was computed from.

    Every value is a box with its name, number (arrays: a few, dtype and shape) and gradient, every operation a circle,
    every operand an edge, so `a * a` has two. Scopes are frames. A graph too large to read is folded, first by scope,
    then by repeating structure, and the picture says what was folded.

    Parameters
    ----------
    root : Value, or several, or a compiled function
        What to draw, such as a loss. Of a compiled function its plan is drawn, with the numbers of the latest call:
        scalars that became arrays stand there as what they are now (with detail="scalar" as they were written, in
        one frame those of each array), and what became one kernel stands in a frame.
    detail : {"tensor", "layer", "scalar"}
        How near to look: at the graph as it was recorded; at whole layers, each scope in a model being one box; or at
        single numbers, each matmul opened into its products and sums (small tensors only).
    direction : {"LR", "TB"}
        Left to right or top to bottom.
    title : str
    gradients : bool
        Show the gradient under each value ("not computed" before a backward pass).
    edges : {None, "local", "contribution"}
        What to write on the edges: each operation's local derivative, in symbols and numbers; or what flows back,
        upstream × local = contribution, with wider edges where it is larger and the sum of a value's several uses.
        Contributions are those of a backward pass from `root`, seeded with its own gradient (1 if it has none).
        Axes that broadcasting stretches are named in any case.
    highlight : Value, a path of `viz.paths` or all of them, or several
        The edges from there to the root are drawn solid and wide, all others dashed.
    overlay : {None, "health", "verdicts", "time", "memory"} or dict
        Say of each value: whether its gradient is dead, saturated, vanishing, exploding or NaN, and why; what the
        checker thinks of the derivative; how long it took to compute; how much memory it takes. A dict from Value to
        verdict ("PASS", "KINK", "INCONCLUSIVE", "FAIL"), or to verdict and text, is drawn as it is.
    fold : {"auto", "scopes", "repeats"} or bool
        "auto" (or True) folds only what has more than `max_nodes` nodes; "scopes" always folds the innermost scopes,
        and more if that is still too large; "repeats" folds repetition but no scope as such; False draws every node.
    max_nodes : int
        How many values a readable picture has.
    renderer : {"auto", "dot", "pygraphviz", "builtin"}
        What lays the picture out; "auto" takes the first that is there.

    Returns
    -------
    Drawing

    Raises
    ------
    ArgumentError
        If `root` is not a Value, an option is none of those above, or contributions are asked of an array that has no
        gradient.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.viz import draw
    >>> a, b = Value(2.0, name="a"), Value(3.0, name="b")
    >>> loss = a * b + a
    >>> loss.backward()
    >>> drawing = draw(loss, title="two uses of a")
    >>> drawing
    Drawing(4 values, 2 operations, 6 edges)
    >>> drawing.svg().startswith("<svg")
    True
    """
    roots = _roots(root, detail)
    _check("detail", detail, DETAILS)
    _check("direction", direction, DIRECTIONS)
    _check("edges", edges, EDGE_WORDS)
    _check("fold", fold, FOLDS)
    if max_nodes < 1:
        raise ArgumentError(f"max_nodes must be at least 1, got {max_nodes}")
    check_renderer(renderer)
    if detail == "scalar" and any(np.ndim(node.data) for node in topological(roots)):
        if highlight is not None or isinstance(overlay, Mapping):
            raise ArgumentError(
                "detail='scalar' draws other Values than those you have: highlight and marks need 'tensor'"
            )
        roots = scalar_parts(roots)
    graph = outline(roots)
    annotations = Annotations(
        graph.nodes,
        roots,
        gradients=gradients,
        edges=edges,
        highlight=highlight,
        overlay=overlay_of(overlay, graph.nodes, roots),
    )
    if detail == "scalar" and fold == "auto":
        fold = False if len(graph.nodes) <= MOST_PARTS else fold
    folded = plan(graph, "layers" if detail == "layer" and fold is not False else fold, max_nodes)
    return Drawing(compose(folded, title, direction, annotations, max_nodes), renderer)


def _roots(root: Any, detail: Detail) -> list[Any]:
    """The nodes to draw; of a compiled function, those of its plan."""
    if isinstance(root, Compiled):
        root = [leaf for _, leaf in flatten(root.graph(scalars=detail == "scalar"), "result")]
    roots = list(root) if isinstance(root, (list, tuple)) else [root]
    wrong = [one for one in roots if not (hasattr(one, "parents") and hasattr(one, "op"))]
    if wrong or not roots:
        came = type(wrong[0]).__name__ if wrong else "an empty sequence"
        raise ArgumentError(
            f"draw takes a Value (such as a loss) or several, got {came}; "
            "for a model, draw what it returns: draw(model(x))"
        )
    return roots


def _check(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if not any(value is one or (isinstance(value, str) and value == one) for one in allowed):
        raise ArgumentError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
