"""Fashion-MNIST: 70,000 pictures of clothes in MNIST's shapes (Xiao, Rasul, Vollgraf, 2017)."""

from minicnn.datasets.cache import PublishedFile, fetch, user_archive
from minicnn.datasets.mnist import SHAPES
from minicnn.datasets.readers import Split, read_idx_gz, read_npz


def _published(name: str, size: int, md5: str, sha256: str) -> PublishedFile:
    urls = (
        f"https://storage.googleapis.com/tensorflow/tf-keras-datasets/{name}",
        f"https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/{name}",
        f"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/{name}",
    )
    return PublishedFile(f"fashion-mnist/{name}", urls, size, sha256, md5)


#: in the order of ``SHAPES``
_FILES = (
    _published("train-images-idx3-ubyte.gz", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
               "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    _published("train-labels-idx1-ubyte.gz", 29_515, "25c81989df183df01b3e8a0aad5dffbe",
               "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    _published("t10k-images-idx3-ubyte.gz", 4_422_102, "bef4ecab320f06d8554ea6380940ec79",
               "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    _published("t10k-labels-idx1-ubyte.gz", 5_148, "bb300cfdad3c16e7a12a480ee83cd310",
               "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
)  # fmt: skip


def load_data() -> tuple[Split, Split]:
    """Load Fashion-MNIST, looked for in the order that ``minicnn.datasets`` describes.

    The classes: 0 T-shirt/top, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt,
    7 sneaker, 8 bag, 9 ankle boot.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: images (60000, 28, 28) and (10000, 28, 28) uint8,
        labels (60000,) and (10000,) uint8.

    Raises:
        DatasetFileError: a file is there and is not Fashion-MNIST's.
        DownloadError: none is there, and none could be downloaded.
    """
    if archive := user_archive("fashion_mnist.npz"):
        return read_npz(archive, SHAPES, exact=False)
    x_train, y_train, x_test, y_test = (
        read_idx_gz(fetch(file), shape) for file, shape in zip(_FILES, SHAPES, strict=True)
    )
    return (x_train, y_train), (x_test, y_test)
