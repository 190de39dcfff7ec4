"""Ways to use layers, losses, metrics and optimizers one by one that Keras programs have."""

import copy
import json
import pickle

import numpy as np
import pytest

from minicnn import (
    Input,
    Sequential,
    backends,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    saving,
    utils,
)
from minicnn.engine.parameters import Parameter, ParameterStore
from minicnn.layers import Layer

rng = np.random.default_rng(20)


# -- layers --------------------------------------------------------------------------------------


def test_a_layer_built_by_hand_keeps_its_weights_when_called():
    x = rng.normal(size=(3, 5)).astype("float32")
    layer = layers.Dense(2)
    layer.build((None, 5))
    assert layer.built
    w, b = rng.normal(size=(5, 2)), rng.normal(size=2)
    layer.set_weights([w, b])
    np.testing.assert_allclose(layer(x), x @ w + b, rtol=1e-5, atol=1e-6)
    assert len(layer.weights) == 2


class Scale(Layer):
    """A layer of one's own, whose build says nothing of ``built``."""

    def build(self, input_shape):
        self.gain = self.add_weight((input_shape[-1],), "ones", name="gain")

    def forward(self, ctx, x):
        return x * self.gain.value


def test_so_does_a_layer_of_ones_own_and_one_derived_from_it():
    class Twice(Scale):
        def build(self, input_shape):
            super().build(input_shape)
            self.shift = self.add_weight((1,), "zeros", name="shift")

    layer = Twice()
    assert not layer.built
    layer.build((None, 3))
    assert layer.built
    assert len(layer.weights) == 2
    layer.gain.assign([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(layer(np.ones((2, 3))), [[1, 2, 3]] * 2)
    assert len(layer.weights) == 2


def test_who_adds_a_build_to_a_layer_without_weights_has_something_to_build():
    class Counted(layers.MaxPooling2D):
        def build(self, input_shape):
            self.count = self.add_weight((), "zeros", trainable=False, name="count")

    assert layers.MaxPooling2D().built
    assert layers.Softmax().built
    assert not Counted().built


@pytest.mark.parametrize("rows", [2, 7])
def test_a_batch_size_of_the_input_does_not_limit_the_number_of_samples(rows):
    model = Sequential([Input((3,), batch_size=4), layers.Dense(2)])
    model.compile("sgd", "mse")
    x, y = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 2))
    assert model.predict(x, verbose=0).shape == (rows, 2)
    model.fit(x, y, batch_size=4, verbose=0)


# -- optimizers ----------------------------------------------------------------------------------


class Variable:
    """A stand-in for another library's variable: all that is asked for is assign and an array."""

    def __init__(self, value, name="variable", constraint=None):
        self.array, self.name, self.constraint = np.array(value, "float32"), name, constraint

    def __array__(self, dtype=None, copy=None):
        return self.array.astype(dtype or "float32")

    def assign(self, value):
        self.array = np.array(value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        lambda: optimizers.Adam(0.05, clipnorm=0.7),
        lambda: optimizers.AdamW(0.05, weight_decay=0.1, amsgrad=True),
        lambda: optimizers.RMSprop(0.02, momentum=0.5, centered=True, global_clipnorm=1.0),
    ],
)
def test_apply_gradients_does_to_variables_what_fit_does_to_weights(make):
    shapes = [(3, 4), (5,)]
    first = [rng.normal(size=s).astype("float32") for s in shapes]
    steps = [[rng.normal(size=s).astype("float32") for s in shapes] for _ in range(4)]

    weights = [Parameter("w", w.copy()) for w in first]  # as a model holds them
    ops = backends.get("numpy")
    store = ParameterStore(weights, ops, "float32")
    inside = make()
    inside.build(store, ops)
    outside, variables = make(), [Variable(w) for w in first]
    for grads in steps:
        for p, g in zip(weights, grads, strict=True):
            p.grad[...] = g
        inside.apply()
        done = outside.apply_gradients(zip(grads, variables, strict=True))
    assert done == outside.iterations == 4
    for p, v in zip(weights, variables, strict=True):
        np.testing.assert_array_equal(v, p)


