"""The layers against real Keras: outputs, gradients, weights after steps, and configurations.

tests/golden/layers.npz holds what Keras 3.15 on TensorFlow computed; make_layers.py beside it says
how.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from minicnn import backends, constraints, layers, losses, optimizers, regularizers
from minicnn.backends.context import Context
from minicnn.engine.parameters import ParameterStore
from minicnn.models import Sequential
from tests.helpers import gradient

with np.load(Path(__file__).parent / "golden" / "layers.npz") as file:
    GOLDEN = {name: file[name] for name in file.files}
SPEC = json.loads(str(GOLDEN["spec"]))


def numbered(name, prefix):
    """Keras's arrays <name>/<prefix>0, <name>/<prefix>1, ..."""
    count = sum(key.startswith(f"{name}/{prefix}") and key[-1].isdigit() for key in GOLDEN)
    return [GOLDEN[f"{name}/{prefix}{i}"] for i in range(count)]


def assert_close(ours, theirs, tolerance=2e-6):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


#: TensorFlow's gradient of a shift forgets the pixels that stand outside the image a second time
WRONG_GRADIENT = {f"shift_{mode}{how}" for mode in ("reflect", "nearest")
                  for how in ("", "_bilinear")}  # fmt: skip


# -- one layer ----------------------------------------------------------------------------------


def run(layer, backend, x, dy):
    """y and dx of a call in training mode."""
    ops = backends.get(backend)
    layer.ensure_built((None, *x.shape[1:]))
    ParameterStore(layer.parameters, ops, "float32")  # the weights go where the backend computes
    ctx = Context(ops, training=True)
    (stage,) = layer.stages()
    with ops.running():
        y = np.array(ops.to_numpy(stage.forward(ctx, ops.asarray(x))))
        dx = np.array(ops.to_numpy(stage.backward(ctx, ops.asarray(dy))))
        return y, dx


@pytest.mark.parametrize("name", SPEC["layers"])
def test_layer_is_that_of_keras(backend, name):
    _, class_name, arguments = SPEC["layers"][name]
    x, dy = GOLDEN[f"{name}/x"], GOLDEN[f"{name}/dy"]
    layer = getattr(layers, class_name)(**arguments)
    layer.ensure_built((None, *x.shape[1:]))
    layer.set_weights(numbered(name, "w"))
    y, dx = run(layer, backend, x, dy)
    assert_close([y], [GOLDEN[f"{name}/y"]], 5e-6)
    if name not in WRONG_GRADIENT:
        assert_close([dx], [GOLDEN[f"{name}/dx"]], 5e-6)
    assert layer.compute_output_shape((None, *x.shape[1:])) == (None, *y.shape[1:])
    gradients = [gradient(p) for p in layer.trainable_weights]
    assert_close(gradients, numbered(name, "g"), 1e-5)
    assert_close(layer.get_weights(), numbered(name, "after"))
    assert_close([layer(x, training=False)], [GOLDEN[f"{name}/inference"]])


def test_bytes_are_rescaled_as_floats(backend):
    x = np.array([[0, 51, 255]], "uint8")
    np.testing.assert_allclose(layers.Rescaling(1 / 255)(x), [[0, 0.2, 1]], rtol=1e-6)


def test_moving_averages_follow_training_and_nothing_else(backend, rng):
    model = Sequential([layers.Input((3,)), layers.BatchNormalization(momentum=0.5)])
    model.compile("sgd", "mse")
    x = 4 + 3 * rng.standard_normal((8, 3)).astype("float32")
    model.predict(x, verbose=0), model.evaluate(x, x, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[2:], [[0, 0, 0], [1, 1, 1]])
    model.train_on_batch(x, x)
    expected = [0.5 * x.mean(0), 0.5 + 0.5 * x.var(0)]
    np.testing.assert_allclose(model.get_weights()[2:], expected, rtol=1e-5)
    model.trainable = False
    before = model.get_weights()
    with pytest.warns(UserWarning, match="trainable weights"):
        model.train_on_batch(x, x)
    for array, copy in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("where", ["x", "y", "a later weight"])
