"""The pictures of the README and of this folder, drawn anew: ``make pictures``.

They are of a small network that is trained here on rendered digits, so that no network connection
is needed; the same seed draws the same pictures on the same machine.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

import minicnn
from minicnn import plots
from minicnn.backends.reference.conv import im2col
from minicnn.datasets import rendered_digits
from minicnn.drawing.style import Picture
from minicnn.layers import Conv2D, Dense, Dropout, Flatten, Input, Layer, MaxPooling2D
from minicnn.models import Sequential

FOLDER = Path(__file__).resolve().parent
SEED = 7
LIMITS = {".png": 150_000, ".gif": 400_000}  # bytes, so that a clone stays small
DPI = {".png": 80, ".gif": 90}


class Overwriting(Layer):
    """A convolution of 3 × 3 with a mistake in it: backward sets pixels where it has to add."""

    def build(self, input_shape: Any) -> None:
        """Four filters."""
        self.kernel = self.add_weight(name="kernel", shape=(3, 3, input_shape[-1], 4))

    def forward(self, ctx: Any, x: Any) -> Any:
        cols = im2col(x, (3, 3), (1, 1))  # (N, OH, OW, KH, KW, C)
        ctx.save(cols=cols, x_shape=x.shape)
        return np.einsum("nhwijc,ijcf->nhwf", cols, self.kernel.value)

    def backward(self, ctx: Any, dy: Any) -> Any:
        self.kernel.grad[...] = np.einsum("nhwijc,nhwf->ijcf", ctx.cols, dy)
        dcols = np.einsum("nhwf,ijcf->nhwijc", dy, self.kernel.value)
        dx = np.zeros(ctx.x_shape, dy.dtype)
        _, OH, OW, _ = dy.shape
        for i, j in np.ndindex(3, 3):
            dx[:, i : i + OH, j : j + OW] = dcols[:, :, :, i, j]  # the mistake: = for +=
        return dx


def digits() -> tuple[Any, Any, Any, Any]:
    """(x_train, y_train, x_test, y_test), x float32 (N, 28, 28, 1) in 0..1."""
    (x_train, y_train), (x_test, y_test) = rendered_digits.load_data(8_000, 1_000, SEED)
    scaled = [np.divide(x[..., None], 255, dtype="float32") for x in (x_train, x_test)]
    return scaled[0], y_train, scaled[1], y_test


def network(optimizer: Any = "adam") -> Sequential:
    """Two convolutions and a dense layer."""
    minicnn.utils.set_random_seed(SEED)
    model = Sequential(
        [
            Input((28, 28, 1)),
            Conv2D(16, 5, activation="relu", name="conv1"),
            MaxPooling2D(name="pool1"),
            Conv2D(32, 3, activation="relu", name="conv2"),
            MaxPooling2D(name="pool2"),
            Flatten(name="flatten"),
            Dropout(0.4, name="dropout"),
            Dense(10, activation="softmax", name="dense"),
        ],
        name="digits",
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def learning_rates(x: Any, y: Any) -> Picture:
    """The same network from the same weights with several learning rates."""
    histories = {}
    for rate in (0.01, 0.1, 1.0):
        model = network(minicnn.optimizers.SGD(rate))
        histories[f"learning rate {rate}"] = model.fit(x, y, batch_size=128, epochs=5, verbose=0)
    return plots.compare_histories(histories, title="Loss in training: SGD")


def everything() -> dict[str, Any]:
    """File name -> picture."""
    x_train, y_train, x_test, y_test = digits()
    model = network()
    history = model.fit(
        x_train, y_train, batch_size=128, epochs=6, verbose=0, validation_data=(x_test, y_test)
    )
    p = model.predict(x_test, verbose=0)
    doubtful = np.argsort(p.max(axis=1))[:8]  # the images that it is least sure of
    seen = int(np.flatnonzero((y_test == 5) & (p.argmax(axis=1) == 5))[1])
    image = x_test[seen]
    traced = minicnn.trace(model, image)
    two_channels = np.arange(1, 33).reshape(2, 4, 4).transpose(1, 2, 0)  # (H, W, C)
    pixels = np.array([[1, 3, 2, 2], [4, 0, 2, 1], [5, 1, 0, 7], [2, 5, 6, 3]])
    edge = np.array([[1, 0, -1]] * 3)
    return {
        "im2col.gif": plots.im2col_animation(),
        "im2col_channels.gif": plots.im2col_animation(
            two_channels, 2, strides=2, by="place", seconds=1.5
        ),
        "col2im.gif": plots.col2im_animation(),
        "window.png": plots.convolution_window(pixels, edge, bias=0.5, row=1, column=1),
        "pooling.png": plots.pooling_winners(pixels),
        "gradient_errors.png": plots.gradient_errors(
            minicnn.check_gradients(Overwriting(), (2, 7, 6, 2), seed=SEED, max_elements=1000)
        ),
        "learning_rates.png": learning_rates(x_train, y_train),
        "curves.png": plots.training_curves(history),
        "predictions.png": plots.prediction_grid(x_test[doubtful], y_test[doubtful], p[doubtful]),
        "confusion.png": plots.confusion_matrix(y_test, p),
        "filters.png": plots.filters(model),
        "feature_maps.png": plots.feature_maps(traced),
        "all_layers.png": plots.all_layers(traced, most=6),
        "gradients.png": plots.all_layers(traced, most=6, gradients=True),
        "saliency.png": plots.saliency(model, image),
        "occlusion.png": plots.occlusion(model, image, size=7),
    }


def main() -> None:
    """Draw everything into this folder."""
    for name, picture in everything().items():
        path = FOLDER / name
        if path.suffix == ".gif":
            picture.save_gif(path, dpi=DPI[".gif"])
        else:
            picture.savefig(path, dpi=DPI[".png"])
        size = path.stat().st_size
        if size > LIMITS[path.suffix]:
            sys.exit(f"{name} has {size:,} bytes, more than {LIMITS[path.suffix]:,}")
        print(f"{size:>8,} bytes  {path.name}")


if __name__ == "__main__":
    main()
