"""A laid-out picture as SVG text: one file, no script, no outside reference, its own light panel."""

from html import escape

from tinygrad_edu.viz.layered.layout import Layout, Point, Rect, Route, lay_out
from tinygrad_edu.viz.layered.measure import LABEL_LINE, PILE, Block, Run, row_height
from tinygrad_edu.viz.picture import Box, Circle, Picture
from tinygrad_edu.viz.style import (
    BODY,
    CLUSTER_EDGE,
    CLUSTER_FILLS,
    EDGES,
    FONT,
    INK,
    LEVELS,
    LOOKS,
    OP_EDGE,
    OP_FILL,
    PANEL,
    PANEL_EDGE,
    SMALL,
    TITLE,
    TONES,
)
from tinygrad_edu.viz.text import width, wrap

MARGIN = 16.0
LEAST_WIDTH = 300.0
ARROW_LENGTH, ARROW_HALF = 7.0, 3.2
BASELINE = 0.36  # of the font size, below the middle of a line


def to_svg(picture: Picture) -> str:
    """The SVG of a picture, laid out here; the same picture gives the same text."""
    return draw_layout(picture, lay_out(picture))


def draw_layout(picture: Picture, layout: Layout) -> str:
    """The SVG of a picture whose parts already have their places."""
    wide = max(layout.width, LEAST_WIDTH, width(picture.title, TITLE) * 1.08)
    header, top = _header(picture, wide)
    total_width, total_height = wide + 2 * MARGIN, layout.height + top + 2 * MARGIN
    name = escape(picture.title or "computational graph")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(total_width)}" height="{_n(total_height)}" '
        f'viewBox="0 0 {_n(total_width)} {_n(total_height)}" role="img" aria-label="{name}" font-family="{FONT}">',
        f"<title>{name}</title>",
        f'<rect x="0.5" y="0.5" width="{_n(total_width - 1)}" height="{_n(total_height - 1)}" rx="10" '
        f'fill="{PANEL}" stroke="{PANEL_EDGE}"/>',
        *header,
        f'<g transform="translate({_n(MARGIN)},{_n(MARGIN + top)})">',
        *_frames(picture, layout),
        '<g fill="none">',
        *(_edge(picture, route, layout.lengthwise) for route in layout.routes),
        "</g>",
        *_titles(picture, layout),
        *(_label(picture, route, layout.lengthwise) for route in layout.routes if route.label_at),
        *(_box(box, layout.parts[box.key], layout.blocks[box.key]) for box in picture.boxes),
        *(_circle(circle, layout.parts[circle.key], layout.blocks[circle.key]) for circle in picture.circles),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _header(picture: Picture, wide: float) -> tuple[list[str], float]:
    """Title, legend and notes, and how much height they take."""
    rows: list[str] = []
    y = MARGIN
    if picture.title:
        y += TITLE
        rows.append(_text(MARGIN, y, picture.title, TITLE, INK, 'font-weight="bold"'))
        y += 4
    columns = max(40, int(wide / (SMALL * 0.62)))
    for note in (*picture.legend, *picture.notes):
        for line in wrap(note, columns):
            y += SMALL * 1.35
            rows.append(_text(MARGIN, y, line, SMALL, TONES["dim"]))
    return rows, y - MARGIN + 10 if rows else 0.0


def _frames(picture: Picture, layout: Layout) -> list[str]:
    fills = _fills(picture)
    return [
        f'<g class="cluster"><title>{escape(one.tip)}</title>'
        f"{_rectangle(layout.clusters[one.key], fills[one.key], CLUSTER_EDGE, 1.0, radius=8)}</g>"
        for one in picture.clusters
    ]


def _titles(picture: Picture, layout: Layout) -> list[str]:
    """The labels of the frames, on plates, over the edges that come in there."""
    fills, found = _fills(picture), []
    for one in picture.clusters:
        rect = layout.clusters[one.key]
        wide = min(width(one.label, BODY) + 6, rect.width - 8)
        plate = (
            f'<rect {_frame(Rect(rect.x + 5, rect.y + 3, wide, BODY * 1.35))} fill="{fills[one.key]}" opacity="0.8"/>'
        )
        found.append(plate + _text(rect.x + 8, rect.y + BODY * 1.25, one.label, BODY, INK))
    return found


