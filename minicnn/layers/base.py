"""The base of every layer: names, weights, building, and a call on plain arrays.

A layer says *what* is computed; ``ctx.ops``, the backend, computes it. A layer of your own needs
``forward`` and ``backward`` only, in plain NumPy if you like; one with weights adds ``build``.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from minicnn import backends, config, constraints, initializers, registry, regularizers
from minicnn.backends.context import Context
from minicnn.backends.spec import Array, Backend
from minicnn.engine.arrays import host_array
from minicnn.engine.checks import AXES
from minicnn.engine.parameters import Parameter, ParameterStore, assign_all, first_value
from minicnn.engine.stages import Stage
from minicnn.engine.threads import between_steps
from minicnn.layers.arguments import (
    Shape,
    SymbolicTensor,
    dtype_name,
    input_shape_argument,
    valid_name,
)


class Layer:
    """One step of a network: arrays in, arrays out, with weights or without.

    Args:
        name: unique within a model; by default made from the class's name.
        trainable: False freezes the weights.
        dtype: float type of the weights; by default ``minicnn.config.floatx()``.
        input_shape: shape of one sample; on the first layer of a model it says what comes in.
        input_dim: the same for a vector: ``input_shape=(input_dim,)``.

    Raises:
        ValueError: an unknown keyword, or a name with characters that files and paths use.

    Example::

        class Swish(Layer):
            def forward(self, ctx, x):
                gate = 1 / (1 + np.exp(-x))
                ctx.save(x=x, gate=gate)
                return x * gate

            def backward(self, ctx, dy):
                return dy * ctx.gate * (1 + ctx.x * (1 - ctx.gate))

    Forward changes nothing but its context, since a training step may still be refused after it.
    What else a layer changes, such as moving averages, it hands to ``ctx.defer(change, *args)``.
    """

    #: names of the constructor's arguments beside those of every layer, in the order of the saved
    #: form; each is kept in the attribute of that name
    saved_arguments: tuple[str, ...] = ()
    #: name of the operation, by which a plan recognises runs that a backend has fused
    kind: str = ""
    #: True when there is nothing to build: ``built`` is True from the start then, as in Keras
    always_built = False
    #: number of axes, batch included, that the layer takes; None takes any
    input_ndim: int | None = None
    #: stages of their own after this layer, or None: an activation, a penalty on what comes out
    activation_stage: Stage | None = None
    activity_stage: Stage | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _noting(cls.build)  # type: ignore[assignment]
            if "always_built" not in vars(cls):
                cls.always_built = False  # it has something to build after all

    def __init__(
        self, *, name: str | None = None, trainable: bool = True, dtype: Any = None, **kwargs: Any
    ) -> None:
        self.name = valid_name(name) if name is not None else registry.unique_name(type(self))
        self.dtype = dtype_name(dtype)
        self.built = self.always_built
        self._seen_input = False
        self._draws = 0  # how often it was called by hand in training: each time draws anew
        self.input_shape_argument = input_shape_argument(kwargs)
        if kwargs:
            raise ValueError(
                f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}"
            )
        if not isinstance(trainable, bool):
            raise ValueError(
                f"layer {self.name!r}: expected trainable to be a boolean, got {trainable!r}"
            )
        self._trainable = trainable
        self._parameters: list[Parameter] = []
        self._input_shape: Shape | None = None
        self._output_shape: Shape | None = None

    # -- what a subclass writes --------------------------------------------------------------

    def build(self, input_shape: Shape) -> None:
        """Create the weights. ``input_shape`` includes the batch axis, as ``None``."""
        self._note_build(input_shape)

    def _note_build(self, input_shape: Shape) -> None:
        """``build`` has run, called by a model or by hand: it is not to run again."""
        self.built = self._seen_input = True
        self._input_shape = None if input_shape is None else tuple(input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Shape that comes out when ``input_shape`` goes in (both with the batch axis).

        The default runs ``forward`` once on zeros, where the weights are, and looks.
        """
        sample = tuple(1 if n is None else n for n in input_shape[1:])
        ops = next((p.ops for p in self.parameters if p.ops), backends.get("numpy"))
        x = ops.zeros((2, *sample), self.dtype)
        y = self.forward(Context(ops), x)
        if not hasattr(y, "shape"):
            raise ValueError(
                f"forward of layer {self.name!r} ({type(self).__name__}) returned "
                f"{type(y).__name__}, expected an array; is a return statement missing?"
            )
        return (None, *y.shape[1:])

    def forward(self, ctx: Context, x: Array) -> Array:
        """Compute y from x; keep what backward needs with ``ctx.save``."""
        hint = "; `call` has no derivative here: write forward(self, ctx, x) and backward"
        raise NotImplementedError(
            f"layer {self.name!r} ({type(self).__name__}) has no forward"
            f"{hint if hasattr(self, 'call') else ''}"
        )

    def backward(self, ctx: Context, dy: Array) -> Array:
        """Assign the weights' ``.grad`` and return dx, from dy and what forward kept."""
        raise NotImplementedError(f"layer {self.name!r} ({type(self).__name__}) has no backward")

    # -- building and running ----------------------------------------------------------------

    def ensure_built(self, input_shape: Shape) -> Shape:
        """Build once for ``input_shape``; return the shape that comes out of all stages."""
        if self.input_ndim is not None and len(input_shape) != self.input_ndim:
            raise ValueError(
                f"layer {self.name!r} ({type(self).__name__}) expects {self.input_ndim} axes "
                f"{AXES[self.input_ndim]}, got an input of shape {input_shape}"
            )
        if not self._seen_input:
            self.build(input_shape)
        self._input_shape = tuple(input_shape)
        self._output_shape = tuple(self.compute_output_shape(input_shape))
        return self._output_shape

    def stages(self) -> list[Stage]:
        """The simple steps this layer stands for: itself, then its activation if it has one."""
        following = (self.activation_stage, self.activity_stage)
        return [self, *(stage for stage in following if stage is not None)]

    def __call__(self, x: Any, training: bool = False) -> Array:
        """Run the layer on an array and return an array (inference unless ``training``)."""
        if isinstance(x, SymbolicTensor):
            raise TypeError(
                f"layer {self.name!r} was called on a symbolic tensor; minicnn has no functional "
                "API. Put the layers into Sequential([...]), or call the layer on an array"
            )
        array = host_array(x, f"the input of layer {self.name!r}", self.dtype)
        self.ensure_built((None, *array.shape[1:]))
        ops = self._backend()
        y = ops.asarray(array)
        step = ops.zeros((1,), "uint32")
        step[...] = self._draws
        self._draws += bool(training)
        with ops.running():
            for stage in self.stages():
                y = stage.forward(Context(ops, step, training), y)
        return ops.to_numpy(y)

    def _backend(self) -> Backend:
        """Where the weights are: with those of a model, else where new models compute."""
        for parameter in self.parameters:
            if parameter.ops is not None:
                return parameter.ops
        ops = backends.get(config.backend())
        if self.parameters and hasattr(ops, "capture"):  # a device, which takes no NumPy arrays
            ParameterStore(self.parameters, ops, self.dtype)  # brings them there
        return ops

    # -- weights -----------------------------------------------------------------------------

    def add_weight(
        self, shape: Sequence[int] | None = None, initializer: Any = None, dtype: Any = None,
        trainable: bool = True, *, regularizer: Any = None, constraint: Any = None,
        name: str | None = None,
    ) -> Parameter:  # fmt: skip
        """Create a weight of this layer.

        Args:
            shape: fully known sizes; ``()`` by default.
            initializer: name, object or callable; by default ``glorot_uniform`` for kernels of
                two axes or more and zeros otherwise.
            regularizer, constraint: a penalty on it and limits for it, by name or as objects.
            name: such as "kernel".

        Returns:
            The :class:`~minicnn.engine.parameters.Parameter`; read ``.value``, assign ``.grad``.
        """
        if isinstance(shape, str):
            raise ValueError(
                f"layer {self.name!r}: the name of a weight is a keyword argument, write "
                f"add_weight(name={shape!r}, shape=...)"
            )
        sizes = tuple(shape or ())
        if any(n is None for n in sizes):
            raise ValueError(
                f"layer {self.name!r}: weight {name!r} needs a fully known shape, got {sizes}; "
                "the model's input shape leaves a size open that this layer depends on"
            )
        if initializer is None:
            initializer = "glorot_uniform" if len(sizes) > 1 else "zeros"
        value = first_value(initializers.get(initializer), sizes, dtype_name(dtype or self.dtype))
        parameter = Parameter(name or f"weight_{len(self._parameters)}", value, trainable)
        parameter.path = f"{self.name}/{parameter.name}"
        parameter.frozen = not self._trainable
        parameter.regularizer = regularizers.get(regularizer)
        parameter.constraint = constraints.get(constraint)
        self._parameters.append(parameter)
        return parameter

    def _add(self, name: str, *shape: int, trainable: bool = True) -> Parameter:
        """``add_weight`` with what ``self.<name>_initializer``, ``_regularizer`` and so on say."""
        return self.add_weight(
            shape, getattr(self, f"{name}_initializer"), trainable=trainable, name=name,
            regularizer=getattr(self, f"{name}_regularizer", None),
            constraint=getattr(self, f"{name}_constraint", None),
        )  # fmt: skip

    @property
    def parameters(self) -> list[Parameter]:
        """Every weight, in the order of creation."""
        return list(self._parameters)

    @property
    def weights(self) -> list[Parameter]:
        """Trainable weights first, then the others (Keras's order)."""
        ordered = [p for p in self.parameters if p.trainable]
        return ordered + [p for p in self.parameters if not p.trainable]

    variables = weights

    @property
    def trainable(self) -> bool:
        """Whether training may change the weights; settable, takes effect on the next step."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for parameter in self._parameters:
            parameter.frozen = not value

    @property
    def trainable_weights(self) -> list[Parameter]:
        """The weights that training changes now."""
        return [p for p in self.weights if p.is_trained]

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        """The weights that training leaves alone now."""
        return [p for p in self.weights if not p.is_trained]

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    @property
    def losses(self) -> list[float]:
        """The penalties of the regularised weights that are trained now."""
        return [p.regularizer(p.numpy()) for p in self.trainable_weights if p.regularizer]

    def get_weights(self) -> list[Array]:
        """Copies of the weights as NumPy arrays, in the order of ``weights``."""
        with between_steps(self.weights):
            return [p.numpy() for p in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy ``weights`` (arrays in the order of ``weights``) into place.

        Raises:
            ValueError: the number or a shape differs; nothing is changed then.
        """
        assign_all(f"layer {self.name!r}", self.weights, weights)

    def count_params(self) -> int:
        """Number of scalars in the weights.

        Raises:
            ValueError: the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"layer {self.name!r} has no weights yet, so they cannot be counted; "
                "build it first, e.g. with build(input_shape) or by giving the model an Input"
            )
        return sum(p.size for p in self.weights)

    # -- what Keras users look up ------------------------------------------------------------

    @property
    def input(self) -> SymbolicTensor:
        """Symbolic input, for its ``.shape``."""
        return self._symbol(self._input_shape, "input")

    @property
    def output(self) -> SymbolicTensor:
        """Symbolic output, for its ``.shape``."""
        return self._symbol(self._output_shape, "output")

    def _symbol(self, shape: Shape | None, what: str) -> SymbolicTensor:
        if shape is None:
            raise AttributeError(f"layer {self.name!r} has no defined {what} shape yet")
        return SymbolicTensor(shape, self.dtype, self.name)

    @property
    def path(self) -> str:
        """Name of the layer."""
        return self.name

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this layer with ``from_config``."""
        policy = {
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": {"name": self.dtype},
            "registered_name": None,
        }
        own = registry.saved_arguments(self)
        return {"name": self.name, "trainable": self.trainable, "dtype": policy, **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Layer":
        """A new layer from what ``get_config`` returned (fresh weights, same name)."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


class SameShape(Layer):
    """Base of the layers that keep the shape of what they are given."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


def _noting(build: Callable[[Any, Shape], None]) -> Callable[[Any, Shape], None]:
    """``build``, after which the layer knows that it is built."""

    @functools.wraps(build)
    def build_and_note(self: Any, input_shape: Any = None) -> None:
        build(self, input_shape)
        self._note_build(input_shape)

    return build_and_note
