"""``minicnn compare``: the same program on minicnn and on the real Keras, number by number."""

import argparse
import os
import sys
from typing import Any

from minicnn import backends, config, utils


def add_parser(subparsers: Any, common: argparse.ArgumentParser) -> None:
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
    parser.add_argument("program", help="path of the program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    parser.set_defaults(function=compare)


def compare(args: argparse.Namespace) -> int:
    """Look for Keras, run the program, compute on both sides, print."""
    from minicnn.compare import Report, check_keras, first_training, record, run_keras

    if not os.path.isfile(args.program):
        what = "is a folder" if os.path.isdir(args.program) else "there is no such file"
        print(f"minicnn compare: cannot open {args.program!r}: {what}", file=sys.stderr)
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
