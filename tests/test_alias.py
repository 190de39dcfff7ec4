"""Keras programs find minicnn under the names they import, and nothing else changes."""

import importlib
import subprocess
import sys
import textwrap
from types import ModuleType

import pytest

from minicnn import keras_alias
from minicnn.keras_alias import table


@pytest.fixture
def alias():
    with keras_alias.installed():
        yield


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("root", ["keras", "tensorflow.keras"])
@pytest.mark.parametrize("path", table.MODULES)
def test_every_module_imports_under_both_roots_and_shows_our_objects(alias, root, path):
    module = importlib.import_module(f"{root}.{path}")
    attribute = importlib.import_module(root)
    for part in path.split("."):
        attribute = getattr(attribute, part)
    assert attribute is module
    ours = importlib.import_module(table.MODULES[path])
    names = [n for n in dir(module) if f"{path}.{n}" not in table.MODULES]
    assert names
    for name in names:
        assert getattr(module, name) is getattr(ours, name)


@pytest.mark.parametrize("name", table.TOP_LEVEL)
def test_top_level_names(alias, name):
    import keras

    assert getattr(keras, name) is getattr(importlib.import_module(table.TOP_LEVEL[name]), name)


def test_one_layer_through_every_path(alias):
    import keras
    import tensorflow as tf
    from keras.layers import Conv2D
    from keras.layers.convolutional import Conv2D as old
    from tensorflow.keras import layers
    from tensorflow.keras.layers import Conv2D as tf_conv

    import minicnn.layers

    ways = [keras.layers.Conv2D, tf.keras.layers.Conv2D, old, layers.Conv2D, tf_conv]
    assert all(way is Conv2D is minicnn.layers.Conv2D for way in ways)


def test_star_import_gives_the_public_names_only(alias):
    names: dict = {}
    exec("from keras.layers import *", names)
    names.pop("__builtins__")
    shown = {n for n, value in names.items() if not isinstance(value, ModuleType)}
    assert shown == set(importlib.import_module("minicnn.layers").__all__)


def test_helpers(alias):
    import keras
    import tensorflow as tf

    assert "minicnn" in keras.__version__
    assert int(tf.__version__.split(".")[0]) == 2
    assert "minicnn" in tf.__version__
    assert tf.config.list_physical_devices("GPU") == []
    (cpu,) = tf.config.list_physical_devices()
    assert cpu.device_type == "CPU"
    assert keras.backend.image_data_format() == "channels_last"
    assert keras.backend.floatx() == "float32"
    assert keras.backend.epsilon() == 1e-7
    with pytest.raises(ValueError, match="channels_last"):
        keras.backend.set_image_data_format("channels_first")


def test_clear_session_restarts_the_automatic_names(alias):
    from keras import backend, layers

    backend.clear_session()
    assert [layers.Flatten().name for _ in range(2)] == ["flatten", "flatten_1"]
    backend.clear_session()
    assert layers.Flatten().name == "flatten"


def test_tensorflow_seed_repeats_the_weights(alias):
    import numpy as np
    import tensorflow as tf

    def weights():
        tf.random.set_seed(7)
        layer = tf.keras.layers.Dense(4)
        layer(np.zeros((1, 3), "float32"))
        return layer.get_weights()[0]

    np.testing.assert_array_equal(weights(), weights())


# -- missing names ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ("from keras.layers import Conv3D", ImportError, "keras.layers.Conv3D.*'Conv2D'"),
        ("from keras.layers.core import Danse", ImportError, "Danse; did you mean 'Dense'"),
        ("import keras; keras.layers.Conv3D", AttributeError, "keras.layers.Conv3D.*'Conv2D'"),
        ("import keras.layrs", ImportError, "keras.layrs; did you mean 'layers'"),
        ("import keras.applications.vgg16", ImportError, "minicnn has no keras.applications"),
        ("from tensorflow.keras import Model", ImportError, "Sequential API"),
        ("import tensorflow as tf; tf.constant(1)", AttributeError, "tensorflow.constant"),
        ("import keras.layers.Dense", ImportError, "from keras.layers import Dense"),
    ],
)
def test_a_missing_name_is_named_with_the_nearest_one(alias, line, error, message):
    with pytest.raises(error, match=message):
        exec(line, {})


def test_hasattr_and_fallback_imports_work_as_programs_expect(alias):
    import keras

    assert not hasattr(keras, "ops")
    assert getattr(keras.layers, "Conv3D", None) is None
    exec("try:\n    import keras.nothing\nexcept ModuleNotFoundError:\n    pass", {})


# -- a Keras that is installed ---------------------------------------------------------------------


@pytest.fixture
def other_keras(tmp_path, monkeypatch):
    """A package that calls itself keras, first on the path; not imported yet."""
    package = tmp_path / "site" / "keras"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("who = 'other'\n")
    (package / "layers.py").write_text("who = 'other layers'\n")
    (package / "only_here.py").write_text("")
    monkeypatch.syspath_prepend(package.parent)
    yield
    for name in [n for n in sys.modules if n.partition(".")[0] == "keras"]:
        del sys.modules[name]


