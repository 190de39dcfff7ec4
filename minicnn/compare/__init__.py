"""A Keras program on minicnn and on the Keras that is installed, layer by layer and step by step.

``capture`` runs the program as far as its first ``fit``, ``recording`` computes on minicnn,
``keras_side.py`` is a script that computes the same with Keras in a process of its own,
``keras_process`` starts it, ``report`` compares.
"""

from minicnn.compare.capture import first_training
from minicnn.compare.keras_process import check_keras, run_keras
from minicnn.compare.recording import record
from minicnn.compare.report import Report

__all__ = ["Report", "check_keras", "first_training", "record", "run_keras"]
