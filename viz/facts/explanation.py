"""`explain`: the chain rule for one gradient, first in symbols, then in numbers, as text and as LaTeX."""

from dataclasses import dataclass
from typing import Any

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.viz.facts.chain import Contribution, Facts
from tinygrad_edu.viz.facts.latex import derivative_latex, name_latex, words_latex
from tinygrad_edu.viz.facts.paths import leading
from tinygrad_edu.viz.facts.rules import OPERANDS, Names, expression, local_symbols, takes_upstream
from tinygrad_edu.viz.text import clean, few_numbers

FEW = 2  # numbers shown of an array


@dataclass(frozen=True, slots=True)
class Term:
    """One summand of a gradient: in symbols, in LaTeX, in numbers, and what it comes to."""

    symbols: str
    latex: str
    numbers: str
    amount: str


@dataclass(frozen=True, slots=True)
class Step:
    """The gradient of one node: what it is called, its terms, and their sum."""

    name: str
    terms: tuple[Term, ...]
    total: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The chain rule for one gradient; `str`, Markdown and LaTeX say the same.

    Attributes
    ----------
    loss, w : str
        What the result and the value are called.
    forward : tuple of (name, expression, number)
        How each node on the way was computed.
    seed : str
        The gradient of the result itself.
    steps : tuple of Step
        The gradients from the result down to the value.
    """

    loss: str
    w: str
    forward: tuple[tuple[str, str, str], ...]
    seed: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        lines = ["forward:"] + [f"  {name} = {text} = {data}" for name, text, data in self.forward]
        lines += ["backward:", f"  d{self.loss}/d{self.loss} = {self.seed}"]
        for step in self.steps:
            lines.append(
                f"  {_slope(self.loss, step.name)} = {' + '.join(term.symbols for term in step.terms)}"
                f" = {' + '.join(term.numbers for term in step.terms)}" + _result(step)
            )
        return "\n".join(lines)

    __repr__ = __str__

    @property
    def latex(self) -> str:
        """One `aligned` environment: a line for each gradient, symbols, then numbers."""
        rows = [rf"{_d(self.loss, self.loss)} &= {_numbers(self.seed)}"]
        for step in self.steps:
            rows.append(rf"{_d(self.loss, step.name)} &= {' + '.join(term.latex for term in step.terms)}")
            rows.append(rf"&= {_numbers(' + '.join(term.numbers for term in step.terms) + _result(step))}")
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex}$"

    def _repr_markdown_(self) -> str:
        return f"$$\n{self.latex}\n$$"


def explain(loss: Any, w: Any, *, limit: int = 60) -> Explanation:
    """The chain rule that gives the gradient of `w`, step by step from `loss` down.

    Parameters
    ----------
    loss : Value
    w : Value
        Any node that `loss` was computed from.
    limit : int
        The most nodes between them, which are so many lines.

    Returns
    -------
    Explanation
        Prints as text; shows itself as mathematics in a notebook; its `latex` goes into a document.

    Raises
    ------
    ArgumentError
        If `loss` does not depend on `w`, or more than `limit` nodes lie between.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a, b = Value(2.0, name="a"), Value(5.0, name="b")
    >>> print(explain((a * b + a).tanh(), a))
    forward:
      v1 = a × b = 10
      v2 = v1 + a = 12
      L = tanh(v2) = 1
    backward:
      dL/dL = 1
      dL/dv2 = dL/dL · (1 - tanh(v2)^2) = 1 × 1.51e-10 = 1.51e-10
      dL/dv1 = dL/dv2 · 1 = 1.51e-10 × 1 = 1.51e-10
      dL/da = dL/dv2 · 1 + dL/dv1 · b = 1.51e-10 × 1 + 1.51e-10 × 5 = 1.51e-10 + 7.55e-10 = 9.06e-10
    """
    for node in (loss, w):
        if not hasattr(node, "parents"):
            raise ArgumentError(
                f"explain takes two Values, the result and one it depends on; got {type(node).__name__}"
            )
    facts = Facts(loss)
    between = leading(facts, loss, w)
    reached = _reached(facts, loss, between)
    if w not in reached:
        raise ArgumentError(
            f"there is nothing to explain: the result does not depend on {clean(w.name or w.op.name)} "
            "by anything differentiable"
        )
    if len(reached) > limit:
        raise ArgumentError(
            f"{len(reached):,} nodes lie between, more than limit={limit}: explain a value nearer to the result, "
            "one unit of a smaller network, or raise the limit"
        )
    names = Names(facts.order, loss)
    way = [node for node in facts.order if node in reached]
    forward = [(names[node], expression(node, names.__getitem__), _data(node.data)) for node in way if node is not w]
    steps = [
        Step(
            names[node],
            tuple(
                _term(one, names, names[loss])
                for one in facts.contributions(node)
                if one.consumer in reached and one.index in between[one.consumer]
            ),
            _data(facts.gradient(node)),
        )
        for node in reversed(way)
        if node is not loss
    ]
    return Explanation(names[loss], names[w], tuple(forward), _data(facts.gradient(loss)), tuple(steps))


def _reached(facts: Facts, loss: Any, between: dict[Any, list[int]]) -> set[Any]:
    """The nodes on some path, both ends included."""
    reached = {loss}
    for node in reversed(facts.order):
        if node in reached and node in between:
            reached.update(node.parents[index] for index in between[node])
    return reached


def _term(one: Contribution, names: Names, loss: str) -> Term:
    """One contribution in symbols and numbers: upstream times local, or the linear map as its entry writes it."""
    consumer = one.consumer
    upstream = _slope(loss, names[consumer])
    reads = _reads(consumer, one.index)
    local = local_symbols(consumer, one.index, names.__getitem__, upstream)
    letters = {} if consumer.op.variadic else _letters(consumer, names)
    fraction = _d(loss, names[consumer])
    factor = derivative_latex(reads, letters, fraction)
    if takes_upstream(consumer, one.index):
        symbols, latex = local, factor
    else:
        symbols = f"{upstream} · {_bracketed(local)}"
        latex = rf"{fraction} \cdot " + (factor if _bracketed(local) == local else rf"\left({factor}\right)")
    amount = _data(one.amount)
    numbers = amount
    if one.local is not None:
        numbers = f"{_data(one.upstream)} × {_signed(_data(one.local))}"
    if one.summed:
        axes = "axis" if len(one.summed) == 1 else "axes"
        over = f" over {axes} {', '.join(map(str, one.summed))}"
        symbols, numbers = f"Σ({symbols}){over}", f"Σ({numbers})"
        latex = rf"\sum_{{{words_latex(over[6:])}}} \left({latex}\right)"
    return Term(symbols, latex, numbers, amount)


def _reads(node: Any, index: int) -> str:
    reads = node.op.reads
    place = 0 if node.op.variadic else index
    return str(reads[place]) if place < len(reads) else f"d({clean(node.op.symbol, 14)})"


def _letters(node: Any, names: Names) -> dict[str, str]:
    return {letter: names[parent] for letter, parent in zip(OPERANDS, node.parents, strict=False)}


def _result(step: Step) -> str:
    """What a sum of products comes to: each product, if there are several, then the total."""
    shown = [" + ".join(term.amount for term in step.terms), step.total]
    before = " + ".join(term.numbers for term in step.terms)
    found = ""
    for text in shown:
        if text != before:
            found += f" = {text}"
        before = text
    return found


def _bracketed(text: str) -> str:
    return f"({text})" if " " in text or text.startswith("-") else text


def _signed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _data(data: Any) -> str:
    return few_numbers(data, FEW)


def _slope(top: str, bottom: str) -> str:
    return f"d{_bracketed(top)}/d{_bracketed(bottom)}"


def _d(top: str, bottom: str) -> str:
    return rf"\frac{{\partial {name_latex(top)}}}{{\partial {name_latex(bottom)}}}"


def _numbers(text: str) -> str:
    return text.replace("×", r"\times").replace("…", r"\ldots").replace("Σ", r"\textstyle\sum ")
