"""Special functions: the error function and its kin, the logarithm of gamma and its derivatives, gelu.

Arrays go through `scipy.special` where SciPy is installed; without it the same numbers (to rounding)
come more slowly from the standard library and from the series below. SciPy is not imported before the
first call. ``scipy.special.erf(value)`` and its kind are answered as well.
"""

import functools
import importlib
import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.kinds import Elementwise, elementwise
from tinygrad_edu.op import LATER, Interval, case
from tinygrad_edu.ops import gaussian
from tinygrad_edu.ops.activation import sigmoid

__all__ = [
    "erf",
    "erfc",
    "ndtr",
    "gammaln",
    "digamma",
    "polygamma",
    "gelu",
]

SQRT_HALF = math.sqrt(0.5)
TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)
ONE_OVER_SQRT_TAU = 1.0 / math.sqrt(2.0 * math.pi)


@functools.cache
def _scipy(name: str) -> Callable[..., Any] | None:
    """The function of that name in `scipy.special`, or None where SciPy is not installed."""
    try:
        return getattr(importlib.import_module("scipy.special"), name, None)
    except ImportError:
        return None


def _through(name: str, fallback: Callable[..., Any]) -> Callable[[Any], Any]:
    """A forward function: SciPy's if there is one, else `fallback`; in the floating type of its argument."""

    def forward(x: Any) -> Any:
        function = _scipy(name)
        x = np.asarray(x)
        x = x if x.dtype.kind == "f" else x.astype(np.float64)
        if function is not None:
            return function(x)
        return np.asarray(fallback(x.astype(np.float64))).astype(x.dtype)[()]

    forward.__name__ = name
    return forward


