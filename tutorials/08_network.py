# %% [markdown]
# # 8. The whole network
#
# Seven chapters made the parts: convolution, ReLU, max-pooling, dense layers, softmax with
# cross-entropy, Adam. Here they become one network that reads handwritten digits and is right 99
# times in 100. Then you look at how it learned and where it still fails.
#
# **What you will be able to do**
#
# * build a CNN with `Sequential` and predict every shape and every number of weights in it;
# * train it, and read the curves that come out of training;
# * judge it by its confusion matrix and by the mistakes it makes.
#
# **Before**: chapters 1 to 5 and 7.
#
# **Time**: 15 minutes to read, 25 seconds to run.

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
from minicnn.callbacks import LearningRateScheduler
from minicnn.datasets import DownloadError, mnist, rendered_digits
from minicnn.exercises import check, hint, show_source
from minicnn.engine import plan
from minicnn.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from minicnn.models import Sequential
from minicnn.optimizers import Adam

# True trains longer; `make tutorials ARGS="8 --full"` sets it
FULL = os.environ.get("MINICNN_TUTORIALS_FULL") == "1"

# %% [markdown]
# ## The data
#
# What does the network learn from? *MNIST*: 60,000 images of handwritten digits to learn from and
# 10,000 to be examined on, by other writers. It is loaded from a folder (`MINICNN_DATA`), from
# Keras's cache or from the network. Where none of them has it, the chapter goes on with digits
# that minicnn draws itself, which are easier, and says so.

# %%
try:
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    data = "MNIST"
except DownloadError:
    (x_train, y_train), (x_test, y_test) = rendered_digits.load_data()
    data = "rendered digits, as MNIST cannot be had here"
x_train = np.divide(x_train[..., None], 255, dtype="float32")  # (60000, 28, 28, 1), in 0..1
x_test = np.divide(x_test[..., None], 255, dtype="float32")  # (10000, 28, 28, 1)
print(data, x_train.shape, x_test.shape)

# %% [markdown]
# Two things happened to the images. `[..., None]` gives them a channel axis: convolutions want
# (N, H, W, C), and a grey image has C = 1. And they were divided by 255, so that the first
# weights, sized for inputs near 1 (chapter 7), meet such inputs.
#
# ## The network
#
# What goes where? Twice a convolution with ReLU and max-pooling, to find strokes and then
# combinations of strokes; then a dense layer that sees all of it, and one output for each digit.
# `Dropout` sets a random part of its input to 0 during training; the next chapter is about it.

# %%
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
        Dropout(0.4),
        Dense(10, activation="softmax"),
    ]
)
model.summary()

# %% [markdown]
# Check the table by hand. A 5×5 window fits into 28 pixels at 28 − 5 + 1 = 24 places. Pooling
# halves to 12, the next convolution leaves 8, pooling 4. So 4 · 4 · 32 = 512 numbers reach the
# dense layer. Weights: a filter of the first convolution has 5 · 5 · 1 weights and a bias, there
# are 16 of them; one of the second reaches through all 16 feature maps.

# %%
weights = {
    "first convolution": (5 * 5 * 1 + 1) * 16,
    "second convolution": (5 * 5 * 16 + 1) * 32,
    "dense": (512 + 1) * 128,
    "output": (128 + 1) * 10,
}
print(weights, "in all:", sum(weights.values()))
assert sum(weights.values()) == model.count_params() == 80_202
assert weights["dense"] > 0.8 * model.count_params()

# %% [markdown]
# More than four fifths of the weights sit in one dense layer, while most of the arithmetic is in
# the convolutions: their few weights are used at every place of the image.
#
# ## Before training: is it sane?
#
# A network with random weights should answer each digit with about a tenth, and so have a loss
# near ln 10 = 2.303. One that begins far from it has inputs or weights of the wrong size. Try
# what happens when the division by 255 is forgotten.

