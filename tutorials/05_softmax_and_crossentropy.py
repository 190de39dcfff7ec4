# %% [markdown]
# # 5. Softmax and cross-entropy
#
# At the end of a network stand ten numbers, one for each digit. How do they become an answer with a
# probability, and how does a wrong answer become one number that training can push down? In this
# chapter you build the last layer and the loss. You will also see where the NaN comes from that has
# ruined many an evening, and why the cure is to compute two things as one.
#
# **What you will be able to do**
#
# * compute a dense layer and its gradients;
# * turn logits into probabilities without overflow;
# * derive the loss's gradient, and remember it for good: p minus one;
# * say what loss a fresh network must have, and use that as a test.
#
# **Before**: chapters 1 to 4; the exponential function and the natural logarithm ln.
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
from minicnn.backends.reference import dense, losses
from minicnn.datasets import rendered_digits
from minicnn.backends.context import Context
from minicnn.exercises import check, hint, show_source
from minicnn.drawing.style import BLUE, QUIET, VERMILION, Picture, styled

config.set_backend("numpy")  # the textbook: what you read is what runs
rng = np.random.default_rng(7)


@styled
def bars(named, title, colors=(BLUE, BLUE, BLUE)):
    """A panel of bars for each named vector, with the numbers on top."""
    figure = Picture(figsize=(4.2 * len(named), 3.4))
    figure.suptitle(title, x=0.01, ha="left", fontsize=16, fontweight="bold")
    for place, (name, values) in enumerate(named.items(), 1):
        axes = figure.add_subplot(1, len(named), place)
        drawn = axes.bar(range(len(values)), values, color=colors[place - 1])
        axes.bar_label(
            drawn, [f"{v:.2f}".replace("-", "−") for v in values], padding=3, fontsize=11
        )
        axes.axhline(0, color=QUIET, linewidth=1)
        axes.set_title(name)
        axes.set_xticks(range(len(values)))
        axes.set_xlabel("class")
        axes.margins(y=0.2)
    return figure


# %% [markdown]
# ## The dense layer
#
# A map of 5 by 5 with 64 channels has 1,600 numbers. *Flatten* lays them out as one row, and a
# *dense* layer multiplies the rows of a batch by a matrix: y = x @ w + b, with D numbers in and U
# *units* out. x is (N, D), w (D, U), b (U,). Every unit looks at everything.
#
# You know it already. It is a convolution whose window is the whole image: one window, no sliding.

# %%
maps = rng.normal(size=(2, 5, 5, 64))  # (N, H, W, C)
w, b = rng.normal(size=(1600, 10)), rng.normal(size=10)

y = reference.dense_forward(Context(reference), maps.reshape(2, 1600), w, b)  # (N, U)
same = reference.conv2d_forward(
    Context(reference), maps, w.reshape(5, 5, 64, 10), b, (1, 1), ((0, 0), (0, 0)), (1, 1), 1
)  # (N, 1, 1, F)
print(y.shape, same.shape)
assert np.allclose(y, same[:, 0, 0])

# %% [markdown]
# And so is its backward pass: chapter 3 derived it, with rows for windows. A row is a sample now.
# Contributions of all samples add up in dw and db.

# %%
show_source(dense, "dense_backward")

# %% [markdown]
# ## From numbers to probabilities
#
# The last dense layer has one unit for each class. Its outputs are called *logits*, written z: any
# numbers, positive or negative; the largest is the network's answer. To say how sure the answer is,
# make all of them positive (by the exponential), and divide by their sum. That is *softmax*:
#
# $$p_k = \frac{e^{z_k}}{\sum_j e^{z_j}}$$

# %%
z = np.array([2.0, 1.0, -1.0, 0.0])
p = np.exp(z) / np.exp(z).sum()
assert abs(p.sum() - 1) < 1e-12
assert p.argmax() == z.argmax() == 0
bars({"logits z": z, "exp(z)": np.exp(z), "probabilities p": p}, "Softmax in two steps")

# %% [markdown]
# Only *differences* of logits count. Add 100 to all of them: each exponential grows by the factor
# e¹⁰⁰, the sum too, and the quotient stays. A lead of 1 over another class means to be e = 2.718
# times as probable.

# %%
shifted = np.exp(z + 100) / np.exp(z + 100).sum()
assert np.allclose(p, shifted)
assert abs(p[0] / p[1] - np.e) < 1e-12  # their logits are 1 apart
print("the same after adding 100:", shifted.round(2))

# %% [markdown]
# ## A loss for probabilities
#
# How bad is an answer? Look at the probability that it gave to the *right* class, and take its
# negative logarithm:
#
# $$L = -\ln p_{label}$$
#
# Certain and right costs 0. Half sure costs ln 2 = 0.69. The more certain and wrong, the more it
# costs, without limit. This is the *cross-entropy* (of the true distribution, which is certain, and
# the predicted one). The loss of a batch is the mean over its samples.


