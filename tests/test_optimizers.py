"""Optimizers: their arithmetic against Keras's, their state, their arguments and messages."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minicnn import backends, config, optimizers, registry
from minicnn.engine.parameters import Parameter, ParameterStore
from minicnn.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop, schedules

GOLDEN = json.loads((Path(__file__).parent / "golden" / "optimizers.json").read_text())


def make_store(ops, weights, dtype="float32"):
    """A store of named weights, each in its own layer "sequential/layer<i>"."""
    parameters = []
    for i, (name, w) in enumerate(weights.items()):
        p = Parameter(name, np.asarray(w, dtype))
        p.path = f"sequential/layer{i}/{name}"
        parameters.append(p)
    return ParameterStore(parameters, ops, dtype)


def set_grads(ops, store, gradients):
    for p, g in zip(store.parameters, gradients, strict=True):
        p.grad[...] = ops.asarray(np.asarray(g, p.dtype).reshape(p.shape))


def flat_values(store):
    return np.concatenate([p.numpy().ravel() for p in store.parameters])


def random_store(ops, rng, dtype="float32"):
    weights = {"kernel": rng.standard_normal((3, 5)), "bias": rng.standard_normal(7)}
    store = make_store(ops, weights, dtype)
    set_grads(ops, store, [rng.standard_normal((3, 5)), rng.standard_normal(7)])
    return store


# -- arithmetic --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOLDEN["optimizers"])
def test_steps_are_those_of_keras(ops, name):
    case = GOLDEN["optimizers"][name]
    optimizer = optimizers.deserialize(case)
    shapes = GOLDEN["shapes"]
    store = make_store(ops, {n: np.reshape(w, shapes[n]) for n, w in GOLDEN["start"].items()})
    optimizer.build(store, ops)
    for i, gradients in enumerate(GOLDEN["gradients"]):
        set_grads(ops, store, gradients.values())
        optimizer.apply()
        if i == 0:
            first = flat_values(store)
    np.testing.assert_allclose(first, case["weights_after_first"], rtol=2e-6, atol=2e-7)
    np.testing.assert_allclose(flat_values(store), case["weights_after_last"], rtol=5e-6, atol=1e-6)
    assert optimizer.iterations == len(GOLDEN["gradients"])
    assert optimizer.learning_rate == pytest.approx(case["learning_rate"], rel=1e-6)
    for variable, (kept, shape, values) in zip(optimizer.variables, case["variables"], strict=True):
        assert variable.name.endswith(kept)
        assert list(variable.shape) == shape
        np.testing.assert_allclose(variable.numpy().ravel(), values, rtol=1e-5, atol=1e-6)


def adam(w, g, s, t, lr=0.1, b1=0.8, b2=0.7, eps=1e-3):
    """The paper's algorithm with "epsilon hat", written from its formulas."""
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0) + (1 - b2) * g**2
    m, v = s["m"] / (1 - b1**t), s["v"] / (1 - b2**t)
    return w - lr * m / (np.sqrt(v) + eps / np.sqrt(1 - b2**t))


def amsgrad(w, g, s, t, lr=0.1, b1=0.8, b2=0.7, eps=1e-3):
    adam(w, g, s, t, lr, b1, b2, eps)
    s["max"] = np.maximum(s.get("max", 0), s["v"])
    alpha = lr * np.sqrt(1 - b2**t) / (1 - b1**t)
    return w - alpha * s["m"] / (np.sqrt(s["max"]) + eps)


def nesterov(w, g, s, t):
    s["m"] = 0.9 * s.get("m", 0) - 0.1 * g
    return w + 0.9 * s["m"] - 0.1 * g


def rmsprop(w, g, s, t):
    s["v"] = 0.6 * s.get("v", 0) + 0.4 * g**2
    s["a"] = 0.6 * s.get("a", 0) + 0.4 * g
    s["m"] = 0.7 * s.get("m", 0) + 0.1 * g / np.sqrt(s["v"] - s["a"] ** 2 + 0.01)
    return w - s["m"]


