"""What may be handed to an optimizer: older, unsupported, unknown and impossible arguments."""

import inspect
import warnings
from collections.abc import Callable
from typing import Any

from minicnn import registry
from minicnn.optimizers import schedules

#: Keras's arguments that have no effect here, with their defaults
UNSUPPORTED = {
    "use_ema": False, "ema_momentum": 0.99, "ema_overwrite_frequency": None,
    "loss_scale_factor": None, "gradient_accumulation_steps": None,
}  # fmt: skip
#: arguments that every optimizer takes beside its own
COMMON = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "name")


def take_further_arguments(cls: type, learning_rate: Any, kwargs: dict[str, Any]) -> Any:
    """Go through what an optimizer's signature does not name; return the learning rate.

    That is the one given as ``lr=``, if an older program gave it so, else ``learning_rate``.

    Raises:
        ValueError: an argument is unknown or not supported.
    """
    signature = inspect.signature(cls).parameters
    if "lr" in kwargs:
        warn_lr(stacklevel=5)
        own = signature.get("learning_rate")
        if own is not None and learning_rate != own.default:
            raise ValueError(
                f"both learning_rate={learning_rate} and lr={kwargs['lr']} were given; "
                "keep learning_rate"
            )
        learning_rate = kwargs.pop("lr")
    if kwargs.pop("decay", None) is not None:
        warnings.warn(
            "Argument `decay` is no longer supported and will be ignored. For the same effect "
            "use learning_rate=schedules.InverseTimeDecay(learning_rate, 1, decay)",
            stacklevel=4,
        )
    for argument, default in UNSUPPORTED.items():
        value = kwargs.pop(argument, None)
        if value is not None and value != default:
            raise ValueError(
                f"{argument}={value!r} is not supported by minicnn; leave it out "
                f"(its default is {default!r})"
            )
    if kwargs:
        known = {*signature, *COMMON} - {"common", "kwargs"}
        hint = registry.suggestion(next(iter(kwargs)), sorted(known))
        raise ValueError(f"Argument(s) not recognized: {kwargs}{hint}")
    return learning_rate


def warn_lr(stacklevel: int = 3) -> None:
    """Say that ``lr`` is an older name."""
    warnings.warn(
        "`lr` is the older name of `learning_rate`", DeprecationWarning, stacklevel=stacklevel
    )


def not_a_learning_rate(value: object) -> ValueError:
    """The error for a learning rate of the wrong kind, such as an int."""
    return ValueError(
        "Argument `learning_rate` should be float, or an instance of LearningRateSchedule, or a "
        "callable (that takes in the current iteration value and returns the corresponding "
        f"learning rate value). Received instead: learning_rate={value!r} of type "
        f"{type(value).__name__}; write a float such as 0.001 or 1.0"
    )


def check_clipping(
    clipnorm: float | None, clipvalue: float | None, global_clipnorm: float | None
) -> None:
    """Raise ValueError if two ways of clipping are set, or a limit is not positive."""
    limits = [limit for limit in (clipnorm, clipvalue, global_clipnorm) if limit is not None]
    received = f"clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
    if len(limits) > 1:
        raise ValueError(
            "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
            f"Received: {received}"
        )
    if limits and not limits[0] > 0:
        raise ValueError(f"A clipping limit must be positive, None for none. Received: {received}")


def check_fraction(argument: str, value: float) -> None:
    """Raise ValueError unless 0 <= value < 1."""
    if not 0 <= value < 1:
        raise ValueError(f"`{argument}` must be in [0, 1). Received: {argument}={value}")


def learning_rate_from_config(
    rate: dict[str, Any], custom_objects: dict[str, Any]
) -> Callable[..., float]:
    """The schedule or function that a saved configuration names.

    Raises:
        ValueError: it was a function that ``custom_objects`` does not have.
    """
    if rate.get("class_name") != "function":
        return schedules.deserialize(rate, custom_objects)
    name = rate["config"]
    if name not in custom_objects:
        raise ValueError(
            f"the learning rate was the function {name!r}, which a file cannot hold; hand it over "
            f"as custom_objects={{{name!r}: ...}}, or load with compile=False"
        )
    return custom_objects[name]
