"""Kernels of pooling: each window is looked at once, all its channels in one loop."""

from typing import Any

from tinygrad_edu.compiler.kernels.whole import Kernel, module
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.ops.geometry import Geometry

Lines = list[str]


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


def _max_pool2d(step: Step) -> Kernel:
    (x,) = step.operands
    windows = _Windows(step.params["geometry"], x.shape[3])
    first, *rest = windows.places
    row, column = windows.at(first)
    inside = [f"for q in range({windows.c}):", f"    v = x0[n, {row}, {column}, q]"]
    border = [f"for q in range({windows.c}):", f"    v = {x.dtype}(-np.inf)"]
    for place in rest:
        row, column = windows.at(place)
        inside += [f"    u = x0[n, {row}, {column}, q]", f"    v = {LARGER}"]
    for place in windows.places:
        row, column = windows.at(place)
        border += [f"    if {windows.there(place)}:", f"        u = x0[n, {row}, {column}, q]", f"        v = {LARGER}"]
    store = "    o0[n, y, x, q] = v"
    return _of(step, windows.each([*inside, store], [*border, store]))


LARGER = "v if v >= u or v != v else u"  # NaN wins


def _spread(step: Step) -> Kernel | None:
    """The gradient to the largest entries of each window, shared among equal ones."""
    x = step.operands[2]
    geometry = step.params["geometry"]
    windows = _Windows(geometry, x.shape[3])
    if len(windows.places) > 16:
        return None
    apart = geometry.kernel[0] <= geometry.stride[0] and geometry.kernel[1] <= geometry.stride[1]
    covered = apart and geometry.kernel == geometry.stride and geometry.padding == ((0, 0), (0, 0))
    covered = covered and all(s * o == n for s, o, n in zip(geometry.stride, geometry.out, geometry.size, strict=True))
    kind = str(x.dtype)
    begin = [f"for q in range({windows.c}):", "    v = x1[n, y, x, q]"]
    share = [f"    g = x0[n, y, x, q] / {kind}(max(1, {' + '.join(f'm{k}' for k in range(len(windows.places)))}))"]
    inside, border = [*begin], [*begin]
    for k, place in enumerate(windows.places):
        row, column = windows.at(place)
        inside.append(f"    m{k} = int32(x2[n, {row}, {column}, q] == v)")
        border += [f"    m{k} = int32(v == -np.inf)", f"    if {windows.there(place)}:"]
        border += [f"        m{k} = int32(x2[n, {row}, {column}, q] == v)"]
    inside, border = [*inside, *share], [*border, *share]
    sign = "=" if apart else "+="
    for k, place in enumerate(windows.places):
        row, column = windows.at(place)
        store = f"o0[n, {row}, {column}, q] {sign} g * {kind}(m{k})"
        inside.append(f"    {store}")
        border += [f"    if {windows.there(place)}:", f"        {store}"]
    return _of(step, [*([] if covered else ["o0[n] = 0"]), *windows.each(inside, border)])


def _of(step: Step, image: Lines) -> Kernel:
    source = module(step.outs, step.operands, (), ["for n in range(start, stop):", *_in(image, 1)], halves=True)
    return Kernel(source, (), step.out.shape[0], flops=40.0 * max(var.size for var in (*step.operands, step.out)))


def _in(lines: Lines, deep: int) -> Lines:
    return ["    " * deep + line for line in lines]


def _fits(maker: Any) -> Any:
    def make(step: Step) -> Kernel | None:
        variables: list[Var] = [*step.operands, step.out]
        kinds = {str(var.dtype) for var in variables}
        return maker(step) if len(kinds) == 1 and kinds <= {"float32", "float64"} else None

    return make


MAKERS = {"max_pool2d": _fits(_max_pool2d), "max_pool2d_spread": _fits(_spread)}
