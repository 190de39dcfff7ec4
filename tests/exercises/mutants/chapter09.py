"""Wrong answers to the exercises of chapter 9."""

import numpy as np

from minicnn.exercises import chapter09
from tests.exercises.mutants.table import wrong


@wrong("dropout", says="what is kept is not scaled up")
def does_not_scale(x, u, rate, training):
    return np.where(u < rate, 0.0, x) if training else x


@wrong("dropout", says="multiplied by 1 - rate")
def scales_down(x, u, rate, training):
    return np.where(u < rate, 0.0, x * (1 - rate)) if training else x


@wrong("dropout", says="divided by the rate")
def divides_by_the_rate(x, u, rate, training):
    return np.where(u < rate, 0.0, x / (rate or 1)) if training else x


@wrong("dropout", says="the entries above the rate are dropped")
def drops_the_others(x, u, rate, training):
    return np.where(u < rate, x / (1 - rate), 0.0) if training else x


@wrong("dropout", says="it drops in inference, too")
def ignores_the_mode(x, u, rate, training):
    return np.where(u < rate, 0.0, x / (1 - rate))


@wrong("dropout", says="inference scales down")
def is_the_dropout_of_2012(x, u, rate, training):
    return np.where(u < rate, 0.0, x / (1 - rate)) if training else x * (1 - rate)


@wrong("dropout", says="it changed its argument x")
def drops_in_place(x, u, rate, training):
    if training:
        x[u < rate] = 0
    return x / (1 - rate) if training else x


@wrong("batchnorm", says="over the channels, too")
def mixes_the_channels(x, gamma, beta):
    return chapter09.normalise(x, gamma, beta, (0, 1, 2, 3))


@wrong("batchnorm", says="each image is normalised by itself")
def is_instance_normalisation(x, gamma, beta):
    return chapter09.normalise(x, gamma, beta, (1, 2))


@wrong("batchnorm", says="pixel by pixel")
def takes_the_batch_axis_only(x, gamma, beta):
    return chapter09.normalise(x, gamma, beta, (0,))


@wrong("batchnorm", says="not by its square root")
def divides_by_the_variance(x, gamma, beta):
    return gamma * (x - x.mean(axis=(0, 1, 2))) / (x.var(axis=(0, 1, 2)) + 1e-3) + beta


@wrong("batchnorm", says="gamma and beta are left out")
def forgets_gamma_and_beta(x, gamma, beta):
    return chapter09.normalise(x, np.ones_like(gamma), np.zeros_like(beta))


@wrong("batchnorm", says="divided by n - 1")
def takes_the_sample_variance(x, gamma, beta):
    variance = x.var(axis=(0, 1, 2), ddof=1)
    return gamma * (x - x.mean(axis=(0, 1, 2))) / np.sqrt(variance + 1e-3) + beta


@wrong("batchnorm", says="epsilon is added to the root")
def adds_epsilon_to_the_root(x, gamma, beta):
    return gamma * (x - x.mean(axis=(0, 1, 2))) / (x.std(axis=(0, 1, 2)) + 1e-3) + beta


@wrong("flip", says="upside down")
def turns_upside_down(x, coins):
    return np.where(coins[:, None, None, None], x[:, ::-1], x)


@wrong("flip", says="the channels are reversed")
def reverses_the_channels(x, coins):
    y = x.copy()
    y[coins] = x[coins][..., ::-1]
    return y


@wrong("flip", says="every image is mirrored")
def ignores_the_coins(x, coins):
    return x[:, :, ::-1]


@wrong("flip", says="the other images are mirrored")
def mirrors_the_others(x, coins):
    return np.where(coins[:, None, None, None], x, x[:, :, ::-1])


@wrong("flip", says="it changed its argument x")
def mirrors_in_place(x, coins):
    x[coins] = x[coins][:, :, ::-1]
    return x


@wrong("flip", says="expected     shape")
def returns_the_mirrored_ones_only(x, coins):
    return x[coins][:, :, ::-1]
