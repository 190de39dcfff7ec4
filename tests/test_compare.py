"""``minicnn compare`` as far as it goes without Keras; tests/keras has the rest."""

import textwrap

import numpy as np
import pytest

from minicnn.cli import main
from minicnn.compare import Report, first_training, keras_side, record
from minicnn.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from minicnn.models import Sequential

PROGRAM = """
import sys
import numpy as np
import keras
from keras import layers

print("arguments", sys.argv[1:])
x = np.random.default_rng(0).normal(size=(50, 9, 8, 2))
y = np.arange(50) % 3
model = keras.Sequential([
    layers.RandomFlip(input_shape=(9, 8, 2)),
    keras.Sequential([layers.Conv2D(4, 3, activation="relu"), layers.Dropout(0.5)]),
    layers.BatchNormalization(),
    layers.Flatten(),
    layers.Dropout(0.3),
    layers.Dense(3, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, 16, epochs=100, class_weight={0: 1.0, 1: 2.0, 2: 0.5})
raise RuntimeError("never reached")
"""


@pytest.fixture
def program(tmp_path):
    def write(text):
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(text))
        return str(path)

    return write


@pytest.fixture
def keras_found(monkeypatch):
    """Makes the command believe that Keras is there."""
    monkeypatch.setattr(keras_side, "_NEEDED", ["json"])


def test_a_program_runs_as_far_as_fit(program, capsys):
    fit = Sequential.fit
    training = first_training(program(PROGRAM), ["--fast"], steps=5)
    assert Sequential.fit is fit
    assert capsys.readouterr().out == "arguments ['--fast']\n"
    assert [len(x) for x, _, _ in training.batches] == [16, 16, 16, 2, 16]
    x = np.random.default_rng(0).normal(size=(50, 9, 8, 2)).astype("float32")
    np.testing.assert_array_equal(training.batches[1][0], x[16:32])
    np.testing.assert_array_equal(training.batches[4][0], x[:16])
    np.testing.assert_array_equal(training.batches[0][1], np.arange(16) % 3)
    np.testing.assert_array_equal(training.batches[0][2][:3], [1.0, 2.0, 0.5])


def test_layers_that_draw_at_random_are_left_out(program):
    training = first_training(program(PROGRAM), [], steps=1)
    names = [type(layer).__name__ for layer in training.model.layers]
    assert names == ["Sequential", "BatchNormalization", "Flatten", "Dense"]
    assert len(training.model.layers[0].layers) == 1