# %%
@styled
def cost_curve():
    """-ln p over p, with a few points named."""
    figure = Picture(figsize=(7.5, 3.8))
    axes = figure.add_subplot()
    p = np.linspace(0.005, 1, 400)
    axes.plot(p, -np.log(p), color=BLUE)
    for point, text, where in (
        (1.0, "certain: 0", (-80, 22)),
        (0.5, "half sure: 0.69", (10, 12)),
        (0.1, "a guess among ten: 2.30", (14, 10)),
        (0.01, "nearly excluded: 4.61", (14, -4)),
    ):
        axes.plot(point, -np.log(point), "o", color=VERMILION)
        axes.annotate(text, (point, -np.log(point)), xytext=where, textcoords="offset points")
    axes.set_xlabel("probability of the right class")
    axes.set_ylabel("loss")
    axes.set_title("Cross-entropy: −ln p")
    axes.grid()
    return figure


assert round(-np.log(0.5), 2) == 0.69
assert round(-np.log(0.01), 2) == 4.61
cost_curve()

# %% [markdown]
# ## What loss does a new network have?
#
# It knows nothing. If its ten logits are about equal, it gives each class one tenth, and the loss
# is
#
# $$-\ln \tfrac{1}{10} = \ln 10 = 2.303$$
#
# Keep this number. **If the first loss you see is far from ln of the number of classes, something
# is wrong** before training has begun: images not divided by 255, weights too large, a wrong loss.
# If it stays at 2.303, the network is guessing.

# %%
(x_train, y_train), (x_test, y_test) = rendered_digits.load_data(3000, 1000)
x_train, x_test = x_train.reshape(-1, 784) / 255, x_test.reshape(-1, 784) / 255  # (N, D)
print("rendered digits:", x_train.shape, x_test.shape)


def loss_of(w, x, labels):
    """The mean cross-entropy of a dense layer without bias."""
    z = x @ w  # (N, 10)
    values, _ = reference.sparse_softmax_crossentropy_forward(Context(reference), z, labels, None)
    return values.mean()


small = rng.normal(size=(784, 10)) * 0.01
print(f"no weights {loss_of(0 * small, x_train, y_train):.4f}")
print(f"small weights {loss_of(small, x_train, y_train):.4f}")
print(f"the same, images not divided by 255: {loss_of(small, 255 * x_train, y_train):.1f}")
assert round(loss_of(0 * small, x_train, y_train), 4) == round(np.log(10), 4) == 2.3026
assert abs(loss_of(small, x_train, y_train) - 2.303) < 0.1
assert loss_of(small, 255 * x_train, y_train) > 10

# %% [markdown]
# ## Where does NaN come from?
#
# Write softmax and loss as they stand above, feed them a large logit, and watch. (NumPy's warnings
# are switched off here; they are right.)


# %%
def naive_loss(z, label):
    p = np.exp(z) / np.exp(z).sum()
    return -np.log(p[label])


cases = {
    "harmless": (np.array([2.0, 1.0, 0.0]), 0),
    "one logit of 1000, right": (np.array([1000.0, 1.0, 0.0]), 0),
    "one logit of 1000, wrong": (np.array([1000.0, 1.0, 0.0]), 1),
    "all of them -1000": (np.array([-1000.0, -1000.0, -1000.0]), 0),
}
print(f"{'':28}{'naive':>8}{'minicnn':>9}")
with np.errstate(all="ignore"):
    for name, (z, label) in cases.items():
        fused, _ = reference.sparse_softmax_crossentropy_forward(
            Context(reference), z[None], np.array([label]), None
        )
        print(f"{name:28}{naive_loss(z, label):8.3f}{fused[0]:9.3f}")
        assert fused[0] == 999 or "wrong" not in name
    assert np.isnan(naive_loss(*cases["one logit of 1000, right"]))
    assert np.isinf(naive_loss(*cases["one logit of 1000, wrong"]))
    assert np.isnan(naive_loss(*cases["all of them -1000"]))
    assert np.isinf(np.exp(np.float32(89)))

# %% [markdown]
# exp(1000) is larger than any floating-point number: it becomes infinity (*overflow*), and infinity
# divided by infinity is not a number. exp(-1000) is smaller than any: it becomes 0 (*underflow*),
# and 0 / 0 is none either, while ln 0 is minus infinity. One NaN in a loss makes every gradient
# NaN, and after one step all weights. In float32 e⁸⁹ suffices.
#
# The cure has two parts. First, since only differences count, subtract the row's largest logit:
# then the largest exponential is exp(0) = 1, nothing overflows, and the sum is at least 1. Second,
# never form the probability. Take the logarithm of the quotient by hand:
#
# $$-\ln \frac{e^{z_{label}}}{\sum_j e^{z_j}} = \ln \sum_j e^{z_j} - z_{label}$$
#
# There is no ln 0 left. That is why every library computes softmax and cross-entropy together,
# *fused*, from logits. minicnn's:

