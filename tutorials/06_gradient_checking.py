# %% [markdown]
# # 6. Is it right?
#
# A wrong backward pass does not crash. The network trains, a little worse than it could, and nobody
# ever knows. So gradients are checked: against the slopes of the forward pass, which cannot be
# wrong in the same way. But a careless check lies, in both directions. This chapter builds one,
# shows how it can deceive you, and then uses minicnn's, which also says what the mistake is.
#
# **What you will be able to do**
#
# * measure a slope as exactly as a computer allows, and choose the step for it;
# * check any backward pass against its forward pass;
# * name four ways in which a gradient check lies;
# * diagnose a broken layer from a report.
#
# **Before**: chapters 3 to 5.
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

import minicnn
from minicnn import config, plots
from minicnn.backends import reference
from minicnn.datasets import rendered_digits
from minicnn.backends.context import Context
from minicnn.exercises import check, hint, show_source
from minicnn.layers import Layer
from minicnn.drawing.style import BLUE, GREEN, ORANGE, VERMILION, Picture, styled

config.set_backend("numpy")  # the textbook: what you read is what runs
rng = np.random.default_rng(7)

# %% [markdown]
# ## Why check at all, if it learns?
#
# Because learning proves little. Here is the classifier of chapter 5, trained three times: with the
# right gradient, with a gradient that forgets every second sample, and with one that has no bias
# and half the size.

# %%
(x_train, y_train), (x_test, y_test) = rendered_digits.load_data(2000, 1000)
x_train, x_test = x_train.reshape(-1, 784) / 255, x_test.reshape(-1, 784) / 255
print("rendered digits:", x_train.shape, x_test.shape)


def train(gradients):
    """100 steps with these gradients of a dense layer: losses, and the share of right answers."""
    w, b, losses = np.zeros((784, 10)), np.zeros(10), []
    for _ in range(100):
        ctx = Context(reference)
        z = x_train @ w + b
        values, _ = reference.sparse_softmax_crossentropy_forward(ctx, z, y_train, None)
        losses.append(values.mean())
        dz = reference.sparse_softmax_crossentropy_backward(ctx, np.full(len(z), 1 / len(z)))
        dw, db = gradients(x_train, dz)
        w, b = w - 0.3 * dw, b - 0.3 * db
    return losses, ((x_test @ w + b).argmax(axis=1) == y_test).mean()


results = {
    "right": train(lambda x, dz: (x.T @ dz, dz.sum(axis=0))),
    "every second sample": train(lambda x, dz: (x[::2].T @ dz[::2], dz.sum(axis=0))),
    "half of it, no bias": train(lambda x, dz: (x.T @ dz / 2, 0 * dz.sum(axis=0))),
}
for name, (_, share) in results.items():
    print(f"{name:22} {share:.1%}")
assert min(share for _, share in results.values()) > 0.75  # all of them learn

plots.compare_histories(
    {name: losses for name, (losses, _) in results.items()},
    xlabel="step",
    title="One of these gradients is right",
)

# %% [markdown]
# Without the blue line beside them, would you have noticed? The wrong ones fall smoothly, answer
# four of five images right, and look like networks that need a little more time.
#
# ## How is a slope measured?
#
# By its definition: take a small step h, see how far f moves, divide. There are two ways.
#
# $$\frac{f(x + h) - f(x)}{h} \qquad\qquad \frac{f(x + h) - f(x - h)}{2h}$$
#
# Two errors compete. Formulas like these are exact for straight lines only; the curvature of f
# leaves an error that shrinks with h: like h for the one-sided step, like h² for the *central
# difference*, because the curvature to the left cancels that to the right. On the other side there
# is rounding. A float64 has about 16 digits; f(x + h) and f(x - h) agree in most of them,
# subtraction leaves the few in which they differ, and dividing by a tiny h blows their rounding up:
# an error that *grows* as h shrinks.


# %%
def errors_of(dtype, central):
    """Relative error of the slope of exp at 1, for steps of many sizes."""
    x, result = dtype(1), []
    for h in steps:
        h = dtype(h)
        right, left = x + h, x - h if central else x
        distance = right - left  # 0 when the step is so small that rounding swallows it
        slope = (np.exp(right) - np.exp(left)) / distance if distance else 0.0
        result.append(abs(float(slope) - np.e) / np.e)
    return np.array(result)


steps = 10.0 ** np.arange(-12, 0.1, 0.5)
curves = {
    "one-sided, float64": (errors_of(np.float64, False), ORANGE, "--"),
    "central, float64": (errors_of(np.float64, True), BLUE, "-"),
    "central, float32": (errors_of(np.float32, True), VERMILION, "-"),
}


