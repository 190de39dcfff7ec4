"""Data sets: ``from minicnn.datasets import mnist``, then ``mnist.load_data()``, as in Keras.

A published data set is looked for in three places:

1. the folder that the environment variable ``MINICNN_DATA`` names: a NumPy archive ``mnist.npz``,
   ``fashion_mnist.npz`` or ``cifar10.npz`` with the arrays x_train, y_train, x_test, y_test, uint8.
   It may hold fewer images than the published one, and is taken as it is;
2. the cache, ``~/.keras/datasets`` (or ``datasets`` in the folder ``KERAS_HOME``): Keras's own
   copy, or ours in ``minicnn`` below it, each only if its hash is the published one;
3. the network, with a line that says so.

``rendered_digits`` is drawn on the spot and needs none of them.
"""

from minicnn.datasets import cifar10, fashion_mnist, mnist, rendered_digits
from minicnn.datasets.cache import DownloadError
from minicnn.datasets.readers import DatasetFileError, Split

__all__ = [
    "DatasetFileError", "DownloadError", "cifar10", "fashion_mnist", "load", "mnist", "names",
    "rendered_digits",
]  # fmt: skip

_LOADERS = {
    module.__name__.rpartition(".")[2]: module.load_data
    for module in (mnist, fashion_mnist, cifar10, rendered_digits)
}


def names() -> tuple[str, ...]:
    """The data sets that ``load`` knows."""
    return tuple(_LOADERS)


def load(name: str) -> tuple[Split, Split]:
    """Load a data set by its name: ``(x_train, y_train), (x_test, y_test)``.

    Raises:
        ValueError: no data set has that name.
        DatasetFileError, DownloadError: as in the data set's own ``load_data``.
    """
    if name not in _LOADERS:
        raise ValueError(f"no data set is called {name!r}; there are {', '.join(_LOADERS)}")
    return _LOADERS[name]()
