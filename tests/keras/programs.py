"""Random small programs in Keras's API. Their text is what runs, on Keras and on minicnn alike, so
that a program the two disagree about can be printed and run as it is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from minicnn import layers
from minicnn.keras_alias.modules import build

MINICNN = build()["keras"]  # what ``import keras`` gives under ``minicnn run``

SMOOTH = ["linear", "sigmoid", "tanh", "elu", "selu", "gelu", "silu", "softplus", "softsign",
          "mish"]  # fmt: skip
ACTIVATIONS = [*SMOOTH, "relu", "relu", "relu6", "leaky_relu", "celu", "hard_sigmoid",
               "hard_silu", "softmax", "log_softmax"]  # fmt: skip

OPTIMIZERS = [
    "SGD(0.01)",
    "SGD(0.01, momentum=0.9)",
    "SGD(0.01, momentum=0.8, nesterov=True)",
    "SGD(0.02, clipnorm=0.5)",
    "SGD(0.02, momentum=0.5, clipvalue=0.1, weight_decay=0.5)",
    "SGD(keras.optimizers.schedules.ExponentialDecay(0.02, 2, 0.5))",
    "SGD(keras.optimizers.schedules.CosineDecay(0.02, 4))",
    "Adam(0.005)",
    "Adam(0.005, beta_1=0.8, beta_2=0.9, epsilon=1e-4)",
    "Adam(0.005, amsgrad=True, global_clipnorm=0.5)",
    "Adam(keras.optimizers.schedules.PiecewiseConstantDecay([1, 3], [0.01, 0.005, 0.001]))",
    "AdamW(0.005, weight_decay=0.05)",
    "RMSprop(0.005)",
    "RMSprop(0.005, rho=0.8, momentum=0.5)",
    "RMSprop(0.005, centered=True)",
]

#: (activation of the last layer, loss, targets) with K for the number of outputs
ONE_HOT = "np.eye(K)[rng.integers(0, K, SHAPE[:-1])]"
LABELS = "rng.integers(0, K, SHAPE[:-1])"
BITS = "rng.integers(0, 2, SHAPE)"
NUMBERS = "rng.normal(size=SHAPE)"
POSITIVE = "rng.uniform(0.5, 2.0, SHAPE)"
SHARES = "rng.dirichlet(np.ones(K), SHAPE[:-1])"
GOALS = [
    ("softmax", '"categorical_crossentropy"', ONE_HOT),
    ("softmax", '"sparse_categorical_crossentropy"', LABELS),
    ("softmax", "keras.losses.CategoricalCrossentropy(label_smoothing=0.1)", ONE_HOT),
    ("softmax", "keras.losses.CategoricalCrossentropy()", SHARES),
    ("softmax", "keras.losses.SparseCategoricalCrossentropy(ignore_class=1)", LABELS),
    ("linear", "keras.losses.CategoricalCrossentropy(from_logits=True)", ONE_HOT),
    ("linear", "keras.losses.SparseCategoricalCrossentropy(from_logits=True)", LABELS),
    ("sigmoid", '"binary_crossentropy"', BITS),
    ("linear", "keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2)", BITS),
    ("softmax", '"kl_divergence"', SHARES),
    ("softmax", '"mse"', ONE_HOT),
    ("softplus", '"poisson"', POSITIVE),
    ("softplus", '"msle"', POSITIVE),
    ("linear", '"mape"', POSITIVE),
    ("linear", '"mse"', NUMBERS),
    ("linear", 'keras.losses.MeanSquaredError(reduction="sum")', NUMBERS),
    ("tanh", '"mae"', NUMBERS),
    ("linear", "keras.losses.Huber(0.7)", NUMBERS),
    ("linear", '"log_cosh"', NUMBERS),
    ("tanh", '"hinge"', BITS),
    ("tanh", '"squared_hinge"', BITS),
]

TEXT = """\
rng = np.random.default_rng({seed})
x = rng.normal(size=({n}, {h}, {w}, {c})).astype("float32")
model = keras.Sequential([
    keras.layers.Input(({h}, {w}, {c})),
{layers}
])
model.set_weights([
    rng.uniform(0.5, 2.0, v.shape) if "variance" in v.path  # never negative
    else rng.normal(size=v.shape) / np.sqrt(max(1, np.prod(v.shape[:-1])))
    for v in model.weights
])
model.compile(keras.optimizers.{optimizer}, loss={loss})
SHAPE, K = ({n}, *model.output_shape[1:]), model.output_shape[-1]
y = ({targets}).astype("{dtype}")
"""


@dataclass(frozen=True)
class Program:
    """Text that makes ``model`` (compiled), ``x`` and ``y``."""

    text: str

    def run(self, keras):
        """Execute it; ``keras`` is Keras or what minicnn shows under that name."""
        namespace = {"keras": keras, "np": np}
        exec(self.text, namespace)
        return namespace["model"], namespace["x"], namespace["y"]

    def __str__(self):
        return (
            f"import keras\nimport numpy as np\n\n{self.text}"
            "print(model.predict(x, verbose=0))\n"
            "model.fit(x, y, batch_size=len(x), epochs=5, shuffle=False)\n"
        )


@dataclass
class Choices:
    """What Hypothesis chooses, scrambled: left to itself it prefers the first of the options and
    the smallest number, and two hundred programs would be much alike.
    """

    draw: Any

    def number(self, low, high):
        """low <= n <= high."""
        drawn = self.draw(st.integers(0, 2**16 - 1))
        return low + (drawn * 40503 >> 8) % 2**16 % (high - low + 1)

    def pick(self, options):
        """One of a list."""
        return options[self.number(0, len(options) - 1)]

    def pair(self, high):
        """Two numbers from 1 to high."""
        return self.number(1, high), self.number(1, high)

    def seldom(self):
        """True once in five times."""
        return self.number(0, 4) == 4


@st.composite
def programs(draw):
    """A program with up to four layers on images, up to two dense ones, and a loss that fits."""
    choose = Choices(draw)
    size = (choose.number(4, 10), choose.number(4, 10), choose.number(1, 4))
    parts, shape = [], (None, *size)

    def add(call):
        nonlocal shape
        layer = eval(f"layers.{call}", {"layers": layers, "keras": MINICNN})
        shape = layer.ensure_built(shape)
        parts.append(f"    keras.layers.{call},")

    for _ in range(choose.number(0, 4)):
        add(image_layer(choose, shape))
    activation, loss, targets = choose.pick(GOALS)
    classes = choose.number(2, 5)
    if choose.seldom():  # one prediction a pixel
        add(f"Conv2D({classes}, 1, activation={activation!r})")
    else:
        add(choose.pick(["Flatten()", "Flatten()", "GlobalAveragePooling2D()",
                         "GlobalMaxPooling2D()", "Reshape((-1,))"]))  # fmt: skip
        for _ in range(choose.number(0, 2)):
            add(vector_layer(choose))
        add(f"Dense({classes}, activation={activation!r})")
    text = TEXT.format(
        seed=choose.number(0, 9999), n=choose.number(2, 7), h=size[0], w=size[1],
        c=size[2], layers="\n".join(parts), optimizer=choose.pick(OPTIMIZERS), loss=loss,
        targets=targets, dtype="int32" if targets == LABELS else "float32",
    )  # fmt: skip
    return Program(text)


def image_layer(choose, shape):
    """The call of a layer that takes an image of ``shape`` and leaves one."""
    _, H, W, C = shape
    padding = choose.pick(["valid", "same"])

    def window(low):
        return tuple(choose.number(min(low, size), min(4, size)) for size in (H, W))

    match choose.pick(["conv"] * 4 + ["pool"] * 3 + ["norm", "pad", "activation", "rescale"]):
        case "conv":
            groups = choose.pick([g for g in (1, 1, 1, 1, 2, C) if C % g == 0])
            options = [f"{groups * choose.number(1, 3)}, {window(1)}, padding={padding!r}"]
            if choose.pick([True, False]):
                options.append(f"strides={choose.pair(3)}")
            elif padding == "same" and choose.pick([True, False]):
                options.append(f"dilation_rate={choose.pair(2)}")
            if groups > 1:
                options.append(f"groups={groups}")
            return f"Conv2D({', '.join(options + weight_options(choose))})"
        case "pool":
            kind = choose.pick(["MaxPooling2D", "AveragePooling2D"])
            strides = choose.pick([None, choose.pair(3)])
            return f"{kind}({window(2)}, strides={strides}, padding={padding!r})"
        case "norm":
            return norm(choose)
        case "pad":
            return f"ZeroPadding2D({choose.pick([1, (0, 2), ((1, 0), (2, 1))])})"
        case "rescale":
            return "Rescaling(0.5, offset=-0.25)"
    return choose.pick([
        *(f"Activation({name!r})" for name in ACTIVATIONS), "LeakyReLU()", "Softmax()",
        "ReLU(max_value=1.5, negative_slope=0.1, threshold=0.25)",
    ])  # fmt: skip


def vector_layer(choose):
    """The call of a layer that takes vectors."""
    if choose.seldom():
        return norm(choose)
    return f"Dense({', '.join([str(choose.number(2, 9)), *weight_options(choose)])})"


def weight_options(choose):
    """Arguments that Conv2D and Dense share."""
    options = [f"activation={choose.pick(ACTIVATIONS)!r}"]
    if choose.seldom():
        options.append("use_bias=False")
    if choose.seldom():
        options.append(choose.pick([
            "kernel_regularizer='l2'",
            "kernel_regularizer=keras.regularizers.L1L2(0.003, 0.01)",
            "activity_regularizer=keras.regularizers.L2(0.01)",
            "kernel_constraint=keras.constraints.MaxNorm(1.0)",
            "kernel_constraint='non_neg'",
        ]))  # fmt: skip
    return options


def norm(choose):
    """A batch normalisation."""
    return choose.pick([
        "BatchNormalization()",
        "BatchNormalization(momentum=0.8)",
        "BatchNormalization(epsilon=0.01, center=False)",
        "BatchNormalization(scale=False)",
    ])  # fmt: skip
