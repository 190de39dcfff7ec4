"""The layers, under Keras's names."""

from minicnn.layers.activation import Activation, LeakyReLU, ReLU, Softmax
from minicnn.layers.augmentation import RandomFlip, RandomTranslation, Rescaling
from minicnn.layers.base import Layer
from minicnn.layers.convolution import Conv2D, Convolution2D
from minicnn.layers.core import Dense, Flatten, Input, InputLayer
from minicnn.layers.normalization import BatchNormalization
from minicnn.layers.pooling import (
    AveragePooling2D,
    AvgPool2D,
    GlobalAveragePooling2D,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    GlobalMaxPooling2D,
    MaxPool2D,
    MaxPooling2D,
)
from minicnn.layers.regularization import Dropout
from minicnn.layers.reshaping import Reshape, ZeroPadding2D

__all__ = [
    "Activation", "AveragePooling2D", "AvgPool2D", "BatchNormalization", "Conv2D",
    "Convolution2D", "Dense", "Dropout", "Flatten", "GlobalAveragePooling2D", "GlobalAvgPool2D",
    "GlobalMaxPool2D", "GlobalMaxPooling2D", "Input", "InputLayer", "Layer", "LeakyReLU",
    "MaxPool2D", "MaxPooling2D", "RandomFlip", "RandomTranslation", "ReLU", "Rescaling",
    "Reshape", "Softmax", "ZeroPadding2D",
]  # fmt: skip