def _fills(picture: Picture) -> dict[str, str]:
    """The fill of each frame, by how deep it is nested."""
    depth: dict[str | None, int] = {None: -1}
    for one in picture.clusters:
        depth[one.key] = depth[one.parent] + 1
    return {one.key: CLUSTER_FILLS[depth[one.key] % len(CLUSTER_FILLS)] for one in picture.clusters}


def _edge(picture: Picture, route: Route, lengthwise: bool) -> str:
    """The line of an edge and its arrow head."""
    edge = picture.edges[route.edge]
    look = EDGES[edge.tone]
    wide = edge.width + look.wider
    long, half = ARROW_LENGTH * (0.75 + wide / 4), ARROW_HALF * (0.75 + wide / 4)
    points = list(route.points)
    end = points[-1]
    toward = _toward(points, lengthwise)
    base = (end[0] - toward[0] * long, end[1] - toward[1] * long)
    points[-1] = base
    if abs(points[-2][0] - end[0]) + abs(points[-2][1] - end[1]) < long:
        points[-2] = base  # the curve ends where the arrow head begins
    side = (-toward[1] * half, toward[0] * half)
    arrow = f"M{_p(end)}L{_p((base[0] + side[0], base[1] + side[1]))}L{_p((base[0] - side[0], base[1] - side[1]))}Z"
    title = f"<title>{escape(edge.tip)}</title>" if edge.tip else ""
    stroke = f' stroke-width="{wide:.4g}"' if wide != 1.0 else ""
    dashes = f' stroke-dasharray="{look.dashes}"' if look.dashes else ""
    return (
        f'<g class="edge" stroke="{look.colour}">{title}<path d="{curve(points, lengthwise)}"{stroke}{dashes}/>'
        f'<path d="{arrow}" fill="{look.colour}"/></g>'
    )


def curve(points: list[Point], lengthwise: bool) -> str:
    """Lines through the ranks, curves between them; lines of no length are left out."""
    drawn = [f"M{_p(points[0])}"]
    for number in range(1, len(points)):
        one, other = points[number - 1], points[number]
        if number % 2:  # from a part or a bend to the edge of its rank
            if _p(one) != _p(other):
                drawn.append(f"L{_p(other)}")
        elif lengthwise:
            middle = (one[0] + other[0]) / 2
            drawn.append(f"C{_p((middle, one[1]))} {_p((middle, other[1]))} {_p(other)}")
        else:
            middle = (one[1] + other[1]) / 2
            drawn.append(f"C{_p((one[0], middle))} {_p((other[0], middle))} {_p(other)}")
    return "".join(drawn)


def _toward(points: list[Point], lengthwise: bool) -> Point:
    """The direction in which an edge arrives: along the ranks, forwards or backwards."""
    axis = 0 if lengthwise else 1
    sign = 1.0 if points[-1][axis] >= points[-3][axis] else -1.0
    return (sign, 0.0) if lengthwise else (0.0, sign)


def _label(picture: Picture, route: Route, lengthwise: bool) -> str:
    """The words on an edge: one line above it and others below; where it runs down, all on a small plate."""
    assert route.label_at is not None
    x, y = route.label_at
    edge = picture.edges[route.edge]
    lines = edge.label.split("\n")
    off = (edge.width + EDGES[edge.tone].wider) / 2
    if lengthwise:
        baselines = [y - 3 - off, *(y + off + SMALL * (1.05 + LABEL_LINE * number) for number in range(len(lines) - 1))]
        plate = ""
    else:
        top = y - SMALL * LABEL_LINE * len(lines) / 2
        baselines = [top + SMALL * (0.98 + LABEL_LINE * number) for number in range(len(lines))]
        wide = max(width(line, SMALL) for line in lines) + 4
        rect = Rect(x - wide / 2, top, wide, SMALL * LABEL_LINE * len(lines))
        plate = f'<rect {_frame(rect)} rx="3" fill="{PANEL}"/>'
    return plate + "".join(
        _text(x, at, line, SMALL, TONES["gradient"], 'text-anchor="middle"')
        for at, line in zip(baselines, lines, strict=True)
    )


