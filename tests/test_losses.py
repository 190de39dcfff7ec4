"""Losses: Keras's numbers, names and shapes, for direct calls and inside a model."""

import inspect
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from minicnn import losses, metrics, optimizers
from minicnn.backends.context import Context
from minicnn.gradcheck import check_gradients
from minicnn.layers import Activation, Dense, Input, Softmax
from minicnn.models import Sequential

GOLDEN = json.loads((Path(__file__).parent / "golden" / "losses.json").read_text())
CALLS = GOLDEN["calls"]
SPARSE = losses.SparseCategoricalCrossentropy
REDUCTIONS = ["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none"]


def ids(calls):
    return [f"{c['class']}{c['arguments'] or ''}{np.shape(c['p'])}" for c in calls]


def arrays(call):
    return tuple(np.array(call[k]) for k in ("y", "p", "weights"))


# -- direct calls -----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:In loss categorical_crossentropy:SyntaxWarning")
@pytest.mark.parametrize("call", CALLS, ids=ids(CALLS))
def test_a_call_gives_what_keras_gives(call):
    y, p, weights = arrays(call)
    for reduction in REDUCTIONS:
        loss = getattr(losses, call["class"])(**call["arguments"], reduction=reduction)
        plain, weighted = call[reduction]
        np.testing.assert_allclose(loss(y, p.astype("float32")), plain, rtol=2e-5, atol=1e-6)
        if reduction != "mean_with_sample_weight" or weights.any():
            np.testing.assert_allclose(loss(y, p, weights), weighted, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("call", CALLS, ids=ids(CALLS))
def test_the_saved_form_is_that_of_keras(call):
    loss = getattr(losses, call["class"])(**call["arguments"])
    expected = call["serialized"]
    if "delta" in call["arguments"]:  # Keras forgets the delta of Huber; here it is kept
        expected = {**expected, "config": {**expected["config"], "delta": loss.delta}}
    assert losses.serialize(loss) == expected
    again = losses.deserialize(json.loads(json.dumps(expected)))
    assert type(again) is type(loss)
    assert vars(again) == vars(loss)
    assert vars(losses.get(call["serialized"])).keys() == vars(loss).keys()


@pytest.mark.parametrize("function", losses.FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore:In loss categorical_crossentropy:SyntaxWarning")
def test_a_function_gives_the_values(function):
    for call in CALLS:
        if call["class"] == losses.FUNCTIONS[function].__name__:
            y, p, _ = arrays(call)
            values = function(y, p.astype("float32"), **call["arguments"])
            np.testing.assert_allclose(values, call["none"][0], rtol=2e-5, atol=1e-6)


def test_a_function_takes_the_arguments_of_its_class_in_their_order():
    y, p = np.eye(4)[:3], np.random.default_rng(0).random((3, 4))
    np.testing.assert_array_equal(
        losses.categorical_crossentropy(y, p, True, 0.25),
        losses.categorical_crossentropy(y_true=y, y_pred=p, from_logits=True, label_smoothing=0.25),
    )
    np.testing.assert_array_equal(
        losses.sparse_categorical_crossentropy([0, 1, 9], p, False, 9),
        losses.sparse_categorical_crossentropy([0, 1, 9], p, ignore_class=9),
    )
    signature = inspect.signature(losses.huber)
    assert list(signature.parameters) == ["y_true", "y_pred", "delta"]
    for function, arguments in ((losses.hinge, (1.0,)), (losses.huber, (1.0, "none"))):
        with pytest.raises(TypeError, match="too many positional arguments"):
            function(y, p, *arguments)


def test_ranks_that_differ_by_a_last_axis_of_one():
    y, p = np.array([1.0, 3.0]), np.array([[2.0], [1.0]])
    mse = losses.MeanSquaredError(reduction="none")
    for a, b in ((y, p), (p, y), (y[:, None], p)):
        np.testing.assert_array_equal(mse(a, b), [1, 4])
    labels, scores = np.array([1, 0]), np.array([[0.2, 0.8], [0.5, 0.5]])
    values = SPARSE(reduction="none")(labels[:, None], scores)
    np.testing.assert_allclose(values, -np.log([0.8, 0.5]))
    column = np.ones((2, 3, 1))  # y (N, T) and p (N, T, 1): p loses the axis
    assert mse(np.zeros((2, 3)), column).tolist() == [1, 1]
    assert mse(column, np.zeros((2, 3))).tolist() == [1, 1]


@pytest.mark.parametrize(("y", "p"), [((3,), (3, 4)), ((3, 4), (3, 5)), ((2, 3), (2, 3, 4))])
def test_shapes_that_do_not_fit(y, p):
    with pytest.raises(ValueError, match="does not fit y_pred"):
        losses.mean_squared_error(np.zeros(y), np.zeros(p))


def test_weights_that_do_not_fit():
    with pytest.raises(ValueError, match=r"sample_weight of shape \(5,\)"):
        losses.Hinge()(np.ones((4, 2)), np.ones((4, 2)), np.ones(5))


def test_dtype_follows_the_predictions():
    y = np.eye(3)
    assert losses.categorical_crossentropy(y, np.full((3, 3), 1 / 3)).dtype == "float64"
    assert losses.log_cosh(y, y.astype("float32")).dtype == "float32"
    assert losses.mean_absolute_error([[1, 2]], [[2, 2]]).dtype == "float32"
    assert losses.Poisson(dtype="float32", reduction="none")(y, y + 1.0).dtype == "float32"


def test_labels_out_of_range():
    p = np.full((2, 3), 1 / 3)
    for labels in ([0, 3], [-1, 0]):
        with pytest.raises(ValueError, match=r"\[0, 3\)"):
            losses.sparse_categorical_crossentropy(labels, p)
        with pytest.raises(ValueError, match=r"\[0, 3\)"):
            SPARSE(ignore_class=255)(labels, p)
    np.testing.assert_array_equal(
        losses.sparse_categorical_crossentropy([7, 7], p, ignore_class=7), 0
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_every_sample_ignored(reduction):
    value = SPARSE(ignore_class=-1, reduction=reduction)([-1, -1], np.full((2, 3), 1 / 3))
    np.testing.assert_array_equal(value, 0)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda: losses.MeanSquaredError(reduction="average"), "reduction must be one of"),
        (lambda: losses.CategoricalCrossentropy(label_smoothing=2), "between 0 and 1"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=-0.1), "between 0 and 1"),
        (lambda: losses.CategoricalCrossentropy(axis=1), r"y_pred\.swapaxes\(1, -1\)"),
        (lambda: losses.Huber(delta=0), "delta must be positive"),
        (lambda: losses.get("mean_square_error"), "'mean_squared_error'"),
        (lambda: losses.as_loss("crossentropi"), "'crossentropy'"),
        (lambda: losses.as_loss(lambda y, p: 0), "forward and backward"),
        (lambda: losses.as_loss(3), "Could not interpret loss identifier: 3"),
        (lambda: losses.deserialize({"config": {}}), "class_name"),
        (lambda: losses.deserialize({"class_name": "Dice"}), "Dice"),
    ],
)
def test_mistakes(mistake, words):
    with pytest.raises(ValueError, match=words):
        mistake()


