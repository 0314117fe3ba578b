"""One AdamW step of a small GPT: two blocks, 64 features, 4 heads, 16 sequences of 64 characters, float32.

Parameters are compared but for the biases of keys: softmax does not see them, so their gradients are rounding, and
AdamW makes whole steps of it.
"""

from typing import Any

import numpy as np

from benchmarks import ours as engine
from benchmarks.harness import EAGER, NUMBA, NUMPY, Row, least_bytes
from benchmarks.peers import torch_here

BATCH, TIME, FEATURES, HEADS, BLOCKS, CHARACTERS = 16, 64, 64, 4, 2, 65
RATE, DECAY = 1e-3, 0.01
BLOCK = (
    *(("query", "weight"), ("query", "bias"), ("key", "weight"), ("key", "bias"), ("value", "weight")),
    *(("value", "bias"), ("out", "weight"), ("out", "bias"), ("norm1", "weight"), ("norm1", "bias")),
    *(("norm2", "weight"), ("norm2", "bias"), ("expand", "weight"), ("expand", "bias"), ("contract", "weight")),
    ("contract", "bias"),
)
WIDE = {"expand": (FEATURES, 4 * FEATURES), "contract": (4 * FEATURES, FEATURES)}


def _problem() -> tuple[dict[str, Any], Any, Any]:
    """Parameters by name; characters, and those that follow."""
    rng = np.random.default_rng(0)

    def draw(layer: str, kind: str) -> Any:
        shape = WIDE.get(layer, (FEATURES, FEATURES))
        if layer.startswith("norm"):
            return np.full(FEATURES, float(kind == "weight"), np.float32)
        return (0.1 * rng.standard_normal(shape if kind == "weight" else shape[1:])).astype(np.float32)

    parameters = {"embedding": rng.standard_normal((CHARACTERS, FEATURES)).astype(np.float32)}
    for block in range(BLOCKS):
        parameters |= {f"{block} {layer} {kind}": draw(layer, kind) for layer, kind in BLOCK}
    parameters["head weight"] = (0.1 * rng.standard_normal((FEATURES, CHARACTERS))).astype(np.float32)
    parameters["head bias"] = np.zeros(CHARACTERS, np.float32)
    text = rng.integers(0, CHARACTERS, (BATCH, TIME + 1))
    return parameters, text[:, :-1].copy(), text[:, 1:].copy()


def ours(compiled: bool) -> Any:
    """`tinygrad_edu`: an embedding, blocks, and a dense layer."""
    from tinygrad_edu import nn

    start, x, y = _problem()
    model = nn.Sequential(
        nn.Embedding(CHARACTERS, FEATURES, rng=0),
        *(nn.TransformerBlock(FEATURES, HEADS, causal=True, rng=0) for _ in range(BLOCKS)),
        nn.Dense(FEATURES, CHARACTERS, rng=0),
    )
    for parameter, data in zip(model.parameters(), start.values(), strict=True):
        assert parameter.shape == data.shape
        parameter.data = data
    rule = nn.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)

    def loss(scores: Any, following: Any) -> Any:
        return nn.softmax_cross_entropy(scores.reshape(-1, CHARACTERS), following.reshape(-1))

    compared = [p for p, name in zip(model.parameters(), start, strict=True) if "key bias" not in name]
    return engine.training(model, loss, rule, x, y, compiled, compared)


def torch() -> Any:
    """PyTorch, eager: its fused attention, and queries, keys and values from one product."""
    torch = torch_here()
    functional = torch.nn.functional
    start, x, y = _problem()

    class Block(torch.nn.Module):  # type: ignore[misc, name-defined]  # of a class that is imported late
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = torch.nn.LayerNorm(FEATURES), torch.nn.LayerNorm(FEATURES)
            self.attend, self.out = torch.nn.Linear(FEATURES, 3 * FEATURES), torch.nn.Linear(FEATURES, FEATURES)
            self.expand, self.contract = torch.nn.Linear(*WIDE["expand"]), torch.nn.Linear(*WIDE["contract"])

        def forward(self, x: Any) -> Any:
            all_three = self.attend(self.norm1(x)).view(BATCH, TIME, 3, HEADS, FEATURES // HEADS)
            q, k, v = all_three.permute(2, 0, 3, 1, 4)
            taken = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(taken.transpose(1, 2).reshape(BATCH, TIME, FEATURES))
            return x + self.contract(functional.gelu(self.expand(self.norm2(x))))

    blocks = [Block() for _ in range(BLOCKS)]
    head = torch.nn.Linear(FEATURES, CHARACTERS)
    model = torch.nn.Sequential(torch.nn.Embedding(CHARACTERS, FEATURES), *blocks, head)
    views = _named(model, blocks, start)
    with torch.no_grad():
        for name, view in views.items():
            view.copy_(torch.from_numpy(start[name]))
    rule = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    characters, following = torch.from_numpy(x), torch.from_numpy(y).view(-1)

    def step() -> Any:
        loss = functional.cross_entropy(model(characters).view(-1, CHARACTERS), following)
        rule.zero_grad()
        loss.backward()
        rule.step()
        return loss.detach()

    return engine.trained(step, lambda: [view.numpy() for name, view in views.items() if "key bias" not in name])


def _named(model: Any, blocks: list[Any], names: dict[str, Any]) -> dict[str, Any]:
    """PyTorch's parameters under our names, in our order, as views that lie as ours do."""

    def view(block: Any, layer: str, kind: str) -> Any:
        if layer in ("query", "key", "value"):
            part = ("query", "key", "value").index(layer)
            whole = getattr(block.attend, kind).detach()[part * FEATURES : (part + 1) * FEATURES]
        else:
            whole = getattr(getattr(block, layer), kind).detach()
        return whole.T if whole.ndim == 2 else whole

    found = {"embedding": model[0].weight.detach()}
    for i, block in enumerate(blocks):
        found |= {f"{i} {layer} {kind}": view(block, layer, kind) for layer, kind in BLOCK}
    found |= {"head weight": model[-1].weight.detach().T, "head bias": model[-1].bias.detach()}
    return {name: found[name] for name in names}


TOKENS = BATCH * TIME
PRODUCTS = BLOCKS * (12 * FEATURES**2 + 2 * TIME * FEATURES) + FEATURES * CHARACTERS
VALUES = BLOCKS * (16 * FEATURES + 2 * HEADS * TIME) + 2 * FEATURES + CHARACTERS
PARAMETERS = BLOCKS * (12 * FEATURES**2 + 13 * FEATURES) + 2 * CHARACTERS * FEATURES + CHARACTERS

ROWS = {
    "AdamW": Row(
        f"GPT, {BLOCKS} blocks, {FEATURES} features, {HEADS} heads, {BATCH} x {TIME}, AdamW step, float32",
        engine.variants(ours),
        {"torch": torch},
        tolerance=2e-2,  # the first steps of Adam are signs of gradients: where one is about 0, rounding decides
        goals={"torch": {NUMBA: 1.5, NUMPY: 0.9, EAGER: 0.6}},
        flops=2 * 3 * TOKENS * PRODUCTS,
        least=least_bytes(PARAMETERS, TOKENS * VALUES, 2),
    )
}
