"""A Keras program on minicnn and on the Keras that is installed, layer by layer and step by step.

``minicnn_side`` runs the program as far as its first ``fit`` and computes what it would train;
``keras_side`` computes the same with Keras in a process of its own; ``report`` compares.
"""

from minicnn.compare.keras_side import check_keras, run_keras
from minicnn.compare.minicnn_side import first_training, record
from minicnn.compare.report import Report

__all__ = ["Report", "check_keras", "first_training", "record", "run_keras"]
