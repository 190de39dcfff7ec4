"""``load_data`` of each published data set: where it looks, and that it is the real one."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from minicnn import datasets
from minicnn.datasets import DatasetFileError, DownloadError, cifar10, fashion_mnist
from minicnn.datasets import mnist as mnist_module
from tests.datasets import helpers as h

MODULES = {"mnist": mnist_module, "fashion_mnist": fashion_mnist, "cifar10": cifar10}


def flat(loaded):
    (a, b), (c, d) = loaded
    return [a, b, c, d]


@pytest.fixture
def small(monkeypatch, server):
    """The data sets as small files of the server's, in their published formats."""
    arrays = h.small_arrays()
    monkeypatch.setattr(mnist_module, "SHAPES", h.SHAPES)
    monkeypatch.setattr(fashion_mnist, "SHAPES", h.SHAPES)
    content = h.npz_bytes(arrays)
    monkeypatch.setattr(mnist_module, "_FILE", h.published(content, [server.url("good", content)]))
    files = []
    for name, array in arrays.items():
        content = h.gz(h.idx_bytes(array))
        urls = [server.url("good", content, name)]
        files.append(h.published(content, urls, f"fashion-mnist/{name}.gz"))
    monkeypatch.setattr(fashion_mnist, "_FILES", files)
    return arrays


def test_mnist_and_fashion_mnist_are_downloaded(keras_home, small, capsys):
    for module in (mnist_module, fashion_mnist):
        for array, wanted in zip(flat(module.load_data()), small.values(), strict=True):
            np.testing.assert_array_equal(array, wanted)
    assert capsys.readouterr().out.count("Downloading data from") == 5
    mnist_module.load_data()
    fashion_mnist.load_data()
    assert capsys.readouterr().out == ""


def test_cifar10_is_downloaded(keras_home, server, monkeypatch):
    members = h.cifar_members()
    content = h.gz(h.tar_bytes(members))
    file = h.published(content, [server.url("good", content)], "cifar-10-binary.tar.gz")
    monkeypatch.setattr(cifar10, "_FILE", file)
    read = cifar10.read_cifar_tar_gz
    monkeypatch.setattr(cifar10, "read_cifar_tar_gz", lambda path: read(path, h.IMAGES_PER_BATCH))
    shapes = [array.shape for array in flat(cifar10.load_data())]
    assert shapes == [(10, 32, 32, 3), (10, 1), (2, 32, 32, 3), (2, 1)]


@pytest.mark.parametrize("name", MODULES)
def test_the_users_folder_comes_first(keras_home, tmp_path, monkeypatch, capsys, name):
    folder = tmp_path / "자료 모음"
    folder.mkdir()
    monkeypatch.setenv("MINICNN_DATA", str(folder))
    arrays = {
        key: np.full((n, *shape[1:]), n, np.uint8)
        for n, (key, shape) in enumerate(MODULES[name].SHAPES._asdict().items(), start=2)
    }
    arrays["y_train"], arrays["y_test"] = arrays["y_train"][:2], arrays["y_test"][:4]
    np.savez_compressed(folder / f"{name}.npz", **arrays)
    for array, wanted in zip(flat(datasets.load(name)), arrays.values(), strict=True):
        np.testing.assert_array_equal(array, wanted)
    assert capsys.readouterr() == ("", "")
    assert not keras_home.exists()


def test_a_damaged_file_in_the_users_folder_is_not_passed_over(keras_home, tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path))
    (tmp_path / "mnist.npz").write_bytes(b"<html>")
    with pytest.raises(DatasetFileError, match=r"mnist\.npz"):
        mnist_module.load_data()


def test_a_users_folder_that_is_not_there(keras_home, tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path / "typo"))
    with pytest.raises(DatasetFileError, match="MINICNN_DATA"):
        mnist_module.load_data()


def test_a_users_folder_without_the_file(keras_home, small, tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path))
    np.testing.assert_array_equal(mnist_module.load_data()[0][0], small["x_train"])


def test_path_names_the_file(keras_home, small, tmp_path):
    mnist_module.load_data("other.npz")
    assert (keras_home / "datasets" / "minicnn" / "other.npz").exists()
    np.savez(tmp_path / "mine.npz", **small)
    (x, _), _ = mnist_module.load_data(str(tmp_path / "mine.npz"))
    np.testing.assert_array_equal(x, small["x_train"])
    mnist_module.load_data(str(tmp_path / "new.npz"))
    assert (tmp_path / "new.npz").exists()


@pytest.mark.parametrize("name", MODULES)
def test_no_network(keras_home, monkeypatch, name):
    """Every address of every published file ends in the one message."""

    def offline(url, timeout):
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(DownloadError, match="rendered_digits") as caught:
        datasets.load(name)
    assert str(keras_home) in str(caught.value)
    assert "Name or service not known" in str(caught.value)


def test_names_and_load():
    assert set(datasets.names()) == {*MODULES, "rendered_digits"}
    with pytest.raises(ValueError, match=r"'emnist'.*rendered_digits"):
        datasets.load("emnist")


def test_importing_loads_neither_matplotlib_nor_the_network():
    program = (
        "import sys, minicnn.datasets as d; "
        "bad = {'matplotlib', 'urllib.request', 'ssl', 'scipy', 'numba'} & set(sys.modules); "
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# ---- the real ones, from MINICNN_DATA ----


def sha256(array):
    return hashlib.sha256(array.tobytes()).hexdigest()[:8]


def test_real_mnist(mnist):
    loaded = flat(mnist_module.load_data())
    for array, wanted in zip(loaded, flat(mnist), strict=True):
        np.testing.assert_array_equal(array, wanted)
    assert [a.shape for a in loaded] == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]
    assert [sha256(a) for a in loaded] == ["741c9888", "1feba77c", "6d87418d", "ddeff807"]
    assert loaded[0].mean() == pytest.approx(33.3184, abs=1e-4)
    assert loaded[0].std() == pytest.approx(78.5675, abs=1e-4)


def test_real_fashion_mnist(fashion_mnist):
    loaded = flat(datasets.fashion_mnist.load_data())
    for array, wanted in zip(loaded, flat(fashion_mnist), strict=True):
        np.testing.assert_array_equal(array, wanted)
    assert [a.shape for a in loaded] == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]
    assert np.bincount(loaded[1]).tolist() == [6000] * 10
    assert loaded[0].mean() == pytest.approx(0.2860 * 255, abs=0.02)


def test_real_cifar10(cifar10):
    loaded = flat(datasets.cifar10.load_data())
    for array, wanted in zip(loaded, flat(cifar10), strict=True):
        np.testing.assert_array_equal(array, wanted)
    x_train, y_train, x_test, y_test = loaded
    assert x_train.shape[1:] == x_test.shape[1:] == (32, 32, 3)
    assert y_train.shape[1:] == y_test.shape[1:] == (1,)
    # The published means are of the 50,000 training images; a copy may split or lack some.
    assert x_train.mean(axis=(0, 1, 2)) == pytest.approx([125.3, 123.0, 113.9], abs=0.5)
