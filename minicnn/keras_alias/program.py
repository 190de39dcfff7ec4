"""Run somebody's program as ``python PROGRAM.py`` would."""

import ast
import os
import re
import sys
import tokenize
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

from minicnn.keras_alias.modules import installed

_HERE = str(Path(__file__).parent)


def run_program(path: str | os.PathLike[str], arguments: Sequence[str] = ()) -> int:
    """Execute a Keras program with minicnn under the names ``keras`` and ``tensorflow``.

    It runs as ``__main__``, with its folder first on ``sys.path`` and ``sys.argv`` set; all of
    that, and what ``keras`` means, is put back afterwards. An exception is shown as Python shows
    it, from the program's own frame on.

    Args:
        path: the program. One whose every line is indented, as copied from a page, runs too.
        arguments: ``sys.argv[1:]`` of the program.

    Returns:
        The exit code: 0, or 1 after an exception.

    Raises:
        OSError: the file cannot be read.
        SystemExit, KeyboardInterrupt: what the program raised.
    """
    file = os.path.abspath(path)
    try:
        with tokenize.open(file) as stream:  # reads the coding line
            code = _compiled(stream.read(), file)
    except SyntaxError as error:
        sys.excepthook(type(error), error.with_traceback(None), None)
        return 1
    main = ModuleType("__main__")
    main.__file__ = file
    saved = sys.argv, list(sys.path), sys.modules["__main__"]
    sys.argv = [os.fspath(path), *arguments]
    sys.path.insert(0, os.path.dirname(os.path.realpath(file)))
    sys.modules["__main__"] = main
    try:
        with installed():
            exec(code, main.__dict__)
    except Exception as error:
        error = error.with_traceback(_frames_of_program(error.__traceback__, file))
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"] = saved
    return 0


def _compiled(source: str, file: str) -> CodeType:
    """Compile, also when every line of code is indented.

    Raises:
        SyntaxError: as Python raises it; a notebook's ``!pip`` or ``%matplotlib`` line is named.
    """
    try:
        return compile(source, file, "exec", dont_inherit=True)
    except IndentationError as error:
        tree = _without_common_indent(source, file)
        if tree is None:
            raise error from None
        return compile(tree, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        if error.text and re.match(r"\s*[!%]", error.text):
            error.msg = (
                "this is a command of a notebook, not Python; remove the line or put a # before it"
            )
        raise


def _without_common_indent(source: str, file: str) -> ast.Module | None:
    """The program as the body of an ``if True:``, where indented lines are at home.

    Unlike removing blanks, this leaves the text inside string literals, the comments at the margin
    and the line numbers as they are.
    """
    try:
        tree = ast.parse("if True:\n" + source, file)
    except SyntaxError:
        return None
    whole = tree.body[0]
    if len(tree.body) != 1 or not isinstance(whole, ast.If) or whole.orelse:
        return None
    return ast.increment_lineno(ast.Module(whole.body, []), -1)


def _frames_of_program(top: TracebackType | None, file: str) -> TracebackType | None:
    """A traceback that begins in the program and does not end in this package."""
    while top and top.tb_frame.f_code.co_filename != file:
        top = top.tb_next
    kept, step = top, top
    while step:
        if not step.tb_frame.f_code.co_filename.startswith(_HERE):
            kept = step
        step = step.tb_next
    if kept:
        kept.tb_next = None
    return top
