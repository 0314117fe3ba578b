"""Layers on arrays, one family a file."""

from tinygrad_edu.nn.layers.activation import (
    ACTIVATIONS,
    Activation,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    activation_layer,
)
from tinygrad_edu.nn.layers.dense import Dense
from tinygrad_edu.nn.layers.dropout import Dropout
from tinygrad_edu.nn.layers.sequential import Sequential
from tinygrad_edu.nn.layers.shape import Flatten

__all__ = [
    "Dense",
    "Sequential",
    "Flatten",
    "Dropout",
    "ReLU",
    "Sigmoid",
    "Tanh",
    "Softmax",
    "LogSoftmax",
    "Activation",
    "activation_layer",
    "ACTIVATIONS",
]
