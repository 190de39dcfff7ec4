# %% [markdown]
# # 3. The way back
#
# A network learns by asking, of every number in it: if this one were a little larger, would the
# mistake grow or shrink, and how fast? The answers are called gradients. They are found by walking
# through the network backwards, layer by layer. In this chapter you walk back through a convolution
# and derive its three gradients, by hand and with pictures. At the end a filter learns to find
# edges.
#
# **What you will be able to do**
#
# * say what dy, dx, dw and db mean, and derive the last three from the first;
# * write col2im, the way back of im2col, and say why it adds;
# * say what an adjoint is, and test for it with random numbers;
# * read the backward pass of minicnn's convolution line by line.
#
# **Before**: chapters 1 and 2. You should know what the slope of a function is; no more calculus is
# needed.
#
# **Time**: 20 minutes to read, 10 seconds to run.

# %%
import sys

if "google.colab" in sys.modules:  # on Colab the package has to be installed first
    import subprocess

    where = "git+https://github.com/YOUR-NAME/minicnn"  # the address of this repository
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", where], check=True)

# %%
import numpy as np

from minicnn import config, plots
from minicnn.backends import reference
from minicnn.backends.reference import col2im, conv, im2col
from minicnn.datasets import rendered_digits
from minicnn.backends.context import Context
from minicnn.exercises import check, hint, show_source

config.set_backend("numpy")  # the textbook: what you read is what runs

# %% [markdown]
# ## What is a gradient?
#
# Training needs one number that says how bad the network's answers are: the *loss* L. Chapter 5
# chooses a good one. For now it is any number that is computed from the output y.
#
# The *gradient* of the loss with respect to an array has the array's shape, and says for each of
# its numbers how much the loss changes when that number grows a little: change of L = gradient
# times change of the number. In this course **dy is the gradient of the loss with respect to y**;
# likewise dx, dw, db. The name is short for $\partial L / \partial y$.
#
# Walking back, a layer is handed dy by the layer behind it: the *upstream gradient*. From it the
# layer computes dw and db, which say how to change its weights, and dx, which is the upstream
# gradient of the layer before it.
#
# ## One window
#
# Begin with a single window, one filter, and so one output: $y = b + x_1 w_1 + x_2 w_2 + \dots$ If
# $w_1$ grows by a small h, y grows by $x_1 h$, and L by dy times that. So
#
# $$dw_k = x_k \, dy \qquad dx_k = w_k \, dy \qquad db = dy$$
#
# Each number's gradient is **what it was multiplied by, times dy**. Try it: nudge a weight, look at
# y.

# %%
window = np.array([2.0, -1, 3])  # three pixels
weights, bias = np.array([0.5, 4, -2]), 1.0
y = bias + window @ weights

h = 1e-6
nudged = weights + np.array([0, h, 0])
slope = (bias + window @ nudged - y) / h
print("slope of y along weights[1]:", slope.round(6), " and the pixel there:", window[1])
assert abs(slope - window[1]) < 1e-6

# %% [markdown]
# ## Many windows share their weights
#
# A filter meets every window. When $w_1$ grows, *all* outputs change, each by its own pixel, and
# the loss changes by the sum of all these changes. This is the only rule that you need to walk back
# through anything: **follow every path from the number to the loss, and add up what the paths
# say**. (Along one path, multiply. The two together are the chain rule.)
#
# In chapter 2 a convolution was `rows @ matrix + b`: a window a row, a filter a column. Write R for
# rows, M for matrix, r for a window, k for a place in it:
#
# $$y[r, f] = b[f] + \sum_k R[r, k] \, M[k, f]$$
#
# M[k, f] has a path through every window r, and is multiplied by R[r, k] there. Add up:
# $dM[k, f] = \sum_r R[r, k] \, dy[r, f]$. That is a matrix product again, with R turned on its
# side. R[r, k] has a path through every filter. b[f] has a path through every window, and is
# multiplied by 1:
#
# | gradient | formula | shapes |
# |---|---|---|
# | dM | R.T @ dy | (KH KW C, windows) @ (windows, F) |
# | dR | dy @ M.T | (windows, F) @ (F, KH KW C) |
# | db | sum of dy over its rows | (F,) |
#
# You need not learn these by heart. dM has to have the shape of M, and there is one way only to
# make it from R and dy.

# %%
rng = np.random.default_rng(7)
R, M, b = rng.normal(size=(6, 9)), rng.normal(size=(9, 2)), rng.normal(size=2)
dy = rng.normal(size=(6, 2))  # as if a layer behind had handed it to us


