"""``import keras`` and ``import tensorflow`` mean minicnn, for a while.

In a notebook::

    from minicnn import keras_alias
    keras_alias.install()
    from tensorflow.keras.layers import Conv2D      # minicnn.layers.Conv2D

or, for a few lines only, ``with keras_alias.installed(): ...``. On the command line,
``minicnn run PROGRAM.py`` runs a whole program so.

A real Keras or TensorFlow on this machine stays as it is: modules imported before are set aside and
come back with ``uninstall``.
"""

from minicnn.keras_alias.modules import install, installed, uninstall
from minicnn.keras_alias.program import run_program

__all__ = ["install", "installed", "run_program", "uninstall"]
