# %% [markdown]
# # 10. Looking inside
#
# A trained network is a long list of numbers, and every one of them can be looked at. In this
# chapter you follow one image through all layers, take single numbers apart into the products
# they are made of, ask which pixels an answer depends on, and find out why a wrong answer is
# wrong.
#
# **What you will be able to do**
#
# * trace an image through a network, forward and back, and recompute any number you see by hand;
# * say how much of the image one number can see, and check it;
# * read feature maps, saliency and occlusion maps, and know what each does not tell;
# * explain a mistake down to the units that voted for it.
#
# **Before**: chapters 1, 4, 5 and 8.
#
# **Time**: 17 minutes to read, 15 seconds to run.

# %%
import sys

if "google.colab" in sys.modules:  # on Colab the package has to be installed first
    import subprocess

    where = "git+https://github.com/YOUR-NAME/minicnn"  # the address of this repository
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", where], check=True)

# %%
import numpy as np

import minicnn
from minicnn import plots, tracing, utils
from minicnn.datasets import DownloadError, mnist, rendered_digits
from minicnn.exercises import check, hint
from minicnn.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from minicnn.models import Sequential
from minicnn.drawing.style import BLUE, VERMILION, Picture, show_image, styled

# %% [markdown]
# ## A network to look into
#
# Chapter 8's network, smaller and without dropout, trained for a few seconds. Its layers get
# names, so that you can ask for them.

# %%
try:
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    data = "MNIST"
except DownloadError:
    (x_train, y_train), (x_test, y_test) = rendered_digits.load_data(20_000, 10_000)
    data = "rendered digits, as MNIST cannot be had here"
x_train = np.divide(x_train[:20_000, ..., None], 255, dtype="float32")  # (20000, 28, 28, 1)
x_test = np.divide(x_test[..., None], 255, dtype="float32")  # (10000, 28, 28, 1)
y_train, y_test = y_train[:20_000].astype(int), y_test.astype(int)

utils.set_random_seed(7)
model = Sequential(
    [
        Input((28, 28, 1)),
        Conv2D(8, (5, 5), activation="relu", name="conv_1"),
        MaxPooling2D((2, 2), name="pool_1"),
        Conv2D(16, (5, 5), activation="relu", name="conv_2"),
        MaxPooling2D((2, 2), name="pool_2"),
        Flatten(name="flatten"),
        Dense(32, activation="relu", name="dense"),
        Dense(10, activation="softmax", name="output"),
    ]
)
model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=64, epochs=4, verbose=0)
accuracy = model.evaluate(x_test, y_test, batch_size=500, verbose=0)[1]
print(f"{data}: test accuracy {accuracy:.1%}")
assert accuracy > 0.96

# %% [markdown]
# ## One image, every layer
#
# What happens to an image on its way? `minicnn.trace` runs the network forward on one image and
# then back, from the highest logit to the image, and keeps every array. Sizes shrink along height
# and width and grow along the channels: from where to what.

# %%
number = int(np.flatnonzero(y_test == 3)[0])  # the first 3 among the test images
image = x_test[number]  # (28, 28, 1)
trace = minicnn.trace(model, image)
print(trace)

# %%
plots.all_layers(trace)

# %% [markdown]
# Read it from top to bottom. The first feature maps are the image in other lights: many filters
# brighten strokes of one direction. After the second convolution the digit can hardly be made
# out; what is left says where in the image which piece of a digit was found. The dense layer has
# no places any more, and the output is one number a digit.
#
# ## One number, taken apart
#
# Is it really only products and sums? Pick the strongest number of the first convolution and take
# it apart, as in chapter 1.

# %%
first = trace["conv_1"]
row, column, channel = np.unravel_index(first.y.argmax(), first.y.shape)
e = trace.explain("conv_1", int(row), int(column), int(channel))
print(e)
assert np.isclose(e.products.sum() + e.bias, e.before)
assert np.isclose(max(e.before, 0), first.y[row, column, channel], rtol=1e-4)

# %%
e.plot()