@styled
def error_curves():
    figure = Picture(figsize=(9, 4.6))
    axes = figure.add_subplot()
    for name, (errors, color, dash) in curves.items():
        axes.loglog(
            steps, np.maximum(errors, 1e-13), dash, color=color, marker="o", ms=4, label=name
        )
    axes.set_xlabel("step h")
    axes.set_ylabel("relative error")
    axes.set_title("Too large a step, too small a step")
    axes.grid()
    axes.legend(frameon=False)
    return figure


error_curves()

# %%
for name, (errors, *_) in curves.items():
    shown = {f"{h:.0e}": f"{errors[np.argmin(abs(steps - h))]:.0e}" for h in (1e-2, 1e-5, 1e-8)}
    print(f"{name:20} error at each step: {shown}")
central, one_sided, short = (
    curves[k][0] for k in ("central, float64", "one-sided, float64", "central, float32")
)
at = {h: int(np.argmin(abs(steps - h))) for h in (1e-3, 1e-2, 1e-5)}
assert (
    50 < central[at[1e-2]] / central[at[1e-3]] < 200
)  # ten times the step, a hundred times the error
assert 5 < one_sided[at[1e-2]] / one_sided[at[1e-3]] < 20
assert central[at[1e-5]] < 1e-9
assert short.min() > 1e-7

# %% [markdown]
# Read the picture from the right: the blue line falls by a hundred for every ten, the dashed one by
# ten. From the left: both fall out of the noise of rounding. The best step for a central difference
# in float64 is near 1e-5, and about ten digits are right there. **In float32 the best step leaves
# five digits, and its neighbours three or four**; after a sum of thousands of products it is fewer
# still. A check in float32 cannot tell a small mistake from noise. minicnn checks in float64,
# always, whatever your model trains in.
#
# ## How close is close enough?
#
# A difference of 0.001 is nothing between gradients of 500 and everything between gradients of
# 0.002. So compare relative to the larger of the two:
#
# $$\frac{|a - n|}{\max(|a|, |n|)}$$
#
# with a from the backward pass (analytic) and n from the slope (numeric), and 0 where both are 0.
# In float64, with central differences, correct code stays below about 1e-7. 1e-2 is a mistake. In
# between lies a kink, or a mistake in few entries.
#
# ## A check of one's own
#
# A loss is needed, and for one layer alone it is the trick of chapter 3: the sum of y times a fixed
# random dy. Then move one entry at a time.


# %%
def slopes(f, x, h=1e-5):
    """The slope of f, one number, along each entry of x."""
    result = np.empty_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        result[index] = (f(x + step) - f(x - step)) / (2 * h)
    return result


def worst(a, n):
    """The largest relative error."""
    larger = np.maximum(abs(a), abs(n))
    return (abs(a - n) / np.where(larger == 0, 1, larger)).max()


def convolve(ctx, x, w):
    return reference.conv2d_forward(ctx, x, w, None, (2, 1), ((1, 0), (0, 1)), (1, 1), 1)


x, w = rng.normal(size=(2, 5, 6, 3)), rng.normal(size=(3, 2, 3, 4))
ctx = Context(reference)
dy = rng.normal(size=convolve(ctx, x, w).shape)
dw = np.empty_like(w)
dx = reference.conv2d_backward(ctx, dy, w, dw, None)
assert x.size + w.size == 252

numeric_dx = slopes(lambda x: (convolve(Context(reference), x, w) * dy).sum(), x)
numeric_dw = slopes(lambda w: (convolve(Context(reference), x, w) * dy).sum(), w)
print(f"dx: {worst(dx, numeric_dx):.1e}, dw: {worst(dw, numeric_dw):.1e}")
assert worst(dx, numeric_dx) < 1e-6
assert worst(dw, numeric_dw) < 1e-6

# %% [markdown]
# Chapter 3's derivation holds, at every entry of both arrays, with a stride and lopsided padding.
# It took two forward passes for each of 252 numbers. For a layer with a million weights that is too
# slow, and minicnn first looks along random *directions*: step all entries at once by a random
# vector v, and compare the slope with v · gradient. One direction sees nearly every mistake;
# entries are only looked at one by one to find out where a mistake is.
#
# ## Four ways a check lies
#
# **1. float32.** You have seen it.
#
# **2. Upstream gradients of ones.** It is tempting to use y.sum() as the loss, so that dy is 1
# everywhere. But softmax's outputs always sum to 1: their sum has no slope, and *every* wrong
# backward that returns zeros passes. Transposed and permuted gradients hide in the same way.

# %%
z = rng.normal(size=(3, 5))


def softmax(z):
    return reference.softmax_forward(Context(reference), z, -1)


wrong_dz = np.zeros_like(z)  # a backward that forgot to do anything
with_ones = abs(slopes(lambda z: softmax(z).sum(), z) - wrong_dz).max()
dy = rng.normal(size=z.shape)
with_random = abs(slopes(lambda z: (softmax(z) * dy).sum(), z) - wrong_dz).max()
print(
    f"largest error of a backward that does nothing: ones {with_ones:.0e}, random {with_random:.2f}"
)
assert with_ones < 1e-9  # passes
assert with_random > 0.05  # found

