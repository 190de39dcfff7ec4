"""Every picture's docstring has an example; it runs, draws, and what it draws can be read."""

import inspect
import subprocess
import sys
import textwrap

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

import minicnn
from minicnn import plots

FUNCTIONS = [name for name in plots.__all__ if name != "Movie"]
SMALLEST = 10.5  # points
EXTENSIONS = (".png", ".gif")


def example(function):
    """The lines after "Example::" in the docstring of a function."""
    text = inspect.cleandoc(function.__doc__)
    assert "Example::\n" in text, f"{function.__name__} has no example"
    lines = text.split("Example::\n", 1)[1].splitlines()
    block = []
    for line in lines:
        if line.strip() and not line.startswith("    "):
            break
        block.append(line)
    return textwrap.dedent("\n".join(block))


@pytest.fixture(scope="module")
def drawn(digits, tmp_path_factory):
    """Runs an example once: ({name: value} it made, the file it wrote)."""
    made = {}

    def run(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            model, x_test, y_test = digits
            names = {"minicnn": minicnn, "np": np, "model": model, "x_test": x_test,
                     "y_test": y_test, "Conv2D": minicnn.layers.Conv2D}  # fmt: skip
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                exec(example(getattr(plots, name)), names)
            [path] = folder.iterdir()
            made[name] = names, path
        return made[name]

    return run


def figure_of(names):
    return names["movie"].still(1) if "movie" in names else names["figure"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_writes_a_picture(drawn, name):
    _, path = drawn(name)
    assert path.suffix in EXTENSIONS
    with Image.open(path) as picture:
        assert picture.width > 300
        assert picture.height > 150
        assert len(picture.convert("L").getcolors()) > 20


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_word_is_large_enough_and_inside_the_picture(drawn, name):
    figure = figure_of(drawn(name)[0])
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    ticks = {t for axes in figure.axes for t in tick_labels(axes)}
    words = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    assert words
    for text in words:
        what = f"{name}: {text.get_text()!r}"
        assert text.get_fontsize() >= SMALLEST, f"{what} has {text.get_fontsize()} points"
        if text in ticks:
            continue  # those outside of the axes are not drawn
        box = text.get_window_extent()
        assert box.x0 >= -1, f"{what} is cut off at the left"
        assert box.x1 <= width + 1, f"{what} is cut off at the right"
        assert box.y0 >= -1, f"{what} is cut off below"
        assert box.y1 <= height + 1, f"{what} is cut off above"


def tick_labels(axes):
    axis = (axes.xaxis, axes.yaxis)
    return [text for a in axis for text in a.findobj(Text) if text is not a.label]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_pictures_are_cards_of_dark_type_on_white(drawn, name):
    figure = figure_of(drawn(name)[0])
    assert mpl.colors.to_hex(figure.get_facecolor()) == "#ffffff"
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_no_picture_touches_pyplot(digits):
    code = (
        "import sys, numpy as np\n"
        "from minicnn import plots\n"
        "x = np.arange(9).reshape(3, 3)\n"
        "plots.im2col_animation(x, 2).to_gif()\n"
        "plots.col2im_animation(x, 2).player()\n"
        "plots.convolution_window(x, np.ones((2, 2)))\n"
        "plots.pooling_winners(x)\n"
        "plots.roofline({'a': (1, 1, 1)}, 1, 1)\n"
        "plots.compare_histories({'a': [1, 2]})\n"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0


def test_the_example_of_trace_prints_its_table_and_its_sum(digits, capsys):
    model, x_test, y_test = digits
    names = {"minicnn": minicnn, "model": model, "x_test": x_test, "y_test": y_test}
    exec(example(minicnn.trace), names)
    printed = capsys.readouterr().out
    assert "conv2d (Conv2D)" in printed
    assert "(12, 12, 5) (5, 5, 1, 5)" in printed
    assert "sum of 25 products" in printed
