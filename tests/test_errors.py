"""Every mistake a person can make with a model gets one clear message, before any training."""

import warnings

import numpy as np
import pytest

from minicnn import callbacks, losses, models, optimizers, utils
from minicnn.engine.loop import NonFiniteError
from minicnn.layers import (
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    Layer,
    MaxPooling2D,
)
from minicnn.models import Sequential

RNG = np.random.default_rng(5)
X = RNG.random((12, 8, 8, 3))
Y = RNG.integers(0, 4, 12)
Y[:4] = 0, 1, 2, 3
ONE_HOT = np.eye(4)[Y]
SPARSE, CATEGORICAL = "sparse_categorical_crossentropy", "categorical_crossentropy"


def model(shape=(8, 8, 3), units=4, loss=SPARSE):
    made = Sequential(
        [
            Input(shape),
            Conv2D(4, 3, activation="relu", name="conv"),
            MaxPooling2D(),
            Flatten(),
            Dense(units, activation="softmax", name="out"),
        ]
    )
    made.compile("adam", loss, metrics=["accuracy"])
    return made


def fit(x=X, y=Y, shape=(8, 8, 3), loss=SPARSE, units=4, **kwargs):
    return model(shape, units, loss).fit(x, y, verbose=0, **kwargs)


def without_flatten():
    made = Sequential([Input((8, 8, 3)), Conv2D(4, 3), Dense(4, activation="softmax")])
    made.compile("adam", SPARSE)
    made.fit(X, Y, verbose=0)


def without_loss():
    made = model()
    made.compile("adam")
    made.fit(X, Y, verbose=0)


def wrong_weight():
    made = model()
    weights = made.get_weights()
    weights[1] = np.ones(9)
    made.set_weights(weights)


def monitor_misspelt():
    stopper = callbacks.EarlyStopping(monitor="val_acc")
    fit(validation_data=(X, Y), callbacks=[stopper])


def optimizer_twice():
    optimizer = optimizers.Adam()
    for _ in range(2):
        made = model()
        made.compile(optimizer, SPARSE)
        made.fit(X, Y, verbose=0)


