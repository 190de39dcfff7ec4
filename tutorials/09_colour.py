# %% [markdown]
# # 9. Colour and overfitting
#
# Photographs are harder than digits. On MNIST a small network is right 99 times in 100; on
# CIFAR-10, ten kinds of things in 32×32 pixels, the same kind of network learns its training
# images by heart and knows far less about new ones. This chapter shows that gap and measures
# three remedies: dropout, batch normalisation and augmentation.
#
# **What you will be able to do**
#
# * recognise overfitting by the gap between training and held-out images;
# * say what dropout, batch normalisation and augmentation do in training and in inference;
# * compare networks fairly, and read the comparison with care.
#
# **Before**: chapter 8.
#
# **Time**: 15 minutes to read, 40 seconds to run.

# %%
import sys

if "google.colab" in sys.modules:  # on Colab the package has to be installed first
    import subprocess

    where = "git+https://github.com/YOUR-NAME/minicnn"  # the address of this repository
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", where], check=True)

# %%
import os

import numpy as np

from minicnn import plots, utils
from minicnn.backends.reference import normalization
from minicnn.datasets import DownloadError, cifar10, rendered_digits
from minicnn.exercises import check, hint, show_source
from minicnn.layers import (
    Activation, BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D,
    RandomFlip, RandomTranslation,
)  # fmt: skip
from minicnn.models import Sequential
from minicnn.optimizers import Adam
from minicnn.optimizers.schedules import CosineDecay
from minicnn.drawing.style import BLUE, QUIET, VERMILION, Picture, show_image, styled

# True trains longer; `make tutorials ARGS="9 --full"` sets it
FULL = os.environ.get("MINICNN_TUTORIALS_FULL") == "1"

# %% [markdown]
# ## The data
#
# *CIFAR-10* holds colour photographs of 32×32 pixels: three channels, red, green and blue. It is
# a file of 170 MB. Where it is neither found nor to be had from the network, the chapter goes on
# with digits that are drawn in colour on colourful grounds. They show the same code at work, but
# they are an easier task, and the figures of this text are CIFAR-10's.


# %%
def coloured_digits(count, seed):
    """Drawn digits (N, 32, 32, 3) uint8: ink of one colour on a ground that changes colour."""
    (ink, labels), _ = rendered_digits.load_data(count, 0, seed)
    ink = np.pad(ink, ((0, 0), (2, 2), (2, 2)))[..., None] / 255  # (N, 32, 32, 1)
    rng = np.random.default_rng(seed)
    corners = rng.random((count, 2, 2, 3))  # a colour for each corner of the ground
    t = np.linspace(0, 1, 32)
    weights = np.stack([1 - t, t])  # (2, 32)
    ground = np.einsum("nijc,ih,jw->nhwc", corners, weights, weights)  # (N, 32, 32, 3)
    colour = rng.random((count, 1, 1, 3))
    return (255 * (ink * colour + (1 - ink) * ground)).astype(np.uint8), labels


count, held_out, epochs = (20_000, 5_000, 15) if FULL else (1_500, 1_000, 20)
try:
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    data = "CIFAR-10"
    names = (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )
except DownloadError:
    x_train, y_train = coloured_digits(count, seed=0)
    x_test, y_test = coloured_digits(held_out, seed=1)
    data = "digits drawn in colour, as CIFAR-10 cannot be had here"
    names = tuple("0123456789")
x_train = np.divide(x_train[:count], 255, dtype="float32")  # (N, 32, 32, 3), in 0..1
x_test = np.divide(x_test[:held_out], 255, dtype="float32")
y_train, y_test = y_train[:count].ravel().astype(int), y_test[:held_out].ravel().astype(int)
print(f"{data}: {len(x_train):,} images to learn from, {len(x_test):,} held out, {epochs} epochs")


# %%
@styled
def draw_images(images, titles, columns=8, title=None):
    rows = -(-len(images) // columns)
    figure = Picture(figsize=(1.6 * columns, 1.9 * rows + (0.5 if title else 0)))
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=16, fontweight="bold")
    for i, (image, text) in enumerate(zip(images, titles, strict=True), 1):
        axes = figure.add_subplot(rows, columns, i)
        show_image(axes, image)
        axes.set_title(text, fontsize=12, fontweight="normal")
    return figure


draw_images(x_train[:16], [names[y] for y in y_train[:16]], title="Sixteen training images")

