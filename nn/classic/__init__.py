"""Neurons of history, each with its own way to learn: McCulloch and Pitts, Rosenblatt, Hopfield."""

from tinygrad_edu.nn.classic.hopfield import HopfieldNetwork
from tinygrad_edu.nn.classic.mcculloch_pitts import McCullochPitts
from tinygrad_edu.nn.classic.perceptron import NotSeparatedWarning, Perceptron

__all__ = ["HopfieldNetwork", "McCullochPitts", "NotSeparatedWarning", "Perceptron"]