def _each(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """A function of one float, applied to every entry."""
    vectorised = np.vectorize(function, otypes=[np.float64])

    def every(x: Any) -> Any:
        with np.errstate(all="ignore"):  # the C library raises flags at nan and at poles
            return vectorised(x)

    return every


def _lgamma(x: float) -> float:
    if x == math.inf or x != x:
        return x
    return math.inf if x == -math.inf or (x <= 0.0 and x == math.floor(x)) else math.lgamma(x)


def _ndtr(x: float) -> float:
    return 0.5 * math.erfc(-x * SQRT_HALF)


def _gelu_forward(x: Any) -> Any:
    return gaussian.gelu(x) if gaussian.fits(x) else x * ndtr(x)


def _gelu_slope(x: Any) -> Any:
    return gaussian.gelu_slope(x) if gaussian.fits(x) else ndtr(x) + x * (ONE_OVER_SQRT_TAU * np.exp(x * x * -0.5))


# B_2k / (2k)!, for the asymptotic series of polygamma (Abramowitz & Stegun 6.3.18 and 6.4.11).
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
LARGE = 12.0


def _polygamma(x: Any, n: int) -> Any:
    """The n-th derivative of digamma: shifted up by its recurrence, then the asymptotic series."""
    x = np.array(x, dtype=np.float64)
    pole = (x <= 0) & (x == np.floor(x))
    x[pole] = 1.0
    total = np.zeros_like(x)
    sign, factorial = -((-1.0) ** n), math.factorial(n)
    with np.errstate(over="ignore"):
        while np.any(small := x < LARGE):
            total[small] += sign * factorial / x[small] ** (n + 1)
            x[small] += 1.0
        if n == 0:
            series = np.log(x) - 0.5 / x
            series -= sum(b / (2 * k * x ** (2 * k)) for k, b in enumerate(BERNOULLI, 1))
        else:
            series = math.factorial(n - 1) / x**n + factorial / (2 * x ** (n + 1))
            for k, b in enumerate(BERNOULLI, 1):
                series += b * math.factorial(2 * k + n - 1) / (math.factorial(2 * k) * x ** (2 * k + n))
            series *= -((-1.0) ** n)
    return np.where(pole, np.nan, total + series)


def _digamma(x: Any) -> Any:
    """Digamma without SciPy; reflected for negative arguments, so that the recurrence stays short."""
    x = np.asarray(x, dtype=np.float64)
    negative = x < -LARGE
    up = np.where(negative, 1.0 - x, x)
    with np.errstate(divide="ignore", invalid="ignore"):
        reflected = np.pi / np.tan(np.pi * (x - np.floor(x)))
    return np.where(negative, _polygamma(up, 0) - reflected, _polygamma(up, 0))


def _polygamma_forward(x: Any, n: int) -> Any:
    if n == 0:
        return _through("psi", _digamma)(x)
    function = _scipy("polygamma")
    x = np.asarray(x)
    if function is not None:
        return np.asarray(function(n, x)).astype(x.dtype)[()]
    return np.asarray(_polygamma(x, n)).astype(x.dtype)[()]


erf = elementwise(
    "erf", _through("erf", _each(math.erf)), scalar=math.erf,
    along=(lambda t, out, x: t * (TWO_OVER_SQRT_PI * np.exp(-x * x)),),
    reads="2 / sqrt(pi) e^(-x^2)",
    doc="""The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.""",
)  # fmt: skip

erfc = elementwise(
    "erfc", _through("erfc", _each(math.erfc)), scalar=math.erfc,
    along=(lambda t, out, x: t * (-TWO_OVER_SQRT_PI * np.exp(-x * x)),),
    reads="-2 / sqrt(pi) e^(-x^2)",
    doc="""1 - erf(x), accurate where erf is close to 1.""",
)  # fmt: skip

ndtr = elementwise(
    "ndtr", _through("ndtr", _each(_ndtr)), scalar=_ndtr,
    along=(lambda t, out, x: t * (ONE_OVER_SQRT_TAU * np.exp(x * x * -0.5)),),
    symbol="Φ", reads="e^(-x^2 / 2) / sqrt(2 pi)",
    doc="""The distribution function of the standard normal: how likely a draw is below x.""",
)  # fmt: skip

polygamma: Elementwise = elementwise(
    "polygamma", _polygamma_forward, scalar=lambda x, n: float(_polygamma_forward(x, n)),
    along=(lambda t, out, x, n: t * polygamma(x, n=n + 1),),
    symbol="ψⁿ", reads="polygamma(n + 1, x)", domain=Interval(0.3, 4.0),
    cases=(case((), n=1), case((2, 3), n=1), case((3,), n=2), case((3,), n=0)),
    doc="""The n-th derivative of digamma, ``polygamma(x, n)``; n = 0 is digamma itself.""",
)  # fmt: skip

digamma = elementwise(
    "digamma", _through("psi", _digamma), scalar=lambda x: float(_polygamma_forward(x, 0)),
    along=(lambda t, out, x: t * polygamma(x, n=1),),
    symbol="ψ", reads="polygamma(1, x)", domain=Interval(0.3, 4.0),
    doc="""The derivative of the logarithm of the gamma function.""",
)  # fmt: skip

gammaln = elementwise(
    "gammaln", _through("gammaln", _each(_lgamma)), scalar=_lgamma,
    along=(lambda t, out, x: t * digamma(x),),
    symbol="ln Γ", reads="digamma(x)", domain=Interval(0.3, 4.0),
    doc="""The logarithm of the absolute value of the gamma function; inf at 0, -1, -2 ...""",
)  # fmt: skip

_gelu = elementwise(
    "gelu", _gelu_forward, scalar=lambda x: x * _ndtr(x),
    along=(lambda t, out, x: t * gelu_slope(x),),
    reads="Φ(x) + x φ(x)",
)  # fmt: skip

gelu_slope: Elementwise = elementwise(
    "gelu_slope", _gelu_slope, scalar=lambda x: _ndtr(x) + x * ONE_OVER_SQRT_TAU * math.exp(x * x * -0.5),
    along=(lambda t, out, x: t * ((2.0 - x * x) * (ONE_OVER_SQRT_TAU * np.exp(x * x * -0.5))),),
    symbol="gelu'", reads="(2 - x^2) φ(x)",
    doc="""The derivative of gelu, Φ(x) + x φ(x).""",
)  # fmt: skip

SQRT_TWO_OVER_PI = math.sqrt(2.0 / math.pi)


def _bend(x: Any) -> Any:
    return np.tanh(SQRT_TWO_OVER_PI * (x + 0.044715 * (x * x * x)))


def _gelu_tanh_slope(t: Any, out: Any, x: Any) -> Any:
    bend = _bend(x)
    inside = SQRT_TWO_OVER_PI * (1.0 + 0.134145 * (x * x))
    return t * (0.5 * (1.0 + bend) + 0.5 * x * ((1.0 - bend * bend) * inside))


_gelu_tanh = elementwise(
    "gelu_tanh", lambda x: 0.5 * x * (1.0 + _bend(x)), along=(_gelu_tanh_slope,),
    reads="(1 + h) / 2 + x (1 - h^2) u' / 2, h = tanh u",
)  # fmt: skip

GELU = {"none": _gelu, "tanh": _gelu_tanh}


def gelu(x: Any, approximate: Literal["none", "tanh"] = "none") -> Any:
    """The Gaussian error linear unit, x times the chance that a standard normal draw is below x.

    Parameters
    ----------
    x : Value or array
    approximate : {"none", "tanh"}
        "tanh" is the older approximation, off by at most 0.0005; some published weights want it.

    Returns
    -------
    Value or array, of the shape of x

    Raises
    ------
    ArgumentError
        If `approximate` is neither.

    Notes
    -----
    Hendrycks & Gimpel, *Gaussian error linear units* (2016).

    Examples
    --------
    >>> round(gelu(1.0), 6), round(gelu(1.0, approximate="tanh"), 6)
    (0.841345, 0.841192)
    """
    if approximate not in GELU:
        raise ArgumentError(f"gelu: approximate must be one of {', '.join(GELU)}; got {approximate!r}")
    return GELU[approximate](x)


# SciPy's functions on Values, entered when somebody who has imported SciPy calls one.
LATER["scipy.special"] = {
    "erf": erf, "erfc": erfc, "ndtr": ndtr, "psi": digamma, "gammaln": gammaln, "expit": sigmoid,
}  # fmt: skip
