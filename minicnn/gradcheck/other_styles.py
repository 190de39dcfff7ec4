"""Other styles: a pair of functions, and a class with ``forward(x)`` and ``backward(dy)``.

Functions are ``forward(x, w, b) -> (out, cache)`` and ``backward(dout, cache)``. Understood as
well: forward returning ``out`` alone (backward then takes dout, or dout and the inputs),
``(out, cache_1, cache_2, ...)``, ``(out, backprop)`` with a function that backpropagates, a loss
that returns ``(loss, dx)``, ``backward(cache)`` of a loss, ``backward(cache, dout)``; gradients as
one array, a tuple in the order of forward's arguments, or a dictionary.

Weights of a class are found by their gradients: ``self.W`` with ``self.dW`` (or ``grad_W``,
``W_grad``, ``d_W``), or two lists or dictionaries ``self.params`` and ``self.grads``.
"""

import copy
import functools
import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minicnn.backends import spec
from minicnn.gradcheck import targets, user_code
from minicnn.gradcheck.targets import Array, Call, Run, Settings, Shrink, Target, Values
from minicnn.gradcheck.user_code import GradientCheckError, guarded, in_words, one_array

Params = Mapping[str, Any] | Sequence[Any]
#: arguments of these names are what an output is compared with; no gradient is expected for them
TARGET_NAMES = {
    "y", "t", "target", "targets", "label", "labels", "y_true", "truth", "true", "onehot",
    "one_hot", "y_onehot", "mask", "idx", "index", "indices", "running_mean", "running_var",
    "moving_mean", "moving_var", "moving_variance",
}  # fmt: skip
CACHE_NAMES = ("cache", "ctx", "context", "state", "saved")


