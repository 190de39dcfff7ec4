"""What follows from the shapes of a convolution alone: sizes, and the numbers its kernels take."""

from dataclasses import dataclass
from functools import lru_cache

from minicnn.backends.cupy_gpu.signatures import defined
from minicnn.backends.spec import Pads, Pair

Pool = tuple[int, int, int, int]  # PH, PW, PSH, PSW

#: with at most so many channels the kernels of direct.cu are used instead of a matrix product ...
FEW_CHANNELS = 4
#: ... if what a line of outputs sees fits into their shared memory
BAND = defined("BAND")
#: bytes that the matrix of im2col may have; a batch whose matrix is larger is taken in parts
COLS_BYTES = 256 << 20


@dataclass(frozen=True)
class Geometry:
    """A convolution of images (H, W, C), with max-pooling behind it or without."""

    image: tuple[int, int, int]  # H, W, C
    window: tuple[int, int, int, int]  # KH, KW, SH, SW
    dilation: Pair
    corner: Pair  # top, left: where the first window begins, outside the image if positive
    output: tuple[int, int, int]  # OH, OW, F before pooling, as far as pooling reads it
    pool: Pool | None
    y: tuple[int, int, int]  # YH, YW, F: the result
    groups: int

    @property
    def channels(self) -> int:
        """Channels that one filter sees: C // groups."""
        return self.image[2] // self.groups

    @property
    def K(self) -> int:
        """Entries of one window, KH KW C // groups: the columns of the matrix of im2col."""
        KH, KW, _, _ = self.window
        return KH * KW * self.channels

    @property
    def pool_window(self) -> Pool:
        """The pooling, or windows of one entry where there is none."""
        return self.pool or (1, 1, 1, 1)

    @property
    def is_direct(self) -> bool:
        """Whether the kernels of direct.cu take it."""
        _, _, C = self.image
        KH, KW, SH, SW = self.window
        _, OW, _ = self.output
        band = ((self.pool_window[0] - 1) * SH + KH) * ((OW - 1) * SW + KW) * C
        return C <= FEW_CHANNELS and self.groups == 1 and self.dilation == (1, 1) and band <= BAND

    @property
    def cols_is_x(self) -> bool:
        """Whether every window is one pixel, so that im2col would only copy the images."""
        return (*self.window, *self.corner) == (1, 1, 1, 1, 0, 0) and (
            self.groups == 1 and self.output[:2] == self.image[:2]
        )

    def images_a_part(self, itemsize: int) -> int:
        """How many images may go through im2col at once."""
        OH, OW, _ = self.output
        return max(1, COLS_BYTES // max(1, OH * OW * self.K * itemsize))


@lru_cache(maxsize=512)
def geometry_of(
    image: tuple[int, int, int], w_shape: tuple[int, int, int, int], strides: Pair, pads: Pads,
    dilation: Pair, groups: int, pool: Pool | None,
) -> Geometry:  # fmt: skip
    """For images (H, W, C) and a kernel (KH, KW, C // groups, F)."""
    H, W, _ = image
    KH, KW, _, F = w_shape
    (top, bottom), (left, right) = pads
    OH = (H + top + bottom - (KH - 1) * dilation[0] - 1) // strides[0] + 1
    OW = (W + left + right - (KW - 1) * dilation[1] - 1) // strides[1] + 1
    YH, YW = OH, OW
    if pool:
        PH, PW, PSH, PSW = pool
        YH, YW = (OH - PH) // PSH + 1, (OW - PW) // PSW + 1
        # a remainder that no pooling window reaches is not computed
        OH, OW = (YH - 1) * PSH + PH, (YW - 1) * PSW + PW
    return Geometry(
        image, (KH, KW, *strides), dilation, (top, left), (OH, OW, F), pool, (YH, YW, F), groups
    )