# %% [markdown]
# **3. Kinks.** At x = 0 the central difference of ReLU is 1/2, a slope that ReLU has nowhere
# (chapter 4). Black backgrounds and ties are full of such places, and a check that does not know
# kinks calls correct code wrong. The cure is not a larger tolerance, which would let real mistakes
# through. It is to measure the slope to the right and to the left, and to accept what lies between.

# %%
x = np.array([-1.0, 0.0, 2.0])
numeric = slopes(lambda x: np.maximum(x, 0).sum(), x)
print("numeric", numeric.round(3), "; ReLU's backward says", (x > 0) * 1.0)
assert abs(numeric[1] - 0.5) < 1e-6


@styled
def chord():
    """ReLU near 0, with the line that a central difference measures."""
    figure = Picture(figsize=(7.5, 3.4))
    axes = figure.add_subplot()
    line = np.linspace(-2, 2, 201)
    axes.plot(line, np.maximum(line, 0), color=BLUE, label="ReLU: slopes 0 and 1")
    axes.plot([-1, 1], [0, 1], "--o", color=VERMILION, label="from -h to +h: slope 1/2")
    axes.set_title("A slope that ReLU has nowhere")
    axes.set_xticks([-1, 0, 1], ["−h", "0", "+h"])
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.grid()
    axes.legend(frameon=False)
    return figure


chord()

# %% [markdown]
# **4. Sizes that are equal.** With as many inputs as outputs `dy @ w` has the same shape as `dy @
# w.T`, and w symmetric by chance or by design (all ones, an identity) makes them equal. Take sizes
# that all differ, and random numbers for everything. Also take a stride that leaves a remainder, a
# batch larger than 1, and more than one channel: a mistake needs room to show.
#
# More of the same kind: dropout draws a new mask at each call, unless it is held; integer inputs
# swallow the step (1 + 0.00001 is 1 again); and a backward that adds to what was there before is
# right the first time only.
#
# ## minicnn's checker
#
# `minicnn.check_gradients` takes a layer, a loss, a whole model, or a pair of functions, and knows
# all of that. First a layer that is right, on an input full of zeros, then one that is not:

# %%
from minicnn.layers import ReLU

zeros_and_ones = rng.integers(-1, 2, size=(3, 4, 5, 2)).astype(float)
report = minicnn.check_gradients(ReLU(), zeros_and_ones)
print(report)
assert report.ok
assert report["x"].kinks > 0

# %% [markdown]
# The kinks were noticed, counted, and found to lie between the slopes. Now a layer with one weight
# for each channel, a *gain*: y = x · gain. Its gain appears at every position of every image; the
# author averaged what should be added.


# %%
class Scale(Layer):
    """y = x gain, with one gain a channel. Its backward has a mistake."""

    def build(self, input_shape):
        self.gain = self.add_weight(name="gain", shape=input_shape[-1:], initializer="ones")

    def forward(self, ctx, x):
        ctx.save(x=x)
        return x * self.gain.value

    def backward(self, ctx, dy):
        self.gain.grad[...] = (dy * ctx.x).mean(axis=(0, 1, 2))
        return dy * self.gain.value


report = minicnn.check_gradients(Scale(), (3, 4, 5, 2))
print(report)
assert not report.ok
assert report.cause == "batch_mean"
assert report["x"].ok
assert not report["gain"].ok

# %% [markdown]
# Read it from the top. The verdict; the likeliest cause; a line for each array: x is right and gain
# is wrong, in every entry, by the ratio 0.0166667, which is 1 / (3 · 4 · 5). A ratio that is the
# same everywhere is never chance. The line to look at stands below.
#
# The cause is found by comparing two tables of slopes, the one that forward has and the one that
# backward claims: each known mistake makes them differ in its own way, a mean by a factor, a
# flipped kernel by a turn, an overwritten sum where windows overlap. If nothing known fits, the
# checker says so rather than guess.

# %%
assert abs(1 / (3 * 4 * 5) - report["gain"].ratio) < 1e-6

# %% [markdown]
# Where the errors lie often says what they are. Below, a convolution whose author let windows
# overwrite each other on the way back (`=` in place of col2im's `+=`): dw is right, and dx is wrong
# where windows overlap. The four corners of each image lie in one window only, and stay right.
# (Grey entries were not compared one by one, since the kernel as a whole had passed.)


