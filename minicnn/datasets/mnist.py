"""MNIST: 70,000 handwritten digits of 28 x 28 pixels (LeCun, Bottou, Bengio, Haffner, 1998)."""

from dataclasses import replace

from minicnn.datasets.cache import PublishedFile, fetch, user_archive
from minicnn.datasets.readers import Shapes, Split, read_npz

SHAPES = Shapes((60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,))

_FILE = PublishedFile(
    name="mnist.npz",
    urls=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        "https://s3.amazonaws.com/img-datasets/mnist.npz",
    ),
    size=11_490_434,
    sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    md5="8a61469f7ea1b51cbae51d4f78837e45",
)


def load_data(path: str = "mnist.npz") -> tuple[Split, Split]:
    """Load MNIST, looked for in the order that ``minicnn.datasets`` describes.

    Args:
        path: the name of the file in those folders, or the absolute path of an archive.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: images (60000, 28, 28) and (10000, 28, 28) uint8
        from 0 (black, the ground) to 255, labels (60000,) and (10000,) uint8 from 0 to 9.

    Raises:
        DatasetFileError: a file is there and is not MNIST's.
        DownloadError: none is there, and none could be downloaded.
    """
    if archive := user_archive(path):
        return read_npz(archive, SHAPES, exact=False)
    return read_npz(fetch(replace(_FILE, name=path)), SHAPES, exact=True)
