"""Exercises of chapter 5: dense layer, softmax and cross-entropy."""

import numpy as np

from minicnn.exercises.exercise import Attempt, exercise


@exercise(
    "my_dense_backward(x, w, dy)",
    "Chapter 3 had the same product. Which of the three gradients has which shape, and which "
    "products of x, w and dy have these shapes?",
    "dx (N, D) = dy (N, U) @ w.T (U, D). dw (D, U) takes x and dy. b was added to every row.",
    "dw = x.T @ dy;  db = dy.sum(axis=0)",
)
def dense_backward(mine: Attempt) -> None:
    """From dy (N, U) the gradients (dx, dw, db) of y = x @ w + b, x (N, D), w (D, U), b (U,)."""
    # D and U differ, so that a wrong transpose shows
    for text, N, D, U in (
        ("one sample: dw is every input times every dy", 1, 3, 2),
        ("a batch: the samples' contributions add up", 4, 3, 2),
        ("as many inputs as outputs: nothing is transposed by chance", 2, 3, 3),
    ):
        random = np.random.default_rng(18)
        x, w, dy = (
            random.integers(-4, 5, shape).astype(float) for shape in ((N, D), (D, U), (N, U))
        )
        dx, dw, db = dy @ w.T, x.T @ dy, dy.sum(axis=0)
        slips = {
            "dw and db are means over the batch, not sums": (dx, dw / N, db / N),
            "dw is a mean over the batch, not a sum": (dx, dw / N, db),
            "db is a mean over the batch, not a sum": (dx, dw, db / N),
            "db is summed over the outputs, not over the batch": (dx, dw, dy.sum(axis=1)),
            "dx and dw are exchanged": (dw, dx, db),
            "the sign of all three is wrong": (-dx, -dw, -db),
        }
        if D == U:
            slips["w is not transposed on the way to dx"] = (dy @ w, dw, db)
            slips["dw is transposed"] = (dx, dw.T, db)
        arguments = {"x": x, "w": w, "dy": dy}
        axes, names = (("n", "d"), ("d", "u"), ("u",)), ("dx", "dw", "db")
        mine.expect(text, arguments, (dx, dw, db), axes=axes, names=names, slips=slips)


@exercise(
    "my_softmax(z)",
    "exp makes every logit positive; a division by the row's sum makes them probabilities. "
    "keepdims=True keeps the shapes together.",
    "exp(1000) is more than a float can hold. Softmax stays the same when you subtract a "
    "number from a row: which one makes the largest exponential exp(0)?",
    "e = np.exp(z - z.max(axis=1, keepdims=True))",
)
def softmax(mine: Attempt) -> None:
    """Probabilities (N, K) from logits z (N, K), row by row."""
    rows = np.array([[1.0, 2, 3], [2, 0, -1], [0, 0, 5]])
    for text, z in (
        ("two equal logits give one half each", np.zeros((1, 2))),
        ("a larger logit gives a larger probability", np.array([[0.0, 1, 3]])),
        ("each row sums to 1 by itself", rows),
        ("adding a number to a row changes nothing", rows + np.array([[10.0], [-20], [30]])),
        ("logits of 1000 do not overflow", np.array([[1000.0, 999, 0], [-1000, 0, 1000]])),
        ("each row is shifted by its own maximum", np.array([[1000.0, 999], [0, 1]])),
        ("logits of -1000 do not end in 0 / 0", np.array([[-1000.0, -1001, -1003]])),
    ):
        e = np.exp(z - z.max(axis=1, keepdims=True))  # (N, K)
        want = e / e.sum(axis=1, keepdims=True)
        with np.errstate(all="ignore"):
            plain = np.exp(z)
            common = np.exp(z - z.max())
            slips = {
                "exp overflows or underflows: subtract each row's maximum first": plain
                / plain.sum(axis=1, keepdims=True),
                "the sum runs over the whole batch": e / e.sum(),
                "the sum runs over the batch instead of the classes": e / e.sum(axis=0),
                "the maximum of the whole batch is subtracted, so that other rows underflow": (
                    common / common.sum(axis=1, keepdims=True)
                ),
                "nothing is divided": plain,
                "the logits are divided, not their exponentials": z / z.sum(axis=1, keepdims=True),
            }
            if z.shape == (3, 3):  # of other shapes NumPy refuses it
                slips["the sums lie along the wrong axis: keepdims=True is missing"] = e / e.sum(
                    axis=1
                )
        mine.expect(text, {"z": z}, want, axes=("n", "k"), slips=slips)


