# %% [markdown]
# # 7. Learning
#
# The backward pass tells every weight how the loss changes when the weight does. What is left to
# decide is how far to go, and from where to start. This chapter writes the three optimizers that
# train nearly every CNN, shows what each repairs in the one before, and finds out why the first
# weights must be neither too small nor too large.
#
# **What you will be able to do**
#
# * write gradient descent, momentum and Adam from memory, and say what each line is for;
# * tell from a loss curve whether the learning rate is too small or too large, and find a good
#   one;
# * choose the size of the first weights, and say what goes wrong with others.
#
# **Before**: chapters 3 and 5 (gradients of a dense layer, softmax with cross-entropy).
#
# **Time**: 18 minutes to read, 10 seconds to run.

# %%
import sys

if "google.colab" in sys.modules:  # on Colab the package has to be installed first
    import subprocess

    where = "git+https://github.com/YOUR-NAME/minicnn"  # the address of this repository
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", where], check=True)

# %%
import numpy as np

from minicnn import initializers, optimizers
from minicnn.backends import reference
from minicnn.backends.reference import optimizers as steps
from minicnn.datasets import rendered_digits
from minicnn.backends.context import Context
from minicnn.exercises import check, show_source
from minicnn.drawing.style import BLUE, FAINT, GREEN, ORANGE, QUIET, VERMILION, Picture, styled

# %% [markdown]
# ## A valley with two weights
#
# How does a step work, before there are a million weights? Take two, and a loss that you can see
# whole:
#
# $$L(w) = \tfrac12 (w_0^2 + 20\, w_1^2), \qquad g = (w_0,\ 20\, w_1)$$
#
# It is a valley: steep across, along $w_1$, and nearly flat along $w_0$. The losses of real
# networks look like this near a minimum, with curvatures that differ by far more than 20.
#
# *Gradient descent* takes a step against the gradient, as long as the gradient times a number,
# the *learning rate*. Here is the package's own function. `m` is the velocity, of which more
# below; without one the update is the line `w -= step`.

# %%
show_source(steps, "sgd_step")

# %%
CURVATURE = np.array([1.0, 20.0])


def loss(w):
    return 0.5 * (CURVATURE * w**2).sum(axis=-1)


def gradient(w):
    return CURVATURE * w


def descend(step, count=40, start=(-9.0, 1.6)):
    """The places that `step(w, g)` visits, (count + 1, 2); it changes w in place."""
    w = np.array(start)
    places = [w.copy()]
    for _ in range(count):
        step(w, gradient(w))
        places.append(w.copy())
    return np.array(places)


def sgd(rate, momentum=0.0):
    m = np.zeros(2) if momentum else None
    return lambda w, g: steps.sgd_step(w, g, m, np.array([rate]), momentum, False)


small, good, large = (descend(sgd(rate)) for rate in (0.005, 0.09, 0.1005))
for name, places in (("0.005", small), ("0.09", good), ("0.1005", large)):
    print(f"learning rate {name:6}: loss {loss(places[0]):.1f} -> {loss(places[-1]):.4f}")


# %%
@styled
def draw_paths(paths, title):
    """The visited places over the contours of the loss, one panel a path."""
    figure = Picture(figsize=(4.6 * len(paths), 4.2))
    figure.suptitle(title, x=0.01, ha="left", fontsize=16, fontweight="bold")
    w0, w1 = np.meshgrid(np.linspace(-10, 3, 120), np.linspace(-2.4, 2.4, 120))
    height = loss(np.stack([w0, w1], axis=-1))  # (120, 120)
    for i, (name, places) in enumerate(paths.items(), 1):
        axes = figure.add_subplot(1, len(paths), i)
        axes.contour(
            w0, w1, height, levels=[0.3, 2, 6, 14, 26, 42, 62], colors=FAINT, linewidths=1.5
        )
        axes.plot(*places.T, "-", color=BLUE, lw=1.3)
        axes.plot(*places.T, ".", color=VERMILION, ms=6)
        axes.plot(0, 0, "*", color=GREEN, ms=15)
        axes.set(xlim=(-10, 3), ylim=(-2.4, 2.4), xlabel="$w_0$")
        axes.set_title(name, fontsize=13)
        if i == 1:
            axes.set_ylabel("$w_1$")
    return figure


