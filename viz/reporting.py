"""`report`: a training run as one page that can be mailed: numbers, curves, pictures, the table of the model."""

import base64
import io
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.viz.drawing import draw
from tinygrad_edu.viz.pages import Page, filled, static
from tinygrad_edu.viz.plots.curves import plot_history
from tinygrad_edu.viz.plots.histograms import plot_histograms
from tinygrad_edu.viz.text import clean, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def report(
    run: Any,
    *,
    model: Any = None,
    graph: Any = None,
    figures: "Mapping[str, Figure] | None" = None,
    notes: str = "",
    title: str = "Training report",
) -> "Report":
    """A page about a training run.

    Parameters
    ----------
    run : History, or a mapping of str to list of float
        What `fit` gave back.
    model : Module, optional
        Adds the table of its layers, and how its parameters are spread.
    graph : Value, optional
        A loss of the model, say for one batch: adds its graph, folded into layers.
    figures : mapping of str to matplotlib Figure, optional
        Further pictures, each with its heading: a decision boundary, a confusion matrix.
    notes : str
        What you want to say about the run.
    title : str

    Returns
    -------
    Report
        Shows itself in a notebook; ``.save(path)`` writes one HTML file without a line from outside.

    Raises
    ------
    ArgumentError
        If there is nothing in the run.

    Examples
    --------
    >>> page = report({"loss": [2.3, 0.9], "val_loss": [2.2, 1.1]}, notes="Two epochs only.")
    >>> "Two epochs only." in page.html, "val_loss" in page.html
    (True, True)
    """
    metrics = run.metrics if hasattr(run, "metrics") else run
    if not isinstance(metrics, Mapping) or not any(len(numbers) for numbers in metrics.values()):
        raise ArgumentError(
            "report: expected the History of a run with at least one epoch, or a dict of lists such as "
            f"{{'loss': [...]}}; got {type(run).__name__}"
        )
    rooms = [("Numbers", _numbers(run, metrics))]
    rooms.append(("Curves", _figure(plot_history(run), "the curves of the run")))
    for heading, figure in (figures or {}).items():
        rooms.append((clean(heading, 120), _figure(figure, heading)))
    if graph is not None:
        known = getattr(graph, "grad", None) is not None
        picture = draw(graph, detail="layer", direction="TB", gradients=known, renderer="builtin").svg()
        rooms.append(("The graph, layer by layer", f"<figure>{picture}</figure>"))
    if model is not None:
        rooms.append(("The model", f"<pre>{escape(str(model.summary()))}</pre>"))
        spread = {name: [p.data] for name, p in list(model.named_parameters())[:12]}
        if spread:
            rooms.append(
                ("Parameters after training", _figure(plot_histograms(spread), "histograms of the parameters"))
            )
    return Report(clean(title, 120), notes, rooms)


class Report(Page):
    """The page of `report`.

    Attributes
    ----------
    html : str
        The whole page.
    """

    def __init__(self, title: str, notes: str, rooms: list[tuple[str, str]]) -> None:
        html = filled(
            "report/page.html",
            STYLE=static("common/page.css"),
            TITLE=escape(title),
            NOTES="".join(f"<p>{escape(line)}</p>" for line in notes.splitlines() if line.strip()),
            ROOMS="\n".join(f"<section><h2>{escape(head)}</h2>{body}</section>" for head, body in rooms),
        )
        super().__init__(title, html)

    def __repr__(self) -> str:
        return f"<Report of {len(self.html):,} characters; .save(path) writes it>"


def _numbers(run: Any, metrics: Mapping[str, Any]) -> str:
    """First, last and best number of each quantity."""
    rows = []
    for name, values in metrics.items():
        if not len(values):
            continue
        falling = "loss" in name or name.removeprefix("val_") in ("mae", "mse")
        best = (min if falling else max)(values)
        epoch = list(values).index(best) + 1
        cells = [len(values), number(values[0]), number(values[-1]), f"{number(best)} (epoch {epoch})"]
        rows.append(f"<tr><th scope='row'>{escape(name)}</th>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    head = "".join(f"<th scope='col'>{c}</th>" for c in ("quantity", "epochs", "first", "last", "best"))
    stopped = "<p>Training was interrupted.</p>" if getattr(run, "interrupted", False) else ""
    return f"{stopped}<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _figure(figure: "Figure", says: str) -> str:
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110, metadata={"Software": None})
    data = base64.b64encode(written.getvalue()).decode("ascii")
    return f'<figure><img alt="{escape(clean(says, 200))}" src="data:image/png;base64,{data}"></figure>'
