"""A model's arrays and their places in the HDF5 file, which are Keras's.

::

    layers/conv2d/vars/0        weights of a layer, in the order of layer.weights
    layers/conv2d_1/vars/0      the group is named after the class, counted within the model
    layers/sequential/layers/dense/vars/0       a model inside the model
    optimizer/vars/0            state of the optimizer, in the order of optimizer.variables

What Keras does not keep, minicnn needs so that resumed training equals uninterrupted training: the
number of steps and the seeds of shuffling, dropout and augmentation are one attribute of the file.
"""

import io
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from minicnn import __version__
from minicnn.engine.parameters import Parameter
from minicnn.engine.threads import between_steps, setting
from minicnn.layers import Layer
from minicnn.optimizers.variables import OptimizerVariable
from minicnn.registry import snake_case
from minicnn.saving import hdf5
from minicnn.saving.files import ModelFileError
from minicnn.saving.objects import is_model

if TYPE_CHECKING:
    from minicnn.models.model import Model

#: goes up when an older minicnn could not read the file
FORMAT = 1

#: state that some versions of Keras 3 store and nothing here needs
_IGNORED = re.compile(r"(metrics/|.*/seed_generator/vars/)")
#: where a backup keeps what else belongs to a training
TRAINING = "training/"
_SHOWN = 40


def content_of(model: "Model", training: dict[str, np.ndarray] | None = None) -> memoryview:
    """Weights, optimizer state and seeds of a model as the content of an HDF5 file.

    Args:
        training: further arrays by name, for a backup.

    Raises:
        ValueError: a weight is not finite: nobody could go on with such a file, and it might take
            the place of a good one.
    """
    groups = {"vars": model.name} | {f"{path}/vars": layer.name for path, layer in layers(model)}
    places = _places(model)
    with between_steps(model.weights):
        arrays = {path: weight.numpy() for path, weight in places.items()}
        if model.optimizer is not None:
            groups["optimizer/vars"] = model.optimizer.name
            for i, variable in enumerate(model.optimizer.variables):
                arrays[f"optimizer/vars/{i}"] = variable.numpy()
        seeds = _seeds(model)
    for path, weight in places.items():
        if not np.isfinite(arrays[path]).all():
            raise ValueError(
                f"not saved: weight {weight.path!r} holds NaN or infinite entries; the training "
                "has diverged, go back to an earlier file and a smaller learning rate"
            )
    further = {TRAINING + name: array for name, array in (training or {}).items()}
    file = io.BytesIO()
    hdf5.write(file, arrays | further, groups, seeds)
    return file.getbuffer()


def restore(
    model: "Model", content: hdf5.Content, source: str, seeds: bool = True,
    skip_mismatch: bool = False, whole: bool = False,
) -> None:  # fmt: skip
    """Give a model the weights, and what else of its training is in a file: all or nothing.

    Args:
        model: built as the one that was saved.
        content: of the file.
        source: the file, for messages.
        seeds: restore seeds even where the optimizer has nothing to restore.
        skip_mismatch: leave layers that do not fit as they are, with a warning.
        whole: the state of an optimizer that does not fit is an error too.

    Raises:
        ModelFileError: the file does not fit the model; every difference is listed, and the model
            is as it was.
    """
    state = _checked_state(content.state, source)
    wanted = _places(model)
    stored = {
        path: array
        for path, array in content.arrays.items()
        if not path.startswith(("optimizer/", TRAINING)) and not _IGNORED.match(path)
    }
    differences = _differences(wanted, stored)
    arrays = {path: stored[path].read() for path in wanted if path not in differences}
    for path, array in arrays.items():
        if not np.isfinite(array).all():
            differences[path] = f"{path} ({wanted[path].path}) holds NaN or infinite entries"
    if differences:
        message = _listed(differences)
        if not skip_mismatch:
            raise ModelFileError(
                source, f"the file does not fit model {model.name!r}:\n{message}\n",
                "the arrays of a model with the same layers",
            )  # fmt: skip
        warnings.warn(f"{source}: left as it was:\n{message}", stacklevel=4)
        spared = {path.rpartition("/")[0] for path in differences}
        arrays = {p: a for p, a in arrays.items() if p.rpartition("/")[0] not in spared}
    training = {} if differences else _training_state(model, content, source, whole)
    with setting(model.weights):
        for path, array in arrays.items():
            wanted[path].assign(array)
        for variable, array in training.values():
            variable.assign(array)
        if state is not None and (seeds or training):
            _set_seeds(model, state)


