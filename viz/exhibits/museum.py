"""`museum`: correct and broken graphs side by side, on one page."""

from html import escape
from typing import Any

import numpy as np

from tinygrad_edu.graph import topological
from tinygrad_edu.viz.drawing import draw
from tinygrad_edu.viz.exhibits.rooms import EXHIBITS, Exhibit
from tinygrad_edu.viz.pages import Page, filled, static
from tinygrad_edu.viz.text import few_numbers, shape_text


def museum() -> "Museum":
    """The bug museum: six ways in which backpropagation goes wrong, each from a real run of a broken engine.

    Returns
    -------
    Museum
        Shows itself in a notebook; ``.save(path)`` writes one HTML file without a line from outside.

    Examples
    --------
    >>> [exhibit.key for exhibit in museum().exhibits]
    ['no-zero-grad', 'assign', 'order', 'set', 'in-place', 'broadcast']
    """
    return Museum()


class Museum(Page):
    """The page of the museum.

    Attributes
    ----------
    exhibits : tuple of Exhibit
    html : str
        The whole page.
    """

    exhibits = EXHIBITS

    def __init__(self) -> None:
        html = filled(
            "museum/page.html",
            STYLE=static("common/page.css"),
            CONTENTS="".join(f'<li><a href="#{one.key}">{escape(one.title)}</a></li>' for one in self.exhibits),
            ROOMS="\n".join(map(_room, self.exhibits)),
        )
        super().__init__("The bug museum", html)

    def __repr__(self) -> str:
        return f"<Museum of {len(self.exhibits)} exhibits; .save(path) writes it>"


def compare(exhibit: Exhibit) -> list[tuple[str, Any, Any, bool]]:
    """For each named input of an exhibit: its name, the right gradient, the broken one, and whether they agree.

    Examples
    --------
    >>> from tinygrad_edu.viz.exhibits.rooms import EXHIBITS
    >>> compare(EXHIBITS[3])
    [('a', 6.0, 3.0, False)]
    """
    good_root, bad_root = exhibit.build(), exhibit.build()
    good, bad = exhibit.correct(good_root), exhibit.broken(bad_root)
    rows = []
    for one, other in zip(_inputs(good_root), _inputs(bad_root), strict=True):
        rows.append((one.name or one.op.name, good[one], bad[other], _equal(good[one], bad[other])))
    return rows


def _inputs(root: Any) -> list[Any]:
    return [node for node in topological(root) if node.is_leaf]


def _equal(one: Any, other: Any) -> bool:
    return np.shape(one) == np.shape(other) and bool(np.all(np.asarray(one) == np.asarray(other)))


def _room(exhibit: Exhibit) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{_gradient(good)}</td><td>{_gradient(bad)}</td>"
        f"<td>{'✓ same' if same else '✗ wrong'}</td></tr>"
        for name, good, bad, same in compare(exhibit)
    )
    return (
        f'<section id="{exhibit.key}"><h2>{escape(exhibit.title)}</h2><p>{escape(exhibit.story)}</p>'
        f'<div class="pair">{_picture(exhibit, "correct")}{_picture(exhibit, "broken")}</div>'
        f"<table><thead><tr><th scope='col'>input</th><th scope='col'>correct gradient</th>"
        f"<th scope='col'>broken gradient</th><th scope='col'></th></tr></thead><tbody>{rows}</tbody></table>"
        f"<dl><dt>How one notices</dt><dd>{escape(exhibit.symptom)}</dd>"
        f"<dt>What to do</dt><dd>{escape(exhibit.cure)}</dd>"
        f"<dt>✗ wrong</dt><dd><code>{escape(exhibit.wrong)}</code></dd>"
        f"<dt>✓ right</dt><dd><code>{escape(exhibit.right)}</code></dd></dl></section>"
    )


def _gradient(g: Any) -> str:
    shape = f" {shape_text(np.shape(g))}" if np.ndim(g) else ""
    return escape(few_numbers(g, 6) + shape)


def _picture(exhibit: Exhibit, which: str) -> str:
    """The graph with the gradients of one engine; those that are wrong are marked, with what they should be."""
    root, twin = exhibit.build(), exhibit.build()
    right = exhibit.correct(twin)
    grads = exhibit.correct(root) if which == "correct" else exhibit.broken(root)
    marks = {}
    for node, other in zip(topological(root), topological(twin), strict=True):
        node.grad = grads.get(node)
        if node.grad is not None and not _equal(node.grad, right[other]):
            marks[node] = ("FAIL", f"should be {few_numbers(right[other], 4)}")
    drawing = draw(root, title=f"{which}: {exhibit.title}", overlay=marks or None, renderer="builtin")
    return f"<figure>{drawing.svg()}<figcaption>{which}</figcaption></figure>"