# %%
show_source(losses, "sparse_softmax_crossentropy_forward")

# %% [markdown]
# In the wrong case above the fused loss is 999: the logit of the right class is behind by so much.
# It even tells how far there is to go.
#
# ## p minus one
#
# The gradient of $\ln \sum_j e^{z_j}$ with respect to $z_k$ is $e^{z_k} / \sum_j e^{z_j}$: that is
# $p_k$ again. The gradient of $-z_{label}$ is -1 at the label and 0 elsewhere. Together:
#
# $$dz = p - \text{onehot}(label)$$
#
# where onehot is 1 at the label and 0 elsewhere. No exponential has to be differentiated, nothing
# is divided. Read it: every wrong class is pushed down by the probability that it claimed; the
# right one is pulled up by what it lacks to 1. (For the mean of N samples, divide by N.)

# %%
z, label = np.array([[2.0, 1.0, -1.0, 0.0]]), np.array([1])
ctx = Context(reference)
values, p = reference.sparse_softmax_crossentropy_forward(ctx, z, label, None)
dz = reference.sparse_softmax_crossentropy_backward(ctx, np.ones(1))
onehot = np.eye(4)[label]
assert np.allclose(dz, p - onehot)
assert abs(dz.sum()) < 1e-12  # what is pushed down equals what is pulled up

h = 1e-6
for k in range(4):
    up, down = z + h * np.eye(4)[k], z - h * np.eye(4)[k]
    slope = (naive_loss(up[0], 1) - naive_loss(down[0], 1)) / (2 * h)
    assert abs(slope - dz[0, k]) < 1e-8
bars({"p": p[0], "onehot, label 1": onehot[0], "dz": dz[0]}, "The gradient is their difference")

# %% [markdown]
# What if softmax and loss are kept apart? A library that is given probabilities must guard the
# logarithm, and keeps p between 0.0000001 and 0.9999999. Then a confident mistake costs at most
# 16.1, and its gradient is **zero**: a clipped number does not move. The sample from which there is
# most to learn teaches nothing.

# %%
z, label = np.array([[50.0, 0.0]]), np.array([1])  # very sure, and wrong
fused_ctx, apart_ctx, softmax_ctx = Context(reference), Context(reference), Context(reference)

fused, _ = reference.sparse_softmax_crossentropy_forward(fused_ctx, z, label, None)
dz_fused = reference.sparse_softmax_crossentropy_backward(fused_ctx, np.ones(1))

p = reference.softmax_forward(softmax_ctx, z, -1)
apart = reference.sparse_categorical_crossentropy_forward(apart_ctx, p, label, None)
dz_apart = reference.softmax_backward(
    softmax_ctx, reference.sparse_categorical_crossentropy_backward(apart_ctx, np.ones(1))
)
print(f"fused: loss {fused[0]:.1f}, gradient {dz_fused[0]}")
print(f"apart: loss {apart[0]:.1f}, gradient {dz_apart[0]}")
assert round(fused[0], 1) == 50.0
assert np.allclose(dz_fused, [[1, -1]])
assert round(apart[0], 1) == 16.1
assert abs(dz_apart).max() < 1e-12

# %% [markdown]
# You may still write `Dense(10, activation="softmax")` with the loss `"categorical_crossentropy"`,
# as Keras programs do: when a model is compiled, minicnn sees the pair and computes it from the
# logits.
#
# A mistake that published tutorials have is **softmax twice**. The model ends in softmax, the loss
# is told that it gets logits, and a second softmax is applied to numbers between 0 and 1. The best
# that ten classes can reach is then e / (e + 9) for the right one, and the loss stops at 1.461.
# Such programs train, only worse.

# %%
perfect = np.eye(10)[3]  # all the probability on the right class
twice = np.exp(perfect) / np.exp(perfect).sum()
print(f"softmax of a perfect answer: {twice[3]:.3f}, its loss {-np.log(twice[3]):.3f}")
assert round(-np.log(twice[3]), 3) == 1.461

# %%
import warnings

from minicnn.layers import Dense, Input
from minicnn.losses import SparseCategoricalCrossentropy
from minicnn.models import Sequential

model = Sequential([Input((4,)), Dense(10, activation="softmax")])
model.compile(loss=SparseCategoricalCrossentropy(from_logits=True))
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    model.evaluate(np.zeros((1, 4)), np.array([3]), verbose=0)
print(seen[0].message)
assert "does not represent logits" in str(seen[0].message)

