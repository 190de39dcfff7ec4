"""Pictures of training, predictions and weights; each function returns a Matplotlib figure.

Importing this package imports Matplotlib, importing ``minicnn`` does not. Save a figure with
``figure.savefig("name.png")``; in a notebook, leave it as the last expression of a cell.
"""

from minicnn.plots.predictions import confusion_matrix, prediction_grid
from minicnn.plots.training import training_curves
from minicnn.plots.weights import filters

__all__ = ["confusion_matrix", "filters", "prediction_grid", "training_curves"]
