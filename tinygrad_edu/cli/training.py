"""`demo` and `train`: train a network, verify its gradient, draw it, and write it all into a folder."""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import Value, scope
from tinygrad_edu.check import Report, check_graph
from tinygrad_edu.cli.folder import RunFolder
from tinygrad_edu.cli.page import Section, page
from tinygrad_edu.errors import DataError
from tinygrad_edu.nn import (
    Adam,
    Dense,
    Dropout,
    History,
    Module,
    Neuron,
    Sequential,
    fit,
    mse,
    predict,
    softmax_cross_entropy,
)
from tinygrad_edu.nn.data import digits, load_csv, standardize, train_test_split
from tinygrad_edu.viz import draw, plot_history, plot_predictions, save_figure

Say = Callable[[str], None]
MANY = 100  # samples from which on a tenth of them is set aside to choose the best epoch by


@dataclass(frozen=True)
class Settings:
    """How to train: layer sizes, step size, and the seed that everything random hangs on."""

    hidden: tuple[int, ...]
    dropout: float
    epochs: int
    batch_size: int | None
    lr: float
    seed: int


@dataclass(frozen=True, eq=False)
class Problem:
    """What to learn: inputs and targets, a part of them held out, and what they are called."""

    title: str
    source: str
    train: tuple[Any, Any]
    test: tuple[Any, Any]
    feature_names: tuple[str, ...]
    classes: tuple[str, ...]  # () for a regression
    image_shape: tuple[int, int] | None = None

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for a sample."""
        return len(self.classes) or 1


def digits_problem(seed: int) -> Problem:
    """The 1,797 handwritten digits, a fifth of them held out."""
    images, labels = digits()
    x_train, x_test, y_train, y_test = train_test_split(
        images.reshape(len(images), -1), labels, test_fraction=0.2, rng=seed, stratify=labels
    )
    names = tuple(f"pixel {row},{column}" for row in range(8) for column in range(8))
    source = f"{len(images)} real handwritten digits of 8x8 pixels"
    classes = tuple(str(digit) for digit in range(10))
    return Problem("Handwritten digits", source, (x_train, y_train), (x_test, y_test), names, classes, (8, 8))


def csv_problem(path: Path, target: str, task: str, delimiter: str, seed: int) -> Problem:
    """A table of numbers, features standardised, a fifth of the rows held out.

    Raises
    ------
    DataError
        If the file cannot be learnt from; the message says where.
    """
    table = load_csv(path, target, task="regression" if task == "regression" else "classification", delimiter=delimiter)
    counts = np.bincount(table.targets) if table.classes else np.array([len(table.targets)])
    if counts.min() < 2:
        rare = f"the class {table.classes[int(counts.argmin())]!r} has" if table.classes else "there is"
        raise DataError(
            f"{path}, column {target!r}: {rare} {counts.min()} row, and one is needed to learn from and one to hold "
            "out; for a target that is a number, not a class, use --task regression"
        )
    x_train, x_test, y_train, y_test = train_test_split(
        table.features, table.targets, test_fraction=0.2, rng=seed, stratify=table.targets if table.classes else None
    )
    scale = standardize(x_train)
    if not table.classes:
        scale_target = standardize(y_train[:, None])
        y_train, y_test = scale_target(y_train[:, None]), scale_target(y_test[:, None])
    source = f"{len(table.features)} rows of {path.name}, {len(table.feature_names)} features, target {target!r}"
    return Problem(
        path.stem, source, (scale(x_train), y_train), (scale(x_test), y_test), table.feature_names, table.classes
    )


def build(problem: Problem, settings: Settings) -> Sequential:
    """The network: dense layers with ReLU and dropout, and one score for each class (or one number) at the end."""
    rng = np.random.default_rng(settings.seed)
    sizes = [problem.train[0].shape[1], *settings.hidden]
    layers: list[Module] = []
    for n, m in pairwise(sizes):
        layers.append(Dense(n, m, activation="relu", rng=rng))
        if settings.dropout:
            layers.append(Dropout(settings.dropout, rng=rng))
    model = Sequential(*layers, Dense(sizes[-1], problem.outputs, rng=rng))
    for name, parameter in model.named_parameters():
        parameter.name = name  # "layers.0.weight": the report tells the layers apart
    return model


def run(problem: Problem, settings: Settings, folder: RunFolder, say: Say, progress: bool = True) -> int:
    """Train, verify, draw and write; gives back the exit code (130 after Ctrl-C, 1 if the check fails).

    The weights are written as soon as they are trained: Ctrl-C after that leaves out pictures, nothing else.
    """
    model = build(problem, settings)
    learn, choose = len(problem.train[0]), 0.1 if len(problem.train[0]) >= MANY else None
    say(f"data      {problem.source}")
    say(f"          {learn} to learn from{', a tenth of them to choose the best epoch by' if choose else ''}")
    say(f"          {len(problem.test[0])} held out for the final score")
    say(f"network   {' - '.join(map(str, _sizes(model)))}, {model.n_parameters} parameters")
    loss = softmax_cross_entropy if problem.classes else mse
    with folder:
        history = fit(
            model,
            problem.train,
            loss,
            Adam(model.parameters(), lr=settings.lr),
            settings.epochs,
            settings.batch_size,
            validation=choose,
            rng=settings.seed,
            progress=progress,
        )
        model.eval()
        score_name, score = _score(model, problem)
        _write(folder.path, model, history, problem, settings, {score_name: score})
        say(f"held out  {score_name} {score:.4f}")
        facts = {f"held-out {score_name}": f"{score:.4f}", "parameters": f"{model.n_parameters:,}"}
        sections: list[Section] = []
        report = None
        try:
            report = _verify(model, problem, loss)
            facts["gradient check"] = report.verdict.name
            say(f"\n{report}\n")
            _pictures(model, problem, history, loss, folder.path, sections, say)
            sections.append(Section("The gradient, verified", _CHECKED, text=str(report)))
        except KeyboardInterrupt:
            history.interrupted = True
        lead = f"{problem.source}. Seed {settings.seed}, {len(history.epochs)} epochs, Adam at {settings.lr:g}."
        if history.interrupted:
            lead += f" Interrupted; the best epoch so far was {history.best_epoch or 0}."
        (folder.path / "index.html").write_text(page(problem.title, lead, facts, sections), encoding="utf-8")
    if history.interrupted:
        weights = folder.path / "weights.npz"
        say(f"interrupted: the best weights so far (epoch {history.best_epoch or 0}) are in {weights}")
    say(f"wrote     {folder.path}/")
    for file in sorted(folder.path.iterdir()):
        say(f"          {file.name}")
    say(f"open      {(folder.path / 'index.html').resolve().as_uri()}")
    return 130 if history.interrupted else int(report is None or not report.passed)


_CHECKED = (
    "The loss on eight samples, differentiated by the graph and by finite differences whose own error is bounded: "
    "small arrays entry by entry, large ones along random directions and at some entries."
)


def _sizes(model: Sequential) -> list[int]:
    weights = [parameter.shape for name, parameter in model.named_parameters() if name.endswith("weight")]
    return [weights[0][0], *[shape[1] for shape in weights]]


def _score(model: Sequential, problem: Problem) -> tuple[str, float]:
    """Accuracy of a classifier; R squared of a regression (1 is perfect, 0 is the mean)."""
    x, y = problem.test
    outputs = predict(model, x)
    if problem.classes:
        return "accuracy", float(np.mean(np.argmax(outputs, axis=1) == y))
    return "R2", float(1.0 - np.sum((outputs - y) ** 2) / np.sum((y - np.mean(y)) ** 2))


def _verify(model: Sequential, problem: Problem, loss: Callable[..., Any]) -> Report:
    x, y = problem.train
    return check_graph(loss(model(x[:8]), y[:8]), wrt=model.parameters(), raise_on_fail=False, rng=0)


def _pictures(
    model: Sequential,
    problem: Problem,
    history: History,
    loss: Callable[..., Any],
    folder: Path,
    sections: list[Section],
    say: Say,
) -> None:
    """Draw what was trained into the folder, and enter each picture in `sections`."""
    draw(_neuron(problem), edges="local").render(folder / "neuron.svg")
    sections.append(
        Section(
            "One neuron, backwards",
            "A neuron that has not learnt yet, on two inputs of one sample, and its squared error. Each box shows a "
            "number and, beneath it, how the loss changes with it; each edge shows the local derivative that the chain "
            "rule multiplies.",
            "neuron.svg",
        )
    )
    x, y = problem.train
    outputs = model(Value(x[:32], name="inputs"))
    with scope(loss.__name__):
        value = loss(outputs, y[:32])
    value.name = "loss"
    value.backward()
    draw(value, fold="scopes").render(folder / "network.svg")
    sections.append(
        Section(
            "The trained network", "The loss of 32 samples, folded by layer, after its backward pass.", "network.svg"
        )
    )
    if importlib.util.find_spec("matplotlib") is None:
        say("plots     left out: they need matplotlib: pip install 'tinygrad_edu[plot]'")
        return
    if len(history.epochs):
        save_figure(plot_history(history), folder / "history.png")
        sections.append(Section("The course of training", "Loss and score after each epoch.", "history.png"))
    if problem.image_shape is not None:
        images, labels = problem.test
        chosen = np.argmax(predict(model, images), axis=1)
        figure = plot_predictions(images.reshape(-1, *problem.image_shape), labels, chosen, count=30)
        save_figure(figure, folder / "predictions.png")
        sections.append(
            Section("Held-out samples", "What the network says about images it never saw.", "predictions.png")
        )


def _neuron(problem: Problem) -> Value:
    """The squared error of one fresh scalar neuron on two features of a sample, after its backward pass."""
    x = problem.train[0]
    spread = np.argsort(x.std(axis=0))[-2:]
    neuron = Neuron(len(spread), activation="tanh", rng=0)
    for i, (weight, column) in enumerate(zip(neuron.w, spread, strict=True)):
        weight.name = f"w{i}: {problem.feature_names[column]}"
    neuron.b.name = "bias"
    inputs = [Value(float(x[0, column]), name=f"x{i}") for i, column in enumerate(spread)]
    loss: Value = (neuron(inputs) - 1.0) ** 2
    loss.name = "loss"
    loss.backward()
    return loss


def _write(
    folder: Path, model: Sequential, history: History, problem: Problem, settings: Settings, score: dict[str, float]
) -> None:
    """Weights without pickle, and the numbers of the run as JSON."""
    weights: dict[str, Any] = model.state_dict()
    np.savez(folder / "weights.npz", **weights)
    numbers = {
        "source": problem.source,
        "classes": problem.classes,
        "settings": asdict(settings),
        "epochs": history.epochs,
        "interrupted": history.interrupted,
        "best_epoch": history.best_epoch,
        "history": history.metrics,
        "held_out": score,
    }
    (folder / "run.json").write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
