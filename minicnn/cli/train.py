"""``minicnn train``: a small network on a known data set, and pictures of what it learned."""

import argparse
import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minicnn import backends, config
from minicnn.cli import architectures, resume
from minicnn.engine import console

if TYPE_CHECKING:
    from minicnn.models import Sequential

#: data set -> names of its classes; None stands for the digits
_CLASS_NAMES: dict[str, tuple[str, ...] | None] = {
    "mnist": None,
    "fashion_mnist": (
        "T-shirt", "trousers", "pullover", "dress", "coat",
        "sandal", "shirt", "sneaker", "bag", "boot",
    ),
    "cifar10": (
        "airplane", "automobile", "bird", "cat", "deer",
        "dog", "frog", "horse", "ship", "truck",
    ),
    "rendered_digits": None,
}  # fmt: skip


def add_parser(subparsers: argparse._SubParsersAction, common: argparse.ArgumentParser) -> None:
    """Describe the command line of ``minicnn train``."""
    parser = subparsers.add_parser(
        "train",
        parents=[common],
        help="train a small network and draw what it learned",
        description="Train a small network, print its test loss and accuracy, and leave the "
        "model and pictures of the training, predictions, mistakes and filters in a folder.",
    )
    parser.add_argument(
        "--data", choices=list(_CLASS_NAMES),
        help="data set (mnist; rendered_digits if mnist cannot be downloaded)",
    )  # fmt: skip
    parser.add_argument(
        "--model", choices=list(architectures.ARCHITECTURES), default="two_conv",
        help="network (%(default)s)",
    )  # fmt: skip
    for option, default, what in (
        ("--epochs", 5, "passes over the data"),
        ("--batch-size", 128, "images a step"),
    ):
        parser.add_argument(
            option, type=_positive, default=default, metavar="N", help=f"{what} (%(default)s)"
        )
    parser.add_argument(
        "--backend", choices=backends.names(), help="what computes (numba, or MINICNN_BACKEND)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="same seed, same numbers (%(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR",
        help="new or empty folder for the results (a new one below ./runs)",
    )  # fmt: skip
    parser.add_argument(
        "--resume", type=Path, metavar="DIR",
        help="go on with a training that was interrupted, in its folder and with its settings",
    )  # fmt: skip
    parser.set_defaults(function=lambda args: train(args, parser))


def train(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Load, train, test, save, draw; a training that is interrupted can go on later."""
    if args.resume is not None:
        resume.refuse_others(args, parser)
        folder, settings = args.resume, resume.of(args.resume)
        config.set_backend(settings.backend)
        data = _load(settings.data)
    else:
        if args.backend:
            config.set_backend(args.backend)
        data = _load_or_replace(args.data)
        folder = _results_folder(args.out, f"{data.name}-{args.model}")
        settings = resume.Settings(
            data.name, args.model, args.epochs, args.batch_size, config.backend(), args.seed
        )
        resume.keep(folder, settings)
    try:
        _train_and_report(data, folder, settings)
    except KeyboardInterrupt:
        _say(f"To go on from the last whole epoch: minicnn train --resume {folder}")
        raise
    return 0


def _train_and_report(data: "Images", folder: Path, settings: resume.Settings) -> None:
    from minicnn import utils
    from minicnn.callbacks import BackupAndRestore

    _say(
        f"{data.name}: {len(data.x_train):,} training and {len(data.x_test):,} test images of "
        f"{data.shape}, backend {config.backend()!r}, seed {settings.seed}"
    )
    utils.set_random_seed(settings.seed)
    model = architectures.build(settings.model, data.shape, data.classes)
    model.summary()
    # removed below, when the results are there
    backup = BackupAndRestore(folder / resume.BACKUP, delete_checkpoint=False)
    start = time.perf_counter()
    model.fit(
        data.x_train, data.y_train, batch_size=settings.batch_size, epochs=settings.epochs,
        validation_data=(data.x_test, data.y_test), callbacks=[backup],
    )  # fmt: skip
    seconds = time.perf_counter() - start
    loss, accuracy = model.evaluate(data.x_test, data.y_test, batch_size=500, verbose=0)
    since = f" since epoch {backup.first_epoch + 1}" if backup.first_epoch else ""
    _say(f"\nTest loss {loss:.4f}, test accuracy {accuracy:.2%}, trained in {seconds:.0f} s{since}")
    model.save(folder / "model.keras")
    _draw(folder, model, backup, data)
    backup.remove()
    _say(f"Model and pictures are in {folder}")


@dataclass
class Images:
    """A data set ready for training: x float32 in 0..1 (N, H, W, C), y class numbers (N,)."""

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self.x_train.shape[1:]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.y_train.max()) + 1


def _load_or_replace(name: str | None) -> Images:
    """The data set asked for; nobody asked: MNIST, or without a network the rendered digits."""
    if name:
        return _load(name)
    from minicnn.datasets import DownloadError

    try:
        return _load("mnist")
    except DownloadError as error:
        reason = str(error).partition("\n")[0].rstrip(":.")
        _say(
            f"{reason}: training on the built-in rendered digits instead (--data mnist tells more)."
        )
        return _load("rendered_digits")


def _load(name: str) -> Images:
    from minicnn import datasets

    (x_train, y_train), (x_test, y_test) = datasets.load(name)
    return Images(name, _scaled(x_train), y_train.ravel(), _scaled(x_test), y_test.ravel())


def _scaled(x: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W) or (N, H, W, C) -> float32 (N, H, W, C) in 0..1."""
    images = x if x.ndim == 4 else x[..., None]
    return np.divide(images, 255, dtype="float32")


def _results_folder(wanted: Path | None, name: str) -> Path:
    """Make the folder of the results; no other run is ever written over.

    Raises:
        FileExistsError: the folder asked for holds something.
    """
    if wanted is None:
        stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        names = itertools.chain([stem], (f"{stem}-{n}" for n in itertools.count(2)))
        wanted = next(p for p in (Path("runs", n) for n in names) if not p.exists())
    if wanted.exists() and (not wanted.is_dir() or any(wanted.iterdir())):
        begun = wanted.is_dir() and (wanted / resume.FILE).exists()
        raise FileExistsError(
            f"--out {wanted} exists and is not an empty folder; name another one or remove it"
            + (f", or go on with the training in it: --resume {wanted}" if begun else "")
        )
    wanted.mkdir(parents=True, exist_ok=True)
    return wanted


def _draw(folder: Path, model: "Sequential", history: Any, data: Images) -> None:
    """Training curves, sixteen predictions, the surest mistakes, confusion matrix, filters."""
    from minicnn import plots

    names = _CLASS_NAMES[data.name]
    p = model.predict(data.x_test, batch_size=500, verbose=0)  # (N, classes)
    answer = p.argmax(axis=1)
    mistakes = np.flatnonzero(answer != data.y_test)
    surest = mistakes[np.argsort(-p[mistakes, answer[mistakes]], kind="stable")]

    def grid(rows: np.ndarray, title: str) -> Any:
        return plots.prediction_grid(
            data.x_test[rows], data.y_test[rows], p[rows], names, title=title
        )

    pictures = {
        "training.png": plots.training_curves(history),
        "predictions.png": grid(np.arange(min(16, len(p))), "The first test images"),
        "confusion.png": plots.confusion_matrix(data.y_test, p, names),
        "filters.png": plots.filters(model),
    }
    if len(surest):
        title = f"The surest of {len(surest):,} mistakes in {len(p):,}"
        pictures["mistakes.png"] = grid(surest[:16], title)
    for name, figure in pictures.items():
        figure.savefig(folder / name)


def _say(text: str) -> None:
    console.write(text + "\n")  # a console that fails ends no training


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value