class FunctionTarget(Target):
    """Adapter for a pair of functions, or for one that returns its gradients as well."""

    def __init__(
        self, forward: Callable[..., Any], backward: Callable[..., Any] | None, x: object,
        params: Params, settings: Settings,
    ) -> None:  # fmt: skip
        where = "cupy" if settings.backend == "cupy" else "numpy"
        super().__init__(_name(forward), settings, where)
        self.f, self.b = forward, backward
        self.names = argument_names(forward)
        self.arguments = self._bind(x, params)
        self.by_name = all(n in self.names for n in self.arguments) and not any(
            p.kind == p.POSITIONAL_ONLY for p in _parameters(forward)
        )
        for name, value in self.arguments.items():
            self._sort(name, value)
        self.axes = {n: targets.plain_axes(v.shape) for n, v in self.values.items()}
        self._learn_form()

    def _bind(self, x: object, params: Params) -> dict[str, Any]:
        """All arguments of forward by name, in its order."""
        if isinstance(params, Mapping):
            given = dict(params)
            if x is not None:
                first = self.names[0] if self.names else "x"
                given = {first: x, **{k: v for k, v in given.items() if k != first}}
        else:
            rest = [x, *params] if x is not None else list(params)
            names = [*self.names, *(f"argument {i}" for i in range(len(self.names), len(rest)))]
            given = dict(zip(names, rest, strict=False))
        missing = [p.name for p in _parameters(self.f) if p.kind in _POSITIONAL
                   and p.default is p.empty and p.name not in given]  # fmt: skip
        if missing:
            raise GradientCheckError(
                f"{self.name} also needs {', '.join(missing)}: give them with "
                f"params={{{', '.join(f'{n!r}: ...' for n in missing)}}}",
                self.f,
            )
        unknown = [n for n in given if n not in self.names] if self.names else []
        if unknown and not any(p.kind in _ANY_NUMBER for p in _parameters(self.f)):
            raise GradientCheckError(
                f"{self.name} has no argument {unknown[0]!r}; it takes {', '.join(self.names)}",
                self.f,
            )
        order = {n: i for i, n in enumerate(self.names)}
        return dict(sorted(given.items(), key=lambda item: order.get(item[0], 99)))

    def _sort(self, name: str, value: Any) -> None:
        """Into arrays to differentiate, constant arrays, and everything else."""
        if name == (self.names[0] if self.names else "x"):
            self.values[name] = self.input_array(value)
        elif (
            isinstance(value, list)
            or hasattr(value, "__array__")
            or (hasattr(value, "get") and hasattr(value, "dtype"))
        ):
            array = targets.host(value)
            if array.dtype.kind == "f" and array.ndim > 0 and name.lower() not in TARGET_NAMES:
                self.values[name] = self.as_float64(value, name)
            elif array.dtype.kind in "fiub":
                self.constants[name] = array
        else:
            self.rates |= targets.rates(value if isinstance(value, dict) else {name: value})

    def _learn_form(self) -> None:
        """Call forward once: what comes with the output says how backward is called."""
        out = self._call_forward(self._start(self.values))
        self.style = "plain"
        if isinstance(out, tuple) and len(out) >= 2:
            self.style = "cache" if len(out) == 2 else "caches"
            if self.b is None:
                self.style = "closure" if callable(out[1]) else "gradients"
        elif self.b is None:
            raise GradientCheckError(
                f"{self.name} has no backward: give a pair (forward, backward)", self.f
            )
        y = self._output(out)
        self.dy_at = 0
        if self.style == "gradients":
            self.takes_cotangent = False
        elif self.b is not None:
            taken = [n.lower() for n in argument_names(self.b)]
            is_dy = [n.startswith(("d", "grad", "g_", "upstream", "up")) for n in taken]
            no_room = not taken or (len(taken) == 1 and self.style == "cache")
            if y.ndim == 0 and (no_room or (self.style == "plain" and not is_dy[0])):
                self.takes_cotangent = False
            elif len(taken) > 1 and not is_dy[0] and (is_dy[1] or taken[0] in CACHE_NAMES):
                self.dy_at = 1
        if not self.takes_cotangent and y.size != 1:
            text = f"backward of {self.name} takes no gradient of the output, but the output has"
            raise GradientCheckError(f"{text} shape {y.shape}", self.b or self.f)

    # -- running -----------------------------------------------------------------------------

    def _start(self, values: Values) -> Call:
        return Call({
            n: self.lend(values[n]) if n in values else copy.deepcopy(v)
            for n, v in self.arguments.items()
        })  # fmt: skip

    def _call_forward(self, call: Call) -> Any:
        what = f"forward ({self.name})"
        if self.by_name:
            return guarded(self.f, what, **call.arrays)
        return guarded(self.f, what, *call.arrays.values())

    def _output(self, out: Any) -> Array:
        y = out[0] if isinstance(out, tuple) and out else out
        if y is None or not (np.isscalar(y) or hasattr(y, "shape")):
            wanted = f"forward ({self.name}) must return an array (and a cache)"
            raise GradientCheckError(f"{wanted}, it returned {in_words(y)}", self.f)
        return targets.host(y)

    def _forward(self, call: Call) -> Array:
        call.memory = self._call_forward(call)
        return self._output(call.memory)

    def _cotangent(self, call: Call, dy: Array) -> Any:
        """dy where forward's y lives; a number where y is one."""
        lent = self.lend(dy)
        return np.float64(dy) if dy.ndim == 0 and isinstance(lent, np.ndarray) else lent

    def _backward(self, call: Call, dy: spec.Array, run: Run) -> dict[str, spec.Array | None]:
        out = call.memory
        if self.style == "gradients":
            return self._named(out[1] if len(out) == 2 else tuple(out[1:]), self.f)
        function = out[1] if self.style == "closure" else self.b
        assert function is not None
        rest: list[Any] = []
        if self.style in ("cache", "caches"):
            rest = list(out[1:])
        elif self.style == "plain":
            count = len(argument_names(function)) - int(self.takes_cotangent)
            rest = list(call.arrays.values())[: max(count, 0)]
        if self.takes_cotangent:
            rest.insert(self.dy_at, dy)
        return self._named(guarded(function, f"backward ({_name(function)})", *rest), function)

    def _named(self, got: Any, function: Callable[..., Any]) -> dict[str, spec.Array | None]:
        """Gradients by array name, from whatever backward returned."""
        if got is None:
            raise GradientCheckError(
                f"backward ({_name(function)}) returned {in_words(got)}", function
            )
        if isinstance(got, Mapping):
            return {n: next((got[k] for k in (f"d{n}", f"d_{n}", f"grad_{n}", n) if k in got), None)
                    for n in self.values}  # fmt: skip
        items = list(got) if isinstance(got, tuple | list) else [got]
        names = list(self.values)
        if len(items) > len(names) and len(items) == len(self.arguments):
            items = [g for n, g in zip(self.arguments, items, strict=True) if n in self.values]
        while len(items) > len(names) and items[-1] is None:
            items.pop()
        if len(items) > len(names):
            raise GradientCheckError(
                f"backward ({_name(function)}) returned {len(items)} gradients, but forward has "
                f"{len(names)} float arrays: {', '.join(names)}",
                function,
            )
        return dict(zip(names, [*items, *[None] * (len(names) - len(items))], strict=True))

    # -- for the diagnosis -------------------------------------------------------------------

    def resized(self, shrink: Shrink) -> Target | None:
        """Equal lengths are kept equal: an old length becomes the same new one wherever it is."""
        x = self.values[self.first]
        new: dict[int, int] = {}
        batch = min(x.shape[0], shrink.batch)
        if shrink.add_batch:
            batch = x.shape[0] + shrink.add_batch
        else:
            others = (v for n, v in self.values.items() if n != self.first)
            lengths = {n for shape in (x.shape[1:], *(v.shape for v in others)) for n in shape}
            for n in sorted(lengths):
                limit = max(shrink.space, max(new.values(), default=0) + 1) if n > 7 else n
                new[n] = min(n, limit)
        if batch == x.shape[0] and all(old == n for old, n in new.items()):
            return None
        params = dict(self.arguments)
        for name, value in {**self.values, **self.constants}.items():
            shape = [new.get(n, n) for n in value.shape]
            if name == self.first or (name in self.constants and value.shape[:1] == x.shape[:1]):
                shape[0] = batch
            if name == self.first:
                params[name] = targets.generic_input(tuple(shape), self.settings.seed)
            else:  # the leading part, or samples repeated where it must grow
                for axis, n in enumerate(shape):
                    value = np.take(value, np.arange(n) % value.shape[axis], axis)
                params[name] = value
        return FunctionTarget(self.f, self.b, None, params, self.settings)

    def source(self, name: str) -> list[str]:
        position = list(self.values).index(name) + (self.style == "gradients")
        return user_code.returns(self.b or self.f, position, (f"d{name}", name))


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_ANY_NUMBER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def argument_names(function: Callable[..., Any]) -> list[str]:
    """Names of the arguments of a function; empty when it will not tell."""
    return [p.name for p in _parameters(function) if p.kind not in _ANY_NUMBER]


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


