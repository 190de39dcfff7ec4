"""CIFAR-10: 60,000 colour photographs of 32 x 32 pixels in ten classes (Krizhevsky, 2009)."""

from minicnn.datasets.cache import PublishedFile, fetch, user_archive
from minicnn.datasets.readers import Shapes, Split, read_cifar_tar_gz, read_npz

SHAPES = Shapes((50_000, 32, 32, 3), (50_000, 1), (10_000, 32, 32, 3), (10_000, 1))

# The binary edition: Keras caches the Python edition, whose batches are pickles and are not read.
_FILE = PublishedFile(
    name="cifar-10-binary.tar.gz",
    urls=(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",
    ),
    size=170_052_171,
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    md5="c32a1d4ab5d03f1284b67883e8d87530",
)


def load_data() -> tuple[Split, Split]:
    """Load CIFAR-10, looked for in the order that ``minicnn.datasets`` describes.

    The classes: 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship,
    9 truck.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: images (50000, 32, 32, 3) and (10000, 32, 32, 3)
        uint8, colours last, labels (50000, 1) and (10000, 1) uint8.

    Raises:
        DatasetFileError: a file is there and is not CIFAR-10's.
        DownloadError: none is there, and none could be downloaded.
    """
    if archive := user_archive("cifar10.npz"):
        return read_npz(archive, SHAPES, exact=False)
    return read_cifar_tar_gz(fetch(_FILE))