# %% [markdown]
# The window times the filter, 25 products, their sum and the bias: that is the number in the
# feature map. Any number of any layer can be taken apart like this,
# `trace.explain("pool_1", 5, 6, 0)` or `trace.explain("dense", 12)`.
#
# ## How far does one number see?
#
# A number behind the first convolution depends on 5×5 pixels. And one behind the second pooling?
# Its *receptive field* is the part of the image that can influence it. Walk through the layers
# and keep two numbers: the size of the field, and how many pixels apart two neighbours of the
# current layer are. A window of k numbers takes in k − 1 more neighbours, each that far apart; a
# stride makes neighbours lie further apart.
#
# | layer | window | stride | field | apart |
# |---|---|---|---|---|
# | image | | | 1 | 1 |
# | conv_1 | 5 | 1 | 1 + 4 · 1 = 5 | 1 |
# | pool_1 | 2 | 2 | 5 + 1 · 1 = 6 | 2 |
# | conv_2 | 5 | 1 | 6 + 4 · 2 = 14 | 2 |
# | pool_2 | 2 | 2 | 14 + 1 · 2 = 16 | 4 |
#
# So each of the 4×4 places behind the second pooling sees 16×16 pixels, and the one in row 1,
# column 2 those from row 4 and column 8 on. Test it: change everything outside, and the number
# must stay.

# %%
noise = np.random.default_rng(7).random(image.shape, dtype="float32")
outside = noise.copy()
outside[4:20, 8:24] = image[4:20, 8:24]  # the field is as it was, the rest is noise
inside = image.copy()
inside[4:20, 8:24] = noise[4:20, 8:24]
before = trace["pool_2"].y[1, 2]  # (16,)
same = minicnn.trace(model, outside)["pool_2"].y[1, 2]
other = minicnn.trace(model, inside)["pool_2"].y[1, 2]
print(f"noise outside the field changes it by {np.abs(same - before).max():.1e},",
      f"inside by {np.abs(other - before).max():.1e}")  # fmt: skip
assert np.allclose(same, before, atol=1e-4)
assert np.abs(other - before).max() > 0.1

# %% [markdown]
# ## What does a filter look for?
#
# The filter's weights say it for the first layer; deeper ones are hard to read. Ask the images
# instead: among all windows of 500 test images, which excite a feature map the most?


# %%
def feature_maps_of(images, layers):
    """The output of the first layers of the model, for many images at once."""
    y = images
    for layer in model.layers[:layers]:
        y = layer(y)
    return y


some = x_test[:500]
maps = feature_maps_of(some, layers=3)  # behind conv_2 (500, 8, 8, 16), field 14, 2 pixels apart
assert np.allclose(feature_maps_of(image[None], 3)[0], trace["conv_2"].y, atol=1e-4)


@styled
def draw_favourites(channels, each=8):
    figure = Picture(figsize=(1.25 * each, 1.35 * len(channels) + 0.6))
    figure.suptitle("What excites eight maps of conv_2 the most", x=0.01, ha="left",
                    fontsize=16, fontweight="bold")  # fmt: skip
    axes = figure.subplots(len(channels), each)
    for line, channel in zip(axes, channels, strict=True):
        best = maps[..., channel].max(axis=(1, 2)).argsort()[::-1][:each]  # one window an image
        for cell, n in zip(line, best, strict=True):
            h, w = np.unravel_index(maps[n, ..., channel].argmax(), maps.shape[1:3])
            show_image(cell, some[n, 2 * h : 2 * h + 14, 2 * w : 2 * w + 14])
        line[0].set_ylabel(f"map {channel}", fontsize=12)
    return figure


strongest = maps.max(axis=(0, 1, 2)).argsort()[::-1][:8]
draw_favourites(sorted(int(c) for c in strongest))

# %% [markdown]
# Each row holds the windows that one feature map answers most strongly, one from each of eight
# images. Look along a row: the same piece of a digit again and again, such as an upright stroke,
# a slanted one, an arch. That is what such a unit has learned to find, and nobody told it to.
#
# ## Which pixels matter? Saliency
#
# The backward pass gives the gradient of a logit with respect to every pixel: how much the score
# would change if the pixel did, a little. Its size is the *saliency map*. It costs one backward
# pass.

