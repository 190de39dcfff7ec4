"""Wrong answers to the exercises of chapter 10."""

import numpy as np

from minicnn.exercises import chapter10
from tests.exercises.mutants.table import wrong


@wrong("receptive_field", says="the windows are added up")
def adds_the_windows(steps):
    return sum(window for window, _ in steps) or 1


@wrong("receptive_field", says="the strides are left out")
def forgets_the_strides(steps):
    return 1 + sum(window - 1 for window, _ in steps)


@wrong("receptive_field", says="a layer's own stride is counted")
def strides_too_early(steps):
    field, apart = 1, 1
    for window, stride in steps:
        apart *= stride
        field += (window - 1) * apart
    return field


@wrong("receptive_field", says="strides multiply")
def adds_the_strides(steps):
    field, apart = 1, 1
    for window, stride in steps:
        field += (window - 1) * apart
        apart += stride - 1
    return field


@wrong("receptive_field", says="it raised IndexError")
def needs_a_layer(steps):
    return chapter10.field_size(steps) if steps[0] else 0


@wrong("receptive_field", says="behind a stride of 2")
def walks_backwards(steps):
    return chapter10.field_size(steps[::-1])


@wrong("occlusion", says="the other way round")
def subtracts_the_wrong_way(score, image, size, stride):
    return -chapter10.score_drops(score, image, size, stride)


@wrong("occlusion", says="the score itself is returned")
def returns_the_score(score, image, size, stride):
    return score(image) - chapter10.score_drops(score, image, size, stride)


@wrong("occlusion", says="squares start one apart")
def ignores_the_stride(score, image, size, stride):
    return chapter10.score_drops(score, image, size, 1)


@wrong("occlusion", says="covered with ones")
def covers_with_white(score, image, size, stride):
    return chapter10.score_drops(score, image, size, stride, 1.0)


@wrong("occlusion", says="it changed its argument image")
def covers_the_callers_image(score, image, size, stride):
    drop = chapter10.score_drops(score, image, size, stride)
    image[:size, :size] = 0
    return drop


@wrong("occlusion", says="the drop is the score before")
def never_uncovers(score, image, size, stride):
    H, W, _ = image.shape
    covered, whole = image.copy(), score(image)
    drop = np.zeros(((H - size) // stride + 1, (W - size) // stride + 1))
    for i, j in np.ndindex(drop.shape):
        covered[i * stride : i * stride + size, j * stride : j * stride + size] = 0
        drop[i, j] = whole - score(covered)
    return drop


@wrong("occlusion", says="all channels are covered")
def covers_the_first_channel(score, image, size, stride):
    H, W, _ = image.shape
    drop = np.zeros(((H - size) // stride + 1, (W - size) // stride + 1))
    for i, j in np.ndindex(drop.shape):
        covered = image.copy()
        covered[i * stride : i * stride + size, j * stride : j * stride + size, 0] = 0
        drop[i, j] = score(image) - score(covered)
    return drop