FORMULAS = {
    "adam": (adam, lambda: Adam(0.1, 0.8, 0.7, 1e-3)),
    "amsgrad": (amsgrad, lambda: Adam(0.1, 0.8, 0.7, 1e-3, amsgrad=True)),
    "nesterov": (nesterov, lambda: SGD(0.1, momentum=0.9, nesterov=True)),
    "rmsprop": (rmsprop, lambda: RMSprop(0.1, 0.6, 0.7, 0.01, centered=True)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_float64_follows_the_formula_to_the_last_digits(ops, rng, name, monkeypatch):
    monkeypatch.setattr(config, "_floatx", "float64")
    formula, make = FORMULAS[name]
    store, optimizer = random_store(ops, rng, "float64"), make()
    optimizer.build(store, ops)
    expected, state = flat_values(store), {}
    for t in range(1, 6):
        gradients = [rng.standard_normal(p.shape) for p in store.parameters]
        set_grads(ops, store, gradients)
        optimizer.apply()
        g = np.concatenate([g.ravel() for g in gradients])
        expected = formula(expected, g, state, t)
    np.testing.assert_allclose(flat_values(store), expected, rtol=1e-12)


def test_one_minus_beta_is_rounded_once(ops):
    """1 - 0.999 in float32 would be 1.3e-5 off."""
    g = np.array([3.0, -7.0], "float32")
    w, there, m, v = (ops.asarray(a.copy()) for a in (g, g, 0 * g, 0 * g))
    count, rate = ops.asarray(np.zeros(1, "int64")), ops.asarray(np.ones(1, "float32"))
    with ops.running():
        ops.adam_step(w, there, m, v, count, rate, 0.99, 0.999, 1e-7)
    np.testing.assert_array_equal(ops.to_numpy(m), g * np.float32(0.01))
    np.testing.assert_array_equal(ops.to_numpy(v), g * g * np.float32(0.001))
    with ops.running():
        ops.rmsprop_step(w, there, v, None, m, rate, 0.999, 0.0, 1.0)
    m_before, v_before = g * np.float32(0.01), g * g * np.float32(0.001)
    keep, rest = np.float32(0.999), np.float32(0.001)
    np.testing.assert_allclose(ops.to_numpy(m), keep * m_before + rest * g, rtol=2e-7)
    np.testing.assert_allclose(ops.to_numpy(v), keep * v_before + rest * (g * g), rtol=2e-7)


def test_amsgrad_remembers_a_nan(ops):
    w, m, v, v_max = (ops.asarray(np.ones(3)) for _ in range(4))
    g = ops.asarray(np.array([1.0, np.nan, 2.0]))
    count, rate = ops.asarray(np.zeros(1, "int64")), ops.asarray(np.ones(1))
    with ops.running():
        ops.amsgrad_step(w, g, m, v, v_max, count, rate, 0.9, 0.5, 1e-7)
    np.testing.assert_allclose(ops.to_numpy(v_max), [1, np.nan, 2.5])


STEPS = {
    "adam": lambda: Adam(0.1),
    "amsgrad": lambda: Adam(0.1, amsgrad=True),
    "sgd": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.1, momentum=0.9),
    "nesterov": lambda: SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": lambda: RMSprop(0.1),
    "rmsprop_all": lambda: RMSprop(0.1, momentum=0.5, centered=True),
    "decay": lambda: SGD(0.1, weight_decay=0.3),
    "clipvalue": lambda: SGD(0.1, clipvalue=0.5),
}


def big_run(ops, make, count=100_003, steps=2):
    rng = np.random.default_rng(3)
    store = make_store(ops, {"w": rng.standard_normal(count)})
    optimizer = make()
    optimizer.build(store, ops)
    for _ in range(steps):
        set_grads(ops, store, [rng.standard_normal(count)])
        optimizer.apply()
    return flat_values(store)


@pytest.mark.parametrize("name", STEPS)
def test_large_arrays_agree_with_the_textbook(fast_ops, name):
    expected = big_run(backends.get("numpy"), STEPS[name])
    got = big_run(fast_ops, STEPS[name])
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("make", [STEPS["adam"], lambda: SGD(0.1, clipnorm=0.5)])
def test_the_number_of_threads_changes_no_bit(make, monkeypatch):
    import numba

    monkeypatch.setattr("minicnn.backends.numba_cpu.runtime.SMALL", 0)
    ops, threads = backends.get("numba"), numba.get_num_threads()
    try:
        results = []
        for n in {1, threads}:
            numba.set_num_threads(n)
            results.append(big_run(ops, make))
    finally:
        numba.set_num_threads(threads)
    assert all(np.array_equal(results[0], r) for r in results)


@pytest.mark.parametrize("count", [1, 63, 49_999, 50_000, 81_921])
def test_every_entry_is_updated_once(ops, count):
    store = make_store(ops, {"w": np.zeros(count)})
    set_grads(ops, store, [np.arange(count) % 17 + 1])
    optimizer = SGD(1.0)
    optimizer.build(store, ops)
    optimizer.apply()
    np.testing.assert_array_equal(flat_values(store), -(np.arange(count) % 17 + 1.0))


def test_frozen_weights_and_their_slots_stay(ops, rng):
    weights = {f"w{i}": rng.standard_normal(5) for i in range(4)}
    store = make_store(ops, weights)
    store.parameters[1].frozen = True
    store.parameters[2].trainable = False
    optimizer = Adam(0.1, weight_decay=0.1, global_clipnorm=1.0)
    optimizer.build(store, ops)
    set_grads(ops, store, [np.ones(5), np.full(5, 1e6), np.full(5, np.nan), np.ones(5)])
    before = [p.numpy() for p in store.parameters]
    optimizer.apply()
    changed = [
        not np.array_equal(b, p.numpy()) for b, p in zip(before, store.parameters, strict=True)
    ]
    assert changed == [True, False, False, True]
    assert np.isfinite(flat_values(store)).all()
    names = [v.name for v in optimizer.variables[2::2]]
    assert names == ["sequential_layer0_w0_momentum", "sequential_layer3_w3_momentum"]
    store.parameters[1].frozen = False
    assert not optimizer.variables[4].numpy().any()  # the moment of w1 is still zero
    optimizer.apply()
    assert not np.array_equal(before[1], store.parameters[1].numpy())


# -- clipping and decay ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "gradients"),
    [
        # norms 5 and 0.5 apart, sqrt(25.25) together
        ({"clipnorm": 1.0}, [[0.6, 0.8], [0.3, 0.4]]),
        ({"clipvalue": 1.0}, [[1.0, 1.0], [0.3, 0.4]]),
        ({"global_clipnorm": 25.25**0.5 / 2}, [[1.5, 2.0], [0.15, 0.2]]),
        ({"clipnorm": 5.5}, [[3.0, 4.0], [0.3, 0.4]]),
        ({"global_clipnorm": 5.1}, [[3.0, 4.0], [0.3, 0.4]]),
    ],
)
def test_clipping(ops, argument, gradients):
    store = make_store(ops, {"a": np.zeros(2), "b": np.zeros(2)})
    set_grads(ops, store, [[3.0, 4.0], [0.3, 0.4]])
    optimizer = SGD(1.0, **argument)
    optimizer.build(store, ops)
    optimizer.apply()
    np.testing.assert_allclose(flat_values(store), -np.ravel(gradients), rtol=3e-7)


