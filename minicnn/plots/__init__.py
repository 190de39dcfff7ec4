"""Pictures of training, predictions, weights, and of what happens inside a network.

Each function returns a Matplotlib figure, the two ``*_animation`` functions a :class:`Movie`, which
is a Matplotlib animation. Importing this package imports Matplotlib, importing ``minicnn`` does
not. Save a figure with ``figure.savefig("name.png")`` and a movie with
``movie.save_gif("name.gif")``; in a notebook, leave it as the last expression of a cell.
"""

from minicnn.plots.diagrams import convolution_window, pooling_winners
from minicnn.plots.im2col import col2im_animation, im2col_animation
from minicnn.plots.inside import all_layers, feature_maps, filters, occlusion, saliency
from minicnn.plots.measured import gradient_errors, roofline
from minicnn.plots.movie import Movie
from minicnn.plots.predictions import confusion_matrix, prediction_grid
from minicnn.plots.side_by_side import side_by_side
from minicnn.plots.training import compare_histories, training_curves

__all__ = [
    "Movie", "all_layers", "col2im_animation", "compare_histories", "confusion_matrix",
    "convolution_window", "feature_maps", "filters", "gradient_errors", "im2col_animation",
    "occlusion", "pooling_winners", "prediction_grid", "roofline", "saliency", "side_by_side",
    "training_curves",
]  # fmt: skip
