"""Kernels of whole operations: convolutions and pools have the numbers of their operations, whatever the sizes."""

import itertools

import numpy as np
import pytest

from tinygrad_edu.compiler.code import Code, Part
from tinygrad_edu.compiler.kernels import Whole
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.op import REGISTRY
from tinygrad_edu.ops.geometry import Geometry

pytest.importorskip("numba")
from tinygrad_edu.compiler.kernels import tile

SAME = ((1, 1), (1, 1))
NONE = ((0, 0), (0, 0))
BOTH = [np.float32, np.float64]


def planned(name, *operands, kernel=True, **params):
    """What a plan with kernels gives for one operation, whose result lies in a buffer that held something else."""
    op = REGISTRY[name]
    expected = op.compute(*operands, **params)
    inputs = [Var("input", np.shape(x), x.dtype) for x in operands]
    out = Var("result", expected.shape, expected.dtype)
    target = np.full(expected.shape, 7.0, expected.dtype)
    code = Code([Part("forward", inputs, [Step(op, tuple(inputs), params, out)], [out])], into={out: target}, jit=True)
    assert isinstance(code.parts[0].steps[0].op, Whole) == kernel
    for _ in range(2):
        code.functions["forward"](*operands)
    return target, expected


def agree(found, expected):
    size = max(1.0, np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=size * (2e-6 if found.dtype == np.float32 else 1e-13))


def numbers(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def convolutions(geometry, n, c, o, dtype, groups=1):
    """The operands of a convolution and of its two adjoints."""
    x = numbers(n, *geometry.size, c, dtype=dtype)
    w = numbers(*geometry.kernel, c // groups, o, dtype=dtype, seed=1)
    g = numbers(n, *geometry.out, o, dtype=dtype, seed=2)
    return {"conv2d": (x, w), "conv2d_image": (g, w), "conv2d_kernel": (x, g)}


# -- convolutions


@pytest.mark.parametrize(
    ("name", "dtype"), [("conv2d", BOTH[0]), ("conv2d_image", BOTH[1]), ("conv2d_kernel", BOTH[0])]
)
def test_a_convolution_of_sizes_that_no_tile_divides(name, dtype):
    geometry = Geometry((7, 6), (2, 3), (2, 1), ((0, 1), (1, 0)))
    agree(*planned(name, *convolutions(geometry, 3, 3, 5, dtype)[name], geometry=geometry, groups=1))


SIZES = [
    ("one channel", Geometry((28, 28), (3, 3), padding=SAME), 1, 1, 16),
    ("as in the benchmark", Geometry((14, 14), (3, 3), padding=SAME), 2, 16, 32),
    ("odd channels", Geometry((7, 6), (2, 3), (2, 1), ((0, 1), (1, 0))), 2, 17, 33),
    ("gaps across", Geometry((8, 9), (3, 2), (2, 3), ((1, 0), (0, 1)), (1, 2)), 4, 2, 3),
    ("gaps both ways", Geometry((6, 40), (3, 3), padding=((2, 2), (2, 2)), dilation=(2, 2)), 2, 3, 20),
    ("one pixel", Geometry((1, 1), (1, 1)), 5, 3, 4),
    ("windows apart", Geometry((9, 9), (2, 2), (4, 3)), 3, 4, 2),
    ("a kernel as large as the image", Geometry((5, 7), (5, 7)), 3, 3, 10),
]


@pytest.mark.slow
@pytest.mark.parametrize(("what", "geometry", "n", "c", "o"), SIZES, ids=[what for what, *_ in SIZES])
@pytest.mark.parametrize("dtype", BOTH)
def test_convolutions_of_many_sizes(what, geometry, n, c, o, dtype):
    for name, operands in convolutions(geometry, n, c, o, dtype).items():
        agree(*planned(name, *operands, geometry=geometry, groups=1))


def test_what_has_no_kernel_runs_as_its_operation():
    wide = Geometry((5, 5), (3, 3), padding=((3, 3), (3, 3)))
    grouped = Geometry((5, 5), (3, 3))
    cases = [
        ("conv2d_image", convolutions(wide, 2, 2, 2, np.float64)["conv2d_image"], wide, 1),
        ("conv2d", convolutions(grouped, 2, 4, 2, np.float64, groups=2)["conv2d"], grouped, 2),
        ("conv2d", convolutions(grouped, 0, 2, 2, np.float64)["conv2d"], grouped, 1),
        ("conv2d", [x.astype(t) for x, t in zip(convolutions(grouped, 1, 2, 2, "f8")["conv2d"], BOTH, strict=True)],
         grouped, 1),
    ]  # fmt: skip
    for name, operands, geometry, groups in cases:
        agree(*planned(name, *operands, kernel=False, geometry=geometry, groups=groups))


def test_operands_that_do_not_lie_in_a_row_are_read_all_the_same():
    geometry = Geometry((7, 6), (2, 3), (2, 1), ((0, 1), (1, 0)))
    x, w = convolutions(geometry, 3, 3, 5, np.float32)["conv2d"]
    x = np.asfortranarray(x)
    agree(*planned("conv2d", x[::-1], w[::-1, :, :, ::-1], geometry=geometry, groups=1))


def test_without_tiles_convolutions_run_as_their_operations(monkeypatch):
    monkeypatch.setattr(tile, "works", lambda: False)
    geometry = Geometry((5, 5), (3, 3))
    agree(*planned("conv2d", *convolutions(geometry, 2, 3, 4, np.float32)["conv2d"], kernel=False, geometry=geometry,
                   groups=1))  # fmt: skip


# -- pools

POOLS = [
    ("halves", Geometry((9, 8), (2, 2), (2, 2))),
    ("overlapping, with a border", Geometry((9, 8), (3, 2), (2, 1), ((1, 0), (1, 1)))),
    ("apart, with gaps", Geometry((9, 8), (2, 2), (3, 3), ((1, 0), (1, 1)), (2, 1))),
    ("windows outside of the image", Geometry((4, 4), (1, 3), padding=((3, 3), (0, 3)))),
]


def pooled(geometry, x):
    out = REGISTRY["max_pool2d"].compute(x, geometry=geometry)
    g = numbers(*out.shape, dtype=x.dtype, seed=1)
    return {"max_pool2d": (x,), "max_pool2d_spread": (g, out, x)}


def images(kind, shape, dtype):
    x = numbers(*shape, dtype=dtype)
    if kind != "all different":
        x = np.round(x)
    if kind == "odd numbers":
        rng = np.random.default_rng(3)
        for odd in (np.nan, -np.inf, np.inf):
            x[rng.random(shape) < 0.1] = odd
        x[0] = -np.inf
    return x


@pytest.mark.parametrize(("what", "geometry"), POOLS[:2], ids=[what for what, _ in POOLS[:2]])
@pytest.mark.parametrize("kind", ["all different", "equal ones", "odd numbers"])
def test_pools_and_their_gradients(what, geometry, kind):
    for name, operands in pooled(geometry, images(kind, (3, *geometry.size, 5), np.float32)).items():
        agree(*planned(name, *operands, geometry=geometry))


@pytest.mark.slow
@pytest.mark.parametrize(("what", "geometry"), POOLS, ids=[what for what, _ in POOLS])
@pytest.mark.parametrize("dtype", BOTH)
def test_pools_of_many_sizes(what, geometry, dtype):
    for kind, c in itertools.product(("all different", "equal ones", "odd numbers"), (1, 16)):
        for name, operands in pooled(geometry, images(kind, (2, *geometry.size, c), dtype)).items():
            agree(*planned(name, *operands, geometry=geometry))
