# %% [markdown]
# # 1. A convolution by hand
#
# A convolutional network looks at an image through a small window. It slides the window over the
# image and makes one number of what it sees at each stop. In this chapter you compute these numbers
# yourself, one at a time, until six loops do the whole job. Everything later in the course is about
# doing this fast, and about finding out which numbers to multiply by.
#
# Would you like to see the whole before its parts? `minicnn/textbook.py` trains a network on MNIST
# in 150 lines of plain NumPy calls, and `python -m minicnn.textbook` runs it in about a minute. The
# first seven chapters explain it, operation by operation.
#
# **What you will be able to do**
#
# * compute any number that a convolution gives, with a pencil if need be;
# * say how large its output is, for every window, padding and stride;
# * tell channels, filters and feature maps apart, and read the shapes of their arrays;
# * write a convolution as loops, and check it against the library's.
#
# **Before**: Python, and a little NumPy (arrays, shapes, slices). No mathematics beyond sums.
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
from minicnn.datasets import rendered_digits
from minicnn.backends.context import Context
from minicnn.engine.geometry import output_size, pads_for
from minicnn.exercises import check, hint, show_source

config.set_backend("numpy")  # the textbook: what you read is what runs

# %% [markdown]
# ## What is an image to a program?
#
# A table of numbers. The digits of this chapter are drawn by minicnn itself, so that you need no
# download: `rendered_digits`, in the shapes of the well-known data set MNIST. Each image has 28
# rows of 28 numbers from 0 (black) to 255 (white). We divide by 255, because networks learn best
# from numbers around 1.

# %%
(images, labels), _ = rendered_digits.load_data(40, 1)
image = images[28] / 255  # (28, 28)
print(image.shape, image.min(), image.max(), "label", labels[28])
assert image.shape == (28, 28)
assert labels[28] == 7

corner = image[4:14, 13:23].round(1)  # (10, 10): rows 4 to 13, columns 13 to 22
plots.side_by_side({"a seven": image, "its corner": corner})

# %%
plots.side_by_side({"the corner as the program sees it": corner}, numbers=True)

# %% [markdown]
# ## How does a window become one number?
#
# Take a *window*: a small rectangle of the image, here 3 by 3. Take a table of the same size with
# numbers of your choice, the *kernel*. Multiply each number of the window by the number at the same
# place of the kernel, and add up the products. That sum is the answer to one question: how much
# does this window look like the kernel? (A window twice as bright answers twice as much.)

# %%
# fmt: off
x = np.array([[0, 0, 1, 1, 1],
              [0, 0, 1, 1, 1],
              [0, 0, 1, 1, 1],
              [0, 0, 0, 0, 0]], float)  # (4, 5): dark on the left and below, bright on the right
kernel = np.array([[-1, 0, 1],
                   [-1, 0, 1],
                   [-1, 0, 1]], float)  # (3, 3): right column minus left column
# fmt: on

window = x[0:3, 1:4]  # (3, 3), begins at row 0, column 1
products = window * kernel
print(products.sum())
assert products.sum() == 3

plots.convolution_window(x, kernel, row=0, column=1)

# %% [markdown]
# The kernel counts the right column as plus and the left column as minus. On this window, whose
# left column is dark and whose right column is bright, it answers 3: the largest answer it can give
# to numbers from 0 to 1. On a window of one brightness the pluses and minuses cancel, and the
# answer is 0. So this kernel finds *vertical edges*, places where the image gets brighter from left
# to right.
#
# ## What happens when the window moves?
#
# Slide the window one column to the right and compute the sum again; at the end of the row go down
# one row. The sums, laid out as the windows lie in the image, make a new image: the *feature map*.
# In this course x is what goes in, y what comes out, H and W are the height and width of x, KH and
# KW those of the window, OH and OW those of y.

# %%
H, W = x.shape
KH, KW = kernel.shape
OH, OW = H - KH + 1, W - KW + 1  # how often the window fits below and beside itself
y = np.empty((OH, OW))
for oh in range(OH):
    for ow in range(OW):
        y[oh, ow] = (x[oh : oh + KH, ow : ow + KW] * kernel).sum()

print(y)
assert y.tolist() == [[3, 3, 0], [2, 2, 0]]

plots.side_by_side({"x": x, "kernel": kernel, "y, the feature map": y}, numbers=True)