def test_variables_without_a_gradient_stay():
    still, moved = Variable([1.0, 2.0]), Variable([1.0, 2.0])
    optimizer = optimizers.SGD(1.0)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([None, np.ones(2)], [still, moved])
    np.testing.assert_array_equal(still, [1, 2])
    np.testing.assert_array_equal(moved, [0, 1])
    with pytest.raises(ValueError, match="No gradients provided"):
        optimizer.apply_gradients([(None, still)])
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply_gradients([(np.ones(2), Variable([1.0, 2.0]))])


def test_variables_keep_their_limits_and_can_be_spared_from_decay():
    limited, spared = Variable([0.1, -3.0], constraint=constraints.NonNeg()), Variable([2.0])
    optimizer = optimizers.SGD(1.0, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[spared])
    optimizer.apply_gradients([(np.array([0.01, 0.0]), limited), (np.zeros(1), spared)])
    np.testing.assert_allclose(limited, [0.04, 0.0], atol=1e-7)
    np.testing.assert_array_equal(spared, [2.0])


def test_state_moves_from_one_optimizer_to_another():
    first, second = optimizers.Adam(0.1), optimizers.Adam(0.5)
    with pytest.raises(ValueError, match="has not yet been built"):
        second.set_weights(first.variables)
    v = Variable([1.0, -2.0, 3.0])
    first.apply_gradients([(np.array([1.0, 2.0, 3.0]), v)])
    second.build([v])
    second.set_weights(first.variables)
    for a, b in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    assert second.variables[0] == 1
    assert second.learning_rate == pytest.approx(0.1)


def test_the_learning_rate_reads_and_sets_as_kerass_variable_does():
    optimizer = optimizers.SGD(0.0075)
    assert optimizer.learning_rate.numpy() == np.float32(0.0075)
    assert optimizer.learning_rate.value.dtype == "float32"
    optimizer.learning_rate.assign(0.5)
    assert optimizer.learning_rate == 0.5
    assert type(optimizer.get_config()["learning_rate"]) is float
    scheduled = optimizers.SGD(optimizers.schedules.InverseTimeDecay(1.0, 1, 1.0))
    with pytest.raises(TypeError, match="not settable"):
        scheduled.learning_rate.assign(0.5)


def test_an_optimizer_is_copied_until_it_holds_state():
    optimizer = optimizers.Adam(optimizers.schedules.CosineDecay(0.1, 10), clipnorm=2.0)
    for twin in (pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer)):
        assert twin.get_config() == optimizer.get_config()
    optimizer.apply_gradients([(np.ones(2), Variable([1.0, 2.0]))])
    with pytest.raises(TypeError, match="pickle the model"):
        copy.deepcopy(optimizer)


# -- losses and metrics --------------------------------------------------------------------------


def test_a_loss_with_a_call_only_can_be_called():
    class Cubic(losses.Loss):
        def call(self, y_true, y_pred):
            return abs(y_true - y_pred) ** 3

    y, p, w = rng.normal(size=(3, 4, 2)).astype("float32")
    np.testing.assert_allclose(Cubic(reduction=None)(y, p), abs(y - p) ** 3, rtol=1e-6)
    weighted = Cubic(reduction="sum")(y, p, sample_weight=w[:, 0])
    assert weighted == pytest.approx((w[:, :1] * abs(y - p) ** 3).sum(), rel=1e-5)
    with pytest.raises(ValueError, match="cannot train"):
        Sequential([layers.Dense(1)]).compile("sgd", Cubic())


def test_variables_of_a_metric_compute_and_start_as_told():
    class Product(metrics.Metric):
        def __init__(self, name="product"):
            super().__init__(name)
            self.product = self.add_weight(name="product", initializer="ones")
            self.rows = self.add_weight(name="rows", shape=(2,), dtype="int32")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.product.assign(self.product * y_pred.prod())
            self.rows.assign_add(1 + 0 * self.rows)

        def result(self):
            return self.product / 2

    metric = Product()
    for _ in range(2):
        metric.update_state(None, np.array([2.0, 3.0]))
    assert metric.result() == 18
    np.testing.assert_array_equal(metric.rows, [2, 2])
    metric.reset_state()
    assert metric.result() == 0.5
    with pytest.raises(AttributeError):
        metric.dtype = "float64"


