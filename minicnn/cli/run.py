"""``minicnn run``: a program written for Keras, unchanged."""

import argparse
import os
import sys
from typing import Any

from minicnn import backends, config, utils


def add_parser(subparsers: Any, common: argparse.ArgumentParser) -> None:
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
    parser.add_argument("program", help="path of the program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    parser.set_defaults(function=run)


def run(args: argparse.Namespace) -> int:
    """Execute the program; its exit code is ours."""
    from minicnn.keras_alias import run_program

    if not os.path.isfile(args.program):
        what = "is a folder" if os.path.isdir(args.program) else "there is no such file"
        print(f"minicnn run: cannot open {args.program!r}: {what}", file=sys.stderr)
        return 2
    if args.backend:
        config.set_backend(args.backend)
    if args.seed is not None:
        utils.set_random_seed(args.seed)
    return run_program(args.program, args.arguments)
