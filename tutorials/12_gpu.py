# %% [markdown]
# # 12. To the GPU
#
# A graphics processor does not do one thing faster. It does a hundred thousand things at a time.
# This chapter reads the kernels that minicnn runs there, line by line, plays them through on your
# processor, and ends with what limits a small network on a large GPU: not the arithmetic, but the
# giving of orders.
#
# **What you will be able to do**
#
# * read a CUDA kernel: threads, blocks, which thread owns what;
# * say why threads need barriers, and why the order of a sum matters;
# * say what a launch costs, what a captured graph saves, and what must not be captured.
#
# **Before**: chapters 1, 4, 7 and 11. No GPU is needed, and none is used where there is none: the
# chapter says so and goes on with the textbook backend.
#
# **Time**: 16 minutes to read, 5 seconds to run.

# %%
import sys

if "google.colab" in sys.modules:  # on Colab the package has to be installed first
    import subprocess

    where = "git+https://github.com/YOUR-NAME/minicnn"  # the address of this repository
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", where], check=True)

# %%
import re
from pathlib import Path

import numpy as np

import minicnn
from minicnn import backends, config, utils
from minicnn.backends import reference
from minicnn.backends.context import Context
from minicnn.exercises import check, hint
from minicnn.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from minicnn.models import Sequential
from minicnn.drawing.style import (
    BLUE, FAINT, GREEN, INK, QUIET, VERMILION, Picture, bare, styled,
)  # fmt: skip

try:
    backends.get("cupy")
    gpu = True
    print("A GPU is at hand: the last section trains on it.")
except backends.BackendError as error:
    gpu = False
    print("No GPU is used here. What follows runs on the textbook backend. The reason:")
    print(str(error).split(";")[0])

# %% [markdown]
# ## A kernel is what one thread does
#
# How do you tell a hundred thousand threads what to do? You write down what *one* of them does,
# and launch it many times over. Such a function is a *kernel*. In CUDA C it begins with
# `__global__`. (The weights of a convolution are called a kernel too; nobody planned that.) This
# is one of minicnn's, taken from its source: the bias, and ReLU if asked.

# %%
KERNELS = Path(minicnn.__file__).parent / "backends" / "cupy_gpu" / "kernels"


class show_kernel:
    """A function of a .cu file with the comment above it, as it stands in its file."""

    def __init__(self, file, name):
        text = (KERNELS / file).read_text(encoding="utf-8")
        found = re.search(
            rf"(?:^//[^\n]*\n)*^[^\n/]*\b{name}\([^;]*?\n?\{{.*?^\}}", text, re.M | re.S
        )
        self.title, self.text = f"kernels/{file}", found[0]

    def _repr_markdown_(self):
        return f"`{self.title}`\n\n```c\n{self.text}\n```"

    def __repr__(self):
        return f"{self.title}\n\n{self.text}"


show_kernel("bias.cu", "add_bias")

# %%
show_kernel("common.cu", "thread_number")

# %% [markdown]
# Line by line:
#
# * `extern "C" __global__ void`: a kernel, found by its plain name. It returns nothing; it
#   writes.
# * `real* __restrict__ y`: the address of the first number of an array in the GPU's memory.
#   Shapes are unknown here, so sizes come as numbers of their own. `real` is `float` in one build
#   of the file and `double` in another. `__restrict__` promises that y and b do not overlap.
# * `thread_number()`: which thread am I? Threads come in *blocks* of, say, 256. `blockIdx.x` is
#   the number of the block, `blockDim.x` its size, `threadIdx.x` the place in it.
# * `if (... >= size) return;`: the last block may be larger than what is left to do. Its surplus
#   threads go home.
# * `y[t]` is the one entry that this thread owns. Nobody else reads or writes it, so nobody has
#   to wait.
# * `t % F`: y is (rows, F), row after row, so the remainder is the column, which is the filter,
#   which has bias `b[t % F]`.
# * the last line: ReLU as in chapter 4. A NaN is not <= 0, so it stays to be seen.
#
# Play it through. These are the launch and the kernel in Python, one thread after the other:


