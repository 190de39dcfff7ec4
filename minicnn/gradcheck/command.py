"""``minicnn gradcheck my_layer.py:MyConv --input 2,7,6,3 --args filters=4,kernel_size=3``."""

import argparse
import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minicnn.engine import console
from minicnn.gradcheck.api import check_gradients
from minicnn.gradcheck.targets import generic_input
from minicnn.gradcheck.user_code import GradientCheckError, guarded
from minicnn.registry import suggestion

DESCRIPTION = """Check the hand-written gradients of a layer, a model, a loss or a pair of functions
against the slopes of its forward pass, and name the likeliest mistake. The exit code is 0 when all
gradients are right, 1 when one is wrong or the check cannot be done."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = DESCRIPTION
    parser.add_argument(
        "target",
        help="FILE.py:NAME or package.module:NAME of a layer, model or loss, or "
        "FILE.py:FORWARD,BACKWARD of a pair of functions",
    )
    parser.add_argument("--input", metavar="SIZES", help="shape of the input, batch first: 2,7,6,3")
    parser.add_argument(
        "--args", metavar="NAME=VALUE,...", default="",
        help="arguments of the layer: filters=4,kernel_size=(3,2),padding='same'",
    )  # fmt: skip
    parser.add_argument(
        "--array", metavar="NAME=SIZES", action="append", default=[],
        help="a random array for the forward function, once for each: --array w=3,3,3,4",
    )  # fmt: skip
    parser.add_argument("--loss", help="loss to end a model with, such as mean_squared_error")
    parser.add_argument("--backend", help="numpy (default), numba or cupy")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice")
    outside = "run the layer outside of training"
    parser.add_argument("--inference", action="store_true", help=outside)
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON ('-' prints it)")
    parser.add_argument("--plot", metavar="FILE.png", help="write maps of the errors")


def run(args: argparse.Namespace) -> int:
    """Do the check and print the report.

    Returns:
        The exit code: 0 when every gradient is right.
    """
    try:
        params = parse_arguments(args.args)
        for i, text in enumerate(args.array):
            name, _, sizes = text.partition("=")
            shape = parse_shape(sizes, f"--array {name}")
            params[name.strip()] = generic_input(shape, args.seed + i + 1)
        report = check_gradients(
            load(args.target), parse_shape(args.input, "--input") if args.input else None,
            params=params, loss=args.loss, seed=args.seed, training=not args.inference,
            backend=args.backend,
        )  # fmt: skip
    except GradientCheckError as error:
        sys.stderr.write(f"minicnn gradcheck: {error}\n")
        return 1
    console.write((report.to_json() if args.json == "-" else str(report)) + "\n")
    if args.json and args.json != "-":
        _written(Path(args.json), lambda path: path.write_text(report.to_json() + "\n", "utf-8"))
    if args.plot:
        _written(Path(args.plot), lambda path: report.plot().savefig(path))
    return 0 if report.ok else 1


def _written(path: Path, write: Callable[[Path], object]) -> None:
    try:
        write(path)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"minicnn gradcheck: cannot write {path}: {error}\n")


def load(text: str) -> Any:
    """The object that ``FILE.py:NAME`` names; a pair for ``FILE.py:FORWARD,BACKWARD``.

    Raises:
        GradientCheckError: no such file or name, or the file cannot be imported.
    """
    place, colon, names = text.rpartition(":")
    if not colon or not names:
        raise GradientCheckError(f"expected FILE.py:NAME, got {text!r}")
    module = _module(place)
    found = []
    for name in names.split(","):
        if not hasattr(module, name.strip()):
            hint = suggestion(name.strip(), [n for n in vars(module) if not n.startswith("_")])
            raise GradientCheckError(f"{place} has no {name.strip()!r}{hint}")
        found.append(getattr(module, name.strip()))
    if len(found) > 2:
        raise GradientCheckError(f"expected one name, or FORWARD,BACKWARD, got {names!r}")
    return found[0] if len(found) == 1 else (found[0], found[1])


def _module(place: str) -> Any:
    path = Path(place)
    if path.suffix != ".py":
        return guarded(importlib.import_module, f"importing {place}", place)
    if not path.is_file():
        raise GradientCheckError(f"there is no file {place}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise GradientCheckError(f"{place} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        guarded(spec.loader.exec_module, f"importing {place}", module)
    finally:
        sys.path.pop(0)
    return module


def parse_shape(text: str, option: str) -> tuple[int, ...]:
    """ "2,7,6,3" -> (2, 7, 6, 3).

    Raises:
        GradientCheckError: something else.
    """
    if not re.fullmatch(r"\(?\s*\d+(\s*[,x]\s*\d+)*\s*,?\s*\)?", text or ""):
        raise GradientCheckError(f"{option} must be sizes such as 2,7,6,3, got {text!r}")
    return tuple(int(n) for n in re.findall(r"\d+", text))


def parse_arguments(text: str) -> dict[str, Any]:
    """ "filters=4,kernel_size=(3,2),padding=same" -> a dictionary; bare words are strings.

    Raises:
        GradientCheckError: it does not read as name=value pairs.
    """
    try:
        call = ast.parse(f"f({text})", mode="eval").body
    except SyntaxError:
        call = None
    if not isinstance(call, ast.Call) or call.args or any(k.arg is None for k in call.keywords):
        raise GradientCheckError(f"--args must be NAME=VALUE,NAME=VALUE, got {text!r}")
    return {str(k.arg): _value(k.value) for k in call.keywords}


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return node.id
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise GradientCheckError(f"--args: {ast.unparse(node)!r} is not a plain value") from None