# %%
plots.saliency(model, image)

# %% [markdown]
# A gradient is a slope, so check it as in chapter 6: change one pixel a little up and a little
# down.

# %%
h, w = np.unravel_index(np.abs(trace.dimage[..., 0]).argmax(), (28, 28))
up, down = image.copy(), image.copy()
up[h, w] += 0.01
down[h, w] -= 0.01
logit = int(trace.logits.argmax())
slope = (minicnn.trace(model, up).logits[logit] - minicnn.trace(model, down).logits[logit]) / 0.02
print(f"pixel ({h}, {w}): gradient {trace.dimage[h, w, 0]:.4f}, measured {slope:.4f}")
assert np.isclose(trace.dimage[h, w, 0], slope, rtol=0.2)

# %% [markdown]
# The two need not agree to all digits: the network is made of ReLUs and maxima, and a step may
# cross a kink.
#
# A saliency map tells where the score is *sensitive*. That is not the same as where the evidence
# is: a pixel of paper can be sensitive because ink there would speak for another digit.
#
# ## Which part is needed? Occlusion
#
# Cover a square of the image, ask again, and see how the probability changes; then move the
# square. It costs one forward pass a place, and it needs no gradient.

# %%
plots.occlusion(model, image, size=7)

# %% [markdown]
# Blue where covering lowers the probability: something there is needed. It is a larger change
# than a gradient's, and a cruder question. A covered part makes an image that the network has
# never seen, and what it then says may be about the square as much as about the digit.

# %%
map_ = tracing.occlusion_map(model, image, size=7)  # (28, 28), probability of the class
sure = float(trace.output.max())
place = tuple(int(k) for k in np.unravel_index(map_.argmin(), map_.shape))
print(f"probability {sure:.3f}; with the square around {place} covered {map_.min():.3f}")
assert map_.min() < sure
assert np.isclose(map_[0, 0], sure, atol=0.05)  # nothing but paper in the corner

# %% [markdown]
# ## A mistake, explained
#
# Take the mistake that the network is surest of. Why does it say what it says?

# %%
p = model.predict(x_test, batch_size=500, verbose=0)  # (10000, 10)
answer = p.argmax(axis=1)
mistakes = np.flatnonzero(answer != y_test)
worst = mistakes[p[mistakes].max(axis=1).argmax()]
said, truth = int(answer[worst]), int(y_test[worst])
wrong = minicnn.trace(model, x_test[worst])
print(
    f"{len(mistakes)} mistakes; the surest: a {truth} taken for a {said} with {p[worst, said]:.1%}"
)
plots.prediction_grid(x_test[[worst]], y_test[[worst]], p[[worst]])

# %% [markdown]
# The last layer is a vote. The logit of a digit is the sum over the 32 units of the dense layer,
# output times weight, plus a bias. So the lead of the wrong digit over the right one is a sum of
# 32 differences, one a unit, and can be laid open:
#
# $$z_\text{said} - z_\text{truth} = \sum_u h_u\, (w_{u,\text{said}} - w_{u,\text{truth}})
# + b_\text{said} - b_\text{truth}$$

# %%
h = wrong["dense"].y  # (32,)
w, b = wrong["output"].weights["kernel"], wrong["output"].weights["bias"]  # (32, 10), (10,)
votes = h * (w[:, said] - w[:, truth])  # (32,)
lead = wrong.logits[said] - wrong.logits[truth]
print(f"lead of the {said}: {lead:.3f} = units {votes.sum():.3f} + biases {b[said] - b[truth]:.3f}")
assert np.isclose(votes.sum() + b[said] - b[truth], lead, atol=1e-3)


# %%
@styled
def draw_votes(most=10):
    order = np.abs(votes).argsort()[::-1][:most]
    figure = Picture(figsize=(10, 4.2))
    axes = figure.add_subplot()
    colors = [VERMILION if votes[u] > 0 else BLUE for u in order]
    axes.bar(range(most), votes[order], color=colors)
    axes.axhline(0, color="black", lw=1)
    axes.set_xticks(range(most), [str(u) for u in order])
    axes.set(xlabel="unit of the dense layer", ylabel="share in the lead")
    axes.set_title(f"Votes for {said} (up) and for {truth} (down)")
    return figure


