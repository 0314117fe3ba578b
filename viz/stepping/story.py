"""What happens in a pass, in order and in words: the steps that the page shows."""

from typing import Any

import numpy as np

from tinygrad_edu.compiler.explained import Explained
from tinygrad_edu.graph import Replay
from tinygrad_edu.viz.facts.chain import Facts, stretched
from tinygrad_edu.viz.facts.rules import Names, expression, is_map, local_symbols, takes_upstream
from tinygrad_edu.viz.stepping.sheet import Sheet, flat
from tinygrad_edu.viz.text import clean

STEP = 1e-6  # of the size of a number, or of 1: how far finite differences go to each side
MOST_ENTRIES = 400  # of the graph, up to which finite differences are taken


class Story:
    """The parts of a page: nodes, uses and events, as plain lists and dicts.

    Parameters
    ----------
    root : Value
    explained : Explained
    sheet : Sheet
    rate : float
        The learning rate of the update at the end.
    """

    def __init__(self, root: Any, explained: Explained, sheet: Sheet, rate: float) -> None:
        self.root, self.explained, self.sheet, self.rate = root, explained, sheet, rate
        self.facts = Facts(root)
        self.order = self.facts.order
        self.index = {node: i for i, node in enumerate(self.order)}
        self.names = Names(self.order, root)
        self.uses = list(explained.total)
        self.use_index = {use: i for i, use in enumerate(self.uses)}
        self.trained = self._trained()

    def as_json(self) -> dict[str, Any]:
        """Everything but the sheet."""
        return {
            "root": self.index[self.root],
            "nodes": [self._node(node) for node in self.order],
            "uses": [self._use(use) for use in self.uses],
            "events": self._events(),
            "trained": [self.index[node] for node in self.trained],
            "rate": self.rate,
            "after": flat(self._after())[0],
        }

    def _node(self, node: Any) -> dict[str, Any]:
        number = self.sheet.number
        gradient = self.explained.gradient.get(node)
        kind = "input" if node.is_leaf else "constant" if not node.parents else "result"
        role = "parameter" if kind == "input" and type(node).role == "parameter" else kind
        found: dict[str, Any] = {
            "name": self.names[node],
            "kind": role,
            "shape": list(np.shape(node.data)),
            "value": number[self.explained.value[node]],
            "gradient": None if gradient is None else number[gradient],
            "parents": [self.index[parent] for parent in node.parents],
            "uses": [self.use_index[use] for use in self.facts.uses(node) if use in self.use_index],
            "differences": self._differences(node) if gradient is not None else None,
        }
        if kind == "constant" and np.result_type(node.data) == np.bool_:
            found["condition"] = True  # such as x > 0 in np.where: a plain array, which does not follow x
        if node.scope is not None:
            found["scope"] = clean(node.scope.path, 80)
        if node.parents:
            found["rule"] = expression(node, self.names.__getitem__)
            found["numbers"] = expression(node, lambda parent: f"{{{number[self.explained.value[parent]]}}}")
            found["symbol"] = clean(node.op.symbol, 14)
            found["op"] = node.op.name
        return found

    def _use(self, use: tuple[Any, int]) -> dict[str, Any]:
        consumer, operand = use
        number, marks = self.sheet.number, self.explained
        raw = marks.raw[use]
        local = marks.local.get(use)
        parent = consumer.parents[operand]
        return {
            "consumer": self.index[consumer],
            "node": self.index[parent],
            "operand": operand,
            "local": None if local is None else number[local],
            "raw": number[raw],
            "amount": number[marks.amount[use]],
            "total": number[marks.total[use]],
            "summed": list(stretched(np.shape(parent.data), raw.shape)),
            "symbols": self._symbols(consumer, operand),
        }

    def _symbols(self, consumer: Any, operand: int) -> str:
        """Upstream times local in the names of this graph; a linear map as its entry writes it."""
        upstream = f"d{self.names[self.root]}/d{self.names[consumer]}"
        local = local_symbols(consumer, operand, self.names.__getitem__, upstream)
        if is_map(consumer):
            if takes_upstream(consumer, operand):
                return local
            return f"{upstream} through {clean(consumer.op.symbol, 14)}" + (f": {local}" if local else "")
        return f"{upstream} · ({local})" if " " in local else f"{upstream} · {local or 'local'}"

    def _events(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = [{"do": "forward", "node": self.index[n]} for n in self.order if n.parents]
        events.append({"do": "seed", "node": self.index[self.root]})
        for node in reversed(self.order):
            handed = [(node, i) for i in range(len(node.parents)) if (node, i) in self.use_index]
            if handed:
                events.append({"do": "visit", "node": self.index[node], "uses": [self.use_index[u] for u in handed]})
            for use in handed:
                number = self.use_index[use]
                events.append({"do": "contribute", "node": self.index[node], "use": number})
                if stretched(np.shape(use[0].parents[use[1]].data), self.explained.raw[use].shape):
                    events.append({"do": "sum", "node": self.index[node], "use": number})
        events.append({"do": "check"})
        events.append({"do": "update"})
        return events

    def _trained(self) -> list[Any]:
        """What an update moves: the parameters, or all leaves where nothing says which are parameters."""
        leaves = [leaf for leaf in self.explained.leaves if leaf in self.explained.gradient]
        return [leaf for leaf in leaves if type(leaf).role == "parameter"] or leaves

    def _after(self) -> float:
        """The root after one step of gradient descent."""
        moved = {leaf: leaf.data - self.rate * self.sheet.of(self.explained.gradient[leaf]) for leaf in self.trained}
        with np.errstate(all="ignore"):
            return float(np.ravel(Replay(self.root).run(moved))[0])

    def _differences(self, node: Any) -> list[Any] | None:
        """Central finite differences of the root by each entry of a node."""
        if sum(int(np.size(other.data)) for other in self.order) > MOST_ENTRIES:
            return None
        replay, found = Replay(self.root), []
        x = np.array(node.data, dtype=float)
        with np.errstate(all="ignore"):
            for at in np.ndindex(x.shape):
                step = STEP * max(1.0, abs(float(x[at])))
                sides = []
                for sign in (1.0, -1.0):
                    moved = x.copy()
                    moved[at] += sign * step
                    sides.append(float(np.ravel(replay.run({node: float(moved) if not x.shape else moved}))[0]))
                found.append((sides[0] - sides[1]) / (2.0 * step))
        return flat(np.array(found))
