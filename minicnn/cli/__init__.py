"""The command ``minicnn``: each subcommand has a function that describes it and one that runs it.

Exit codes: 0, 1 after an error that one line explains, 2 for a command line that cannot be
understood or a program that is not there, 130 after Ctrl-C.
"""

import argparse
import sys
from collections.abc import Sequence

from minicnn import __version__
from minicnn.cli import info, programs, train


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (that of the process by default) and return its exit code."""
    args = _parser().parse_args(argv)
    try:
        return args.function(args)
    except KeyboardInterrupt:
        print("\nminicnn: interrupted", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, ImportError) as error:
        if args.debug:
            raise
        print(f"minicnn {args.subcommand}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minicnn", description="A convolutional network engine that a person can read."
    )
    parser.add_argument("--version", action="version", version=f"minicnn {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    subparsers = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    for add in (
        train.add_parser, programs.add_run, programs.add_compare, _add_gradcheck, info.add_parser,
    ):  # fmt: skip
        add(subparsers, common)
    return parser


def _add_gradcheck(subparsers: argparse._SubParsersAction, common: argparse.ArgumentParser) -> None:
    from minicnn.gradcheck import command

    parser = subparsers.add_parser(
        "gradcheck", parents=[common], help="check the backward of a layer, and name the mistake"
    )
    command.add_arguments(parser)
    parser.set_defaults(function=command.run)
