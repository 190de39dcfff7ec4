# %% [markdown]
# # 4. ReLU and max-pooling
#
# Between two convolutions stands a step so small that it seems to do nothing: negative numbers
# become 0. Then, often, a second one: of four neighbours only the largest is kept. Without the
# first a deep network would be no more than a shallow one; the second makes its images smaller.
# Both choose rather than compute, and that makes their way back interesting: the gradient goes
# where the choice fell.
#
# **What you will be able to do**
#
# * say why a network needs a bend between its layers;
# * walk back through ReLU and max-pooling, at kinks and ties too;
# * recognise a dead unit, and say why it stays dead;
# * follow one number of a pooled map back to the pixels that made it.
#
# **Before**: chapters 1 to 3.
#
# **Time**: 15 minutes to read, 5 seconds to run.

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
from minicnn.backends.reference import activations, pooling
from minicnn.datasets import rendered_digits
from minicnn.backends.context import Context
from minicnn.exercises import check, hint, show_source
from minicnn.drawing.style import BLUE, VERMILION, Picture, styled

config.set_backend("numpy")  # the textbook: what you read is what runs
rng = np.random.default_rng(7)

# %% [markdown]
# ## Why is a convolution not enough?
#
# A convolution is a matrix product, and so is the next one. But two matrix products in a row are
# one: (x A) B = x (A B). However many convolutions you stack, a single one, with a larger window,
# could do the same. (Padding aside. Biases change nothing about that: they add up to one bias.) To
# gain anything from depth, something must stand between them that no matrix can do.

# %%
x, A, B = rng.normal(size=(5, 6)), rng.normal(size=(6, 4)), rng.normal(size=(4, 3))
assert np.allclose((x @ A) @ B, x @ (A @ B))  # two layers, or one

bent = np.maximum(x @ A, 0) @ B  # a bend between them
print("largest difference a bend makes:", abs(bent - x @ (A @ B)).max().round(2))
assert abs(bent - x @ (A @ B)).max() > 0.5

# %% [markdown]
# ## ReLU
#
# The bend that nearly everyone uses is the *rectified linear unit*, ReLU: y = max(x, 0), entry by
# entry. What is positive stays as it is, everything else becomes 0. A function like this, applied
# to each number alone, is called an *activation*.


# %%
@styled
def curve(title, x, y, slope):
    """A function and its slope."""
    figure = Picture(figsize=(8, 3.2))
    for place, values, name, color in (
        (1, y, "y = max(x, 0)", BLUE),
        (2, slope, "its slope", VERMILION),
    ):
        axes = figure.add_subplot(1, 2, place)
        axes.plot(x, values, color=color)
        axes.set_title(name)
        axes.set_xlabel("x")
        axes.grid()
    figure.suptitle(title, x=0.01, ha="left", fontsize=16, fontweight="bold")
    return figure


line = np.linspace(-2, 2, 401)
slope = np.where(line == 0, np.nan, line > 0)  # at 0 there is none
curve("ReLU has a kink at 0", line, np.maximum(line, 0), slope)

# %% [markdown]
# On a feature map ReLU means: yes or nothing. Where the filter finds its pattern the answer stays;
# where it finds the opposite, which gave a negative number, there is silence. Here for the vertical
# edges of chapter 1:

# %%
(images, labels), _ = rendered_digits.load_data(40, 1)
seven = images[28][None, :, :, None] / 255  # (1, 28, 28, 1)
edges = np.array([[-1.0, 0, 1]] * 3)[:, :, None, None]  # (3, 3, 1, 1)
no_padding = ((0, 0), (0, 0))

conv_ctx, relu_ctx, pool_ctx = Context(reference), Context(reference), Context(reference)
z = reference.conv2d_forward(conv_ctx, seven, edges, None, (1, 1), no_padding, (1, 1), 1)
y = reference.relu_forward(relu_ctx, z, 0.0, None, 0.0)  # slope below 0, ceiling, threshold
p = reference.maxpool2d_forward(pool_ctx, y, (2, 2), (2, 2), no_padding)
print(z.shape, y.shape, p.shape)
assert (z.shape, y.shape, p.shape) == ((1, 26, 26, 1), (1, 26, 26, 1), (1, 13, 13, 1))
assert np.array_equal(y, np.maximum(z, 0))

