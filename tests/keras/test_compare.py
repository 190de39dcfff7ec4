"""``minicnn compare`` with the real Keras: programs agree, a planted mistake is found."""

import os

import pytest

from minicnn.backends import numba_cpu
from minicnn.cli import main
from tests.test_compare import PROGRAM
from tests.test_programs import KERAS, needed

pytest.importorskip("keras", reason="Keras is not installed: make test-keras installs it")
pytest.importorskip("tensorflow", reason="TensorFlow is not installed: see make test-keras")

MORE = """
import keras
import numpy as np
from keras import layers

model = keras.Sequential([
    layers.Input((11, 9, 3)),
    layers.Conv2D(6, (3, 2), strides=2, padding="same", activation="gelu", use_bias=False),
    layers.BatchNormalization(),
    layers.LeakyReLU(),
    layers.Conv2D(6, 3, padding="same", groups=3, activation="relu", activity_regularizer="l2"),
    layers.AveragePooling2D(3, strides=2, padding="same"),
    layers.ZeroPadding2D(1),
    layers.MaxPooling2D(2),
    layers.Activation("linear"),
    layers.Flatten(),
    layers.Dense(4, activation="sigmoid", kernel_regularizer="l1"),
])
model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "binary_crossentropy")
rng = np.random.default_rng(1)
model.fit(rng.random((40, 11, 9, 3)), rng.integers(0, 2, (40, 4)), batch_size=8)
"""


@pytest.mark.parametrize(
    ("text", "backend"), [(PROGRAM, "numpy"), (MORE, "numba")], ids=["classes", "more"]
)
def test_a_program_agrees(text, backend, tmp_path, capsys):
    path = tmp_path / "program.py"
    path.write_text(text)
    code = main(["compare", "--steps", "3", "--backend", backend, str(path)])
    out = capsys.readouterr().out
    assert code == 0, out
    assert "minicnn and Keras agree" in out
    assert "\n│ 3 " in out


def test_a_mistake_is_found(tmp_path, capsys, monkeypatch):
    right = numba_cpu.avgpool2d_backward

    def wrong(ctx, dy):
        return right(ctx, dy) * 1.01

    monkeypatch.setattr(numba_cpu, "avgpool2d_backward", wrong)
    path = tmp_path / "program.py"
    path.write_text(MORE)
    assert main(["compare", "--steps", "2", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if "average_pooling2d" in line]
    assert "differs" in row
    for behind in ("zero_padding2d", "max_pooling2d", "dense"):
        (row,) = [line for line in lines if behind in line]
        assert "differs" not in row


@pytest.mark.data
@pytest.mark.filterwarnings("ignore:.*received `from_logits=True`:UserWarning")
@pytest.mark.parametrize("name", KERAS)
def test_programs_of_other_people_agree(name, capsys, monkeypatch):
    program = needed("MINICNN_PROGRAMS", f"{name}.py")
    monkeypatch.setenv("MINICNN_DATA", str(needed("MINICNN_DATA", f"{KERAS[name][0]}.npz").parent))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    code = main(["compare", str(program)])
    out = capsys.readouterr().out
    assert code == 0, out
    with capsys.disabled():
        print(f"\n{name}", *out.splitlines()[-16:], sep=os.linesep)
