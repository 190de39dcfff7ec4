"""Keras's own tests, as the wheel carries them, run against minicnn.

Needs an environment with Keras, TensorFlow, pytest and what minicnn needs; nothing of the tests is
copied. In that environment, from the root of the repository::

    python tests/keras/keras_suite.py              # counts, file by file
    python tests/keras/keras_suite.py losses -x    # files with "losses" in the path; for pytest

After ``import keras`` the modules ``keras.src.layers``, ``losses``, ``metrics`` and so on, with
everything below them, are replaced in ``sys.modules`` by modules that show minicnn's objects.
``keras.src.testing``, ``backend``, ``ops``, ``tree`` stay Keras's. A name that minicnn does not
have is a placeholder which skips the test that uses it, so nothing passes on Keras's own code.

A test *applies* unless its file is in ``NOT_FILES``, it is in ``NOT_TESTS``, it uses such a name,
or minicnn refuses, in so many words, what it does not have (``REFUSALS``). ``run_layer_test`` is
replaced by its checks on arrays: Keras's also wants symbolic calls, a ``Model`` of one's own with
automatic differentiation, and half precision.
"""

import fnmatch
import importlib
import importlib.util
import os
import sys
import unittest
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

#: package below keras.src -> the minicnn modules that have its names
ROOMS = {
    "activations": ("minicnn.activations",),
    "callbacks": ("minicnn.callbacks",),
    "constraints": ("minicnn.constraints",),
    "initializers": ("minicnn.initializers",),
    "layers": ("minicnn.layers",),
    "losses": ("minicnn.losses", "minicnn.engine.arrays"),
    "metrics": ("minicnn.metrics",),
    "models": ("minicnn.models",),
    "optimizers": ("minicnn.optimizers", "minicnn.optimizers.schedules"),
    "regularizers": ("minicnn.regularizers",),
    "saving": ("minicnn.saving",),
    "utils.numerical_utils": ("minicnn.utils",),
}
#: folders below keras.src whose tests are about things that minicnn has
FOLDERS = (
    "activations", "callbacks", "constraints", "initializers", "losses", "metrics",
    "models/sequential_test.py", "models/cloning_test.py", "optimizers", "regularizers",
    "layers/activations", "layers/convolutional", "layers/core", "layers/normalization",
    "layers/pooling", "layers/regularization", "layers/reshaping", "layers/layer_test.py",
    "layers/preprocessing/rescaling_test.py",
    "layers/preprocessing/image_preprocessing/random_flip_test.py",
    "layers/preprocessing/image_preprocessing/random_translation_test.py",
    "saving", "trainers/trainer_test.py", "utils/numerical_utils_test.py",
)  # fmt: skip

#: files below FOLDERS about things that minicnn has nothing of -> why
NOT_FILES = {
    "callbacks/backup_and_restore_test.py": "BackupAndRestore",
    "callbacks/orbax_checkpoint_test.py": "Orbax",
    "callbacks/swap_ema_weights_test.py": "averages of the weights over the steps",
    "callbacks/tensorboard_test.py": "TensorBoard",
    "optimizers/loss_scale_optimizer_test.py": "half precision",
    "optimizers/multi_optimizer_test.py": "several optimizers in one",
    "optimizers/optimizer_sparse_test.py": "sparse gradients",
    "trainers/trainer_test.py": "models whose `call` is differentiated automatically",
}
#: tests that do not apply (file::class::test, with wildcards) -> why. A test that fails because of
#: a decision of minicnn's stays in: it counts as failed
NOT_TESTS = {
    "*float16*": "half precision",
    "*float8*": "half precision",
    "*::test_dtype_arg": "half precision",
    "*::test_default_dtype": "half precision",
    "*quantiz*": "quantization",
    "*_int4*": "quantization",
    "*_int8*": "quantization",
    "*gptq*": "quantization",
    "*awq*": "quantization",
    "*lora*": "adapters",
    "*mask*": "masks",
    "*bounding_box*": "bounding boxes",
    "*symbolic*": "symbolic tensors",
    "*dynamic_*": "symbolic tensors",
    "*functional*": "the functional API",
    "*sparse": "sparse tensors",
    "*ragged": "ragged tensors",
    "*stateless_*": "functions without state, for JAX",
    "*tf_data*": "tf.data",
    "*grain*": "Grain",
    "*remat*": "rematerialisation",
    "*_tracking*": "how Keras finds variables in attributes",
    "*tracker*": "how Keras finds variables in attributes",
    "*context_arg*": "further arguments of `call`",
    "*renorm*": "renormalisation",
    "*_ema*": "averages of the weights over the steps",
    "*loss_scaling*": "half precision",
    "*gradient_accumulation*": "gradient accumulation",
    "*overwrite_with_gradient*": "quantization",
    "*tf_checkpointing*": "tf.train.Checkpoint",
    "*_decay10": "an optimizer that minicnn has not",
    "*_h5_*": "the older HDF5 format of whole models",
    "*_seed_generator": "keras.random.SeedGenerator",
    "*_random_normal": "keras.random.SeedGenerator",
    "*_with_axes": "axes of the fans",
    "*_pearson_*": "a metric that minicnn has not",
    "*_concordance_*": "a metric that minicnn has not",
    "optimizers/optimizer_test.py::*_pickleable_optimizers10": "an optimizer that minicnn has not",
    "optimizers/optimizer_test.py::*_pickleable_optimizers[356789]": "the same",
    "layers/core/input_layer_test.py::*input_tensor*": "symbolic tensors",
    "layers/core/input_layer_test.py::*::test_invalid_arg_combinations": "symbolic tensors",
    "layers/convolutional/*2d5": "channels_first",
    "saving/file_editor_test.py*": "an editor of model files",
    "saving/object_registration_test.py*": "Keras's own tables",
}


