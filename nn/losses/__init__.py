"""Losses: ``(predictions or logits, targets) -> Value``, each a composition of a few operations.

`reduction` is "mean" (over the batch), "sum", or "none" (one loss a sample or an entry, as the
docstring says). Lists of scalar Values are joined first, so a loop over samples ends in a loss as well.
Nothing here overflows or warns for logits of any size. Definitions are PyTorch's; classes are on the last axis.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_edu.nn.arguments import by_name
from tinygrad_edu.nn.losses.classification import binary_cross_entropy, focal, kl_div, nll, softmax_cross_entropy
from tinygrad_edu.nn.losses.margin import binary_hinge, cosine_embedding, cosine_similarity, hinge, triplet_margin
from tinygrad_edu.nn.losses.regression import huber, mae, mse
from tinygrad_edu.nn.losses.sequence import ctc

__all__ = [
    "mse",
    "mae",
    "huber",
    "binary_cross_entropy",
    "softmax_cross_entropy",
    "nll",
    "kl_div",
    "focal",
    "hinge",
    "binary_hinge",
    "cosine_similarity",
    "cosine_embedding",
    "triplet_margin",
    "ctc",
    "Loss",
    "LOSSES",
    "CLASSIFICATION",
    "loss_function",
]

Loss = Callable[..., Any]

# What `fit` finds by name: the losses of outputs and targets.
LOSSES: Mapping[str, Loss] = {
    loss.__name__: loss
    for loss in (
        mse, mae, huber, binary_cross_entropy, softmax_cross_entropy, nll, kl_div, focal, hinge, binary_hinge
    )
}  # fmt: skip
CLASSIFICATION = frozenset({binary_cross_entropy, softmax_cross_entropy, nll, focal, hinge, binary_hinge})


def loss_function(loss: str | Loss) -> Loss:
    """The loss of that name; a function is returned as it is.

    Raises
    ------
    ArgumentError
        If there is none of that name; the message lists those there are.

    Examples
    --------
    >>> loss_function("mse") is mse
    True
    """
    return by_name("loss", loss, LOSSES)
