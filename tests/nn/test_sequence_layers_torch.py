"""Recurrent and attention layers give what PyTorch's give, in float64: outputs, states and all gradients."""

import numpy as np
import pytest

from tests.nn.beside_torch import compare, normal, tensor, torch
from tinygrad_edu.nn import GRU, LSTM, ElmanRNN, MultiHeadAttention, TransformerBlock

pytestmark = pytest.mark.slow
nn = torch.nn


class OneBias:
    """Reads PyTorch's two biases as our one: numbers are added, gradients are equal already."""

    def __init__(self, theirs, way, n):
        self.ih, self.hh = (getattr(theirs, f"bias_{kind}_{way}") for kind in ("ih", "hh"))
        self.gru, self.n = isinstance(theirs, nn.GRU), n

    def __call__(self, get):
        one, two = get(self.ih), get(self.hh)
        if not np.shares_memory(one, self.ih.detach().numpy()):
            return one
        return np.concatenate([(one + two)[: 2 * self.n], one[2 * self.n :]]) if self.gru else one + two


def recurrent_pairs(theirs, ours):
    """The cells of ours from the layers and directions of PyTorch's; a GRU has one more bias, of its new state."""
    pairs, n = {}, ours.hidden_size
    sides = ["", "_reverse"] if ours.bidirectional else [""]
    for k, way in enumerate(f"l{layer}{side}" for layer in range(ours.num_layers) for side in sides):
        pairs[f"cells.{k}.weight_input"] = lambda get, way=way: get(getattr(theirs, f"weight_ih_{way}")).T
        pairs[f"cells.{k}.weight_hidden"] = lambda get, way=way: get(getattr(theirs, f"weight_hh_{way}")).T
        if theirs.bias:
            pairs[f"cells.{k}.bias"] = OneBias(theirs, way, n)
        if theirs.bias and isinstance(theirs, nn.GRU):
            pairs[f"cells.{k}.bias_hidden"] = lambda get, way=way: get(getattr(theirs, f"bias_hh_{way}"))[2 * n :]
    return pairs


RECURRENT = [
    (ElmanRNN, nn.RNN, {}, {}),
    (ElmanRNN, nn.RNN, {"activation": "relu"}, {"nonlinearity": "relu"}),
    (LSTM, nn.LSTM, {}, {}),
    (GRU, nn.GRU, {}, {}),
]
COMMON = [
    {},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True},
    {"bias": False},
]


@pytest.mark.parametrize("options", COMMON, ids=repr)
@pytest.mark.parametrize(("ours", "theirs", "mine", "other"), RECURRENT, ids=["RNN", "RNN-relu", "LSTM", "GRU"])
def test_recurrent_layers_with_all_steps_states_and_masks(ours, theirs, mine, other, options):
    rng = np.random.default_rng(3)
    batch, time, features, hidden = 3, 5, 4, 6
    layer = ours(hidden, in_features=features, return_sequences=True, return_state=True, rng=0, **mine, **options)
    twin = theirs(features, hidden, batch_first=True, **other, **options).double()
    cells = len(layer.cells)
    states = [rng.normal(size=(cells, batch, hidden)) for _ in range(2 if ours is LSTM else 1)]
    lengths = np.array([5, 2, 4])
    pair = ours is LSTM

    def we(mask):
        def call(f, xs):
            out, last = f(xs[0], state=tuple(xs[1:]) if pair else xs[1], mask=mask)
            return [out, *(last if pair else [last])]

        return call

    def they(f, ts):
        out, last = f(ts[0], tuple(ts[1:]) if pair else ts[1])
        return [out, *(last if pair else [last])]

    def they_packed(f, ts):
        packed = nn.utils.rnn.pack_padded_sequence(ts[0], torch.tensor(lengths), batch_first=True, enforce_sorted=False)
        out, *last = they(f, [packed, *ts[1:]])
        return [nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=time)[0], *last]

    inputs = [rng.normal(size=(batch, time, features)), *states]
    pairs = recurrent_pairs(twin, layer)
    for call, results in ((we(None), they), (we(np.arange(time) < lengths[:, None]), they_packed)):
        twin.zero_grad(set_to_none=True)
        layer.zero_grad()
        compare(layer, twin, inputs, pairs, call=call, results=results)