@pytest.mark.parametrize(
    ("argument", "spread"),
    [("clipvalue", [0]), ("clipnorm", [0, 1]), ("global_clipnorm", [0, 1, 2, 3])],
)
def test_clipping_keeps_a_nan(ops, argument, spread):
    store = make_store(ops, {"a": np.zeros(2), "b": np.zeros(2)})
    set_grads(ops, store, [[np.nan, 4.0], [0.3, 0.4]])
    optimizer = SGD(1.0, **{argument: 1.0})
    optimizer.build(store, ops)
    optimizer.apply()
    assert np.flatnonzero(np.isnan(flat_values(store))).tolist() == spread


@pytest.mark.parametrize("how", ["var_names", "var_list"])
def test_weights_can_be_spared_the_decay(ops, how):
    store = make_store(ops, {"kernel": [2.0], "bias": [2.0]})
    optimizer = AdamW(0.1, weight_decay=0.5)
    spared = ["bias"] if how == "var_names" else [store.parameters[1]]
    optimizer.exclude_from_weight_decay(**{how: spared})
    optimizer.build(store, ops)
    optimizer.apply()
    np.testing.assert_allclose(flat_values(store), [1.9, 2.0], rtol=1e-6)
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["kernel"])


# -- the optimizer and its model ---------------------------------------------------------------


