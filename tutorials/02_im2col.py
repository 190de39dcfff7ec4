# %% [markdown]
# # 2. im2col
#
# The six loops of chapter 1 took hours for what a library does in seconds, with the same
# multiplications. The difference is who does them. In this chapter you lay the windows out as the
# rows of a matrix; then one matrix product, the operation that computers do best, is the whole
# convolution. The laying out is called *im2col*, image to columns, and you will write it.
#
# **What you will be able to do**
#
# * turn any convolution into one matrix product, and say why the two are equal;
# * write im2col with few copies instead of many loops;
# * say what it costs in memory, and what it saves in time, from a measurement;
# * read the forward pass of minicnn's convolution line by line.
#
# **Before**: chapter 1, and what a matrix product is: row times column, summed.
#
# **Time**: 15 minutes to read, 5 seconds to run.

# %%
import sys

if "google.colab" in sys.modules:  # on Colab the package has to be installed first
    import subprocess

    where = "git+https://github.com/YOUR-NAME/minicnn"  # the address of this repository
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", where], check=True)

# %%
import time

import numpy as np

from minicnn import config, plots
from minicnn.backends import reference
from minicnn.backends.reference import conv, im2col
from minicnn.backends.context import Context
from minicnn.exercises import check, hint, show_source
from minicnn.drawing.style import BLUE, Picture, styled

config.set_backend("numpy")  # the textbook: what you read is what runs

# %% [markdown]
# ## Why are the loops slow?
#
# Not because of the arithmetic. For every product Python looks up two entries, makes a number
# object of each, multiplies, adds, and throws the objects away. The processor could do hundreds of
# multiplications in that time. NumPy can let it, if we hand over *whole arrays* in one call.


# %%
def seconds_of(work, repeat=5):
    """The shortest time of a few calls, after one that does not count."""
    work()
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


a, b = np.random.default_rng(7).normal(size=(2, 100_000))
pairs = list(zip(a.tolist(), b.tolist(), strict=True))
in_python = seconds_of(lambda: sum(p * q for p, q in pairs))
in_numpy = seconds_of(lambda: (a * b).sum())
print(f"100,000 products: {in_python * 1e6:.0f} µs in Python, {in_numpy * 1e6:.0f} µs in NumPy")
assert in_python > 3 * in_numpy
assert abs((a * b).sum() - sum(p * q for p, q in pairs)) < 1e-8

# %% [markdown]
# ## A convolution hides a matrix product. Where?
#
# A number of the feature map is the sum of products of a window and a filter. Read the window as
# one long row of KH · KW · C numbers, and the filter as one long column in the same order. Then the
# number is *row times column*: one entry of a matrix product.
#
# All windows as rows below each other make a matrix, all filters as columns beside each other make
# a second one, and their product holds every number of every feature map:
#
# | matrix | shape | one row is | one column is |
# |---|---|---|---|
# | rows | (N OH OW, KH KW C) | a window | one place in all windows |
# | matrix | (KH KW C, F) | one place in all filters | a filter |
# | rows @ matrix | (N OH OW, F) | all answers to a window | a feature map |
#
# Here is an image of 4 by 5 with a window of 3 by 3. Six windows fit, so there are six rows.

# %%
movie = plots.im2col_animation()
movie.still(3)

# %% [markdown]
# The third window begins at row 0, column 2. Its nine numbers lie down as a row, in reading order.
# The rows of `cols` are numbered by the window's place in the output (oh, ow), the columns by the
# place in the window (i, j). Most pixels appear several times: 8 lies in every one of the six
# windows. Press play (in Jupyter; a page on GitHub shows the still picture only).

# %%
movie

# %%
x = np.arange(1.0, 21).reshape(1, 4, 5, 1)  # (N, H, W, C)
cols = im2col(x, (3, 3), (1, 1))
print(cols.shape)
assert cols.shape == (1, 2, 3, 3, 3, 1)  # (N, OH, OW, KH, KW, C)
assert cols.reshape(6, 9)[2].tolist() == [3, 4, 5, 8, 9, 10, 13, 14, 15]
assert (cols == 8).sum() == 6

# %% [markdown]
# minicnn keeps all six axes, (N, OH, OW, KH, KW, C), because an array with named axes is easier to
# think about. The matrix is the same memory under another shape, `cols.reshape(6, 9)`.
#
# ## How is it written without looping over the windows?
#
# The first idea is a loop over windows: for each (oh, ow) copy KH · KW · C numbers. An image of 28
# by 28 has 676 windows, and Python is slow 676 times. Turn the idea round. Take one *place* in the
# window, say (0, 1): the number right of the corner. Which pixels stand there, over all windows?
# Those of the image without its first column, as far as the last window reaches: **one slice**.
# There are only KH · KW places, nine, whatever the size of the image.

# %%
by_place = plots.im2col_animation(x[0, :, :, 0], by="place")
by_place.still(2)

