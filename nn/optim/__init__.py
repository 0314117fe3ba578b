"""Optimizers: how a gradient becomes a step. Definitions and argument names are PyTorch's."""

from tinygrad_edu.nn.optim.adam import Adam
from tinygrad_edu.nn.optim.base import Optimizer
from tinygrad_edu.nn.optim.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer"]
