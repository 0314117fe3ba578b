"""Convolution and pooling: slow loops as the yardstick, adjoints, any order, every kind of padding and stride."""

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.graph import replay
from tinygrad_edu.ops import pooling, windows
from tinygrad_edu.ops.columns import col2im, im2col
from tinygrad_edu.ops.convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from tinygrad_edu.ops.pooling import avg_pool2d, max_pool2d, stochastic_pool2d


def loops(x, w, stride, sides, dilation, groups):
    """Convolution as its definition says it, one product at a time."""
    x = np.pad(x, ((0, 0), *sides, (0, 0)))
    n, h, width, _ = x.shape
    kh, kw, inner, out = w.shape
    down = (h - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    across = (width - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((n, down, across, out))
    for r, c, i, j, o, k in np.ndindex(down, across, kh, kw, out, inner):
        group = o // (out // groups)
        row, column = r * stride[0] + i * dilation[0], c * stride[1] + j * dilation[1]
        y[:, r, c, o] += x[:, row, column, group * inner + k] * w[i, j, k, o]
    return y


def slope(f, x, weights, step=1e-6):
    """Central differences of sum(weights * f(x))."""
    found = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        moved = x.copy()
        moved[at] += step
        up = np.sum(weights * f(moved))
        moved[at] -= 2 * step
        found[at] = (up - np.sum(weights * f(moved))) / (2 * step)
    return found


NONE = ((0, 0), (0, 0))
SETTINGS = {
    "plain": ((2, 5, 4, 2), (3, 2, 2, 3), (1, 1), "valid", NONE, (1, 1), 1),
    "one by one": ((2, 3, 3, 4), (1, 1, 4, 2), (1, 1), "valid", NONE, (1, 1), 1),
    "strided": ((1, 7, 6, 2), (3, 3, 2, 2), (2, 1), "valid", NONE, (1, 1), 1),
    "stride beyond the kernel": ((1, 7, 7, 2), (2, 2, 2, 2), (3, 3), "valid", NONE, (1, 1), 1),
    "same": ((1, 5, 5, 1), (3, 3, 1, 2), (1, 1), "same", ((1, 1), (1, 1)), (1, 1), 1),
    "same, even kernel": ((1, 5, 5, 1), (2, 4, 1, 2), (1, 1), "same", ((0, 1), (1, 2)), (1, 1), 1),
    "same, strided": ((1, 5, 6, 2), (3, 3, 2, 2), (2, 2), "same", ((1, 1), (0, 1)), (1, 1), 1),
    "padded by one number": ((1, 4, 4, 2), (3, 3, 2, 2), (1, 1), 2, ((2, 2), (2, 2)), (1, 1), 1),
    "padded more than the kernel": ((1, 3, 3, 8), (2, 2, 8, 2), (1, 1), 3, ((3, 3), (3, 3)), (1, 1), 1),
    "padded by a pair": ((1, 4, 4, 2), (3, 3, 2, 2), (1, 1), (1, 0), ((1, 1), (0, 0)), (1, 1), 1),
    "padded on each side": ((1, 4, 4, 2), (3, 2, 2, 2), (2, 1), ((1, 0), (0, 2)), ((1, 0), (0, 2)), (1, 1), 1),
    "dilated": ((1, 7, 8, 2), (3, 2, 2, 2), (1, 2), "valid", NONE, (2, 3), 1),
    "dilated, wide": ((1, 7, 7, 8), (3, 3, 8, 2), (1, 1), "same", ((2, 2), (2, 2)), (2, 2), 1),
    "in groups": ((2, 4, 4, 4), (2, 2, 2, 6), (1, 1), "valid", NONE, (1, 1), 2),
    "depthwise": ((1, 5, 5, 3), (3, 3, 1, 6), (2, 2), 1, ((1, 1), (1, 1)), (1, 1), 3),
    "many channels": ((2, 5, 5, 16), (3, 3, 16, 8), (1, 1), "same", ((1, 1), (1, 1)), (1, 1), 1),
}


@pytest.mark.parametrize("tile", [windows.TILE_BYTES, 512])
@pytest.mark.parametrize("name", SETTINGS)
def test_conv2d_is_what_its_definition_says_and_so_are_its_gradients(name, tile, rng, monkeypatch):
    monkeypatch.setattr(windows, "TILE_BYTES", tile)
    shape, kernel, stride, padding, sides, dilation, groups = SETTINGS[name]
    x, w = Value(rng.normal(size=shape)), Value(rng.normal(size=kernel))
    out = conv2d(x, w, stride, padding, dilation, groups)
    np.testing.assert_allclose(out.data, loops(x.data, w.data, stride, sides, dilation, groups), atol=1e-12)
    g, u, v = (rng.normal(size=s) for s in (out.shape, shape, kernel))
    out.backward(g)
    # <g, A u> = <A' g, u> for the convolution as a map of its image, and of its kernel
    along_x = np.sum(g * loops(u, w.data, stride, sides, dilation, groups))
    along_w = np.sum(g * loops(x.data, v, stride, sides, dilation, groups))
    assert np.sum(x.grad * u) == pytest.approx(along_x, rel=1e-11)
    assert np.sum(w.grad * v) == pytest.approx(along_w, rel=1e-11)


@pytest.mark.parametrize("name", ["plain", "strided", "in groups", "dilated"])
def test_a_convolution_can_be_differentiated_twice_and_forward(name, rng):
    shape, kernel, stride, padding, _, dilation, groups = SETTINGS[name]
    x, w = Value(rng.normal(size=shape)), Value(rng.normal(size=kernel))
    u, v = rng.normal(size=shape), rng.normal(size=kernel)
    out = conv2d(x, w, stride, padding, dilation, groups)
    (out * out).sum().backward(create_graph=True)
    inner = np.sum(x.grad * u) + np.sum(w.grad * v)
    x.zero_grad()
    w.zero_grad()
    inner.backward()

    def gradient(t):
        a, b = Value(x.data + t * u), Value(w.data + t * v)
        y = conv2d(a, b, stride, padding, dilation, groups)
        (y * y).sum().backward()
        return a.grad, b.grad

    step = 1e-5
    for found, up, down in zip((x.grad, w.grad), gradient(step), gradient(-step), strict=True):
        np.testing.assert_allclose(found, (up - down) / (2 * step), rtol=1e-6, atol=1e-6)
    moved = out.op.push([u, v], out.data, [x.data, w.data], out.params)
    again = replay(out, {x: x.data + step * u, w: w.data + step * v})
    before = replay(out, {x: x.data - step * u, w: w.data - step * v})
    np.testing.assert_allclose(moved, (again - before) / (2 * step), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("stride", "padding", "extra", "dilation", "groups"), [
    (1, "valid", 0, 1, 1), (2, "valid", 1, 1, 1), ((2, 3), 1, (1, 0), 1, 1), (2, "same", 0, 1, 1),
    (3, ((1, 0), (0, 1)), 0, 2, 2),
])  # fmt: skip
def test_a_transposed_convolution_is_the_adjoint_of_a_convolution(stride, padding, extra, dilation, groups, rng):
    x, w = rng.normal(size=(2, 4, 3, 4)), rng.normal(size=(3, 2, 4, 3))
    out = conv_transpose2d(x, w, stride, padding, extra, dilation, groups)
    y = rng.normal(size=out.shape)
    back = conv2d(y, w.swapaxes(2, 3), stride, "same" if padding == "same" else padding, dilation, groups)
    assert back.shape == x.shape
    assert np.sum(back * x) == pytest.approx(np.sum(out * y), rel=1e-12)


def test_a_transposed_convolution_has_gradients(rng):
    x, w = Value(rng.normal(size=(1, 3, 3, 2))), Value(rng.normal(size=(2, 2, 2, 3)))
    out = conv_transpose2d(x, w, stride=2)
    g = rng.normal(size=out.shape)
    out.backward(g)
    np.testing.assert_allclose(x.grad, slope(lambda a: conv_transpose2d(a, w.data, stride=2), x.data, g), atol=1e-7)
    np.testing.assert_allclose(w.grad, slope(lambda a: conv_transpose2d(x.data, a, stride=2), w.data, g), atol=1e-7)


def test_conv1d_and_its_transpose_are_those_of_two_axes(rng):
    x, w = rng.normal(size=(2, 9, 4)), rng.normal(size=(3, 2, 6))
    out = conv1d(Value(x), w, stride=2, padding=(1, 0), dilation=2, groups=2)
    expected = loops(x[:, None], w[None], (1, 2), ((0, 0), (1, 0)), (1, 2), 2)[:, 0]
    np.testing.assert_allclose(out.data, expected, atol=1e-12)
    longer = conv_transpose1d(x, rng.normal(size=(3, 4, 2)), stride=2, padding=1, output_padding=1)
    assert longer.shape == (2, 18, 2)


def test_float32_stays_float32(rng):
    x, w = (Value(rng.normal(size=s).astype(np.float32)) for s in ((2, 6, 6, 2), (3, 3, 2, 4)))
    out = avg_pool2d(max_pool2d(conv2d(x, w, padding="same"), 2), 3, 2, padding=1, count_include_pad=False)
    out.backward(np.ones(out.shape))
    assert out.dtype == x.grad.dtype == w.grad.dtype == np.float32


@pytest.mark.parametrize(("call", "error", "match"), [
    (lambda x: conv2d(x[0], np.ones((3, 3, 2, 4))), ShapeError, "4 axes"),
    (lambda x: conv2d(x, np.ones((3, 3, 3, 4))), ShapeError, "2 channels"),
    (lambda x: conv2d(x, np.ones((3, 3, 5, 4))), ShapeError, "channel-first"),
    (lambda x: conv2d(x, np.ones((9, 3, 2, 4))), ShapeError, "larger than the image"),
    (lambda x: conv2d(x, np.ones((3, 3, 2, 3)), groups=2), ArgumentError, "groups=2 must divide"),
    (lambda x: conv2d(x, np.ones((3, 3, 2, 3)), stride=0), ArgumentError, "stride must be an int or a pair"),
    (lambda x: conv2d(x, np.ones((3, 3, 2, 3)), padding="full"), ArgumentError, "'valid', 'same'"),
    (lambda x: conv2d(x, np.ones((3, 3, 2, 3)), padding=-1), ArgumentError, "padding"),
    (lambda x: conv_transpose2d(x, np.ones((3, 3, 3, 4))), ShapeError, "2 channels"),
    (lambda x: conv_transpose2d(x, np.ones((3, 3, 2, 4)), output_padding=1), ShapeError, "smaller than the stride"),
    (lambda x: conv1d(x, np.ones((3, 2, 4))), ShapeError, "3 axes"),
    (lambda x: max_pool2d(x, 9), ShapeError, "larger than the image"),
    (lambda x: col2im(np.ones((1, 2, 2, 4)), (5, 5), 2), ShapeError, "windows"),
])  # fmt: skip
def test_what_does_not_fit_is_said(call, error, match):
    with pytest.raises(error, match=match):
        call(Value(np.ones((1, 5, 5, 2))))


def test_col2im_is_the_adjoint_of_im2col(rng):
    x = rng.normal(size=(2, 5, 6, 3))
    cols = im2col(x, (3, 2), stride=(1, 2), padding=1, dilation=(1, 2))
    y = rng.normal(size=cols.shape)
    back = col2im(y, (5, 6), (3, 2), stride=(1, 2), padding=1, dilation=(1, 2))
    assert np.sum(cols * y) == pytest.approx(np.sum(x * back), rel=1e-13)


def test_a_convolution_is_im2col_times_the_kernel(rng):
    x, w = rng.normal(size=(2, 5, 5, 3)), rng.normal(size=(3, 3, 3, 4))
    np.testing.assert_allclose(im2col(x, 3) @ w.reshape(-1, 4), conv2d(x, w), atol=1e-12)


POOLS = {
    "tiling": {"kernel_size": 2},
    "overlapping": {"kernel_size": 3, "stride": 2},
    "with gaps": {"kernel_size": 2, "stride": 3},
    "padded": {"kernel_size": (3, 2), "stride": (2, 1), "padding": ((1, 0), (1, 1))},
    "same": {"kernel_size": 2, "padding": "same"},
}


@pytest.mark.parametrize("name", POOLS)
def test_max_pooling_takes_the_largest_and_its_gradient_goes_there(name, rng):
    x = Value(rng.permutation(2 * 7 * 7 * 3).reshape(2, 7, 7, 3) / 10.0)
    out = max_pool2d(x, **POOLS[name])
    g = rng.normal(size=out.shape)
    out.backward(g)
    np.testing.assert_allclose(x.grad, slope(lambda a: max_pool2d(a, **POOLS[name]), x.data, g), atol=1e-7)
    t = rng.normal(size=x.shape)
    moved = out.op.push([t], out.data, [x.data], out.params)
    assert np.sum(moved * g) == pytest.approx(np.sum(x.grad * t), rel=1e-12)


def test_equal_largest_entries_share_the_gradient(rng):
    x = Value(np.array([[1.0, 1.0], [0.0, 1.0]]).reshape(1, 2, 2, 1))
    max_pool2d(x, 2).backward(np.full((1, 1, 1, 1), 3.0))
    assert x.grad.ravel().tolist() == [1.0, 1.0, 0.0, 1.0]


def test_the_border_never_wins_a_max_pool():
    x = np.full((1, 2, 2, 1), -5.0)
    assert (max_pool2d(x, 2, stride=1, padding=1) == -5.0).all()


def test_a_dilated_max_pool_skips_entries():
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    x[0, 1, 1] = 100.0
    assert max_pool2d(x, 2, stride=1, dilation=2).item() == 8.0


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("count_include_pad", [True, False])
def test_average_pooling_is_linear_and_has_its_adjoint(name, count_include_pad, rng):
    x = Value(rng.normal(size=(2, 7, 7, 3)))
    out = avg_pool2d(x, **POOLS[name], count_include_pad=count_include_pad)
    g, t = rng.normal(size=out.shape), rng.normal(size=x.shape)
    out.backward(g)
    moved = avg_pool2d(t, **POOLS[name], count_include_pad=count_include_pad)
    assert np.sum(x.grad * t) == pytest.approx(np.sum(g * moved), rel=1e-12)


def test_an_average_without_the_border_keeps_a_constant_image():
    x = np.full((1, 4, 4, 1), 7.0)
    np.testing.assert_allclose(avg_pool2d(x, 3, 1, padding="same", count_include_pad=False), 7.0)
    assert avg_pool2d(x, 3, 1, padding="same").min() < 7.0


def test_pools_can_be_differentiated_twice(rng):
    x = Value(rng.normal(size=(1, 4, 4, 2)))
    y = avg_pool2d(max_pool2d(x, 2) ** 3, 2)
    y.sum().backward(create_graph=True)
    slope_ = x.grad
    x.zero_grad()
    slope_.sum().backward()
    largest = max_pool2d(x.data, 2)
    assert x.grad.sum() == pytest.approx((6 * largest / 4).sum())


def test_stochastic_pooling_draws_entries_in_proportion_to_their_size():
    x = np.tile(np.array([1.0, 0.0, 0.0, 3.0]).reshape(1, 2, 2, 1), (4000, 1, 1, 1))
    drawn = stochastic_pool2d(x, 2, rng=0).data.ravel()
    assert set(drawn) == {1.0, 3.0}
    assert (drawn == 3.0).mean() == pytest.approx(0.75, abs=0.03)


def test_stochastic_pooling_sends_the_gradient_to_the_entry_it_drew(rng):
    x = Value(rng.uniform(0.1, 1.0, size=(2, 4, 4, 3)))
    out = stochastic_pool2d(x, 2, rng=1)
    g = rng.normal(size=out.shape)
    out.backward(g)
    assert (x.grad != 0).sum() == out.size
    assert np.sum(x.grad * x.data) == pytest.approx(np.sum(g * out.data))
    assert np.array_equal(replay(out, {x: 2 * x.data}), 2 * out.data)  # the draw is kept


def test_stochastic_pooling_of_zeros_is_zero_and_outside_training_a_weighted_mean():
    zeros = np.zeros((1, 2, 2, 1))
    assert stochastic_pool2d(zeros, 2, rng=0).item() == 0.0
    assert stochastic_pool2d(zeros, 2, training=False).item() == 0.0
    x = Value(np.array([1.0, -2.0, 0.0, 3.0]).reshape(1, 2, 2, 1))
    out = stochastic_pool2d(x, 2, training=False)
    assert out.item() == pytest.approx(2.5)
    out.backward(np.ones((1, 1, 1, 1)))
    assert np.isfinite(x.grad).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_convolutions_agree_with_pytorch(name, rng):
    torch = pytest.importorskip("torch")
    shape, kernel, stride, padding, sides, dilation, groups = SETTINGS[name]
    x, w = Value(rng.normal(size=shape)), Value(rng.normal(size=kernel))
    tx = torch.tensor(x.data, requires_grad=True)
    tw = torch.tensor(w.data, requires_grad=True)
    padded = torch.nn.functional.pad(tx.permute(0, 3, 1, 2), (*sides[1], *sides[0]))
    expected = torch.nn.functional.conv2d(padded, tw.permute(3, 2, 0, 1), None, stride, 0, dilation, groups)
    out = conv2d(x, w, stride, padding, dilation, groups)
    g = rng.normal(size=out.shape)
    out.backward(g)
    expected.permute(0, 2, 3, 1).backward(torch.tensor(g))
    np.testing.assert_allclose(out.data, expected.detach().permute(0, 2, 3, 1).numpy(), atol=1e-11)
    np.testing.assert_allclose(x.grad, tx.grad.numpy(), atol=1e-11)
    np.testing.assert_allclose(w.grad, tw.grad.numpy(), atol=1e-11)


@pytest.mark.slow
def test_transposed_convolutions_and_pools_agree_with_pytorch(rng):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    x, w = rng.normal(size=(2, 5, 6, 4)), rng.normal(size=(3, 2, 4, 3))
    tx, tw = torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(w).permute(2, 3, 0, 1)
    pairs = [
        (conv_transpose2d(x, w, 2, 1, 1, 1, 2), functional.conv_transpose2d(tx, tw, None, 2, 1, 1, 2, 1)),
        (max_pool2d(x, 3, 2, 1), functional.max_pool2d(tx, 3, 2, 1)),
        (avg_pool2d(x, 3, 2, 1), functional.avg_pool2d(tx, 3, 2, 1)),
        (
            avg_pool2d(x, 3, 2, 1, count_include_pad=False),
            functional.avg_pool2d(tx, 3, 2, 1, count_include_pad=False),
        ),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs.permute(0, 2, 3, 1).numpy(), atol=1e-12)


@pytest.mark.parametrize("tile", [1 << 20, 4000], ids=["whole images", "a few rows of one image"])
@pytest.mark.parametrize(
    ("stride", "dilation"), [((1, 1), (1, 1)), ((1, 2), (1, 1)), ((1, 1), (2, 1))], ids=["plain", "across", "gaps"]
)
def test_a_kernel_taken_row_by_row_gives_the_products_of_whole_windows(tile, stride, dilation, monkeypatch):
    sides = ((1, 2), (0, 1))
    geometry = windows.Geometry((11, 16), (3, 2), stride, sides, dilation)
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(3, 11, 16, 8)), rng.normal(size=(3, 2, 8, 5))
    g = rng.normal(size=(3, *geometry.out, 5))
    calls = [(windows.correlate, (x, w)), (windows.kernel_gradient, (x, g)), (windows.image_gradient, (g, w))]
    assert windows._by_rows(geometry, 8)
    monkeypatch.setattr(windows, "TILE_BYTES", tile)
    found = [function(*operands, geometry) for function, operands in calls]
    into = [np.full(one.shape, 7.0) for one in found]
    for (function, operands), target in zip(calls, into, strict=True):
        assert function(*operands, geometry, target) is target
    monkeypatch.setattr(windows, "_by_rows", lambda *_: False)
    for (function, operands), one, target in zip(calls, found, into, strict=True):
        expected = function(*operands, geometry)
        np.testing.assert_allclose(one, expected, atol=1e-11)
        np.testing.assert_array_equal(target, one)
    np.testing.assert_allclose(found[0], loops(x, w, stride, sides, dilation, 1), atol=1e-11)


@pytest.mark.parametrize("padding", ["valid", ((1, 0), (1, 1))])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_pools_write_into_a_given_array(padding, stride):
    x = np.round(np.random.default_rng(0).normal(size=(2, 7, 6, 3)))
    geometry = pooling._pool("max_pool2d", x, 2, stride, padding)
    out = pooling.largest(x, geometry)
    g = np.random.default_rng(1).normal(size=out.shape)
    target, back = np.full(out.shape, 7.0), np.full(x.shape, 7.0)
    assert pooling.largest(x, geometry, target) is target
    assert pooling.spread(g, out, x, geometry, back) is back
    np.testing.assert_array_equal(target, out)
    np.testing.assert_array_equal(back, pooling.spread(g, out, x, geometry))
    if padding == "valid":
        assert back.sum() == pytest.approx(g.sum()), "equal entries share what there is"
