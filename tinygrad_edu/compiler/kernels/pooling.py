"""Kernels of pooling: each window is looked at once, all its channels in one loop."""

import math

from tinygrad_edu.compiler.kernels.images import FLOATS, PASS, Text, Work
from tinygrad_edu.compiler.program import Step
from tinygrad_edu.ops.geometry import Geometry

Lines = list[str]
LARGEST = 16  # places of a window


class _Windows:
    """The text of loops over windows, for images of so many channels."""

    def __init__(self, geometry: Geometry, channels: int) -> None:
        self.geometry, self.c = geometry, channels
        self.places = [(i, j) for i in range(geometry.kernel[0]) for j in range(geometry.kernel[1])]

    def each(self, inside: Lines, border: Lines) -> Lines:
        """Lines for each window of an image, of `top`, `left` in it: those inside of it, and those that jut out."""
        geometry = self.geometry
        (h, w), (down, across), (si, sj) = geometry.size, geometry.out, geometry.stride
        reach = [d * (k - 1) for d, k in zip(geometry.dilation, geometry.kernel, strict=True)]
        lines = [f"for y in range({down}):", f"    top = y * {si} - {geometry.padding[0][0]}"]
        lines += [f"    for x in range({across}):", f"        left = x * {sj} - {geometry.padding[1][0]}"]
        if geometry.padding == ((0, 0), (0, 0)):
            return [*lines, *_in(inside, 2)]
        within = f"0 <= top < {h - reach[0]} and 0 <= left < {w - reach[1]}"
        return [*lines, f"        if {within}:", *_in(inside, 3), "        else:", *_in(border, 3)]

    def at(self, place: tuple[int, int]) -> tuple[str, str]:
        """Row and column of the image for a place of the window, as text."""
        (i, j), (di, dj) = place, self.geometry.dilation
        return f"top + {i * di}", f"left + {j * dj}"

    def there(self, place: tuple[int, int]) -> str:
        """Whether a place of the window is in the image, as text."""
        row, column = self.at(place)
        return f"0 <= {row} < {self.geometry.size[0]} and 0 <= {column} < {self.geometry.size[1]}"


def _max_pool2d(step: Step, text: Text) -> None:
    (x,) = step.operands
    windows = _Windows(step.params["geometry"], x.shape[3])
    first, *rest = windows.places
    row, column = windows.at(first)
    inside = [f"for q in range({windows.c}):", f"    v = {text.entry(x, f'{row}, {column}, q')}"]
    border = [f"for q in range({windows.c}):", f"    v = {x.dtype}(-np.inf)"]
    for place in rest:
        row, column = windows.at(place)
        inside += [f"    u = {text.entry(x, f'{row}, {column}, q')}", f"    v = {LARGER}"]
    for place in windows.places:
        row, column = windows.at(place)
        border += [
            f"    if {windows.there(place)}:",
            f"        u = {text.entry(x, f'{row}, {column}, q')}",
            f"        v = {LARGER}",
        ]
    store = f"    {text.entry(step.out, 'y, x, q')} = v"
    text.each += windows.each([*inside, store], [*border, store])
    text.flops += PASS * x.size


LARGER = "v if v >= u or v != v else u"  # NaN wins


def _spread(step: Step, text: Text) -> None:
    """The gradient to the largest entries of each window, shared among equal ones."""
    g, largest, x = step.operands
    geometry = step.params["geometry"]
    windows = _Windows(geometry, x.shape[3])
    apart = geometry.kernel[0] <= geometry.stride[0] and geometry.kernel[1] <= geometry.stride[1]
    covered = apart and geometry.kernel == geometry.stride and geometry.padding == ((0, 0), (0, 0))
    covered = covered and all(s * o == n for s, o, n in zip(geometry.stride, geometry.out, geometry.size, strict=True))
    kind = str(x.dtype)
    begin = [f"for q in range({windows.c}):", f"    v = {text.entry(largest, 'y, x, q')}"]
    after: Lines = []
    equal = " + ".join(f"m{k}" for k in range(len(windows.places)))
    share = [f"    g = {text.entry(g, 'y, x, q')} / {kind}(max(1, {equal}))"]
    if step.params.get("positive"):  # of a ReLU's results
        share.append(f"    g *= {kind}(v > 0)")
    if step.params.get("total") is not None:
        total, one = text.total(step.params["total"]), text.room((windows.c,), x.dtype)
        text.each.append(f"fill({one}[part], 0)")
        share.append(f"    {one}[part, q] += g * {kind}({equal})")
        after = [f"for q in range({windows.c}):", f"    {total}[part, q] += {one}[part, q]"]
    inside, border = [*begin], [*begin]
    for k, place in enumerate(windows.places):
        row, column = windows.at(place)
        inside.append(f"    m{k} = int32({text.entry(x, f'{row}, {column}, q')} == v)")
        border += [f"    m{k} = int32(v == -np.inf)", f"    if {windows.there(place)}:"]
        border += [f"        m{k} = int32({text.entry(x, f'{row}, {column}, q')} == v)"]
    inside, border = [*inside, *share], [*border, *share]
    sign = "=" if apart else "+="
    for k, place in enumerate(windows.places):
        row, column = windows.at(place)
        store = f"{text.entry(step.out, f'{row}, {column}, q')} {sign} g * {kind}(m{k})"
        inside.append(f"    {store}")
        border += [f"    if {windows.there(place)}:", f"        {store}"]
    text.each += [] if covered else [f"fill({text.image(step.out)}, 0)"]
    text.each += [*windows.each(inside, border), *after]
    text.flops += PASS * x.size


def _in(lines: Lines, deep: int) -> Lines:
    return ["    " * deep + line for line in lines]


def _fits(step: Step) -> bool:
    """Whether all numbers have one floating-point type, and a window is not too large to be written out."""
    types = {var.dtype for var in (*step.operands, step.out)}
    return len(types) == 1 and step.out.dtype in FLOATS and math.prod(step.params["geometry"].kernel) <= LARGEST


WORKS = {
    "max_pool2d": Work(_max_pool2d, lambda step: (0,), _fits),
    "max_pool2d_spread": Work(_spread, lambda step: (0, 1, 2), _fits),
}
