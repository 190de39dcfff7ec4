"""An optimizer without a model: it updates variables that somebody else holds."""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from minicnn import backends, config
from minicnn.engine.arrays import host_array
from minicnn.engine.parameters import Parameter, ParameterStore


class Shadow(Parameter):
    """A weight that stands for a variable outside: copied in before a step, back after it."""

    def __init__(self, variable: Any) -> None:
        name = str(getattr(variable, "name", "variable"))
        super().__init__(name, host_array(variable, f"variable {name!r}", config.floatx()))
        self.path = str(getattr(variable, "path", name))
        self.variable = variable


class StandAlone:
    """The part of an optimizer that is used on variables of one's own, as in Keras.

    A variable is a :class:`~minicnn.engine.parameters.Parameter`, or anything with ``assign``
    that NumPy makes an array of. The arithmetic is the same as in ``fit``.
    """

    build: Any
    apply: Any
    built: bool
    _store: Any
    _unknown: Any

    @property
    def iterations(self) -> int:
        """Number of updates done."""
        raise NotImplementedError

    @property
    def variables(self) -> list[Any]:
        """The state."""
        raise NotImplementedError

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> int:
        """One update of variables from pairs (gradient, variable); returns ``iterations``.

        The first call settles which variables are served. One with the gradient None stays as it
        is, with a warning.

        Raises:
            ValueError: every gradient is None, a shape differs, or a variable is not served.
        """
        grads, variables = zip(*grads_and_vars, strict=True)
        self.apply(grads, variables)
        return self.iterations

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy ``weights``, arrays or variables in the order of ``variables``, into the state.

        Raises:
            ValueError: the optimizer is not built, or the number or a shape differs.
        """
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. "
                "Please call `optimizer.build(trainable_variables)` to create its state first."
            )
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def _serve(self, variables: Iterable[Any]) -> None:
        """Lay out the state for variables outside."""
        ops = backends.get("numpy")
        shadows: list[Parameter] = [Shadow(v) for v in variables]
        self.build(ParameterStore(shadows, ops, config.floatx()), ops)

    def _step(self, grads: Sequence[Any], variables: Sequence[Any] | None) -> None:
        """One update of ``variables``, by default all that are served."""
        if variables is None:
            variables = [p.variable for p in self._store.parameters]
        if not self.built:
            self._serve(variables)
        given = dict(zip(map(id, variables), grads, strict=True))
        shadows = [p for p in self._store.parameters if isinstance(p, Shadow)]
        if unknown := given.keys() - {id(p.variable) for p in shadows}:
            raise self._unknown(next(v for v in variables if id(v) in unknown))
        trained = [p for p in shadows if given.get(id(p.variable)) is not None]
        if not trained:
            raise ValueError("No gradients provided for any variable.")
        if missing := [p.path for p in shadows if given.get(id(p.variable), p) is None]:
            warnings.warn(
                f"Gradients do not exist for variables {missing} when minimizing the loss.",
                stacklevel=4,
            )
        gradients = [
            host_array(given[id(p.variable)], f"the gradient of {p.path!r}") for p in trained
        ]
        for p, gradient in zip(trained, gradients, strict=True):
            p.assign(p.variable)
            p.grad[...] = gradient
        for p in shadows:
            p.frozen = p not in trained
        self.apply()
        for p in shadows:
            p.frozen = False
        for p in trained:
            limit = getattr(p.variable, "constraint", None)
            p.variable.assign(p.numpy() if limit is None else limit(p.numpy()))
