"""Passes: each is a function from program to program that leaves the results as they are, to rounding."""

from collections.abc import Callable, Mapping

from tinygrad_edu.compiler.lift.lower import lower_lifted
from tinygrad_edu.compiler.passes.algebra import simplify
from tinygrad_edu.compiler.passes.assemble import assemble_parts, settle_covers
from tinygrad_edu.compiler.passes.dead import drop_dead
from tinygrad_edu.compiler.passes.fold import fold_constants
from tinygrad_edu.compiler.passes.lower import lower
from tinygrad_edu.compiler.passes.merge import merge_repeats
from tinygrad_edu.compiler.passes.stacks import join_stacks
from tinygrad_edu.compiler.program import Program

Pass = Callable[[Program], Program]

# In the order in which they run. Lowering shows what composed operations share, so it comes early.
PASSES: Mapping[str, Pass] = {
    "dead steps": drop_dead,
    "lifted sums": lower_lifted,
    "composed operations": lower,
    "constants": fold_constants,
    "algebra": simplify,
    "repeats": merge_repeats,
    "stacks": join_stacks,
    "algebra again": simplify,
    "constants again": fold_constants,
    "parts": assemble_parts,
    "dead steps again": drop_dead,
    "covers": settle_covers,
}


def optimise(program: Program) -> tuple[Program, list[tuple[str, int]]]:
    """The program after all passes, and how many steps each left."""
    left = [("recorded", len(program.steps))]
    for name, step in PASSES.items():
        program = step(program)
        left.append((name, len(program.steps)))
    return program, left
