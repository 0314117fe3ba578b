"""Data to learn from: real digits, toy problems in the plane, CSV files, and what one does with them before training.

Nothing here imports the engine: features are plain arrays, labels plain integers.
"""

from .batches import Standardizer, minibatches, one_hot, standardize, train_test_split
from .embedded import digits, first_names, iris, sunspots
from .idx import read_idx
from .images import fashion_mnist, mnist
from .table import Table, load_csv
from .toy import blobs, circles, moons, spirals, xor

__all__ = [
    "digits",
    "iris",
    "sunspots",
    "first_names",
    "mnist",
    "fashion_mnist",
    "read_idx",
    "moons",
    "circles",
    "spirals",
    "xor",
    "blobs",
    "load_csv",
    "Table",
    "train_test_split",
    "minibatches",
    "standardize",
    "Standardizer",
    "one_hot",
]