def test_an_imported_keras_is_set_aside_and_comes_back(other_keras):
    import keras
    import keras.layers

    before = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "keras"}
    path = list(sys.meta_path)
    with keras_alias.installed():
        import keras as alias

        assert alias is not keras
        assert not hasattr(alias, "who")
        with pytest.raises(ImportError, match="only_here"):
            import keras.only_here
    after = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "keras"}
    assert after == before
    assert all(after[n] is before[n] for n in before)
    assert sys.meta_path == path
    import keras as again

    assert again.who == "other"
    assert again.layers.who == "other layers"


def test_a_keras_not_imported_yet_can_be_imported_afterwards(other_keras):
    keras_alias.install()
    keras_alias.install()  # twice is once
    keras_alias.uninstall()
    keras_alias.uninstall()
    assert not any(n.partition(".")[0] in ("keras", "tensorflow") for n in sys.modules)
    assert importlib.import_module("keras.layers").who == "other layers"


def test_installed_inside_install_leaves_it_installed():
    keras_alias.install()
    try:
        with keras_alias.installed():
            pass
        assert "minicnn" in importlib.import_module("keras").__version__
    finally:
        keras_alias.uninstall()


# -- programs --------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path):
    def write(text, name="program.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


def run(path, *arguments, cwd=None):
    """``minicnn run`` in a process of its own."""
    command = [sys.executable, "-m", "minicnn", "run", str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_a_program_runs_as_main_beside_its_own_modules(program, tmp_path):
    program("value = 42\n", "helper_of_mine.py")
    path = program(
        """
        import sys, os, keras, helper_of_mine
        import __main__
        assert __name__ == "__main__" and __main__.helper_of_mine.value == 42
        assert os.path.samefile(__file__, sys.argv[0])
        assert os.path.samefile(sys.path[0], os.path.dirname(__file__))
        print(sys.argv[1:], keras.__version__)
        """
    )
    result = run(path, "--epochs", "3", "-h")
    assert result.stderr == ""
    assert result.stdout.startswith("['--epochs', '3', '-h'] ")
    assert "minicnn" in result.stdout


@pytest.mark.parametrize(
    ("ending", "code", "stderr"),
    [
        ("", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(7)", 7, ""),
        ("sys.exit('no good')", 1, "no good\n"),
        ("raise KeyboardInterrupt", 130, "\nminicnn: interrupted\n"),
    ],
)
def test_exit_codes_pass_through(program, ending, code, stderr):
    result = run(program(f"import sys\n{ending}\n"))
    assert (result.returncode, result.stderr) == (code, stderr)


def test_a_traceback_begins_in_the_program(program):
    path = program(
        """
        import keras

        def build():
            return keras.layers.Conv3D(8, 3)

        build()
        """
    )
    result = run(path)
    assert result.returncode == 1
    assert result.stderr == textwrap.dedent(f"""\
        Traceback (most recent call last):
          File "{path}", line 7, in <module>
            build()
          File "{path}", line 5, in build
            return keras.layers.Conv3D(8, 3)
                   ^^^^^^^^^^^^^^^^^^^
        AttributeError: minicnn has no keras.layers.Conv3D; did you mean 'Conv2D'?
        """)


def test_a_program_whose_every_line_is_indented(program):
    path = program("")
    path.write_text(
        "# copied from a page\n"
        "  from __future__ import annotations\n"
        "  text = '''\n"
        "left alone'''\n"
        "# at the margin\n"
        "  print(text)\n"
        "  1 / 0\n"
    )
    result = run(path)
    assert result.stdout == "\nleft alone\n"
    assert "line 7, in <module>\n    1 / 0" in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n  y = 2\n", "line 2\n    y = 2\nIndentationError: unexpected indent"),
        ("  x = 1\ny = 2\n", "line 1\n    x = 1\nIndentationError: unexpected indent"),
        ("x = = 1\n", "SyntaxError: invalid syntax"),
        ("!pip install keras\n", "SyntaxError: this is a command of a notebook"),
        ("import keras\n%matplotlib inline\n", "SyntaxError: this is a command of a notebook"),
    ],
)
def test_what_cannot_be_compiled_is_shown_as_python_shows_it(program, text, message):
    path = program("")
    path.write_text(text)
    result = run(path)
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert str(path) in result.stderr


def test_a_program_in_another_encoding(program):
    path = program("")
    path.write_bytes("# -*- coding: cp949 -*-\nprint(ascii('합성곱'))\n".encode("cp949"))
    assert run(path).stdout == ascii("합성곱") + "\n"


def test_what_the_process_was_is_put_back(program):
    before = (sys.argv, list(sys.path), sys.modules["__main__"], list(sys.meta_path))
    assert keras_alias.run_program(program("import keras, sys; sys.path.append('x')")) == 0
    with pytest.raises(SystemExit):
        keras_alias.run_program(program("raise SystemExit(3)"))
    assert (sys.argv, sys.path, sys.modules["__main__"], sys.meta_path) == before
    assert "keras" not in sys.modules


@pytest.mark.parametrize(("name", "why"), [("missing.py", "no such file"), ("", "is a folder")])
def test_a_program_that_is_not_there(tmp_path, name, why):
    result = run(tmp_path / name)
    assert result.returncode == 2
    assert why in result.stderr
    assert result.stderr.count("\n") == 1