def test_a_refused_step_leaves_the_moving_averages(backend, where, rng):
    """Whether the NaN comes before the averages or after them."""
    dense = layers.Dense(2)
    model = Sequential([layers.Input((2,)), layers.BatchNormalization(), dense])
    model.compile("sgd", "mse")
    good = rng.standard_normal((3, 2)).astype("float32")
    model.train_on_batch(good, good)
    if where == "a later weight":
        dense.kernel.assign(np.full((2, 2), np.nan))
    before = model.get_weights()
    bad = np.full((3, 2), np.nan, "float32")
    with pytest.raises(ValueError, match="not a finite number"):
        model.train_on_batch(bad if where == "x" else good, bad if where == "y" else good)
    for array, copy in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(
    "layer", [layers.RandomFlip(seed=1), layers.RandomTranslation(0.4, 0.4, seed=1)]
)
def test_augmentation_is_for_training_only(backend, layer, rng):
    x = rng.standard_normal((9, 6, 5, 2)).astype("float32")
    np.testing.assert_array_equal(layer(x, training=False), x)
    np.testing.assert_array_equal(Sequential([layer])(x), x)
    assert (layer(x, training=True) != x).any()


def test_augmentation_is_new_every_step_and_repeatable(backend, rng):
    x = rng.standard_normal((9, 6, 5, 2)).astype("float32")
    losses_seen = []
    for _ in range(2):
        model = Sequential([layers.Input((6, 5, 2)), layers.RandomFlip(seed=1),
                            layers.RandomTranslation(0.3, 0.3, seed=2),
                            layers.Conv2D(2, 1, kernel_initializer="zeros")])  # fmt: skip
        model.compile(optimizers.SGD(0.1), "mse")
        losses_seen.append([model.train_on_batch(x, x) for _ in range(3)])
    assert losses_seen[0] == losses_seen[1]
    assert len(set(losses_seen[0])) == 3


def test_a_warm_step_of_every_layer_allocates_nothing(backend, rng):
    """After an epoch every context is frozen; training and evaluating go on, last batch too."""
    model = Sequential([
        layers.Input((9, 8, 3)),
        layers.Rescaling(0.5, offset=0.1),
        layers.RandomFlip(seed=1),
        layers.RandomTranslation(0.2, 0.2, seed=2),
        layers.Conv2D(4, 2, kernel_regularizer="l2", activity_regularizer="l1"),
        layers.BatchNormalization(gamma_regularizer="l1", beta_constraint="non_neg"),
        layers.LeakyReLU(),
        layers.ZeroPadding2D(1),
        layers.AveragePooling2D(2, padding="same"),
        layers.Reshape((5, 5, 4)),
        layers.BatchNormalization(axis=1, trainable=False),
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.GlobalMaxPooling2D(),
        layers.Dense(3, kernel_constraint="unit_norm"),
    ])  # fmt: skip
    model.compile("adam", "mse")
    x = rng.integers(0, 256, (22, 9, 8, 3)).astype("uint8")
    y = rng.standard_normal((22, 3)).astype("float32")
    first = model.fit(x, y, batch_size=8, verbose=0, validation_data=(x, y)).history["loss"]
    for ctx in model._trainer.made.contexts():
        ctx.freeze()
    more = model.fit(x, y, batch_size=8, epochs=3, verbose=0, validation_data=(x, y))
    assert more.history["loss"][-1] < first[0]


# -- penalties and limits -----------------------------------------------------------------------


def trained(name):
    """The model of a recording with Keras's first weights."""
    optimizer, specified = SPEC["models"][name]
    model = Sequential([layers.Input((4, 5, 2))])
    for class_name, arguments in specified:
        model.add(getattr(layers, class_name)(**arguments))
    model.compile(optimizers.get(optimizer), losses.MeanSquaredError())
    model.set_weights(numbered(name, "w"))
    return model, GOLDEN[f"{name}/x"], GOLDEN[f"{name}/target"]


@pytest.mark.parametrize("name", SPEC["models"])
def test_penalties_and_limits_are_those_of_keras(backend, name):
    model, x, y = trained(name)
    if f"{name}/penalties" in GOLDEN:
        np.testing.assert_allclose(model.losses, GOLDEN[f"{name}/penalties"], rtol=1e-6)
    evaluated = model.evaluate(x, y, batch_size=4, verbose=0)
    np.testing.assert_allclose(evaluated, GOLDEN[f"{name}/evaluated"], rtol=2e-6)
    steps = [model.train_on_batch(x, y)]
    if "clipping" not in name:  # clipping changes the gradients in place
        assert_close([gradient(p) for p in model.trainable_weights], numbered(name, "g"), 1e-5)
    steps += [model.train_on_batch(x, y) for _ in range(3)]
    np.testing.assert_allclose(steps, GOLDEN[f"{name}/steps"], rtol=1e-5)
    assert_close(model.get_weights(), numbered(name, "after"), 2e-5)