def test_a_second_model_needs_a_second_optimizer(ops, rng):
    store, other = random_store(ops, rng), random_store(ops, rng)
    optimizer = Adam()
    optimizer.build(store, ops)
    optimizer.build(store, ops)
    with pytest.raises(ValueError, match=r"Unknown variable: .*layer0/kernel.*Adam\(\.\.\.\)"):
        optimizer.build(other, ops)
    grown = ParameterStore([*store.parameters, Parameter("new", np.zeros(3))], ops, "float32")
    with pytest.raises(ValueError, match="Unknown variable: <Parameter path=new"):
        optimizer.build(grown, ops)


def test_apply_before_build():
    with pytest.raises(ValueError, match="serves no model yet"):
        SGD().apply()


def test_state_moves_from_one_run_to_another(ops, rng):
    def run(optimizer, store, seed, steps):
        optimizer.build(store, ops)
        draws = np.random.default_rng(seed)
        for _ in range(steps):
            set_grads(ops, store, [draws.standard_normal(p.shape) for p in store.parameters])
            optimizer.apply()

    first, store = Adam(0.1, amsgrad=True), random_store(ops, rng)
    run(first, store, seed=1, steps=3)
    second = Adam.from_config(first.get_config())
    copy = make_store(ops, {p.name: p.numpy() for p in store.parameters})
    second.build(copy, ops)
    for to, value in zip(second.variables, first.variables, strict=True):
        to.assign(value.numpy())
    run(first, store, seed=2, steps=2)
    run(second, copy, seed=2, steps=2)
    assert second.iterations == 5
    np.testing.assert_array_equal(flat_values(store), flat_values(copy))


def test_variables_before_and_after_build(ops, rng):
    registry.reset_names()
    optimizer = Adam(amsgrad=True)
    assert [(v.path, v.shape, v.dtype, v.size) for v in optimizer.variables] == [
        ("adam/iteration", (), "int64", 1),
        ("adam/learning_rate", (), "float32", 1),
    ]
    optimizer.build(random_store(ops, rng), ops)
    assert [v.name.removeprefix("sequential_") for v in optimizer.variables] == [
        "iteration", "learning_rate",
        "layer0_kernel_momentum", "layer0_kernel_velocity",
        "layer1_bias_momentum", "layer1_bias_velocity",
        "layer0_kernel_velocity_hat", "layer1_bias_velocity_hat",
    ]  # fmt: skip
    assert optimizer.variables[2].shape == (3, 5)
    with pytest.raises(ValueError, match=r"shape \(3, 5\), cannot take .* \(5, 3\)"):
        optimizer.variables[2].assign(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="must hold numbers"):
        optimizer.variables[2].assign([["a"] * 5] * 3)
    copy = optimizer.variables[2].numpy()
    copy += 1
    assert not optimizer.variables[2].numpy().any()


@pytest.mark.parametrize(
    ("make", "slots"),
    [
        (lambda: SGD(), []),
        (lambda: SGD(momentum=0.9), ["momentum"] * 2),
        (
            lambda: RMSprop(momentum=0.1, centered=True),
            ["velocity"] * 2 + ["momentum"] * 2 + ["average_gradient"] * 2,
        ),
    ],
)
def test_order_of_saved_slots(ops, rng, make, slots):
    optimizer = make()
    optimizer.build(random_store(ops, rng), ops)
    names = [v.name for v in optimizer.variables[2:]]
    assert len(names) == len(slots)
    assert all(name.endswith(slot) for name, slot in zip(names, slots, strict=True))