# %%
place = cols[:, :, :, 0, 1]  # what stands at i = 0, j = 1 of every window: (N, OH, OW, C)
assert np.array_equal(place, x[:, 0:2, 1:4])
assert (28 - 3 + 1) ** 2 == 676  # windows in an image of 28 by 28

# %% [markdown]
# With a stride of 2 the windows begin at every second pixel, and so the slice takes every second
# one: `x[:, i : i + OH * 2 : 2, ...]`. That is all. The function in the library (DH and DW spread a
# window out; with 1, the default, they do nothing):

# %%
show_source(conv, "im2col")

# %% [markdown]
# `i + OH * SH` is the end of the slice: it lets in OH numbers, SH apart, and leaves out what no
# window reaches. Try it with strides on numbers that name their own place:

# %%
named = np.array([[10 * h + w for w in range(6)] for h in range(5)], float)  # row h, column w: hw
strided = im2col(named[None, :, :, None], (2, 3), (2, 3))
plots.side_by_side(
    {"x: row and column": named, "cols: a window of 2 × 3 a row": strided.reshape(4, 6)},
    numbers=True,
)

# %% [markdown]
# The fifth row, 40 to 45, appears nowhere: a second step down leaves no room for a window two rows
# high.
#
# ## The whole convolution


# %%
def convolve(x, w, b, strides):
    """x (N, H, W, C), w (KH, KW, C, F), b (F,)  ->  y (N, OH, OW, F)."""
    KH, KW, C, F = w.shape
    cols = im2col(x, (KH, KW), strides)  # (N, OH, OW, KH, KW, C)
    N, OH, OW, *_ = cols.shape
    rows = cols.reshape(N * OH * OW, KH * KW * C)
    matrix = w.reshape(KH * KW * C, F)
    return (rows @ matrix + b).reshape(N, OH, OW, F)


rng = np.random.default_rng(7)
x3, w3, b3 = rng.normal(size=(2, 7, 9, 3)), rng.normal(size=(3, 2, 3, 4)), rng.normal(size=4)
y3 = convolve(x3, w3, b3, (2, 1))

n, oh, ow, f = 1, 2, 5, 3  # any number of the output, by the definition of chapter 1
by_hand = b3[f] + (x3[n, 2 * oh : 2 * oh + 3, ow : ow + 2] * w3[:, :, :, f]).sum()
print(y3.shape, y3[n, oh, ow, f], by_hand)
assert abs(y3[n, oh, ow, f] - by_hand) < 1e-12

theirs = reference.conv2d_forward(
    Context(reference), x3, w3, b3, (2, 1), ((0, 0), (0, 0)), (1, 1), 1
)
assert abs(y3 - theirs).max() < 1e-12

# %% [markdown]
# Notice what is *not* there: no transpose. The channel is the last axis of the image and the filter
# the last axis of the kernel, so that both reshapes only rename what lies in memory, and the
# product comes out in the order in which y is wanted. With channels first the same works image by
# image; a single product for the whole batch would need a transpose.
#
# Now you can read the library's version. It pads first, and can split channels into *groups* that
# do not meet; with one group the loop runs once. `ctx.save` keeps what the way back will need.

# %%
show_source(conv, "conv2d_forward")

# %% [markdown]
# ## What does it cost?
#
# Memory. Every pixel is copied once for each window it lies in: with a window of 3 by 3 and stride
# 1 about nine times.

# %%
batch = rng.normal(size=(128, 28, 28, 1)).astype(np.float32)
large = im2col(batch, (3, 3), (1, 1))
print(f"images {batch.nbytes / 1e6:.2f} MB, cols {large.nbytes / 1e6:.2f} MB")
print(f"{large.nbytes / batch.nbytes:.2f} times as much")
assert large.nbytes == 128 * 26 * 26 * 9 * 4
assert round(large.nbytes / batch.nbytes, 2) == 7.76  # 9 times 26 · 26 windows over 28 · 28 pixels

deep = (128, 13, 13, 32)  # what a second layer sees after 32 filters and pooling
print(f"second layer: {128 * 11 * 11 * 9 * 32 * 4 / 1e6:.0f} MB of windows")
assert im2col(np.zeros(deep, np.float32), (3, 3), (1, 1)).nbytes == 128 * 11 * 11 * 9 * 32 * 4

# %% [markdown]
# And what does it save? Time the ladder: the six loops, one NumPy sum for each window and filter,
# one matrix product. All three on one image and 32 filters, and all three with the same numbers.

# %%
image, w32, b32 = batch[:1].astype(float), rng.normal(size=(3, 3, 1, 32)), np.zeros(32)


def six_loops():
    y, X, K = np.empty((26, 26, 32)), image[0], w32
    for oh in range(26):
        for ow in range(26):
            for f in range(32):
                total = 0.0
                for i in range(3):
                    for j in range(3):
                        total += X[oh + i, ow + j, 0] * K[i, j, 0, f]
                y[oh, ow, f] = total
    return y


def sum_a_window():
    y = np.empty((26, 26, 32))
    for oh in range(26):
        for ow in range(26):
            for f in range(32):
                y[oh, ow, f] = (image[0, oh : oh + 3, ow : ow + 3] * w32[..., f]).sum()
    return y