draw_paths(
    {"learning rate 0.005: creeps": small, "0.09: bounces, arrives": good,
     "0.1005: climbs out": large},
    "Forty steps of gradient descent",
)  # fmt: skip

# %% [markdown]
# Each dot is a step; the star is the minimum. On the left every step is short: forty of them
# reach the floor of the valley and hardly begin to walk along it. In the middle the path bounces
# from wall to wall and arrives. On the right it bounces a little further every time.
#
# The border between the two can be computed. A step multiplies $w_1$ by $1 - 20 \cdot$ rate. Its
# size shrinks as long as that factor lies between $-1$ and $1$, that is, for rates below
# $2 / 20 = 0.1$. The steepest direction sets the limit, and the flat one has to live with it: at
# rate 0.09 it keeps 91 % of its distance in every step.

# %%
assert np.allclose(good[1] / good[0], 1 - 0.09 * CURVATURE)
assert abs(1 - 0.09 * CURVATURE[1]) < 1 < abs(1 - 0.1005 * CURVATURE[1])
assert round(1 - 0.09 * CURVATURE[0], 2) == 0.91
assert loss(small[-1]) > 20  # of 66.1: hardly anything has happened along the valley
assert loss(good[-1]) < 0.03
assert abs(large[-1, 1]) > abs(large[0, 1])  # further from the floor than at the start

# %% [markdown]
# ## Momentum: a ball instead of a walker
#
# Can the flat direction be made faster without the steep one exploding? Look at the bouncing
# path: across the valley the gradients point up, down, up, down; along it they all agree. So add
# them up. What alternates cancels, what agrees grows.
#
# *Momentum* keeps a *velocity* m for each weight. Every step leaves a part of it, usually 0.9,
# and gives it a push against the gradient; the weight moves by the velocity:
#
# $$m \leftarrow 0.9\, m - \text{rate} \cdot g, \qquad w \leftarrow w + m$$
#
# Where the gradient stays the same, the velocity grows to
# $-\text{rate} \cdot g\, (1 + 0.9 + 0.81 + \dots) = -10 \cdot \text{rate} \cdot g$: ten times the
# plain step.

# %%
m, w = np.zeros(1), np.zeros(1)
for _ in range(100):
    steps.sgd_step(w, np.ones(1), m, np.array([0.01]), 0.9, False)
print(f"velocity after 100 equal gradients of 1, at rate 0.01: {m[0]:.4f}")
assert round(-m[0] / 0.01, 1) == 10.0

# %% [markdown]
# ## Adam: a step size for each weight
#
# Momentum still has one rate for all weights. *Adam* gives each weight its own. Besides the
# running mean m of the gradient it keeps a running mean v of its square, and divides by the root:
#
# $$m \leftarrow m + (1 - \beta_1)(g - m), \qquad v \leftarrow v + (1 - \beta_2)(g^2 - v),
# \qquad w \leftarrow w - \alpha\, \frac{m}{\sqrt v + \epsilon}$$
#
# with $\beta_1 = 0.9$ and $\beta_2 = 0.999$. Both means begin at 0 and are too small at first:
# after one step m is a tenth of g, and v a thousandth of $g^2$. The *bias correction* takes this
# out again: $\alpha = \text{rate} \cdot \sqrt{1 - \beta_2^t} / (1 - \beta_1^t)$ in step
# $t = 1, 2, \dots$

# %%
show_source(steps, "adam_step")

# %% [markdown]
# What does it do to a gradient? In the first step m is a tenth of g, and $\sqrt v$ is the size of
# g times $\sqrt{0.001}$; with the correction the step is the rate times the *sign* of g. A
# gradient of 100 and one of 0.01 move their weights equally far.


# %%
def adam(rate, size=2):
    m, v, t = np.zeros(size), np.zeros(size), np.zeros(1, np.uint32)

    def step(w, g):
        steps.adam_step(w, g, m, v, t, np.array([rate]), 0.9, 0.999, 1e-7)
        t[0] += 1

    return step


w = np.zeros(2)
adam(0.001)(w, np.array([100.0, -0.01]))
print("the first step of Adam at rate 0.001:", w)
assert np.allclose(w, [-0.001, 0.001], rtol=1e-3)

