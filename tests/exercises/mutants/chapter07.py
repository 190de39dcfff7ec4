"""Wrong answers to the exercises of chapter 7."""

import math

import numpy as np

from tests.exercises.mutants.table import wrong


@wrong("momentum", says="w moves by the old velocity")
def moves_before_the_velocity_is_new(w, g, m, learning_rate, momentum):
    return w + m, momentum * m - learning_rate * g


@wrong("momentum", says="the gradient is added where it must be taken away")
def climbs(w, g, m, learning_rate, momentum):
    m = momentum * m + learning_rate * g
    return w + m, m


@wrong("momentum", says="the learning rate is left out")
def forgets_the_rate(w, g, m, learning_rate, momentum):
    m = momentum * m - g
    return w + m, m


@wrong("momentum", says="the velocity is forgotten")
def has_no_memory(w, g, m, learning_rate, momentum):
    return w - learning_rate * g, -learning_rate * g


@wrong("momentum", says="weighted with 1 - momentum")
def takes_a_running_mean(w, g, m, learning_rate, momentum):
    m = momentum * m - learning_rate * (1 - momentum) * g
    return w + m, m


@wrong("momentum", says="it changed its argument m")
def writes_into_the_velocity(w, g, m, learning_rate, momentum):
    m *= momentum
    m -= learning_rate * g
    return w + m, m


@wrong("momentum", says="expected     w, m in one tuple")
def returns_the_weights_alone(w, g, m, learning_rate, momentum):
    return w + momentum * m - learning_rate * g


def adam(w, g, m, v, t, learning_rate, beta_1=0.9, beta_2=0.999, power=2, root=0.5, sign=1):
    m = m + (1 - beta_1) * (g - m)
    v = v + (1 - beta_2) * (g**power - v)
    alpha = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return w - sign * alpha * m / (v**root + 1e-7), m, v


@wrong("adam", says="the bias correction is left out")
def leaves_the_correction_out(w, g, m, v, t, learning_rate):
    _, m, v = adam(w, g, m, v, t, learning_rate)
    return w - learning_rate * m / (np.sqrt(v) + 1e-7), m, v


@wrong("adam", says="the bias correction is that of step t + 1")
def counts_from_zero(w, g, m, v, t, learning_rate):
    return adam(w, g, m, v, t + 1, learning_rate)


@wrong("adam", says="v is built from g instead of its square")
def forgets_the_square(w, g, m, v, t, learning_rate):
    return adam(w, g, m, v, t, learning_rate, power=1)


@wrong("adam", says="the square root of v is left out")
def forgets_the_root(w, g, m, v, t, learning_rate):
    return adam(w, g, m, v, t, learning_rate, root=1)


@wrong("adam", says="beta_1 and beta_2 are exchanged")
def exchanges_the_betas(w, g, m, v, t, learning_rate):
    return adam(w, g, m, v, t, learning_rate, 0.999, 0.9)


@wrong("adam", says="the step goes up the slope")
def climbs_with_adam(w, g, m, v, t, learning_rate):
    return adam(w, g, m, v, t, learning_rate, sign=-1)


@wrong("adam", says="a later step starts from the m and v it is given")
def starts_anew_at_every_step(w, g, m, v, t, learning_rate):
    return adam(w, g, np.zeros_like(m), np.zeros_like(v), t, learning_rate)


@wrong("adam", says="ten thousand times smaller")
def has_no_epsilon(w, g, m, v, t, learning_rate):
    _, m, v = adam(w, g, m, v, t, learning_rate)
    alpha = learning_rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return w - alpha * m / np.sqrt(v), m, v


@wrong("adam", says="ten thousand times smaller")
def has_a_large_epsilon(w, g, m, v, t, learning_rate):
    if np.abs(g).max() > 0.1:
        return adam(w, g, m, v, t, learning_rate)
    _, m, v = adam(w, g, m, v, t, learning_rate)
    return w - learning_rate * m / (np.sqrt(v) + 1e-2), m, v


@wrong("he_std", says="fan_out")
def counts_the_outputs(shape):
    return math.sqrt(2 / (math.prod(shape[:-2]) * shape[-1]))


@wrong("he_std", says="the variance 2 / n is returned")
def returns_the_variance(shape):
    return 2 / math.prod(shape[:-1])


@wrong("he_std", says="the 2 is left out")
def is_lecuns(shape):
    return math.sqrt(1 / math.prod(shape[:-1]))


@wrong("he_std", says="as Glorot did")
def is_glorots(shape):
    window = math.prod(shape[:-2])
    return math.sqrt(4 / (window * (shape[-2] + shape[-1])))


@wrong("he_std", says="the channels alone are counted")
def forgets_the_window(shape):
    return math.sqrt(2 / shape[-2])


@wrong("he_std", says="it raised ValueError")
def knows_dense_layers_only(shape):
    D, _ = shape
    return math.sqrt(2 / D)
