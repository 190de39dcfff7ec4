"""What goes into training: of any kind and size, taken as it is meant and never written to."""

import random
import subprocess
import sys
import warnings

import numpy as np
import pytest

from minicnn import backends, config
from minicnn.engine.parameters import Parameter, ParameterStore
from minicnn.layers import (
    AveragePooling2D,
    Conv2D,
    Dense,
    Flatten,
    Input,
    Layer,
    MaxPooling2D,
)
from minicnn.models import Sequential
from minicnn.optimizers import Adam
from tests.faults.trained import data, small, state

X, Y = data()


class Tensor:
    """As tensors of other frameworks and tables of pandas are: it can become an array."""

    def __init__(self, array):
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype or self.array.dtype)


def mapped(array, folder):
    path = folder / f"{len(list(folder.iterdir()))}.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


#: kind -> the same numbers in that form
KINDS = {
    "float64": lambda x, folder: x.astype("float64"),
    "lists": lambda x, folder: x.tolist(),
    "tensor": lambda x, folder: Tensor(x),
    "mapped from a file": mapped,
    "every second": lambda x, folder: np.repeat(x, 2, axis=0)[::2],
    "turned": lambda x, folder: np.asfortranarray(x),
    "other byte order": lambda x, folder: x.astype(x.dtype.newbyteorder(">")),
    "read-only": lambda x, folder: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "unaligned": lambda x, folder: np.frombuffer(
        b"_" + x.tobytes(), x.dtype, offset=1
    ).reshape(x.shape),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_of_array_trains_alike(kind, backend, tmp_path):
    x, y = KINDS[kind](X, tmp_path), KINDS[kind](Y.astype("int64"), tmp_path)
    models = []
    for given in ((X, Y), (x, y)):
        random.seed(4)
        models.append(small())
        models[-1].fit(*given, batch_size=8, epochs=2, verbose=0, validation_data=given)
    assert state(models[0]) == state(models[1])
    expected = models[0].predict(X, verbose=0)
    np.testing.assert_array_equal(models[1].predict(x, verbose=0), expected)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "bool", "float16", "float64", "float32"])
def test_what_was_given_is_never_written_to(dtype, backend):
    x = (np.abs(X) * 50).astype(dtype)
    y, weights = Y.copy(), np.linspace(0, 1, len(Y))
    given = [x, y, weights]
    before = [a.tobytes() for a in given]
    model = small()
    model.fit(x, y, sample_weight=weights, batch_size=7, epochs=2, verbose=0, shuffle="batch",
              validation_split=0.3)  # fmt: skip
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    model(x)
    model.train_on_batch(x, y)
    assert [a.tobytes() for a in given] == before


SIZES = {
    "one sample": ((1, 6, 5, 2), 32),
    "batch larger than the data": ((5, 6, 5, 2), 1000),
    "one in the last batch": ((9, 6, 5, 2), 4),
    "batches of one": ((4, 6, 5, 2), 1),
}