plots.side_by_side(
    {"image": seven[0], "z: convolved": z[0], "y: after ReLU": y[0] / 3, "p: pooled": p[0] / 3}
)

# %% [markdown]
# (The last picture is the next section's.)
#
# ## The way back through ReLU
#
# The slope is 1 where x > 0 and 0 where x < 0, and so
#
# $$dx = dy \cdot [x > 0]$$
#
# where the brackets are 1 if what they hold is true. dy passes a gate that forward opened or shut.
# **The gate is set by x, never by dy**: a common mistake is to cut off negative *gradients*. (A
# negative gradient says that the loss falls when the number grows, which is good news and must get
# through.)

# %%
x = np.array([3.0, -2.0, 0.5, -0.5])
dy = np.array([-10.0, 20.0, 30.0, -40.0])
ctx = Context(reference)
reference.relu_forward(ctx, x, 0.0, None, 0.0)
dx = reference.relu_backward(ctx, dy)
print("x ", x, "\ndy", dy, "\ndx", dx)
assert dx.tolist() == [-10, 0, 30, 0]

# %%
show_source(activations, "relu_backward")

# %% [markdown]
# minicnn keeps the slope that forward took, because the same function also serves relatives of
# ReLU: `negative_slope` lets a little pass below 0 (*leaky* ReLU), `max_value` puts a ceiling on
# top.
#
# ## What is the slope at 0?
#
# There is none. To the right of 0 it is 1, to the left 0: the function has a *kink*. Every number
# between the two is called a *subgradient*, and any of them is a defensible answer. minicnn says 0,
# as Keras does. With measured numbers it hardly matters, since an exact 0 is rare; with a black
# background, whose zeros are exact, it is not rare at all. Chapter 6 comes back to this: a gradient
# check that does not know about kinks calls correct code wrong.

# %%
h = 1e-6
right, left = (max(h, 0) - 0) / h, (0 - max(-h, 0)) / h
both = (max(h, 0) - max(-h, 0)) / (2 * h)
print("from the right", right, " from the left", left, " a step to either side", both)
assert (right, left, both) == (1.0, 0.0, 0.5)

ctx = Context(reference)
reference.relu_forward(ctx, np.zeros(1), 0.0, None, 0.0)
assert reference.relu_backward(ctx, np.ones(1))[0] == 0  # minicnn's answer

# %% [markdown]
# ## Dead units
#
# A filter whose answer is negative for *every* window of *every* image passes no gradient. Then
# nothing tells its weights to change, and they stay as they are: the unit is *dead*, unless the
# layers before it happen to change what it sees. A learning step that was too large can kill a
# unit; so can a bias far below 0. The edge filter of chapter 1 answers 3 at most, so that a bias of
# -5 silences it for good:


# %%
def gradient_of_kernel(bias):
    """How often the edge filter answers with this bias, and its kernel's largest gradient."""
    w, b = edges, np.array([bias])
    conv_ctx, relu_ctx = Context(reference), Context(reference)
    z = reference.conv2d_forward(conv_ctx, seven, w, b, (1, 1), no_padding, (1, 1), 1)
    reference.relu_forward(relu_ctx, z, 0.0, None, 0.0)
    dz = reference.relu_backward(relu_ctx, np.random.default_rng(8).normal(size=z.shape))
    dw = np.empty_like(w)
    reference.conv2d_backward(conv_ctx, dz, w, dw, None)
    return (z > 0).mean(), abs(dw).max()


for bias in (0.0, -2.0, -5.0):
    active, largest = gradient_of_kernel(bias)
    print(f"bias {bias:6}: positive at {active:4.0%} of the places, largest gradient {largest:.2f}")
assert gradient_of_kernel(0.0)[1] > 1
assert gradient_of_kernel(-5.0) == (0, 0)  # dead: no place is positive, no gradient arrives

