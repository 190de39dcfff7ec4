"""``minicnn gradcheck``: is the backward of a layer right, and if not, what is wrong with it?"""

import argparse
from typing import Any


def add_parser(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Describe the command line of ``minicnn gradcheck``."""
    from minicnn.gradcheck import command

    parser = subparsers.add_parser(
        "gradcheck",
        parents=[common],
        help="check the backward of a layer, and name the mistake",
        description="Compare what backward says with the slope of forward, in float64, and name "
        "the likeliest cause of a difference. Exit code 0 when all is right, 1 when not.",
    )
    command.add_arguments(parser)
    parser.set_defaults(function=command.run)
