"""What every optimizer shares: learning rate, clipping, weight decay, state, configuration."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from minicnn import backends, config, registry
from minicnn.backends.spec import Array, Backend
from minicnn.engine.arrays import positional_count
from minicnn.engine.parameters import Parameter, ParameterStore
from minicnn.optimizers import schedules
from minicnn.optimizers.arguments import (
    UNSUPPORTED,
    check_clipping,
    learning_rate_from_config,
    not_a_learning_rate,
    take_further_arguments,
    warn_lr,
)
from minicnn.optimizers.variables import (
    LearningRate,
    OptimizerVariable,
    follow,
    served,
    step_alone,
    store_of,
)

#: a learning rate, or what gives one: a schedule, a function of the number of updates or of nothing
Rate = float | Callable[..., float]


class Optimizer(registry.Configured):
    """Base of the optimizers, and of your own.

    One step runs over the model's flat arrays: clip the gradients, decay the weights, update,
    count. A subclass names the arrays it keeps beside the weights and writes ``update``::

        class Momentum(Optimizer):
            slot_groups = (("velocity",),)

            def update(self, w, g, slots):
                velocity = slots["velocity"]
                velocity *= 0.9
                velocity -= self.learning_rate * g
                w += velocity

    Args:
        learning_rate: a float, a schedule, or a function that returns the rate (called with the
            number of updates done, or with nothing if it takes no argument).
        weight_decay: w -= w weight_decay learning_rate before each update.
        clipnorm: scales each weight's gradient down to this norm.
        clipvalue: clips every entry of the gradients into [-clipvalue, clipvalue].
        global_clipnorm: scales all gradients by one factor, down to this common norm.
        name: by default made from the class's name.
        **kwargs: ``lr``, the older name of ``learning_rate``, with a warning. Keras's ``use_ema``,
            ``ema_momentum``, ``ema_overwrite_frequency``, ``loss_scale_factor`` and
            ``gradient_accumulation_steps`` are not supported: only their defaults are accepted.

    Raises:
        ValueError: an argument is unknown, unsupported, of the wrong kind, or two ways of
            clipping are set.
    """

    #: names of the arrays kept for each weight, in the order of a saved file: the groups follow
    #: one another, the names of one group alternate weight by weight
    slot_groups: tuple[tuple[str, ...], ...] = ()

    def __init__(
        self, learning_rate: Rate, weight_decay: float | None = None, clipnorm: float | None = None,
        clipvalue: float | None = None, global_clipnorm: float | None = None,
        name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        learning_rate = take_further_arguments(type(self), learning_rate, kwargs)
        check_clipping(clipnorm, clipvalue, global_clipnorm)
        self.name = registry.unique_name(type(self)) if name is None else name
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.built = False
        self._store: ParameterStore  # from ``build`` on
        self._ops: Backend = backends.get("numpy")  # holds the two scalars until ``build``
        self._slots: dict[str, Array] = {}
        self._decays: Callable[[Parameter], bool] | None = None
        self._iteration = self._scalar("iteration", "int64")
        self._rate = self._scalar("learning_rate", config.floatx())
        self._schedule: Callable[..., float] | None = None
        self._schedule_takes_step = False
        if callable(learning_rate):  # a schedule is, too
            self.learning_rate = learning_rate
        elif isinstance(learning_rate, float):
            self._rate.assign(learning_rate)
        else:
            raise not_a_learning_rate(learning_rate)

    # -- one step ----------------------------------------------------------------------------

    def build(
        self, store: ParameterStore | Iterable[Parameter], ops: Backend | None = None
    ) -> None:
        """Lay out the state beside the weights of ``store``, where the backend ``ops`` computes.

        Building again changes nothing; weights that moved to another store are followed there.

        Args:
            store: the :class:`ParameterStore` of a model, or, without one, a list of variables.
            ops: the backend; not needed for a list.

        Raises:
            ValueError: the optimizer already serves another model.
        """
        if ops is None or not isinstance(store, ParameterStore):
            ops = backends.get("numpy")
        if not isinstance(store, ParameterStore):
            store = store_of(store, ops)
        if self.built:
            if store is not self._store:
                self._slots = follow(self._slots, self._store, store, ops, self._unknown)
                self._store = store
            return
        self._store, self._ops = store, ops
        self._iteration.move(ops)
        self._rate.move(ops)
        self._slots = {name: store.like(ops) for group in self.slot_groups for name in group}
        self.built = True

    def apply(
        self, grads: Sequence[Array | None] | None = None,
        trainable_variables: Sequence[Any] | None = None,
    ) -> None:  # fmt: skip
        """One update of every trained weight, from the gradients that lie in the store.

        The gradients are clipped in place. Frozen weights, and what is kept for them, stay.

        Args:
            grads, trainable_variables: without a model, see :meth:`apply_gradients`.
        """
        if grads is not None:
            if trainable_variables is None:
                trainable_variables = [p.variable for p in served(self._store)]
            if not self.built:
                self.build(trainable_variables)
            step_alone(self._store, grads, trainable_variables, self.apply, self._unknown)
            return
        if not self.built:
            raise ValueError(
                f"optimizer {self.name!r} serves no model yet; call build(store, ops) first"
            )
        self.refresh_learning_rate()
        if self._store.seen != self._store.home.changes:
            self._store.refresh()
        self.update_weights()

    def update_weights(self) -> None:
        """``apply`` with the learning rate in force: what a device can record and repeat."""
        values, grads = self._store.values, self._store.grads
        if self.clipnorm or self.clipvalue or self.global_clipnorm:
            self._clip_gradients([grads[part] for _, part in self._tensors()])
        if self.weight_decay:
            decayed = self._store.trained
            if self._decays is not None:
                decayed = [part for p, part in self._tensors() if self._decays(p)]
            for part in decayed:
                self._ops.decay_weights(values[part], self._rate.value, self.weight_decay)
        for part in self._store.trained:
            slots = {name: slot[part] for name, slot in self._slots.items()}
            self.update(values[part], grads[part], slots)
        self._ops.advance(self._iteration.value)

    def update(self, w: Array, g: Array, slots: Mapping[str, Array]) -> None:
        """Change ``w`` in place by the gradient ``g``; ``slots`` holds what is kept beside it.

        All are vectors of one length: a stretch of the model's flat arrays.
        """
        raise NotImplementedError(f"optimizer {type(self).__name__} must override `update`.")

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Array | None, Any]]) -> int:
        """One update of variables from pairs (gradient, variable); returns ``iterations``.

        The first call settles which variables are served. One with the gradient None stays as it
        is, with a warning.

        Raises:
            ValueError: every gradient is None, a shape differs, or a variable is not served.
        """
        grads, variables = zip(*grads_and_vars, strict=True)
        self.apply(grads, variables)
        return self.iterations

    # -- the learning rate -------------------------------------------------------------------

    @property
    def is_scheduled(self) -> bool:
        """Whether a schedule or a function gives the rate."""
        return self._schedule is not None

    def refresh_learning_rate(self, iterations: int | None = None) -> None:
        """Evaluate the schedule, if there is one, for the next update.

        ``apply`` does so itself; whoever replays a recorded ``update_weights`` calls this before.

        Args:
            iterations: updates so far, where the caller knows; else they are looked up.
        """
        if self._schedule is None:
            return
        if not self._schedule_takes_step:
            self._rate.assign(self._schedule())
            return
        self._rate.assign(self._schedule(self.iterations if iterations is None else iterations))

    @property
    def learning_rate(self) -> Any:
        """The rate of the next update, a float of the stored precision; settable.

        Setting a number where a schedule decides raises TypeError.
        """
        self.refresh_learning_rate()
        return LearningRate(self, self._rate)

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        if callable(value):
            self._schedule = value
            self._schedule_takes_step = positional_count(value, 1) == 1
        elif self._schedule is not None:
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its "
                "`learning_rate` constructor argument, hence its learning rate is not settable. "
                "If you need the learning rate to be settable, you should instantiate the "
                "optimizer with a float `learning_rate` argument."
            )
        else:
            self._rate.assign(value)

    @property
    def lr(self) -> Any:
        """Older name of ``learning_rate``."""
        warn_lr()
        return self.learning_rate

    @lr.setter
    def lr(self, value: Rate) -> None:
        warn_lr()
        self.learning_rate = value

    # -- state and configuration -------------------------------------------------------------

    @property
    def iterations(self) -> int:
        """Number of updates done."""
        return int(self._iteration.numpy())

    @property
    def variables(self) -> list[OptimizerVariable]:
        """The state in the order of a saved file: step count, learning rate, slots of the
        trained weights. A learning rate that a schedule gives is not state.
        """
        found = [self._iteration] if self._schedule is not None else [self._iteration, self._rate]
        for group in self.slot_groups if self.built else ():
            for p, start in zip(self._store.parameters, self._store.starts, strict=True):
                if p.is_trained:
                    found += [self._slot(slot, p, start) for slot in group]
        return found

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

    def exclude_from_weight_decay(
        self, var_list: Iterable[Parameter] = (), var_names: Iterable[str] = ()
    ) -> None:
        """Spare some weights from the decay; call it before training.

        Args:
            var_list: these weights.
            var_names: weights with one of these strings in their name, such as ["bias"].

        Raises:
            ValueError: training has begun.
        """
        if self.built:
            raise ValueError("call `exclude_from_weight_decay()` before the optimizer is built")
        spared, parts = {id(v) for v in var_list}, list(var_names)
        self._decays = lambda p: (
            id(getattr(p, "variable", p)) not in spared and not any(s in p.name for s in parts)
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this optimizer (without its state)."""
        schedule = self._schedule
        rate: object = float(self._rate)
        if isinstance(schedule, schedules.LearningRateSchedule):
            rate = schedules.serialize(schedule)
        elif schedule is not None:
            rate = registry.serialized_function(schedule)  # as in Keras, only its name
        return {
            "name": self.name, "learning_rate": rate, "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm, "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue, **UNSUPPORTED, **super().get_config(),
        }  # fmt: skip

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> "Optimizer":
        """A new optimizer from what ``get_config`` returned.

        Args:
            config: the dictionary.
            custom_objects: schedules and learning rate functions of your own, by name.

        Raises:
            ValueError: the learning rate was a function that ``custom_objects`` does not have.
        """
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            rate = learning_rate_from_config(rate, custom_objects or {})
            config = {**config, "learning_rate": rate}
        return cls(**config)

    def unbuilt(self) -> "Optimizer":
        """A new optimizer with the same arguments and without state.

        Raises:
            TypeError: weights are excluded from the decay, which no argument says.
        """
        return type(self)(**self._arguments())

    def __reduce__(self) -> tuple[Callable[[], "Optimizer"], tuple[()]]:
        if self.built:
            raise TypeError(
                f"optimizer {self.name!r} holds state for the weights of a model: copy or pickle "
                "the model, with its optimizer in it"
            )
        return functools.partial(type(self), **self._arguments()), ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    # -- private -----------------------------------------------------------------------------

    def _arguments(self) -> dict[str, Any]:
        if self._decays is not None:
            raise TypeError(
                f"optimizer {self.name!r} cannot be copied or pickled: exclude_from_weight_decay "
                "was called, and a copy would not know"
            )
        return {**self.get_config(), "learning_rate": self._schedule or float(self._rate)}

    def _scalar(self, name: str, dtype: str) -> OptimizerVariable:
        return OptimizerVariable(name, self.name, self._ops.zeros((1,), dtype), (), self._ops)

    def _slot(self, slot: str, p: Parameter, start: int) -> OptimizerVariable:
        name, value = f"{p.path.replace('/', '_')}_{slot}", self._slots[slot]
        value = self._store.view(value, p, start)
        return OptimizerVariable(name, self.name, value, p.shape, self._ops)

    def _unknown(self, variable: object) -> ValueError:
        return ValueError(
            f"Unknown variable: {variable}. This optimizer can only be called for the variables "
            "it was originally built with. When working with a new set of variables, you should "
            f"recreate a new optimizer instance: {type(self).__name__}(...)"
        )

    def _tensors(self) -> list[tuple[Parameter, slice]]:
        """The trained weights, each with its stretch of the flat arrays."""
        store = self._store
        return [
            (p, slice(start, start + p.size))
            for p, start in zip(store.parameters, store.starts, strict=True)
            if p.is_trained
        ]

    def _clip_gradients(self, grads: list[Array]) -> None:
        """Clip ``grads``, one array a weight, in place."""
        if self.clipnorm is not None:
            for g in grads:
                self._ops.clip_by_norm([g], self.clipnorm)
        elif self.global_clipnorm is not None:
            self._ops.clip_by_norm(grads, self.global_clipnorm)
        elif self.clipvalue is not None:
            for g in grads:
                self._ops.clip_by_value(g, self.clipvalue)
