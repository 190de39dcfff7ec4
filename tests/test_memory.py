"""A large float64 data set is trained on without a second copy of it."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
from minicnn.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from minicnn.models import Sequential

images = np.ones(({rows}, 32, 32, 3))  # float64
labels = np.zeros(({rows}, 1), "uint8")
model = Sequential([
    Input((32, 32, 3)),
    Conv2D(32, 3, activation="relu"), MaxPooling2D(),
    Conv2D(64, 3, activation="relu"), MaxPooling2D(),
    Flatten(), Dense(512, activation="relu"), Dense(10, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(images, labels, batch_size=32, steps_per_epoch=10, verbose=0,
          validation_data=(images[:500], labels[:500]))
model.predict(images[:2000], verbose=0)
# the peak of this program; ru_maxrss would be that of the process that started it, if it had more
[peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print((int(peak) * 1024 - images.nbytes) / 1e6)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_float64_program_needs_little_beyond_its_input():
    """CIFAR-10 as ``x / 255.0`` is 1.2 GB of float64; at most 400 MB may come on top."""
    for rows in (2_000, 50_000):  # the first compiles the kernels, which takes memory of its own
        command = [sys.executable, "-c", PROGRAM.format(rows=rows)]
        run = subprocess.run(command, capture_output=True, text=True, env=os.environ)
        assert run.returncode == 0, run.stderr
    beyond = float(run.stdout.split()[-1])
    print(f"{beyond:.0f} MB beyond the input")
    assert beyond < 400
