"""The checkers, each called as its manual shows, with its own defaults.

A claim reaches a peer as the derivative of a custom function, whose values NumPy computes: every checker sees the
same floats. Only what a claimed first derivative cannot do is switched off: forward mode and second order.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.checkers.case import Array, Case, Function

PASS, FAIL, OPEN = "pass", "fail", "open"
VERDICTS = {"PASS": PASS, "KINK": PASS, "FAIL": FAIL, "INCONCLUSIVE": OPEN}
CLOSE = 1e-6  # scipy.optimize.check_grad returns a distance, and leaves it to the caller what is close

Answer = tuple[str, str]  # a verdict, and what the checker said
Checker = Callable[[Case, Function], Answer]


def _pulled(case: Case, cotangent: Any) -> Array:
    """The claim as a backward rule: the cotangent of the result times the claimed Jacobian."""
    cotangent = np.asarray(cotangent, dtype=np.float64)
    if case.claim.shape[: cotangent.ndim] != cotangent.shape:
        return case.claim
    return np.asarray(np.tensordot(cotangent, case.claim, axes=cotangent.ndim))


def ours() -> Checker:
    """`tinygrad_edu.check_gradients(f, x, gradient=claim)`."""
    from tinygrad_edu import check_gradients

    def check(case: Case, function: Function) -> Answer:
        return _said(check_gradients(function, case.x, gradient=case.claim, raise_on_fail=False))

    return check


def engine() -> Checker:
    """`tinygrad_edu.check_gradients(f, x)`: the engine's own gradients; for right cases only."""
    from tinygrad_edu import check_gradients

    def check(case: Case, function: Function) -> Answer:
        return _said(check_gradients(function, case.x, raise_on_fail=False))

    return check


def _said(report: Any) -> Answer:
    verdict, worst = VERDICTS[report.verdict], report.worst
    if worst is None:
        return verdict, str(report.verdict)
    least = min(entry.digits for entry in report.entries)
    return verdict, (
        f"{report.verdict} {worst.place}: claimed {worst.analytic:.12g}, "
        f"seen {worst.numeric:.12g} ± {worst.error:.1e}, {least:.1f} digits; {worst.reason}"
    )


def torch_gradcheck(fast: bool) -> Checker:
    """`torch.autograd.gradcheck(Function.apply, x)`, the claim in `Function.backward`."""
    import torch

    torch.set_num_threads(1)

    def check(case: Case, function: Function) -> Answer:
        class Planted(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return torch.from_numpy(np.array(function(x.detach().numpy().copy()), dtype=np.float64))

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return torch.from_numpy(_pulled(case, g.detach().numpy()))

        torch.manual_seed(0)
        x = torch.from_numpy(case.x.copy()).requires_grad_()
        torch.autograd.gradcheck(Planted.apply, (x,), fast_mode=fast)
        return PASS, ""

    return check


def jax_check_grads() -> Checker:
    """`jax.test_util.check_grads(f, (x,), order=1, modes=["rev"])`, x64 on, the claim in a `custom_vjp`."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)

    def check(case: Case, function: Function) -> Answer:
        @jax.custom_vjp
        def planted(x: Any) -> Any:
            return jax.numpy.asarray(np.array(function(np.array(x)), dtype=np.float64))

        planted.defvjp(
            lambda x: (planted(x), None), lambda residual, g: (jax.numpy.asarray(_pulled(case, np.array(g))),)
        )
        np.random.seed(0)  # the peer draws its directions there
        check_grads(planted, (jax.numpy.asarray(case.x),), order=1, modes=["rev"])
        return PASS, ""

    return check


def autograd_check_grads() -> Checker:
    """`autograd.test_util.check_grads(f, modes=["rev"], order=1)(x)`, the claim in `defvjp`."""
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    def check(case: Case, function: Function) -> Answer:
        planted = primitive(lambda x: _float(np.array(function(np.array(x)), dtype=np.float64)))
        defvjp(planted, lambda answer, x: lambda g: _float(_pulled(case, g)))
        np.random.seed(0)  # the peer draws its directions there
        check_grads(planted, modes=["rev"], order=1)(_float(case.x.copy()))
        return PASS, ""

    return check


def scipy_check_grad(relative: bool) -> Checker:
    """`scipy.optimize.check_grad(f, gradient, x)`, close if within 1e-6, absolutely or of the claim's norm."""
    from scipy.optimize import check_grad

    def check(case: Case, function: Function) -> Answer:
        def flat(x: Array) -> Any:
            return np.array(function(x.reshape(case.x.shape)), dtype=np.float64).ravel()[()]

        def claimed(x: Array) -> Any:
            rows = np.size(case.function(case.x))
            return case.claim.reshape(rows, case.x.size) if rows > 1 else case.claim.ravel()

        distance = float(check_grad(flat, claimed, case.x.ravel()))
        size = float(np.linalg.norm(case.claim)) if relative else 1.0
        return (PASS if distance <= CLOSE * size else FAIL), f"a distance of {distance:.1e}"

    return check


def _float(x: Array) -> Any:
    return float(x) if x.ndim == 0 else x


CONTENDERS: dict[str, Callable[[], Checker]] = {
    "tinygrad_edu": ours,
    "tinygrad_edu, own gradients": engine,
    "torch gradcheck": lambda: torch_gradcheck(fast=False),
    "torch gradcheck, fast": lambda: torch_gradcheck(fast=True),
    "jax check_grads": jax_check_grads,
    "autograd check_grads": autograd_check_grads,
    "scipy check_grad, 1e-6": lambda: scipy_check_grad(relative=False),
    "scipy check_grad, 1e-6 relative": lambda: scipy_check_grad(relative=True),
}
NEEDS = {name: name.split()[0].rstrip(",") for name in CONTENDERS}  # the package that a contender is in
OURS, ENGINE = "tinygrad_edu", "tinygrad_edu, own gradients"