def loss(R, M, b):
    """A loss whose gradient with respect to y is dy, whatever y is."""
    return ((R @ M + b) * dy).sum()


dM, dR, db = R.T @ dy, dy @ M.T, dy.sum(axis=0)
assert (dM.shape, dR.shape, db.shape) == (M.shape, R.shape, b.shape)

step = np.zeros_like(M)
step[4, 1] = h
slope = (loss(R, M + step, b) - loss(R, M - step, b)) / (2 * h)  # a step to either side: chapter 6
print("dM[4, 1]:", dM[4, 1], " slope:", slope)
assert abs(dM[4, 1] - slope) < 1e-8

# %% [markdown]
# The loss in this cell is a trick worth keeping: the sum of y times a fixed random dy. Its gradient
# with respect to y is that dy, and so any layer can be tested alone, without a network behind it.
#
# ## From windows back to pixels
#
# dR in the shape (N, OH, OW, KH, KW, C) is `dcols`: for each window, the gradient of each of its
# numbers. But a window's numbers are copies. The pixel 8 of chapter 2 was copied into six windows;
# it has six paths to the loss, and six gradients come back to it. They add up.
#
# **The way back of a copy is a sum.** So walk through im2col's loop again, and wherever it copied
# out of the image, add into it. This is *col2im*.

# %%
movie = plots.col2im_animation()
movie.still(3)

# %% [markdown]
# Each cell of the window shows what was there and what is added. The row comes from the third
# window, and goes back to where im2col took it. (In Jupyter, play it.)

# %%
movie

# %% [markdown]
# The two functions side by side in the library. Look at the last line of each: the same slice, on
# the other side, and `+=` in place of `=`.

# %%
show_source(conv, "im2col")

# %%
show_source(conv, "col2im")

# %% [markdown]
# What if every window sends back ones? Then each pixel gets the number of windows that it lies in:
# few in the corners, most in the middle. With a stride there are patterns, and with a remainder
# there are pixels that get nothing.


# %%
def counts(size, window, stride):
    """In how many windows each pixel lies."""
    x = np.ones((1, *size, 1))
    return col2im(im2col(x, window, stride), x.shape, stride)[0, :, :, 0]


plots.side_by_side(
    {
        "3 × 3, stride 1": counts((6, 6), (3, 3), (1, 1)),
        "3 × 3, stride 2": counts((6, 6), (3, 3), (2, 2)),
        "2 × 2, stride 2": counts((6, 6), (2, 2), (2, 2)),
    },
    numbers=True,
)

# %%
assert counts((6, 6), (3, 3), (1, 1))[0, 0] == 1  # a corner
assert counts((6, 6), (3, 3), (1, 1)).max() == 9  # the middle: KH · KW
assert counts((6, 6), (3, 3), (2, 2))[5].sum() == 0  # the last row: no window reaches it
assert (counts((6, 6), (2, 2), (2, 2)) == 1).all()  # side by side: im2col only rearranges

# %% [markdown]
# ## What is an adjoint?
#
# im2col is *linear*: twice the image gives twice the windows, and the windows of a sum are the sum
# of the windows. Every linear function is a matrix A, if you write the image as one long column:
# cols = A x. Each row of A holds a single 1, for the pixel that this entry of cols is a copy of.
#
# Now take any loss with the gradient dcols. It changes by dcols · (A dx'), where dx' is a small
# change of the image, and that is $(A^T\, dcols) \cdot dx'$. So the gradient is $A^T$ dcols: **the
# way back through a linear function is its transpose**. For functions, the transpose is called the
# *adjoint*: col2im is the adjoint of im2col. Below both are asked for their matrices, one unit
# vector at a time.

# %%
shape, window, stride = (1, 3, 4, 1), (2, 2), (1, 1)  # 12 pixels, 6 windows of 4
A = np.stack([im2col(e.reshape(shape), window, stride).ravel() for e in np.eye(12)], axis=1)
B = np.stack(
    [col2im(e.reshape(1, 2, 3, 2, 2, 1), shape, stride).ravel() for e in np.eye(24)], axis=1
)
print(A.shape, B.shape, "B is A.T:", np.array_equal(B, A.T))
assert np.array_equal(B, A.T)
assert (A.sum(axis=1) == 1).all()  # im2col: each entry is a copy of one pixel
assert A.sum(axis=0).tolist() == [1, 2, 2, 1, 2, 4, 4, 2, 1, 2, 2, 1]  # col2im adds so many

plots.side_by_side({"A: im2col": A, "its transpose: col2im": B})

