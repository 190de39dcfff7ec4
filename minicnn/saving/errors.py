"""The error of every unusable model file, and what a file that is no model file seems to be."""

import os


class ModelFileError(ValueError):
    """A file cannot be read as a model, or does not fit the model.

    Attributes:
        path: of the file.
        found: what is wrong with it.
        expected: what a good file has instead.
    """

    def __init__(self, path: str | os.PathLike[str], found: str, expected: str) -> None:
        self.path, self.found, self.expected = os.fspath(path), found, expected
        between = "" if found.endswith("\n") else "; "  # a list ends with a line of its own
        super().__init__(f"{self.path}: {printable(found)}{between}expected {expected}")

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.found, self.expected)


def printable(text: str) -> str:
    """``text`` from a stranger's file, without characters that a terminal would obey."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in text)


_BEGINNINGS = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; run  git lfs pull"),
    (b"\x89PNG", "a PNG picture"),
    (b"GGUF", "a GGUF file"),
)


def kind_of(head: bytes) -> str:
    """What a file that begins with the bytes ``head`` (some hundred of them) seems to be."""
    if not head:
        return "an empty file"
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "a Python pickle, which can run code when it is read and is never opened here"
    if head[257:262] == b"ustar":
        return "a tar archive"
    try:
        text = head.decode("utf-8").lstrip().lower()
    except UnicodeDecodeError:
        return "data of an unknown type"
    if text.startswith(("<!doctype html", "<html")):
        return "an HTML page, probably the error page of a download"
    return "text" if text.isprintable() or "\n" in text else "data of an unknown type"