def test_ones_own_optimizer(ops):
    class Momentum(Optimizer):
        slot_groups = (("velocity",),)

        def update(self, w, g, slots):
            slots["velocity"][...] = 0.5 * slots["velocity"] - self.learning_rate * g
            w += slots["velocity"]

    store = make_store(ops, {"w": [1.0, 2.0]})
    set_grads(ops, store, [[1.0, 2.0]])
    optimizer = optimizers.get(Momentum(0.5))
    optimizer.build(store, ops)
    optimizer.apply()
    optimizer.apply()
    np.testing.assert_allclose(flat_values(store), [1 - 0.5 - 0.75, 2 - 1 - 1.5])
    with pytest.raises(NotImplementedError, match="must override `update`"):
        Optimizer(0.1).update(None, None, {})


# -- learning rate -----------------------------------------------------------------------------


def test_learning_rate_is_stored_in_single_precision(ops, rng):
    optimizer = Adam()
    assert optimizer.learning_rate == 0.0010000000474974513
    assert optimizer.get_config()["learning_rate"] == 0.0010000000474974513
    optimizer.build(random_store(ops, rng), ops)
    optimizer.learning_rate = 0.25
    assert optimizer.learning_rate == 0.25
    optimizer.learning_rate = np.float32(0.1)
    assert optimizer.variables[1].numpy() == np.float32(0.1)
    optimizer.learning_rate = schedules.ExponentialDecay(0.5, 1, 0.5)
    assert optimizer.learning_rate == 0.5


def test_schedule_is_asked_with_the_updates_already_done(ops):
    steps = []

    class Recorded(schedules.LearningRateSchedule):
        def __call__(self, step):
            steps.append(step)
            return 2.0**-step

    store = make_store(ops, {"w": [0.0]})
    set_grads(ops, store, [[1.0]])
    optimizer = SGD(Recorded())
    optimizer.build(store, ops)
    for _ in range(3):
        optimizer.apply()
    assert steps == [0, 1, 2]
    assert flat_values(store) == -1.75
    assert optimizer.learning_rate == 0.125
    assert [v.name for v in optimizer.variables] == ["iteration"]
    with pytest.raises(TypeError, match="its learning rate is not settable"):
        optimizer.learning_rate = 0.1
    with pytest.raises(NotImplementedError, match="get_config"):
        optimizer.get_config()


@pytest.mark.parametrize("rate", [lambda: 0.5, lambda step: 0.5 + step, lambda step=0: 0.5 + step])
def test_function_as_learning_rate(ops, rate):
    store = make_store(ops, {"w": [0.0]})
    set_grads(ops, store, [[1.0]])
    optimizer = SGD(rate)
    optimizer.build(store, ops)
    optimizer.apply()
    assert flat_values(store) == -0.5
    assert optimizer.learning_rate in (0.5, 1.5)
    with pytest.raises(TypeError, match="not settable"):
        optimizer.learning_rate = 0.1


def test_function_as_learning_rate_in_a_configuration():
    def warm():
        return 0.5

    saved = optimizers.serialize(SGD(warm))
    assert saved["config"]["learning_rate"]["config"] == "warm"
    again = optimizers.deserialize(saved, custom_objects={"warm": warm})
    assert again.learning_rate == 0.5
    with pytest.raises(ValueError, match=r"custom_objects=\{'warm': \.\.\.\}"):
        optimizers.deserialize(saved)
    with pytest.raises(TypeError, match="at most 1 positional argument"):
        SGD(lambda a, b: 0.1)


@pytest.mark.parametrize("rate", [1, "0.1", None, np.float32(0.1), True])
def test_learning_rate_of_the_wrong_kind(rate):
    with pytest.raises(ValueError, match="`learning_rate` should be float"):
        Adam(rate)


OLDER = "`lr` is the older name of `learning_rate`"


def test_older_names_of_the_learning_rate():
    with pytest.warns(DeprecationWarning, match=OLDER):
        optimizer = Adam(lr=0.25)
    assert optimizer.learning_rate == 0.25
    with pytest.warns(DeprecationWarning, match=OLDER):
        optimizer.lr = 0.5
    with pytest.warns(DeprecationWarning, match=OLDER):
        assert optimizer.lr == optimizer.learning_rate == 0.5
    with (
        pytest.warns(DeprecationWarning, match=OLDER),
        pytest.raises(ValueError, match="both learning_rate"),
    ):
        Adam(0.1, lr=0.2)
    with pytest.warns(UserWarning, match="`decay` is no longer supported.*InverseTimeDecay"):
        SGD(0.1, decay=1e-6)


