"""Neural networks on the engine: modules, losses, optimizers, data, training."""

from tinygrad_edu.nn import callbacks, data, init, losses, metrics, optim, regularize
from tinygrad_edu.nn.callbacks import (
    Callback,
    ClipGradients,
    CSVLogger,
    DeadUnits,
    EarlyStopping,
    GradientNorm,
    LearningRateScheduler,
    MaxNorm,
    ModelCheckpoint,
    TensorBoard,
    TrainingState,
)
from tinygrad_edu.nn.checkpoint import Checkpoint, load_checkpoint, load_weights, save_checkpoint, save_weights
from tinygrad_edu.nn.classic import HopfieldNetwork, McCullochPitts, Perceptron
from tinygrad_edu.nn.history import History
from tinygrad_edu.nn.layers.activation import ELU as ELU
from tinygrad_edu.nn.layers.activation import GELU as GELU
from tinygrad_edu.nn.layers.activation import SELU as SELU
from tinygrad_edu.nn.layers.activation import Activation as Activation
from tinygrad_edu.nn.layers.activation import HardSigmoid as HardSigmoid
from tinygrad_edu.nn.layers.activation import HardSwish as HardSwish
from tinygrad_edu.nn.layers.activation import HardTanh as HardTanh
from tinygrad_edu.nn.layers.activation import LeakyReLU as LeakyReLU
from tinygrad_edu.nn.layers.activation import LogSigmoid as LogSigmoid
from tinygrad_edu.nn.layers.activation import LogSoftmax as LogSoftmax
from tinygrad_edu.nn.layers.activation import Mish as Mish
from tinygrad_edu.nn.layers.activation import PReLU as PReLU
from tinygrad_edu.nn.layers.activation import ReLU as ReLU
from tinygrad_edu.nn.layers.activation import ReLU6 as ReLU6
from tinygrad_edu.nn.layers.activation import Sigmoid as Sigmoid
from tinygrad_edu.nn.layers.activation import SiLU as SiLU
from tinygrad_edu.nn.layers.activation import Softmax as Softmax
from tinygrad_edu.nn.layers.activation import Softplus as Softplus
from tinygrad_edu.nn.layers.activation import Softsign as Softsign
from tinygrad_edu.nn.layers.activation import Tanh as Tanh
from tinygrad_edu.nn.layers.attention import MultiHeadAttention as MultiHeadAttention
from tinygrad_edu.nn.layers.channels import to_channel_first as to_channel_first
from tinygrad_edu.nn.layers.channels import to_channel_last as to_channel_last
from tinygrad_edu.nn.layers.channels import weight_to_channel_first as weight_to_channel_first
from tinygrad_edu.nn.layers.channels import weight_to_channel_last as weight_to_channel_last
from tinygrad_edu.nn.layers.convolution import Conv1d as Conv1d
from tinygrad_edu.nn.layers.convolution import Conv2d as Conv2d
from tinygrad_edu.nn.layers.convolution import ConvTranspose1d as ConvTranspose1d
from tinygrad_edu.nn.layers.convolution import ConvTranspose2d as ConvTranspose2d
from tinygrad_edu.nn.layers.dense import Dense as Dense
from tinygrad_edu.nn.layers.dropout import Dropout as Dropout
from tinygrad_edu.nn.layers.embedding import Embedding as Embedding
from tinygrad_edu.nn.layers.merge import Add as Add
from tinygrad_edu.nn.layers.merge import Concatenate as Concatenate
from tinygrad_edu.nn.layers.merge import Multiply as Multiply
from tinygrad_edu.nn.layers.normalization import BatchNorm1d as BatchNorm1d
from tinygrad_edu.nn.layers.normalization import BatchNorm2d as BatchNorm2d
from tinygrad_edu.nn.layers.normalization import LayerNorm as LayerNorm
from tinygrad_edu.nn.layers.pooling import AvgPool1d as AvgPool1d
from tinygrad_edu.nn.layers.pooling import AvgPool2d as AvgPool2d
from tinygrad_edu.nn.layers.pooling import GlobalAvgPool as GlobalAvgPool
from tinygrad_edu.nn.layers.pooling import GlobalMaxPool as GlobalMaxPool
from tinygrad_edu.nn.layers.pooling import MaxPool1d as MaxPool1d
from tinygrad_edu.nn.layers.pooling import MaxPool2d as MaxPool2d
from tinygrad_edu.nn.layers.pooling import StochasticPool2d as StochasticPool2d
from tinygrad_edu.nn.layers.recurrent import GRU as GRU
from tinygrad_edu.nn.layers.recurrent import LSTM as LSTM
from tinygrad_edu.nn.layers.recurrent import ElmanRNN as ElmanRNN
from tinygrad_edu.nn.layers.recurrent import JordanRNN as JordanRNN
from tinygrad_edu.nn.layers.registry import LAYERS
from tinygrad_edu.nn.layers.sequential import Sequential as Sequential
from tinygrad_edu.nn.layers.shape import Flatten as Flatten
from tinygrad_edu.nn.layers.shape import Reshape as Reshape
from tinygrad_edu.nn.layers.shape import ZeroPad2d as ZeroPad2d
from tinygrad_edu.nn.layers.transformer import LearnedPositions as LearnedPositions
from tinygrad_edu.nn.layers.transformer import SinusoidalPositions as SinusoidalPositions
from tinygrad_edu.nn.layers.transformer import TransformerBlock as TransformerBlock
from tinygrad_edu.nn.layers.tree import TreeRNN as TreeRNN
from tinygrad_edu.nn.losses import (
    binary_cross_entropy,
    binary_hinge,
    cosine_embedding,
    cosine_similarity,
    ctc,
    focal,
    hinge,
    huber,
    kl_div,
    mae,
    mse,
    nll,
    softmax_cross_entropy,
    triplet_margin,
)
from tinygrad_edu.nn.metrics import accuracy, confusion_matrix, f1, precision, r2, recall, rmse, top_k_accuracy
from tinygrad_edu.nn.model import Input, Model
from tinygrad_edu.nn.module import Buffer, Module, Parameter
from tinygrad_edu.nn.neuron import MLP, Layer, Neuron
from tinygrad_edu.nn.optim import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    Lion,
    LRScheduler,
    NAdam,
    OneCycleLR,
    Optimizer,
    RAdam,
    ReduceLROnPlateau,
    RMSprop,
    SequentialLR,
    StepLR,
)
from tinygrad_edu.nn.regularize import L1, L2, Elastic, clip_grad_norm_, clip_grad_value_
from tinygrad_edu.nn.step import compile_step
from tinygrad_edu.nn.train import evaluate, fit, predict

