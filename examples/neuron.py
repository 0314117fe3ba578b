"""One neuron, forward and backward: the numbers, the picture, and the proof.

Run it with a folder to write into: ``python examples/neuron.py out``.
"""

import sys
from pathlib import Path

from tinygrad_edu import Value, check_graph
from tinygrad_edu.viz import draw


def main(folder: Path) -> None:
    """Compute, differentiate, draw and verify one neuron."""
    # %% Two inputs, two weights, a bias; the tanh squashes their weighted sum.
    x1, x2 = Value(2.0, name="x1"), Value(0.0, name="x2")
    w1, w2 = Value(-3.0, name="w1"), Value(1.0, name="w2")
    b = Value(6.8813735870195432, name="b")
    out = (x1 * w1 + x2 * w2 + b).tanh()
    out.name = "out"
    print(f"the neuron says {out.item():.4f}")

    # %% Backward: how the output changes with each number that went in.
    out.backward()
    for leaf in (x1, w1, x2, w2, b):
        print(f"d out / d {leaf.name} = {leaf.grad:+.4f}")
    # 1 - tanh^2 is 0.5 here, so x1's gradient is 0.5 * w1, and so on.
    assert [round(leaf.grad, 4) for leaf in (x1, w1, x2, w2, b)] == [-1.5, 1.0, 0.5, 0.0, 0.5]

    # %% The picture: values with their gradients, operations, and the local derivative on each edge.
    path = draw(out, local=True).render(folder / "neuron.svg", overwrite=True)
    print(f"drawn: {path}")

    # %% The proof: finite differences agree, to as many digits as they can tell.
    report = check_graph(out)
    print(report)
    assert report.passed


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    target.mkdir(parents=True, exist_ok=True)
    main(target)