# %% [markdown]
# Check one of them by hand: y[1, 0] belongs to the window that begins at row 1, column 0. Its left
# column is 0, 0, 0 and its right column 1, 1, 0: the answer is 2.
#
# Now the same loops on the seven, with two kernels. The second one is the first one turned: bottom
# row minus top row.


# %%
def slide(x, kernel):
    """The feature map (OH, OW) of an image (H, W) under one kernel (KH, KW)."""
    KH, KW = kernel.shape
    OH, OW = x.shape[0] - KH + 1, x.shape[1] - KW + 1
    y = np.empty((OH, OW))
    for oh in range(OH):
        for ow in range(OW):
            y[oh, ow] = (x[oh : oh + KH, ow : ow + KW] * kernel).sum()
    return y


vertical, horizontal = slide(image, kernel), slide(image, kernel.T)
assert vertical.shape == (26, 26)
plots.side_by_side({"x": image, "vertical edges": vertical, "horizontal edges": horizontal})

# %% [markdown]
# Red: brighter to the right (or below). Blue: darker. White: no change. The bar of the seven shows
# under the second kernel only, but for its ends; the slanting leg shows under both. Kernels like
# these were once designed by hand. The idea of a convolutional network is to *learn* the nine
# numbers, and you will watch it do so in chapter 3.
#
# The operation carries a small lie in its name. What mathematicians call convolution first turns
# the kernel by 180 degrees; without the turn it is *cross-correlation*. Nearly every deep-learning
# library computes the latter and calls it convolution, minicnn too. As the kernel is learned,
# nothing is lost: it is learned turned.

# %%
signal, weights = np.array([1.0, 2, 4, 8]), np.array([1.0, 10])
ours = np.array([(signal[i : i + 2] * weights).sum() for i in range(3)])
assert np.array_equal(ours, np.correlate(signal, weights, "valid"))
assert np.array_equal(ours, np.convolve(signal, weights[::-1], "valid"))
print(ours, "but with a turned kernel", np.convolve(signal, weights, "valid"))

# %% [markdown]
# ## Why does the output shrink, and how do I keep its size?
#
# A window of 3 fits into 28 columns 26 times, because its left edge may stand at columns 0 to 25.
# To get 28 numbers out, put a frame of zeros around the image: *padding*. One line of zeros on
# every side makes it 30 wide, and 30 - 3 + 1 = 28. Keras, and minicnn after it, calls padding that
# keeps the size "same", and none at all "valid".

# %%
before, after = pads_for(size=28, window=3, stride=1, padding="same")
print("a window of 3 needs", before, "line before and", after, "after")
assert (before, after) == (1, 1)
assert output_size(28, 3, 1, (1, 1)) == 28
assert pads_for(28, 2, 1, "same") == (0, 1)  # an even window: the odd line goes after

plots.convolution_window(x, kernel, row=0, column=0, padding="same")

# %% [markdown]
# The grey zeros are padding. A kernel sees them as dark pixels, so that a bright image gets edges
# at its border which are not in the picture: the price of keeping the size.
#
# An even window needs an odd number of lines in all. Keras puts the extra one after, at the bottom
# or the right; others put it before (the exchange format ONNX has a name for each). When two
# programs disagree at the border only, look here first.
#
# ## What if the window takes larger steps?
#
# The distance from one window to the next is the *stride*. With stride 2 every second answer is
# left out, in both directions, and the map has about a quarter of the numbers. Together, along one
# axis:
#
# $$OH = \left\lfloor \frac{H + \text{top} + \text{bottom} - KH}{SH} \right\rfloor + 1$$
#
# Read it as a walk: H + top + bottom - KH is the room in front of the window after its first stop;
# the floor says how many steps of SH go into it; the 1 is the first stop itself. A rest that is too
# short for a step is left over, and the pixels there may never be seen.

# %%
print("size window stride padding -> output")
for size, window_size, stride, pads in (
    (28, 3, 1, (0, 0)),
    (28, 3, 1, (1, 1)),
    (28, 3, 2, (0, 0)),
    (28, 2, 2, (0, 0)),
    (5, 3, 3, (0, 0)),
):
    out = output_size(size, window_size, stride, pads)
    print(f"{size:4} {window_size:6} {stride:6} {pads!s:>7} -> {out}")
    assert out == (size + sum(pads) - window_size) // stride + 1
assert output_size(28, 3, 2, (0, 0)) == 13  # 25 columns of room: 12 steps of 2, and the first stop