__all__ = [
    "Neuron",
    "Layer",
    "MLP",
    "Module",
    "Parameter",
    "Buffer",
    "Model",
    "Input",
    *(layer.__name__ for layer in LAYERS),
    "McCullochPitts",
    "Perceptron",
    "HopfieldNetwork",
    "to_channel_first",
    "to_channel_last",
    "weight_to_channel_first",
    "weight_to_channel_last",
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
    "L1",
    "L2",
    "Elastic",
    "clip_grad_norm_",
    "clip_grad_value_",
    "accuracy",
    "top_k_accuracy",
    "precision",
    "recall",
    "f1",
    "confusion_matrix",
    "rmse",
    "r2",
    "Optimizer",
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
    "LRScheduler",
    "StepLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "CosineAnnealingLR",
    "SequentialLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "fit",
    "compile_step",
    "evaluate",
    "predict",
    "History",
    "Callback",
    "TrainingState",
    "EarlyStopping",
    "ModelCheckpoint",
    "LearningRateScheduler",
    "ClipGradients",
    "MaxNorm",
    "GradientNorm",
    "DeadUnits",
    "CSVLogger",
    "TensorBoard",
    "save_checkpoint",
    "load_checkpoint",
    "Checkpoint",
    "save_weights",
    "load_weights",
    "callbacks",
    "data",
    "init",
    "losses",
    "metrics",
    "optim",
    "regularize",
]
