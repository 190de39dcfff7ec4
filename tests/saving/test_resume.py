"""Training that goes on after loading equals training that never stopped, bit for bit."""

import pytest

from minicnn import config, optimizers
from minicnn.models import load_model
from minicnn.optimizers import schedules
from tests.saving import samples

OPTIMIZERS = {
    "adam": lambda: optimizers.Adam(0.01, amsgrad=True, clipnorm=1.0),
    "adamw": lambda: optimizers.AdamW(0.01, weight_decay=0.1),
    "momentum": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda: optimizers.RMSprop(
        schedules.CosineDecay(0.01, 20), momentum=0.5, centered=True
    ),
}


@pytest.mark.parametrize("computes", ["numpy", "numba"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("ending", ["keras", "weights.h5"])
def test_resumed_equals_uninterrupted(tmp_path, computes, optimizer, ending):
    config.set_backend(computes)
    x, y = samples.data()

    def fresh():
        model = samples.small()
        model.compile(OPTIMIZERS[optimizer](), "sparse_categorical_crossentropy", metrics=["acc"])
        return model

    def train(model, first, last):
        fit = model.fit(x, y, batch_size=8, initial_epoch=first, epochs=last, verbose=0)
        return fit.history

    model = fresh()
    train(model, 0, 3)
    path = tmp_path / f"m.{ending}"
    if ending == "keras":
        model.save(path)
        resumed = load_model(path)
    else:
        model.save_weights(path)
        resumed = fresh()
        resumed.load_weights(path)
    expected = train(model, 3, 5)
    assert train(resumed, 3, 5) == expected
    samples.assert_same(resumed, model)
    assert resumed.optimizer.iterations == 15


def test_saving_does_not_disturb_training(tmp_path):
    x, y = samples.data()
    model = samples.small()
    model.save(tmp_path / "start.keras")
    other = load_model(tmp_path / "start.keras")
    for epoch in range(3):
        model.fit(x, y, verbose=0)
        other.fit(x, y, verbose=0)
        other.save(tmp_path / f"{epoch}.keras")
    samples.assert_same(model, other)


def test_the_seeds_matter(tmp_path):
    """The equality above is no accident: without the seeds of the file it fails."""
    x, y = samples.data()
    model = samples.small()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.keras")
    for spoil in ("shuffle", "mask", "step"):
        other = load_model(tmp_path / "m.keras")
        if spoil == "shuffle":
            other.shuffle_seed ^= 1
        elif spoil == "mask":
            other.layers[5].mask_seed ^= 1
        else:
            other.executor().steps_done += 1
        again = load_model(tmp_path / "m.keras")
        assert again.fit(x, y, batch_size=8, verbose=0).history != (
            other.fit(x, y, batch_size=8, verbose=0).history
        ), spoil
