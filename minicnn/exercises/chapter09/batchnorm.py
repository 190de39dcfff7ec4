"""Chapter 9: write batch normalisation as it is in training."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

EPSILON = 1e-3


def right(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, axes: tuple[int, ...] = (0, 1, 2)
) -> np.ndarray:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta."""
    mean, variance = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    y: np.ndarray = gamma * (x - mean) / np.sqrt(variance + EPSILON) + beta
    return y


def verify(mine: Attempt) -> None:
    """One channel, several, gamma and beta, a channel that never changes."""
    rng = np.random.default_rng(13)
    for text, shape, learned, flat in (
        ("a channel comes out with mean 0 and variance 1", (4, 3, 2, 1), False, False),
        ("every channel has a mean and a variance of its own", (4, 3, 2, 3), False, False),
        ("gamma scales and beta shifts, after normalising", (4, 3, 2, 3), True, False),
        (
            "a channel of equal entries gives beta: epsilon keeps it finite",
            (2, 2, 2, 2),
            True,
            True,
        ),
    ):
        C = shape[-1]
        x = rng.normal(size=shape) * np.linspace(0.5, 4, C) + np.linspace(-3, 3, C)  # (N, H, W, C)
        if flat:
            x[..., 0] = 5.0
        gamma = rng.random(C) + 0.5 if learned else np.ones(C)
        beta = rng.normal(size=C) if learned else np.zeros(C)
        want = right(x, gamma, beta)
        centred = x - x.mean(axis=(0, 1, 2))
        variance = x.var(axis=(0, 1, 2))
        count = x.size // C
        slips = {
            "mean and variance are taken over the channels, too": right(
                x, gamma, beta, (0, 1, 2, 3)
            ),
            "each image is normalised by itself": right(x, gamma, beta, (1, 2)),
            "the mean is taken over the batch alone, pixel by pixel": right(x, gamma, beta, (0,)),
            "the division is by the variance, not by its square root": gamma
            * centred
            / (variance + EPSILON)
            + beta,
            "gamma and beta are left out": right(x, np.ones(C), np.zeros(C)),
            "the variance is divided by n - 1": gamma
            * centred
            / np.sqrt(variance * count / (count - 1) + EPSILON)
            + beta,
            "epsilon is added to the root instead of the variance": gamma
            * centred
            / (np.sqrt(variance) + EPSILON)
            + beta,
        }
        arguments = {"x": x, "gamma": gamma, "beta": beta}
        mine.expect(text, arguments, want, axes=("n", "h", "w", "c"), slips=slips)


EXERCISE = Exercise(
    name="batchnorm",
    chapter=9,
    signature="my_batchnorm(x, gamma, beta)",
    task="Batch normalisation in training, with epsilon = 1e-3: x is (N, H, W, C), gamma and beta "
    "are (C,).",
    hints=(
        "Each channel is treated by itself: its mean is taken over images, rows and columns.",
        "x.mean(axis=(0, 1, 2)) has shape (C,), and so has x.var(axis=(0, 1, 2)); NumPy stretches "
        "(C,) over (N, H, W, C) by itself.",
        "gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta",
    ),
    verify=verify,
)