def test_the_record_is_that_of_a_training_step(program):
    training = first_training(program(PROGRAM), [], steps=3)
    first, second = record(training), record(training)
    for key in first:
        np.testing.assert_array_equal(first[key], second[key], err_msg=key)
    x, y, weights = training.batches[0]
    model = training.fresh()
    np.testing.assert_allclose(first["3/y"], model(x, training=True), atol=1e-6)
    model = training.fresh()
    loss = model.train_on_batch(x, y, weights)
    assert first["losses"][0] == loss
    np.testing.assert_allclose(first["3/dw/0"], model.weights[-2].grad, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(first["0/dw/1"], model.weights[1].grad, rtol=1e-4, atol=1e-6)
    dy = first["1/dx"]  # what comes to the convolution's ReLU, and its bias gathers
    np.testing.assert_allclose(
        first["0/dw/1"], (dy * (first["0/y"] > 0)).sum((0, 1, 2)), rtol=1e-4, atol=1e-6
    )
    assert first["0/dx"].shape == x.shape


def test_a_generator(program):
    training = first_training(program("""
        import keras, numpy as np

        def batches():
            while True:
                yield np.ones((4, 3)), np.zeros((4, 1))

        model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(batches(), steps_per_epoch=9)
    """), [], steps=2)  # fmt: skip
    assert [x.shape for x, _, _ in training.batches] == [(4, 3), (4, 3)]


def test_programs_that_cannot_be_compared(program, keras_found, capsys):
    assert main(["compare", program("import keras")]) == 1
    assert "never calls model.fit" in capsys.readouterr().err
    assert main(["compare", program("import keras\n1 / 0")]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    own = """
        import keras, numpy as np
        class Mine(keras.layers.Layer):
            def forward(self, ctx, x):
                return x
            def backward(self, ctx, dy):
                return dy
        model = keras.Sequential([keras.layers.Input((3,)), Mine(name="m"), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(np.ones((4, 3)), np.ones((4, 1)))
    """
    assert main(["compare", program(own)]) == 1
    assert "layer 'm' (Mine) is the program's own" in capsys.readouterr().err


def test_a_command_line_that_makes_no_sense(program, keras_found, capsys):
    assert main(["compare", "none.py"]) == 2
    assert "there is no such file" in capsys.readouterr().err
    assert main(["compare", "--steps", "0", program("")]) == 2
    assert "--steps must be positive" in capsys.readouterr().err


def test_without_keras_it_says_what_to_install(program, monkeypatch, capsys):
    monkeypatch.setattr(keras_side, "_NEEDED", ["keras_for_nobody", "json"])
    assert main(["compare", program(PROGRAM)]) == 1
    captured = capsys.readouterr()
    assert "has no keras_for_nobody. Install it there:" in captured.err
    assert "-m pip install keras tensorflow-cpu" in captured.err
    assert "--keras-python PATH" in captured.err
    assert captured.out == ""  # the program did not begin


def test_no_such_python(program, capsys):
    assert main(["compare", "--keras-python", "/none/python", program(PROGRAM)]) == 1
    assert "/none/python" in capsys.readouterr().err


def two_sides(rng):
    """A small model, and twice the same arrays for it."""
    model = Sequential([Input((6, 6, 1)), Conv2D(2, 3), MaxPooling2D(), Flatten(), Dense(2)])
    arrays = {"losses": np.array([2.0, 1.5])}
    for i in range(4):
        arrays[f"{i}/y"] = rng.normal(size=(3, 40, 10))
        arrays[f"{i}/dx"] = rng.normal(size=(3, 40, 10))
    arrays["0/dw/0"], arrays["0/dw/1"] = rng.normal(size=(3, 3, 1, 2)), rng.normal(size=2) * 1e-9
    arrays["3/dw/0"] = rng.normal(size=(8, 2))
    return model, arrays, {key: value.copy() for key, value in arrays.items()}


def verdicts(report):
    return [row.verdict for row in report.rows]


def test_rounding_is_no_difference(rng, capsys):
    model, ours, theirs = two_sides(rng)
    for key in ours:
        ours[key] *= 1 + 1e-6 * rng.normal(size=ours[key].shape)
    ours["0/dw/1"] += 1e-8  # the gradient of a bias that does not matter
    report = Report(model, ours, theirs)
    assert report.agree()
    report.print()
    text = capsys.readouterr().out
    assert "minicnn and Keras agree" in text
    for layer in model.layers:
        assert layer.name in text
    assert "1.5000" in text


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("1/y", ["", "differs", "", ""]),
        ("2/dx", ["", "", "differs", ""]),
        ("3/dw/0", ["", "", "", "differs"]),
    ],
)
def test_a_difference_is_seen(key, expected, rng, capsys):
    model, ours, theirs = two_sides(rng)
    ours[key] = ours[key] * 1.001
    report = Report(model, ours, theirs)
    assert verdicts(report) == expected
    assert not report.agree()
    report.print()
    assert "differ by more than rounding explains" in capsys.readouterr().out


@pytest.mark.parametrize("key", ["0/y", "0/dx", "0/dw/0", "losses"])
def test_nan_is_a_difference(key, rng):
    model, ours, theirs = two_sides(rng)
    ours[key] = ours[key] * np.nan
    assert not Report(model, ours, theirs).agree()


def test_other_shapes_are_a_difference(rng):
    model, ours, theirs = two_sides(rng)
    ours["1/y"] = ours["1/y"][:, :-1]
    assert verdicts(Report(model, ours, theirs)) == ["", "differs", "", ""]


def test_losses_that_part_are_a_difference(rng):
    model, ours, theirs = two_sides(rng)
    ours["losses"][1] *= 1.01
    report = Report(model, ours, theirs)
    assert verdicts(report) == [""] * 4
    assert not report.agree()


def test_a_few_switched_gradients_are_ties_and_loosen_what_lies_in_front(rng, capsys):
    model, ours, theirs = two_sides(rng)
    ours["1/dx"][0, :5, 0] += 1.0
    ours["0/dw/0"] *= 1.001
    report = Report(model, ours, theirs)
    assert verdicts(report) == ["", "ties", "", ""]
    assert report.agree()
    report.print()
    assert "equal but for rounding" in capsys.readouterr().out
    ours["3/dw/0"] *= 1.001  # behind the tie nothing is loosened
    assert verdicts(Report(model, ours, theirs)) == ["", "ties", "", "differs"]
    ours["1/dx"][:] += 1.0  # these are not a few
    assert verdicts(Report(model, ours, theirs))[1] == "differs"


def test_dropout_is_really_out(program):
    training = first_training(program(PROGRAM), [], steps=1)
    x = training.batches[0][0]
    model = training.fresh()
    assert not any(isinstance(layer, Dropout) for layer in model.layers)
    np.testing.assert_array_equal(model(x, training=True), training.fresh()(x, training=True))