@exercise(
    "my_crossentropy(z, labels)",
    "The loss of a row is -ln p[label]. Write ln of softmax out before you program it: a "
    "logarithm of a quotient is a difference.",
    "-ln p[label] = ln(sum(exp(z))) - z[label]. Subtract the row's maximum from z first, as in "
    "softmax; no probability that has become 0 is met then.",
    "z[np.arange(len(z)), labels] picks one entry a row.",
)
def crossentropy(mine: Attempt) -> None:
    """The mean loss, one number, of logits z (N, K) and the right classes labels (N,)."""
    rows = np.array([[1.0, 2, 3], [2, 0, -1], [0, 0, 5], [0, 4, 0]])
    for text, z, labels in (
        ("ten equal logits cost ln 10 = 2.302585", np.zeros((1, 10)), [3]),
        ("a row costs -ln of the probability at its label", rows[:1], [1]),
        ("a batch costs the mean of its rows", rows, [2, 0, 1, 1]),
        ("a right answer that is certain costs nearly nothing", np.array([[50.0, 0, 0]]), [0]),
        ("a wrong answer that is certain costs its distance, not infinity",
         np.array([[1000.0, 0, 0]]), [1]),
        ("logits of -1000 do not end in NaN", np.array([[-1000.0, -1001, -1003]]), [2]),
    ):  # fmt: skip
        y = np.array(labels)
        shifted = z - z.max(axis=1, keepdims=True)  # (N, K)
        p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        chosen = shifted[np.arange(len(y)), y]
        losses = np.log(np.exp(shifted).sum(axis=1)) - chosen  # (N,)
        with np.errstate(all="ignore"):
            slips = {
                "the logarithm meets a probability that is 0": -np.log(
                    p[np.arange(len(y)), y]
                ).mean(),
                "exp overflows or underflows: subtract each row's maximum first": (
                    np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]
                ).mean(),
                "the losses are summed, not averaged": losses.sum(),
                "the sign is wrong": -losses.mean(),
                "the logarithm is of base 2": losses.mean() / np.log(2),
                "the logarithm is of base 10": losses.mean() / np.log(10),
                "the likeliest class is taken in place of the label": (losses + chosen).mean(),
                "no logarithm is taken": 1 - p[np.arange(len(y)), y].mean(),
                "every row is asked for all labels; z[np.arange(N), labels] takes one a row": (
                    -np.log(p[:, y]).mean()
                ),
                "all classes are summed, not the label's alone": -np.log(p).sum(axis=1).mean(),
            }
        mine.expect(text, {"z": z, "labels": y}, float(losses.mean()), slips=slips)


@exercise(
    "my_crossentropy_gradient(z, labels)",
    "The gradient of ln(sum(exp(z))) is softmax(z). What is the gradient of -z[label]?",
    "dz = p; then subtract 1 at each row's label: dz[np.arange(N), labels] -= 1. The loss is a "
    "mean over N rows.",
)
def crossentropy_gradient(mine: Attempt) -> None:
    """The gradient dz (N, K) of the mean cross-entropy, from logits (N, K) and labels (N,)."""
    for text, z, labels in (
        ("one row: p, less 1 at the label", np.array([[0.0, 1, 2]]), [1]),
        ("the label of each row counts for this row", np.array([[0.0, 1, 2], [3, 1, 0]]), [2, 0]),
        ("the loss is a mean: the gradient is divided by N", np.eye(4, 3) * 2, [0, 1, 1, 2]),
        ("logits of 1000 do not overflow", np.array([[1000.0, 0, -1000], [0, 0, 0]]), [1, 2]),
    ):
        y = np.array(labels)
        N, K = z.shape
        e = np.exp(z - z.max(axis=1, keepdims=True))  # (N, K)
        p = e / e.sum(axis=1, keepdims=True)
        one_hot = np.eye(K)[y]
        want = (p - one_hot) / N
        with np.errstate(all="ignore"):
            plain = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        slips = {
            "it is not divided by N": p - one_hot,
            "the sign is wrong": -want,
            "it is divided by K, not by N": (p - one_hot) / K,
            "it is divided by N K": want / K,
            "the 1 is not subtracted": p / N,
            "it is subtracted from z, not from p": (z - one_hot) / N,
            "only the label's entry has a gradient": want * one_hot,
            "exp overflows: subtract each row's maximum first": (plain - one_hot) / N,
            "every row takes all labels": (p - np.isin(np.arange(K), y)) / N,
        }
        arguments = {"z": z, "labels": y}
        mine.expect(text, arguments, want, axes=("n", "k"), slips=slips)
