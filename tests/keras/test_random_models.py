"""Two hundred random models: Keras and minicnn agree on predictions, gradients and training."""

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings

from minicnn.models import load_model
from tests.keras.conftest import record
from tests.keras.programs import MINICNN, programs

keras = pytest.importorskip("keras", reason="Keras is not installed: make test-keras installs it")
tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed: see make test-keras")

# Keras warns of its own use of NumPy, and both sides of losses that hardly make sense
pytestmark = pytest.mark.filterwarnings("ignore")

STEPS = 5
TOLERANCES = {
    "predictions": 1e-5,
    "first gradients": 1e-5,
    "losses of five steps": 1e-4,
    "predictions after them": 1e-4,
}
#: Where cancellation leaves fewer digits in float32, both must agree in float64 to this; not to
#: more, as TensorFlow has learning rates, the slope of leaky_relu and the like in float32 even so.
TOLERANCE_FLOAT64 = 1e-5


@settings(max_examples=200)
@given(programs())
def test_a_random_model_computes_what_keras_computes(program):
    found = deviations(program)
    if all(found[what] <= tolerance for what, tolerance in TOLERANCES.items()):
        for what, deviation in found.items():
            record(what, deviation)
        return
    with floats("float64"):
        exact = deviations(program)
    for what, deviation in exact.items():
        assert deviation <= TOLERANCE_FLOAT64, (
            f"{what} deviate by {deviation:.1e} of the largest entry in float64, by "
            f"{found[what]:.1e} in float32; this program shows it, under Keras and under minicnn "
            f"run:\n\n{program}"
        )
        assert found[what] <= 100 * TOLERANCES[what], f"{what}: {found[what]:.1e}\n\n{program}"
        record(f"{what}, ill-conditioned, in float64", deviation)


@settings(max_examples=50)
@given(programs())
def test_files_cross_both_ways(tmp_path_factory, program):
    path = tmp_path_factory.getbasetemp() / "model.keras"
    for writer, load in ((MINICNN, keras.models.load_model), (keras, load_model)):
        model, x, y = program.run(writer)
        model.run_eagerly = True  # Keras makes no graphs for a single step
        model.train_on_batch(x, y)  # the optimizer has a state
        model.save(path)
        read = load(path)
        deviation = largest_deviation([np.asarray(read(x))], [np.asarray(model(x))])
        assert deviation <= 1e-6, f"{deviation:.1e}\n\n{program}"
        assert int(np.asarray(read.optimizer.iterations)) == 1, program
        record("predictions of models from the other's files", deviation)


@contextmanager
def floats(dtype):
    """Both sides compute in ``dtype``."""

    def use(name):
        keras.config.set_floatx(name)
        keras.config.set_dtype_policy(name)  # what a layer takes
        MINICNN.config.set_floatx(name)

    use(dtype)
    try:
        yield
    finally:
        use("float32")


def deviations(program):
    """{what: largest deviation from Keras}."""
    theirs, x, y = program.run(keras)
    expected = theirs(x).numpy()
    losses, gradients = keras_training(theirs, x, y)
    ours, *_ = program.run(MINICNN)
    found = ours.predict(x, verbose=0)
    assert found.dtype == expected.dtype == keras.config.floatx()
    found_losses = [ours.train_on_batch(x, y) for _ in losses]
    return {
        "predictions": largest_deviation([found], [expected]),
        "first gradients": largest_deviation(first_gradients(program), gradients),
        "losses of five steps": max(
            abs(a - b) / max(abs(b), 0.1) for a, b in zip(found_losses, losses, strict=True)
        ),
        "predictions after them": largest_deviation(
            [ours.predict(x, verbose=0)], [theirs(x).numpy()]
        ),
    }


def largest_deviation(ours, theirs):
    """Over all arrays, the largest difference as a share of the array's largest entry.

    The gradient of a bias in front of a batch normalisation is zero but for rounding, so a tenth
    of the largest entry of all arrays is added to that of each.
    """
    assert [a.shape for a in ours] == [b.shape for b in theirs]
    share = 0.1 * max((np.abs(b).max() for b in theirs), default=0) + 1e-30
    pairs = zip(ours, theirs, strict=True)
    return max((np.abs(a - b).max() / (np.abs(b).max() + share) for a, b in pairs), default=0.0)


def first_gradients(program):
    """minicnn's gradients of the first loss, before any clipping."""
    model, x, y = program.run(MINICNN)
    model.compile("sgd", loss=model.loss)
    model.train_on_batch(x, y)
    return [p.grad for p in model.trainable_weights]


def keras_training(model, x, y):
    """(loss of each step, gradients of the first): ``train_on_batch`` without making graphs."""
    losses, first = [], None
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True), training=True)
        gradients = tape.gradient(loss, model.trainable_variables)
        losses.append(float(loss))
        first = first or [tf.convert_to_tensor(g).numpy() for g in gradients]
        model.optimizer.apply(gradients, model.trainable_variables)
    return losses, first