def _training_state(
    model: "Model", content: hdf5.Content, source: str, whole: bool
) -> dict[str, tuple[OptimizerVariable, np.ndarray]]:
    """path -> (variable of the optimizer, its array), or nothing with a warning."""
    stored = {p: a for p, a in content.arrays.items() if p.startswith("optimizer/")}
    if model.optimizer is None or not stored:
        return {}
    optimizer = model.optimizer
    scalars = all(array.shape == () for array in stored.values())
    if not scalars and not optimizer.built and model.weights:
        executor = model.executor()
        optimizer.build(executor.store, executor.ops)
    variables = optimizer.variables
    if scalars:  # saved before the first update
        variables = [v for v in variables if v.shape == ()]
    wanted = {f"optimizer/vars/{i}": variable for i, variable in enumerate(variables)}
    differences = _differences(wanted, stored)
    if differences:
        misfit = (
            f"the state of the optimizer in the file does not fit {optimizer.name!r} "
            f"({type(optimizer).__name__})"
        )
        if whole:
            raise ModelFileError(
                source, f"{misfit}:\n{_listed(differences)}\n", "the state of the same optimizer"
            )
        warnings.warn(
            f"{source}: {misfit} and was left out; the weights are loaded:\n{_listed(differences)}",
            stacklevel=4,
        )
        return {}
    return {path: (wanted[path], array.read()) for path, array in stored.items()}


def stored_scalars(content: hdf5.Content) -> int:
    """How many numbers the weights in a file have in all."""
    return sum(array.size for path, array in content.arrays.items() if path.startswith("layers/"))


# -- comparing ----------------------------------------------------------------------------------


def _differences(
    wanted: Mapping[str, Parameter | OptimizerVariable], stored: dict[str, hdf5.Array]
) -> dict[str, str]:
    """path -> what is wrong with it."""
    found = {}
    for path, place in wanted.items():
        name, array = f"{path} ({place.path})", stored.get(path)
        if array is None:
            found[path] = f"{name} {place.shape} is missing in the file"
        elif array.shape != place.shape:
            found[path] = f"{name} has shape {array.shape} in the file, {place.shape} in the model"
        elif not np.can_cast(array.dtype, place.dtype, "safe"):
            found[path] = (
                f"{name} is {array.dtype} in the file, {place.dtype} in the model, which cannot "
                "hold it exactly"
            )
    for path in sorted(set(stored) - set(wanted)):
        found[path] = f"{path} {stored[path].shape} has no place in the model"
    return found


def _listed(differences: dict[str, str]) -> str:
    lines = list(differences.values())
    if len(lines) > _SHOWN:
        lines = [*lines[:_SHOWN], f"and {len(lines) - _SHOWN} more"]
    return "\n".join(f"  {line}" for line in lines)


# -- places -------------------------------------------------------------------------------------


def layers(model: "Model", prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """(path, layer) for every layer, those of models inside included."""
    counts: Counter[str] = Counter()
    for layer in model.layers:
        base = snake_case(type(layer).__name__)
        number = counts[base]
        counts[base] += 1
        path = f"{prefix}layers/{base}" + (f"_{number}" if number else "")
        yield path, layer
        if is_model(layer):
            yield from layers(layer, f"{path}/")


def _places(model: "Model") -> dict[str, Parameter]:
    """path -> weight."""
    return {
        f"{path}/vars/{i}": weight
        for path, layer in layers(model)
        if not is_model(layer)
        for i, weight in enumerate(layer.weights)
    }


# -- seeds --------------------------------------------------------------------------------------


def _seeds(model: "Model") -> dict[str, Any]:
    executor = model._executor
    step = 0 if executor is None else executor.steps_done
    return {
        "format": FORMAT,
        "minicnn_version": __version__,
        "step": step,
        "shuffle_seed": model.shuffle_seed,
        "layer_seeds": {path: getattr(layer, name) for path, layer, name in _seeded_layers(model)},
    }


def _seeded_layers(model: "Model") -> Iterator[tuple[str, Layer, str]]:
    """(path, layer, name of its seed) for every layer that draws random numbers."""
    for path, layer in layers(model):
        for name in ("mask_seed", "draw_seed"):
            if hasattr(layer, name):
                yield path, layer, name


def _set_seeds(model: "Model", state: dict[str, Any]) -> None:
    model.shuffle_seed = state["shuffle_seed"]
    for path, layer, name in _seeded_layers(model):
        if getattr(layer, "seed", None) is None and path in state["layer_seeds"]:
            setattr(layer, name, state["layer_seeds"][path])
    if model.built and (state["step"] or model._executor is not None):
        model.executor().steps_done = state["step"]


def _checked_state(state: dict[str, Any] | None, source: str) -> dict[str, Any] | None:
    """The dictionary that minicnn adds, each value checked."""
    if state is None:
        return None
    version = state.get("format")
    if isinstance(version, int) and version > FORMAT:
        writer = str(state.get("minicnn_version"))[:40]
        raise ModelFileError(
            source, f"it was written by minicnn {writer} in format {version}",
            f"format {FORMAT} or older: this is minicnn {__version__}, please update it",
        )  # fmt: skip
    seeds = state.get("layer_seeds")
    numbers = [state.get("step"), state.get("shuffle_seed")]
    numbers += seeds.values() if isinstance(seeds, dict) else [None]
    if any(type(n) is not int or not 0 <= n < 2**32 for n in (version, *numbers)):
        raise ModelFileError(source, "the seeds in it are damaged", "integers below 2**32")
    return state
