"""What every test gets: pictures without a window, and randomness that repeats."""

import gc
import os

import numpy as np
import pytest

os.environ["MPLBACKEND"] = "Agg"


def pytest_collection_finish() -> None:
    """What is there before the first test stays: the collector need not go through a million objects each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)