#: what minicnn says when asked for something that it does not have on purpose -> what that is
REFUSALS = {
    "minicnn has no functional API": "the functional API",
    "A KerasTensor is symbolic": "symbolic tensors",
    "'SymbolicTensor'": "symbolic tensors",
    "Cannot convert a symbolic tf.Tensor": "symbolic tensors",
    "minicnn writes every derivative by hand": "automatic differentiation",
    "`call` has no derivative here": "automatic differentiation",
    "dtype must be 'float32' or 'float64'": "other float types",
    "data_format='channels_first' is not supported": "channels_first",
    "has no attribute '_functional'": "the functional API",
    "must hold numbers, got dtype complex64": "complex numbers",
    "must hold numbers, got dtype object": "inputs in a dictionary",
    "expects 4 axes (batch, height, width, channels)": "single images",
    "{'renorm': True": "renormalisation",
}


class _Placeholder(type):
    """The class of names that minicnn does not have: using one skips the test."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise unittest.SkipTest(f"minicnn has no {cls.__name__}")

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return missing(f"{cls.__name__}.{name}")


def missing(name: str) -> Any:
    """A placeholder for a name."""
    return _Placeholder(name, (), {})


class Redirect(ModuleType):
    """A module of keras.src that shows minicnn's objects under Keras's names."""

    def __init__(self, real: ModuleType, sources: tuple[str, ...]) -> None:
        super().__init__(real.__name__)
        for name in ("__path__", "__spec__", "__file__"):
            if hasattr(real, name):
                setattr(self, name, getattr(real, name))
        self._real = real
        self._sources = [importlib.import_module(s) for s in sources]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        below = sys.modules.get(f"{self.__name__}.{name}")
        found = next((getattr(s, name) for s in self._sources if hasattr(s, name)), None)
        if isinstance(below, Redirect) and (found is None or isinstance(found, ModuleType)):
            return below
        if found is None and not hasattr(self._real, name):
            raise AttributeError(name)
        return missing(name) if found is None else found


def redirect() -> None:
    """Put minicnn in the place of Keras's modules."""
    import keras

    for room, sources in ROOMS.items():
        root = f"keras.src.{room}"
        for name in [n for n in sys.modules if n == root or n.startswith(root + ".")]:
            sys.modules[name] = Redirect(sys.modules[name], sources)
        parent, _, last = root.rpartition(".")
        setattr(sys.modules[parent], last, sys.modules[root])
        if "." not in room:
            setattr(keras, room, sys.modules[root])
    for package in (keras, sys.modules["keras.src"]):
        package.Sequential = sys.modules["keras.src.models"].Sequential
        package.Input = sys.modules["keras.src.layers"].Input


# -- what the tests lean on ----------------------------------------------------------------------


def run_layer_test(
    self: Any, layer_cls: Any, init_kwargs: Any, input_shape: Any = None, input_dtype: Any = None,
    input_data: Any = None, call_kwargs: Any = None, expected_output_shape: Any = None,
    expected_output_dtype: Any = None, expected_output: Any = None,
    expected_num_trainable_weights: Any = None, expected_num_non_trainable_weights: Any = None,
    expected_num_losses: Any = None, assert_built_after_instantiation: bool = False,
    **other: Any,
) -> None:  # fmt: skip
    """The checks of Keras's ``run_layer_test`` that need arrays only."""
    import numpy as np

    if other.get("input_sparse") or other.get("input_ragged"):
        raise unittest.SkipTest("sparse and ragged inputs")
    if init_kwargs.get("data_format") == "channels_first":
        raise unittest.SkipTest("channels_first")
    self.run_class_serialization_test(layer_cls(**init_kwargs), other.get("custom_objects"))
    if input_data is None and input_shape is None:
        return
    if input_data is None:
        random = np.random.default_rng(0).uniform(0, 3, input_shape)
        input_data = random.astype(input_dtype or "float32")
    layer = layer_cls(**init_kwargs)
    layer.build(tuple(input_data.shape))
    for called in (False, True):
        if called:
            layer = layer_cls(**init_kwargs)
            output = layer(input_data, **(call_kwargs or {}))
        assert layer.built
        if expected_num_trainable_weights is not None:
            self.assertLen(layer.trainable_weights, expected_num_trainable_weights)
        if expected_num_non_trainable_weights is not None:
            self.assertLen(layer.non_trainable_weights, expected_num_non_trainable_weights)
    if expected_output_shape is not None:
        pairs = list(zip(expected_output_shape, output.shape, strict=True))
        assert all(e in (None, n) for e, n in pairs), pairs
    if expected_output_dtype is not None:
        self.assertDType(output, expected_output_dtype)
    if expected_output is not None:
        self.assertAllClose(expected_output, output)
    if expected_num_losses is not None:
        self.assertLen(layer.losses, expected_num_losses)
    if assert_built_after_instantiation:
        assert layer_cls(**init_kwargs).built
        own_build = type("OwnBuild", (layer_cls,), {"build": lambda self, shape: None})
        assert not own_build(**init_kwargs).built


