"""im2col and col2im move: every picture shows what the arrays hold at that step."""

import io

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from minicnn import plots
from minicnn.drawing.cells import MARK, Cells

# arguments of an animation, and what they are called
CASES = {
    "default": {},
    "stride and padding": {"strides": 2, "padding": "same"},
    "two channels": {"x": np.arange(1, 33).reshape(4, 4, 2), "kernel_size": 2, "strides": (2, 1)},
    "two images": {"x": np.arange(-9, 15).reshape(2, 3, 4), "kernel_size": (2, 3)},
    "remainder": {"x": np.arange(30).reshape(5, 6), "kernel_size": (2, 3), "strides": (2, 3)},
}
CASES["two images"]["x"] = CASES["two images"]["x"][..., None]


@pytest.fixture
def grids(monkeypatch):
    """Every grid of cells in the order it was made: the panels of the image, then the matrix."""
    made = []
    init = Cells.__init__

    def noting(self, *args, **kwargs):
        init(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(Cells, "__init__", noting)
    return made


def number(text):
    return float(text.replace("−", "-"))


def written(grid):
    """What is written in the cells, row by row."""
    return [[text.get_text() for text in row] for row in grid.texts]


def read(grid):
    """The numbers in the cells; NaN where a cell is empty."""
    return np.array([[number(t) if t else np.nan for t in row] for row in written(grid)])


def padded(x=None, kernel_size=3, strides=1, padding="valid"):
    """(N, H', W', C), by loops of its own."""
    x = np.arange(1, 21).reshape(4, 5) if x is None else x
    x = x[None, ..., None] if x.ndim == 2 else x[None] if x.ndim == 3 else x
    if padding == "same":
        assert (kernel_size, strides, x.shape[1:3]) == (3, 2, (4, 5))  # 2 x 3 windows
        return np.pad(x, ((0, 0), (0, 1), (1, 1), (0, 0)))
    return x


def places(x, kernel_size=3, strides=1, **_):
    """(row, column of the matrix, pixel) of every entry, the windows in order."""
    KH, KW = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    SH, SW = (strides,) * 2 if isinstance(strides, int) else strides
    N, H, W, C = x.shape
    OH, OW = (H - KH) // SH + 1, (W - KW) // SW + 1
    for n, oh, ow, i, j, c in np.ndindex(N, OH, OW, KH, KW, C):
        row, column = (n * OH + oh) * OW + ow, (i * KW + j) * C + c
        yield row, column, (n, oh * SH + i, ow * SW + j, c)


@pytest.mark.parametrize("by", ["window", "place"])
@pytest.mark.parametrize("case", CASES)
def test_im2col_fills_its_matrix_step_by_step(grids, case, by):
    arguments = CASES[case]
    movie = plots.im2col_animation(by=by, **arguments)
    x = padded(**arguments)
    *panels, matrix = grids
    order = list(places(x, **{k: v for k, v in arguments.items() if k != "x"}))
    C = x.shape[-1]
    key = (lambda row, column: row) if by == "window" else (lambda row, column: column // C)
    steps = 1 + max(key(row, column) for row, column, _ in order)
    assert movie.count == steps + 2
    for picture in range(movie.count):
        movie.still(picture)
        expected = np.full(matrix.shape, np.nan)
        for row, column, pixel in order:
            if key(row, column) < picture:
                expected[row, column] = x[pixel]
        np.testing.assert_array_equal(read(matrix), expected)
    for panel, (n, c) in zip(panels, np.ndindex(x.shape[0], C), strict=True):
        np.testing.assert_array_equal(read(panel), x[n, :, :, c])


@pytest.mark.parametrize("by", ["window", "place"])
@pytest.mark.parametrize("case", CASES)
def test_col2im_adds_up_step_by_step(grids, case, by):
    arguments = CASES[case]
    x = padded(**arguments)
    order = list(places(x, **{k: v for k, v in arguments.items() if k != "x"}))
    shape = (1 + max(o[0] for o in order), 1 + max(o[1] for o in order))
    dcols = np.random.default_rng(2).integers(-9, 10, shape)
    movie = plots.col2im_animation(by=by, dcols=dcols, **arguments)
    *panels, matrix = grids
    N, _, _, C = x.shape
    key = (lambda row, column: row) if by == "window" else (lambda row, column: column // C)
    total = np.zeros(x.shape)
    for picture in range(movie.count):
        movie.still(picture)
        added = {}
        for row, column, pixel in order:
            if key(row, column) == picture - 1:
                assert pixel not in added  # no pixel is twice in a window
                added[pixel] = dcols[row, column]
        for panel, (n, c) in zip(panels, np.ndindex(N, C), strict=True):
            for (i, j), text in np.ndenumerate(np.array(written(panel))):
                parts = text.split("\n")
                assert number(parts[0]) == total[n, i, j, c]
                if (n, i, j, c) in added:
                    assert parts[1][0] in "+−"  # += is to be seen
                    assert number(parts[1]) == added[n, i, j, c]
                else:
                    assert len(parts) == 1
        for pixel, value in added.items():
            total[pixel] += value
        np.testing.assert_array_equal(read(matrix), dcols)
    assert total.any()


def test_col2im_of_im2col_counts_the_windows_of_each_pixel(grids):
    movie = plots.col2im_animation()
    movie.still(-1)
    x = np.arange(1, 21).reshape(4, 5)
    count = np.outer([1, 2, 2, 1], [1, 2, 3, 2, 1])
    np.testing.assert_array_equal(read(grids[0]), x * count)


def test_a_step_frames_its_window_and_its_row_and_says_the_code(grids):
    movie = plots.im2col_animation(strides=2, padding="same")
    axes = movie.still(2).axes[0]  # oh = 0, ow = 1
    frames = [p for p in axes.patches if mpl.colors.to_hex(p.get_edgecolor()).upper() == MARK]
    boxes = [p.get_bbox().bounds for p in frames if hasattr(p, "get_xy")]
    image, matrix = grids
    assert (image.left + 2, image.top, 3, 3) in [tuple(np.round(b, 6)) for b in boxes]
    assert (matrix.left, matrix.top + 1, 9, 1) in [tuple(np.round(b, 6)) for b in boxes]
    texts = [t.get_text() for t in axes.texts]
    assert "cols[0, 0, 1] = x_pad[0, 0:3, 2:5]" in texts
    assert len(frames) == 3  # with the arrow
    assert "2,2" in texts  # the last place in a window
    movie.still(-1)
    left = [p for p in axes.patches if mpl.colors.to_hex(p.get_edgecolor()).upper() == MARK]
    assert not left


@pytest.mark.parametrize(
    ("make", "by", "line"),
    [
        (plots.im2col_animation, "place", "cols[:, :, :, 1, 0] = x_pad[:, 1:5:2, 0:6:2]"),
        (plots.col2im_animation, "place", "dx_pad[:, 1:5:2, 0:6:2] += dcols[:, :, :, 1, 0]"),
        (plots.col2im_animation, "window", "dx_pad[0, 2:5, 0:3] += dcols[0, 1, 0]"),
    ],
)
def test_the_line_of_code_is_true(make, by, line):
    """Run it, on arrays of the textbook's shapes."""
    movie = make(strides=2, padding="same", by=by)
    texts = [t.get_text() for t in movie.still(4).axes[0].texts]
    assert line in texts
    x_pad, cols = np.zeros((1, 5, 7, 1)), np.zeros((1, 2, 3, 3, 3, 1))
    rng = np.random.default_rng(0)
    names = {"x_pad": rng.normal(size=x_pad.shape), "cols": cols.copy(),
             "dx_pad": x_pad.copy(), "dcols": rng.normal(size=cols.shape)}  # fmt: skip
    exec(line, names)
    assert names["cols"].any() or names["dx_pad"].any()


def test_the_last_line_cuts_the_padding_off():
    texts = [t.get_text() for t in plots.col2im_animation(strides=2, padding="same").still(-1)
             .axes[0].texts]  # fmt: skip
    assert "dx = dx_pad[:, 0:4, 1:6]" in texts


def test_a_gif_has_every_picture_and_stays_longest_on_the_last(tmp_path):
    movie = plots.im2col_animation(np.arange(9).reshape(3, 3), kernel_size=2, seconds=0.5)
    movie.save_gif(tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == movie.count == 6
        assert gif.info["loop"] == 0
        durations = []
        for i in range(gif.n_frames):
            gif.seek(i)
            durations.append(gif.info["duration"])
        assert durations == [500] * 5 + [1500]
        gif.seek(3)
        shown = np.asarray(gif.convert("RGB"), int)
    png = io.BytesIO()
    movie.still(3).savefig(png, dpi=movie.figure.dpi)
    with Image.open(png) as picture:
        drawn = np.asarray(picture.convert("RGB"), int)
    assert shown.shape == drawn.shape
    assert np.abs(shown - drawn).mean() < 0.5  # 128 colours are enough
    assert np.abs(shown - drawn).max() < 80
    assert tuple(shown[0, 0]) == (255, 255, 255)


def test_a_notebook_shows_the_gif_and_a_player_and_the_same_ones_again():
    def html():
        return plots.col2im_animation(np.arange(6).reshape(2, 3), kernel_size=2)._repr_html_()

    first = html()
    assert first == html()
    assert '<img src="data:image/gif;base64,' in first
    assert first.count("data:image/png;base64") == 4
    assert "<details>" in first


def test_matplotlib_can_save_it_too(tmp_path):
    movie = plots.im2col_animation(np.arange(4).reshape(2, 2), kernel_size=2)
    movie.save(tmp_path / "b.gif", writer="pillow")
    assert (tmp_path / "b.gif").stat().st_size > 1000


@pytest.mark.parametrize("make", [plots.im2col_animation, plots.col2im_animation])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros((2, 2))}, "window of 3 × 3 does not fit an image of 2 × 2"),
        ({"x": np.zeros(5)}, r"got shape \(5,\)"),
        ({"x": np.zeros((28, 28))}, "more numbers than a picture can show.*smaller part of x"),
        ({"by": "row"}, "'window' or 'place', got 'row'"),
        ({"seconds": 0}, "must be more than 0"),
        ({"padding": "full"}, "padding"),
        ({"kernel_size": 0}, "kernel_size"),
    ],
)
def test_what_cannot_be_animated(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_a_matrix_of_another_shape():
    with pytest.raises(ValueError, match=r"im2col's result, \(1, 2, 3, 3, 3, 1\).*got \(2, 9\)"):
        plots.col2im_animation(dcols=np.zeros((2, 9)))


def test_there_is_no_picture_behind_the_last():
    with pytest.raises(IndexError, match="8 pictures, there is no 8"):
        plots.im2col_animation().still(8)
