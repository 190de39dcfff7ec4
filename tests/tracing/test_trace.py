"""A trace: right numbers, all of them, under the right names."""

import numpy as np
import pytest

import minicnn
from minicnn.layers import Conv2D, Dense, Flatten, Input, Layer, MaxPooling2D
from minicnn.models import Sequential
from tests.tracing.conftest import SHAPE, network

NAMES = ["flip", "conv", "norm", "pool", "block/conv", "block/leaky", "block/mean", "flatten",
         "dropout", "dense"]  # fmt: skip


def leaves(model):
    """The layers of a model and of those in it, in order."""
    for layer in model.layers:
        yield from leaves(layer) if hasattr(layer, "layers") else [layer]


def slope(f, x, direction, step=1e-6):
    """d f(x + t direction) / dt at 0."""
    return (f(x + step * direction) - f(x - step * direction)) / (2 * step)


def log_softmax(logits):
    z = logits - logits.max()
    return z - np.log(np.exp(z).sum())


def test_every_output_is_what_the_layer_called_alone_makes(backend, image):
    model = network()
    trace = minicnn.trace(model, image)
    assert trace.names == NAMES
    x = image[None].astype("float32")
    for layer, record in zip(leaves(model), trace.layers, strict=True):
        np.testing.assert_allclose(record.x, x[0], rtol=2e-5, atol=2e-6)
        x = layer(x, training=False)
        np.testing.assert_allclose(record.y, x[0], rtol=2e-5, atol=2e-6, err_msg=record.name)
        assert record.layer is layer
    np.testing.assert_allclose(trace.output, model.predict(image[None], verbose=0)[0], rtol=2e-5)
    np.testing.assert_allclose(log_softmax(trace.logits), np.log(trace.output), atol=1e-4)


def test_activations_are_shown_before_and_after_although_a_step_would_fuse_them(backend, image):
    conv = Conv2D(3, 3, activation="relu", name="conv")
    model = Sequential([Input(SHAPE), conv, MaxPooling2D(name="pool")])
    conv = minicnn.trace(model, image)["conv"]
    assert conv.activation == "relu"
    assert conv.z.min() < 0 == conv.y.min()
    np.testing.assert_array_equal(conv.y, np.maximum(conv.z, 0))
    np.testing.assert_array_equal(conv.dz, np.where(conv.z > 0, conv.dy, 0))
    assert minicnn.trace(model, image)["pool"].z is None


def test_every_gradient_is_the_slope_of_the_score(backend, in_float64, image, rng):
    """For each layer: what the layers behind it make of its output, moved a little.

    With elu, as relu makes many zeros, and pooling windows with ties have no slope.
    """
    model = network(last=None, activation="elu")
    trace = minicnn.trace(model, image, score=3)
    layers = list(leaves(model))
    for k, record in enumerate(trace.layers):

        def score(y, behind=layers[k + 1 :]):
            y = y[None]
            for layer in behind:
                y = layer(y, training=False)
            return y[0, 3]

        direction = rng.normal(size=record.y.shape)
        expected = slope(score, record.y, direction)
        np.testing.assert_allclose((record.dy * direction).sum(), expected, rtol=1e-6)
        before = trace.layers[k - 1].dy if k else trace.dimage
        np.testing.assert_array_equal(record.dx, before)
    assert trace.value == pytest.approx(model.predict(image[None], verbose=0)[0, 3])
    assert trace.differentiated == "the score of class 3"