def test_penalties_of_your_own(backend, rng):
    class L4(regularizers.Regularizer):
        def __call__(self, w):
            return 0.3 * (w**4).sum()

        def gradient(self, w):
            return 1.2 * w**3

    class AtMostHalf(constraints.Constraint):
        def __call__(self, w):
            return w.clip(-0.5, 0.5)

    dense = layers.Dense(2, kernel_regularizer=L4(), kernel_constraint=AtMostHalf())
    model = Sequential([layers.Input((3,)), dense])
    model.compile(optimizers.SGD(0.0), "mse")
    x = np.zeros((4, 3), "float32")
    w = dense.kernel.numpy()
    assert model.train_on_batch(x, x[:, :2]) == pytest.approx(0.3 * (w**4).sum(), rel=1e-5)
    np.testing.assert_allclose(gradient(dense.kernel), 1.2 * w**3, rtol=1e-5)
    np.testing.assert_array_equal(dense.kernel.numpy(), w.clip(-0.5, 0.5))
    assert AtMostHalf()(w).max() <= 0.5


def test_a_layer_of_your_own_with_a_penalty_and_a_limit(backend):
    class Scale(layers.Layer):
        def build(self, input_shape):
            self.gain = self.add_weight(
                input_shape[1:], "ones", regularizer=regularizers.L2(0.5), constraint="non_neg"
            )

        def forward(self, ctx, x):
            ctx.save(x=x)
            return x * self.gain.value

        def backward(self, ctx, dy):
            self.gain.grad[...] = (dy * ctx.x).sum(axis=0)
            return dy * self.gain.value

    model = Sequential([layers.Input((3,)), Scale()])
    model.compile(optimizers.SGD(2.0), "mse")
    zeros = np.zeros((4, 3), "float32")
    assert model.losses == [1.5]
    assert model.train_on_batch(zeros, zeros) == 1.5
    np.testing.assert_array_equal(model.get_weights()[0], 0)  # 1 - 2.0 * 1 is negative


def test_regularizers_and_constraints_on_arrays(rng):
    w = rng.standard_normal((3, 4)).astype("float32")
    assert regularizers.L2(0.5)(w) == pytest.approx(0.5 * (w**2).sum(), rel=1e-6)
    assert regularizers.get("l1")(w) == pytest.approx(0.01 * abs(w).sum(), rel=1e-6)
    both = regularizers.l1_l2(0.1, 0.2)
    np.testing.assert_allclose(both.gradient(w), 0.1 * np.sign(w) + 0.4 * w, rtol=1e-6)
    before = w.copy()
    norms = np.linalg.norm(w, axis=0)
    limited = np.linalg.norm(constraints.MaxNorm(0.5)(w), axis=0)
    np.testing.assert_allclose(limited, norms.clip(max=0.5), rtol=1e-5)
    np.testing.assert_array_equal(w, before)
    assert constraints.get("non_neg")(w).min() == 0


# -- configurations -----------------------------------------------------------------------------

#: what Keras's configurations have and minicnn has not
NOT_HERE = {
    "synchronized", "renorm", "renorm_clipping", "renorm_momentum", "quantization_config",
    "input_axes", "output_axes",
}  # fmt: skip


