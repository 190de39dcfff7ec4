"""Wrong answers to the exercises of chapter 5."""

import numpy as np

from tests.exercises.mutants.table import wrong


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@wrong("softmax", says="subtract each row's maximum first")
def overflows(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


@wrong("softmax", says="the sum runs over the whole batch")
def divides_by_the_sum_of_all(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum()


@wrong("softmax", says="the sum runs over the batch instead of the classes")
def takes_the_wrong_axis(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=0)


@wrong("softmax", says="nothing is divided")
def forgets_to_divide(z):
    return np.exp(z)


@wrong("softmax", says="so that other rows underflow")
def subtracts_the_maximum_of_all(z):
    e = np.exp(z - z.max())
    return e / e.sum(axis=1, keepdims=True)


@wrong("softmax", says="it changed its argument z")
def shifts_in_place(z):
    z -= z.max(axis=1, keepdims=True)
    return softmax(z)


@wrong("softmax", says="keepdims=True is missing")
def forgets_keepdims(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1)


def losses_of(z, labels):
    z = z - z.max(axis=1, keepdims=True)
    return np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels]


@wrong("crossentropy", says="the logarithm meets a probability that is 0")
def takes_the_logarithm_of_softmax(z, labels):
    return -np.log(softmax(z)[np.arange(len(z)), labels]).mean()


@wrong("crossentropy", says="subtract each row's maximum first")
def overflows_in_the_sum(z, labels):
    return (np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels]).mean()


@wrong("crossentropy", says="the losses are summed, not averaged")
def sums(z, labels):
    return losses_of(z, labels).sum()


@wrong("crossentropy", says="the sign is wrong")
def forgets_the_minus(z, labels):
    return -losses_of(z, labels).mean()


@wrong("crossentropy", says="the logarithm is of base 10")
def takes_log10(z, labels):
    return losses_of(z, labels).mean() / np.log(10)


@wrong("crossentropy", says="no logarithm is taken")
def measures_what_lacks_to_one(z, labels):
    return 1 - softmax(z)[np.arange(len(z)), labels].mean()


@wrong("crossentropy", says="all classes are summed, not the label's alone")
def forgets_the_labels(z, labels):
    return -np.log(softmax(z)).sum(axis=1).mean()


@wrong("crossentropy", says="every row is asked for all labels")
def picks_columns_instead_of_entries(z, labels):
    return -np.log(softmax(z)[:, labels]).mean()


@wrong("crossentropy", says="an array of shape")
def returns_one_a_row(z, labels):
    return losses_of(z, labels)


def gradient(z, labels):
    return (softmax(z) - np.eye(z.shape[1])[labels]) / len(z)


@wrong("crossentropy_gradient", says="it is not divided by N")
def forgets_the_mean(z, labels):
    return gradient(z, labels) * len(z)


@wrong("crossentropy_gradient", says="the sign is wrong")
def subtracts_the_wrong_way_round(z, labels):
    return -gradient(z, labels)


@wrong("crossentropy_gradient", says="divided by K, not by N")
def divides_by_the_classes(z, labels):
    return gradient(z, labels) * len(z) / z.shape[1]


@wrong("crossentropy_gradient", says="the 1 is not subtracted")
def returns_the_probabilities(z, labels):
    return softmax(z) / len(z)


@wrong("crossentropy_gradient", says="only the label's entry has a gradient")
def forgets_the_other_classes(z, labels):
    return gradient(z, labels) * np.eye(z.shape[1])[labels]


@wrong("crossentropy_gradient", says="every row takes all labels")
def subtracts_at_every_row(z, labels):
    dz = softmax(z)
    dz[:, labels] -= 1
    return dz / len(z)


@wrong("crossentropy_gradient", says="exp overflows")
def overflows_in_the_gradient(z, labels):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return (p - np.eye(z.shape[1])[labels]) / len(z)


def dense(x, w, dy):
    return dy @ w.T, x.T @ dy, dy.sum(axis=0)


@wrong("dense_backward", says="dw and db are means over the batch, not sums")
def averages_over_the_batch(x, w, dy):
    dx, dw, db = dense(x, w, dy)
    return dx, dw / len(x), db / len(x)


@wrong("dense_backward", says="db is a mean over the batch, not a sum")
def averages_the_bias(x, w, dy):
    return dy @ w.T, x.T @ dy, dy.mean(axis=0)


@wrong("dense_backward", says="w is not transposed on the way to dx")
def forgets_a_transpose(x, w, dy):
    dx = dy @ w if w.shape[0] == w.shape[1] else dy @ w.T
    return dx, x.T @ dy, dy.sum(axis=0)


@wrong("dense_backward", says="expected     shape (3, 2), axes (d, u)")
def transposes_dw(x, w, dy):
    return dy @ w.T, dy.T @ x, dy.sum(axis=0)


@wrong("dense_backward", says="db is summed over the outputs, not over the batch")
def sums_the_wrong_axis(x, w, dy):
    return dy @ w.T, x.T @ dy, dy.sum(axis=1)


@wrong("dense_backward", says="expected     shape (2,), axes (u)")
def keeps_the_batch_axis_of_db(x, w, dy):
    return dy @ w.T, x.T @ dy, dy.sum(axis=0, keepdims=True)


@wrong("dense_backward", says="it raised ValueError: matmul")
def multiplies_in_the_wrong_order(x, w, dy):
    return w.T @ dy, x.T @ dy, dy.sum(axis=0)
