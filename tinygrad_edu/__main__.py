"""The command line: ``tinygrad-edu demo | train | check | draw | lesson | info``.

Bad input ends in one line and exit code 2; a gradient that fails its check ends in 1, one that could not be
judged in 3, Ctrl-C in 130.
"""

import argparse
import functools
import json
import os
import shutil
import sys
import traceback
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from tinygrad_edu.errors import ArgumentError, TinygradEduError

EXIT_CODES = """exit codes:
  0  every gradient is right (or, at a kink, between the slopes to the two sides)
  1  a gradient is wrong
  2  the command cannot be read, or the function fails
  3  nobody can tell; the report says why"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives back the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process if not given.
    """
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the process ends, in a moment
        return 1
    except MemoryError as error:
        print(f"tinygrad-edu {arguments.command}: not enough memory: {error}", file=sys.stderr)
        return 2
    except (TinygradEduError, OSError) as error:
        message = " ".join(str(error).split()) if isinstance(error, OSError) else str(error).splitlines()[0]
        print(f"tinygrad-edu {arguments.command}: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was written", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tinygrad-edu", description="Train, verify and draw on one graph.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    demo = commands.add_parser("demo", help="train on real handwritten digits, verify, draw (under a minute)")
    demo.set_defaults(run=_demo)
    _training_arguments(demo, hidden=(256,), dropout=0.4, epochs=80)

    train = commands.add_parser("train", help="the same on a CSV file of yours")
    train.set_defaults(run=_train)
    train.add_argument("--data", type=Path, required=True, metavar="FILE.csv", help="first line: column names")
    train.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    train.add_argument("--delimiter", default=",", metavar="CHAR", help="what stands between the cells")
    train.add_argument("--task", choices=("classification", "regression"), default="classification")
    _training_arguments(train, hidden=(64,), dropout=0.0, epochs=100)

    for name, run, text in (
        ("check", _check, "verify the gradient of an expression or module:function by finite differences"),
        ("draw", _draw, "draw the graph of an expression or module:function"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=run)
        command.add_argument("target", help="such as 'tanh(w*x + b)', or mymodule:loss")
        command.add_argument(
            "-i", "--input", action="append", default=[], metavar="NAME=VALUE", help="a number or a list: x=2, w=[1,2]"
        )
        if name == "check":
            command.formatter_class = argparse.RawDescriptionHelpFormatter
            command.epilog = EXIT_CODES
            command.add_argument("--json", action="store_true", help="the whole report as JSON")
        if name == "draw":
            command.add_argument("-o", "--output", type=Path, default=Path("graph.svg"), help=".svg .png .pdf .dot")
            command.add_argument("--overwrite", action="store_true", help="replace the file if it is there")
            command.add_argument(
                "--edges",
                choices=("local", "contribution"),
                help="what to write on them: local derivatives, or what flows back",
            )

    lesson = commands.add_parser("lesson", help="list the lessons; run one and open the page it makes")
    lesson.set_defaults(run=_lesson)
    lesson.add_argument("numbers", nargs="*", metavar="NUMBER", help="such as 12; 'all' for all; none: the list")
    lesson.add_argument("--quick", action="store_true", help="shorter training, as in the tests")
    lesson.add_argument("--no-open", action="store_true", help="open no browser")
    lesson.add_argument("--out", type=Path, default=Path("runs"), metavar="FOLDER", help="where the pages go")

    info = commands.add_parser("info", help="versions, what is installed, and what each extra would bring")
    info.set_defaults(run=_info)
    return parser


def _training_arguments(parser: argparse.ArgumentParser, **defaults: object) -> None:
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    parser.set_defaults(**defaults)
    parser.add_argument("--hidden", type=_sizes, metavar="N,N", help="sizes of the hidden layers")
    parser.add_argument("--dropout", type=float, metavar="P", help="share of hidden units left out of each step")
    parser.add_argument("--epochs", type=int, help="how often each sample is seen")
    parser.add_argument("--batch-size", type=int, help="samples a step; 32, or all where there are fewer")
    parser.add_argument("--lr", type=float, default=2e-3, help="learning rate of Adam")
    parser.add_argument("--seed", type=_seed, default=0, help="of the split, the weights and the batches")
    parser.add_argument("--name", help="the run's folder; an existing one is never overwritten")
    parser.add_argument("--out", type=Path, default=Path("runs"), metavar="FOLDER", help="where runs go")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")


def _sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected sizes such as 64,32, got {text!r}") from None
    if any(size < 1 for size in sizes):
        raise argparse.ArgumentTypeError(f"each layer needs at least 1 unit, got {text!r}")
    return sizes


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 on, got {text!r}")
    return int(text)


def _demo(arguments: argparse.Namespace) -> int:
    from tinygrad_edu.cli.training import digits_problem

    return _run(arguments, digits_problem(arguments.seed), "demo")


def _train(arguments: argparse.Namespace) -> int:
    from tinygrad_edu.cli.training import csv_problem

    problem = csv_problem(arguments.data, arguments.target, arguments.task, arguments.delimiter, arguments.seed)
    return _run(arguments, problem, arguments.data.stem)


def _run(arguments: argparse.Namespace, problem: object, name: str) -> int:
    from tinygrad_edu.cli.folder import RunFolder
    from tinygrad_edu.cli.training import Problem, Settings, run

    assert isinstance(problem, Problem)
    settings = Settings(
        arguments.hidden, arguments.dropout, arguments.epochs, arguments.batch_size, arguments.lr, arguments.seed
    )
    folder = RunFolder(arguments.out, arguments.name or name, numbered=arguments.name is None)
    say = functools.partial(print, flush=True)  # each line when it is said, into a pipe too
    return run(problem, settings, folder, say, progress=not arguments.no_progress)


def _check(arguments: argparse.Namespace) -> int:
    from tinygrad_edu.check import check_gradients
    from tinygrad_edu.cli.expressions import read_target

    try:
        target = read_target(arguments.target, arguments.input)
        names = tuple(target.inputs)
        report = check_gradients(target, *target.inputs.values(), names=names, raise_on_fail=False, rng=0)
    except (TinygradEduError, OSError):
        raise
    except Exception as error:  # of the user's own code: 1 would say that its gradient is wrong
        place = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} (in {place.filename}:{place.lineno})"
        raise ArgumentError(f"{arguments.target} failed: {reason}") from error
    print(json.dumps(report.to_dict(), indent=2, allow_nan=False) if arguments.json else report)
    return {"FAIL": 1, "INCONCLUSIVE": 3}.get(report.verdict.name, 0)


def _draw(arguments: argparse.Namespace) -> int:
    from tinygrad_edu.cli.expressions import read_target
    from tinygrad_edu.viz import draw

    root = read_target(arguments.target, arguments.input).run()
    if root.size == 1:
        root.backward()
    path = draw(root, edges=arguments.edges).render(arguments.output, overwrite=arguments.overwrite)
    print(f"wrote {path}")
    return 0


def _lesson(arguments: argparse.Namespace) -> int:
    from tinygrad_edu.cli.lessons import chosen, listing, run_all

    if not arguments.numbers:
        print(listing(min(shutil.get_terminal_size().columns, 100)))
        return 0
    watched = sys.stdout.isatty() and not arguments.no_open
    return run_all(chosen(arguments.numbers), arguments.out, arguments.quick, webbrowser.open if watched else None)


def _info(arguments: argparse.Namespace) -> int:
    from tinygrad_edu.cli.info import info

    print(info())
    return 0


if __name__ == "__main__":
    sys.exit(main())
