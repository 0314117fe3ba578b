"""Steps whose results nobody needs are dropped."""

from tinygrad_edu.compiler.program import Program, Var


def drop_dead(program: Program) -> Program:
    """The program without the steps that no output depends on."""
    wanted: set[Var] = set(program.outputs)
    kept = []
    for step in reversed(program.steps):
        if step.out in wanted:
            kept.append(step)
            wanted.update(step.operands)
    return Program(program.inputs, kept[::-1], program.outputs)
