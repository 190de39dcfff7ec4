"""Wrong answers to the exercises of chapter 11."""

import math

from minicnn.exercises import chapter11
from tests.exercises.mutants.table import wrong


@wrong("conv_cost", says="are counted as one")
def counts_fused_operations(x_shape, w_shape):
    operations, moved = chapter11.cost(x_shape, w_shape)
    return operations // 2, moved


@wrong("conv_cost", says="numbers are counted instead of bytes")
def counts_numbers(x_shape, w_shape):
    operations, moved = chapter11.cost(x_shape, w_shape)
    return operations, moved // 4


@wrong("conv_cost", says="taken for 8 bytes")
def counts_doubles(x_shape, w_shape):
    operations, moved = chapter11.cost(x_shape, w_shape)
    return operations, 2 * moved


@wrong("conv_cost", says="once for each image")
def reads_the_weights_again(x_shape, w_shape):
    operations, moved = chapter11.cost(x_shape, w_shape)
    return operations, moved + 4 * (x_shape[0] - 1) * math.prod(w_shape)


@wrong("conv_cost", says="the output is left out")
def forgets_the_output(x_shape, w_shape):
    operations, _ = chapter11.cost(x_shape, w_shape)
    return operations, 4 * (math.prod(x_shape) + math.prod(w_shape))


@wrong("conv_cost", says="as large as the input")
def pads(x_shape, w_shape):
    N, H, W, _ = x_shape
    y_size = N * H * W * w_shape[3]
    moved = 4 * (math.prod(x_shape) + math.prod(w_shape) + y_size)
    return 2 * N * H * W * math.prod(w_shape), moved


@wrong("conv_cost", says="expected     operations, bytes in one tuple")
def returns_the_operations_alone(x_shape, w_shape):
    return chapter11.cost(x_shape, w_shape)[0]


@wrong("roofline", says="the larger of the two bounds")
def takes_the_larger(operations, moved, peak, bandwidth):
    return max(peak, operations / moved * bandwidth)


@wrong("roofline", says="arithmetic alone is looked at")
def forgets_memory(operations, moved, peak, bandwidth):
    return peak


@wrong("roofline", says="memory alone is looked at")
def forgets_arithmetic(operations, moved, peak, bandwidth):
    return operations / moved * bandwidth


@wrong("roofline", says="the intensity is turned round")
def turns_the_intensity_round(operations, moved, peak, bandwidth):
    return min(peak, moved / operations * bandwidth)


@wrong("roofline", says="both times are added")
def adds_the_times(operations, moved, peak, bandwidth):
    return operations / (operations / peak + moved / bandwidth)


@wrong("roofline", says="seconds are returned")
def returns_seconds(operations, moved, peak, bandwidth):
    return max(operations / peak, moved / bandwidth)


@wrong("speedup", says="the new time is returned")
def returns_the_time(share, factor):
    return 1 - share + share / factor


@wrong("speedup", says="shares and gains are added")
def averages_the_gains(share, factor):
    return 1 - share + share * factor


@wrong("speedup", says="share and rest are exchanged")
def exchanges_share_and_rest(share, factor):
    return 1 / (share + (1 - share) / factor)


@wrong("speedup", says="the rest is left out")
def speeds_everything_up(share, factor):
    return factor


@wrong("speedup", says="it raised ZeroDivisionError")
def forgets_the_rest(share, factor):
    return factor / share