Where = tuple[Any, ...]  # ("W",), or ("params", "W")


class ObjectTarget(Target):
    """Adapter for an object with ``forward(x)`` and ``backward(dy)``.

    Args:
        make: returns a new object.
    """

    def __init__(self, name: str, make: Callable[[], Any], x: object, settings: Settings) -> None:
        super().__init__(name, settings)
        self.origin = guarded(make, f"creating {name}")
        self.values["x"] = self.input_array(x)
        trial = copy.deepcopy(self.origin)
        y = self._array(trial, "forward", self.lend(self.values["x"]))
        try:
            guarded(trial.backward, f"backward of {name}", np.zeros_like(y))
        finally:
            self.slots = _slots(trial)
        rng = np.random.default_rng(settings.seed + 1)
        for key, (where, _) in self.slots.items():
            self.values[key] = targets.apart(self.as_float64(_get(trial, where), key), rng)
        if any(_get(self.origin, where) is None for where, _ in self.slots.values()):
            self.origin = trial  # weights are made by the first forward call
        self.axes = {n: targets.plain_axes(v.shape) for n, v in self.values.items()}
        self.rates = targets.rates(vars(self.origin))

    def _array(self, thing: object, method: str, argument: Array) -> Array:
        function = getattr(thing, method)
        got = guarded(function, f"{method} of {self.name}", argument)
        return targets.host(got if np.isscalar(got) else one_array(got, function, self.name))

    def _start(self, values: Values) -> Call:
        thing = copy.deepcopy(self.origin)
        for key, (where, _) in self.slots.items():
            _put(thing, where, np.array(values[key]))
        return Call({"x": self.lend(values["x"])}, thing)

    def _forward(self, call: Call) -> Array:
        return self._array(call.memory, "forward", call.arrays["x"])

    def _backward(self, call: Call, dy: spec.Array, run: Run) -> dict[str, spec.Array | None]:
        dx = self._array(call.memory, "backward", dy)
        return {"x": dx, **{k: _get(call.memory, grad) for k, (_, grad) in self.slots.items()}}

    def _held(self, call: Call, name: str) -> spec.Array:
        return call.arrays["x"] if name == "x" else _get(call.memory, self.slots[name][0])

    def _restore(self, call: Call, name: str, value: Array, who: str) -> None:
        if name == "x":
            call.arrays["x"][...] = value
        else:
            _put(call.memory, self.slots[name][0], np.array(value))

    def _of_shape(self, shape: tuple[int, ...]) -> Target | None:
        return ObjectTarget(self.name, lambda: copy.deepcopy(self.origin), shape, self.settings)

    def source(self, name: str) -> list[str]:
        backward = type(self.origin).backward
        if name == "x":
            return user_code.returns(backward, 0)
        return user_code.attribute_lines(backward, str(self.slots[name][1][-1]))


def _slots(thing: object) -> dict[str, tuple[Where, Where]]:
    """name -> where the weight is, and where its gradient is."""
    own = vars(thing)
    params, grads = own.get("params"), own.get("grads")
    if isinstance(params, Mapping) and isinstance(grads, Mapping):
        return {str(k): (("params", k), ("grads", k)) for k in params}
    if isinstance(params, list) and isinstance(grads, list):
        return {f"params[{i}]": (("params", i), ("grads", i)) for i in range(len(params))}
    return {
        name: ((name,), (grad,))
        for name, value in own.items()
        if hasattr(value, "dtype") and value.dtype.kind == "f"
        for grad in (f"d{name}", f"d_{name}", f"grad_{name}", f"{name}_grad", f"g{name}")
        if grad in own
    }


def _get(thing: object, where: Where) -> Any:
    try:
        return functools.reduce(operator.getitem, where, vars(thing))
    except (KeyError, IndexError, TypeError):
        return None


def _put(thing: object, where: Where, value: Array) -> None:
    if len(where) == 1:
        setattr(thing, where[0], value)
        return
    container = getattr(thing, where[0])
    old = container[where[1]]
    if isinstance(old, np.ndarray) and old.dtype == value.dtype and old.shape == value.shape:
        old[...] = value  # the object may hold the same array under another name
    else:
        container[where[1]] = value
