"""A bare pair of functions: ``forward(x, w, b) -> (out, cache)``, ``backward(dout, cache)``.

Understood as well: forward returning ``out`` alone (backward then takes dout, or dout and the
inputs), ``(out, cache_1, cache_2, ...)``, ``(out, backprop)`` with a function that backpropagates,
a loss that returns ``(loss, dx)``, ``backward(cache)`` of a loss, ``backward(cache, dout)``;
gradients as one array, a tuple in the order of forward's arguments, or a dictionary.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minicnn.gradcheck import source
from minicnn.gradcheck.errors import GradientCheckError, definition, guarded
from minicnn.gradcheck.shrinking import resized_array, shrunk_sizes
from minicnn.gradcheck.signatures import (
    argument_names,
    positional_only,
    required_names,
    takes_any,
)
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

#: arguments of these names are what an output is compared with; no gradient is expected for them
TARGET_NAMES = {
    "y", "t", "target", "targets", "label", "labels", "y_true", "truth", "true", "onehot",
    "one_hot", "y_onehot", "mask", "idx", "index", "indices", "running_mean", "running_var",
    "moving_mean", "moving_var", "moving_variance",
}  # fmt: skip


class FunctionTarget(Target):
    """Adapter for a pair of functions, or for one that returns its gradients as well."""

    kind = "functions"

    def __init__(
        self, forward: Callable[..., Any], backward: Callable[..., Any] | None, x: Any,
        params: Mapping[str, Any] | Sequence[Any], *, seed: int, arrays: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(getattr(forward, "__name__", type(forward).__name__))
        self.f, self.b, self.params, self.seed = forward, backward, params, seed
        self.arrays = arrays if arrays is not None else _array
        self.names = argument_names(forward)
        self.arguments: dict[str, Any] = self._bind(x)
        for name, value in self.arguments.items():
            self._sort(name, value)
        self.axes = {n: plain_axes(v.shape) for n, v in self.values.items()}
        self._learn_form()

    def _bind(self, x: Any) -> dict[str, Any]:
        first = self.names[0] if self.names else "x"
        if isinstance(self.params, Mapping):
            given = dict(self.params)
            if x is not None:
                given = {first: x, **{k: v for k, v in given.items() if k != first}}
        else:
            rest = [x, *self.params] if x is not None else list(self.params)
            names = [*self.names, *(f"argument {i}" for i in range(len(self.names), len(rest)))]
            given = dict(zip(names, rest, strict=False))
        required = required_names(self.f)
        missing = [n for n in required if n not in given]
        if missing:
            raise GradientCheckError(
                f"{self.name} also needs {', '.join(missing)}: give them with "
                f"params={{{', '.join(f'{n!r}: ...' for n in missing)}}}\n  {definition(self.f)}"
            )
        unknown = [n for n in given if n not in self.names] if self.names else []
        if unknown and not takes_any(self.f):
            raise GradientCheckError(
                f"{self.name} has no argument {unknown[0]!r}; it takes {', '.join(self.names)}"
                f"\n  {definition(self.f)}"
            )
        self.first = first
        order = {n: i for i, n in enumerate(self.names)}
        return dict(sorted(given.items(), key=lambda item: order.get(item[0], 99)))

    def _sort(self, name: str, value: Any) -> None:
        """Into arrays to differentiate, constant arrays, and everything else."""
        if name == self.first:
            self.values[name] = input_array(value, self.seed, self.notes)
            return
        if (
            isinstance(value, list)
            or hasattr(value, "__array__")
            or (hasattr(value, "get") and hasattr(value, "dtype"))
        ):
            array = np.asarray(host(value))
            if array.dtype.kind == "f" and array.ndim > 0 and name.lower() not in TARGET_NAMES:
                self.values[name] = as_float64(value, name, self.notes)
            elif array.dtype.kind in "fiub":
                self.constants[name] = array
        elif isinstance(value, float) and 0 < value < 1:
            self.rates[name] = value
        elif isinstance(value, dict):
            self.rates |= {k: v for k, v in value.items() if isinstance(v, float) and 0 < v < 1}

    def _learn_form(self) -> None:
        """Call forward once: what comes with the output says how backward is called."""
        out = self._call_forward(self.values)
        self.style = "plain"
        if isinstance(out, tuple) and len(out) >= 2:
            self.style = "cache" if len(out) == 2 else "caches"
            if self.b is None:
                self.style = "closure" if callable(out[1]) else "gradients"
        elif self.b is None:
            raise GradientCheckError(
                f"{self.name} has no backward: give a pair (forward, backward)"
                f"\n  {definition(self.f)}"
            )
        y = self._output(out)
        taken = argument_names(self.b) if self.b is not None else []
        self.dy_at = 0
        if self.style == "gradients":
            self.takes_cotangent = False
        elif self.b is not None:
            is_dy = [n.lower().startswith(("d", "grad", "g_", "upstream", "up")) for n in taken]
            cache_first = bool(taken) and taken[0].lower() in (
                "cache",
                "ctx",
                "context",
                "state",
                "saved",
            )
            no_room = not taken or (len(taken) == 1 and self.style == "cache")
            if y.ndim == 0 and (no_room or (self.style == "plain" and not is_dy[0])):
                self.takes_cotangent = False
            elif len(taken) > 1 and not is_dy[0] and (is_dy[1] or cache_first):
                self.dy_at = 1
        if not self.takes_cotangent and y.size != 1:
            raise GradientCheckError(
                f"backward of {self.name} takes no gradient of the output, but the output has "
                f"shape {y.shape}\n  {definition(self.b or self.f)}"
            )

    # -- running -----------------------------------------------------------------------------

    def _call_forward(self, values: Values, keep: dict[str, Any] | None = None) -> Any:
        arguments = keep if keep is not None else self._arguments(values)
        return (
            guarded(self.f, f"forward ({self.name})", **arguments)
            if self._by_name()
            else guarded(self.f, f"forward ({self.name})", *arguments.values())
        )

    def _by_name(self) -> bool:
        return all(n in self.names for n in self.arguments) and not positional_only(self.f)

    def _arguments(self, values: Values) -> dict[str, Any]:
        return {
            n: self.arrays(values[n]) if n in values else copy.deepcopy(v)
            for n, v in self.arguments.items()
        }

    def _output(self, out: Any) -> Array:
        y = out[0] if isinstance(out, tuple) and out else out
        if y is None or not (np.isscalar(y) or hasattr(y, "shape")):
            what = "None; is a return statement missing?" if y is None else f"a {type(y).__name__}"
            raise GradientCheckError(
                f"forward ({self.name}) must return an array (and a cache), it returned {what}"
                f"\n  {definition(self.f)}"
            )
        return np.asarray(host(y))

    def forward(self, values: Values) -> Array:
        return self._output(self._call_forward(values))

    def run(self, values: Values, dy: Array, fill: float = 0.0, twice: bool = False) -> Run:
        arguments = self._arguments(values)
        out = self._call_forward(values, arguments)
        run = Run(self._output(out), {})
        self._note_changes(run, "forward", values, arguments)
        run.grads = self._backward(out, arguments, values, dy, run)
        if twice and self.style != "gradients":
            run.again = self._backward(out, arguments, values, dy, Run(run.y, {}))
        return run

    def _backward(
        self, out: Any, arguments: dict[str, Any], values: Values, dy: Array, run: Run
    ) -> dict[str, Array | None]:
        lent = self.arrays(dy)
        if dy.ndim == 0 and isinstance(lent, np.ndarray):
            lent = np.float64(dy)
        function = out[1] if self.style == "closure" else self.b
        if self.style == "gradients":
            got = out[1] if len(out) == 2 else tuple(out[1:])
        else:
            assert function is not None
            rest: list[Any] = []
            if self.style == "cache":
                rest = [out[1]]
            elif self.style == "caches":
                rest = list(out[1:])
            elif self.style == "plain":
                count = len(argument_names(function)) - int(self.takes_cotangent)
                rest = list(arguments.values())[: max(count, 0)]
            if self.takes_cotangent:
                rest.insert(self.dy_at, lent)
            got = guarded(function, f"backward ({_name(function)})", *rest)
        grads = self._named(got, function or self.f)
        run.dtypes = {n: str(getattr(g, "dtype", "float64")) for n, g in grads.items()}
        result = {n: None if g is None else np.asarray(host(g)) for n, g in grads.items()}
        if self.takes_cotangent and not np.array_equal(host(lent), dy, equal_nan=True):
            run.changed.add(("backward", "dy"))
        self._note_changes(run, "backward", values, arguments)
        return result

    def _named(self, got: Any, function: Any) -> dict[str, Any]:
        """Gradients by array name, from whatever backward returned."""
        if got is None:
            raise GradientCheckError(
                f"backward ({_name(function)}) returned None; is a return statement missing?"
                f"\n  {definition(function)}"
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
                f"{len(names)} float arrays: {', '.join(names)}\n  {definition(function)}"
            )
        return dict(zip(names, [*items, *[None] * (len(names) - len(items))], strict=True))

    def _note_changes(self, run: Run, who: str, values: Values, arguments: dict[str, Any]) -> None:
        for name, value in values.items():
            if not np.array_equal(host(arguments[name]), value):
                run.changed.add((who, name))
                arguments[name][...] = self.arrays(value)

    # -- for the diagnosis -------------------------------------------------------------------

    def resized(self, shrink: Shrink) -> "Target | None":
        sizes = shrunk_sizes(self.values, self.first, shrink)
        if sizes is None:
            return None
        params = dict(self.arguments)
        for name, value in {**self.values, **self.constants}.items():
            shape = tuple(
                sizes(n, name == self.first and i == 0) for i, n in enumerate(value.shape)
            )
            if (
                name in self.constants
                and value.ndim
                and value.shape[0] == self.values[self.first].shape[0]
            ):
                shape = (sizes(value.shape[0], True), *shape[1:])
            params[name] = resized_array(value, shape, name == self.first, self.seed)
        try:
            return FunctionTarget(self.f, self.b, None, params, seed=self.seed, arrays=self.arrays)
        except GradientCheckError:
            return None

    def source(self, name: str) -> list[str]:
        function = self.b or self.f
        position = list(self.values).index(name) + (self.style == "gradients")
        return source.returns(function, position, (f"d{name}", name))


def _array(value: Array) -> Any:
    return np.array(value)


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