def test_without_a_class_the_gradients_are_those_of_the_highest_logit(in_float64, image, rng):
    model = network()
    trace = minicnn.trace(model, image)
    best = int(trace.output.argmax())
    direction = rng.normal(size=SHAPE)

    def score(x):
        return np.log(model(x[None]))[0]  # logits but for a constant that all classes share

    shared = slope(lambda x: score(x)[best] - score(x)[0], image, direction)
    other = minicnn.trace(model, image, score=0)
    np.testing.assert_allclose(((trace.dimage - other.dimage) * direction).sum(), shared, rtol=1e-6)
    assert trace.differentiated == f"the highest score, that of class {best}"
    assert trace.value == trace.logits.max()
    assert trace["dense"].dy is None
    np.testing.assert_array_equal(trace["dense"].dz, np.eye(5)[best])


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        ("sparse_categorical_crossentropy", 2),
        ("categorical_crossentropy", 2),
        ("categorical_crossentropy", np.eye(5)[2]),
        ("crossentropy", 2),
    ],
)
def test_the_loss_and_its_gradients(in_float64, image, rng, loss, y):
    model = network()
    model.compile("sgd", loss)
    trace = minicnn.trace(model, image, y=y)

    def loss_of(x):
        return -np.log(model(x[None])[0, 2])

    assert trace.value == pytest.approx(loss_of(image))
    direction = rng.normal(size=SHAPE)
    expected = slope(loss_of, image, direction)
    np.testing.assert_allclose((trace.dimage * direction).sum(), expected, rtol=1e-6)
    np.testing.assert_allclose(trace["dense"].dz, trace.output - np.eye(5)[2], atol=1e-12)
    for record in trace.layers:
        for name, gradient in record.gradients.items():
            weight = next(w for w in record.layer.weights if w.name == name)
            value, direction = weight.numpy(), rng.normal(size=weight.shape)

            def at(w, weight=weight):
                weight.assign(w)
                return loss_of(image)

            expected = slope(at, value, direction)
            weight.assign(value)
            np.testing.assert_allclose((gradient * direction).sum(), expected, rtol=1e-5)
            np.testing.assert_array_equal(record.weights[name], value)
    learned = {r.name: sorted(r.gradients) for r in trace.layers if r.gradients}
    assert learned == {
        "conv": ["bias", "kernel"], "norm": ["beta", "gamma"], "block/conv": ["kernel"],
        "dense": ["bias", "kernel"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("last", "loss", "y", "expected"),
    [
        ("sigmoid", "binary_crossentropy", [1, 0, 1], lambda p, y: p / 3 - y / 3),
        (None, "mean_squared_error", [0.5, 2.0, -1.0], lambda p, y: 2 * (p - y) / 3),
    ],
)
def test_losses_on_values(in_float64, rng, last, loss, y, expected):
    model = Sequential([Input((4,)), Dense(3, activation=last, name="dense")])
    model.compile("sgd", loss)
    x = rng.normal(size=4)
    trace = minicnn.trace(model, x, y=y)
    record = trace["dense"]
    start = record.dz if last else record.dy
    np.testing.assert_allclose(start, expected(trace.output, np.array(y)), atol=1e-12)
    np.testing.assert_allclose(record.gradients["kernel"], np.outer(x, start), atol=1e-12)
    assert trace.value == pytest.approx(model.evaluate(x[None], np.array([y]), verbose=0))


def test_a_softmax_of_its_own_is_behind_the_logits(image):
    model = Sequential(
        [Input(SHAPE), Flatten(), Dense(4, name="dense"), minicnn.layers.Softmax(name="softmax")]
    )
    trace = minicnn.trace(model, image, score=1)
    np.testing.assert_array_equal(trace["dense"].dy, np.eye(4)[1])
    np.testing.assert_array_equal(trace["softmax"].dx, np.eye(4)[1])
    assert trace["softmax"].dy is None
    np.testing.assert_array_equal(trace.logits, trace["dense"].y)


def test_an_image_as_output_is_differentiated_at_its_highest_entry(image):
    model = Sequential([Input(SHAPE), Conv2D(2, 3, name="conv")])
    trace = minicnn.trace(model, image)
    place = np.unravel_index(trace.output.argmax(), trace.output.shape)
    assert trace.differentiated == f"the highest entry of the output, at {tuple(map(int, place))}"
    assert trace["conv"].dy.sum() == trace["conv"].dy[place] == 1
    with pytest.raises(ValueError, match="score is a class, but"):
        minicnn.trace(model, image, score=0)


def test_penalties_are_left_out(image):
    conv = Conv2D(2, 3, activity_regularizer="l2", kernel_regularizer="l2", name="conv")
    flatten = Flatten(name="flatten")
    model = Sequential([Input(SHAPE), conv, flatten, Dense(4, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    trace = minicnn.trace(model, image, y=1)
    assert trace["conv"].z is None
    assert trace.value == pytest.approx(-np.log(trace.output[1]), rel=1e-5)
    cols = minicnn.backends.get("numpy").im2col(trace.image[None], (3, 3), (1, 1))
    expected = np.einsum("nhwijc,hwf->ijcf", cols, trace["conv"].dy)
    np.testing.assert_allclose(trace["conv"].gradients["kernel"], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(trace["flatten"].dx, trace["conv"].dy)


class Doubled(Layer):
    """Somebody's own layer, in plain NumPy."""

    def forward(self, ctx, x):
        return 2 * x

    def backward(self, ctx, dy):
        return 2 * dy


def test_own_layers_are_traced_like_others(image):
    model = Sequential([Input(SHAPE), Doubled(name="doubled"), Flatten(), Dense(3, name="dense")])
    trace = minicnn.trace(model, image)
    np.testing.assert_allclose(trace["doubled"].y, 2 * trace.image)
    np.testing.assert_allclose(trace.dimage, 2 * trace["doubled"].dy)


def test_the_table_has_a_line_for_each_array(image):
    model = network()
    lines = str(minicnn.trace(model, image)).splitlines()
    assert lines[0] == "One image through 'net' and back."
    assert lines[3].split() == [
        "layer", "shape", "axes", "min", "mean", "max", "zeros", "|gradient|",
    ]  # fmt: skip
    rows = lines[4 : lines.index("", 4)]
    assert [row.split("  ")[0].strip() for row in rows] == [
        "image", "flip (RandomFlip)", "conv (Conv2D)", "", "norm (BatchNormalization)",
        "pool (MaxPooling2D)", "block/conv (Conv2D)", "block/leaky (LeakyReLU)",
        "block/mean (AveragePooling2D)", "flatten (Flatten)", "dropout (Dropout)", "dense (Dense)",
        "",
    ]  # fmt: skip
    assert rows[3].split()[:2] == ["after", "relu"]
    trace = minicnn.trace(model, image)
    y, dy = trace["conv"].y, trace["conv"].dy
    *_, low, mean, high, zeros, norm = rows[3].split()
    assert "11 × 5 × 4" in rows[3]
    assert "height, width, channels" in rows[3]
    assert (low, mean, high) == (f"{y.min():.4g}", f"{y.astype('d').mean():.4g}", f"{y.max():.4g}")
    assert zeros == f"{(y == 0).mean():.1%}"
    assert float(norm) == pytest.approx(np.linalg.norm(dy), rel=1e-2)
    assert rows[-1].split()[-1] == "-"
    assert lines[-1].startswith("-: the backward pass begins in front of the last activation")
