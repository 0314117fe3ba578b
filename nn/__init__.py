"""Neural networks on the engine: modules, losses, optimizers, data, training."""

from tinygrad_edu.nn import data, init, losses, metrics, optim
from tinygrad_edu.nn.callbacks import Callback, TrainingState
from tinygrad_edu.nn.history import History
from tinygrad_edu.nn.layers import Dense, Dropout, Flatten, LogSoftmax, ReLU, Sequential, Sigmoid, Softmax, Tanh
from tinygrad_edu.nn.losses import binary_cross_entropy, binary_hinge, hinge, mae, mse, softmax_cross_entropy
from tinygrad_edu.nn.metrics import accuracy
from tinygrad_edu.nn.module import Module, Parameter
from tinygrad_edu.nn.neuron import MLP, Layer, Neuron
from tinygrad_edu.nn.optim import SGD, Adam, Optimizer
from tinygrad_edu.nn.train import evaluate, fit, predict

__all__ = [
    "Neuron",
    "Layer",
    "MLP",
    "Module",
    "Parameter",
    "Sequential",
    "Dense",
    "Flatten",
    "Dropout",
    "ReLU",
    "Sigmoid",
    "Tanh",
    "Softmax",
    "LogSoftmax",
    "mse",
    "mae",
    "binary_cross_entropy",
    "softmax_cross_entropy",
    "hinge",
    "binary_hinge",
    "accuracy",
    "Optimizer",
    "SGD",
    "Adam",
    "fit",
    "evaluate",
    "predict",
    "History",
    "Callback",
    "TrainingState",
    "data",
    "init",
    "losses",
    "metrics",
    "optim",
]
