"""``minicnn run`` and ``minicnn compare``: a program written for Keras, unchanged."""

import argparse
import os
import sys

from minicnn import backends, config, utils


def add_run(subparsers: argparse._SubParsersAction, common: argparse.ArgumentParser) -> None:
    """Describe the command line of ``minicnn run``."""
    parser = subparsers.add_parser(
        "run",
        parents=[common],
        help="run a Keras program on minicnn",
        description="Run a Keras or tf.keras program unchanged: its imports of keras and "
        "tensorflow find minicnn. A Keras installed on this machine is left alone.",
    )
    parser.add_argument(
        "--backend", choices=backends.names(), help="what computes (numba, or MINICNN_BACKEND)"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="same seed, same numbers, if the program sets none"
    )
    _add_program(parser)
    parser.set_defaults(function=run)


def add_compare(subparsers: argparse._SubParsersAction, common: argparse.ArgumentParser) -> None:
    """Describe the command line of ``minicnn compare``."""
    parser = subparsers.add_parser(
        "compare",
        parents=[common],
        help="compare a Keras program's numbers with those of the real Keras",
        description="Run a Keras program on minicnn as far as its first fit, then train its model "
        "for some steps on minicnn and on the Keras that is installed, from the same weights and "
        "on the same batches, without dropout and random augmentation. Print the largest "
        "difference of every layer's output and gradients, and the loss of each step. The exit "
        "code is 0 if rounding explains the differences, else 1.",
    )
    parser.add_argument("--steps", type=int, default=5, help="training steps (default: 5)")
    parser.add_argument(
        "--keras-python", metavar="PATH", default=sys.executable,
        help="a Python with Keras and TensorFlow (default: this one)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of the first weights (default: 0)")
    parser.add_argument("--backend", choices=backends.names(), help="what computes")
    _add_program(parser)
    parser.set_defaults(function=compare)


def _add_program(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("program", help="path of the program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")


def run(args: argparse.Namespace) -> int:
    """Execute the program; its exit code is ours."""
    from minicnn.keras_alias import run_program

    if not _is_there(args):
        return 2
    if args.backend:
        config.set_backend(args.backend)
    if args.seed is not None:
        utils.set_random_seed(args.seed)
    return run_program(args.program, args.arguments)


def compare(args: argparse.Namespace) -> int:
    """Look for Keras, run the program, compute on both sides, print."""
    from minicnn.compare import Report, check_keras, first_training, record, run_keras

    if not _is_there(args):
        return 2
    if args.steps < 1:
        print(f"minicnn compare: --steps must be positive, got {args.steps}", file=sys.stderr)
        return 2
    check_keras(args.keras_python)
    if args.backend:
        config.set_backend(args.backend)
    utils.set_random_seed(args.seed)
    training = first_training(args.program, args.arguments, args.steps)
    if training is None:
        return 1
    report = Report(training.model, record(training), run_keras(training, args.keras_python))
    report.print()
    return 0 if report.agree() else 1


def _is_there(args: argparse.Namespace) -> bool:
    """Whether there is such a program; a line says so if not."""
    if os.path.isfile(args.program):
        return True
    what = "is a folder" if os.path.isdir(args.program) else "there is no such file"
    print(f"minicnn {args.subcommand}: cannot open {args.program!r}: {what}", file=sys.stderr)
    return False