# %% [markdown]
# (White is 1, black is 0.) Nobody would build these matrices for a real image; they would be nearly
# empty and enormous. But there is a test for adjoints that needs none of them. For any x and any c,
#
# $$\langle \text{im2col}(x),\, c \rangle = \langle x,\, \text{col2im}(c) \rangle$$
#
# where the brackets mean: multiply entry by entry and sum. Draw x and c at random; if the two sides
# agree to the last digits, col2im is the adjoint of im2col, for strides, channels and batches
# alike.

# %%
x = rng.normal(size=(2, 7, 9, 3))
cols = im2col(x, (3, 2), (2, 1))
c = rng.normal(size=cols.shape)
left, right = (cols * c).sum(), (x * col2im(c, x.shape, (2, 1))).sum()
print(left, right)
assert abs(left - right) < 1e-9

# %% [markdown]
# ## The library's backward pass
#
# Everything is there now: dw from the rows that forward kept (`ctx.cols`), db by a sum, dcols by a
# product, dx by col2im, and at last the padding is cut off, since nobody asked for the gradient of
# zeros. `dw[...] =` fills an array that the layer owns. The first layer of a network needs no dx,
# as nobody changes the image; then `ctx.need_dx` is False and the work is saved.

# %%
show_source(conv, "conv2d_backward")


# %%
def forward(x, w, b):
    """The context and the output of a convolution with padding 1 and stride 2."""
    ctx = Context(reference)
    y = reference.conv2d_forward(ctx, x, w, b, (2, 2), ((1, 1), (1, 1)), (1, 1), 1)
    return ctx, y


x, w, b = rng.normal(size=(2, 6, 7, 3)), rng.normal(size=(3, 3, 3, 4)), rng.normal(size=4)
ctx, y = forward(x, w, b)
dy = rng.normal(size=y.shape)
dw, db = np.empty_like(w), np.empty_like(b)
dx = reference.conv2d_backward(ctx, dy, w, dw, db)

step = np.zeros_like(x)
step[1, 2, 3, 0] = h
slope = ((forward(x + step, w, b)[1] - forward(x - step, w, b)[1]) * dy).sum() / (2 * h)
print("dx[1, 2, 3, 0]:", dx[1, 2, 3, 0], " slope:", slope)
assert abs(dx[1, 2, 3, 0] - slope) < 1e-7
assert np.allclose(db, dy.sum(axis=(0, 1, 2)))

# %% [markdown]
# ## Two gradients that are convolutions themselves
#
# For one channel, one filter and stride 1 the sums can be read in another way.
# $dw[i, j] = \sum x[oh + i, ow + j]\, dy[oh, ow]$: slide dy over x like a kernel. **dw is a
# convolution of x with dy.** And each dy sends back a copy of the kernel, scaled; a pixel collects,
# from the windows around it, the weights in reverse order. **dx is a convolution of dy, padded by
# KH - 1, with the kernel turned by 180 degrees.**