@pytest.mark.parametrize("size", SIZES)
def test_few_samples(size, backend):
    """No batch normalisation here: its moments depend on the batch."""
    shape, batch = SIZES[size]
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal(shape), np.arange(shape[0]) % 3
    model = Sequential([
        Input(shape[1:]), Conv2D(3, 2, activation="relu"), MaxPooling2D(), Flatten(),
        Dense(3, activation="softmax"),
    ])  # fmt: skip
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    whole = model(x)
    loss, accuracy = model.evaluate(x, y, batch_size=batch, verbose=0)
    assert loss == pytest.approx(-np.log(whole[np.arange(len(y)), y]).mean(), rel=1e-5)
    assert accuracy == pytest.approx((whole.argmax(1) == y).mean())
    np.testing.assert_allclose(model.predict(x, batch_size=batch, verbose=0), whole, atol=1e-6)
    history = model.fit(x, y, batch_size=batch, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


LAYERS = {
    "images of one pixel": ((1, 1, 3), [Conv2D(4, 1)]),
    "stride beyond the window": ((7, 6, 2), [Conv2D(3, 2, strides=3)]),
    "even window, same": ((5, 4, 2), [Conv2D(3, (4, 2), padding="same")]),
    "window as large as the image": ((5, 4, 2), [Conv2D(3, (5, 4))]),
    "pool that does not divide": ((7, 5, 2), [MaxPooling2D((2, 3))]),
    "overlapping pool, same": ((5, 5, 2), [MaxPooling2D(3, strides=2, padding="same")]),
    "average pool, same": ((5, 7, 2), [AveragePooling2D(4, strides=3, padding="same")]),
    "stride beyond the pool": ((7, 7, 2), [MaxPooling2D(2, strides=3)]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_shapes_off_the_beaten_path_train_as_in_the_textbook(name):
    shape, layers = LAYERS[name]
    configs = [(type(layer), layer.get_config()) for layer in layers]
    x, y = np.random.default_rng(2).standard_normal((10, *shape)), np.arange(10) % 3
    before, weights = config.backend(), {}
    try:
        for computes in ("numpy", "numba"):
            config.set_backend(computes)
            random.seed(6)
            made = [cls.from_config(arguments) for cls, arguments in configs]
            model = Sequential([Input(shape), *made, Flatten(), Dense(3, activation="softmax")])
            model.compile("sgd", "sparse_categorical_crossentropy")
            model.fit(x, y, batch_size=4, epochs=3, verbose=0)
            weights[computes] = model.get_weights()
    finally:
        config.set_backend(before)
    for a, b in zip(*weights.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


ENDINGS = {
    "softmax twice": (["softmax", "softmax"], "twice"),
    "relu": (["relu"], "relu, which cuts half"),
    "sigmoid for classes": (["sigmoid"], "no distribution over classes"),
    "nothing": ([None], "without an activation"),
    "softmax": (["softmax"], None),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_an_ending_that_does_not_suit_the_loss_is_named(name):
    activations, words = ENDINGS[name]
    from minicnn.layers import Activation

    first, *others = activations
    model = Sequential([
        Input((6, 5, 2)), Flatten(), Dense(3, activation=first), *map(Activation, others),
    ])  # fmt: skip
    model.compile("sgd", "sparse_categorical_crossentropy")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, Y, epochs=2, verbose=0)
    messages = [str(w.message) for w in caught]
    assert len(messages) == (words is not None)
    assert all(words in message for message in messages)


def test_an_error_in_ones_own_layer_tells_of_which_one():
    class Broken(Layer):
        def compute_output_shape(self, input_shape):
            return input_shape

        def forward(self, ctx, x):
            return x if ctx.training else x @ np.ones((99, 99))

        def backward(self, ctx, dy):
            return dy / [][0]

    model = small(Broken(name="mine"))
    with pytest.raises(IndexError) as caught:
        model.fit(X, Y, batch_size=8, verbose=0)
    assert "raised by backward of layer 'mine' (Broken)" in caught.value.__notes__[0]
    with pytest.raises(ValueError, match="matmul") as caught:
        model.predict(X, verbose=0)
    assert "forward of layer 'mine'" in caught.value.__notes__[0]
    assert model.executor().steps_done == 0
    assert model.optimizer.iterations == 0


def test_no_memory_for_a_batch(monkeypatch):
    """The message has the bytes, and what helps; smaller batches work afterwards."""
    model = small()
    x = np.zeros((4096, 6, 5, 2), "float32")
    ops = model.executor().ops
    empty = ops.empty

    def scarce(shape, dtype):
        if np.prod(shape) > 100_000:
            raise MemoryError("Unable to allocate 468. KiB")
        return empty(shape, dtype)

    monkeypatch.setattr(ops, "empty", scarce)
    with pytest.raises(MemoryError, match=r"468\. KiB.*half the batch_size needs half as much"):
        model.predict(x, batch_size=4096, verbose=0)
    assert len(model.predict(x, batch_size=256, verbose=0)) == 4096


def test_a_backend_that_lacks_its_library_says_which():
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "from minicnn import backends\n"
        "try:\n    backends.get('numba')\n"
        "except ImportError as error:\n    print(error)\n"
        "import minicnn; minicnn.config.set_backend('numpy')\n"
        "from tests.faults.trained import data, small\n"
        "print(small().fit(*data(), verbose=0).epoch)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, last = run.stdout.splitlines()
    assert "numba" in first
    assert "pip install" in first
    assert "set_backend" in first
    assert last == "[0]"


@pytest.mark.parametrize("gradient", [0.0, 1e-42, 1e30, -1e-3])
@pytest.mark.parametrize("steps", [0, 10**6])
def test_adam_far_out(gradient, steps, ops):
    """No gradient, denormal and huge ones, and after a million steps: the formula in float64."""
    store = ParameterStore([Parameter("w", np.full(5, 2.0))], ops, "float32")
    optimizer = Adam(0.01)
    optimizer.build(store, ops)
    optimizer.variables[0].assign(steps)
    store.grads[...] = np.float32(gradient)
    with ops.running(), np.errstate(over="ignore"):
        optimizer.apply()
    g, t = float(np.float32(gradient)), steps + 1
    m, v = 0.1 * g, 0.001 * g * g
    v = v if v < 3e38 else np.inf
    rate = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    expected = 2.0 - rate * m / (np.sqrt(v) + 1e-7)
    found = np.asarray(ops.to_numpy(store.parameters[0].value))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_the_reference_is_not_numba():
    """The comparison above has two sides."""
    assert backends.get("numpy") is not backends.get("numba")
