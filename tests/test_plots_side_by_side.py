"""Images in a row: what is drawn is what was given."""

import numpy as np
import pytest

from minicnn import plots


def test_images_are_drawn_each_on_a_scale_that_fits_it():
    signed = np.array([[-2.0, 0], [1, 0.5]])
    figure = plots.side_by_side({"grey": np.ones((3, 2)) / 2, "signed": signed}, title="Two")
    grey, both = figure.axes
    assert [a.get_title(loc="left") for a in figure.axes] == ["grey", "signed"]
    np.testing.assert_array_equal(grey.images[0].get_array(), np.full((3, 2), 0.5))
    np.testing.assert_array_equal(both.images[0].get_array(), signed)
    assert both.images[0].get_clim() == (-2, 2)
    assert both.get_xlabel() == "−2 blue, 0 white, 2 red"
    assert figure._suptitle.get_text() == "Two"


def test_numbers_stand_in_their_cells():
    figure = plots.side_by_side(
        {"x": np.array([[1, -2, 0], [4, 5, 0.25]])[..., None]}, numbers=True
    )
    (axes,) = figure.axes
    texts = {t.get_position(): t.get_text() for t in axes.texts}
    assert texts == {
        (0, 0): "1.00", (1, 0): "−2.00", (2, 0): "0",
        (0, 1): "4.00", (1, 1): "5.00", (2, 1): "0.25",
    }  # fmt: skip


def test_rows_are_begun_when_a_row_is_full():
    figure = plots.side_by_side({str(i): np.eye(2) for i in range(5)}, columns=2)
    assert len(figure.axes) == 5
    assert figure.axes[0].get_gridspec().get_geometry() == (3, 2)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="images is empty"):
        plots.side_by_side({})
    with pytest.raises(ValueError, match="at most 12 by 12"):
        plots.side_by_side({"x": np.eye(13)}, numbers=True)
    with pytest.raises(ValueError, match="an image must have the shape"):
        plots.side_by_side({"x": np.zeros((2, 2, 5))})
