"""Chapter 2: convolution as one matrix product."""

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.chapter01 import convolve
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """The same numbers as the loops of chapter 1."""
    convolve.verify(mine)


EXERCISE = Exercise(
    name="matmul_convolve",
    chapter=2,
    signature="my_matmul_convolve(x, w, b, strides)",
    task="Convolve x (N, H, W, C) with w (KH, KW, C, F) and b (F,) by im2col and one product.",
    hints=(
        "cols = im2col(x, (KH, KW), strides) has a window at each (n, oh, ow). Which two reshapes "
        "make matrices of cols and of w?",
        "One window a row: cols.reshape(N * OH * OW, KH * KW * C). One filter a column: "
        "w.reshape(KH * KW * C, F).",
        "(rows @ matrix + b).reshape(N, OH, OW, F)",
    ),
    verify=verify,
)
