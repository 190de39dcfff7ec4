"""Real Keras's numbers: its weights in, its predictions, gradients and five training steps out.

The traces in tests/golden hold what Keras 3.15 on TensorFlow computed for small models.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from minicnn import layers, losses
from minicnn.models import Sequential
from tests.helpers import gradient

GOLDEN = Path(__file__).parent / "golden"
NAMES = ["seed0_like", "seed3_like", "seed4_like_nodropout", "bn_avg_same"]


@pytest.fixture(params=NAMES)
def trace(request):
    with np.load(GOLDEN / f"{request.param}.npz", allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def build(trace):
    spec = json.loads(str(trace["spec"]))
    model = Sequential([layers.Input(spec["input_shape"])])
    for name, arguments in spec["layers"]:
        model.add(getattr(layers, name)(**arguments))
    loss = spec["loss"]
    if loss == "cce_logits_flag":
        loss = losses.CategoricalCrossentropy(from_logits=True)
    model.compile(spec["optimizer"], loss, metrics=["accuracy"])
    model.set_weights(arrays(trace, "w0_"))
    return model


def arrays(trace, prefix):
    count = sum(name.startswith(prefix) for name in trace)
    return [trace[f"{prefix}{i}"] for i in range(count)]


def worst(ours, theirs):
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


def test_golden(backend, trace, record_property):
    x, y = trace["x"], trace["y"]
    model = build(trace)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # softmax with from_logits=True
        deviations = {
            "pred0": worst([model.predict(x, verbose=0)], [trace["pred0"]]),
            "eval0": worst([model.evaluate(x, y, batch_size=5, verbose=0)], [trace["eval0"]]),
        }
        steps = [model.train_on_batch(x, y)]
        gradients = [gradient(p) for p in model.trainable_weights]
        deviations["gradients"] = worst(gradients, arrays(trace, "g0_"))
        steps += [model.train_on_batch(x, y) for _ in range(len(trace["train_on_batch"]) - 1)]
        deviations["losses"] = worst([np.array(steps)], [trace["train_on_batch"]])
        deviations["weights"] = worst(model.get_weights(), arrays(trace, "wT_"))
        deviations["predT"] = worst([model.predict(x, verbose=0)], [trace["predT"]])
        deviations["evalT"] = worst([model.evaluate(x, y, verbose=0)], [trace["evalT"]])
    for name, value in deviations.items():
        record_property(name, value)
        print(f"{name}: {value:.1e}")
    assert deviations["pred0"] <= 1e-6
    assert deviations["gradients"] <= 1e-6
    assert deviations["eval0"] <= 2e-6
    for name in ("losses", "weights", "predT", "evalT"):
        assert deviations[name] <= 2e-5, name