# %% [markdown]
# `epsilon` keeps the division finite where a gradient has always been 0. As in Keras it stands
# outside the bias correction, so that very small gradients (below about 1e-5 in the first step)
# do take shorter steps.
#
# The three side by side, at a good rate for each:

# %%
plain, ball, each = descend(sgd(0.09)), descend(sgd(0.1, 0.5)), descend(adam(0.6))
for name, places in (("gradient descent", plain), ("momentum", ball), ("Adam", each)):
    print(
        f"{name:17} loss after 10 / 20 / 40 steps:",
        *(f"{loss(places[n]):9.5f}" for n in (10, 20, 40)),
    )
assert loss(ball[40]) < loss(plain[40]) / 1_000_000
draw_paths(
    {"gradient descent, 0.09": plain, "momentum 0.5, 0.1": ball, "Adam, 0.6": each},
    "The same valley, three optimizers",
)

# %% [markdown]
# Momentum swings and arrives: after forty steps its loss is less than a millionth of the plain
# one's. Adam moves both weights by 0.6 in its first step, however steep their directions are;
# then its velocity carries it past the minimum and back. In two dimensions it wins nothing. It
# wins where gradients of different weights differ in size by a hundred or a thousand, and that is
# what happens in networks.
#
# ## A real network, by hand
#
# Are they that different? Build a network of two dense layers from the operations of chapter 5
# and look. Everything in this chapter runs on the textbook backend, plain NumPy; the images are
# drawn on the spot.

# %%
(x_train, y_train), _ = rendered_digits.load_data(n_train=2000, n_test=0)
x_train = x_train.reshape(len(x_train), -1) / 255  # (N, 784)
y_train = y_train.astype(int)


def new_weights(std_1, std_2, seed=7):
    """Two dense layers, 784 -> 64 -> 10, with normal first weights of these deviations."""
    rng = np.random.default_rng(seed)
    w1, w2 = rng.normal(0, std_1, (784, 64)), rng.normal(0, std_2, (64, 10))
    return {"w1": w1, "b1": np.zeros(64), "w2": w2, "b2": np.zeros(10)}


def loss_and_gradients(p, x, y):
    """Mean loss of a batch, and its gradient with respect to every weight."""
    c1, c2, c3, c4 = (Context(reference) for _ in range(4))
    h = reference.dense_forward(c1, x, p["w1"], p["b1"])  # (N, 64)
    h = reference.relu_forward(c2, h, 0.0, None, 0.0)
    z = reference.dense_forward(c3, h, p["w2"], p["b2"])  # (N, 10), logits
    losses, _ = reference.sparse_softmax_crossentropy_forward(c4, z, y, None)  # (N,)

    g = {name: np.empty_like(value) for name, value in p.items()}
    dz = reference.sparse_softmax_crossentropy_backward(c4, np.full(len(y), 1 / len(y)))
    dh = reference.dense_backward(c3, dz, p["w2"], g["w2"], g["b2"])
    dh = reference.relu_backward(c2, dh)
    reference.dense_backward(c1, dh, p["w1"], g["w1"], g["b1"])
    return losses.mean(), g


p = new_weights(std_1=0.05, std_2=0.18)
first_loss, g = loss_and_gradients(p, x_train, y_train)
print(f"first loss {first_loss:.2f}; size of the gradients in each array:")
for name, value in g.items():
    low, high = np.quantile(np.abs(value), [0.3, 0.9])
    print(f"   {name:3} three tenths of the entries are below {low:.0e}, a tenth above {high:.0e}")
low, high = np.quantile(np.abs(g["w1"]), [0.3, 0.9])
assert high > 100 * low
assert np.abs(g["b2"]).mean() > 5 * np.abs(g["w1"]).mean()

# %% [markdown]
# Within the first layer's weights alone, the gradients differ by more than a hundredfold: a
# weight of a pixel at the edge, where digits seldom have ink, has next to none. And the biases
# behind have far larger ones. A rate that suits the largest hardly moves the smallest.
#
# ## A part of the data is enough: batches
#
# The gradient over all 2,000 images is exact and costs a pass over all of them. A *batch* of a
# few images, drawn at random, gives an estimate. How good is it? Compare many batches of each
# size with the gradient over everything:

