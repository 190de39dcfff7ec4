"""An image with a border of zeros, and the adjoint: what is inside.

Images are (H, W C), so that a row is one run of memory.
"""

# Numba infers the types of the kernels
# mypy: ignore-errors

from minicnn.backends.numba_cpu.caching import part
from minicnn.backends.numba_cpu.kernels.im2col import clear


@part()
def pad(image, top, before, padded):
    """padded (rows, columns C) = the image with zeros around it, cut where it is too long.

    ``before`` is the border on the left, times the channels.
    """
    clear(padded.reshape(-1))
    run = min(padded.shape[1] - before, image.shape[1])
    for h in range(min(len(padded) - top, len(image))):
        to, pixels = padded[top + h, before:], image[h]
        for e in range(run):
            to[e] = pixels[e]


@part()
def with_border(image, top, before, padded):
    """``pad``, or the image itself if it has no border and is as large as ``padded``, or larger."""
    large = len(image) >= len(padded) and image.shape[1] >= padded.shape[1]
    if top == 0 and before == 0 and large:
        return image
    pad(image, top, before, padded)
    return padded


@part()
def pad_adjoint(dpadded, top, before, dimage):
    """dimage = what is inside the border; 0 where the image was cut."""
    run = min(dpadded.shape[1] - before, dimage.shape[1])
    clear(dimage.reshape(-1))
    for h in range(min(len(dpadded) - top, len(dimage))):
        to, inside = dimage[h], dpadded[top + h, before:]
        for e in range(run):
            to[e] = inside[e]
