# %% [markdown]
# # 11. Fast
#
# Six loops around one multiplication: chapter 1 could do everything that this course does, if you
# had the time. This chapter climbs from those loops to the kernels that minicnn trains with, on
# your machine, and asks at every rung what the one below wasted. At the end stands a picture that
# tells how much is left to gain: the roofline.
#
# **What you will be able to do**
#
# * time a piece of code so that the figure means something;
# * say what NumPy, compiled loops and fused kernels each save;
# * count operations and bytes, and read from a roofline what bounds a computation.
#
# **Before**: chapters 1, 2 and 8.
#
# **Time**: 16 minutes to read, 15 seconds to run, and once half a minute more to compile.

# %%
import sys

if "google.colab" in sys.modules:  # on Colab the package has to be installed first
    import subprocess

    where = "git+https://github.com/YOUR-NAME/minicnn"  # the address of this repository
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", where], check=True)

# %%
import time

import numba
import numpy as np
import threadpoolctl

from minicnn import backends, config, plots, utils
from minicnn.backends import reference
from minicnn.backends.numba_cpu.kernels import epilogue
from minicnn.backends.context import Context
from minicnn.exercises import check, hint, show_source
from minicnn.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from minicnn.models import Sequential
from minicnn.drawing.style import BLUE, GREEN, QUIET, VERMILION, Picture, styled

# %% [markdown]
# Every time in this chapter is measured where it runs. The notebook shows what one machine gave,
# a shared and busy one; run it, and you will see yours. The text names no times, and only such
# ratios as hold everywhere. Up to the last section everything runs on one core, so that the rungs
# differ in one thing only: libraries that would use several are told not to.

# %%
one_core = threadpoolctl.threadpool_limits(1)
all_cores = numba.get_num_threads()
numba.set_num_threads(1)

# %% [markdown]
# ## How to time
#
# What can be wrong with `t = time(); f(); time() - t`? A first call loads and compiles. Other
# programs take the processor away. A short call is shorter than the clock's steps. So: call once
# before, repeat, and look at how the times are spread.


# %%
rng = np.random.default_rng(7)
a = rng.random((256, 256), dtype=np.float32)


def product():
    return a @ a


product()
taken = []
while len(taken) < 300:
    begin = time.perf_counter()
    product()
    taken.append(time.perf_counter() - begin)
taken = np.array(taken)
print(f"{len(taken)} times the same product of two 256 × 256 matrices, in microseconds:")
print(f"smallest {taken.min() * 1e6:.0f}, median {np.median(taken) * 1e6:.0f}, "
      f"mean {taken.mean() * 1e6:.0f}, largest {taken.max() * 1e6:.0f}")  # fmt: skip
assert taken.min() <= np.median(taken) <= taken.max()