# %%
rng = np.random.default_rng(7)
exact = g["w2"]


def batch_error(size, tries=60):
    """Root mean square distance of a batch's gradient from the exact one, over its length."""
    errors = []
    for _ in range(tries):
        rows = rng.integers(0, len(x_train), size)
        _, estimate = loss_and_gradients(p, x_train[rows], y_train[rows])
        errors.append(((estimate["w2"] - exact) ** 2).sum())
    return np.sqrt(np.mean(errors) / (exact**2).sum())


sizes = np.array([2, 8, 32, 128, 512])
errors = np.array([batch_error(size) for size in sizes])
for size, error in zip(sizes, errors, strict=True):
    print(f"batch of {size:3}: off by {error:.0%} of the gradient's length")
slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
print(f"the error goes with size to the power {slope:.2f}")
assert -0.6 < slope < -0.4
assert 3 < errors[2] / errors[4] < 5


# %%
@styled
def draw_noise():
    figure = Picture(figsize=(7.5, 4.2))
    axes = figure.add_subplot()
    axes.loglog(sizes, errors, "o", color=BLUE, label="measured", ms=9)
    axes.loglog(sizes, errors[0] * np.sqrt(sizes[0] / sizes), "--", color=QUIET,
                label=r"$1/\sqrt{\mathrm{batch\ size}}$")  # fmt: skip
    axes.set_title("Four times the batch, half the noise")
    axes.set(xlabel="images in a batch", ylabel="error / length of gradient")
    axes.set_xticks(sizes, sizes)
    axes.set_yticks([0.3, 1, 3], ["30%", "100%", "300%"])
    axes.minorticks_off()
    axes.grid(axis="y")
    axes.legend(frameon=False)
    return figure


draw_noise()

# %% [markdown]
# The error falls with the square root of the batch size, as the error of every mean of random
# draws does. A batch of 512 costs sixteen times a batch of 32 and is four times as exact: more,
# smaller steps are the better bargain, down to where the machine no longer uses its arithmetic
# well. That is the *stochastic* in stochastic gradient descent, SGD. One step for each batch;
# once through all batches is an *epoch*.
#
# ## Finding a learning rate
#
# Train this network for one epoch at twelve rates, with SGD and with Adam, each from the same
# first weights:


# %%
def train(make_step, batch=40):
    """The loss of every step, from the same weights and in the same order each time."""
    p = new_weights(std_1=0.05, std_2=0.18)
    update = {name: make_step(value) for name, value in p.items()}
    order = np.random.default_rng(1)
    curve = []
    with np.errstate(all="ignore"):  # too large a rate ends in infinity, as it should
        for rows in order.permutation(len(x_train)).reshape(-1, batch):
            value, g = loss_and_gradients(p, x_train[rows], y_train[rows])
            for name in p:
                update[name](p[name], g[name])
            curve.append(value)
    return np.array(curve)


def with_sgd(rate):
    return lambda w: lambda w, g: steps.sgd_step(w, g, None, np.array([rate]), 0.0, False)


def with_adam(rate):
    return lambda w: adam(rate, w.shape)


rates = 10.0 ** np.arange(-4.5, 1.1, 0.5)
curves = {
    name: [train(make(rate)) for rate in rates]
    for name, make in (("SGD", with_sgd), ("Adam", with_adam))
}
ends = {  # mean loss of the last ten steps; infinite where it has exploded
    name: np.array([np.nan_to_num(c[-10:].mean(), nan=np.inf, posinf=np.inf) for c in list_])
    for name, list_ in curves.items()
}
best = {name: rates[values.argmin()] for name, values in ends.items()}
for name in ends:
    print(f"{name:4} best rate {best[name]:.0e}, loss {ends[name].min():.3f} after one epoch")
assert ends["Adam"].min() < 0.6
assert best["SGD"] > 10 * best["Adam"]