# %% [markdown]
# ## What about colour?
#
# A colour image has three numbers a pixel, red, green and blue. Each is a *channel*: the image is
# an array (H, W, C) with C = 3. The window now has depth as well, and so has the kernel: (KH, KW,
# C). Multiply and add over all three axes. **The channels are summed: one window still gives one
# number.** Below, two channels to keep the picture small.

# %%
x2 = np.stack([x, 1 - x], axis=-1)  # (4, 5, 2): the second channel is the negative of the first
kernel2 = np.stack([kernel, -kernel], axis=-1)  # (3, 3, 2)
answer = (x2[0:3, 1:4] * kernel2).sum()
print(answer)
assert answer == 6  # 3 from each channel

plots.convolution_window(x2, kernel2, row=0, column=1)

# %% [markdown]
# ## Why does a layer have many filters?
#
# One kernel asks one question. A layer asks many at once: 32 tables of numbers over the same
# windows. Each is a *filter* and gives a feature map of its own; the maps are stacked as the
# channels of the output. So *the* kernel of a layer holds all its filters, and its shape is **(KH,
# KW, C, F)**: height, width, channels in, filters out. Each filter also has one number that is
# added to all its answers, its *bias* b, of shape (F,). It says how easily the filter is pleased.
#
# Last, images come in a *batch* of N. All shapes at one glance:
#
# | array | shape | on MNIST, 32 filters of 3 by 3 |
# |---|---|---|
# | x, images | (N, H, W, C) | (N, 28, 28, 1) |
# | w, the kernel | (KH, KW, C, F) | (3, 3, 1, 32) |
# | b, the biases | (F,) | (32,) |
# | y, feature maps | (N, OH, OW, F) | (N, 26, 26, 32) |
#
# A single grey image of shape (28, 28) lacks two axes: `image[None, :, :, None]` adds the batch in
# front and the channel behind. Forgetting them is the most common mistake of all.
#
# ## The six loops
#
# Written out, a number of the output is
#
# $$y[n, oh, ow, f] = b[f] + \sum_{i, j, c} x[n,\; oh \cdot SH + i,\; ow \cdot SW + j,\; c]
# \; w[i, j, c, f]$$
#
# For one image these are six loops: three choose the output (oh, ow, f), three run over the window
# (i, j, c). The batch adds a seventh around them.


# %%
def convolve_one(x, w, b, strides):
    """One image (H, W, C) with w (KH, KW, C, F) and b (F,)  ->  y (OH, OW, F). Six loops."""
    H, W, C = x.shape
    KH, KW, _, F = w.shape
    SH, SW = strides
    OH, OW = (H - KH) // SH + 1, (W - KW) // SW + 1
    y = np.empty((OH, OW, F))
    for oh in range(OH):
        for ow in range(OW):
            for f in range(F):
                total = b[f]
                for i in range(KH):
                    for j in range(KW):
                        for c in range(C):
                            total += x[oh * SH + i, ow * SW + j, c] * w[i, j, c, f]
                y[oh, ow, f] = total
    return y


# %% [markdown]
# Is it right? minicnn has the same operation in its *reference backend*: a set of plain NumPy
# functions, meant to be read. Give both the same random numbers, with all sizes different, so that
# no exchanged axis can hide. (`Context` is a bag in which the forward pass leaves what the backward
# pass will need; chapter 3 opens it.)

# %%
rng = np.random.default_rng(7)
x3 = rng.normal(size=(2, 7, 9, 3))  # (N, H, W, C)
w3 = rng.normal(size=(3, 2, 3, 4))  # (KH, KW, C, F)
b3 = rng.normal(size=4)  # (F,)
no_padding, no_dilation, one_group = ((0, 0), (0, 0)), (1, 1), 1

ours = np.stack([convolve_one(one, w3, b3, (2, 1)) for one in x3])  # the seventh loop
theirs = reference.conv2d_forward(
    Context(reference), x3, w3, b3, (2, 1), no_padding, no_dilation, one_group
)
print(ours.shape, "largest difference", abs(ours - theirs).max())
assert ours.shape == theirs.shape == (2, 3, 8, 4)
assert abs(ours - theirs).max() < 1e-12

# %% [markdown]
# ## What does it cost?
#
# One multiplication for every turn of the innermost loop: OH · OW · F · KH · KW · C. For one MNIST
# image and 32 filters of 3 by 3 that is 26 · 26 · 32 · 9 = 194,688. Python's loops take their time:

