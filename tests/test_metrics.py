"""Metrics: Keras's numbers, states, names and keys, for direct calls and inside a model."""

import json
from pathlib import Path

import numpy as np
import pytest

from minicnn import losses, metrics
from minicnn.callbacks import EarlyStopping
from minicnn.layers import Dense, Input
from minicnn.models import Sequential

GOLDEN = json.loads((Path(__file__).parent / "golden" / "metrics.json").read_text())
STATES = GOLDEN["states"]


def make(state):
    return getattr(metrics, state["class"])(**state["arguments"])


def each_state(function):
    names = [f"{s['class']}{s['arguments'] or ''}{np.shape(s['batches'][0][1])}" for s in STATES]
    return pytest.mark.parametrize("state", STATES, ids=names)(function)


# -- state ------------------------------------------------------------------------------------


@each_state
def test_state_and_result_are_those_of_keras(state, ops):
    """Batch by batch, handed over as arrays of any kind, with weights of every rank."""
    metric = make(state)
    metric.attach(ops)
    for run in state["runs"].values():
        metric.reset_state()
        assert metric.result() == 0
        for (y, p), w in zip(state["batches"], run["weights"], strict=True):
            metric.update_state(y, np.array(p, "float32"), sample_weight=w)
        np.testing.assert_allclose(metric.variables, run["variables"], rtol=1e-5, atol=1e-6)
        assert metric.result() == pytest.approx(run["result"], rel=1e-5, abs=1e-6)


@each_state
def test_the_engine_updates_alike(state, ops):
    """The same with arrays where the backend computes, as in training."""
    metric = make(state)
    metric.attach(ops)
    for rank, run in state["runs"].items():
        metric.reset_state()
        for (y, p), w in zip(state["batches"], run["weights"], strict=True):
            y, p = metric._arrays(y, np.array(p, "float32"))
            if rank == "(N, 1)":
                w = np.reshape(w, -1)
            w = None if w is None else ops.asarray(np.array(w, "float32"))
            metric.update(ops.asarray(y), ops.asarray(p), w)
        np.testing.assert_allclose(metric.variables, run["variables"], rtol=1e-5, atol=1e-6)


@each_state
def test_the_saved_form_is_that_of_keras(state):
    metric = make(state)
    assert metrics.serialize(metric) == state["serialized"]
    assert metric.direction == state["direction"]
    again = metrics.deserialize(json.loads(json.dumps(state["serialized"])))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()


@pytest.mark.parametrize("case", GOLDEN["reductions"], ids=lambda c: c["class"])
def test_mean_and_sum(case):
    metric = getattr(metrics, case["class"])()
    metric.update_state(case["values"], sample_weight=case["weights"])
    np.testing.assert_allclose([float(v) for v in metric.variables], case["variables"], rtol=1e-6)
    assert metric.result() == pytest.approx(case["result"], rel=1e-6)
    assert metric(case["values"], sample_weight=case["weights"]) == pytest.approx(
        case["result"] * (2 if case["class"] == "Sum" else 1), rel=1e-6
    )
    metric.reset_state()
    assert metric.result() == 0


@pytest.mark.parametrize("case", GOLDEN["functions"], ids=lambda c: c["function"])
def test_functions(case):
    function = getattr(metrics, case["function"])
    values = function(np.array(case["y"]), np.array(case["p"], "float32"))
    np.testing.assert_allclose(values, case["values"])


def test_top_k():
    p = np.array([[0.1, 0.9, 0.8, 0.9], [np.nan, 1, 2, 3], [5, 4, np.inf, 0]])
    function = metrics.sparse_top_k_categorical_accuracy
    assert function([2, 3, 0], p, k=2).tolist() == [0, 0, 0]
    assert function([2, 3, 0], p, k=3).tolist() == [1, 0, 0]
    assert function([1, 3, 4], p, k=9).tolist() == [1, 0, 0]  # of two equal scores both are first
    assert function([-1, 4, 0], p, k=9).tolist() == [0, 0, 0]
    assert metrics.top_k_categorical_accuracy(np.eye(4)[[3]], p[:1], k=1).tolist() == [1]


def test_numbers_without_a_batch_axis():
    assert metrics.Accuracy()([1, 2, 3, 4], [0, 2, 3, 4]) == 0.75
    binary = metrics.BinaryAccuracy()
    assert binary([1, 1, 0, 0], [0.98, 1, 0, 0.6]) == 0.75
    assert binary.variables == [3, 4]
    assert metrics.MeanSquaredError()([1.0, 2.0], [1.0, 4.0]) == 2