# -- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(beta1=0.9), r"not recognized: {'beta1': 0.9}; did you mean 'beta_1'\?"),
        (lambda: AdamW(clip_norm=1.0), r"not recognized.*did you mean 'clipnorm'\?"),
        (lambda: SGD(xyz=1), r"not recognized: {'xyz': 1}$"),
        (lambda: SGD(clipnorm=1.0, clipvalue=1.0), "Only one of `clipnorm`, `clipvalue`"),
        (lambda: SGD(clipnorm=0.0), "limit must be positive"),
        (lambda: SGD(use_ema=True), "use_ema=True is not supported"),
        (lambda: SGD(ema_momentum=0.5), "ema_momentum=0.5 is not supported"),
        (lambda: Adam(loss_scale_factor=2.0), "loss_scale_factor=2.0 is not supported"),
        (lambda: Adam(gradient_accumulation_steps=4), "gradient_accumulation_steps=4 is not supp"),
        (lambda: SGD(momentum=1), r"`momentum` must be a float between \[0, 1\]"),
        (lambda: SGD(momentum=1.5), r"`momentum` must be a float between \[0, 1\]"),
        (lambda: RMSprop(momentum=-0.5), "must not be negative"),
        (lambda: Adam(beta_1=1.0), r"`beta_1` must be in \[0, 1\)"),
        (lambda: Adam(beta_2=float("nan")), r"`beta_2` must be in \[0, 1\)"),
        (lambda: RMSprop(rho=-0.1), r"`rho` must be in \[0, 1\)"),
        (lambda: AdamW(weight_decay=None), "`weight_decay` must be a float"),
    ],
)
def test_impossible_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_defaults_of_unsupported_arguments_are_taken():
    Adam(use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None, loss_scale_factor=None)
    with pytest.warns(UserWarning, match="nesterov=True changes nothing"):
        SGD(nesterov=True)


# -- names and configurations ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cls"),
    [("adam", Adam), ("Adam", Adam), ("ADAMW", AdamW), ("sgd", SGD), ("RMSprop", RMSprop)],
)
def test_get_by_name(name, cls):
    assert type(optimizers.get(name)) is cls
    assert type(optimizers.get({"class_name": name, "config": {}})) is cls


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("adamm", r"^Could not interpret optimizer identifier: adamm; did you mean 'adam'\?$"),
        (Adam, r"this is the class, write Adam\(\)"),
        (None, "Could not interpret optimizer identifier: None"),
        (3, "Could not interpret optimizer identifier: 3"),
        (lambda: 1, "Could not interpret optimizer identifier"),
    ],
)
def test_get_refuses(identifier, message):
    with pytest.raises(ValueError, match=message):
        optimizers.get(identifier)


@pytest.mark.parametrize("name", GOLDEN["optimizers"])
def test_configuration_is_that_of_keras(name):
    case = GOLDEN["optimizers"][name]
    given = json.loads(json.dumps(case["config"]))
    saved = optimizers.serialize(optimizers.deserialize(case))
    assert json.dumps(saved["config"]) == json.dumps(given)  # the order of the keys included
    assert case["config"] == given  # and the argument was left alone
    assert (saved["module"], saved["class_name"]) == ("keras.optimizers", case["class_name"])
    assert saved["registered_name"] is None


def test_automatic_names():
    registry.reset_names()
    made = [Adam(), Adam(), AdamW(), SGD(), RMSprop(), SGD(name="mine")]
    assert [o.name for o in made] == ["adam", "adam_1", "adam_w", "sgd", "rm_sprop", "mine"]
    assert repr(made[0]) == "<Adam name=adam, built=False>"


def test_importing_the_optimizers_imports_no_backend():
    program = (
        "import sys, minicnn.optimizers as o; o.Adam();"
        "print([m for m in ('numba', 'scipy', 'cupy') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
