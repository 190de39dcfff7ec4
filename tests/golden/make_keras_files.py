"""Writes keras_model.keras, keras_weights.weights.h5 and keras_files.npz beside this file.

Run it with a Python that has Keras 3.15 and TensorFlow; the results are committed, so that the
tests need neither. keras_files.npz holds what Keras predicted, and how its training went on.
"""

import os
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from keras import layers

FOLDER = Path(__file__).parent


def whole_model():
    """Every kind of layer with weights or arguments, without randomness in training."""
    model = keras.Sequential(
        [
            layers.Input((9, 8, 2)),
            layers.Rescaling(2.0, -1.0),
            layers.ZeroPadding2D(((1, 0), (0, 2))),
            layers.Conv2D(3, (3, 2), padding="same", activation="relu"),
            layers.BatchNormalization(momentum=0.8),
            layers.MaxPooling2D((2, 2)),
            layers.AveragePooling2D(2, strides=1, padding="same"),
            layers.Conv2D(4, 2, use_bias=False, name="second"),
            layers.ReLU(max_value=6.0, negative_slope=0.1),
            layers.Flatten(),
            layers.Dense(5, kernel_initializer=keras.initializers.HeNormal(seed=3)),
            layers.Activation("tanh"),
            layers.Dropout(0.0),
            layers.LeakyReLU(0.2),
            layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.01)),
            layers.Softmax(),
        ],
        name="from_keras",
    )
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 5, 0.9)),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy", keras.metrics.SparseCategoricalCrossentropy(name="ce")],
    )
    return model


def nested_model():
    inner = keras.Sequential([layers.Conv2D(3, 3, activation="relu"), layers.Dropout(0.5)])
    model = keras.Sequential(
        [layers.Input((9, 8, 2)), inner, layers.Flatten(), layers.Dense(4, activation="sigmoid")]
    )
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    return model


def main():
    keras.utils.set_random_seed(11)
    rng = np.random.default_rng(12)
    x = rng.random((12, 9, 8, 2), dtype="float32")
    labels = rng.integers(0, 4, 12)
    targets = rng.random((12, 4), dtype="float32")

    model = whole_model()
    model.fit(x, labels, epochs=3, batch_size=5, shuffle=False, verbose=0)
    model.save(FOLDER / "keras_model.keras")
    found = {"x": x, "labels": labels, "targets": targets, "p": model.predict(x, verbose=0)}
    found["iterations"] = model.optimizer.iterations.numpy()
    found["further_loss"] = [model.train_on_batch(x, labels)[0] for _ in range(4)]
    found["further_p"] = model.predict(x, verbose=0)

    model = nested_model()
    model.fit(x, targets, epochs=2, batch_size=5, verbose=0)
    model.save_weights(FOLDER / "keras_weights.weights.h5")
    found["nested_p"] = model.predict(x, verbose=0)
    found["nested_momentum"] = model.optimizer.variables[2].numpy()
    np.savez(FOLDER / "keras_files.npz", **found)


if __name__ == "__main__":
    main()
