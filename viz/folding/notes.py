"""What was folded, in sentences; every picture that leaves something out carries them."""

from tinygrad_edu.viz.folding.fold import Group, Plan
from tinygrad_edu.viz.text import clean, count_text
from tinygrad_edu.viz.words import group_counts, in_a_row, operations, turn_size, turn_text

MANY = 4


def notes(plan: Plan, max_nodes: int) -> list[str]:
    """One sentence on the whole, then one for each kind of folding; nothing where nothing was folded."""
    total, shown = len(plan.graph.nodes), len(plan.groups)
    if total == shown and all(group.kind == "node" for group in plan.groups):
        return []
    said = [f"{count_text(total, 'node')} drawn as {shown:,}. Draw all of them with fold=False."]
    said += _clusters(plan)
    said += _scopes(plan)
    for group in plan.groups:
        if group.kind in _SENTENCES:
            said.append(_SENTENCES[group.kind](plan, group))
    said += _alike(plan)
    if shown > max_nodes:
        said.append(f"Still more than max_nodes={max_nodes}: nothing repeats that could be folded further.")
    return said


def _clusters(plan: Plan) -> list[str]:
    """Open scopes that stand for several."""
    classes = plan.classes
    open_scopes = dict.fromkeys(one for group in plan.groups for one in classes.tree.path(group.place))
    return [
        f"{clean(classes.path(one), 60)}: {count_text(classes.copies(one), 'scope')} of equal structure drawn as one."
        for one in open_scopes
        if classes.copies(one) > 1
    ]


def _scopes(plan: Plan) -> list[str]:
    """Folded scopes; many in one place share a sentence."""
    by_place: dict[int, list[Group]] = {}
    for group in plan.groups:
        if group.kind == "scope":
            by_place.setdefault(group.place, []).append(group)
    said = []
    numbers = {id(group): number for number, group in enumerate(plan.groups)}
    for groups in by_place.values():
        if len(groups) > MANY:
            paths = f"{_path(plan, groups[0])} to {_path(plan, groups[-1])}: {count_text(len(groups), 'scope')}, "
            members = [member for group in groups for member in group.members]
            said.append(f"{paths}{_holds(plan, members)} folded into one box each.")
            continue
        for group in groups:
            recorded = plan.classes.count[group.scope]
            row = " one after another" if recorded > 1 and in_a_row(plan, numbers[id(group)]) else ""
            many = f"{count_text(recorded, 'scope')} of equal structure{row}, " if recorded > 1 else ""
            said.append(f"{_path(plan, group)}: {many}{_holds(plan, group.members)} folded into one box.")
    return said


def _path(plan: Plan, group: Group) -> str:
    return clean(plan.classes.path(group.scope), 60)


def _holds(plan: Plan, members: list[int]) -> str:
    nodes, parameters = group_counts(plan, members)
    return count_text(nodes, "node") + (f" and {count_text(parameters, 'parameter')}" if parameters else "")


def _run(plan: Plan, group: Group) -> str:
    node = plan.graph.nodes[group.outputs[0]]
    rows = f" in {count_text(group.copies, 'row')}" if group.copies > 1 else " in a row"
    return f"{clean(node.op.symbol, 14)}: {count_text(len(group.members), 'operation')}{rows} drawn as one."


def _repeat(plan: Plan, group: Group) -> str:
    same = count_text(turn_size(group), "node")
    return f"{turn_text(plan, group)}: {count_text(group.copies, 'turn')} of the same {same} folded into one box."


def _pool(plan: Plan, group: Group) -> str:
    what = operations(plan, group.members) or plan.graph.role[group.members[0]] + "s"
    return f"{what}: {count_text(len(group.members), 'node')} put together by operation; their order is not shown."


_SENTENCES = {"run": _run, "repeat": _repeat, "pool": _pool}


def _alike(plan: Plan) -> list[str]:
    """Nodes side by side: one sentence for all of them, since each carries its count in the picture."""
    groups = [group for group in plan.groups if group.kind == "alike"]
    if not groups:
        return []
    nodes = sum(len(group.members) for group in groups)
    return [
        f"{count_text(nodes, 'node')} that do the same side by side are drawn as {len(groups):,}, with their count."
    ]