def _box(box: Box, rect: Rect, block: Block) -> str:
    look = LOOKS[box.role]
    border = LEVELS.get(box.level, look)
    outline = _OUTLINES[look.shape](rect, look.fill, border.border, border.border_width)
    text = _rows(_front(rect) if look.shape == "stack" else rect, block)
    return f'<g class="{box.role}"><title>{escape(box.tip or box.title)}</title>{outline}{text}</g>'


def _circle(circle: Circle, rect: Rect, block: Block) -> str:
    ellipse = (
        f'<ellipse cx="{_n(rect.x + rect.width / 2)}" cy="{_n(rect.y + rect.height / 2)}" rx="{_n(rect.width / 2)}" '
        f'ry="{_n(rect.height / 2)}" fill="{OP_FILL}" stroke="{OP_EDGE}"/>'
    )
    return f'<g class="operation"><title>{escape(circle.tip)}</title>{ellipse}{_rows(rect, block)}</g>'


def _rows(rect: Rect, block: Block) -> str:
    """Lines of text, centred in a rectangle."""
    x = rect.x + rect.width / 2
    y = rect.y + (rect.height - sum(row_height(row) for row in block.rows)) / 2
    drawn = []
    for row in block.rows:
        high = row_height(row)
        baseline = y + high / 2 + max(run.size for run in row) * BASELINE
        runs = "".join(_run(run, first=not number) for number, run in enumerate(row))
        drawn.append(f'<text x="{_n(x)}" y="{_n(baseline)}" text-anchor="middle">{runs}</text>')
        y += high
    return "".join(drawn)


def _run(run: Run, first: bool) -> str:
    bold = ' font-weight="bold"' if run.bold else ""
    gap = "" if first else ' dx="6"'
    return f'<tspan font-size="{_n(run.size)}" fill="{run.colour}"{bold}{gap}>{escape(run.text)}</tspan>'


def _text(x: float, y: float, text: str, size: float, colour: str, more: str = "") -> str:
    extra = f" {more}" if more else ""
    return f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="{colour}"{extra}>{escape(text)}</text>'


def _rectangle(rect: Rect, fill: str, border: str, border_width: float, radius: float = 0.0) -> str:
    corner = f' rx="{_n(radius)}"' if radius else ""
    return f'<rect {_frame(rect)}{corner} fill="{fill}" stroke="{border}" stroke-width="{_n(border_width)}"/>'


def _double(rect: Rect, fill: str, border: str, border_width: float) -> str:
    inner = Rect(rect.x + 3, rect.y + 3, rect.width - 6, rect.height - 6)
    return _rectangle(rect, PANEL, border, border_width) + _rectangle(inner, fill, border, border_width)


def _rounded(rect: Rect, fill: str, border: str, border_width: float) -> str:
    return _rectangle(rect, fill, border, border_width, radius=9)


def _note(rect: Rect, fill: str, border: str, border_width: float) -> str:
    """A sheet with a folded corner."""
    right, bottom, fold = rect.x + rect.width, rect.y + rect.height, 9.0
    sheet = (
        f"M{_p((rect.x, rect.y))}H{_n(right - fold)}L{_p((right, rect.y + fold))}V{_n(bottom)}H{_n(rect.x)}Z"
        f"M{_p((right - fold, rect.y))}V{_n(rect.y + fold)}H{_n(right)}"
    )
    return f'<path d="{sheet}" fill="{fill}" stroke="{border}" stroke-width="{_n(border_width)}"/>'


def _stack(rect: Rect, fill: str, border: str, border_width: float) -> str:
    """A pile of three boxes, all within the rectangle."""
    front = _front(rect)
    behind = [Rect(front.x + off, front.y - off, front.width, front.height) for off in (PILE, PILE / 2)]
    return "".join(_rectangle(one, fill, border, border_width) for one in (*behind, front))


def _front(rect: Rect) -> Rect:
    """The box in front of a pile."""
    return Rect(rect.x, rect.y + PILE, rect.width - PILE, rect.height - PILE)


_OUTLINES = {"plain": _rectangle, "rounded": _rounded, "double": _double, "note": _note, "stack": _stack}


def _frame(rect: Rect) -> str:
    return f'x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" height="{_n(rect.height)}"'


def _p(point: Point) -> str:
    return f"{_n(point[0])},{_n(point[1])}"


def _n(value: float) -> str:
    """A coordinate to a tenth, without a needless zero."""
    text = f"{value:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text