# %%
model.compile(optimizer=Adam(0.002), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
loss, accuracy = model.evaluate(x_test, y_test, batch_size=500, verbose=0)
print(f"untrained: loss {loss:.3f} (ln 10 = {np.log(10):.3f}), accuracy {accuracy:.1%}")
assert abs(loss - np.log(10)) < 0.3
forgotten, _ = model.evaluate(255 * x_test[:1000], y_test[:1000], batch_size=500, verbose=0)
print(f"with pixels from 0 to 255: loss {forgotten:.1f}")
assert forgotten > 3

# %% [markdown]
# The check takes a second. It does not catch everything: with labels that belong to other images,
# or with a softmax too many, the loss begins at ln 10 as well. What gives these away is that it
# stays there, or falls more slowly than it should.
#
# ## What will run?
#
# And what will run when it trains? Compiling turned the layers into *stages*.
# `Conv2D(activation="relu")` became two, a convolution and a ReLU. The fast backend does runs of
# stages in one pass, and the softmax at the end is computed together with the loss, for the
# reasons of chapter 5.

# %%
for stage in model.executor().plan.stages:
    print(type(stage).__name__.ljust(24), stage.name)

# %%
show_source(plan.Plan, "backward")

# %% [markdown]
# That is the whole of backpropagation: walk through the stages from the last to the first and
# hand each one's `dx` on as the `dy` of the one in front. The first needs no `dx`, as nobody
# learns from the gradient of the image. (Chapter 10 asks for it all the same.) The last line is a
# place where Ctrl-C may stop a training without leaving a step half done.
#
# ## Training
#
# Six epochs, batches of 128. The learning rate begins at 0.002 and shrinks to 60 % after each
# epoch: large steps to get there, small ones to settle.

# %%
epochs = 12 if FULL else 6
history = model.fit(
    x_train,
    y_train,
    batch_size=128,
    epochs=epochs,
    validation_data=(x_test, y_test),
    callbacks=[LearningRateScheduler(lambda epoch, rate: 0.002 * 0.6**epoch)],
    verbose=2,
)

# %%
loss, accuracy = model.evaluate(x_test, y_test, batch_size=500, verbose=0)
print(f"{data}: test accuracy {accuracy:.2%}, that is {round(10_000 * (1 - accuracy))} mistakes")
assert accuracy >= 0.99

# %%
plots.training_curves(history)

# %% [markdown]
# ## Reading the curves
#
# Blue is what the network learned from, vermilion what it was examined on. Three things to read
# off:
#
# * **The first epoch does most of it.** 60,000 images are 469 steps, and that is already enough
#   for about 98 %.
# * **Training looks worse than the examination** at first. Two reasons: the training figure is a
#   mean over the epoch, in which the network was still improving; and during training dropout
#   handicaps it, while in the examination it plays with all its units.
# * **The gap at the end.** As long as the vermilion loss falls too, what is learned is about
#   digits. When it rises while the blue one goes on falling, the network is learning the training
#   images by heart: *overfitting*, the subject of the next chapter.
#
# So far the two lie close together. One warning: here the test images are looked at after every
# epoch, and nothing is decided by them. Whoever chooses by such numbers, when to stop or which
# network to keep, needs a third set for the final examination, since the choice itself fits the
# second one.
#
# The numbers behind the blue curve can be had without the handicap: examine the trained network
# on training images.

# %%
train_loss, train_accuracy = model.evaluate(x_train, y_train, batch_size=500, verbose=0)
logged = history.history["accuracy"][-1]
print(f"training images: {logged:.2%} during the last epoch, {train_accuracy:.2%} after it")
assert -(-len(x_train) // 128) == 469  # rounded up: the last batch is smaller
assert history.history["val_accuracy"][0] > 0.97
assert train_accuracy > logged

# %% [markdown]
# ## Which digits are confused?
#
# An accuracy is one number. A *confusion matrix* tells what is taken for what: row i, column j
# counts the images of class i that were answered with j.

# %%
p = model.predict(x_test, batch_size=500, verbose=0)  # (10000, 10), probabilities
plots.confusion_matrix(y_test, p)

# %% [markdown]
# The right answers stand on the diagonal and are left pale. Look for the dark squares off it:
# they are pairs that look alike. Look also at the last column, the *recall*: the share of a class
# that is recognised. A model can be right 99 times in 100 and still be poor at one class; here
# none is.

# %%
answer = p.argmax(axis=1)  # (10000,)
recall = np.array([(answer[y_test == c] == c).mean() for c in range(10)])
print(f"recall from {recall.min():.1%} (digit {recall.argmin()}) to {recall.max():.1%}")
assert recall.min() > 0.97
wrong = np.flatnonzero(answer != y_test)
pairs = [(int(y_test[n]), int(answer[n])) for n in wrong]
for pair in sorted(set(pairs), key=pairs.count, reverse=True)[:3]:
    print(f"{pair[0]} taken for {pair[1]}: {pairs.count(pair)} times")

# %% [markdown]
# ## Look at the mistakes
#
# Whoever trains a network should look at its mistakes. They tell more than any number: whether
# the images are unreadable, the labels wrong, or the network blind to something. Here are the
# images whose true class was given the least probability.

# %%
worst = p[np.arange(len(p)), y_test].argsort()[:12]
plots.prediction_grid(x_test[worst], y_test[worst], p[worst], title="The worst answers")

# %% [markdown]
# Some of these you would get wrong yourself, and in MNIST a few labels are doubtful. Yet the
# network is sure, with probabilities near 1. Softmax turns differences of logits into shares; it
# does not know how to say "I have not seen anything like this". So ask how far its probabilities
# can be trusted: of the answers given with 90 to 99 %, how many are right?

# %%
sure = p.max(axis=1)  # (10000,)
for low, high in ((0.0, 0.5), (0.5, 0.9), (0.9, 0.99), (0.99, 1.01)):
    chosen = (sure >= low) & (sure < high)
    if chosen.any():
        right = (answer[chosen] == y_test[chosen]).mean()
        print(f"answers with {low:.2f} to {min(high, 1):.2f}: {chosen.sum():5}, right {right:6.1%}")
assert (answer[sure > 0.99] == y_test[sure > 0.99]).mean() > 0.995

# %% [markdown]
# ## What it looks for
#
# The 16 filters of the first convolution are 5×5 images. Red weights want ink, blue ones want
# paper:

# %%
plots.filters(model)

# %% [markdown]
# Many are light on one side and dark on the other: edges in a direction, which you wrote by hand
# in chapter 1. Nobody told the network about edges. It found that they help. Chapter 10 looks
# further in.
#
# ## Keep it
#
# `model.save` writes architecture, weights and the state of the optimizer into one file that
# Keras opens as well. What comes back answers alike, bit for bit:

# %%
import tempfile
from pathlib import Path

from minicnn.saving import load_model

with tempfile.TemporaryDirectory() as folder:
    model.save(Path(folder, "digits.keras"))
    again = load_model(Path(folder, "digits.keras"))
assert np.array_equal(
    again.predict(x_test[:100], verbose=0), model.predict(x_test[:100], verbose=0)
)
print("the loaded model gives the same answers")

# %% [markdown]
# ## Exercises
#
# ### 1. The confusion matrix
#
# `my_confusion(truth, answer, classes)` returns the counts (classes, classes) as np.int64: row i,
# column j for class i answered with j. Stuck? `hint("confusion")`


# %%
def my_confusion(truth, answer, classes): ...


check(my_confusion)

# %% [markdown]
# ### 2. The surest mistakes
#
# `my_sure_mistakes(p, truth, count)` returns the row numbers of the `count` mistakes with the
# highest probability, the surest first. p is (N, classes), truth is (N,). Stuck?
# `hint("sure_mistakes")`


# %%
def my_sure_mistakes(p, truth, count): ...


check(my_sure_mistakes)

# %% [markdown]
# ### 3. Count the weights
#
# `my_weight_count(layers, shape)` returns the number of weights, biases included. `layers` holds
# `("conv", F, KH, KW)` (stride 1, unpadded), `("pool", P)` and `("dense", U)`; shape is (H, W,
# C). Stuck? `hint("weight_count")`


# %%
def my_weight_count(layers, shape): ...


check(my_weight_count)

# %% [markdown]
# Solutions: [solutions/08_network.py](../solutions/08_network.py)
#
# ## What to take along
#
# * Predict shapes, weights and the first loss before training, and compare.
# * Backpropagation is a loop: each stage's dx is the dy of the one in front of it.
# * The training figures are means over an epoch with dropout at work; to compare fairly,
#   evaluate.
# * After the accuracy look at the confusion matrix, the recall of each class, and the mistakes
#   themselves, the surest first.
#
# ## Where this comes from
#
# The layout is that of LeNet-5: LeCun, Bottou, Bengio and Haffner (1998), "Gradient-Based
# Learning Applied to Document Recognition", Proc. IEEE 86; so is MNIST. How far probabilities can
# be trusted: Guo, Pleiss, Sun and Weinberger (2017), "On Calibration of Modern Neural Networks",
# ICML.
#
# Next: [9. Colour and overfitting](09_colour.ipynb)
