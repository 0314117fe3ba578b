"""Optimizers: how a gradient becomes a step; and schedules for their learning rates. As PyTorch defines them."""

from tinygrad_edu.nn.optim.adadelta import Adadelta
from tinygrad_edu.nn.optim.adagrad import Adagrad
from tinygrad_edu.nn.optim.adam import Adam, AdamW
from tinygrad_edu.nn.optim.adamax import Adamax
from tinygrad_edu.nn.optim.base import Optimizer
from tinygrad_edu.nn.optim.lion import Lion
from tinygrad_edu.nn.optim.nadam import NAdam
from tinygrad_edu.nn.optim.one_cycle import OneCycleLR
from tinygrad_edu.nn.optim.plateau import ReduceLROnPlateau
from tinygrad_edu.nn.optim.radam import RAdam
from tinygrad_edu.nn.optim.rmsprop import RMSprop
from tinygrad_edu.nn.optim.schedule import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    SequentialLR,
    StepLR,
)
from tinygrad_edu.nn.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adadelta",
    "RMSprop",
    "Adam",
    "AdamW",
    "NAdam",
    "RAdam",
    "Adamax",
    "Lion",
    "Optimizer",
    "LRScheduler",
    "StepLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "CosineAnnealingLR",
    "SequentialLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
]