def test_the_classes_themselves_may_be_ranked():
    labels, ranked = np.array([3, 0, 2]), np.array([[1, 3, 0], [2, 1, 0], [2, 0, 1]])
    hits = {1: 1 / 3, 2: 2 / 3, 3: 1.0}
    for k, share in hits.items():
        metric = metrics.SparseTopKCategoricalAccuracy(k=k, from_sorted_ids=True)
        assert metric(labels, ranked) == pytest.approx(share)
        assert metric.from_config(metric.get_config())(labels, ranked) == pytest.approx(share)


def test_each_number_of_a_vector_has_its_weight_in_the_root_of_squared_errors():
    metric = metrics.RootMeanSquaredError()
    result = metric([2.0, 4, 6, 8], [1.0, 3, 2, 3], sample_weight=[0, 1, 0, 1])
    assert result == pytest.approx(np.sqrt((1 + 25) / 2))


# -- names and messages --------------------------------------------------------------------------


def test_layers_of_a_model_are_not_assigned():
    with pytest.raises(AttributeError, match=r"Use `add\(\)` and `pop\(\)`"):
        Sequential().layers = [layers.Dense(4)]


def test_a_layer_with_a_call_hears_what_to_write():
    class Called(Layer):
        def call(self, inputs):
            return inputs

    with pytest.raises(NotImplementedError, match=r"write forward\(self, ctx, x\) and backward"):
        Called()(np.ones((2, 3)))


def test_no_initializer_means_the_default():
    assert initializers.get(None) is None
    layer = layers.Dense(3, kernel_initializer=None)
    layer.build((None, 4))
    assert np.ptp(layer.kernel.numpy()) > 0
    assert layer.from_config(layer.get_config()).kernel_initializer is None


