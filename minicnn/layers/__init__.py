"""The layers, under Keras's names."""

from minicnn.layers.activation import Activation, ReLU, Softmax
from minicnn.layers.base import Layer
from minicnn.layers.convolution import Conv2D, Convolution2D
from minicnn.layers.core import Dense, Dropout, Flatten, Input, InputLayer
from minicnn.layers.pooling import MaxPool2D, MaxPooling2D

__all__ = [
    "Activation", "Conv2D", "Convolution2D", "Dense", "Dropout", "Flatten", "Input", "InputLayer",
    "Layer", "MaxPool2D", "MaxPooling2D", "ReLU", "Softmax",
]  # fmt: skip
