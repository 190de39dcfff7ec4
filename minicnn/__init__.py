"""minicnn: a convolutional network engine that a person can read."""

__version__ = "0.1.0"