class Plugin:
    """For pytest: leaves out what does not apply, and counts."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.skips: Counter[str] = Counter()
        self.failed: list[str] = []

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        import pytest

        for item in items:
            name = item.nodeid.partition("keras/src/")[2]
            for pattern, reason in NOT_TESTS.items():
                if fnmatch.fnmatch(name, pattern):
                    item.add_marker(pytest.mark.skip(reason=f"does not apply: {reason}"))
                    break

    def pytest_runtest_logreport(self, report: Any) -> None:
        file = report.nodeid.partition("keras/src/")[2].partition("::")[0]
        count = self.counts.setdefault(file, Counter())
        if report.skipped:
            reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report)
            count["not applicable"] += 1
            self.skips[reason.removeprefix("Skipped: ")] += 1
        elif report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            message = crash.message.partition("\n")[0] if crash else ""
            for words, reason in REFUSALS.items():
                if words in message:
                    count["not applicable"] += 1
                    self.skips[f"refused: {reason}"] += 1
                    return
            count["failed"] += 1
            self.failed.append(f"{report.nodeid.partition('keras/src/')[2]}  {message[:200]}")
        elif report.when == "call":
            count["passed"] += 1

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(f"{report.nodeid} (not collected)")

    def summary(self) -> str:
        """One line a file, then what was left out and why, then the totals."""
        columns = ("passed", "failed", "not applicable")
        total: Counter[str] = sum(self.counts.values(), Counter())
        lines = [f"{'':64}" + "".join(f"{c:>16}" for c in columns)]
        for file, count in [*sorted(self.counts.items()), ("total", total)]:
            lines.append(f"{file:64}" + "".join(f"{count[c]:16}" for c in columns))
        lines += ["", "left out:", *(f"  {n:4}  {why}" for why, n in self.skips.most_common())]
        applicable = total["passed"] + total["failed"]
        lines += ["", *self.failed, "", f"{total['passed']} of {applicable} applicable tests pass"]
        return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run the files whose path contains an argument (all by default); options are pytest's."""
    import keras
    import pytest
    from keras.src.testing import test_case

    source = Path(keras.__file__).parent / "src"
    redirect()
    import minicnn.utils

    setup = test_case.TestCase.setUp

    def setup_both(self: Any) -> None:
        setup(self)
        minicnn.utils.clear_session()

    test_case.TestCase.setUp = setup_both
    test_case.TestCase.run_layer_test = run_layer_test
    words = [a for a in arguments if not a.startswith("-")]  # "-k=name", not "-k name"
    files = []
    for folder in FOLDERS:
        found = [source / folder] if folder.endswith(".py") else sorted(
            (source / folder).rglob("*_test.py"))  # fmt: skip
        names = {f: str(f.relative_to(source)) for f in found}
        files += [
            str(f) for f, n in names.items()
            if not any(fnmatch.fnmatch(n, p) for p in NOT_FILES)
            and (not words or any(w in n for w in words))
        ]  # fmt: skip
    if not files:
        raise SystemExit(f"no test file has {' or '.join(words)} in its path")
    plugin = Plugin()
    conftest = ModuleType("conftest")  # Keras's repository has one; the wheel has not
    vars(conftest)["skip_if_backend"] = lambda backend, reason: pytest.mark.skipif(
        keras.backend.backend() == backend, reason=reason
    )
    sys.modules["conftest"] = conftest
    for absent in ("jax", "grain"):  # imported by a few files, used by tests of no concern here
        if importlib.util.find_spec(absent) is None:
            sys.modules[absent] = ModuleType(absent)
    options = [
        "-q", "-p", "no:cacheprovider", "-W", "ignore", "--no-header", "--noconftest", "--tb=no",
        "--continue-on-collection-errors", f"--rootdir={source.parent.parent}",
    ]  # fmt: skip
    options += [a for a in arguments if a.startswith("-")]
    code = pytest.main([*options, *files], plugins=[plugin])
    print(plugin.summary())
    return int(code)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    raise SystemExit(main(sys.argv[1:]))
