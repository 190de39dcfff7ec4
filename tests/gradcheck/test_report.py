"""What a failed check shows: a page, a picture, JSON, an exit code."""

import argparse
import json
import subprocess
import sys
import time

import numpy as np
import pytest

from minicnn import layers
from minicnn.gradcheck import CAUSES, GradientCheckError, check_gradients
from minicnn.gradcheck.command import add_arguments, parse_arguments, parse_shape, run
from minicnn.gradcheck.user_code import line_at

SOURCE = """
import numpy as np
from minicnn.layers import Layer

class Scale(Layer):
    def __init__(self, factor=1.0, mode="plain", **kwargs):
        super().__init__(**kwargs)
        self.factor, self.mode = factor, mode

    def build(self, shape):
        self.gain = self.add_weight(name="gain", shape=(shape[-1],), initializer="ones")

    def forward(self, ctx, x):
        ctx.save(x=x)
        return x * self.gain.value

    def backward(self, ctx, dy):
        total = (dy * ctx.x).sum(axis=0)
        self.gain.grad[...] = total * self.factor
        return dy * self.gain.value

def forward(x, w):
    return x @ w, (x, w)

def backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "my_layers.py"
    path.write_text(SOURCE)
    return str(path)


class Wrong(layers.Dense):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.kernel.grad[2, 1] *= -3
        return dx


@pytest.fixture
def failed():
    return check_gradients(Wrong, (4, 5), params={"units": 3})


def test_numbers_of_the_worst_entry(failed):
    kernel = failed["kernel"]
    assert not failed
    assert failed["x"].ok
    assert (kernel.index, kernel.axes, kernel.place) == (
        (2, 1),
        ("input", "unit"),
        "input 2, unit 1",
    )
    assert kernel.ratio == pytest.approx(-3)
    assert kernel.absolute_error == pytest.approx(4 * abs(kernel.numeric))
    assert kernel.relative_error == pytest.approx(4 / 3)
    assert (kernel.wrong, kernel.checked, kernel.share) == (1, 15, 1 / 15)
    with pytest.raises(KeyError, match="there are x, kernel, bias"):
        failed["weights"]


def test_unknown_mistake_has_no_cause(failed):
    assert failed.cause is None
    assert "no known" in failed.explanation


def test_page(failed):
    page = str(failed)
    for part in ("FAILED", "no known cause", "worst at [2, 1] (input 2, unit 1)", "ratio -3",
                 "look at", "self.kernel.grad[2, 1] *= -3", "wrong in 1 of 15"):  # fmt: skip
        assert part in page
    assert len(page.splitlines()) < 40
    assert "array(" not in page


def test_page_of_a_right_layer():
    page = str(check_gradients(layers.ReLU, np.zeros((2, 3))))
    assert "passed" in page
    assert "6 at a kink" in page
    assert "Likeliest" not in page


def test_json(failed):
    told = json.loads(failed.to_json())
    assert told["ok"] is False
    assert told["cause"] is None
    (kernel,) = [a for a in told["arrays"] if a["name"] == "kernel"]
    assert kernel["worst_index"] == [2, 1]
    assert kernel["ratio"] == pytest.approx(-3)


def test_json_has_no_nan():
    class Infinite(layers.Flatten):
        def backward(self, ctx, dy):
            return super().backward(ctx, dy) / 0.0

    report = check_gradients(Infinite, (2, 2, 2, 1))
    assert not report.ok
    json.loads(report.to_json(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_plot_marks_the_worst_entry(failed, tmp_path):
    figure = failed.plot()
    axes = [a for a in figure.axes if a.get_title(loc="left") or a.get_title()]
    assert len(axes) == 3
    (mark,) = [p for a in axes for p in a.patches]
    assert (mark.get_x(), mark.get_y()) == (0.5, 1.5)
    assert any("worst: [2, 1]" in a.get_xlabel() for a in axes)
    figure.savefig(tmp_path / "errors.png")
    assert (tmp_path / "errors.png").stat().st_size > 5_000


def test_plot_of_arrays_without_numbers():
    class Column(layers.Dense):
        def backward(self, ctx, dy):
            return super().backward(ctx, dy)[:, :1]

    assert check_gradients(Column, (3, 4), params={"units": 2}).plot().axes


def test_the_library_starts_without_heavy_imports():
    code = "import sys, minicnn.gradcheck; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"matplotlib", "numba", "scipy", "cupy", "h5py"} & set(out.stdout.split())


def test_causes_are_documented_in_the_module():
    import minicnn.gradcheck

    table = [line.split(maxsplit=1) for line in minicnn.gradcheck.__doc__.splitlines()]
    told = {line[0]: line[1] for line in table if len(line) == 2 and line[0] in CAUSES}
    assert told == CAUSES


def command(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(a) for a in arguments]))


def test_command(source, tmp_path, capsys):
    assert command(f"{source}:Scale", "--input", "4,3") == 0
    assert "passed" in capsys.readouterr().out
    plot, told = tmp_path / "out.png", tmp_path / "out.json"
    code = command(
        f"{source}:Scale",
        "--input",
        "4,3",
        "--args",
        "factor=2.0,mode=odd",
        "--plot",
        plot,
        "--json",
        told,
    )
    assert code == 1
    out = capsys.readouterr().out
    assert "Likeliest cause: factor" in out
    assert "my_layers.py" in out
    assert plot.stat().st_size > 5_000
    assert json.loads(told.read_text())["cause"] == "factor"


def test_command_takes_pairs_and_the_library(source, capsys):
    assert command(f"{source}:forward,backward", "--input", "4,3", "--array", "w=3,2") == 0
    assert (
        command(
            "minicnn.layers:Conv2D", "--input", "1,5,4,2", "--args", "filters=2,kernel_size=(3,2)"
        )
        == 0
    )
    capsys.readouterr()
    assert command("minicnn.losses:MeanSquaredError", "--input", "4,3", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{}:Scal", "--input", "4,3"], "did you mean 'Scale'"),
        (["nowhere.py:Scale"], "there is no file nowhere.py"),
        (["{}"], "expected FILE.py:NAME"),
        (["{}:Scale"], "needs an input"),
        (["{}:Scale", "--input", "4;3"], "sizes such as 2,7,6,3"),
        (["{}:Scale", "--input", "4,3", "--args", "factor"], "NAME=VALUE"),
        (["{}:Scale", "--input", "4,3", "--args", "nonsense=1"], "nonsense"),
        (["no.such.module:Scale", "--input", "4,3"], "importing no.such.module"),
    ],
)
def test_command_says_what_is_wrong_in_a_line(arguments, message, source, capsys):
    assert command(*(a.format(source) for a in arguments)) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_values_on_the_command_line():
    assert parse_arguments("a=1,b=(2,3),c=same,d='x y',e=None,f=-0.5") == {
        "a": 1, "b": (2, 3), "c": "same", "d": "x y", "e": None, "f": -0.5,
    }  # fmt: skip
    assert parse_arguments("") == {}
    assert parse_shape("(2, 7,6 ,3)", "--input") == (2, 7, 6, 3)
    with pytest.raises(GradientCheckError):
        parse_arguments("f=open('x')")


def test_time_of_the_entries_is_limited():
    class Slow(layers.Flatten):
        def forward(self, ctx, x):
            time.sleep(0.002)
            return super().forward(ctx, x)

        def backward(self, ctx, dy):
            dx = super().backward(ctx, dy).copy()
            dx[:, 0] *= 2
            return dx

    report = check_gradients(Slow, (2, 20, 20, 3))
    assert not report.ok
    assert report["x"].checked < report["x"].size


def test_progress_line_is_only_shown_when_asked_for(capsys):
    class Slow(layers.Flatten):
        def forward(self, ctx, x):
            time.sleep(0.05)
            return super().forward(ctx, x)

    check_gradients(Slow, (2, 2, 2, 2))
    assert capsys.readouterr().err == ""
    check_gradients(Slow, (2, 2, 2, 2), progress=True)
    assert "gradient check: " in capsys.readouterr().err


def test_a_line_in_a_notebook_is_not_called_by_its_temporary_file():
    for name in ("/tmp/ipykernel_4711/123456.py", "<ipython-input-3-abc>"):
        assert line_at(name, 12) == "this cell:12"