@pytest.mark.parametrize(("ours", "theirs", "mine", "other"), RECURRENT, ids=["RNN", "RNN-relu", "LSTM", "GRU"])
def test_dropout_acts_between_layers_and_not_behind_the_last(ours, theirs, mine, other):
    options = {"num_layers": 3, "bidirectional": True}
    everything = np.nextafter(1.0, 0.0)  # what is drawn differs from PyTorch's, unless all is dropped
    layer = ours(3, in_features=2, return_sequences=True, rng=0, dropout=everything, **mine, **options)
    twin = theirs(2, 3, batch_first=True, dropout=1.0, **other, **options).double()
    pairs, outputs = recurrent_pairs(twin, layer), lambda f, ts: f(ts[0])[0]
    compare(layer, twin, [normal(2, 4, 2)], pairs, results=outputs)
    layer.zero_grad()
    twin.zero_grad()
    compare(layer.eval(), twin.eval(), [normal(2, 4, 2)], pairs, results=outputs)


def test_the_last_output_of_a_long_sequence_goes_through_many_steps():
    layer, twin = LSTM(3, in_features=2, rng=0), nn.LSTM(2, 3, batch_first=True).double()
    compare(
        layer, twin, [normal(2, 40, 2)], recurrent_pairs(twin, layer),
        results=lambda f, ts: f(ts[0])[0][:, -1],
    )  # fmt: skip


def attention_pairs(theirs, prefix=""):
    """Dense layers from the fused (or separate) projections of nn.MultiheadAttention."""
    pairs = {f"{prefix}out.weight": lambda get: get(theirs.out_proj.weight).T}
    apart = (theirs.q_proj_weight, theirs.k_proj_weight, theirs.v_proj_weight)
    for i, name in enumerate(("query", "key", "value")):
        if theirs.in_proj_weight is None:
            pairs[f"{prefix}{name}.weight"] = lambda get, i=i: get(apart[i]).T
        else:
            pairs[f"{prefix}{name}.weight"] = lambda get, i=i: np.split(get(theirs.in_proj_weight), 3)[i].T
        if theirs.in_proj_bias is not None:
            pairs[f"{prefix}{name}.bias"] = lambda get, i=i: np.split(get(theirs.in_proj_bias), 3)[i]
    if theirs.out_proj.bias is not None:
        pairs[f"{prefix}out.bias"] = lambda get: get(theirs.out_proj.bias)
    return pairs


def test_self_attention_with_weights():
    theirs = nn.MultiheadAttention(6, 3, batch_first=True)
    compare(
        MultiHeadAttention(6, 3), theirs, [normal(2, 4, 6)], attention_pairs(theirs),
        call=lambda f, xs: f(xs[0], return_weights=True),
        results=lambda f, ts: f(ts[0], ts[0], ts[0], average_attn_weights=False),
    )  # fmt: skip


def test_causal_attention_without_bias():
    theirs = nn.MultiheadAttention(6, 2, bias=False, batch_first=True)
    late = torch.ones(4, 4, dtype=torch.bool).triu(1)
    compare(
        MultiHeadAttention(6, 2, causal=True, bias=False), theirs, [normal(2, 4, 6)], attention_pairs(theirs),
        results=lambda f, ts: f(ts[0], ts[0], ts[0], attn_mask=late)[0],
    )  # fmt: skip


def test_cross_attention_with_padded_keys_of_other_widths():
    theirs = nn.MultiheadAttention(6, 2, kdim=5, vdim=4, batch_first=True)
    real = np.array([[True, True, False], [True, False, False]])
    compare(
        MultiHeadAttention(6, 2, key_features=5, value_features=4), theirs,
        [normal(2, 4, 6), normal(2, 3, 5), normal(2, 3, 4)], attention_pairs(theirs),
        call=lambda f, xs: f(*xs, mask=real),
        results=lambda f, ts: f(*ts, key_padding_mask=tensor(~real))[0],
    )  # fmt: skip


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_transformer_block(norm_first, activation):
    theirs = nn.TransformerEncoderLayer(6, 2, 9, 0.0, activation, 1e-5, batch_first=True, norm_first=norm_first)
    ours = TransformerBlock(6, 2, hidden=9, activation=activation, norm_first=norm_first)
    pairs = attention_pairs(theirs.self_attn, "attention.")
    for mine, other in (("expand", theirs.linear1), ("contract", theirs.linear2)):
        pairs[f"{mine}.weight"] = lambda get, other=other: get(other.weight).T
        pairs[f"{mine}.bias"] = lambda get, other=other: get(other.bias)
    for mine, other in (("norm1", theirs.norm1), ("norm2", theirs.norm2)):
        pairs[f"{mine}.weight"] = lambda get, other=other: get(other.weight)
        pairs[f"{mine}.bias"] = lambda get, other=other: get(other.bias)
    real = np.array([[True, True, True, False], [True, True, False, False]])
    compare(
        ours, theirs, [normal(2, 4, 6)], pairs,
        call=lambda f, xs: f(xs[0], mask=real), results=lambda f, ts: f(ts[0], src_key_padding_mask=tensor(~real)),
    )  # fmt: skip
