"""A picture in Graphviz's language, built with the `graphviz` package.

All text goes through `_html` or `_plain`: a name can hold quotes, backslashes, markup or newlines and stays a name.
"""

from html import escape

import graphviz

from tinygrad_edu.viz.picture import Box, Circle, Cluster, Edge, Picture
from tinygrad_edu.viz.style import (
    BODY,
    CLUSTER_EDGE,
    CLUSTER_FILLS,
    EDGE,
    EDGES,
    FONT,
    INK,
    LEVELS,
    LOOKS,
    OP_EDGE,
    OP_FILL,
    PANEL,
    SMALL,
    TITLE,
    TONE_SIZES,
    TONES,
)
from tinygrad_edu.viz.text import wrap

NOTE_COLUMNS = 96
LINE_BREAK = '<BR ALIGN="LEFT"/>'
_SHAPES = {
    "plain": {"shape": "box", "style": "filled"},
    "rounded": {"shape": "box", "style": "rounded,filled"},
    "double": {"shape": "box", "style": "filled", "peripheries": "2"},
    "note": {"shape": "note", "style": "filled"},
    "stack": {"shape": "box3d", "style": "filled", "margin": "0.13,0.1"},
}
# Where the first and the second of two operands arrive; Graphviz keeps the order of more by itself, as far as it can.
_TWO_PORTS = {"LR": ("nw", "sw"), "TB": ("nw", "ne")}


def to_dot(picture: Picture) -> str:
    """The DOT source of a picture; the same picture gives the same text."""
    source = graphviz.Digraph("backprop")
    source.attr(
        "graph",
        rankdir=picture.direction,
        bgcolor=PANEL,
        fontname=FONT,
        fontcolor=INK,
        labelloc="t",
        labeljust="l",
        nodesep="0.22",
        ranksep="0.32",
        pad="0.2",
        tooltip=_plain(picture.title or "computational graph"),
        **({"label": header} if (header := _header(picture)) else {}),
    )
    source.attr(
        "node", fontname=FONT, fontcolor=INK, fontsize=f"{BODY:g}", margin="0.08,0.04", height="0.2", width="0.2"
    )
    source.attr("edge", color=EDGE, arrowsize="0.6", fontname=FONT, fontsize=f"{SMALL:g}", fontcolor=TONES["gradient"])
    _fill(source, None, picture, picture.parts, depth=0)
    operations = {circle.key for circle in picture.circles}
    for edge in picture.edges:
        attributes = _edge_look(edge)
        if edge.ports == 2 and edge.head in operations:
            attributes["headport"] = _TWO_PORTS[picture.direction][edge.port]
        source.edge(edge.tail, edge.head, **attributes)
    return str(source.source)


def _fill(
    graph: graphviz.Digraph, cluster: str | None, picture: Picture, parts: dict[str, Box | Circle], depth: int
) -> None:
    """Write what stands directly in this cluster, then its inner clusters."""
    for part in parts.values():
        if part.cluster == cluster:
            if isinstance(part, Box):
                _box(graph, part)
            else:
                _circle(graph, part)
    for inner in picture.clusters:
        if inner.parent == cluster:
            with graph.subgraph(name=inner.key) as opened:
                opened.attr(**_cluster_look(inner, depth))
                _fill(opened, inner.key, picture, parts, depth + 1)


def _cluster_look(cluster: Cluster, depth: int) -> dict[str, str]:
    return {
        "label": f"<{_html(cluster.label)}>",
        "tooltip": _plain(cluster.tip),
        "style": "rounded,filled",
        "fillcolor": CLUSTER_FILLS[depth % len(CLUSTER_FILLS)],
        "color": CLUSTER_EDGE,
        "fontsize": f"{BODY:g}",
        "margin": "10",
    }


def _edge_look(edge: Edge) -> dict[str, str]:
    """What differs from a plain edge without words."""
    look, plain = EDGES[edge.tone], EDGES["plain"]
    found = {"label": f"<{'<BR/>'.join(map(_html, edge.label.split(chr(10))))}>"} if edge.label else {}
    if edge.tip:
        found["edgetooltip"] = _plain(edge.tip)
    if edge.width + look.wider != 1.0:  # Graphviz sets labels close by, so its lines are thinner than ours
        found["penwidth"] = f"{0.4 + 0.6 * (edge.width + look.wider):.4g}"
    if look.colour != plain.colour:
        found["color"] = look.colour
    if look.dashes:
        found["style"] = "dashed"
    return found


def _box(graph: graphviz.Digraph, box: Box) -> None:
    look = LOOKS[box.role]
    border = LEVELS.get(box.level, look)
    tag = box.tag or look.tag
    head = f"<B>{_html(box.title)}</B>" if box.title else ""
    if tag:
        size, colour = (BODY, INK) if box.tag else (SMALL, look.border)
        head += f'{"&#160; " if head else ""}<FONT POINT-SIZE="{size:g}" COLOR="{colour}">{_html(tag)}</FONT>'
    rows = [head] if head else []
    for line in box.lines:
        rows.append(
            f'<FONT POINT-SIZE="{TONE_SIZES[line.tone]:g}" COLOR="{TONES[line.tone]}">{_html(line.text)}</FONT>'
        )
    cells = "".join(f'<TR><TD ALIGN="CENTER">{row}</TD></TR>' for row in rows)
    graph.node(
        box.key,
        label=f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{cells}</TABLE>>',
        tooltip=_plain(box.tip or box.title),
        fillcolor=look.fill,
        color=border.border,
        penwidth=f"{border.border_width:g}",
        **_SHAPES[look.shape],
    )


def _circle(graph: graphviz.Digraph, circle: Circle) -> None:
    count = f'<BR/><FONT POINT-SIZE="{SMALL:g}">{_html(circle.count)}</FONT>' if circle.count else ""
    graph.node(
        circle.key,
        label=f"<{_html(circle.symbol)}{count}>",
        tooltip=_plain(circle.tip),
        shape="ellipse",
        style="filled",
        fillcolor=OP_FILL,
        color=OP_EDGE,
        margin="0.03,0.02",
        height="0.3",
        width="0.3",
        ordering="in",  # operands enter in their order
    )


def _header(picture: Picture) -> str:
    """Title, legend and notes as the label of the whole graph."""
    rows = [f'<FONT POINT-SIZE="{TITLE:g}"><B>{_html(picture.title)}</B></FONT>'] if picture.title else []
    for note in (*picture.legend, *picture.notes):
        rows += [
            f'<FONT POINT-SIZE="{SMALL:g}" COLOR="{TONES["dim"]}">{_html(line)}</FONT>'
            for line in wrap(note, NOTE_COLUMNS)
        ]
    return f"<{''.join(row + LINE_BREAK for row in rows)}>" if rows else ""


def _html(text: str) -> str:
    """Text for an HTML-like label, where Graphviz still reads backslash sequences."""
    return escape(text).replace("\\", "\\\\") or "&#160;"


def _plain(text: str) -> str:
    """Text for a quoted attribute (what `graphviz.escape` returns is marked as text, so it stays as it is)."""
    escaped: str = graphviz.escape(text or " ")
    return escaped