def test_a_loss_without_backward_is_refused_when_compiled():
    class AsInKeras(losses.Loss):
        def call(self, y_true, y_pred):
            return y_pred

    with pytest.raises(ValueError, match="a `call` only"):
        Sequential([Input((2,)), Dense(1)]).compile("sgd", AsInKeras())


# -- names ------------------------------------------------------------------------------------


def test_names():
    for name in ("mse", "MSE", "mean_squared_error"):
        assert losses.get(name) is losses.mean_squared_error
        assert losses.as_loss(name).name == name
    for short, function in (
        ("mae", losses.mean_absolute_error),
        ("mape", losses.mean_absolute_percentage_error),
        ("msle", losses.mean_squared_logarithmic_error),
        ("bce", losses.binary_crossentropy),
        ("kld", losses.kl_divergence),
    ):
        assert losses.get(short) is losses.get(short.upper()) is function
    assert isinstance(losses.get("KLDivergence"), losses.KLDivergence)
    assert losses.get(None) is None
    assert losses.get(losses.huber) is losses.huber
    assert losses.as_loss(losses.huber).name == "huber"
    assert losses.as_loss(losses.Huber).name == "huber_loss"
    function = losses.serialize(losses.huber)
    assert function["class_name"] == "function"
    assert losses.deserialize(function) is losses.huber
    mine = losses.deserialize("mine", {"mine": losses.hinge})
    assert mine is losses.hinge


def test_a_loss_of_ones_own_has_a_name_and_a_saved_form():
    class OwnLoss(losses.Loss):
        pass

    first, second = OwnLoss(), OwnLoss()
    assert first.name.startswith("own_loss")
    assert first.name != second.name
    saved = losses.serialize(OwnLoss(name="x"))
    assert saved["registered_name"] == "OwnLoss"
    assert losses.deserialize(saved, {"OwnLoss": OwnLoss}).name == "x"


# -- in a model -------------------------------------------------------------------------------

MODELS = GOLDEN["models"]