# name of the mistake, what does it, the exception, and words that the message must have
ERRORS = [
    ("missing channel axis", lambda: fit(X[..., 0]), ValueError,
     ["(None, 8, 8, 3)", "(12, 8, 8)", "height", "channel axis is missing"]),
    ("one image", lambda: model().predict(X[0]), ValueError, ["(8, 8, 3)", "x[None]"]),
    ("one image of one channel", lambda: model((8, 8, 1)).predict(X[0, :, :, :1]), ValueError,
     ["one sample", "x[None]"]),
    ("one plain image", lambda: model((8, 8, 1)).predict(X[0, :, :, 0]), ValueError,
     ["one sample", "x[None]"]),
    ("wrong channels", lambda: fit(X[..., :1]), ValueError, ["1 channels", "3 are expected"]),
    ("channels first", lambda: fit(X.transpose(0, 3, 1, 2)), ValueError,
     ["channels-first", "transpose(0, 2, 3, 1)"]),
    ("wrong size", lambda: fit(np.ones((12, 9, 7, 3))), ValueError, ["9x7", "8x8"]),
    ("label too large", lambda: fit(y=Y + 1), ValueError, ["[0, 4)", "1 to 4", "'out'"]),
    ("label negative", lambda: fit(y=Y - 1), ValueError, ["[0, 4)", "-1 to 2"]),
    ("label fraction", lambda: fit(y=Y + 0.5), ValueError, ["whole numbers"]),
    ("one-hot with sparse loss", lambda: fit(y=ONE_HOT), ValueError,
     ["one-hot", "categorical_crossentropy"]),
    ("labels with one-hot loss", lambda: fit(loss=CATEGORICAL), ValueError,
     ["sparse_categorical_crossentropy", "to_categorical"]),
    ("labels (n, 1) with one-hot loss", lambda: fit(y=Y[:, None], loss=CATEGORICAL), ValueError,
     ["sparse_categorical_crossentropy", "(12, 1)"]),
    ("one-hot width", lambda: fit(y=np.eye(5)[Y], loss=CATEGORICAL), ValueError,
     ["5 classes", "4 outputs", "'out'"]),
    ("lengths differ", lambda: fit(y=Y[:11]), ValueError, ["x has 12", "y has 11"]),
    ("not compiled", lambda: Sequential([Input((3,)), Dense(2)]).fit(X, Y), ValueError,
     ["compile()"]),
    ("unknown optimizer", lambda: model().compile("adamm", "mse"), ValueError, ["'adam'"]),
    ("unknown loss", lambda: model().compile("adam", "categorical_crosentropy"), ValueError,
     ["'categorical_crossentropy'"]),
    ("unknown metric", lambda: model().compile("adam", "mse", ["acuracy"]), ValueError, []),
    ("unknown metric name", lambda: model().compile("adam", "mse", metrics=["acuracy"]),
     ValueError, ["'accuracy'"]),
    ("unknown activation", lambda: Dense(3, activation="rellu"), ValueError, ["'relu'"]),
    ("unknown initializer", lambda: Dense(3, kernel_initializer="glorot_unifrm"), ValueError,
     ["'glorot_uniform'"]),
    ("a plain function as activation", lambda: Dense(3, activation=lambda x: x), ValueError,
     ["forward and backward"]),
    ("a plain function as loss", lambda: model().compile("adam", lambda y, p: 0), ValueError,
     ["forward and backward"]),
    ("window too large", lambda: Sequential([Input((4, 4, 1)), Conv2D(2, 5, name="big")]),
     ValueError, ["'big'", "zero or negative", "padding='same'"]),
    ("pool too large", lambda: Sequential([Input((4, 4, 1)), MaxPooling2D(5, name="pool")]),
     ValueError, ["'pool'", "zero or negative"]),
    ("padding misspelt", lambda: Conv2D(2, 3, padding="samee"), ValueError, ["'valid'", "'same'"]),
    ("padding a number", lambda: MaxPooling2D(padding=1), ValueError, ["'valid'", "'same'"]),
    ("y is None", lambda: fit(y=None), ValueError, ["y is None", SPARSE]),
    ("x is None", lambda: fit(None), ValueError, ["x is None"]),
    ("no samples", lambda: fit(X[:0], Y[:0]), ValueError, ["0 samples"]),
    ("batch size 0", lambda: fit(batch_size=0), ValueError, ["positive integer", "0"]),
    ("batch size -1", lambda: fit(batch_size=-1), ValueError, ["positive integer", "-1"]),
    ("batch size 4.0", lambda: fit(batch_size=4.0), ValueError, ["positive integer", "4.0"]),
    ("validation without y", lambda: fit(validation_data=X), ValueError,
     ["(x, y)", "array of shape (12, 8, 8, 3)"]),
    ("validation of four", lambda: fit(validation_data=(X, Y, Y, Y)), ValueError,
     ["tuple of 4"]),
    ("validation split 1", lambda: fit(validation_split=1.0), ValueError, ["0 <= split < 1"]),
    ("validation split -0.1", lambda: fit(validation_split=-0.1), ValueError, ["0 <= split < 1"]),
    ("validation split of nothing", lambda: fit(validation_split=0.99), ValueError, ["12 samples"]),
    ("no loss", without_loss, ValueError, ["No loss to compute"]),
    ("forgotten Flatten", without_flatten, ValueError, ["4-D", "Flatten()"]),
    ("a class, not a layer", lambda: Sequential([Dense]), ValueError,
     ["Only instances of `keras.Layer`", "parentheses"]),
    ("not a layer", lambda: Sequential([np.ones(3)]), ValueError, ["Only instances"]),
    ("a name twice", lambda: Sequential([Dense(2, name="a"), Dense(2, name="a")]), ValueError,
     ["unique names", "'a'"]),
    ("a name with a path", lambda: Dense(2, name="../a"), ValueError, ["'../a'"]),
    ("Dense(0)", lambda: Dense(0), ValueError, ["units", "positive integer"]),
    ("Dense(3.0)", lambda: Dense(3.0), ValueError, ["units", "3.0"]),
    ("filters a word", lambda: Conv2D("a", 3), ValueError, ["filters", "'a'"]),
    ("kernel of three", lambda: Conv2D(3, (1, 2, 3)), ValueError, ["kernel_size", "2 integers"]),
    ("strides 0", lambda: Conv2D(3, 3, strides=0), ValueError, ["strides", "value > 0"]),
    ("pool strides 0", lambda: MaxPooling2D(2, strides=0), ValueError, ["strides", "value > 0"]),
    ("rate 25", lambda: Dropout(25), ValueError, ["between 0 and 1", "rate=25"]),
    ("unknown keyword", lambda: Conv2D(3, 3, foo=1), ValueError, ["Conv2D", "'foo'"]),
    ("weights: count", lambda: model().set_weights([np.ones(3)]), ValueError, ["4 weights", "1"]),
    ("weights: shape", wrong_weight, ValueError, ["/conv/bias'", "(4,)", "(9,)"]),
    ("no such layer", lambda: model().get_layer("nope"), ValueError, ["nope", "'conv'"]),
    ("no such index", lambda: model().get_layer(index=10), ValueError, ["4 layers"]),
    ("evaluate(foo=1)", lambda: model().evaluate(X, Y, foo=1), ValueError, ["'foo'"]),
    ("fit(nb_epoch=1)", lambda: fit(nb_epoch=1), TypeError, ["nb_epoch"]),
    ("epochs 2.5", lambda: fit(epochs=2.5), ValueError, ["epochs", "2.5"]),
    ("text as labels", lambda: fit(y=np.array(["a"] * 12)), ValueError, ["y must hold numbers"]),
    ("built for another shape", lambda: model().build((None, 9, 9, 3)), ValueError,
     ["(None, 8, 8, 3)", "(None, 9, 9, 3)"]),
    ("labels with mse", lambda: fit(loss="mse"), ValueError, ["(12,)", "(None, 4)", "sparse"]),
    ("channels_first", lambda: Conv2D(2, 3, data_format="channels_first"), ValueError,
     ["channels_last"]),
    ("both weights", lambda: fit(class_weight={0: 2.0}, sample_weight=np.ones(12)), ValueError,
     ["at the same time"]),
    ("class weight a list", lambda: fit(class_weight=[1, 2]), ValueError, ["dict"]),
    ("sample weight too short", lambda: fit(sample_weight=np.ones(11)), ValueError,
     ["(11,)", "12 samples"]),
    ("class weight of no class", lambda: fit(class_weight={9: 2.0}), ValueError, ["9", "0 to 3"]),
    ("class weight negative", lambda: fit(class_weight={0: -2.0}), ValueError, ["-2.0", ">= 0"]),
    ("unknown regularizer", lambda: Dense(3, kernel_regularizer="l3"), ValueError, ["l3"]),
    ("learning rate an int", lambda: optimizers.Adam(1), ValueError, ["float", "1"]),
    ("save as .foo", lambda: model().save("model.foo"), ValueError, [".keras", "model.foo"]),
    ("weights as .h5", lambda: model().save_weights("w.h5"), ValueError, [".weights.h5", "w.h5"]),
    ("load nothing", lambda: models.load_model("nope.keras"), ValueError,
     ["File not found", "nope.keras"]),
    ("load no weights", lambda: model().load_weights("nope.weights.h5"), FileNotFoundError,
     ["nope.weights.h5"]),
    ("checkpoint .ckpt", lambda: callbacks.ModelCheckpoint("x.ckpt"), ValueError, [".keras"]),
    ("monitor misspelt", monitor_misspelt, ValueError, ["val_acc", "mode"]),
    ("one-hot of 5 in 3", lambda: utils.to_categorical([0, 5], 3), ValueError, ["[0, 3)", "5"]),
    ("one-hot of -1", lambda: utils.to_categorical([-1, 1]), ValueError, ["-1"]),
    ("labels with binary loss", lambda: fit(loss="binary_crossentropy"), ValueError,
     ["(12,)", "(None, 4)", "sparse"]),
    ("an optimizer for two models", optimizer_twice, ValueError,
     ["Unknown variable", "new optimizer"]),
    ("text as x", lambda: fit(np.array([["a"] * 3] * 12)), ValueError, ["x must hold numbers"]),
    ("label smoothing 2", lambda: losses.CategoricalCrossentropy(label_smoothing=2), ValueError,
     ["label_smoothing", "2"]),
    ("Input(5)", lambda: Input(5), ValueError, ["5", "tuple"]),
    ("NaN in x", lambda: fit(np.where(X > 0.99, np.nan, X)), NonFiniteError,
     ["input x", "NaN", "last good step"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("mistake", "error", "words"), [e[1:] for e in ERRORS], ids=[e[0] for e in ERRORS]
)
def test_message(mistake, error, words):
    with pytest.raises(error) as caught:
        mistake()
    message = str(caught.value)
    for word in words:
        assert word in message
    assert len(message) < 600, "a message, not a dump"


def test_accepted():
    """What Keras refuses or Keras users get away with: taken, with the obvious meaning."""
    fit(X[..., 0], shape=(8, 8, 1))  # the channel axis of 1 is added
    fit(X.tolist(), Y.tolist())
    fit((X * 255).astype("uint8"), Y[:, None])
    fit(y=Y.astype("float32"))
    model().compile("adam", "mse", metrics="accuracy")
    MaxPooling2D(padding="SAME")
    Dense(np.int64(3))


def test_softmax_with_from_logits_warns_once_and_uses_the_logits():
    made = model(loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    plain = model()
    plain.set_weights(made.get_weights())
    with pytest.warns(UserWarning, match="does not represent logits") as caught:
        value = made.evaluate(X, Y, verbose=0)
        made.fit(X, Y, epochs=2, verbose=0)
    assert len(caught) == 1
    assert value == plain.evaluate(X, Y, verbose=0)


def test_older_spellings_of_an_optimizer_warn():
    with pytest.warns(DeprecationWarning, match="learning_rate"):
        assert optimizers.Adam(lr=0.1).learning_rate == pytest.approx(0.1)
    with pytest.warns(UserWarning, match="no longer supported"):
        optimizers.Adam(decay=0.1)


def test_a_second_input_shape_that_conflicts_warns():
    with pytest.warns(UserWarning, match=r"'second'.*\(9, 9, 3\).*\(None, 8, 8, 3\)"):
        Sequential([Input((8, 8, 3)), Conv2D(2, 3, input_shape=(9, 9, 3), name="second")])
    Sequential([Input((8, 8, 3)), Conv2D(2, 3, input_shape=(8, 8, 3))])  # says the same: fine


def test_a_metric_that_is_not_watched_warns():
    with pytest.warns(UserWarning, match="val_loss"):
        fit(callbacks=[callbacks.EarlyStopping()])


def test_frozen_models_warn_once():
    made = model()
    made.trainable = False
    with pytest.warns(UserWarning, match="does not have any trainable weights") as caught:
        made.fit(X, Y, verbose=0)
    assert len(caught) == 1


def test_softmax_of_one_unit_warns():
    with pytest.warns(UserWarning, match="always return the value 1"):
        Sequential([Input((3,)), Dense(1, activation="softmax")])


def test_nothing_is_trained_before_the_arguments_are_checked():
    made = model()
    before = made.get_weights()
    for arguments in ({"validation_data": (X, Y + 9)}, {"sample_weight": np.ones(3)}):
        with pytest.raises(ValueError, match=r"labels|samples"):
            made.fit(X, Y, verbose=0, **arguments)
    for a, b in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_non_finite_loss_keeps_the_weights_of_the_last_good_step(backend):
    made = model()
    x = X.copy()
    x[9, 2, 3, 1] = np.nan
    made.fit(X, Y, verbose=0)
    before = made.get_weights()
    with pytest.raises(NonFiniteError, match="input x"):
        made.fit(x, Y, verbose=0, shuffle=False)
    for a, b in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(NonFiniteError, match="input x"):
        made.train_on_batch(x, Y)


def test_non_finite_weight_is_named(backend):
    made = model()
    weights = made.get_weights()
    weights[0][1, 1, 0, 2] = np.inf
    made.set_weights(weights)
    with pytest.raises(NonFiniteError, match="conv/kernel"):
        made.fit(X, Y, verbose=0)


def test_divergence_is_named(backend):
    made = model()
    made.compile(optimizers.SGD(1e30), SPARSE)
    with pytest.raises(NonFiniteError, match="learning rate"):
        made.fit(X, Y, epochs=9, verbose=0)
    assert np.isfinite(made.get_weights()[0]).all()


class NoReturn(Layer):
    def forward(self, ctx, x):
        x * 2


class NoBackward(Layer):
    def forward(self, ctx, x):
        return x * 2


class NoReturnBack(NoBackward):
    def backward(self, ctx, dy):
        dy * 2


class WrongShape(NoBackward):
    def backward(self, ctx, dy):
        return dy[..., :1]


class NoInit(NoBackward):
    def __init__(self):
        pass


class Forgot(NoBackward):
    def backward(self, ctx, dy):
        return dy * ctx.scale


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (NoReturn, "return statement missing"),
        (NoBackward, "has no backward"),
        (NoReturnBack, "is 'return dx' missing"),
        (WrongShape, "expected the shape of its input"),
        (NoInit, "super().__init__"),
        (Forgot, "ctx.save(scale=...)"),
    ],
)
def test_mistakes_in_a_layer_of_ones_own(layer, words):
    with pytest.raises((ValueError, TypeError, NotImplementedError, AttributeError)) as caught:
        made = Sequential([Input((4, 4, 3)), Conv2D(2, 1), layer(), Flatten(), Dense(4)])
        made.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
        made.fit(X[:, :4, :4], Y, verbose=0)
    assert words in str(caught.value)


def test_no_warning_in_ordinary_use():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(epochs=2, validation_split=0.25)