# %%
@styled
def draw_spread():
    figure = Picture(figsize=(9.5, 3.8))
    axes = figure.add_subplot()
    axes.semilogy(taken * 1e6, ".", color=BLUE, ms=4)
    axes.axhline(taken.min() * 1e6, color=GREEN, lw=2)
    axes.axhline(taken.mean() * 1e6, color=VERMILION, lw=2, ls="--")
    for text, value, color, side in (("smallest", taken.min(), GREEN, "top"),
                                     ("mean", taken.mean(), VERMILION, "bottom")):  # fmt: skip
        axes.text(1.01, value * 1e6, text, color=color, va=side,
                  transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set_title("The same work, timed again and again")
    axes.set(xlabel="call", ylabel="microseconds")
    return figure


draw_spread()

# %% [markdown]
# Nothing makes the work faster than the machine can do it, but much makes it slower. The smallest
# time is closest to the work itself; the mean tells mostly about the interruptions. For work on
# one core there is a better clock still: `time.process_time` stands while other programs run, and
# counts only what this one computes. It is what the rungs are timed with.


# %%
def seconds(f, at_least=0.2):
    """Seconds of the processor that a call of f takes, after one that does not count."""
    f()
    calls, begin = 0, time.process_time()
    while (spent := time.process_time() - begin) < at_least:
        f()
        calls += 1
    return spent / calls


print(f"the product of above, by the processor's own account: {seconds(product) * 1e6:.0f} µs")

# %% [markdown]
# ## The work
#
# One convolution with ReLU and max-pooling, of the size of chapter 8's second: 12×12 pixels with
# 16 channels, 32 filters of 5×5. How much arithmetic is that?

# %%
N, H, W, C, F, K = 64, 12, 12, 16, 32, 5
x = rng.normal(size=(N, H, W, C)).astype(np.float32)
w = (rng.normal(size=(K, K, C, F)) / 20).astype(np.float32)
b = np.zeros(F, np.float32)
OH = OW = H - K + 1  # 8

operations = 2 * OH * OW * F * K * K * C  # of one image: a multiplication and an addition each
print(f"{operations:,} operations an image")
assert operations == 1_638_400

# %% [markdown]
# ## Rung 1: loops in Python
#
# The definition, number by number. Python looks up the type of every number, finds the function
# that multiplies such things, makes a new object for the result: dozens of instructions of the
# processor for one that computes.


# %%
def with_loops(x, w, b):
    """maxpool(relu(conv(x))) of one image, as nested lists of floats."""
    X, K_, B = x.tolist(), w.tolist(), b.tolist()
    y = np.empty((OH, OW, F), np.float32)
    for oh in range(OH):
        for ow in range(OW):
            for f in range(F):
                total = B[f]
                for i in range(K):
                    for j in range(K):
                        pixel, weights = X[oh + i][ow + j], K_[i][j]
                        for c in range(C):
                            total += pixel[c] * weights[c][f]
                y[oh, ow, f] = max(total, 0.0)
    return y.reshape(OH // 2, 2, OW // 2, 2, F).max(axis=(1, 3))  # (OH / 2, OW / 2, F)


begin = time.process_time()
right = with_loops(x[0], w, b)  # (4, 4, 32)
ladder = {"Python loops": time.process_time() - begin}  # seconds an image
print(f"one image: {ladder['Python loops'] * 1e3:.0f} ms")

# %% [markdown]
# ## Rung 2: NumPy
#
# im2col and one matrix product, as in chapter 2: the loops run in compiled code, and the product
# in a library (BLAS) that has been tuned for decades. Every rung is compared with the first
# before it is timed; a fast wrong answer is worth nothing.

# %%
NO_PADDING = ((0, 0), (0, 0))


def one_after_the_other(ops):
    """Convolution, ReLU and pooling as three operations of a backend, each writing its result."""
    contexts = [Context(ops) for _ in range(3)]

    def run():
        with ops.running():
            y = ops.conv2d_forward(contexts[0], x, w, b, (1, 1), NO_PADDING, (1, 1), 1)
            y = ops.relu_forward(contexts[1], y, 0.0, None, 0.0)
            return ops.maxpool2d_forward(contexts[2], y, (2, 2), (2, 2), NO_PADDING)

    return run


with_numpy = one_after_the_other(reference)
assert np.allclose(with_numpy()[0], right, atol=1e-4)
ladder["NumPy"] = seconds(with_numpy) / N
print(f"{ladder['NumPy'] * 1e6:.0f} µs an image")
assert ladder["Python loops"] > 5 * ladder["NumPy"]

# %% [markdown]
# What is still wasted? NumPy does one thing at a time to a whole array, and writes the result to
# memory before the next thing begins. `cols` alone is bigger than the images by the number of
# taps, less the border:

# %%
cols_bytes = N * OH * OW * K * K * C * 4
print(f"images {x.nbytes / 1e6:.2f} MB, cols {cols_bytes / 1e6:.2f} MB")
assert round(cols_bytes / x.nbytes, 1) == 11.1

# %% [markdown]
# ## Rung 3: the same loops, compiled
#
# *Numba* translates a Python function into machine code when it is first called with arguments of
# some types. These are the loops of rung 1, around all images.


# %%
@numba.njit
def compiled_loops(x, w, b, y):
    N, OH, OW, F = y.shape
    K, _, C, _ = w.shape
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                y[n, oh, ow] = b
                for i in range(K):
                    for j in range(K):
                        for c in range(C):
                            pixel = x[n, oh + i, ow + j, c]
                            for f in range(F):  # last, so that neighbours in memory come in turn
                                y[n, oh, ow, f] += pixel * w[i, j, c, f]


y = np.empty((N, OH, OW, F), np.float32)
begin = time.perf_counter()
compiled_loops(x, w, b, y)
first = time.perf_counter() - begin
begin = time.perf_counter()
compiled_loops(x, w, b, y)
print(f"first call, with the compiling: {first:.2f} s; second: {time.perf_counter() - begin:.4f} s")


def with_compiled_loops():
    compiled_loops(x, w, b, y)
    return np.maximum(y, 0).reshape(N, OH // 2, 2, OW // 2, 2, F).max(axis=(2, 4))


assert np.allclose(with_compiled_loops()[0], right, atol=1e-4)
ladder["compiled loops"] = seconds(with_compiled_loops) / N
print(f"{ladder['compiled loops'] * 1e6:.0f} µs an image")
assert ladder["Python loops"] > 5 * ladder["compiled loops"]

# %% [markdown]
# One thing was changed besides: f, which was the third loop, has become the innermost. The order
# of the loops matters now. With f innermost, neighbouring rounds touch neighbouring numbers, and
# the processor does several of them with one *vector instruction*. Put c innermost and the
# weights it reads lie F numbers apart.
#
# ## Rung 4: what minicnn does
#
# Its Numba backend keeps im2col and BLAS, but a few images at a time: a thread's rows stay in the
# cache next to its core, and are multiplied while they are there.

# %%
fast = backends.get("numba")
with_backend = one_after_the_other(fast)
assert np.allclose(with_backend()[0], right, atol=1e-4)
ladder["minicnn, one by one"] = seconds(with_backend) / N

fused_context = Context(fast)


def fused():
    with fast.running():
        return fast.conv2d_relu_maxpool2d_forward(
            fused_context, x, w, b, (1, 1), NO_PADDING, (2, 2), (2, 2)
        )


assert np.allclose(fused()[0], right, atol=1e-4)
ladder["minicnn, fused"] = seconds(fused) / N
assert ladder["Python loops"] > 10 * ladder["minicnn, fused"]
for name, one in ladder.items():
    rate = operations / one / 1e9
    print(f"{name:20} {one * 1e6:10.1f} µs an image {rate:9.3f} GFLOP/s "
          f"{ladder['Python loops'] / one:9.0f} ×")  # fmt: skip

# %% [markdown]
# *GFLOP/s* are billions of floating-point operations a second, counted as above. *Fused* means
# that bias, ReLU and pooling happen to the product while it is in the cache: the last rung of the
# ladder. This is the function that does it, pulled from its source:

# %%
show_source(epilogue, "bias_relu_pool")


# %%
@styled
def draw_ladder():
    figure = Picture(figsize=(10, 4.2))
    axes = figure.add_subplot()
    names = list(ladder)
    micro = [ladder[name] * 1e6 for name in names]
    axes.barh(names, micro, color=[QUIET, BLUE, BLUE, GREEN, GREEN])
    axes.set_xscale("log")
    axes.set_xlim(min(micro) / 2, max(micro) * 8)
    for place, value in enumerate(micro):
        times_as_fast = micro[0] / value
        axes.text(value * 1.15, place, f"{value:,.0f} µs" if value >= 10 else f"{value:.1f} µs",
                  va="center", fontweight="bold")  # fmt: skip
        if place:
            axes.text(max(micro) * 6, place, f"{times_as_fast:,.0f} ×", va="center", ha="right",
                      color=QUIET)  # fmt: skip
    axes.invert_yaxis()
    axes.set_title("One image, rung by rung")
    axes.set_xlabel("microseconds an image (each grid line: ten times)")
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    return figure


draw_ladder()

# %% [markdown]
# The axis is logarithmic: every grid line is ten times the one before. Not every rung is a step
# up everywhere. Compiled loops often come out near NumPy, whose product is far better tuned; and
# fused or one by one may be hard to tell apart here, because y is small enough to stay in a
# cache.
#
# ## What does fusing save?
#
# Not a single multiplication. It saves traffic. Count the bytes that the separate operations move
# for this batch, and those of the fused one:

# %%
size_y, size_pooled = N * OH * OW * F * 4, N * OH * OW * F  # float32; a quarter of the entries
separate = {
    "convolution writes y": size_y,
    "bias and ReLU read and write it": 2 * size_y,
    "pooling reads it": size_y,
    "pooling writes": size_pooled,
}
print(f"separate: {sum(separate.values()) / 1e6:.2f} MB")
print(
    f"fused:    {size_pooled / 1e6:.2f} MB, and a byte for each winner, {size_pooled / 4e6:.2f} MB"
)
assert sum(separate.values()) == 17 * size_pooled

# %% [markdown]
# Whether that shows depends on where the bytes go. As long as y fits into a cache, moving it is
# cheap; with larger batches, or larger images, it has to go to memory and back.
#
# ## What is the best this machine could do?
#
# Two ceilings bound everything. *Arithmetic*: how many operations a second, at best? A large
# matrix product comes close. *Memory*: how many bytes a second, at best? Add one array to
# another, both larger than the caches.

# %%
big = rng.random((1024, 1024), dtype=np.float32)
out = np.empty_like(big)
product_time = seconds(lambda: np.matmul(big, big, out=out), at_least=0.5)
peak = 2 * 1024**3 / product_time

source = np.ones(1 << 24, np.float32)  # 64 MiB
target = np.zeros_like(source)
add_time = seconds(lambda: np.add(target, source, out=target))
bandwidth = 3 * source.nbytes / add_time  # target and source are read, target is written

print(f"arithmetic {peak / 1e9:.0f} GFLOP/s, memory {bandwidth / 1e9:.1f} GB/s")
print(f"they balance at {peak / bandwidth:.1f} operations a byte")

# %% [markdown]
# The last number is the machine's own. A computation that does fewer operations on each byte it
# moves waits for memory; one that does more waits for arithmetic. Operations by bytes is its
# *arithmetic intensity*, and it does not depend on the machine. Three examples:

# %%
m, v = np.zeros_like(source), np.zeros_like(source)  # Adam on 16.8 million weights
weights, gradient = np.ones_like(source), np.full_like(source, 0.01)
step, rate = np.zeros(1, np.int64), np.array([0.001], np.float32)


def adam():
    with fast.running():
        fast.adam_step(weights, gradient, m, v, step, rate, 0.9, 0.999, 1e-7)


moved = 4 * (x.size + w.size + N * OH * OW * F // 4)  # each array once: the least there is
points = {
    "matrix product, 1024": (2 * 1024**3, 3 * 4 * 1024**2, product_time),
    "Adam": (12 * source.size, 28 * source.size, seconds(adam)),
    "convolution, NumPy": (N * operations, moved, N * ladder["NumPy"]),
    "convolution, fused": (N * operations, moved, N * ladder["minicnn, fused"]),
}
for name, (work, bytes_, one) in points.items():
    print(f"{name:22} {work / bytes_:7.1f} operations a byte, {work / one / 1e9:7.1f} GFLOP/s")
assert points["Adam"][0] / points["Adam"][1] < 1 < points["convolution, fused"][0] / moved
plots.roofline(points, peak, bandwidth, title="What bounds it?")

# %% [markdown]
# This is a *roofline*. To the right: more operations for each byte. Upwards: faster. Nothing can
# be above the roof (by more than the measurements err), which is memory's slope on the left and
# arithmetic's flat line on the right.
#
# * **Adam** stands far to the left. It does about 12 operations on the 28 bytes it moves for a
#   weight (reads w, g, m, v; writes w, m, v) and so waits for memory. Cleverer arithmetic would
#   not help it; moving fewer bytes would, which is why minicnn does it in one pass.
# * **The matrix product** is nearly on the roof by definition: it is what the roof was measured
#   with.
# * **The convolution** has the same intensity in both versions, as the same numbers must be moved
#   at least once. The NumPy version lies lower because it moves much more than the least: the
#   whole of `cols`, and y several times. What the fused one still lacks to the roof is the
#   building of rows and products that are smaller than the one that measured it.
#
# The distance to the roof tells where looking further pays. On the roof there is nothing left to
# gain but by another algorithm.
#
# ## A whole step, on all cores
#
# Now the other cores may help: forward and backward, the loss and the update of a network like
# chapter 8's, with the textbook backend and with the fast one. Two rows are timed on one core by
# the processor's account; the last one has all cores, so only the clock on the wall will do. The
# smallest of many is taken each time.


# %%
def seconds_a_step(backend, clock, batch=64):
    """One training step of a small network on a backend, in seconds."""
    before = config.backend()
    config.set_backend(backend)
    utils.set_random_seed(7)
    model = Sequential(
        [
            Input((28, 28, 1)),
            Conv2D(16, (5, 5), activation="relu"),
            MaxPooling2D((2, 2)),
            Conv2D(32, (5, 5), activation="relu"),
            MaxPooling2D((2, 2)),
            Flatten(),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", loss="sparse_categorical_crossentropy")
    images = rng.random((batch, 28, 28, 1), dtype=np.float32)
    labels = rng.integers(0, 10, batch)
    model.train_on_batch(images, labels)  # compiles, makes buffers: does not count
    taken = []
    while sum(taken) < 0.8:
        begin = clock()
        model.train_on_batch(images, labels)
        taken.append(clock() - begin)
    assert model.executor().ops is backends.get(backend)
    config.set_backend(before)
    return min(taken)


whole = {
    "numpy, one core": seconds_a_step("numpy", time.process_time),
    "numba, one core": seconds_a_step("numba", time.process_time),
}
one_core.restore_original_limits()
numba.set_num_threads(all_cores)
whole[f"numba, {all_cores} threads"] = seconds_a_step("numba", time.perf_counter)
for name, one in whole.items():
    print(f"{name:17} {one * 1e3:7.2f} ms a step of 64 images, "
          f"{60_000 / 64 * one:6.1f} s an epoch of MNIST")  # fmt: skip

# %% [markdown]
# A second core seldom halves the time: some parts run on one, all cores share one memory, and on
# a busy machine the other core is not yours. The same holds for any faster part. One part made
# twice as fast makes the step less than twice as fast: with a share s of the time, and that part
# k times as fast, the whole becomes $1 / ((1 - s) + s / k)$ times as fast. This is *Amdahl's
# law*, and the second reason to measure before you optimise: only large shares are worth the
# work.

# %%
print(f"half of the time made ten times as fast: {1 / (0.5 + 0.5 / 10):.2f} times as fast")
assert round(1 / (0.5 + 0.5 / 10), 2) == 1.82

# %% [markdown]
# ## Exercises
#
# ### 1. What a convolution costs
#
# `my_conv_cost(x_shape, w_shape)` returns (operations, bytes) of a float32 convolution with
# stride 1, unpadded and without bias: two operations a product; each of x, w and y moved once.
# Stuck? `hint("conv_cost")`


# %%
def my_conv_cost(x_shape, w_shape): ...


check(my_conv_cost)

# %% [markdown]
# ### 2. The roof
#
# `my_roofline(operations, moved, peak, bandwidth)` returns the highest rate, in operations a
# second, that work of so many operations on so many moved bytes can reach. Stuck?
# `hint("roofline")`


# %%
def my_roofline(operations, moved, peak, bandwidth): ...


check(my_roofline)

# %% [markdown]
# ### 3. Amdahl's law
#
# `my_speedup(share, factor)` returns how many times as fast a program becomes when the part with
# this share of its time runs factor times as fast. Stuck? `hint("speedup")`


# %%
def my_speedup(share, factor): ...


check(my_speedup)

# %% [markdown]
# Solutions: [solutions/11_fast.py](../solutions/11_fast.py)
#
# ## What to take along
#
# * Check the answer, warm up, repeat, look at the spread, then quote a time.
# * Compiled loops save the interpreter; vector instructions and caches want neighbours in memory.
# * Fusing saves traffic, not arithmetic.
# * Arithmetic intensity, operations by bytes, tells whether memory or arithmetic bounds a
#   computation.
#
# ## Where this comes from
#
# Roofline: Williams, Waterman and Patterson (2009), Communications of the ACM 52(4). Fast matrix
# products: Goto and van de Geijn (2008), ACM Transactions on Mathematical Software 34(3). Numba:
# Lam, Pitrou and Seibert (2015), LLVM-HPC. How fast minicnn is beside other engines:
# [benchmarks](../../benchmarks/README.md).
#
# Next: [12. To the GPU](12_gpu.ipynb)