# %% [markdown]
# ## Max-pooling
#
# After a convolution the map says, for each pixel, how much of the pattern is there. One pixel more
# or less seldom matters; and four times fewer numbers are four times less work for the next layer.
# *Max-pooling* slides a window too, usually 2 by 2 with stride 2, so that the windows lie side by
# side, and keeps the largest number of each: its *winner*. Each channel is pooled alone. There is
# nothing to learn in it.

# %%
small = np.array(
    [[1, 3, 2, 0, 5, 5], [4, 2, 1, 7, 5, 1], [0, 0, 6, 2, 3, 8], [0, 0, 4, 9, 2, 2]], float
)  # (4, 6)
dy = np.array([[1.0, 2, 3], [4, 5, 6]])
plots.pooling_winners(small, dy=dy)

# %% [markdown]
# Forward, a winner's value is copied out. Backward, **the winner gets all of dy, the others
# nothing**: had one of them been a little larger, it would have lost all the same, and nothing
# would have changed.
#
# Two windows above have no single winner. Top right, three entries are 5; bottom left, all are 0.
# That is a *tie*, another kink: raise any one of the three and y rises, lower any one and the
# others hold it up. Many splits are subgradients. What must not happen is that *each* of the three
# gets dy, for then three times too much flows back. minicnn takes the first winner, row by row.

# %%
ctx = Context(reference)
y = reference.maxpool2d_forward(ctx, small[None, :, :, None], (2, 2), (2, 2), no_padding)
dx = reference.maxpool2d_backward(ctx, dy[None, :, :, None])
print(dx[0, :, :, 0])
assert dx[0, 0, 4, 0] == 3  # the first 5 of the top right window, and no other
assert dx[0, 0, 5, 0] == dx[0, 1, 4, 0] == 0
assert dx.sum() == dy.sum() == 21  # nothing is lost and nothing is added

black = (np.lib.stride_tricks.sliding_window_view(seven[0, :, :, 0], (2, 2))[::2, ::2] == 0).all(
    (2, 3)
)
print(f"windows of the seven that are black all over: {black.mean():.0%}")
assert black.mean() > 0.5  # ties are the rule in such images, not the exception

# %% [markdown]
# In the library a window is laid out by im2col again; the comparison with `inside` sees to it that
# padding never wins, not even against numbers below 0.

# %%
show_source(pooling, "maxpool2d_forward")

# %%
show_source(pooling, "maxpool2d_backward")

# %% [markdown]
# Where windows overlap, a pixel may win twice. It then has two paths to the loss, and col2im adds
# what comes back on them. Try 3 by 3 windows with stride 1:

# %%
peak = np.array([[0, 1, 0, 2], [1, 9, 1, 0], [0, 1, 0, 3], [2, 0, 1, 0]], float)
plots.pooling_winners(peak, pool_size=3, strides=1, dy=np.array([[1.0, 10], [100, 1000]]))

# %%
ctx = Context(reference)
reference.maxpool2d_forward(ctx, peak[None, :, :, None], (3, 3), (1, 1), no_padding)
dx = reference.maxpool2d_backward(ctx, np.array([[1.0, 10], [100, 1000]])[None, :, :, None])
assert dx[0, 1, 1, 0] == 1111  # the 9 wins in all four windows

# %% [markdown]
# ## Does pooling forgive a small shift?
#
# That is one reason that is given for it. Measure it: move the seven one pixel to the right, and
# compare how much the map changes before and after pooling, as a share of its size. Windows of 2
# cannot swallow every shift, but they should soften it.


# %%
def maps(image):
    """The edge map after ReLU, (26, 26), and pooled by windows of 2 and of 4."""
    z = reference.conv2d_forward(
        Context(reference), image, edges, None, (1, 1), no_padding, (1, 1), 1
    )
    y = np.maximum(z, 0)
    pooled = [
        reference.maxpool2d_forward(Context(reference), y, (k, k), (k, k), no_padding)
        for k in (2, 4)
    ]
    return [y, *pooled]


