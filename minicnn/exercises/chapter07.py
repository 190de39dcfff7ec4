"""Exercises of chapter 7: learning."""

import math

import numpy as np

from minicnn.exercises.exercise import Attempt, exercise

Pair = tuple[np.ndarray, np.ndarray]


def momentum_step(
    w: np.ndarray, g: np.ndarray, m: np.ndarray, learning_rate: float, k: float
) -> Pair:
    """m = k m - learning_rate g;   w = w + m."""
    m = k * m - learning_rate * g
    return w + m, m


@exercise(
    "my_momentum(w, g, m, learning_rate, momentum)",
    "First the velocity: what is left of the old one, and a push against the gradient. "
    "Then the weights move by the new velocity.",
    "Make new arrays: m = momentum * m - ... builds one, m *= momentum would change the caller's.",
    "m = momentum * m - learning_rate * g, then w + m",
)
def momentum(mine: Attempt) -> None:
    """One step with momentum: return the new weights and the new velocity, (w, m)."""
    rng = np.random.default_rng(7)
    for text, shape, learning_rate, momentum, moving in (
        ("momentum 0 is plain gradient descent", (3,), 0.1, 0.0, False),
        ("the first step, with m = 0, is plain gradient descent too", (3,), 0.1, 0.9, False),
        ("a velocity from earlier steps is kept, times momentum", (3,), 0.1, 0.9, True),
        ("momentum 1/2 keeps half of the velocity", (3,), 0.25, 0.5, True),
        ("w may have any shape", (2, 3, 4), 0.1, 0.9, True),
    ):
        w, g = rng.normal(size=shape), rng.normal(size=shape)
        m = rng.normal(size=shape) if moving else np.zeros(shape)
        want = momentum_step(w, g, m, learning_rate, momentum)
        slips = {
            "w moves by the old velocity": (w + m, want[1]),
            "the gradient is added where it must be taken away": momentum_step(
                w, -g, m, learning_rate, momentum
            ),
            "the learning rate is left out": momentum_step(w, g, m, 1.0, momentum),
            "the velocity is forgotten: m = -learning_rate g": momentum_step(
                w, g, 0 * m, learning_rate, 0
            ),
            "the gradient is weighted with 1 - momentum": momentum_step(
                w, (1 - momentum) * g, m, learning_rate, momentum
            ),
        }
        arguments = {
            "w": w, "g": g, "m": m, "learning_rate": learning_rate, "momentum": momentum,
        }  # fmt: skip
        mine.expect(text, arguments, want, names=("w", "m"), slips=slips)


Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


def adam_step(
    w: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, t: int, learning_rate: float,
    beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7, power: int = 2,
) -> Triple:  # fmt: skip
    """The formulas of :class:`minicnn.optimizers.Adam`."""
    m = m + (1 - beta_1) * (g - m)
    v = v + (1 - beta_2) * (g**power - v)
    alpha = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return w - alpha * m / (np.sqrt(v) + epsilon), m, v


@exercise(
    "my_adam(w, g, m, v, t, learning_rate)",
    "Three lines: the mean of the gradients m, the mean of their squares v, and the step. "
    "A running mean moves a small part of the way to the new value: m + (1 - beta_1)(g - m).",
    "The step uses the new m and v: alpha m / (sqrt(v) + epsilon), taken away from w.",
    "alpha = learning_rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)",
)
def adam(mine: Attempt) -> None:
    """One step of Adam with beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7; t is 1 at the first step.
    Return (w, m, v), all new.
    """
    rng = np.random.default_rng(11)
    for text, t, size in (
        ("the first step (t = 1, m = v = 0) has about the length of the learning rate", 1, 1.0),
        ("that holds for gradients ten thousand times smaller, too", 1, 1e-4),
        ("a later step starts from the m and v it is given", 2, 1.0),
        ("after many steps the correction is nearly 1", 5000, 1.0),
        ("a gradient of 0 at the first step moves nothing, and gives no NaN", 1, 0.0),
    ):
        w, g = rng.normal(size=4), size * rng.normal(size=4)
        m = np.zeros(4) if t == 1 else 0.1 * rng.normal(size=4)
        v = np.zeros(4) if t == 1 else 0.1 * rng.random(4)
        want = adam_step(w, g, m, v, t, 0.01)
        with np.errstate(invalid="ignore"):  # roots of negative numbers, in one of the slips
            slips = _slips(w, g, m, v, t)
        arguments = {"w": w, "g": g, "m": m, "v": v, "t": t, "learning_rate": 0.01}
        mine.expect(text, arguments, want, names=("w", "m", "v"), slips=slips)


def _slips(w: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, t: int) -> dict[str, Triple]:
    """What usual mistakes give."""
    right_w, new_m, new_v = adam_step(w, g, m, v, t, 0.01)
    alpha = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    uncorrected = w - 0.01 * new_m / (np.sqrt(new_v) + 1e-7)
    return {
        "the bias correction is left out": (uncorrected, new_m, new_v),
        "the bias correction is that of step t + 1": adam_step(w, g, m, v, t + 1, 0.01),
        "v is built from g instead of its square": adam_step(w, g, m, v, t, 0.01, power=1),
        "the square root of v is left out": (w - alpha * new_m / (new_v + 1e-7), new_m, new_v),
        "beta_1 and beta_2 are exchanged": adam_step(w, g, m, v, t, 0.01, 0.999, 0.9),
        "the step goes up the slope": (2 * w - right_w, new_m, new_v),
    }


@exercise(
    "my_he_std(shape)",
    "How many products does one output add up? That is n, the fan-in.",
    "The last axis of the shape counts outputs. All axes in front of it are inputs.",
    "math.sqrt(2 / math.prod(shape[:-1]))",
)
def he_std(mine: Attempt) -> None:
    """The standard deviation of He's initialisation for a kernel of this shape, (D, U) or (KH, KW,
    C, F).
    """
    # sizes that are all different
    for text, shape, fan_in, fan_out in (
        ("a dense kernel (D, U): every output adds up D products", (50, 8), 50, 8),
        ("it does not depend on the number of outputs", (50, 200), 50, 200),
        ("a convolution (KH, KW, C, F) adds up KH KW C products", (3, 5, 2, 7), 30, 105),
        ("a window of one pixel adds up its channels", (1, 1, 64, 16), 64, 16),
    ):
        slips = {
            "the outputs are counted (fan_out) instead of the inputs": math.sqrt(2 / fan_out),
            "the variance 2 / n is returned, not its square root": 2 / fan_in,
            "the 2 is left out, which ReLU's zeros call for": math.sqrt(1 / fan_in),
            "the mean of inputs and outputs is taken, as Glorot did": math.sqrt(
                4 / (fan_in + fan_out)
            ),
            "the last axis is taken for the inputs": math.sqrt(2 / shape[-1]),
            "the channels alone are counted, without the window": math.sqrt(2 / shape[-2]),
        }
        mine.expect(text, {"shape": shape}, math.sqrt(2 / fan_in), slips=slips)
