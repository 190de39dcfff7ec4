"""Models and calls written once for Keras and for minicnn: ``nn`` is either package."""

import re

import numpy as np


def models(nn, fresh_names):
    """(name, model) of every kind of summary; ``fresh_names`` restarts the counting of names."""
    layers, Sequential, Input = nn.layers, nn.Sequential, nn.Input

    fresh_names()
    two_conv = [
        layers.Conv2D(32, 5, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 2, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(1000, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
    yield "two convolutions", Sequential([Input((28, 28, 1)), *two_conv])

    fresh_names()
    adam = Sequential([Input((5,)), layers.Dense(7), layers.BatchNormalization(), layers.Dense(3)])
    adam.compile("adam", "mse")
    adam.fit(np.zeros((2, 5)), np.zeros((2, 3)), verbose=0)
    yield "after a fit", adam

    fresh_names()
    sgd = Sequential([Input((5,)), layers.Dense(7), layers.Dense(3)])
    sgd.compile(nn.optimizers.SGD(0.1, momentum=0.9), "mse")
    sgd.fit(np.zeros((2, 5)), np.zeros((2, 3)), verbose=0)
    yield "after a fit with momentum", sgd

    fresh_names()
    yield "empty", Sequential()

    fresh_names()
    waiting = [
        layers.Conv2D(4, 3),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.AveragePooling2D(2),
        layers.ZeroPadding2D(),
        layers.Rescaling(0.5),
        layers.Activation("relu"),
        layers.ReLU(),
        layers.LeakyReLU(),
        layers.Softmax(),
        layers.Dropout(0.5),
        layers.GlobalAveragePooling2D(),
        layers.GlobalMaxPooling2D(),
        layers.Reshape((2, 2, 1)),
        layers.Flatten(),
        layers.Dense(2),
    ]
    yield "deferred", Sequential(waiting)

    fresh_names()
    long = "a_name_that_is_longer_than_any_column_of_any_table_that_a_terminal_ever_showed_to_me"
    names = Sequential(name="names_[bold]_in_[brackets]_" + long)
    names.add(Input((32, 32, 3)))
    names.add(layers.Conv2D(8, 3, name=long))
    names.add(layers.BatchNormalization(name="batch normalization with blanks in its name"))
    names.add(layers.GlobalAveragePooling2D(name="[red]pool[0]"))
    names.add(layers.Dense(100_000, name="wide"))
    yield "long names", names

    fresh_names()
    frozen = Sequential([Input((9, 9, 2)), layers.Conv2D(3, 3), layers.BatchNormalization()])
    frozen.add(layers.Flatten())
    frozen.layers[0].trainable = False
    yield "frozen", frozen

    fresh_names()
    inner = Sequential([Input((6, 6, 1)), layers.Conv2D(2, 3), layers.ReLU()], name="inner")
    middle = Sequential([Input((6, 6, 1)), inner, layers.AveragePooling2D(2)], name="middle")
    tail = [layers.Flatten(), layers.Dense(2)]
    yield "nested", Sequential([Input((6, 6, 1)), middle, *tail], name="outer")

    fresh_names()
    many = Sequential([Input((4,))], name="many")
    for i in range(25):
        many.add(layers.Dense(4 + i))
    yield "many layers", many


def flat_model(nn):
    """A classifier whose numbers do not depend on luck: zero weights, learning rate zero."""
    model = nn.Sequential(
        [nn.Input((4,)), nn.layers.Dense(3, "softmax", kernel_initializer="zeros")]
    )
    model.compile(nn.optimizers.SGD(0.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


X = np.zeros((70, 4), "float32")
Y = np.arange(70) % 3


def generator():
    for start in range(0, 30, 10):
        yield X[start : start + 10], Y[start : start + 10]


def endless():
    while True:
        yield from generator()


def fit_calls(nn):
    """name -> a call of fit, evaluate or predict with a model and a verbosity."""
    validation = (X[:9], Y[:9])

    class Adds(nn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["zzz"] = 1.0
            logs["aaa"] = 2.0

    def plateau():
        return nn.callbacks.ReduceLROnPlateau(patience=9)

    return {
        "fit": lambda m, v: m.fit(X, Y, verbose=v),
        "fit, epochs": lambda m, v: m.fit(X, Y, epochs=2, verbose=v),
        "fit, initial epoch": lambda m, v: m.fit(X, Y, epochs=3, initial_epoch=1, verbose=v),
        "fit, validation": lambda m, v: m.fit(
            X, Y, epochs=2, batch_size=7, validation_data=validation, verbose=v
        ),
        "fit, validation now and then": lambda m, v: m.fit(
            X, Y, epochs=2, validation_data=validation, validation_freq=2, verbose=v
        ),
        "fit, learning rate": lambda m, v: m.fit(
            X, Y, epochs=2, validation_data=validation, callbacks=[plateau()], verbose=v
        ),
        "fit, keys from a callback": lambda m, v: m.fit(
            X, Y, validation_data=validation, callbacks=[Adds(), plateau()], verbose=v
        ),
        "fit, generator": lambda m, v: m.fit(generator(), shuffle=False, verbose=v),
        "fit, endless generator": lambda m, v: m.fit(
            endless(), steps_per_epoch=3, epochs=2, shuffle=False, verbose=v
        ),
        "fit, steps": lambda m, v: m.fit(X, Y, steps_per_epoch=2, batch_size=35, verbose=v),
        "evaluate": lambda m, v: m.evaluate(X, Y, verbose=v),
        "evaluate, one batch": lambda m, v: m.evaluate(X[:3], Y[:3], verbose=v),
        "evaluate, generator": lambda m, v: m.evaluate(generator(), verbose=v),
        "predict": lambda m, v: m.predict(X, verbose=v),
        "predict, many": lambda m, v: m.predict(X, batch_size=1, verbose=v),
    }


def on_screen(printed):
    """What is left on screen of ``printed``, with every time replaced by T."""
    lines = [line.split("\r")[-1].rstrip() for line in printed.split("\n")]
    text = re.sub(r"\d+(s|ms|us)/step", "T/step", "\n".join(lines))
    return re.sub(r"(\x1b\[1m|- )\d+s", r"\1T", text)
