"""`info`: versions, what is installed, and what each extra would bring."""

import importlib.util
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version

from tinygrad_edu.op import NUMPY, REGISTRY

# extra -> (the module it brings, what that is for)
EXTRAS = {
    "render": ("pygraphviz", "pictures as PNG and PDF without the dot program"),
    "plot": ("matplotlib", "plots of training, decision boundaries and predictions"),
    "train": ("tqdm", "progress bars"),
    "jit": ("numba", "compiled kernels"),
    "io": ("safetensors", "weights as safetensors files"),
    "data": ("pooch", "larger data sets, fetched once"),
    "special": ("scipy", "faster erf, gammaln and digamma on arrays"),
    "check": ("hypothesis", "gradients tested at drawn inputs, shrunk to the smallest that fails"),
    "sklearn": ("sklearn", "estimators that fit into scikit-learn"),
}


def info() -> str:
    """The report as text.

    Examples
    --------
    >>> "numpy" in info()
    True
    """
    lines = [
        f"tinygrad_edu  {_version('tinygrad_edu')}",
        f"python        {platform.python_version()} on {platform.machine()}",
        f"numpy         {_version('numpy')}",
        f"operations    {len(REGISTRY)}, under {len(NUMPY)} NumPy functions",
        f"dot program   {shutil.which('dot') or 'not found; pictures use pygraphviz or the built-in layout'}",
        "",
    ]
    for extra, (module, purpose) in EXTRAS.items():
        found = importlib.util.find_spec(module) is not None
        state = f"{module} {_version(module)}" if found else f"pip install 'tinygrad_edu[{extra}]'"
        lines.append(f"[{extra}]".ljust(14) + f"{purpose}: {state}")
    return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return version({"sklearn": "scikit-learn"}.get(package, package))
    except PackageNotFoundError:
        return "(from a checkout)"
