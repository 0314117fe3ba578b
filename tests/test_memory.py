"""Memory that arrays give back stays with the process."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
AGAIN = """
import resource
import numpy as np
import tinygrad_edu

def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(1 << 17) for _ in range(20)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

pages()
print(pages())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do as they like")
def test_arrays_that_are_made_again_take_the_memory_of_those_before_them():
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", AGAIN], cwd=ROOT, env=own, capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) < 500  # of the 5,120 pages that 20 MiB have
