"""The command line: what it writes, what it refuses, its exit codes."""

import os
import platform
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import minicnn
from minicnn import datasets
from minicnn.cli import main, train
from minicnn.datasets import rendered_digits

QUICK = ["--model", "one_conv", "--epochs", "1", "--batch-size", "50", "--backend", "numpy"]
PICTURES = {"training.png", "predictions.png", "confusion.png", "filters.png", "mistakes.png"}


@pytest.fixture
def few_digits(monkeypatch):
    """The data set of drawn digits, cut down to what trains in a second."""

    def load(name):
        assert name == "rendered_digits"
        return rendered_digits.load_data(n_train=200, n_test=40)

    monkeypatch.setattr(datasets, "load", load)


@pytest.fixture
def no_network(monkeypatch, few_digits):
    """Nothing but the data set that needs no network."""
    few = datasets.load

    def load(name):
        if name == "mnist":
            raise datasets.DownloadError("the network is down")
        return few(name)

    monkeypatch.setattr(datasets, "load", load)


@pytest.fixture(autouse=True)
def same_backend_afterwards():
    before = minicnn.config.backend()
    yield
    minicnn.config.set_backend(before)


@pytest.fixture
def no_pictures(monkeypatch):
    """Drawing takes longer than such a training."""
    monkeypatch.setattr(train, "_draw", lambda *args: None)


def size_of_png(path):
    header = path.read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    return int.from_bytes(header[16:20]), int.from_bytes(header[20:24])


# -- train -----------------------------------------------------------------------------------------


def test_train_prints_what_the_saved_model_reaches_and_draws(few_digits, tmp_path, capsys):
    out = tmp_path / "results"
    assert main(["train", "--data", "rendered_digits", *QUICK, "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert {p.name for p in out.iterdir()} == PICTURES | {"model.keras", "training.json"}
    assert all(min(size_of_png(out / name)) > 300 for name in PICTURES)

    model = minicnn.models.load_model(out / "model.keras")
    _, (x, y) = datasets.load("rendered_digits")
    answers = model.predict(x[..., None] / 255, verbose=0).argmax(axis=1)
    assert f"test accuracy {(answers == y).mean():.2%}" in text
    assert str(out) in text


def test_train_repeats_itself_for_a_seed(few_digits, no_pictures, tmp_path, capsys):
    weights = []
    for name in "ab":
        out = tmp_path / name
        main(["train", "--data", "rendered_digits", *QUICK, "--seed", "5", "--out", str(out)])
        weights.append(minicnn.models.load_model(out / "model.keras").get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_train_never_writes_over_another_run(
    few_digits, no_pictures, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda _: "now")
    for _ in range(2):
        assert main(["train", "--data", "rendered_digits", *QUICK]) == 0
    runs = sorted(p.name for p in (tmp_path / "runs").iterdir())
    assert runs == ["rendered_digits-one_conv-now", "rendered_digits-one_conv-now-2"]

    before = (tmp_path / "runs" / runs[0] / "model.keras").read_bytes()
    capsys.readouterr()
    taken = f"runs/{runs[0]}"
    assert main(["train", "--data", "rendered_digits", *QUICK, "--out", taken]) == 1
    error = capsys.readouterr().err
    assert "not an empty folder" in error
    assert error.count("\n") == 1
    assert (tmp_path / taken / "model.keras").read_bytes() == before


def test_without_a_network_the_default_says_so_and_draws_its_own(no_network, tmp_path, capsys):
    assert main(["train", *QUICK, "--out", str(tmp_path / "r")]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert "the network is down" in first
    assert "rendered digits" in first


def test_without_a_network_an_explicit_choice_is_an_error(no_network, tmp_path, capsys):
    out = tmp_path / "r"
    assert main(["train", "--data", "mnist", *QUICK, "--out", str(out)]) == 1
    assert capsys.readouterr().err == "minicnn train: the network is down\n"
    assert not out.exists()
    with pytest.raises(OSError, match="network is down"):
        main(["train", "--data", "mnist", "--debug", *QUICK, "--out", str(out)])


@pytest.mark.parametrize("name", ["two_conv", "one_conv", "three_conv", "dense512"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_every_network_fits_every_image(name, shape):
    from minicnn.cli import architectures

    model = architectures.build(name, shape, 10)
    assert model.predict(np.zeros((2, *shape), "float32"), verbose=0).shape == (2, 10)


@pytest.mark.parametrize(("name", "params"), [("two_conv", 3_156_098), ("one_conv", 693_962)])
def test_networks_for_mnist_have_the_known_number_of_weights(name, params):
    from minicnn.cli import architectures

    assert architectures.build(name, (28, 28, 1), 10).count_params() == params


@pytest.mark.parametrize(("name", "params"), [("three_conv", 122_570), ("dense512", 1_204_682)])
def test_networks_for_cifar10_have_the_known_number_of_weights(name, params):
    from minicnn.cli import architectures

    assert architectures.build(name, (32, 32, 3), 10).count_params() == params


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["trian"],
        ["train", "--epochs", "0"],
        ["train", "--batch-size", "many"],
        ["train", "--model", "resnet"],
        ["train", "--data", "imagenet"],
        ["train", "--backend", "torch"],
        ["run"],
    ],
)
def test_a_command_line_that_makes_no_sense_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: minicnn" in capsys.readouterr().err


# -- the rest --------------------------------------------------------------------------------------


def test_version(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"minicnn {minicnn.__version__}\n"


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from minicnn.cli import main\ntry: main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'numba', 'scipy', 'matplotlib', 'h5py', 'rich'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.endswith("\n[]\n")


def test_info_says_what_computes_and_what_pins_it(monkeypatch, capsys):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.delenv("OPENBLAS_L2_SIZE", raising=False)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/somewhere/else")
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    for part in (
        f"minicnn {minicnn.__version__}",
        f"Python {platform.python_version()}",
        np.__version__,
        "OPENBLAS_CORETYPE=Haswell",
        "/somewhere/else",
        f"{os.cpu_count()}, ",
    ):
        assert part in text
    assert "OPENBLAS_L2_SIZE" not in text


def test_info_says_why_a_backend_cannot_be_used(monkeypatch, capsys):
    def get(name):
        if name == "cupy":
            raise minicnn.backends.BackendError("no driver")

    monkeypatch.setattr(minicnn.backends, "get", get)
    main(["info"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["cupy", "not", "usable:", "no", "driver"] in lines
    assert ["numpy", "usable"] in [line[:2] for line in lines]


def test_run_chooses_the_backend(tmp_path, capsys):
    program = tmp_path / "program.py"
    program.write_text("import keras; print(keras.backend.backend())")
    assert main(["run", "--backend", "numpy", str(program)]) == 0
    assert capsys.readouterr().out == "numpy\n"


def test_run_with_a_seed_repeats_what_the_program_draws(tmp_path, capsys):
    program = tmp_path / "program.py"
    program.write_text(
        "import keras, random, numpy as np\n"
        "layer = keras.layers.Dense(3)\n"
        "layer.build((None, 2))\n"
        "print(random.random(), np.random.random(), layer.get_weights()[0].tolist())"
    )
    drawn = []
    for seed in "1", "1", "2":
        assert main(["run", "--seed", seed, str(program)]) == 0
        drawn.append(capsys.readouterr().out)
    assert drawn[0] == drawn[1] != drawn[2]


def test_ctrl_c_ends_with_130_and_one_line(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import time\nprint('here', flush=True)\ntime.sleep(60)\n")
    command = [sys.executable, "-m", "minicnn", "run", str(program)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error == "\nminicnn: interrupted\n"
