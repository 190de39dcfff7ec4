"""Writes minicnn_format_1.keras, as the first release writes it, and what that model predicts.

Later releases read it: the files are made once for each format, never again.
"""

from pathlib import Path

import numpy as np

from minicnn import config
from minicnn.utils import set_random_seed
from tests.saving import samples

FOLDER = Path(__file__).parent


def main():
    config.set_backend("numpy")
    set_random_seed(21)
    model = samples.small()
    x, y = samples.data()
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    model.save(FOLDER / "minicnn_format_1.keras")
    found = {"x": x, "y": y, "p": model.predict(x, verbose=0)}
    found["further_loss"] = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    np.savez(FOLDER / "minicnn_format_1.npz", **found)


if __name__ == "__main__":
    main()
