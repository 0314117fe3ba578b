"""A picture in Mermaid's language, which GitHub, GitLab and many notebooks draw inside Markdown.

Every character of a user's text that is no plain letter, digit or space is written as a numbered entity, so no name can
end a label, start a directive or become markup.
"""

from tinygrad_edu.viz.picture import Box, Circle, Edge, Picture
from tinygrad_edu.viz.style import EDGES, INK, LEVELS, LOOKS, OP_EDGE, OP_FILL, SMALL, TONES

LINE_BREAK = "<br/>"
NOTHING = "#160;"  # an empty label is an error there
# What opens and closes each outline; `double` and `stack` are Mermaid's nearest.
_SHAPES = {
    "plain": ("[", "]"),
    "rounded": ("(", ")"),
    "double": ("[[", "]]"),
    "note": ("[/", "/]"),
    "stack": ("[(", ")]"),
}


def to_mermaid(picture: Picture) -> str:
    """The Mermaid text of a picture; put it between ```` ```mermaid ```` and ```` ``` ```` in a Markdown file.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.viz import draw
    >>> print(draw(Value(3.0, name="a").tanh()).mermaid, end="")
    flowchart LR
    v0[/"<b>a</b> input<br/>3<br/>grad not computed"/]:::input
    o1(("tanh")):::operation
    v1("root<br/>0#46;9951<br/>grad not computed"):::root
    v0 --> o1
    o1 --> v1
    classDef input fill:#D2EEE3,stroke:#00664A,stroke-width:1.4px,color:#1B1B1B
    classDef root fill:#FBDFCC,stroke:#A13D00,stroke-width:2.6px,color:#1B1B1B
    classDef operation fill:#FFF1B8,stroke:#8A6A00,color:#1B1B1B
    """
    lines = [f"flowchart {picture.direction}"]
    said = [*([picture.title] if picture.title else []), *picture.legend, *picture.notes]
    if said:
        lines.append(f'said["{LINE_BREAK.join(map(_text, said))}"]:::said')
    _fill(lines, picture, picture.parts, None)
    lines += [_edge(edge) for edge in picture.edges]
    lines += _looks(picture, bool(said))
    return "\n".join(lines) + "\n"


def _fill(lines: list[str], picture: Picture, parts: dict[str, Box | Circle], cluster: str | None) -> None:
    """Write what stands directly in this cluster, then its inner clusters."""
    for part in parts.values():
        if part.cluster == cluster:
            lines.append(_box(part) if isinstance(part, Box) else _circle(part))
    for inner in picture.clusters:
        if inner.parent == cluster:
            lines.append(f'subgraph {inner.key}["{_text(inner.label) or NOTHING}"]')
            _fill(lines, picture, parts, inner.key)
            lines.append("end")


def _box(box: Box) -> str:
    look = LOOKS[box.role]
    opening, closing = _SHAPES[look.shape]
    tag = box.tag or look.tag
    head = " ".join(filter(None, [f"<b>{_text(box.title)}</b>" if box.title else "", _text(tag)]))
    rows = [*([head] if head else []), *(_text(line.text) for line in box.lines)]
    style = box.role + (f"_{box.level}" if box.level else "")
    return f'{box.key}{opening}"{LINE_BREAK.join(rows) or NOTHING}"{closing}:::{style}'


def _circle(circle: Circle) -> str:
    count = f"{LINE_BREAK}{_text(circle.count)}" if circle.count else ""
    return f'{circle.key}(("{_text(circle.symbol) or NOTHING}{count}")):::operation'


def _edge(edge: Edge) -> str:
    words = LINE_BREAK.join(map(_text, edge.label.split("\n")))
    return f'{edge.tail} -->|"{words}"| {edge.head}' if edge.label else f"{edge.tail} --> {edge.head}"


def _looks(picture: Picture, said: bool) -> list[str]:
    """The styles in use, and the edges that are not plain."""
    found: dict[str, str] = {}
    for box in picture.boxes:
        look = LOOKS[box.role]
        border = LEVELS.get(box.level, look)
        found[box.role + (f"_{box.level}" if box.level else "")] = (
            f"fill:{look.fill},stroke:{border.border},stroke-width:{border.border_width:g}px,color:{INK}"
        )
    if picture.circles:
        found["operation"] = f"fill:{OP_FILL},stroke:{OP_EDGE},color:{INK}"
    if said:
        found["said"] = f"fill:none,stroke:none,color:{TONES['dim']},font-size:{SMALL:g}pt"
    lines = [f"classDef {name} {style}" for name, style in found.items()]
    for number, edge in enumerate(picture.edges):
        line = EDGES[edge.tone]
        width = edge.width + line.wider
        if width != 1.0 or edge.tone != "plain":
            dashes = f",stroke-dasharray:{line.dashes.replace(',', ' ')}" if line.dashes else ""
            lines.append(f"linkStyle {number} stroke:{line.colour},stroke-width:{width:.4g}px{dashes}")
    return lines


def _text(text: str) -> str:
    """Text for a quoted label."""
    return "".join(one if (one.isalnum() and one.isascii()) or one == " " else f"#{ord(one)};" for one in text)
