"""What outlives a step: a refused step changes none of it, and no order of threads a bit of it."""

import numpy as np
import pytest

from tests.conftest import load_backend
from tests.gpu.stand_in.device import DEVICE

N = 5_003  # entries: several blocks, and a rest


@pytest.fixture
def ops():
    return load_backend("cupy")


@pytest.fixture
def stand_in_ops(ops):
    import cupy

    if not getattr(cupy, "is_stand_in", False):
        pytest.skip("a real GPU chooses the order of threads itself")
    yield ops
    DEVICE.thread_order = 0


#: name -> (arrays that change, call of the operation with them, gradients g and the rate)
UPDATES = {
    "adam_step": ("wmv", lambda ops, w, m, v, g, rate, t: ops.adam_step(
        w, g, m, v, t, rate, 0.9, 0.999, 1e-7)),
    "amsgrad_step": ("wmva", lambda ops, w, m, v, a, g, rate, t: ops.amsgrad_step(
        w, g, m, v, a, t, rate, 0.9, 0.999, 1e-7)),
    "sgd_step": ("w", lambda ops, w, g, rate, t: ops.sgd_step(w, g, None, rate, 0.0, False)),
    "sgd_step with momentum": ("wm", lambda ops, w, m, g, rate, t: ops.sgd_step(
        w, g, m, rate, 0.9, True)),
    "rmsprop_step": ("wvma", lambda ops, w, v, m, a, g, rate, t: ops.rmsprop_step(
        w, g, v, m, a, rate, 0.9, 0.5, 2.0)),
    "decay_weights": ("w", lambda ops, w, g, rate, t: ops.decay_weights(w, rate, 0.1)),
    "limit_norms": ("w", lambda ops, w, g, rate, t: ops.limit_norms(
        w.reshape(-1, 1), (0,), 0.0, 1.0, 1.0)),
    "clip_negative": ("w", lambda ops, w, g, rate, t: ops.clip_negative(w)),
    "moving_average": ("w", lambda ops, w, g, rate, t: ops.moving_average(w, g, 0.9)),
}  # fmt: skip


def updated(ops, name, dtype="float32", refused=0):
    """(before, after): the arrays that change, as one call found and left them."""
    names, call = UPDATES[name]
    rng = np.random.default_rng(1)
    before = {n: rng.standard_normal(N).astype(dtype) for n in names}
    for n in set(names) & {"v"}:
        before[n] = abs(before[n])
    there = [ops.asarray(a.copy()) for a in before.values()]
    g = ops.asarray(rng.standard_normal(N).astype(dtype))
    rate, t = ops.asarray(np.full(1, 0.1, dtype)), ops.asarray(np.array([4]))
    with ops.running(), ops.refusable(ops.asarray(np.array([refused], "uint32"))):
        call(ops, *there, g, rate, t)
    return list(before.values()), [ops.to_numpy(a) for a in there]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UPDATES)
def test_a_refused_step_updates_nothing(ops, name, dtype):
    for array, after in zip(*updated(ops, name, dtype, refused=7), strict=True):
        np.testing.assert_array_equal(after, array)
    for array, after in zip(*updated(ops, name, dtype), strict=True):
        assert (after != array).sum() > N / 4


def test_a_refused_step_adds_to_no_total(ops):
    state, values = ops.zeros((2,), "float64"), ops.asarray(np.ones(3, "float32"))
    for refused, total in ((3, [0, 0]), (0, [3, 3])):
        with ops.running(), ops.refusable(ops.asarray(np.array([refused], "uint32"))):
            ops.mean_update(state, values, None)
        np.testing.assert_array_equal(ops.to_numpy(state), total)


@pytest.mark.parametrize("dtype", ["uint32", "int64"])
def test_a_refused_step_counts_nothing(ops, dtype):
    counter = ops.asarray(np.array([5], dtype))
    for refused, count in ((3, 5), (0, 6)):
        with ops.running(), ops.refusable(ops.asarray(np.array([refused], "uint32"))):
            ops.advance(counter)
        assert ops.to_numpy(counter).tolist() == [count]


def test_outside_of_a_step_nothing_is_refused(ops):
    with ops.refusable(ops.asarray(np.array([1], "uint32"))):
        pass
    w = ops.asarray(np.array([-1.0]))
    ops.clip_negative(w)
    assert ops.to_numpy(w)[0] == 0


@pytest.mark.parametrize("name", UPDATES)
def test_no_order_of_threads_changes_a_bit(stand_in_ops, name):
    results = []
    for DEVICE.thread_order in (0, 1, 77):
        results.append(updated(stand_in_ops, name)[1])
    for again in results[1:]:
        np.testing.assert_array_equal(again, results[0])


def test_no_order_of_threads_changes_a_norm_or_a_penalty(stand_in_ops, rng):
    ops, g = stand_in_ops, rng.standard_normal(40_001).astype("float32")
    results = []
    for DEVICE.thread_order in (0, 1, 77):
        clipped, total = ops.asarray(g.copy()), ops.zeros((1,), "float32")
        ops.clip_by_norm([clipped], 1.0)
        ops.add_penalty(total, clipped, 0.3, 0.7)
        results.append((ops.to_numpy(clipped).tobytes(), ops.to_numpy(total).tobytes()))
    assert len(set(results)) == 1