def one_product():
    return convolve(image, w32, b32, (1, 1))[0]


assert abs(six_loops() - one_product()).max() < 1e-12
assert abs(sum_a_window() - one_product()).max() < 1e-12
ladder = {
    "six loops": seconds_of(six_loops, 1),
    "a sum for each window": seconds_of(sum_a_window, 1),
    "im2col, one product": seconds_of(one_product, 20),
}
for name, seconds in ladder.items():
    print(f"{name:22} {seconds * 1000:9.3f} ms")
assert ladder["six loops"] > 5 * ladder["im2col, one product"]


@styled
def bars(times, title):
    """Milliseconds on a logarithmic scale, the number beside each bar."""
    figure = Picture(figsize=(8, 2.6))
    axes = figure.add_subplot()
    names, values = list(times), [1000 * s for s in times.values()]
    axes.barh(names, values, color=BLUE)
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 3, max(values) * 8)
    for i, value in enumerate(values):
        axes.text(value * 1.2, i, f"{value:.3g} ms", va="center")
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds an image (each line is ten times the one before)")
    axes.grid(axis="x")
    axes.set_title(title)
    return figure


bars(ladder, "the same 194,688 multiplications")

# %% [markdown]
# On a machine with nothing else to do the matrix product wins by thousands. (The assert asks for a
# factor of five, as yours may be busy.) A NumPy call for each window is hardly faster than the
# loops: the call costs more than its nine products. **Give NumPy much to do in one call**, and its
# price vanishes.
#
# What runs inside is a *BLAS*, a library of matrix products that people have tuned for decades: it
# cuts the matrices into blocks that fit into the processor's caches, and multiplies eight or
# sixteen numbers at once. That is what the memory buys.
#
# Could we spare the copies? NumPy can show the windows as a *view*, an array that points into the
# image's own memory. It costs nothing, until a matrix is needed: `reshape` has to copy then, as no
# single step leads from each number of the row to the next.

# %%
view = np.lib.stride_tricks.sliding_window_view(batch, (3, 3), axis=(1, 2))
assert view.shape == (128, 26, 26, 1, 3, 3)
assert np.shares_memory(view, batch)
assert not np.shares_memory(view.reshape(-1, 9), batch)  # reshape copied after all
print("the view costs nothing, the matrix does")

# %% [markdown]
# So the copy is the price of the product. Fast backends pay it in small coins: they lay out a few
# windows, multiply while these are still in the cache, and go on. Chapter 11 shows that.
#
# ## Exercises
#
# ### 1. im2col
#
# `x` (N, H, W, C), `window` (KH, KW), `strides` (SH, SW). Return cols (N, OH, OW, KH, KW, C). Loop
# over windows first if you like; then try it with a loop over places. Stuck? `hint("im2col")`


# %%
def my_im2col(x, window, strides):
    pass  # your code here


check(my_im2col)

# %% [markdown]
# ### 2. The convolution as a product
#
# With your `im2col` or the library's: `x` (N, H, W, C), `w` (KH, KW, C, F), `b` (F,), `strides`.
# Return y (N, OH, OW, F). Stuck? `hint("matmul_convolve")`


# %%
def my_matmul_convolve(x, w, b, strides):
    pass  # your code here


check(my_matmul_convolve)

# %% [markdown]
# ### 3. What will it cost?
#
# Return the bytes that cols takes, without making it: from `x_shape` (N, H, W, C), `window`,
# `strides`, and `itemsize`, the bytes of one number (4 for float32). Then compute it for 128 colour
# photographs of 224 by 224 pixels and a window of 7 by 7 with stride 2, the first layer of a
# well-known network. Stuck? `hint("cols_bytes")`


# %%
def my_cols_bytes(x_shape, window, strides, itemsize):
    pass  # your code here


check(my_cols_bytes)

# %% [markdown]
# Solutions: [solutions/02_im2col.py](../solutions/02_im2col.py)
#
# ## What to take along
#
# * One window a row, one filter a column: a convolution is a matrix product.
# * im2col copies place by place: KH · KW slices with steps, no loop over pixels.
# * It costs about KH · KW times the memory of the image, and is still far faster than loops.
# * With channels last nothing has to be transposed.
#
# ## Where this comes from
#
# * K. Chellapilla, S. Puri and P. Simard, *High performance convolutional neural networks for
#   document processing*, Workshop on Frontiers in Handwriting Recognition (2006): convolution
#   unrolled into a matrix product.
# * S. Chetlur and others, *cuDNN: Efficient primitives for deep learning* (2014),
#   [arXiv:1410.0759](https://arxiv.org/abs/1410.0759): windows laid out in small pieces, on a GPU.
# * K. Goto and R. van de Geijn, *Anatomy of high-performance matrix multiplication*, ACM
#   Transactions on Mathematical Software 34 (2008): what a BLAS does inside.
#
# Next: [3. The way back](03_the_way_back.ipynb)
