"""Kernels that tests make are kept in a folder of the session's own."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """A folder of this session's own for the kernels."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("TINYGRAD_EDU_CACHE", str(folder))
        yield folder
