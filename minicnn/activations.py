"""Activation functions, as in Keras: call one on an array, or name it in a layer.

``Dense(10, activation="relu")``, ``activation=activations.relu`` and ``Activation("relu")`` mean
the same. Each function has a *stage* with forward and backward written by hand; a plain Python
function has no backward, so an activation of your own is a layer: see ``minicnn.layers.Layer``.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from minicnn import backends, config, registry
from minicnn.backends.context import Context
from minicnn.backends.spec import Array
from minicnn.engine import stages
from minicnn.engine.arrays import host_array

#: what stands for an activation: its name, its function, a layer, or None for linear
Activation = str | Callable[..., Array] | None


def _elementwise(function: str, alpha: float = 1.0) -> stages.Operation:
    return stages.Operation("elementwise", function=function, alpha=alpha)


#: name -> what makes the stage that runs it
_STAGES: dict[str, Callable[..., stages.Stage]] = {
    "relu": stages.ReLU,
    "relu6": partial(stages.ReLU, "relu6", 0.0, 6.0),
    "leaky_relu": partial(stages.ReLU, "leaky_relu", 0.2),
    **{name: partial(stages.Operation, name) for name in ("sigmoid", "tanh")},
    **{name: partial(stages.Operation, name, axis=-1) for name in ("softmax", "log_softmax")},
    **{
        name: partial(_elementwise, name)
        for name in (
            "elu", "celu", "selu", "gelu", "silu", "softplus", "softsign", "hard_sigmoid",
            "hard_silu", "exponential", "mish",
        )
    },
}  # fmt: skip


def linear(x: Array) -> Array:
    """y = x."""
    return x


def relu(
    x: object, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Array:
    """max(x, 0); with arguments, as the ``ReLU`` layer."""
    return _run(stages.ReLU("", negative_slope, max_value, threshold), x)


def leaky_relu(x: object, negative_slope: float = 0.2) -> Array:
    """x where x > 0, negative_slope x elsewhere."""
    return _run(stages.ReLU("", negative_slope), x)


def elu(x: object, alpha: float = 1.0) -> Array:
    """x where x > 0, alpha (exp(x) - 1) elsewhere."""
    return _run(_elementwise("elu", alpha), x)


def celu(x: object, alpha: float = 1.0) -> Array:
    """max(x, 0) + min(alpha (exp(x / alpha) - 1), 0)."""
    return _run(_elementwise("celu", alpha), x)


def gelu(x: object, approximate: bool = False) -> Array:
    """x Phi(x), Phi the normal distribution function; ``approximate`` uses tanh."""
    return _run(_elementwise("gelu_tanh" if approximate else "gelu"), x)


def softmax(x: object, axis: int = -1) -> Array:
    """exp(x) / sum(exp(x)) along ``axis``."""
    return _run(stages.Operation("softmax", axis=axis), x)


def log_softmax(x: object, axis: int = -1) -> Array:
    """log(softmax(x)) along ``axis``."""
    return _run(stages.Operation("log_softmax", axis=axis), x)


def _function(name: str, formula: str) -> Callable[[object], Array]:
    """An activation that takes nothing but the array."""

    def function(x: object) -> Array:
        return _run(_STAGES[name](), x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = formula
    return function


relu6 = _function("relu6", "min(max(x, 0), 6).")
selu = _function("selu", "1.0507 x where x > 0, 1.0507 * 1.67326 (exp(x) - 1) elsewhere.")
silu = _function("silu", "x sigmoid(x), also called swish.")
softplus = _function("softplus", "log(1 + exp(x)).")
softsign = _function("softsign", "x / (1 + |x|).")
sigmoid = _function("sigmoid", "1 / (1 + exp(-x)).")
hard_sigmoid = _function("hard_sigmoid", "clip(x / 6 + 0.5, 0, 1).")
hard_silu = _function("hard_silu", "x hard_sigmoid(x).")
tanh = _function("tanh", "tanh(x).")
exponential = _function("exponential", "exp(x).")
mish = _function("mish", "x tanh(softplus(x)).")
swish, hard_swish = silu, hard_silu

_FUNCTIONS: dict[str, Callable[..., Array]] = {name: globals()[name] for name in _STAGES}
_FUNCTIONS |= {"linear": linear, "swish": silu, "hard_swish": hard_silu}


def get(identifier: Activation) -> Any:
    """The activation that ``identifier`` stands for.

    Args:
        identifier: None (linear), a name, a function of this module, or an object with ``forward``
            and ``backward`` such as a layer.

    Raises:
        ValueError: an unknown name (the nearest known one is suggested), or a plain function.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        if identifier in _FUNCTIONS:
            return _FUNCTIONS[identifier]
        raise ValueError(
            f"Could not interpret activation function identifier: {identifier}"
            f"{registry.suggestion(identifier, _FUNCTIONS)}"
        )
    if identifier in _FUNCTIONS.values():
        return identifier
    if hasattr(identifier, "forward") and hasattr(identifier, "backward"):
        return identifier
    raise ValueError(
        f"Could not interpret activation function identifier: {identifier!r}. minicnn writes every "
        "derivative by hand, so a plain function cannot train: use a name such as 'relu', or a "
        "layer with forward and backward"
    )


def stage(activation: Callable[..., Array], layer_name: str) -> Any:
    """The stage that runs ``activation`` (what ``get`` returned), or None for linear."""
    if activation is linear:
        return None
    if hasattr(activation, "forward"):
        return activation
    made = _STAGES[activation.__name__]()
    made.name = f"{layer_name}/{activation.__name__}"
    return made


def serialize(activation: Callable[..., Array]) -> str:
    """Name of the activation, as saved in a configuration."""
    return getattr(activation, "__name__", None) or type(activation).__name__


registry.SERIALIZERS["activation"] = serialize


def _run(made: stages.Stage, x: object) -> Array:
    """Run a stage on an array, outside of any model."""
    ops = backends.get(config.backend())
    array = host_array(x, f"the argument of {made.name}")
    if array.dtype.kind != "f":
        array = array.astype(config.floatx())
    with ops.running():
        return ops.to_numpy(made.forward(Context(ops), ops.asarray(array)))