# %%
w32, b32 = rng.normal(size=(3, 3, 1, 32)), np.zeros(32)
multiplications = 26 * 26 * 32 * 3 * 3 * 1
assert multiplications == 194_688

begin = time.perf_counter()
maps = convolve_one(image[:, :, None], w32, b32, (1, 1))
seconds = time.perf_counter() - begin
print(f"{seconds * 1000:.0f} ms for one image, {seconds * 60_000 / 3600:.1f} hours for 60,000")
assert maps.shape == (26, 26, 32)
assert seconds > 0.005

# %% [markdown]
# That is for looking once at MNIST's 60,000 images, with one layer, without learning anything.
# Chapter 2 does the same arithmetic in one matrix product, and chapter 11 faster still.
#
# In the library nobody calls the loops by hand. A *layer* holds the kernel and the bias, creates
# them when it first sees an image, and calls `conv2d_forward`. Its whole forward pass:

# %%
from minicnn.layers import Conv2D

show_source(Conv2D, "forward")

# %%
layer = Conv2D(32, (3, 3))
maps = layer(image[None, :, :, None])  # (N, H, W, C) in, (N, OH, OW, F) out
print(maps.shape, layer.kernel.shape, layer.bias.shape)
assert maps.shape == (1, 26, 26, 32)
assert layer.kernel.shape == (3, 3, 1, 32)
assert layer.count_params() == 3 * 3 * 1 * 32 + 32 == 320

# %% [markdown]
# 320 numbers to learn, however large the image is: every window meets the same filters. A seven is
# found in the left corner by the weights that found it in the right one.
#
# ## Exercises
#
# Each is a function to write. `check` calls it with small arrays and tells which property holds,
# which does not, and where. It needs no network. `hint` gives a nudge; `hint(name, 2)` and
# `hint(name, 3)` say more.
#
# ### 1. How many windows fit?
#
# Along one axis: `size` pixels, `before` and `after` lines of padding, a `window` and a `stride`.
# Return a whole number. Stuck? `hint("output_size")`


# %%
def my_output_size(size, window, stride, before, after):
    pass  # your code here


check(my_output_size)

# %% [markdown]
# ### 2. A convolution
#
# `x` (N, H, W, C), `w` (KH, KW, C, F), `b` (F,), `strides` (SH, SW), no padding. Return y (N, OH,
# OW, F). Try to write it without looking up. Loops are welcome, and so is NumPy's `sum` for the
# inner three. Stuck? `hint("convolve")`


# %%
def my_convolve(x, w, b, strides):
    pass  # your code here


check(my_convolve)

# %% [markdown]
# ### 3. Design a filter
#
# Return a float array (3, 3) that gives 0 on a window of one brightness and 0 on a horizontal edge,
# a positive number where the image gets brighter to the right, a negative one where it gets darker.
# It may differ from the one above. Stuck? `hint("vertical_edge")`


# %%
def my_vertical_edge():
    pass  # your code here


check(my_vertical_edge)

# %% [markdown]
# Solutions: [solutions/01_convolution_by_hand.py](../solutions/01_convolution_by_hand.py)
#
# ## What to take along
#
# * One window times one filter, summed over all channels, plus a bias: one number.
# * The same filter meets every window. That is why a layer has few weights.
# * Output size: the room in front of the window over the stride, rounded down, plus 1.
# * Images are (N, H, W, C), the kernel is (KH, KW, C, F), feature maps are (N, OH, OW, F).
# * What is called convolution here is cross-correlation.
#
# ## Where this comes from
#
# * V. Dumoulin and F. Visin, *A guide to convolution arithmetic for deep learning* (2016),
#   [arXiv:1603.07285](https://arxiv.org/abs/1603.07285): sizes, strides and padding with drawings.
# * Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, *Gradient-based learning applied to document
#   recognition*, Proceedings of the IEEE 86 (1998): convolutional networks that learn, on MNIST.
# * K. Fukushima, *Neocognitron*, Biological Cybernetics 36 (1980): layers of filters with shared
#   weights, before they were learned by gradients.
# * I. Goodfellow, Y. Bengio and A. Courville, *Deep Learning* (2016), chapter 9: why sharing
#   weights helps.
#
# Next: [2. im2col](02_im2col.ipynb)