# %%
def launch(kernel, size, *arguments, threads=8):
    """Call the kernel for every thread of enough blocks, as a GPU does all at once."""
    blocks = -(-size // threads)  # rounded up
    for block in range(blocks):
        for thread in range(threads):
            kernel(block * threads + thread, *arguments)
    return blocks


def add_bias(t, y, b, size, F, relu):
    if t >= size:
        return
    v = y[t] + b[t % F]
    y[t] = 0 if relu and v <= 0 else v


rng = np.random.default_rng(7)
rows, F = 7, 5
y, b = rng.normal(size=(rows, F)), rng.normal(size=F)
flat = y.copy().reshape(-1)  # (35,): a GPU's memory has one axis
blocks = launch(add_bias, flat.size, flat, b, flat.size, F, True)
assert np.array_equal(flat.reshape(rows, F), np.maximum(y + b, 0))
print(f"{flat.size} entries, {blocks} blocks of 8 threads, {blocks * 8 - flat.size} of them idle")
assert (blocks, blocks * 8 - flat.size) == (5, 5)


# %%
@styled
def draw_owners():
    figure = Picture(figsize=(10, 4.4))
    axes = figure.add_subplot()
    for t in range(blocks * 8):
        row, column = divmod(t, F)
        busy = t < rows * F
        color = (BLUE, VERMILION, GREEN)[t // 8 % 3] if busy else FAINT
        axes.add_patch(_cell(column, row, color, busy))
        axes.text(column + 0.5, row + 0.5, f"block {t // 8}, thread {t % 8}" if busy else "idle",
                  ha="center", va="center", fontsize=10, color="white" if busy else QUIET,
                  fontweight="bold" if busy else "normal")  # fmt: skip
    axes.set(xlim=(0, F), ylim=(rows + 1, 0))
    axes.set_title("Which thread owns which entry of y (7, 5)")
    bare(axes)
    return figure


def _cell(column, row, color, filled):
    from matplotlib.patches import Rectangle

    return Rectangle((column + 0.03, row + 0.05), 0.94, 0.9, facecolor=color if filled else "none",
                     edgecolor=color, alpha=0.85)  # fmt: skip


draw_owners()

# %% [markdown]
# A block's threads own neighbours in memory, and that is no accident. A GPU reads memory in runs
# of 32 numbers or so, one for each thread of a *warp*, the 32 threads that go in step.
# Neighbouring threads with neighbouring numbers need one such read; threads that each want a
# number from far away need 32.
#
# ## An output with a place: max-pooling
#
# One number is all a thread knows about itself. Where in (N, OH, OW, C) is it? By remainders,
# from the last axis on:

# %%
show_kernel("common.cu", "place_of")

# %%
show_kernel("pooling.cu", "maxpool2d_forward")

# %% [markdown]
# * `t % C` is the channel; `pixel = t / C` (whole division) numbers the pixels of all images.
#   The remainder of that by the width is the column, and so on. It is the order in which chapter 1
#   laid out its arrays. For y the height and width are OH and OW.
# * The two loops are the window. They are the only loops left: what chapter 1 looped over around
#   them, images, rows, columns and channels, has become threads.
# * `continue` leaves out what lies in the padding, so that padding never wins.
# * Each thread owns one output and *gathers* what it needs. The way back is written alike: one
#   thread for each entry of dx, which looks up the windows that it won. Had each thread of dy
#   *scattered* its number into dx, two threads could add to the same entry at the same time, and
#   one of the two sums would be lost.
#
# Check the remainders against NumPy's own arithmetic:


# %%
def place_of(t, OH, OW, C):
    pixel = t // C
    return pixel // OW // OH, pixel // OW % OH, pixel % OW, t % C


shape = (2, 3, 4, 5)
assert all(place_of(t, *shape[1:]) == np.unravel_index(t, shape) for t in range(120))
print("thread 77 of (2, 3, 4, 5) owns", place_of(77, *shape[1:]))
assert place_of(77, *shape[1:]) == (1, 0, 3, 2)

# %% [markdown]
# ## Adding up together: shared memory and barriers
#
# A sum is the opposite of "one thread, one output": many numbers, one result. A block of threads
# does it as a tournament. In each round half of those still in it add the number of a partner,
# until one is left. They meet in *shared memory*, a small memory that all threads of a block see.

# %%
show_kernel("common.cu", "block_sum")


# %%
shared = np.arange(1.0, 9.0)  # one number from each of eight threads
seen = [shared.copy()]
shared[:4] += shared[4:8]  # threads 0 to 3, all at once
seen.append(shared.copy())
shared[:2] += shared[2:4]  # threads 0 and 1
seen.append(shared.copy())
shared[:1] += shared[1:2]  # thread 0
seen.append(shared.copy())
seen = np.array(seen)  # (rounds + 1, threads)
print(seen.astype(int))
assert seen[-1, 0] == 36 == sum(range(1, 9))


# %%
@styled
def draw_tree():
    figure = Picture(figsize=(10, 4.6))
    axes = figure.add_subplot()
    size = seen.shape[1]
    for step, line in enumerate(seen):
        alive = size >> step
        for t, value in enumerate(line):
            color = BLUE if t < alive else FAINT
            axes.plot(t, -step, "o", ms=30, color=color)
            axes.text(t, -step, f"{value:.0f}", ha="center", va="center", fontsize=12,
                      color="white" if t < alive else QUIET, fontweight="bold")  # fmt: skip
        for t in range(alive // 2):
            for source in (t, t + alive // 2):
                axes.annotate("", (t, -step - 0.77), (source, -step - 0.23),
                              arrowprops={"arrowstyle": "->", "color": INK, "lw": 1.2})  # fmt: skip
        if alive > 1:
            axes.plot([-0.5, size - 0.5], [-step - 0.5] * 2, color=VERMILION, ls=":", lw=1.5)
            axes.text(size - 0.35, -step - 0.5, "barrier", color=VERMILION, va="center")
    axes.set(xlim=(-0.6, size + 0.5), ylim=(-len(seen) + 0.6, 0.4))
    axes.set_title("Eight threads add up 1 to 8 in three rounds")
    bare(axes)
    return figure


draw_tree()

# %% [markdown]
# `__syncthreads()` is the *barrier*: nobody goes on until all threads of the block are there.
# Without it, a thread may read its partner's number before the partner has finished the round
# before. Play that: let the threads run one after the other, each through all its rounds, as
# threads that need not wait might.

# %%
shared = np.arange(1.0, 9.0)
for thread in range(8):
    half = 4
    while half > 0:
        if thread < half:
            shared[thread] += shared[thread + half]
        half //= 2  # no barrier here: on to the next round
print(f"without barriers: {shared[0]:.0f}, expected 36")
assert shared[0] != 36

# %% [markdown]
# Wrong, and on a GPU not even wrong in the same way every time. This is the bug that tests on one
# machine miss and users find.
#
# Why not let every thread add its number to one result, with an *atomic* addition, which cannot
# lose anything? Because atomics come in whatever order the threads happen to run, and the order
# matters:

# %%
numbers = rng.normal(size=10_000).astype(np.float32)
orders = (numbers[rng.permutation(len(numbers))] for _ in range(20))
sums = {float(np.add.accumulate(order)[-1]) for order in orders}
print(f"20 orders of the same 10,000 float32 numbers: {len(sums)} different sums,",
      f"apart by up to {max(sums) - min(sums):.1e}")  # fmt: skip
assert len(sums) > 1

# %% [markdown]
# Rounding depends on what was added before. With a fixed tree the sum is the same, bit for bit,
# in every run. minicnn uses no atomics on floats for that reason: a training that can be repeated
# exactly can be debugged.
#
# ## Launches
#
# The processor gives the orders: this kernel, so many blocks, these arguments. Giving one takes
# it a few microseconds, however small the work. How many orders does a training step need? Count
# the calls of operations for a small network:


# %%
class Counting:
    """A backend that counts the calls of its operations."""

    def __init__(self, ops):
        self.ops, self.calls = ops, []

    def __getattr__(self, name):
        function = getattr(self.ops, name)
        if not name.endswith(("_forward", "_backward")):
            return function

        def counted(*arguments):
            self.calls.append(name)
            return function(*arguments)

        return counted


before = config.backend()
config.set_backend("numpy")
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
        Dense(10),
    ]
)
stages = model.executor().plan.stages
config.set_backend(before)
counting = Counting(reference)
contexts = [Context(counting, training=True) for _ in stages]
h = rng.random((32, 28, 28, 1), dtype=np.float32)
for stage, ctx in zip(stages, contexts, strict=True):
    h = stage.forward(ctx, h)
dh = np.ones_like(h)
for stage, ctx in zip(stages[::-1], contexts[::-1], strict=True):
    dh = stage.backward(ctx, dh)
print(f"{len(counting.calls)} operations forward and back, beside the batch, the loss, the update:")
print(", ".join(counting.calls))
assert len(counting.calls) == 18

# %% [markdown]
# Each of these is one to half a dozen kernels on a GPU: a convolution writes its rows,
# multiplies, adds the bias; its way back does more. A step comes to a few dozen launches.
# Suppose, as round figures and not as a measurement, 40 kernels of 3 microseconds each, and 6
# microseconds to give an order:

# %%
KERNEL_TIME, ORDER_TIME, COUNT = 3.0, 6.0, 40  # microseconds; suppositions


def timeline(order_time):
    """When each kernel begins: after its order, and after the kernel before it."""
    begins, free = [], 0.0
    for k in range(COUNT):
        begin = max((k + 1) * order_time, free)
        begins.append(begin)
        free = begin + KERNEL_TIME
    return np.array(begins)


one_by_one = timeline(ORDER_TIME)
as_graph = ORDER_TIME + KERNEL_TIME * np.arange(COUNT)  # one order, then nothing but work
ends = [one_by_one[-1] + KERNEL_TIME, as_graph[-1] + KERNEL_TIME]
print(f"order by order {ends[0]:.0f} µs, busy {COUNT * KERNEL_TIME / ends[0]:.0%};",
      f"as one graph {ends[1]:.0f} µs, busy {COUNT * KERNEL_TIME / ends[1]:.0%}")  # fmt: skip
assert [round(end) for end in ends] == [243, 126]


# %%
@styled
def draw_timeline():
    figure = Picture(figsize=(12, 3.4))
    axes = figure.add_subplot()
    for place, begins in ((1, one_by_one), (0, as_graph)):
        axes.broken_barh([(b, KERNEL_TIME * 0.9) for b in begins], (place - 0.3, 0.6), color=GREEN)
    axes.broken_barh([(k * ORDER_TIME, ORDER_TIME * 0.95) for k in range(COUNT)], (1.35, 0.18),
                     color=QUIET)  # fmt: skip
    axes.broken_barh([(0, ORDER_TIME * 0.95)], (0.35, 0.18), color=QUIET)
    axes.set_yticks([1, 0], ["order by order", "one graph"])
    axes.set_xlabel("microseconds (supposed, not measured)")
    axes.set_title("Small kernels wait for their orders")
    axes.text(ends[0] + 3, 1.44, "processor", color=QUIET, va="center")
    axes.text(ends[0] + 3, 1, "GPU", color=GREEN, va="center")
    axes.set_xlim(0, ends[0] + 32)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


draw_timeline()

# %% [markdown]
# Grey: the processor gives an order. Green: the GPU works. As soon as an order takes longer than
# the work it orders, the GPU waits, and a faster GPU would only wait longer. Larger batches help;
# fusing helps; and the third remedy is to give all orders at once.
#
# ## A captured graph
#
# *Capturing* records the launches of a step instead of running them. The record, a *graph*, is
# launched as a whole, step after step, with one order. This is minicnn's:


# %%
class show_python(show_kernel):
    """The same for a file of the GPU backend that cannot be imported without CuPy."""

    def __init__(self, file, name):
        text = (KERNELS.parent / file).read_text(encoding="utf-8")
        found = re.search(rf"^class {name}\b.*?(?=^\S)", text, re.M | re.S)
        self.title, self.text = f"cupy_gpu/{file}", found[0].rstrip()

    def _repr_markdown_(self):
        return f"`{self.title}`\n\n```python\n{self.text}\n```"


show_python("graph.py", "Replay")

# %% [markdown]
# It is short, and it has a trap. The record holds *addresses and numbers*, not names. What was
# passed as a number stays that number for ever; what was passed as an array is read anew each
# time, at the same place in memory. Try it with a recorder of your own, on the textbook backend:


# %%
class Recorder:
    """Records calls with their arguments, and plays them again."""

    def __init__(self):
        self.calls = []

    def launch(self, function, *arguments):
        self.calls.append((function, arguments))

    def replay(self):
        for function, arguments in self.calls:
            function(*arguments)


w, g = np.zeros(3), np.ones(3)
rate = np.array([0.1])  # an array of one number: an address
graph = Recorder()
graph.launch(reference.sgd_step, w, g, None, rate, 0.0, False)

graph.replay()
print("after one step at rate 0.1: ", w)
rate[...] = 0.01  # written into the same memory: the replay sees it
graph.replay()
print("after another at rate 0.01: ", w)
assert np.allclose(w, -0.11)

g = np.full(3, 100.0)  # a new array under the old name: the graph knows the old address
graph.replay()
print("with 'g' bound to another array:", w)
assert np.allclose(w, -0.12)  # the old gradient of 1 was used

# %% [markdown]
# The learning rate is an array of one number for exactly this reason: a schedule may change it
# between replays. So are the step number (Adam's t, dropout's masks) and the running totals.
# Batches are copied into one fixed buffer, `load_weights` copies into the weights that are there,
# and gradients are assigned in place: rules that you have met in every chapter, and that make a
# graph possible.
#
# Two more follow. Within a captured step nothing may be read back: `if loss > 10` would need the
# loss, which has not been computed while the record is made. And the last, smaller batch of an
# epoch has other sizes, so it has a graph of its own.
#
# ## On a GPU, if there is one
#
# The same network on the textbook backend and on the GPU, from the same first weights and with
# the same batches. Where there is no GPU, the Numba backend stands in, and the cell says so.

# %%
other = "cupy" if gpu else "numba"
print("the GPU" if gpu else "no GPU here: the Numba backend stands in", "beside the textbook")


def losses_of(backend, count=10):
    """The loss of each of the first training steps."""
    config.set_backend(backend)
    utils.set_random_seed(7)
    net = Sequential(
        [Input((28, 28, 1)), Conv2D(8, (5, 5), activation="relu"), MaxPooling2D((2, 2)),
         Flatten(), Dense(10, activation="softmax")]
    )  # fmt: skip
    net.compile("adam", loss="sparse_categorical_crossentropy")
    data = np.random.default_rng(1)
    images = data.random((count, 32, 28, 28, 1), dtype=np.float32)
    labels = data.integers(0, 10, (count, 32))
    losses = [net.train_on_batch(x, y) for x, y in zip(images, labels, strict=True)]
    assert net.executor().ops is backends.get(backend)
    config.set_backend(before)
    return np.array(losses)


textbook, there = losses_of("numpy"), losses_of(other)
for step in (0, 4, 9):
    print(f"step {step + 1:2}: loss {textbook[step]:.6f} on numpy, {there[step]:.6f} on {other}")
print(f"largest difference {np.abs(textbook - there).max():.1e}")
assert np.abs(textbook - there).max() < 1e-3

# %% [markdown]
# The same numbers to the rounding of float32. That is what the whole design is for: one set of
# layers, one definition of each operation, and backends that differ in nothing but speed.
#
# ## Exercises
#
# ### 1. How many blocks?
#
# `my_grid(size, threads)` returns (blocks, idle): how many blocks of so many threads are needed
# for size entries, and how many threads have nothing to do. Stuck? `hint("grid")`


# %%
def my_grid(size, threads): ...


check(my_grid)

# %% [markdown]
# ### 2. Whose entry?
#
# `my_place(block, thread, threads, shape)` returns (n, h, w, c): the entry that belongs to this
# thread of this block, in an array of shape (N, H, W, C). Stuck? `hint("place")`


# %%
def my_place(block, thread, threads, shape): ...


check(my_place)

# %% [markdown]
# ### 3. The tree
#
# `my_tree_sum(values)` returns the shared memory after every round, (rounds, size), in the order
# of `block_sum`. size is a power of two. Stuck? `hint("tree_sum")`


# %%
def my_tree_sum(values): ...


check(my_tree_sum)

# %% [markdown]
# Solutions: [solutions/12_gpu.py](../solutions/12_gpu.py)
#
# ## What to take along
#
# * A kernel says what one thread does; its number says which output it owns.
# * Gather, do not scatter: then no two threads write to the same place.
# * Threads that share memory need barriers; sums need a fixed order if runs are to repeat.
# * Small work is bounded by the giving of orders. A captured graph gives them all at once, and
#   holds addresses: what changes must change in place.
#
# ## Where this comes from
#
# NVIDIA, "CUDA C++ Programming Guide" (threads, shared memory, graphs). Tree sums: Harris (2007),
# "Optimizing Parallel Reduction in CUDA", NVIDIA. Why sums depend on their order: Goldberg
# (1991), "What Every Computer Scientist Should Know About Floating-Point Arithmetic", ACM
# Computing Surveys 23(1).
#
# Back to the beginning: [1. A convolution by hand](01_convolution_by_hand.ipynb)