# %%
def slide(x, kernel):
    """The feature map (OH, OW) of an image (H, W) under one kernel (KH, KW)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape)  # (OH, OW, KH, KW)
    return (windows * kernel).sum(axis=(2, 3))


image, kernel = rng.normal(size=(6, 7)), rng.normal(size=(3, 3))
ctx = Context(reference)
y = reference.conv2d_forward(
    ctx,
    image[None, :, :, None],
    kernel[:, :, None, None],
    None,
    (1, 1),
    ((0, 0), (0, 0)),
    (1, 1),
    1,
)  # (1, 4, 5, 1)
dy, dw = rng.normal(size=y.shape), np.empty((3, 3, 1, 1))
dx = reference.conv2d_backward(ctx, dy, kernel[:, :, None, None], dw, None)

assert np.allclose(dw[:, :, 0, 0], slide(image, dy[0, :, :, 0]))
assert np.allclose(dx[0, :, :, 0], slide(np.pad(dy[0, :, :, 0], 2), kernel[::-1, ::-1]))
print("both hold")

# %% [markdown]
# ## See a gradient work
#
# Now let a filter learn. The image is a seven. The target is its map of vertical edges, made with
# the kernel of chapter 1, which the filter is not told. It starts with random numbers, and knows
# only the loss: the mean of (y - target)². Its gradient is dy = 2 (y - target) / (numbers in y).
# Then repeat: forward, backward, and a small step *against* the gradient, as the gradient points to
# where the loss grows.

# %%
(images, labels), _ = rendered_digits.load_data(40, 1)
seven = images[28][None, :, :, None] / 255  # (1, 28, 28, 1)
edges = np.array([[-1.0, 0, 1]] * 3)
target = slide(seven[0, :, :, 0], edges)[None, :, :, None]  # (1, 26, 26, 1)

w = rng.normal(size=(3, 3, 1, 1))
b, dw, db = np.zeros(1), np.empty((3, 3, 1, 1)), np.empty(1)
snapshots, losses = {}, []
for step in range(1001):
    ctx = Context(reference)
    y = reference.conv2d_forward(ctx, seven, w, b, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    losses.append(((y - target) ** 2).mean())
    dy = 2 * (y - target) / y.size
    reference.conv2d_backward(ctx, dy, w, dw, db)
    if step in (0, 20, 200, 1000):
        snapshots[f"step {step}"] = w[:, :, 0, 0].copy()
    w -= 0.5 * dw  # 0.5 is the learning rate: chapter 7
    b -= 0.5 * db
print(f"loss at first {losses[0]:.3f}, at last {losses[-1]:.2e}")
print(w[:, :, 0, 0].round(2))
assert losses[-1] < 1e-5 * losses[0]
assert abs(w[:, :, 0, 0] - edges).max() < 0.1

plots.side_by_side(snapshots, numbers=True, title="The kernel while it learns")

# %%
plots.compare_histories(
    {"mean of (y - target)²": losses},
    log=True,
    xlabel="step",
    title="A thousand steps against the gradient",
)

# %% [markdown]
# The filter has found the edge detector from an image and a loss alone. (Set the learning rate to 1
# and run the cell again: the steps are too long then, and the loss explodes. Chapter 7 says where
# the limit lies.) A whole network does the same with many thousand numbers. Only the loss is
# another one, and the steps are chosen with more care.
#
# ## What does it cost?
#
# Forward is one matrix product; backward is two of the same size, dM and dR. So the way back takes
# about twice the arithmetic of the way there, here as in every framework. And it needs what forward
# saw, here cols: this is why training takes so much more memory than predicting.
#
# ## Exercises
#
# ### 1. In how many windows?
#
# `size` (H, W), `window` (KH, KW), `strides` (SH, SW). Return a float array (H, W): for each pixel,
# the number of windows that it lies in, without padding. Stuck? `hint("overlap")`


# %%
def my_overlap(size, window, strides):
    pass  # your code here


check(my_overlap)

# %% [markdown]
# ### 2. col2im
#
# `dcols` (N, OH, OW, KH, KW, C), `x_shape` (N, H, W, C), `strides`. Return dx of shape `x_shape`.
# The check ends with the test for adjoints. Stuck? `hint("col2im")`


# %%
def my_col2im(dcols, x_shape, strides):
    pass  # your code here


check(my_col2im)

# %% [markdown]
# ### 3. The backward pass
#
# `x` (N, H, W, C), `w` (KH, KW, C, F), `dy` (N, OH, OW, F), `strides`, no padding. Return (dx, dw,
# db). Use your own functions or the library's im2col and col2im. Stuck? `hint("conv_backward")`


# %%
def my_conv_backward(x, w, dy, strides):
    pass  # your code here


check(my_conv_backward)

# %% [markdown]
# Solutions: [solutions/03_the_way_back.py](../solutions/03_the_way_back.py)
#
# ## What to take along
#
# * A gradient has the shape of its array, and says how the loss changes with each number.
# * Along a path multiply, over paths add.
# * y = R M + b gives dM = Rᵀ dy, dR = dy Mᵀ, db = the sum of dy. The shapes leave no choice.
# * The way back of a copy is a sum: col2im is im2col with `+=`, its adjoint.
# * ⟨im2col(x), c⟩ = ⟨x, col2im(c)⟩ for random x and c tests the pair at one stroke.
#
# ## Where this comes from
#
# * D. Rumelhart, G. Hinton and R. Williams, *Learning representations by back-propagating errors*,
#   Nature 323 (1986).
# * Y. LeCun and others, *Backpropagation applied to handwritten zip code recognition*, Neural
#   Computation 1 (1989): gradients through shared weights.
# * V. Dumoulin and F. Visin, *A guide to convolution arithmetic for deep learning* (2016),
#   [arXiv:1603.07285](https://arxiv.org/abs/1603.07285), chapter 4: the transposed convolution,
#   which is dx.
# * A. Griewank and A. Walther, *Evaluating Derivatives* (2nd edition, 2008), chapter 3: the same
#   walk through any program.
#
# Next: [4. ReLU and max-pooling](04_relu_and_pooling.ipynb)
