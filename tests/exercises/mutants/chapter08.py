"""Wrong answers to the exercises of chapter 8."""

import numpy as np

from minicnn.exercises import chapter08
from tests.exercises.mutants.table import wrong


@wrong("confusion", says="rows and columns are exchanged")
def exchanges_truth_and_answer(truth, answer, classes):
    return chapter08.count_pairs(answer, truth, classes)


@wrong("confusion", says="is counted once")
def adds_with_an_index_array(truth, answer, classes):
    counts = np.zeros((classes, classes), np.int64)
    counts[truth, answer] += 1
    return counts


@wrong("confusion", says="the right answers are left out")
def counts_mistakes_only(truth, answer, classes):
    return chapter08.count_pairs(truth, answer, classes) * (1 - np.eye(classes, dtype=np.int64))


@wrong("confusion", says="expected     shape (4, 4)")
def forgets_classes_that_do_not_occur(truth, answer, classes):
    return chapter08.count_pairs(truth, answer, max(truth.max(), answer.max()) + 1)


@wrong("confusion", says="expected     dtype int64")
def counts_in_floats(truth, answer, classes):
    return chapter08.count_pairs(truth, answer, classes).astype(float)


@wrong("confusion", says="expected     dtype int64")
def returns_shares(truth, answer, classes):
    counts = chapter08.count_pairs(truth, answer, classes)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


@wrong("sure_mistakes", says="the least sure come first")
def sorts_upwards(p, truth, count):
    wrong_rows = np.flatnonzero(p.argmax(axis=1) != truth)
    return wrong_rows[np.argsort(p.max(axis=1)[wrong_rows])][:count]


@wrong("sure_mistakes", says="in the order of the data")
def does_not_sort(p, truth, count):
    return np.flatnonzero(p.argmax(axis=1) != truth)[:count]


@wrong("sure_mistakes", says="right answers are among them")
def takes_the_surest_answers(p, truth, count):
    return np.argsort(-p.max(axis=1))[:count]


@wrong("sure_mistakes", says="by the probability of the true class")
def sorts_by_the_truth(p, truth, count):
    wrong_rows = np.flatnonzero(p.argmax(axis=1) != truth)
    return wrong_rows[np.argsort(p[wrong_rows, truth[wrong_rows]])][:count]


@wrong("sure_mistakes", says="positions among the mistakes")
def loses_the_row_numbers(p, truth, count):
    wrong_rows = np.flatnonzero(p.argmax(axis=1) != truth)
    return np.argsort(-p.max(axis=1)[wrong_rows])[:count]


@wrong("sure_mistakes", says="expected     shape")
def does_not_cut(p, truth, count):
    return chapter08.surest_mistakes(p, truth, len(p))


@wrong("weight_count", says="the biases are left out")
def forgets_the_biases(layers, shape):
    return chapter08.count_weights(layers, shape, bias=0)


@wrong("weight_count", says="the image keeps its size")
def does_not_shrink(layers, shape):
    return chapter08.count_weights(layers, shape, window=False)


@wrong("weight_count", says="its filters reach through all channels")
def forgets_the_channels(layers, shape):
    return chapter08.count_weights(layers, (*shape[:2], 1))


@wrong("weight_count", says="a second one sees the first one's outputs")
def flattens_twice(layers, shape):
    return sum(chapter08.count_weights([*layers[:0], one], shape) for one in layers)


@wrong("weight_count", says="pooling halves it")
def does_not_pool(layers, shape):
    return chapter08.count_weights([one for one in layers if one[0] != "pool"], shape)


@wrong("weight_count", says="a whole number")
def answers_in_floats(layers, shape):
    return float(chapter08.count_weights(layers, shape))
