"""Exercises of chapter 9: colour and overfitting."""

import numpy as np

from minicnn.exercises.exercise import Attempt, exercise

EPSILON = 1e-3


def normalise(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, axes: tuple[int, ...] = (0, 1, 2)
) -> np.ndarray:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta."""
    mean, variance = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    y: np.ndarray = gamma * (x - mean) / np.sqrt(variance + EPSILON) + beta
    return y


@exercise(
    "my_batchnorm(x, gamma, beta)",
    "Each channel is treated by itself: its mean is taken over images, rows and columns.",
    "x.mean(axis=(0, 1, 2)) has shape (C,), and so has x.var(axis=(0, 1, 2)); NumPy stretches "
    "(C,) over (N, H, W, C) by itself.",
    "gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta",
)
def batchnorm(mine: Attempt) -> None:
    """Batch normalisation in training, with epsilon = 1e-3: x is (N, H, W, C), gamma and beta are
    (C,).
    """
    rng = np.random.default_rng(13)
    for text, shape, learned, flat in (
        ("a channel comes out with mean 0 and variance 1", (4, 3, 2, 1), False, False),
        ("every channel has a mean and a variance of its own", (4, 3, 2, 3), False, False),
        ("gamma scales and beta shifts, after normalising", (4, 3, 2, 3), True, False),
        ("a channel of equal entries gives beta: epsilon keeps it finite", (2, 2, 2, 2), True,
         True),
    ):  # fmt: skip
        C = shape[-1]
        x = rng.normal(size=shape) * np.linspace(0.5, 4, C) + np.linspace(-3, 3, C)  # (N, H, W, C)
        if flat:
            x[..., 0] = 5.0
        gamma = rng.random(C) + 0.5 if learned else np.ones(C)
        beta = rng.normal(size=C) if learned else np.zeros(C)
        want = normalise(x, gamma, beta)
        scaled = gamma * (x - x.mean(axis=(0, 1, 2)))
        variance = x.var(axis=(0, 1, 2))
        count = x.size // C
        slips = {
            "mean and variance are taken over the channels, too": normalise(
                x, gamma, beta, (0, 1, 2, 3)
            ),
            "each image is normalised by itself": normalise(x, gamma, beta, (1, 2)),
            "the mean is taken over the batch alone, pixel by pixel": normalise(
                x, gamma, beta, (0,)
            ),
            "the division is by the variance, not by its square root": (
                scaled / (variance + EPSILON) + beta
            ),
            "gamma and beta are left out": normalise(x, np.ones(C), np.zeros(C)),
            "the variance is divided by n - 1": (
                scaled / np.sqrt(variance * count / (count - 1) + EPSILON) + beta
            ),
            "epsilon is added to the root instead of the variance": (
                scaled / (np.sqrt(variance) + EPSILON) + beta
            ),
        }
        arguments = {"x": x, "gamma": gamma, "beta": beta}
        mine.expect(text, arguments, want, axes=("n", "h", "w", "c"), slips=slips)


@exercise(
    "my_dropout(x, u, rate, training)",
    "np.where(condition, a, b) takes a where the condition holds and b elsewhere.",
    "Treat inference first: if not training, return x.",
    "np.where(u < rate, 0.0, x / (1 - rate))",
)
def dropout(mine: Attempt) -> None:
    """Dropout: in training, 0 where the random number u (shape of x, uniform on [0, 1)) is below
    the rate, and x / (1 - rate) elsewhere; in inference, x.
    """
    rng = np.random.default_rng(9)
    for text, rate, training in (
        ("in training, an entry whose random number is below the rate becomes 0", 0.5, True),
        ("what is kept is divided by 1 - rate, so that the mean stays", 0.25, True),
        ("a rate of 0 changes nothing", 0.0, True),
        ("in inference nothing changes, whatever the rate", 0.25, False),
    ):
        x, u = rng.normal(size=(3, 4)), rng.random((3, 4))
        kept = np.where(u >= rate, x, 0.0)
        want = kept / (1 - rate) if training else x
        slips = {
            "what is kept is not scaled up": kept,
            "it is multiplied by 1 - rate": kept * (1 - rate),
            "it is divided by the rate": kept / rate if rate else kept,
            "the entries above the rate are dropped": np.where(u < rate, x, 0.0) / (1 - rate),
            "it drops in inference, too": kept / (1 - rate),
            "inference scales down by 1 - rate, which this scaling makes needless": x * (1 - rate),
        }
        arguments = {"x": x, "u": u, "rate": rate, "training": training}
        mine.expect(text, arguments, want, axes=("n", "d"), slips=slips)


@exercise(
    "my_flip(x, coins)",
    "Work on y = x.copy(): the caller's images must stay. The width is axis 2 of x.",
    "y[coins] are the images to mirror, as an array (k, H, W, C). A slice with step -1 runs "
    "backwards: a[::-1].",
    "y[coins] = x[coins][:, :, ::-1]",
)
def flip(mine: Attempt) -> None:
    """Mirror left to right the images of x (N, H, W, C) whose coin (N,) is True."""
    for text, shape, coins in (
        ("an image whose coin is True is mirrored left to right", (1, 3, 4, 2), (True,)),
        ("an image whose coin is False stays as it is", (2, 3, 4, 1), (True, False)),
        ("its channels stay in their order", (1, 2, 3, 3), (True,)),
        ("every image has a coin of its own", (4, 2, 3, 3), (False, True, True, False)),
    ):
        x = np.arange(float(np.prod(shape))).reshape(shape)  # (N, H, W, C)
        chosen = np.array(coins)
        images = chosen[:, None, None, None]  # (N, 1, 1, 1)
        want = np.where(images, x[:, :, ::-1], x)
        slips = {
            "the images are turned upside down": np.where(images, x[:, ::-1], x),
            "the channels are reversed": np.where(images, x[:, :, :, ::-1], x),
            "every image is mirrored": x[:, :, ::-1],
            "the other images are mirrored": np.where(images, x, x[:, :, ::-1]),
            "rows and channels are reversed as well": np.where(images, x[:, ::-1, ::-1], x),
        }
        mine.expect(text, {"x": x, "coins": chosen}, want, axes=("n", "h", "w", "c"), slips=slips)