# %% [markdown]
# Where minicnn sees the pair, as here, it warns and computes the loss from the real logits. It
# cannot see a softmax that hides in your own code. A loss that falls to 1.46 and no further is the
# sign.
#
# ## A layer that learns
#
# A dense layer and this loss already are a classifier. Train one on rendered digits, with nothing
# but what this chapter showed: forward, backward, a step against the gradient.

# %%
w, b = np.zeros((784, 10)), np.zeros(10)
dw, db = np.empty_like(w), np.empty_like(b)
history = []
for _ in range(150):
    dense_ctx, loss_ctx = Context(reference), Context(reference)
    z = reference.dense_forward(dense_ctx, x_train, w, b)  # (N, 10)
    values, _ = reference.sparse_softmax_crossentropy_forward(loss_ctx, z, y_train, None)
    history.append(values.mean())
    dz = reference.sparse_softmax_crossentropy_backward(loss_ctx, np.full(len(z), 1 / len(z)))
    dense_ctx.need_dx = False  # nobody changes the images
    reference.dense_backward(dense_ctx, dz, w, dw, db)
    w -= 0.3 * dw
    b -= 0.3 * db

right = ((x_test @ w + b).argmax(axis=1) == y_test).mean()
print(f"loss at first {history[0]:.4f}, at last {history[-1]:.3f}")
print(f"{right:.1%} of the test images right")
assert round(history[0], 4) == 2.3026  # no weights: ln 10, exactly
assert history[-1] < 0.8
assert right > 0.7

plots.compare_histories(
    {"one dense layer": history}, xlabel="step", title="The loss starts at ln 10"
)

# %% [markdown]
# Every unit has one weight for each pixel, so that its weights can be drawn as an image. Red pixels
# speak for the class, blue ones against it.

# %%
plots.side_by_side({f"{k}": w[:, k].reshape(28, 28) for k in range(10)}, columns=5)

# %% [markdown]
# Ghosts of the digits: red where this digit has ink and others have none, blue where others have
# it. The layer knows *where* ink should be, and nothing about edges or strokes; a digit that is
# shifted by three pixels meets the wrong weights. The convolutions in front of it, chapter 8, cure
# that.
#
# ## Exercises
#
# ### 1. The dense layer's gradients
#
# `x` (N, D), `w` (D, U), `dy` (N, U). Return (dx, dw, db). Stuck? `hint("dense_backward")`


# %%
def my_dense_backward(x, w, dy):
    pass  # your code here


check(my_dense_backward)

# %% [markdown]
# ### 2. Softmax
#
# `z` (N, K), softmax along each row. It has to survive logits of 1000. Stuck? `hint("softmax")`


# %%
def my_softmax(z):
    pass  # your code here


check(my_softmax)

# %% [markdown]
# ### 3. Cross-entropy
#
# `z` (N, K), `labels` (N,) whole numbers. Return the mean loss, one number, finite whatever the
# logits are. Stuck? `hint("crossentropy")`


# %%
def my_crossentropy(z, labels):
    pass  # your code here


check(my_crossentropy)

# %% [markdown]
# ### 4. Its gradient
#
# The gradient dz (N, K) of that mean. Stuck? `hint("crossentropy_gradient")`


# %%
def my_crossentropy_gradient(z, labels):
    pass  # your code here


check(my_crossentropy_gradient)

# %% [markdown]
# Solutions: [solutions/05_softmax_and_crossentropy.py](../solutions/05_softmax_and_crossentropy.py)
#
# ## What to take along
#
# * A dense layer is a convolution with one window. Its gradients are those of chapter 3.
# * Softmax: exponentials over their sum. Only differences of logits count.
# * A fresh network with K classes has the loss ln K; with ten, 2.303.
# * Compute loss and softmax together, from logits, with the maximum subtracted: no NaN.
# * The gradient is p minus one at the label, p elsewhere.
#
# ## Where this comes from
#
# * J. Bridle, *Probabilistic interpretation of feedforward classification network outputs*, in
#   Neurocomputing, NATO ASI Series (1990): softmax, and its pairing with this loss.
# * P. Blanchard, D. Higham and N. Higham, *Accurately computing the log-sum-exp and softmax
#   functions*, IMA Journal of Numerical Analysis 41 (2021).
# * C. Bishop, *Pattern Recognition and Machine Learning* (2006), section 4.3: the classifier at the
#   end of this chapter.
# * I. Goodfellow, Y. Bengio and A. Courville, *Deep Learning* (2016), sections 4.1 and 6.2.2:
#   overflow, and why the logarithm undoes the exponential.
#
# Next: [6. Is it right?](06_gradient_checking.ipynb)