# %% [markdown]
# So few pixels, and so much that does not matter: the colour of the sky, the side a horse looks
# to, where in the frame it stands. With 1,500 images, 150 of a kind, a network with a hundred
# thousand weights can find accidents that happen to tell these images apart. So few images make
# the effect plain, and training short; the end of the chapter tells what 20,000 change.
#
# ## One network, three switches
#
# What is to be compared? Three convolutions as in the networks of many tutorials, each with ReLU
# and pooling. Each remedy can be switched on by itself, and all else stays as it is: learning
# rate, batches, number of steps. What differs besides is chance: the first weights and the order
# of the images are drawn anew.


# %%
def network(dropout=False, batchnorm=False, augmentation=False):
    layers = [Input((32, 32, 3))]
    if augmentation:
        if data == "CIFAR-10":
            layers.append(
                RandomFlip("horizontal")
            )  # a mirrored 2 is no digit, a mirrored dog a dog
        layers.append(RandomTranslation(0.1, 0.1))
    for filters in (32, 64, 64):
        layers.append(Conv2D(filters, (3, 3), padding="same"))
        if batchnorm:
            layers.append(BatchNormalization(momentum=0.9))
        layers += [Activation("relu"), MaxPooling2D((2, 2))]
    layers.append(Flatten())
    if dropout:
        layers.append(Dropout(0.5))
    return Sequential([*layers, Dense(64, activation="relu"), Dense(10, activation="softmax")])