# %%
@styled
def draw_rates():
    figure = Picture(figsize=(12.5, 4.6))
    left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    for name, color, marker in (("SGD", BLUE, "o"), ("Adam", VERMILION, "s")):
        shown = np.minimum(ends[name], 5)
        left.semilogx(rates, shown, "-", marker=marker, color=color, label=name)
    left.axhline(np.log(10), color=QUIET, ls=":", lw=1.5)
    left.text(0.014, np.log(10) + 0.06, "ln 10: a guess", color=QUIET, va="bottom", fontsize=12)
    left.set_title("Loss after one epoch", pad=12)
    left.set(xlabel="learning rate", ylabel="loss", ylim=(0, 5.2))
    left.legend(frameon=False, loc="upper left")
    middle = int(np.flatnonzero(rates == best["Adam"])[0])
    for k, color, style, name in ((middle - 4, ORANGE, "-", "a hundredth of it"),
                                  (middle, BLUE, "-", "the best rate"),
                                  (middle + 4, VERMILION, "-", "a hundred times it")):  # fmt: skip
        right.plot(np.minimum(curves["Adam"][k], 6), style, color=color, lw=1.8, label=name)
    right.set_title("Adam: three loss curves", pad=12)
    right.set(xlabel="step", ylabel="loss of the batch (cut at 6)", ylim=(0, 6.4))
    right.legend(frameon=False, loc="upper center", fontsize=12, bbox_to_anchor=(0.6, 1.0))
    return figure


draw_rates()

# %% [markdown]
# Learn to recognise the shapes on the right. Too small: a slope that never bends. Good: a steep
# fall, then a slower one, with the noise of the batches on top. Too large: up at once, or a wild
# line near or above ln 10 = 2.303, the loss of a guess. On the left, the good rates form a
# trough; to its right the loss rises like a wall. Adam's trough lies at smaller rates since its
# steps do not shrink with the gradient: between 0.0003 and 0.01 for most networks, which is why
# its default, 0.001, so often works. SGD's depends on the network, and must be searched.
#
# To search, go up by factors of three until the loss explodes, then take a third of the largest
# rate that did not. Late in training a smaller rate helps, because the noise of the batches moves
# the weights by rate times noise for ever: `minicnn.optimizers.schedules` holds the usual ways
# down.

# %%
assert round(np.log(10), 3) == 2.303
assert 0.0005 < best["Adam"] < 0.05
cosine = optimizers.schedules.CosineDecay(0.002, decay_steps=1000)
print(
    "CosineDecay(0.002, 1000) at steps 0, 500, 1000:", *(float(cosine(s)) for s in (0, 500, 1000))
)
assert abs(float(cosine(500)) - 0.001) < 1e-6

# %% [markdown]
# ## Where to start: the first weights
#
# All zeros would be neat. But then all units of a layer compute the same, receive the same
# gradient and stay equal for ever: 64 units that are one. Random weights break the tie. How large
# should they be?
#
# A unit adds up D products (D is its *fan-in*). If inputs and weights are independent, with mean
# 0 for the weights, the variance of the sum is D times the variance of a weight times the mean
# square of an input. ReLU then sets half to 0, which halves the mean square. So the signal keeps
# its size from layer to layer if
#
# $$\operatorname{Var}(w) = \frac{2}{D}: \quad \text{He's initialisation (2015).}$$
#
# Without ReLU the 2 would be a 1. Glorot's (2010), which Keras takes by default, uses
# $2 / (\text{fan-in} + \text{fan-out})$: a compromise between the way forward and the way back.
# Send a batch through twenty layers:


# %%
def sizes_through_layers(make_weights, layers=20, width=256):
    """Root mean square of the output of every layer, from inputs of size 1."""
    h = np.random.default_rng(3).normal(size=(200, width))
    sizes = [1.0]
    for layer in range(layers):
        h = np.maximum(h @ make_weights((width, width), layer), 0)  # dense, then ReLU
        sizes.append(float(np.sqrt((h**2).mean())))
    return np.array(sizes)


def normal(std):
    return lambda shape, seed: np.random.default_rng(seed).normal(0, std, shape)


depth = {
    "normal, 0.05": sizes_through_layers(normal(0.05)),
    "Glorot": sizes_through_layers(lambda s, i: initializers.GlorotNormal(seed=i)(s, "float64")),
    "He": sizes_through_layers(lambda s, i: initializers.HeNormal(seed=i)(s, "float64")),
    "normal, 0.2": sizes_through_layers(normal(0.2)),
}
for name, values in depth.items():
    print(f"{name:13} size after 20 layers: {values[-1]:.1e}")