shifted = np.roll(seven, 1, axis=2)
changes = [
    np.linalg.norm(a - b) / np.linalg.norm(a)
    for a, b in zip(maps(seven), maps(shifted), strict=True)
]
print("change by a shift: map {:.2f}, pooled by 2 {:.2f}, pooled by 4 {:.2f}".format(*changes))
assert changes[0] > changes[1] > changes[2]

# %% [markdown]
# It does soften it, the more the larger the window. It does not remove it: a network learns most of
# its patience from examples.
#
# ## The whole chain, backwards
#
# Now ask one number of the pooled map above: which pixels made you? Set its dy to 1, all others to
# 0, and walk back: pooling hands the 1 to its winner, ReLU lets it through where the gate was open,
# and the convolution spreads it over the nine pixels of the winner's window, each with the filter's
# weight.

# %%
dp = np.zeros_like(p)
dp[0, 6, 7, 0] = 1  # one number of the pooled map
d_relu = reference.maxpool2d_backward(pool_ctx, dp)  # (1, 26, 26, 1)
d_conv = reference.relu_backward(relu_ctx, d_relu)
dx = reference.conv2d_backward(
    conv_ctx, d_conv, edges, np.empty_like(edges), None
)  # (1, 28, 28, 1)
print("pooled value", p[0, 6, 7, 0].round(2), "; pixels with a gradient:", (dx != 0).sum())
assert p[0, 6, 7, 0] > 0
assert (d_relu != 0).sum() == 1  # the winner alone
assert (dx != 0).sum() == 6  # its window of nine, less the filter's column of zeros

plots.side_by_side(
    {"p": p[0] / 3, "dp: the question": dp[0], "at the winner": d_conv[0], "dx: the answer": dx[0]}
)

# %% [markdown]
# Three red pixels to the right, three blue ones to the left: make those brighter or these darker,
# and the number grows. The picture dx on the right is the smallest case of a *saliency map*, which
# chapter 10 draws for whole networks.
#
# ## Exercises
#
# ### 1. ReLU's gradient
#
# `x` and `dy` of one shape, whatever it is. Return dx; at 0, as minicnn decides. Stuck?
# `hint("relu_backward")`


# %%
def my_relu_backward(x, dy):
    pass  # your code here


check(my_relu_backward)

# %% [markdown]
# ### 2. Max-pooling
#
# `x` (N, H, W, C), `window` (KH, KW), `strides` (SH, SW), no padding. Return two arrays (N, OH, OW,
# C): y, and the winner's place in its window, counted row by row from 0. Stuck? `hint("maxpool")`


# %%
def my_maxpool(x, window, strides):
    pass  # your code here


check(my_maxpool)

# %% [markdown]
# ### 3. Its way back
#
# `dy` and `winner` (N, OH, OW, C) as above, `x_shape` (N, H, W, C), `window`, `strides`. Return dx.
# Stuck? `hint("maxpool_backward")`


# %%
def my_maxpool_backward(dy, winner, x_shape, window, strides):
    pass  # your code here


check(my_maxpool_backward)

# %% [markdown]
# Solutions: [solutions/04_relu_and_pooling.py](../solutions/04_relu_and_pooling.py)
#
# ## What to take along
#
# * Without a bend between them, many layers are one.
# * ReLU is a gate that x sets: dx = dy where x > 0, else 0.
# * A unit that is never positive gets no gradient and stays as it is.
# * Max-pooling sends all of dy to the winner. Overlaps add; a tie has one winner, the first.
# * At kinks and ties there is no slope, only a choice. Know yours.
#
# ## Where this comes from
#
# * V. Nair and G. Hinton, *Rectified linear units improve restricted Boltzmann machines*, ICML
#   (2010).
# * X. Glorot, A. Bordes and Y. Bengio, *Deep sparse rectifier neural networks*, AISTATS (2011).
# * M. Riesenhuber and T. Poggio, *Hierarchical models of object recognition in cortex*, Nature
#   Neuroscience 2 (1999): the maximum over neighbours.
# * R. T. Rockafellar, *Convex Analysis* (1970): subgradients.
#
# Next: [5. Softmax and cross-entropy](05_softmax_and_crossentropy.ipynb)