def test_ignored_labels_count_as_zero_and_with_weights_not_at_all():
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=-1)
    p = [[0.5, 0.5], [0.5, 0.5]]
    assert metric([0, -1], p) == pytest.approx(np.log(2) / 2)
    metric.reset_state()
    assert metric([0, -1], p, [3, 1]) == pytest.approx(np.log(2))
    with pytest.raises(ValueError, match=r"\[0, 2\)"):
        metric([0, 2], p)


# -- names ------------------------------------------------------------------------------------


def test_names():
    for name, cls in (
        ("mae", metrics.MeanAbsoluteError),
        ("MSE", metrics.MeanSquaredError),
        ("mape", metrics.MeanAbsolutePercentageError),
        ("msle", metrics.MeanSquaredLogarithmicError),
        ("bce", metrics.BinaryCrossentropy),
        ("accuracy", metrics.Accuracy),
        ("log_cosh_error", metrics.LogCoshError),
        ("TopKCategoricalAccuracy", metrics.TopKCategoricalAccuracy),
        ("top_k_categorical_accuracy", metrics.TopKCategoricalAccuracy),
        ("kl_divergence", metrics.KLDivergence),
        (metrics.Poisson, metrics.Poisson),
    ):
        assert type(metrics.get(name)) is cls
    assert metrics.get(None) is None
    assert metrics.get(metrics.categorical_accuracy) is metrics.categorical_accuracy
    assert metrics.get("mae").name == "mean_absolute_error"
    assert metrics.as_metric("mae").name == "mae"
    assert metrics.as_metric("huber").direction == "down"
    assert metrics.as_metric(metrics.categorical_accuracy).name == "categorical_accuracy"
    assert metrics.as_metric(losses.Huber()).name == "huber_loss"
    assert metrics.as_metric("Acc") == "accuracy"


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("acuracy", "'accuracy'"),
        ("mean_absolut_error", "'mean_absolute_error'"),
        (7, "Could not interpret metric identifier: 7"),
        ({"config": {}}, "class_name"),
        ({"class_name": "AUC"}, "AUC"),
    ],
)
def test_unknown_metrics(identifier, words):
    with pytest.raises(ValueError, match=words):
        metrics.as_metric(identifier)


def test_a_wrapped_function():
    wrapper = metrics.MeanMetricWrapper(losses.huber, name="x", delta=2.0)
    assert wrapper([[0.0], [0.0]], [[1.0], [3.0]]) == pytest.approx((0.5 + 4) / 2)
    saved = metrics.serialize(wrapper)
    assert saved["config"] == {
        "name": "x", "dtype": "float32", "fn": losses.serialize(losses.huber), "delta": 2.0,
    }  # fmt: skip
    again = metrics.deserialize(saved)
    assert (again.fn, again.arguments, again.direction) == (losses.huber, {"delta": 2.0}, "down")


# -- in a model -------------------------------------------------------------------------------

MODELS = GOLDEN["models"]
X, Y = np.array(MODELS["x"]), np.array(MODELS["y"])
WEIGHTS = np.array(MODELS["weights"])


def model(**arguments):
    made = Sequential([Input((3,)), Dense(4, activation="softmax", use_bias=False)])
    made.set_weights([np.array(MODELS["w"])])
    made.compile("sgd", "sparse_categorical_crossentropy", **arguments)
    return made


@pytest.mark.parametrize("run", MODELS["runs"], ids=lambda r: str(r["metrics"]))
def test_the_keys_and_values_in_logs_are_those_of_keras(run, backend):
    made = model(metrics=run["metrics"], weighted_metrics=run["weighted_metrics"])
    given = {"sample_weight": WEIGHTS, "verbose": 0, "batch_size": 3}
    logs = made.evaluate(X, Y, return_dict=True, **given)
    assert logs.keys() == run["logs"].keys()
    for key, value in run["logs"].items():
        assert logs[key] == pytest.approx(value, rel=1e-5), key
    assert len(made.evaluate(X, Y, **given)) == len(logs)


def test_class_weights_reach_the_weighted_metrics_alone(backend):
    made = model(metrics=["accuracy"], weighted_metrics=["acc"])
    class_weight = {0: 3.0, 2: 0.5}
    history = made.fit(X, Y, class_weight=class_weight, verbose=0, batch_size=7).history
    hits = model().predict(X, verbose=0).argmax(axis=1) == Y
    weights = np.array([class_weight.get(label, 1.0) for label in Y])
    assert history["accuracy"][0] == pytest.approx(hits.mean())
    assert history["acc"][0] == pytest.approx((weights * hits).sum() / weights.sum())