draw_votes()

# %% [markdown]
# Up are the units that spoke for the wrong digit, down those that spoke for the right one. Which
# part of the image moved the vote? Cover a square and look at the lead instead of the
# probability:

# %%
SIZE = 5
covered = np.repeat(x_test[worst][None], 24 * 24, axis=0).reshape(24, 24, 28, 28, 1)
for i in range(24):
    for j in range(24):
        covered[i, j, i : i + SIZE, j : j + SIZE] = 0
q = model.predict(covered.reshape(-1, 28, 28, 1), batch_size=576, verbose=0).reshape(24, 24, 10)
log_q = np.log(np.maximum(q, 1e-30))
leads = log_q[..., said] - log_q[..., truth]  # (24, 24): differences of logits, softmax undone
i, j = np.unravel_index(leads.argmin(), leads.shape)
print(f"the lead falls from {lead:.2f} to {leads.min():.2f} with rows {i} to {i + SIZE - 1},",
      f"columns {j} to {j + SIZE - 1} covered; the answer is then {q[i, j].argmax()}")  # fmt: skip
assert leads.min() < lead


# %%
@styled
def draw_correction():
    figure = Picture(figsize=(11, 3.9))
    axes = figure.subplots(1, 3)
    show_image(axes[0], x_test[worst])
    axes[0].set_title(f"a {truth}, taken for {said}", fontsize=13)
    reach = np.abs(leads - lead).max()
    shown = axes[1].imshow(leads - lead, cmap="RdBu_r", vmin=-reach, vmax=reach)
    axes[1].set_title(f"change of the {said}'s lead", fontsize=13)
    axes[1].set(xlabel="left column of the square", ylabel="its top row")
    figure.colorbar(shown, ax=axes[1], shrink=0.85)
    show_image(axes[2], covered[i, j])
    axes[2].set_title(f"covered there: {q[i, j].argmax()}", fontsize=13)
    return figure


draw_correction()

# %% [markdown]
# Blue in the middle: with the square there the wrong digit loses its lead, so there lies what
# misled the network. Red: there lies what speaks for the right digit, and without it the lead
# grows. If this is a way of writing that few training images show, the remedy is more of them; if
# the image is hard for you too, there may be none.
#
# ## Exercises
#
# ### 1. The receptive field
#
# `my_receptive_field(steps)` returns how many pixels, along one axis, one number depends on.
# `steps` holds (window, stride) of each layer, the first one first. Stuck?
# `hint("receptive_field")`


# %%
def my_receptive_field(steps): ...


check(my_receptive_field)

# %% [markdown]
# ### 2. Occlusion
#
# `my_occlusion(score, image, size, stride)` covers image (H, W, C) with a square of zeros at
# every multiple of stride where it fits, and returns how far `score(image)`, a number, drops for
# each. Stuck? `hint("occlusion")`


# %%
def my_occlusion(score, image, size, stride): ...


check(my_occlusion)

# %% [markdown]
# Solutions: [solutions/10_looking_inside.py](../solutions/10_looking_inside.py)
#
# ## What to take along
#
# * Every number in a network can be taken apart into products you can check.
# * The receptive field grows by (window − 1) times the product of the strides in front.
# * Saliency asks how the score would change with each pixel, occlusion what is lost without a
#   part. Neither is "the reason" by itself.
# * A lead in the last layer is a sum of votes; it can be laid open unit by unit.
#
# ## Where this comes from
#
# Saliency: Simonyan, Vedaldi and Zisserman (2014), arXiv:1312.6034. Occlusion and the windows
# that excite a unit: Zeiler and Fergus (2014), ECCV. Why maps deserve distrust: Adebayo and
# others (2018), "Sanity Checks for Saliency Maps", NeurIPS. Receptive fields: Araujo, Norris and
# Sim (2019), Distill.
#
# Next: [11. Fast](11_fast.ipynb)