assert 0.3 < depth["He"][-1] < 3
assert depth["normal, 0.05"][-1] < 1e-4 < depth["Glorot"][-1] < 1e-2
assert depth["normal, 0.2"][-1] > 1e5


# %%
@styled
def draw_depth():
    figure = Picture(figsize=(8.5, 4.6))
    axes = figure.add_subplot()
    colors = (ORANGE, BLUE, GREEN, VERMILION)
    for (name, values), color in zip(depth.items(), colors, strict=True):
        axes.semilogy(values, color=color, marker="o", ms=4)
        axes.text(20.4, values[-1], name, color=color, va="center", fontweight="bold")
    axes.set_title("Only weights of the right size keep the signal")
    axes.set(xlabel="layer", ylabel="size of its output", xlim=(-0.5, 25.5))
    axes.set_xticks(range(0, 21, 5))
    axes.grid(axis="y")
    return figure


draw_depth()

# %% [markdown]
# Each layer multiplies the signal by one factor, so its size is exponential in the depth. With
# He's weights it still has its size after twenty layers; with Glorot's, made without ReLU in
# mind, it loses a factor of about $\sqrt 2$ a layer, a thousand in all; the other two have
# vanished or exploded. The way back multiplies by the transposed matrices and behaves alike. With
# the two to five layers of this course, Glorot's is fine. And zeros?

# %%
p = {name: np.zeros_like(value) for name, value in new_weights(1, 1).items()}
_, g = loss_and_gradients(p, x_train, y_train)
moved = [name for name in g if np.abs(g[name]).max() > 1e-12]
print("from zeros, these have a gradient:", moved)
assert moved == ["b2"]
p = {name: np.full_like(value, 0.01) for name, value in p.items()}
_, g = loss_and_gradients(p, x_train, y_train)
assert np.allclose(g["w1"], g["w1"][:, :1])  # all 64 units get the same gradient
print("from equal weights, the gradients of all 64 units of the first layer are equal")

# %% [markdown]
# From zeros only the last bias learns: $dw_2$ needs h, which is 0, and the gradient on its way
# back is multiplied by $w_2$, which is 0. Equal weights learn, but all units the same.
#
# ## Exercises
#
# Each check tells which property fails and for which numbers. The functions return new arrays and
# leave what they are given as it is.
#
# ### 1. Momentum
#
# `my_momentum(w, g, m, learning_rate, momentum)` returns the new weights and the new velocity,
# `(w, m)`. Stuck? `hint("momentum")`


# %%
def my_momentum(w, g, m, learning_rate, momentum): ...


check(my_momentum)

# %% [markdown]
# ### 2. Adam
#
# Write one step: `my_adam(w, g, m, v, t, learning_rate)` returns `(w, m, v)`. t is 1 at the first
# step; beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7. Stuck? `hint("adam")`


# %%
def my_adam(w, g, m, v, t, learning_rate): ...


check(my_adam)

# %% [markdown]
# ### 3. The size of the first weights
#
# `my_he_std(shape)` returns the standard deviation of He's initialisation for a kernel (D, U) or
# (KH, KW, C, F). How many products does one output add up? Stuck? `hint("he_std")`


# %%
def my_he_std(shape): ...


check(my_he_std)

# %% [markdown]
# Solutions: [solutions/07_learning.py](../solutions/07_learning.py)
#
# ## What to take along
#
# * The steepest direction limits the learning rate; the flattest sets how long training takes.
# * Momentum adds up what successive gradients agree on. Adam divides each weight's step by the
#   size of its gradients.
# * The noise of a batch falls with the square root of its size: smaller batches, more steps.
# * Too small a rate gives a slope that never bends, too large a one a loss near or above ln 10.
# * First weights are random, with variance 2 / fan-in where a ReLU follows.
#
# ## Where this comes from
#
# Momentum: Polyak (1964); Sutskever, Martens, Dahl and Hinton (2013), ICML. Adam: Kingma and Ba
# (2015), arXiv:1412.6980. Initialisation: Glorot and Bengio (2010), AISTATS; He, Zhang, Ren and
# Sun (2015), ICCV. A fine account of the valley: Goh (2017), "Why Momentum Really Works",
# Distill.
#
# Next: [8. The whole network](08_network.ipynb)