def test_a_metric_object_is_given_back():
    top = metrics.SparseTopKCategoricalAccuracy(k=2, name="top")
    made = model(metrics=[top, "acc"])
    made.evaluate(X, Y, verbose=0)
    assert made.metrics[0] is top
    order = np.argsort(-made.predict(X, verbose=0), axis=1)[:, :2]
    assert top.result() == pytest.approx((order == Y[:, None]).any(axis=1).mean())


def test_a_metric_goes_on_by_itself_after_training():
    """What a model reads from the logits, a call reads from the probabilities it is given."""
    metric = metrics.SparseCategoricalCrossentropy()
    made = model(metrics=[metric])
    made.evaluate(X, Y, verbose=0)
    inside = metric.result()
    metric.reset_state()
    assert metric(Y, made.predict(X, verbose=0)) == pytest.approx(inside, rel=1e-5)


def test_a_metric_of_ones_own_with_variables(backend):
    class Largest(metrics.Metric):
        def __init__(self, name="largest"):
            super().__init__(name=name)
            self.largest = self.add_variable(name="largest")
            self.seen = self.add_weight(shape=(2,), initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.largest.assign(max(float(self.largest), y_pred.max()))
            self.seen.assign_add([1, 0 if sample_weight is None else sample_weight.sum()])

        def result(self):
            return float(self.largest)

    plain, weighted = Largest(), Largest(name="weighted")
    made = model(metrics=[plain], weighted_metrics=[weighted])
    for _ in range(2):  # reset between
        logs = made.evaluate(X, Y, sample_weight=WEIGHTS, batch_size=3, verbose=0, return_dict=True)
    assert logs["largest"] == pytest.approx(made.predict(X, verbose=0).max())
    assert plain.seen.numpy().tolist() == [3, 0]
    assert weighted.seen.numpy().tolist() == [3, WEIGHTS.sum()]


@pytest.mark.parametrize("weighted", [False, True])
def test_a_function_with_one_number_a_batch_or_one_a_sample(weighted, backend):
    def largest(y_true, y_pred):
        return y_pred.max(axis=-1)

    def average(y_true, y_pred):
        return y_pred.max(axis=-1).mean()

    def entries(y_true, y_pred):
        return y_pred

    listed = {"weighted_metrics" if weighted else "metrics": [largest, average, entries]}
    made = model(**listed)
    given = {"sample_weight": WEIGHTS} if weighted else {}
    logs = made.evaluate(X, Y, verbose=0, return_dict=True, **given)
    p = made.predict(X, verbose=0)
    w = WEIGHTS if weighted else np.ones(7)
    assert logs["largest"] == pytest.approx((w * p.max(axis=1)).sum() / w.sum(), rel=1e-5)
    assert logs["average"] == pytest.approx(p.max(axis=1).mean(), rel=1e-5)
    assert logs["entries"] == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "y", "metric", "words"),
    [
        ("mse", np.eye(4)[Y], "sparse_categorical_accuracy", "needs integer labels"),
        ("sparse_categorical_crossentropy", Y, "categorical_accuracy", "shape of the output"),
        ("sparse_categorical_crossentropy", Y, "mae", "shape of the output"),
        ("categorical_crossentropy", np.eye(4)[Y], "sparse_top_k_categorical_accuracy", "labels"),
    ],
)
def test_a_metric_that_does_not_fit_the_targets(loss, y, metric, words):
    made = model()
    made.compile("sgd", loss, metrics=[metric])
    with pytest.raises(ValueError, match=words):
        made.fit(X, y, verbose=0)


@pytest.mark.parametrize(
    ("metric", "mode"),
    [("accuracy", "max"), ("sparse_categorical_crossentropy", "min"), ("acc", "max")],
)
def test_callbacks_know_the_direction(metric, mode):
    made = model(metrics=[metric])
    stopping = EarlyStopping(metric)
    made.fit(X, Y, epochs=1, verbose=0, callbacks=[stopping])
    assert stopping.monitor_op(1, 2) == (mode == "min")


def test_the_first_of_equal_scores_is_the_prediction():
    p = np.array([[0.4, 0.4, 0.2]])
    assert metrics.sparse_categorical_accuracy([0], p).tolist() == [1]
    assert metrics.sparse_categorical_accuracy([1], p).tolist() == [0]


def test_compiling_again_forgets_the_metrics():
    made = model(metrics=["acc"])
    made.compile("sgd", "sparse_categorical_crossentropy")
    assert isinstance(made.evaluate(X, Y, verbose=0), float)
