"""Names and derivatives in LaTeX, for MathJax, KaTeX and matplotlib alike."""

import re
from collections.abc import Mapping

from tinygrad_edu.viz.facts.rules import OPERAND

_WORD = re.compile(r"([A-Za-z]+)(\d+)('*)")
_NUMBER = re.compile(r"-?\d+\.?\d*")
_TOKEN = re.compile(r"\s*(\.T|[A-Za-z_]\w*|\d+\.?\d*|[-+*/^()@,])")
_FUNCTIONS = frozenset({"sin", "cos", "tan", "sinh", "cosh", "tanh", "log", "exp", "sqrt", "cbrt", "sign"})
_SIGNS = {"*": r" \cdot ", "@": " ", "+": " + ", "-": " - ", "/": " / ", ".T": r"^{\top}"}
_MARKS = {
    "_": r"\_", " ": r"\ ", "<": r"\lt ", ">": r"\gt ", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "{": r"\{",
    "}": r"\}", "\\": r"\backslash ", "^": r"{\wedge}", "~": r"{\sim}", '"': "''", "`": "'", "-": "{-}",
}  # fmt: skip


def name_latex(name: str) -> str:
    r"""A name: one letter as it is, letters and a number with an index, anything else upright; a number stays one.

    Examples
    --------
    >>> name_latex("w"), name_latex("w1"), name_latex("my_bias")
    ('w', 'w_{1}', '\\mathrm{my\\_bias}')
    """
    found = _WORD.fullmatch(name)
    if (len(name) == 1 and name.isalpha()) or _NUMBER.fullmatch(name):
        return name
    if found and len(found[1]) == 1:
        return f"{found[1]}_{{{found[2]}}}{found[3]}"
    return words_latex(name)


def words_latex(text: str) -> str:
    """Any text, upright; what LaTeX would read as a command stays a character."""
    return rf"\mathrm{{{''.join(_MARKS.get(character, character) for character in text)}}}"


def derivative_latex(reads: str, names: Mapping[str, str], upstream: str = "g") -> str:
    r"""A derivative as an entry writes it (``1 - tanh(x)^2``); words that are no formula stay words.

    Parameters
    ----------
    reads : str
    names : mapping of letter to name
        What its letters for the operands stand for.
    upstream : str
        LaTeX for its letter g, the incoming gradient.

    Examples
    --------
    >>> derivative_latex("y x^(y-1)", {"x": "a", "y": "b"})
    'b a^{(b - 1)}'
    >>> derivative_latex("x.T @ g", {"x": "h"}, "G")
    'h^{\\top} G'
    >>> derivative_latex("1 if x > 0", {"x": "a"})
    '\\mathrm{1\\ if\\ a\\ \\gt \\ 0}'
    """
    tokens = []
    position = 0
    while position < len(reads.rstrip()):
        found = _TOKEN.match(reads, position)
        if found is None or (len(found[1]) > 1 and found[1].isalpha() and found[1] not in _FUNCTIONS):
            return words_latex(OPERAND.sub(lambda letter: names.get(letter[0], letter[0]), reads))
        tokens.append(found[1])
        position = found.end()
    letters = {"g": upstream, **{letter: name_latex(name) for letter, name in names.items()}}
    written: list[str] = []
    number = 0
    while number < len(tokens):
        token = tokens[number]
        if token == "^" and number + 1 < len(tokens):
            power = _group(tokens, number + 1)
            written.append("^{" + "".join(_token(one, letters) for one in power).strip() + "}")
            number += len(power)
        else:
            spaced = written and written[-1][-1:].isalnum() and token[0].isalnum()
            written.append((" " if spaced else "") + _token(token, letters))
        number += 1
    return "".join(written).strip()


def _group(tokens: list[str], start: int) -> list[str]:
    """The operand of a power: one token, or all up to the closing bracket; a minus goes with what follows."""
    depth = 0
    for end in range(start, len(tokens)):
        depth += (tokens[end] == "(") - (tokens[end] == ")")
        if depth == 0 and tokens[end] != "-":
            return tokens[start : end + 1]
    return tokens[start:]


def _token(token: str, letters: Mapping[str, str]) -> str:
    if token in letters:
        return letters[token]
    if token in _FUNCTIONS:
        return rf"\operatorname{{{token}}}"
    return _SIGNS.get(token, token)
