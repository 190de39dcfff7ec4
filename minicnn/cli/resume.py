"""A training that was interrupted: what its folder keeps, so that ``--resume`` goes on with it."""

import argparse
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from minicnn import __version__

FILE = "training.json"
BACKUP = "backup"


@dataclass(frozen=True)
class Settings:
    """What decides the outcome of ``minicnn train``."""

    data: str
    model: str
    epochs: int
    batch_size: int
    backend: str
    seed: int


def keep(folder: Path, settings: Settings) -> None:
    """Note the settings of a training that begins.

    Raises:
        OSError: the file cannot be written.
    """
    from minicnn.saving.atomic import replacing

    text = json.dumps({"minicnn_version": __version__, **asdict(settings)}, indent=2)
    with replacing(folder / FILE) as file:
        file.write(text.encode() + b"\n")


def of(folder: Path) -> Settings:
    """The settings of the interrupted training in ``folder``.

    Raises:
        ValueError: there is none, it is finished, or its notes are damaged.
    """
    from minicnn.saving.files import parse_json

    path = folder / FILE
    if not path.is_file():
        raise ValueError(
            f"--resume {folder}: there is no {FILE} in it, so no training of minicnn train began "
            "there; name the folder that was printed as the training began"
        )
    if (folder / "model.keras").exists() and not (folder / BACKUP).exists():
        raise ValueError(f"--resume {folder}: this training is finished; its model is there")
    noted = parse_json(path.read_bytes(), str(path), "the settings of the training")
    wrong = [f.name for f in fields(Settings) if type(noted.get(f.name)) is not f.type]
    if wrong:
        raise ValueError(f"{path} is damaged: {', '.join(wrong)} missing or of another type")
    return Settings(**{f.name: noted[f.name] for f in fields(Settings)})


def refuse_others(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """``--resume`` goes on as it was begun: no other option makes sense beside it.

    Raises:
        ValueError: there is one.
    """
    names = ("data", "model", "epochs", "batch_size", "backend", "seed", "out")
    given = [f"--{n.replace('_', '-')}" for n in names if getattr(args, n) != parser.get_default(n)]
    if given:
        raise ValueError(
            f"--resume goes on with the settings in {args.resume / FILE}; leave out "
            f"{', '.join(given)}"
        )
