"""What a classifier of two features decides, as a map."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.mode import no_grad
from tinygrad_edu.viz.plots.figures import COLOURS, MARKS, new_figure, saved
from tinygrad_edu.viz.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_boundary(
    predict: Any,
    X: Any,
    y: Any,
    path: str | Path | None = None,
    *,
    resolution: int = 160,
    title: str = "",
    names: Sequence[str] = ("x1", "x2"),
    overwrite: bool = False,
) -> "Figure":
    """What a classifier of two features decides, everywhere in the plane, with the data on top.

    Parameters
    ----------
    predict : callable
        A model or function from an array of shape (points, 2) to class scores (points, classes), one score per point
        (its sign decides), or class labels. A model that takes one point at a time (`nn.MLP`) works too.
    X : array, shape (points, 2)
    y : int array, shape (points,)
    path : str or Path, optional
        Where to save the figure as well.
    resolution : int
        How many points to ask for along each axis.
    title : str
    names : two str
        What the axes show.
    overwrite : bool
        Whether a file at `path` may be replaced.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ShapeError
        If `X` is not (points, 2), `y` has another length, or there are scores for fewer classes than `y` has.
    ArgumentError
        If `predict` cannot be called, or `resolution` is below 2.

    Examples
    --------
    >>> points = np.array([[-1.0, 0.0], [1.0, 0.0]])
    >>> figure = plot_boundary(lambda x: x[:, 0], points, [0, 1], resolution=10)
    >>> figure.axes[0].get_xlabel()
    'x1'
    """
    points, labels = np.asarray(X, dtype=float), np.asarray(y)
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != (len(points),) or not len(points):
        raise ShapeError(
            f"plot_boundary draws two features: X must have shape (points, 2) and y (points,), got {points.shape} and "
            f"{labels.shape}"
        )
    if not callable(predict) or resolution < 2:
        raise ArgumentError(
            f"plot_boundary: expected a model or function and a resolution of at least 2, got a "
            f"{type(predict).__name__} and {resolution!r}"
        )
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.1 * np.where(high > low, high - low, 1.0)
    across, up = (np.linspace(low[k] - margin[k], high[k] + margin[k], resolution) for k in (0, 1))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    scores = _scores(predict, grid)
    scores = scores.reshape(len(scores), -1)
    classes = _classes(scores, labels)
    decided = _decide(scores, classes).reshape(resolution, resolution)
    leads = _leads(scores, decided, len(classes))

    figure = new_figure(5.4, 4.6)
    axes = figure.add_subplot(1, 1, 1)
    shown = [COLOURS[number % len(COLOURS)] for number in range(len(classes))]
    tints = np.array([[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in shown])
    faded = 255 - (255 - tints) // 4
    extent = (across[0], across[-1], up[0], up[-1])
    axes.imshow(faded[decided], extent=extent, origin="lower", aspect="auto", interpolation="nearest")
    for number in range(len(classes)):
        if 0 < np.count_nonzero(decided == number) < decided.size:
            axes.contour(across, up, leads[..., number], levels=[0.0], colors="#333333", linewidths=1.0)
    for number, one in enumerate(classes):
        mine = points[labels == one]
        mark, colour = MARKS[number % len(MARKS)], shown[number]
        axes.scatter(
            mine[:, 0],
            mine[:, 1],
            s=26,
            c=colour,
            marker=mark,
            edgecolors="white",
            linewidths=0.6,
            label=f"class {one}",
            zorder=3,  # a point on the line is seen
        )
    axes.set_xlabel(clean(names[0]))
    axes.set_ylabel(clean(names[1]))
    axes.set_title(clean(title, 100))
    axes.legend(loc="best", framealpha=0.9)
    return saved(figure, path, overwrite)


def _scores(predict: Callable[[Any], Any], grid: np.ndarray) -> np.ndarray:
    """What the model says of each point, asked all at once or, if it takes single points, one by one."""
    with no_grad():
        try:
            answer = _numbers(predict(grid))
            if answer.shape[:1] == (len(grid),):
                return answer
        except (TypeError, ValueError):  # a model of scalars refuses a whole array
            pass
        return np.stack([_numbers(predict(list(map(float, point)))) for point in grid])


def _numbers(answer: Any) -> np.ndarray:
    """Plain numbers from an array, a Value, or a list of Values."""
    if isinstance(answer, (list, tuple)):
        return np.array([_numbers(one) for one in answer])
    return np.asarray(getattr(answer, "data", answer) if not isinstance(answer, np.ndarray) else answer)


def _leads(scores: np.ndarray, decided: np.ndarray, classes: int) -> np.ndarray:
    """How far each class is ahead of the best other one, shape (up, across, classes): 0 on the line between them."""
    if _labels(scores):  # nothing between one and the other
        return np.where(decided[..., None] == np.arange(classes), 0.5, -0.5)
    if scores.shape[1] == 1:
        scores = np.concatenate([-scores, scores], axis=1)
    order = np.sort(scores, axis=1)
    best, second = order[:, -1:], order[:, -2:-1]
    return (scores - np.where(scores == best, second, best)).reshape(*decided.shape, -1)


def _decide(scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The position in `classes` of each point's class."""
    if scores.shape[1] > 1:
        return np.asarray(scores.argmax(axis=1))
    return np.searchsorted(classes, scores[:, 0]) if _labels(scores) else (scores[:, 0] > 0).astype(int)


def _labels(scores: np.ndarray) -> bool:
    """Whether a model answers with classes, and no scores."""
    return scores.shape[1] == 1 and scores.dtype.kind in "iub"


def _classes(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """What the classes are called: as in `labels`, and 0, 1, 2, ... where the model knows more of them."""
    seen = np.unique(labels)
    if _labels(scores):
        return np.union1d(seen, scores)
    known = max(2, scores.shape[1])
    if len(seen) < known:
        seen = np.array([-1, 1]) if known == 2 and -1 in seen else np.union1d(seen, np.arange(known))
    if len(seen) != known:
        raise ShapeError(
            f"plot_boundary: the model gives scores for {known} classes, but y has {clean(list(map(str, seen)), 80)}; "
            "expected labels from 0 to the number of classes - 1"
        )
    return seen