def test_a_constant_array_can_be_written_as_json():
    value = rng.normal(size=(2, 3))
    config = json.loads(json.dumps(initializers.Constant(value).get_config()))
    np.testing.assert_array_equal(initializers.Constant(**config)((2, 3), "float64"), value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: losses.MeanSquaredError(reduction="abc"), "Invalid value for argument"),
        (lambda: losses.MeanSquaredError()(np.zeros((3, 2)), np.zeros((3, 3))), "the same shape"),
        (lambda: layers.Dropout(-0.5), "Expected a float value between 0 and 1"),
        (lambda: layers.Dropout(0.5, noise_shape="no"), "a tuple or list of integers"),
        (lambda: layers.Dropout(0.5, noise_shape=(2, 1.5)), "all elements to be integers or None"),
        (lambda: layers.Dropout(0.5, noise_shape=(2, 0)), "all dimensions to be positive"),
        (lambda: layers.ReLU(max_value=-1), "max_value of a ReLU layer cannot be a negative"),
        (lambda: layers.ReLU(threshold=None), "threshold of a ReLU layer cannot be None or a neg"),
        (lambda: layers.LeakyReLU(None), "value of a Leaky ReLU layer cannot be None"),
        (lambda: layers.Reshape((-2, 5)), r"non-negative integer.*-1.*target_shape=\(-2, 5\)"),
        (lambda: layers.Reshape((-1, -1)), r"one unknown dimension.*target_shape=\(-1, -1\)"),
        (lambda: layers.Dense(2, trainable=1), "to be a boolean"),
        (lambda: layers.Dense(2).add_weight("kernel", (3, 2)), "keyword argument"),
        (lambda: layers.InputLayer((2,), batch_shape=(1, 2)), "both `shape` and `batch_shape`"),
        (lambda: Input(batch_size=3, batch_shape=(1, 2)), "both `batch_size` and `batch_shape`"),
        (lambda: Input(), "pass a `shape` argument"),
        (lambda: initializers.VarianceScaling(-1.0), "`scale` must be positive float"),
        (lambda: initializers.VarianceScaling(mode="in"), "Invalid `mode` argument"),
        (lambda: initializers.VarianceScaling(distribution="x"), "Invalid `distribution` argument"),
    ],
)
def test_messages_have_the_words_that_keras_users_search_for(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# -- classes of one's own in files ---------------------------------------------------------------


class Shift(Layer):
    def __init__(self, by=1.0, **kwargs):
        super().__init__(**kwargs)
        self.by = by

    def forward(self, ctx, x):
        return x + self.by

    def backward(self, ctx, dy):
        return dy

    def get_config(self):
        return {**super().get_config(), "by": self.by}


def test_registered_classes_are_found_again(tmp_path):
    model = Sequential([Input((3,)), Shift(2.5, name="s"), layers.Dense(2)])
    x = rng.normal(size=(4, 3))
    path = tmp_path / "m.keras"
    with saving.custom_object_scope({}):
        decorated = saving.register_keras_serializable(package="course")(Shift)
        assert decorated is Shift
        assert saving.get_registered_name(Shift) == "course>Shift"
        assert saving.get_registered_object("course>Shift") is Shift
        model.save(path)
        np.testing.assert_array_equal(saving.load_model(path)(x), model(x))
        with pytest.raises(ValueError, match="already been registered"):
            saving.register_keras_serializable("course", "Shift")(Scale)
    assert saving.get_custom_objects() == {}
    assert utils.register_keras_serializable is saving.register_keras_serializable
    with pytest.raises(ValueError, match="Shift"):
        saving.load_model(path)
    with saving.custom_object_scope({"Shift": Shift}):
        np.testing.assert_array_equal(saving.load_model(path)(x), model(x))
        twin = Sequential.from_config(model.get_config())
    assert twin.layers[0].by == 2.5


@pytest.mark.parametrize(
    "thing",
    [
        layers.Conv2D(3, 2, activation="relu", kernel_regularizer="l2", name="c"),
        losses.BinaryCrossentropy(label_smoothing=0.1),
        metrics.TopKCategoricalAccuracy(k=3),
        optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)),
        optimizers.schedules.PolynomialDecay(0.1, 10),
        initializers.HeNormal(seed=3),
        regularizers.L1L2(0.1, 0.2),
        constraints.MaxNorm(3),
        Shift(2.0, name="s"),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_any_object_goes_to_a_dictionary_and_back(thing):
    data = json.loads(json.dumps(saving.serialize_keras_object({"thing": [thing, None, 3]})))
    (back, none, three) = saving.deserialize_keras_object(data, {"Shift": Shift})["thing"]
    assert (none, three) == (None, 3)
    assert type(back) is type(thing)
    assert json.dumps(back.get_config()) == json.dumps(thing.get_config())


def test_functions_are_kept_by_name_and_strangers_refused():
    data = saving.serialize_keras_object(losses.mean_squared_error)
    assert saving.deserialize_keras_object(data) is losses.mean_squared_error
    assert saving.deserialize_keras_object(data, {"mean_squared_error": max}) is max
    with pytest.raises(ValueError, match="no object of minicnn"):
        saving.serialize_keras_object(object())
    stranger = {"module": "os", "class_name": "system", "config": {}, "registered_name": None}
    with pytest.raises(ValueError, match="unknown layer class 'system'"):
        saving.deserialize_keras_object(stranger)
    with pytest.raises(ValueError, match="get_config"):
        saving.register_keras_serializable()(object)


def test_a_clone_is_compiled_as_the_model_is():
    model = Sequential([Input((3,)), layers.Dense(2)])
    assert not models.clone_model(model).compiled
    huber = losses.Huber(delta=0.3)
    model.compile(optimizers.SGD(0.25, momentum=0.5), huber, metrics=["mae"])
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    clone = models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert clone.optimizer is not model.optimizer
    for _ in range(3):
        np.testing.assert_array_equal(model.train_on_batch(x, y), clone.train_on_batch(x, y))


# -- further ways to call ------------------------------------------------------------------------


def test_a_layer_called_by_hand_in_training_draws_anew_each_time():
    x = np.ones((4, 50), "float32")
    dropout, same = layers.Dropout(0.5, seed=3), layers.Dropout(0.5, seed=3)
    first, second = dropout(x, training=True), dropout(x, training=True)
    assert (first != second).any()
    np.testing.assert_array_equal(first, same(x, training=True))
    np.testing.assert_array_equal(dropout(x), x)


def test_augmentation_called_by_hand_augments():
    x = rng.normal(size=(16, 3, 4, 1)).astype("float32")
    flip = layers.RandomFlip("horizontal")
    pictures = flip(x)
    same = (pictures == x).all(axis=(1, 2, 3))
    flipped = (pictures == x[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ flipped).all()
    assert flipped.any()
    np.testing.assert_array_equal(flip(x, training=False), x)
    np.testing.assert_array_equal(Sequential([flip])(x), x)


def test_a_wrapped_function_is_rebuilt():
    y, p = rng.normal(size=(2, 3, 4))
    metric = metrics.MeanMetricWrapper(losses.mean_absolute_error, name="m")
    twin = metrics.MeanMetricWrapper.from_config(json.loads(json.dumps(metric.get_config())))
    assert twin(y, p) == pytest.approx(metric(y, p))


def test_numpys_numbers_rescale():
    layer = layers.Rescaling(np.array(0.5), np.float32(1.0))
    np.testing.assert_array_equal(layer(np.array([[2.0, 4.0]])), [[2.0, 3.0]])
    assert json.loads(json.dumps(layer.get_config()))["scale"] == 0.5


def test_a_model_without_weights_can_be_fitted():
    model = Sequential([Input((4,)), layers.Reshape((2, 2)), layers.Flatten()])
    model.compile("adam", "mse")
    x = rng.normal(size=(5, 4)).astype("float32")
    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        history = model.fit(x, x + 2, verbose=0)
    assert history.history["loss"] == pytest.approx([4.0])


def test_build_without_a_shape():
    class Plain(Layer):
        def build(self, input_shape=None):
            self.w = self.add_weight((2,), "ones", name="w")

    layer = Plain()
    layer.build()
    assert layer.built
    assert layer.count_params() == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"class_name": "function", "config": ["f"]}, "non-null str"),
        ({"class_name": "function", "config": "f"}, "unknown function 'f'"),
        ({"class_name": "Dense", "config": 3}, "to be a dict"),
        ({"class_name": None, "config": {}}, "unknown layer class None"),
    ],
)
def test_dictionaries_that_are_no_objects(data, words):
    with pytest.raises(ValueError, match=words):
        saving.deserialize_keras_object(data)


