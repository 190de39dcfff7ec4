"""The networks of five published tutorials, written once for every engine that speaks Keras."""

from typing import Any, NamedTuple


class Program(NamedTuple):
    """A network, the shape of one sample, and how it is fed."""

    input_shape: tuple[int, int, int]
    batch_size: int
    samples: int  # in the data set it is meant for
    one_hot: bool
    layers: list[tuple[str, dict[str, Any]]]


def _conv(filters: int, size: int, **kwargs: Any) -> tuple[str, dict[str, Any]]:
    return "Conv2D", {"filters": filters, "kernel_size": size, "activation": "relu", **kwargs}


_POOL: tuple[str, dict[str, Any]] = ("MaxPooling2D", {"pool_size": 2})
_FLATTEN: tuple[str, dict[str, Any]] = ("Flatten", {})
_OUT = ("Dense", {"units": 10, "activation": "softmax"})


def _dense(units: int) -> tuple[str, dict[str, Any]]:
    return "Dense", {"units": units, "activation": "relu"}


def _dropout(rate: float) -> tuple[str, dict[str, Any]]:
    return "Dropout", {"rate": rate}


_THREE_CONV = [
    _conv(32, 3), _POOL, _conv(64, 3), _POOL, _conv(64, 3), _FLATTEN, _dense(64), _OUT,
]  # fmt: skip

PROGRAMS = {
    "cifar10_dense512": Program(
        (32, 32, 3), 32, 50_000, False,
        [_conv(32, 3), _POOL, _conv(64, 3), _POOL, _FLATTEN, _dense(512), _OUT],
    ),
    "cifar10_three_conv": Program((32, 32, 3), 32, 50_000, False, _THREE_CONV),
    "cifar10_tensorflow": Program((32, 32, 3), 32, 50_000, True, _THREE_CONV),
    "mnist_one_conv": Program(
        (28, 28, 1), 128, 60_000, True, [_conv(32, 3), _POOL, _FLATTEN, _dense(128), _OUT]
    ),
    "mnist_two_conv": Program(
        (28, 28, 1), 128, 60_000, True,
        [
            _conv(32, 5, padding="same"), _POOL, _conv(64, 2, padding="same"), _POOL,
            _dropout(0.25), _FLATTEN, _dense(1000), _dropout(0.5), _OUT,
        ],
    ),
}  # fmt: skip


def build(engine: Any, program: Program) -> Any:
    """The compiled model of a program. ``engine`` has ``layers`` and ``Sequential``."""
    model = engine.Sequential([engine.layers.Input(program.input_shape)])
    for kind, arguments in program.layers:
        model.add(getattr(engine.layers, kind)(**arguments))
    loss = "categorical_crossentropy" if program.one_hot else "sparse_categorical_crossentropy"
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return model
