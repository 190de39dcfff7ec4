"""Wrong answers to the exercises of chapter 12."""

import numpy as np

from minicnn.exercises import chapter12
from tests.exercises.mutants.table import wrong


@wrong("grid", says="rounded down")
def rounds_down(size, threads):
    blocks = size // threads
    return blocks, size - blocks * threads


@wrong("grid", says="always one block more")
def always_adds_a_block(size, threads):
    blocks = size // threads + 1
    return blocks, blocks * threads - size


@wrong("grid", says="the busy threads of the last block")
def counts_the_busy_ones(size, threads):
    return -(-size // threads), size % threads


@wrong("grid", says="all threads are counted")
def counts_all_threads(size, threads):
    blocks = -(-size // threads)
    return blocks, blocks * threads


@wrong("grid", says="the two are exchanged")
def exchanges_the_two(size, threads):
    blocks = -(-size // threads)
    return blocks * threads - size, blocks


@wrong("grid", says="a whole number")
def divides_exactly(size, threads):
    return size / threads, 0


@wrong("place", says="the block is left out")
def forgets_the_block(block, thread, threads, shape):
    return tuple(int(k) for k in np.unravel_index(thread, shape))


@wrong("place", says="run through the images first")
def runs_through_images_first(block, thread, threads, shape):
    i = block * threads + thread
    return tuple(int(k) for k in np.unravel_index(i, shape, order="F"))


@wrong("place", says="rows and columns are exchanged")
def exchanges_rows_and_columns(block, thread, threads, shape):
    n, h, w, c = np.unravel_index(block * threads + thread, shape)
    return int(n), int(w), int(h), int(c)


@wrong("place", says="in reverse order")
def reverses_the_parts(block, thread, threads, shape):
    return tuple(int(k) for k in np.unravel_index(block * threads + thread, shape))[::-1]


@wrong("place", says="behind the last row comes the next image")
def forgets_the_images(block, thread, threads, shape):
    i = block * threads + thread
    return 0, i // (shape[2] * shape[3]), i // shape[3] % shape[2], i % shape[3]


@wrong("place", says="in one tuple")
def returns_the_number(block, thread, threads, shape):
    return block * threads + thread


@wrong("tree_sum", says="neighbours are added first")
def adds_neighbours(values):
    s, rounds, d = values.copy(), [], 1
    while d < len(s):
        s[:: 2 * d] += s[d :: 2 * d]
        rounds.append(s.copy())
        d *= 2
    return np.array(rounds)


@wrong("tree_sum", says="only the last round is returned")
def keeps_the_last_round(values):
    return chapter12.tree_rounds(values)[-1:]


@wrong("tree_sum", says="expected     a NumPy array")
def returns_a_list(values):
    return list(chapter12.tree_rounds(values))


@wrong("tree_sum", says="expected     shape (1, 2)")
def returns_the_total(values):
    return np.array(values.sum())


@wrong("tree_sum", says="are set to 0")
def clears_what_was_added(values):
    s, rounds = values.copy(), []
    d = len(s) // 2
    while d:
        s[:d] += s[d : 2 * d]
        s[d:] = 0
        rounds.append(s.copy())
        d //= 2
    return np.array(rounds)


@wrong("tree_sum", says="two rounds")
def keeps_the_same_array_every_time(values):
    s, rounds = values.copy(), []
    d = len(s) // 2
    while d:
        s[:d] += s[d : 2 * d]
        rounds.append(s)
        d //= 2
    return np.array(rounds)


@wrong("tree_sum", says="it changed its argument values")
def works_on_the_callers_array(values):
    rounds = []
    d = len(values) // 2
    while d:
        values[:d] += values[d : 2 * d]
        rounds.append(values.copy())
        d //= 2
    return np.array(rounds)


@wrong("place", says="block and thread change their parts")
def exchanges_block_and_thread(block, thread, threads, shape):
    return place_of(thread * 8 + block, shape)


def place_of(i, shape):
    return tuple(int(k) for k in np.unravel_index(i % np.prod(shape), shape))
