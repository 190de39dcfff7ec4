"""An image with a border of zeros, and the adjoint: what is inside.

Images are (N, H, W C), so that a row is one run of memory.
"""

# Numba infers the types of the kernels
# mypy: ignore-errors

from numba import njit

from minicnn.backends.numba_cpu.kernels.im2col import clear


@njit
def pad(x, n, top, before, padded):
    """padded (rows, columns C) = image n of x with zeros around it, cut where it is too long.

    ``before`` is the border on the left, times the channels.
    """
    clear(padded.reshape(-1))
    run = min(padded.shape[1] - before, x.shape[2])
    for h in range(min(len(padded) - top, x.shape[1])):
        to, pixels = padded[top + h, before:], x[n, h]
        for e in range(run):
            to[e] = pixels[e]


@njit
def pad_adjoint(dpadded, top, before, dx, n):
    """dx of image n = what is inside the border; 0 where the image was cut."""
    run = min(dpadded.shape[1] - before, dx.shape[2])
    clear(dx[n].reshape(-1))
    for h in range(min(len(dpadded) - top, dx.shape[1])):
        to, inside = dx[n, h], dpadded[top + h, before:]
        for e in range(run):
            to[e] = inside[e]
