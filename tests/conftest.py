"""What every test gets: pictures without a window, randomness that repeats, patience with a busy machine."""

import importlib.util
import os

import numpy as np
import pytest

os.environ["MPLBACKEND"] = "Agg"

if importlib.util.find_spec("hypothesis") is not None:
    from hypothesis import HealthCheck, settings

    settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)