def train(**switches):
    """Train one network; its history, with its accuracy on training images afterwards."""
    utils.set_random_seed(0)
    model = network(**switches)
    rate = CosineDecay(0.002, epochs * -(-count // 64))
    model.compile(Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        x_train, y_train, epochs=epochs, batch_size=64, validation_data=(x_test, y_test), verbose=0
    ).history
    seen = model.evaluate(x_train[:held_out], y_train[:held_out], batch_size=500, verbose=0)[1]
    print(
        f"{seen:6.1%} of training images right, {history['val_accuracy'][-1]:6.1%} of held-out ones"
    )
    return model, history, seen


plain, plain_history, plain_seen = train()
assert plain.count_params() > 100_000

# %%
plots.training_curves(plain_history)

# %% [markdown]
# Compare the two accuracies printed above. Both are taken in inference, after training; the only
# difference is whether the network has learned from the images. What it gets right beyond the
# held-out accuracy is learned by heart. That difference is the *generalisation gap*, and a
# network whose gap grows while it trains is *overfitting*. Train this one longer on all images
# and it becomes nearly perfect on those it knows: after 30 epochs on 40,000 images it was right
# on 98.9 % of its training images and on 72.6 % of others, and its loss on the others, lowest at
# 0.84, had gone up to 1.52.

# %%
if data == "CIFAR-10":
    assert plain_seen > plain_history["val_accuracy"][-1] + 0.15

# %% [markdown]
# ## Dropout: no unit can rely on another
#
# *Dropout* sets each entry of its input to 0 with probability 0.5 (its *rate*), anew in every
# step. A unit behind it cannot lean on one particular input, since that may be missing. What is
# kept is divided by 1 − rate, so that sums behind it keep their mean; then inference needs no
# correction and uses everything.

# %%
ones = np.ones((1, 10_000), "float32")
in_training, in_inference = Dropout(0.5, seed=1)(ones, training=True), Dropout(0.5)(ones)
print("values in training:", np.unique(in_training), "mean:", in_training.mean())
print("values in inference:", np.unique(in_inference))
assert set(np.unique(in_training)) == {0.0, 2.0}
assert abs(in_training.mean() - 1) < 0.05
assert (in_inference == 1).all()

dropout, dropout_history, dropout_seen = train(dropout=True)

# %% [markdown]
# The way back is the same mask once more: an entry that was dropped did not influence the loss,
# so its gradient is 0; the others get theirs times 1 / (1 − rate).
#
# ## Augmentation: more images from the ones there are
#
# A dog that looks left is a dog when it looks right, and a dog two pixels further down.
# *Augmentation* shows each image a little differently in every epoch: mirrored with probability
# 1/2, and shifted by up to 10 % in each direction. Such layers work in training only. Choose them
# by what must not change the class: a mirrored 2 is no digit at all, and a 6 upside down is a 9.

# %%
one = np.repeat(x_train[:1], 8, axis=0)  # (8, 32, 32, 3): the same image eight times
changed = one
if data == "CIFAR-10":
    changed = RandomFlip("horizontal", seed=3)(changed, training=True)
changed = RandomTranslation(0.1, 0.1, seed=3)(changed, training=True)
assert np.array_equal(
    RandomTranslation(0.1, 0.1)(one, training=False), one
)  # inference: nothing happens
draw_images(
    [one[0], *changed[:7]], ["as it is", *(f"epoch {i}" for i in range(1, 8))],
    title="One image, as seven epochs might show it",
)  # fmt: skip

# %% [markdown]
# At the edges where nothing came from, the image is reflected.

# %%
augmented, augmented_history, augmented_seen = train(augmentation=True)

# %% [markdown]
# ## Batch normalisation: every channel on the same scale
#
# While a network trains, the inputs of its later layers keep changing their size, because the
# layers in front of them learn. *Batch normalisation* takes each channel, subtracts its mean over
# the batch and all places, and divides by its standard deviation; then it scales by a learned
# gamma and shifts by a learned beta, so that nothing is lost that the network needs.

# %%
show_source(normalization, "batchnorm_forward")

# %% [markdown]
# In inference there may be one image only, and its answer must not depend on its neighbours in a
# batch. So training keeps moving averages of means and variances, and inference uses these. It is
# the one layer of this course that computes something else in inference because it has to; forget
# the difference (a `training` left on) and predictions change with the batch they are in.

# %%
rng = np.random.default_rng(7)
x = rng.normal(size=(64, 8, 8, 6)) * [0.2, 1, 3, 0.5, 2, 5] + [4, -1, 0, 2, -6, 1]  # (N, H, W, C)
x = x.astype("float32")
y = BatchNormalization()(x, training=True)
assert np.abs(y.mean(axis=(0, 1, 2))).max() < 1e-3
assert np.abs(y.std(axis=(0, 1, 2)) - 1).max() < 0.02


@styled
def draw_channels():
    figure = Picture(figsize=(11, 3.6))
    for i, (name, values) in enumerate((("before", x), ("after", y)), 1):
        axes = figure.add_subplot(1, 2, i)
        mean, std = values.mean(axis=(0, 1, 2)), values.std(axis=(0, 1, 2))
        axes.errorbar(range(6), mean, std, fmt="o", color=BLUE, capsize=5, lw=2)
        axes.axhline(0, color=QUIET, lw=1, ls=":")
        axes.set(ylim=(-9, 9), xlabel="channel", xticks=range(6))
        axes.set_title(f"{name} batch normalisation", fontsize=13)
        if i == 1:
            axes.set_ylabel("mean ± standard deviation")
    return figure


draw_channels()

# %% [markdown]
# Six channels of six sizes go in; six come out that the next layer can treat alike. (How far this
# explains why it helps is still argued about; that it lets networks learn faster is not.)

# %%
normalised, normalised_history, normalised_seen = train(batchnorm=True)
everything, everything_history, everything_seen = train(
    dropout=True, batchnorm=True, augmentation=True
)

# %% [markdown]
# ## What did each bring?

# %%
histories = {
    "plain": plain_history,
    "dropout": dropout_history,
    "augmentation": augmented_history,
    "batch norm.": normalised_history,
    "all three": everything_history,
}
seen = dict(zip(histories, (plain_seen, dropout_seen, augmented_seen, normalised_seen,
                            everything_seen), strict=True))  # fmt: skip
new = {name: history["val_accuracy"][-1] for name, history in histories.items()}
print(f"{data}, {count:,} images, {epochs} epochs    training  held out   gap")
for name in histories:
    print(f"   {name:40} {seen[name]:6.1%} {new[name]:9.1%} {seen[name] - new[name]:6.1%}")

if data == "CIFAR-10":
    for name in ("dropout", "augmentation", "all three"):
        assert seen[name] - new[name] < seen["plain"] - new["plain"], name
    assert new["batch norm."] == max(new.values())
    if not FULL:
        assert new["all three"] > new["plain"]
    assert seen["batch norm."] == max(seen.values()) > 0.85

plots.compare_histories(histories, key="val_accuracy", title="Held-out accuracy")


# %%
@styled
def draw_gaps():
    figure = Picture(figsize=(9, 4.2))
    axes = figure.add_subplot()
    for place, name in enumerate(histories):
        axes.plot([new[name], seen[name]], [place, place], color=QUIET, lw=3, zorder=1)
        axes.plot(
            new[name], place, "s", color=VERMILION, ms=11, label="held out" if not place else None
        )
        axes.plot(
            seen[name], place, "o", color=BLUE, ms=11, label="training" if not place else None
        )
    axes.set_yticks(range(len(histories)), list(histories))
    axes.set_ylim(len(histories) - 0.5, -0.5)  # the first on top
    axes.set_title("The gap: what was learned by heart")
    axes.set_xlabel("share of images that are right")
    axes.xaxis.set_major_formatter(lambda v, _: f"{v:.0%}")
    axes.grid(axis="x")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


draw_gaps()

# %% [markdown]
# Read both columns. With 1,500 images and twenty epochs:
#
# * **Dropout** closes a third of the gap, and loses nothing by it.
# * **Augmentation** closes most of the gap. But the held-out accuracy does not rise with it: it
#   makes learning harder, and twenty epochs are too few to make up for that. A smaller gap is no
#   achievement by itself; a network that has learned nothing has none.
# * **Batch normalisation** learns fastest by far, and learns by heart fastest, too: nearly every
#   training image is right. It has the widest gap, and the best accuracy on new images.
# * **All three together** have one of the narrowest gaps, and are right more often than the plain
#   network on new images.
#
# And with more images? The same networks with 20,000 images, 5,000 held out and fifteen epochs,
# which is what `make tutorials ARGS="9 --full"` trains (measured once, on CIFAR-10's training
# images):
#
# | | training | held out | gap |
# |---|---|---|---|
# | plain | 86.3 % | 68.4 % | 17.9 |
# | dropout | 77.6 % | 67.2 % | 10.4 |
# | augmentation | 74.2 % | 69.5 % | 4.7 |
# | batch norm. | 97.5 % | 73.3 % | 24.2 |
# | all three | 75.5 % | 72.0 % | 3.5 |
#
# Every network is far better on new images than with 1,500, and every gap is narrower: images are
# the best remedy there is. Augmentation, which cost three points with few images and little time,
# costs nothing any more: its harder images pay when training is long enough to learn from them.
# Dropout closes its part of the gap again, and still gains nothing here. All three together come
# close to batch normalisation alone, with a gap of 3.5 points instead of 24: they have room left
# to learn, where it has learned nearly all its images by heart.
#
# How much of such a difference is chance? With 1,000 held-out images an accuracy near 50 % has a
# standard error of $\sqrt{0.5 \cdot 0.5 / 1000} = 1.6$ percentage points from the choice of the
# images alone, and another seed of the weights adds to it. Differences of two points say little
# here; with 5,000 images the standard error is still 0.7 points.

# %%
assert round(np.sqrt(0.5 * 0.5 / 1000), 3) == 0.016

# %% [markdown]
# ## Exercises
#
# ### 1. Batch normalisation
#
# `my_batchnorm(x, gamma, beta)` normalises x (N, H, W, C) as in training, with epsilon = 1e-3;
# gamma and beta are (C,). Stuck? `hint("batchnorm")`


# %%
def my_batchnorm(x, gamma, beta): ...


check(my_batchnorm)

# %% [markdown]
# ### 2. Dropout
#
# `my_dropout(x, u, rate, training)`: u holds a random number from [0, 1) for each entry of x. In
# training an entry whose number is below the rate becomes 0, the others are divided by 1 − rate;
# in inference x comes back. Stuck? `hint("dropout")`


# %%
def my_dropout(x, u, rate, training): ...


check(my_dropout)

# %% [markdown]
# ### 3. Mirror images
#
# `my_flip(x, coins)` mirrors, left to right, the images of x (N, H, W, C) whose coin (N,) is
# True. Stuck? `hint("flip")`


# %%
def my_flip(x, coins): ...


check(my_flip)

# %% [markdown]
# Solutions: [solutions/09_colour.py](../solutions/09_colour.py)
#
# ## What to take along
#
# * The generalisation gap is the accuracy on training images, taken in inference, less that on
#   others.
# * Dropout and augmentation make learning by heart harder, and cost epochs. Batch normalisation
#   makes learning faster.
# * All three behave differently in training and in inference.
# * Compare with everything else equal, and know how much of a difference chance alone makes.
#
# ## Where this comes from
#
# Dropout: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), JMLR 15. Batch
# normalisation: Ioffe and Szegedy (2015), ICML; why it helps: Santurkar, Tsipras, Ilyas and Madry
# (2018), NeurIPS. CIFAR-10: Krizhevsky (2009), "Learning Multiple Layers of Features from Tiny
# Images", technical report.
#
# Next: [10. Looking inside](10_looking_inside.ipynb)