def test_a_model_of_what_is_no_layer():
    with pytest.raises(ValueError, match="dictionary with class_name and config"):
        Sequential.from_config({"name": "m", "layers": [{"name": "dense"}]})


# -- copies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))], ids=["deep", "file"]
)
def test_a_copy_of_a_model_trains_on_as_the_model_does(backend, copied):
    model = Sequential([
        Input((6, 5, 1)), layers.Conv2D(3, 3, activation="relu"), layers.BatchNormalization(),
        layers.Dropout(0.3, seed=1), layers.Flatten(), layers.Dense(4, activation="softmax"),
    ])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = rng.normal(size=(12, 6, 5, 1)), rng.integers(0, 4, size=12)
    untrained = copied(model)
    np.testing.assert_array_equal(untrained.predict(x, verbose=0), model.predict(x, verbose=0))
    model.fit(x, y, batch_size=5, epochs=2, verbose=0)
    assert not np.array_equal(untrained.get_weights()[0], model.get_weights()[0])
    twin = copied(model)
    assert twin.optimizer.iterations == model.optimizer.iterations == 6
    for m in (model, twin):
        m.fit(x, y, batch_size=5, epochs=2, verbose=0, shuffle=False)
    for a, b in zip(twin.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_metrics_are_copied_with_what_they_have_seen():
    metric = metrics.MeanSquaredError()
    metric.update_state([1.0, 2.0], [1.0, 4.0])
    twin = pickle.loads(pickle.dumps(metric))
    assert twin.result() == metric.result() == 2.0
    twin.update_state([0.0, 0.0], [0.0, 0.0])
    assert (twin.result(), metric.result()) == (1.0, 2.0)


def test_an_optimizer_whose_exceptions_would_be_lost_is_not_copied():
    optimizer = optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    with pytest.raises(TypeError, match="exclude_from_weight_decay"):
        copy.copy(optimizer)


def test_serialize_takes_its_object_by_name_too():
    from minicnn import constraints, initializers, optimizers, regularizers

    assert optimizers.serialize(optimizer=optimizers.SGD())["class_name"] == "SGD"
    assert initializers.serialize(initializer=initializers.Zeros())["class_name"] == "Zeros"
    assert regularizers.serialize(regularizer=regularizers.L2())["class_name"] == "L2"
    assert constraints.serialize(constraint=constraints.NonNeg())["class_name"] == "NonNeg"
    with pytest.raises(TypeError, match="unexpected keyword argument 'name'"):
        optimizers.serialize(name="sgd")