def plain(value):
    """As JSON gives it back, without what is not here, floats to the precision of float32."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in NOT_HERE}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


@pytest.mark.parametrize("i", range(len(SPEC["configurations"])))
def test_configuration_is_that_of_keras_and_comes_back(i):
    class_name, arguments, keras_config = SPEC["configurations"][i]
    cls = getattr(layers, class_name)
    config = cls(**arguments, name="a").get_config()
    ours, theirs = plain(config), plain(keras_config)
    if ours.get("activity_regularizer") is None:  # its place differs from layer to layer in Keras
        assert list(ours) == list(theirs)
    ours.pop("dtype"), theirs.pop("dtype")
    assert ours == theirs
    again = cls.from_config(config)
    assert again.get_config() == config
    assert again.name == "a"


@pytest.mark.parametrize(
    ("layer", "built"),
    [
        (lambda: layers.BatchNormalization(), False),
        (lambda: layers.AveragePooling2D(2), True),
        (lambda: layers.GlobalAveragePooling2D(), True),
        (lambda: layers.GlobalMaxPooling2D(), True),
        (lambda: layers.ZeroPadding2D(), False),
        (lambda: layers.Reshape((2, -1)), True),
        (lambda: layers.Rescaling(0.5), False),
        (lambda: layers.LeakyReLU(), True),
        (lambda: layers.RandomFlip(), False),
    ],
)
def test_built_from_the_start_where_keras_says_so(layer, built):
    assert layer().built == built


def test_open_sizes():
    assert layers.ZeroPadding2D(1).compute_output_shape((None, None, 3, 2)) == (None, None, 5, 2)
    assert layers.Reshape((7, -1)).compute_output_shape((None, None, 7)) == (None, 7, None)
    assert layers.GlobalMaxPooling2D().compute_output_shape((None, None, None, 2)) == (None, 2)


# -- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.BatchNormalization(axis=[1, 2]), "axis must be one integer"),
        (lambda: layers.BatchNormalization(momentum=2), "momentum"),
        (lambda: layers.BatchNormalization(epsilon=-1), "epsilon"),
        (lambda: layers.BatchNormalization(axis=4).ensure_built((None, 3, 3, 2)), "axis 4"),
        (lambda: layers.BatchNormalization(axis=0).ensure_built((None, 3, 3, 2)), "axis 0"),
        (lambda: layers.BatchNormalization().ensure_built((None, 3, None)), "must be known"),
        (lambda: layers.AveragePooling2D(0), "pool_size"),
        (lambda: layers.AveragePooling2D(5).ensure_built((None, 4, 9, 1)), "would be zero"),
        (lambda: layers.GlobalAveragePooling2D("channels_first"), "channels_last"),
        (lambda: layers.GlobalAveragePooling2D().ensure_built((None, 3)), "4 axes"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), "`padding` should be"),
        (lambda: layers.ZeroPadding2D(-1), "`padding` should be"),
        (lambda: layers.Reshape((-1, -1)), "at most one unknown"),
        (lambda: layers.Reshape((2, 0)), "non-negative integer above 0"),
        (lambda: layers.Reshape((7, -1)).ensure_built((None, 4, 5)), "must be unchanged"),
        (lambda: layers.Reshape((7,)).ensure_built((None, 4, 5)), "must be unchanged"),
        (lambda: layers.Rescaling([1, 2]), "scale must be a number"),
        (lambda: layers.LeakyReLU(-1), "negative_slope"),
        (lambda: layers.LeakyReLU(None), "negative_slope"),
        (lambda: layers.RandomFlip("up"), "mode must be one of"),
        (lambda: layers.RandomTranslation(2, 0.1), "height_factor"),
        (lambda: layers.RandomTranslation(0.1, [0.1]), "width_factor"),
        (lambda: layers.RandomTranslation(0.1, 0.1, "mirror"), "fill_mode"),
        (lambda: layers.RandomTranslation(0.1, 0.1, interpolation="cubic"), "interpolation"),
        (lambda: layers.Dense(2, kernel_regularizer="l3"), "regularizer identifier: l3"),
        (lambda: layers.Dense(2, kernel_regularizer="l1_l2"), "regularizer identifier: l1_l2"),
        (lambda: layers.Conv2D(2, 3, kernel_regularizer=abs), "derivative by hand"),
        (lambda: layers.Conv2D(2, 3, bias_constraint="maxnorn"), "did you mean"),
        (lambda: layers.Conv2D(2, 3, bias_constraint=abs), "Constraint, with __call__"),
        (lambda: regularizers.L2(-1), "non-negative"),
        (lambda: regularizers.L1("a"), "non-negative"),
        (lambda: constraints.MaxNorm(-1), "min_value <= max_value"),
        (lambda: constraints.UnitNorm("rows"), "axis must be"),
    ],
)
def test_mistakes_are_explained(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_older_name_of_the_slope():
    with pytest.warns(UserWarning, match="negative_slope"):
        assert layers.LeakyReLU(alpha=0.1).negative_slope == 0.1


@pytest.mark.parametrize(
    "name",
    ["", "../x", "a/b", "a\\b", "..", "a／b", "a․․b", "a\x1b[2J", "a\nb", "\u202ea", 3, "a\x00"],
)
def test_names_that_paths_and_terminals_would_obey_are_refused(name):
    with pytest.raises(ValueError, match="a layer's name must be") as caught:
        layers.Dense(3, name=name)
    assert str(caught.value).isprintable()


def test_names_in_every_script_are_fine():
    for name in ("출력", "conv_1", "a.b", "Größe-2", "x" * 300):
        assert layers.Dense(3, name=name).name == name
