"""A class of another style: ``forward(x)``, ``backward(dy)``, weights and gradients as attributes.

Weights are found by their gradients: ``self.W`` with ``self.dW`` (or ``grad_W``, ``W_grad``,
``d_W``), or two lists or dictionaries ``self.params`` and ``self.grads``.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minicnn.gradcheck import source
from minicnn.gradcheck.errors import GradientCheckError, guarded
from minicnn.gradcheck.layer_target import missing_return
from minicnn.gradcheck.targets import (
    Array,
    Run,
    Shrink,
    Target,
    Values,
    as_float64,
    host,
    input_array,
    plain_axes,
)


class ObjectTarget(Target):
    """Adapter for an object with ``forward(x)`` and ``backward(dy)``.

    Args:
        make: returns a new object.
    """

    def __init__(self, name: str, make: Callable[[], Any], x: Any, *, seed: int) -> None:
        super().__init__(name)
        self.make, self.seed = make, seed
        self.origin = guarded(make, f"creating {name}")
        self.values["x"] = input_array(x, seed, self.notes)
        trial = copy.deepcopy(self.origin)
        y = self._call(trial, "forward", np.array(self.values["x"]))
        try:
            guarded(trial.backward, f"backward of {name}", np.zeros_like(y))
        finally:
            self.slots = _slots(trial)
        rng = np.random.default_rng(seed + 1)
        for key, (where, _) in self.slots.items():
            value = as_float64(_get(trial, where), key, self.notes)
            if np.ptp(value) == 0:
                value = value + rng.uniform(-0.5, 0.5, value.shape)
            self.values[key] = value
        if any(_get(self.origin, where) is None for where, _ in self.slots.values()):
            self.origin = trial  # weights are made by the first forward call
        self.axes = {n: plain_axes(v.shape) for n, v in self.values.items()}
        self.rates = {
            k: v for k, v in vars(self.origin).items() if isinstance(v, float) and 0 < v < 1
        }

    def _call(self, thing: Any, method: str, argument: Any) -> Array:
        function = getattr(thing, method)
        got = guarded(function, f"{method} of {self.name}", argument)
        if not (hasattr(got, "shape") or np.isscalar(got)):
            raise GradientCheckError(missing_return(function, self.name, got))
        return np.asarray(host(got)) if hasattr(got, "shape") else np.asarray(got)

    def _prepared(self, values: Values) -> Any:
        thing = copy.deepcopy(self.origin)
        for key, (where, _) in self.slots.items():
            _put(thing, where, np.array(values[key]))
        return thing

    def forward(self, values: Values) -> Array:
        return self._call(self._prepared(values), "forward", np.array(values["x"]))

    def run(self, values: Values, dy: Array, fill: float = 0.0, twice: bool = False) -> Run:
        thing, x = self._prepared(values), np.array(values["x"])
        run = Run(self._call(thing, "forward", x), {})
        self._note_changes(run, "forward", values, thing, x)
        run.grads = self._backward(thing, values, x, dy, run)
        if twice:
            run.again = self._backward(thing, values, x, dy, Run(run.y, {}))
        return run

    def _backward(
        self, thing: Any, values: Values, x: Array, dy: Array, run: Run
    ) -> dict[str, Array | None]:
        lent = np.array(dy)
        grads: dict[str, Array | None] = {"x": self._call(thing, "backward", lent)}
        run.dtypes["x"] = str(grads["x"].dtype)  # type: ignore[union-attr]
        if not np.array_equal(lent, dy, equal_nan=True):
            run.changed.add(("backward", "dy"))
        self._note_changes(run, "backward", values, thing, x)
        for key, (_, where) in self.slots.items():
            grad = _get(thing, where)
            grads[key] = None if grad is None else np.asarray(host(grad))
            run.dtypes[key] = str(getattr(grad, "dtype", "float64"))
        return grads

    def _note_changes(self, run: Run, who: str, values: Values, thing: Any, x: Array) -> None:
        if not np.array_equal(x, values["x"]):
            run.changed.add((who, "x"))
            x[...] = values["x"]
        for key, (where, _) in self.slots.items():
            if not np.array_equal(_get(thing, where), values[key]):
                run.changed.add((who, key))
                _put(thing, where, np.array(values[key]))

    def resized(self, shrink: Shrink) -> "Target | None":
        shape = shrink.shape(self.values["x"].shape, keep_channels=True)
        if shape == self.values["x"].shape:
            return None
        try:
            return ObjectTarget(
                self.name, lambda: copy.deepcopy(self.origin), shape, seed=self.seed
            )
        except GradientCheckError:
            return None

    def source(self, name: str) -> list[str]:
        backward = type(self.origin).backward
        if name == "x":
            return source.returns(backward, 0)
        return source.attribute_lines(backward, str(self.slots[name][1][-1]))


Where = tuple[Any, ...]  # ("W",), or ("params", "W")


def _slots(thing: Any) -> dict[str, tuple[Where, Where]]:
    """name -> where the weight is, and where its gradient is."""
    own = vars(thing)
    params, grads = own.get("params"), own.get("grads")
    if isinstance(params, Mapping) and isinstance(grads, Mapping):
        return {str(k): (("params", k), ("grads", k)) for k in params}
    if isinstance(params, list) and isinstance(grads, list):
        return {f"params[{i}]": (("params", i), ("grads", i)) for i in range(len(params))}
    found: dict[str, tuple[Where, Where]] = {}
    for name, value in own.items():
        if not hasattr(value, "dtype") or value.dtype.kind != "f":
            continue
        for grad in (f"d{name}", f"d_{name}", f"grad_{name}", f"{name}_grad", f"g{name}"):
            if grad in own:
                found[name] = ((name,), (grad,))
    return found


def _get(thing: Any, where: Where) -> Any:
    value = vars(thing).get(where[0])
    if len(where) == 1 or value is None:
        return value
    try:
        return value[where[1]]
    except (KeyError, IndexError):
        return None


def _put(thing: Any, where: Where, value: Any) -> None:
    if len(where) == 1:
        setattr(thing, where[0], value)
        return
    container = getattr(thing, where[0])
    old = container[where[1]]
    if isinstance(old, np.ndarray) and old.dtype == value.dtype and old.shape == value.shape:
        old[...] = value  # the object may hold the same array under another name
    else:
        container[where[1]] = value