# %%
class Overwriting(Layer):
    """A 2 × 2 convolution with stride 1. Windows overwrite each other in its backward."""

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(2, 2, input_shape[-1], 3))

    def forward(self, ctx, x):
        return reference.conv2d_forward(
            ctx, x, self.kernel.value, None, (1, 1), ((0, 0), (0, 0)), (1, 1), 1
        )

    def backward(self, ctx, dy):
        right = reference.conv2d_backward(ctx, dy, self.kernel.value, self.kernel.grad, None)
        rows = dy.reshape(-1, 3) @ self.kernel.value.reshape(-1, 3).T
        dcols, dx = rows.reshape(ctx.cols.shape), np.zeros_like(right)
        OH, OW = dy.shape[1:3]
        for i in range(2):
            for j in range(2):
                dx[:, i : i + OH, j : j + OW] = dcols[:, :, :, i, j]
        return dx


report = minicnn.check_gradients(Overwriting(), (2, 5, 6, 2))
print("ok:", report.ok, " cause:", report.cause)
print(report.explanation)
assert report.cause == "overwritten"
assert report["kernel"].ok
a, n = report["x"].analytic_map, report["x"].numeric_map  # (N, H, W, C)
assert np.allclose(a[:, [0, 0, -1, -1], [0, -1, 0, -1]], n[:, [0, 0, -1, -1], [0, -1, 0, -1]])
report.plot()

# %% [markdown]
# ## As a test
#
# In a test file one line guards a layer for good: `minicnn.assert_gradients(Scale(), (3, 4, 5, 2))`
# fails with the report you saw. From a shell: `minicnn gradcheck my_layer.py:Scale --input
# 3,4,5,2`. minicnn's own tests do the same with every layer, loss and activation.

# %%
for layer in (
    minicnn.layers.Conv2D(4, (3, 2), strides=(2, 1)),
    minicnn.layers.MaxPooling2D(2),
    minicnn.layers.BatchNormalization(),
):
    report = minicnn.assert_gradients(layer, (2, 7, 6, 3))
    error = max(array.relative_error for array in report.arrays)
    print(f"{type(layer).__name__:20} worst relative error {error:.0e}")

# %% [markdown]
# ## Exercises
#
# ### 1. Slopes
#
# `f` takes an array of x's shape and returns one number. Return the slopes along all entries of `x`
# by central differences with step `h`. `x` belongs to the caller. Stuck? `hint("numeric_gradient")`


# %%
def my_numeric_gradient(f, x, h):
    pass  # your code here


check(my_numeric_gradient)

# %% [markdown]
# ### 2. The relative error
#
# Entry by entry, for two arrays of one shape; 0 where both are 0. Stuck? `hint("relative_error")`


# %%
def my_relative_error(analytic, numeric):
    pass  # your code here


check(my_relative_error)

# %% [markdown]
# ### 3. Four patients
#
# `minicnn.exercises.broken_layers` has four layers, `Patient1` to `Patient4`, with one mistake
# each. Examine them, `print(minicnn.check_gradients(Patient1, (3, 4, 5, 2)))`, and return what each
# suffers from: `{"Patient1": "...", ...}`, in the words of `minicnn.gradcheck.CAUSES`. Before you
# believe the report, read the layer (`show_source(Patient1)`) and find the mistake yourself. Stuck?
# `hint("diagnosis")`

# %%
from minicnn.exercises.broken_layers import Patient1, Patient2, Patient3, Patient4


def my_diagnosis():
    pass  # your code here


check(my_diagnosis)

# %% [markdown]
# ### 4. Mend it
#
# Write the backward of `Scale` above as a function: `x` and `dy` (N, H, W, C), `gain` (C,). Return
# (dx, dgain). Stuck? `hint("mended_scale")`


# %%
def my_mended_scale(x, gain, dy):
    pass  # your code here


check(my_mended_scale)

# %% [markdown]
# Solutions: [solutions/06_gradient_checking.py](../solutions/06_gradient_checking.py)
#
# ## What to take along
#
# * A wrong gradient trains too. Check it.
# * Central differences, float64, a step near 1e-5; compare relative to the larger.
# * Random upstream gradients, sizes that all differ, a stride with a remainder, a batch.
# * At a kink any slope between left and right is right.
# * Where a gradient is wrong, and by which ratio, says why.
#
# ## Where this comes from
#
# * J. Nocedal and S. Wright, *Numerical Optimization* (2nd edition, 2006), section 8.1: the two
#   errors of a difference, and the best step.
# * N. Higham, *Accuracy and Stability of Numerical Algorithms* (2nd edition, 2002), chapter 1: what
#   subtraction does to digits.
# * A. Karpathy and others, *CS231n: Convolutional Neural Networks for Visual Recognition*, lecture
#   notes "Gradient checks" (Stanford University): practical rules, kinks among them.
# * L. F. Richardson, *The approximate arithmetical solution by finite differences* (1911),
#   Philosophical Transactions A 210: how minicnn makes a difference more exact still.
#
# Next: [7. Learning](07_learning.ipynb)
