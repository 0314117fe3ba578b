"""A plan in words."""

from tinygrad_edu.compiler.code import Code
from tinygrad_edu.compiler.cost import bytes_of, flops_of, shares
from tinygrad_edu.compiler.kernels import available, fault
from tinygrad_edu.compiler.plan import Plan, StaleError
from tinygrad_edu.compiler.program import Var
from tinygrad_edu.compiler.taped import TapeRunner
from tinygrad_edu.kinds import Elementwise

TILED = frozenset(
    {"conv2d", "conv2d_image", "conv2d_kernel", "dot_product_attention", "dot_product_attention_gradient", "matmul"}
)


def explain(plan: Plan) -> str:
    """What a plan computes, what each pass did, its buffers, an estimate of its cost, and its code."""
    recording = plan.recording
    program = recording.program
    counts = [f"{name} {count}" for name, count in recording.passes]
    try:
        runner = plan.runner()
    except StaleError:
        return f"plan of {plan.op.name}: parameters have other shapes now, so the next call records it anew"
    runner.home.append(runner)  # only looked at
    code = runner.code
    flops, moved = sum(map(flops_of, program.steps)), sum(map(bytes_of, program.steps))
    results = sum(step.out.nbytes for step in program.steps)
    kinds = {"arguments": int, "from outside": object}
    inputs = [
        f"{what}: {', '.join(found)}"
        for what, kind in kinds.items()
        if (
            found := [
                f"{var.name or 'unnamed'} {_shape(var)}"
                for var, source in zip(program.inputs, recording.sources, strict=True)
                if source is not None and (isinstance(source, int) == (kind is int))
            ]
        )
    ]
    lines = [
        f"plan of {plan.op.name}: {len(program.steps)} steps",
        *(f"  {line}" for line in inputs),
        f"  steps after each pass: {', '.join(counts)}",
        f"  memory: {bytes_text(code.peak)} in buffers; without sharing them the results would take "
        f"{bytes_text(results)}",
        f"  cost: about {_number(flops)} operations on numbers ({shares(program.steps, flops_of)})",
        f"  traffic: {bytes_text(moved)} read and written ({shares(program.steps, bytes_of)})",
        f"  {_kernels(plan, code)}",
        *(["  products: on one thread, because there are few"] if isinstance(code, Code) and code.threads else []),
        "",
        code.source,
        *(f"\n# {name}\n{source}" for name, source in code.kernels.items()),
    ]
    return "\n".join(lines)


def _kernels(plan: Plan, code: Code | TapeRunner) -> str:
    """Which steps run as kernels of numba, or when they will."""
    if not available():
        found = len([step for part in code.parts for step in part.steps if isinstance(step.op, Elementwise)])
        return f"kernels: none; pip install 'tinygrad_edu[jit]' would turn {found} steps into a few loops"
    if plan.warmth.left >= 0:
        return f"kernels: numba makes them after {plan.warmth.left} more runs"
    if not plan.warmth.jit:
        why = "jit=False" if plan.warmth.asked is False else f"numba is installed but cannot be used: {fault()}"
        return f"kernels: none; {why}"
    made = f"kernels: {len(code.kernels)} by numba"
    if any(step.op.name in TILED for part in code.parts for step in part.steps) and not tiles_work():
        return f"{made}; none of register tiles, which this version of numba cannot compile: NumPy does those steps"
    return made


def tiles_work() -> bool:
    """Whether register tiles can be compiled; asked only where numba is installed."""
    from tinygrad_edu.compiler.kernels.tile import works

    return works()


def _shape(var: Var) -> str:
    return "float" if var.dtype is None else f"{var.dtype}{list(var.shape)}"


def bytes_text(n: float) -> str:
    """An amount of memory, in three digits."""
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:.3g} GB"


def _number(n: float) -> str:
    for unit in ("", " thousand", " million"):
        if n < 1000:
            return f"{n:.3g}{unit}"
        n /= 1000
    return f"{n:.3g} billion"
