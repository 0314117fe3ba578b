"""What every test gets: pictures without a window, and randomness that repeats."""

import os

import numpy as np
import pytest

os.environ["MPLBACKEND"] = "Agg"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)
