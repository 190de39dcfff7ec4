"""The layers, under Keras's names."""

from minicnn import registry
from minicnn.layers.activation import Activation, LeakyReLU, ReLU, Softmax
from minicnn.layers.base import Layer
from minicnn.layers.core import Conv2D, Convolution2D, Dense, Flatten, Input, InputLayer
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
from minicnn.layers.regularization import Dropout, RandomFlip, RandomTranslation
from minicnn.layers.reshaping import Rescaling, Reshape, ZeroPadding2D

__all__ = registry.public_names(__name__)