#: Keras on TensorFlow reads the input of *any* softmax or sigmoid in front of *any* cross-entropy.
#: Here a loss and the activation it inverts belong together; in other pairs it reads the output.
OTHER_PAIRS = {
    "BinaryCrossentropy": ("Dense", "Activation", "Softmax"),
    "CategoricalCrossentropy": ("sigmoid",),
    "SparseCategoricalCrossentropy": ("sigmoid",),
}


def comparable(run):
    """Where Keras's loss is that of the model's output. With ``ignore_class`` it forgets the logits
    and clips the probabilities of a softmax; here they are used all the same.
    """
    softmax = run["ending"] in ("Dense", "Activation", "Softmax")
    ignores = softmax and "ignore_class" in run["arguments"]
    return not ignores and run["ending"] not in OTHER_PAIRS.get(run["loss"], ())


def build(ending):
    activation = {"Dense": "softmax", "sigmoid": "sigmoid"}.get(ending)
    made = Sequential([Input((3,)), Dense(4, activation=activation)])
    if ending in ("Activation", "Softmax"):
        made.add(Activation("softmax") if ending == "Activation" else Softmax())
    made.set_weights([np.array(MODELS["w"]), np.array(MODELS["b"])])
    return made


@pytest.mark.parametrize(
    "run",
    [run for run in MODELS["runs"] if comparable(run)],
    ids=lambda r: f"{r['ending']}-{r['loss']}{r['arguments'] or ''}",
)
def test_a_model_gives_what_keras_gives(run, backend):
    """Softmax and sigmoid at the end, with and without from_logits, as loss and as metric."""
    made, x, y = build(run["ending"]), np.array(MODELS["x"]), np.array(MODELS["y"])
    sparse = run["loss"].startswith("Sparse")
    family = getattr(metrics, f"{'Sparse' if sparse else ''}CategoricalCrossentropy")
    watched = [family(name="ce"), family(name="ce_logits", from_logits=True)]
    if not sparse:
        watched.append(metrics.BinaryCrossentropy(name="bce"))
    loss = getattr(losses, run["loss"])(**run["arguments"])
    made.compile(optimizers.SGD(0.1), loss, metrics=watched)
    y = y if sparse else np.eye(4)[y]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        logs = made.evaluate(x, y, batch_size=4, verbose=0, return_dict=True)
        made.train_on_batch(x, y)
    assert logs.keys() == run["logs"].keys()
    if run["ending"] in OTHER_PAIRS["BinaryCrossentropy"]:
        logs.pop("bce", None)
    elif run["ending"] == "sigmoid":
        logs = {key: value for key, value in logs.items() if not key.startswith("ce")}
    for key in logs:
        value = run["logs"][key]
        assert logs[key] == pytest.approx(value, rel=1e-4, abs=1e-5), key
    for mine, expected in zip(made.get_weights(), run["weights"], strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ending", ["Dense", "Activation", "Softmax"])
def test_binary_crossentropy_behind_a_softmax_reads_its_output(ending, backend):
    made, x, y = build(ending), np.array(MODELS["x"]), np.eye(4)[MODELS["y"]]
    made.compile("sgd", "binary_crossentropy", metrics=["bce"])
    expected = losses.BinaryCrossentropy()(y, made.predict(x, verbose=0))
    assert made.evaluate(x, y, verbose=0) == pytest.approx([expected, expected], rel=1e-5)


@pytest.mark.parametrize("call", CALLS, ids=ids(CALLS))
def test_the_gradient_is_that_of_keras(call, ops):
    y, p, weights = arrays(call)
    loss = getattr(losses, call["class"])(**call["arguments"])
    labels = loss.targets == "labels"
    y, p = y.astype("int64" if labels else "float32"), p.astype("float32")
    weights = weights.astype("float32")
    loss_ctx, sum_ctx = Context(ops), Context(ops)
    with ops.running():
        values, _ = loss.forward(loss_ctx, ops.asarray(y), ops.asarray(p))
        counted = values.size if loss.ignore_class is None else (y != loss.ignore_class).sum()
        scale = 1 / loss.divisor(int(counted), None)
        ops.weighted_sum_forward(sum_ctx, values, ops.asarray(weights), scale)
        gradient = loss.backward(loss_ctx, ops.weighted_sum_backward(sum_ctx))
    np.testing.assert_allclose(ops.to_numpy(gradient), call["gradient"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [c.__name__ for c in losses.CLASSES])
def test_the_gradient_checker_agrees(name):
    assert check_gradients(getattr(losses, name)(), (4, 5), backend="numba")


def small(units=3, activation="softmax"):
    return Sequential([Input((4,)), Dense(units, activation=activation)])


X = np.random.default_rng(1).standard_normal((20, 4))
LABELS = np.random.default_rng(2).integers(0, 3, 20)


@pytest.mark.parametrize("name", ["crossentropy", "ce", "CE"])
def test_crossentropy_is_told_by_the_shapes(name):
    binary = LABELS > 0
    for made, y, family in (
        (small(), LABELS, losses.SparseCategoricalCrossentropy),
        (small(), LABELS[:, None], losses.SparseCategoricalCrossentropy),
        (small(), np.eye(3)[LABELS], losses.CategoricalCrossentropy),
        (small(1, "sigmoid"), binary, losses.BinaryCrossentropy),
    ):
        made.compile("sgd", name)
        value = made.evaluate(X, y, verbose=0)
        made.compile("sgd", family())
        assert made.evaluate(X, y, verbose=0) == value
    made = small()
    made.compile("sgd", name)
    with pytest.raises(ValueError, match=name):
        made.fit(X, None, verbose=0)


def test_ignored_labels_train_like_labels_left_out(backend):
    y = np.where(LABELS == 2, -1, LABELS)
    kept = y != -1
    weights = np.arange(20.0)
    for given in ({}, {"sample_weight": weights}, {"class_weight": {0: 2.0, 1: 0.5}}):
        some, part = small(), small()
        part.set_weights(some.get_weights())
        some.compile("sgd", losses.SparseCategoricalCrossentropy(ignore_class=-1))
        part.compile("sgd", "sparse_categorical_crossentropy")
        some.fit(X, y, verbose=0, **given)
        if "sample_weight" in given:
            given = {"sample_weight": weights[kept]}
        part.fit(X[kept], y[kept], verbose=0, **given)
        for a, b in zip(some.get_weights(), part.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("reduction", REDUCTIONS[:-1])
def test_reductions_in_training_are_those_of_a_call(reduction, backend):
    y, weights = np.where(LABELS == 2, 255, LABELS), np.arange(20.0)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=255, reduction=reduction)
    made = small()
    made.compile("sgd", loss)
    expected = loss(y, made.predict(X, verbose=0), weights)
    assert made.test_on_batch(X, y, weights) == pytest.approx(float(expected), rel=1e-5)


def test_labels_out_of_range_beside_an_ignored_class():
    made = small()
    made.compile("sgd", losses.SparseCategoricalCrossentropy(ignore_class=255))
    with pytest.raises(ValueError, match=r"labels must lie in \[0, 3\)"):
        made.fit(X, np.where(LABELS == 2, 254, LABELS), verbose=0)


@pytest.mark.parametrize(
    ("layers", "loss", "words"),
    [
        ([Dense(3, activation="relu")], "sparse_categorical_crossentropy", "ends in relu"),
        ([Dense(3, activation="sigmoid")], "sparse_categorical_crossentropy", "ends in sigmoid"),
        ([Dense(3)], "sparse_categorical_crossentropy", "from_logits=True"),
        ([Dense(3, activation="relu")], SPARSE(from_logits=True), "takes logits"),
        (
            [Dense(3, activation="softmax"), Softmax()],
            "sparse_categorical_crossentropy",
            "softmax twice",
        ),
    ],
)
def test_an_activation_that_does_not_suit_the_loss_warns(layers, loss, words):
    made = Sequential([Input((4,)), *layers])
    made.compile("sgd", loss)
    with pytest.warns(UserWarning, match=words) as caught:
        made.fit(X, LABELS, epochs=2, verbose=0)
        made.evaluate(X, LABELS, verbose=0)
    assert len(caught) == 1


def test_one_class_warns():
    made = Sequential([Input((4,)), Dense(1, activation="sigmoid")])
    made.compile("sgd", "categorical_crossentropy")
    with (
        pytest.warns(SyntaxWarning, match="binary_crossentropy"),
        pytest.warns(UserWarning, match="ends in sigmoid"),
    ):
        made.fit(X, np.ones((20, 1)), verbose=0)
    with pytest.warns(SyntaxWarning, match="binary_crossentropy"):
        losses.categorical_crossentropy([[1.0]], [[0.5]])


def test_a_softmax_over_another_axis_is_not_fused(backend):
    made = Sequential([Input((2, 3)), Softmax(axis=1)])
    made.compile("sgd", "categorical_crossentropy")
    y = np.eye(3)[[[0, 1], [2, 2]]]
    x = np.random.default_rng(3).standard_normal((2, 2, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no weights
        value = made.evaluate(x, y, verbose=0)
    expected = losses.CategoricalCrossentropy()(y, made.predict(x, verbose=0))
    assert value == pytest.approx(float(expected), rel=1e-5)
