"""Random small programs in Keras's API. Their text is what runs, on Keras and on minicnn alike, so
that a program the two disagree about can be printed and run as it is.
"""

from dataclasses import dataclass

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

    def run(self, keras, dtype="float32"):
        """Execute it; ``keras`` is Keras or what minicnn shows under that name."""
        namespace = {"keras": keras, "np": np}
        keras.config.set_floatx(dtype)
        try:
            exec(self.text, namespace)
        finally:
            keras.config.set_floatx("float32")
        return namespace["model"], namespace["x"], namespace["y"]

    def __str__(self):
        return (
            f"import keras\nimport numpy as np\n\n{self.text}"
            "print(model.predict(x, verbose=0))\n"
            "model.fit(x, y, batch_size=len(x), epochs=5, shuffle=False)\n"
        )


@st.composite
def programs(draw):
    """A program with up to four layers on images, up to two dense ones, and a loss that fits."""
    pick = lambda options: draw(st.sampled_from(options))  # noqa: E731
    size = (draw(st.integers(4, 10)), draw(st.integers(4, 10)), draw(st.integers(1, 4)))
    parts, shape = [], (None, *size)

    def add(call):
        nonlocal shape
        layer = eval(f"layers.{call}", {"layers": layers, "keras": MINICNN})
        shape = layer.ensure_built(shape)
        parts.append(f"    keras.layers.{call},")

    for _ in range(draw(st.integers(0, 4))):
        add(draw(image_layers(shape)))
    activation, loss, targets = pick(GOALS)
    classes = draw(st.integers(2, 5))
    if pick([True, False, False, False]):  # one prediction a pixel
        add(f"Conv2D({classes}, 1, activation={activation!r})")
    else:
        add(pick(["Flatten()", "Flatten()", "GlobalAveragePooling2D()", "GlobalMaxPooling2D()",
                  "Reshape((-1,))"]))  # fmt: skip
        for _ in range(draw(st.integers(0, 2))):
            add(draw(vector_layers()))
        add(f"Dense({classes}, activation={activation!r})")
    text = TEXT.format(
        seed=draw(st.integers(0, 10**6)), n=draw(st.integers(2, 7)), h=size[0], w=size[1],
        c=size[2], layers="\n".join(parts), optimizer=pick(OPTIMIZERS), loss=loss,
        targets=targets, dtype="int32" if targets == LABELS else "float32",
    )  # fmt: skip
    return Program(text)


@st.composite
def image_layers(draw, shape):
    """The call of a layer that takes an image of ``shape`` and leaves one."""
    _, H, W, C = shape
    pick = lambda options: draw(st.sampled_from(options))  # noqa: E731
    pair = lambda high: (draw(st.integers(1, high)), draw(st.integers(1, high)))  # noqa: E731
    padding = pick(["valid", "same"])

    def window(low=1):
        return (
            draw(st.integers(min(low, H), min(4, H))),
            draw(st.integers(min(low, W), min(4, W))),
        )

    match pick(["conv"] * 4 + ["pool"] * 3 + ["norm", "pad", "activation", "rescale"]):
        case "conv":
            groups = pick([g for g in (1, 1, 1, 1, 2, C) if C % g == 0])
            kernel, extras = window(), []
            if pick([True, False]):
                extras.append(f"strides={pair(3)}")
            elif padding == "same" and pick([True, False]):
                extras.append(f"dilation_rate={pair(2)}")
            if groups > 1:
                extras.append(f"groups={groups}")
            extras += draw(weight_options())
            filters = groups * draw(st.integers(1, 3))
            options = "".join(f", {e}" for e in extras)
            return f"Conv2D({filters}, {kernel}, padding={padding!r}{options})"
        case "pool":
            kind = pick(["MaxPooling2D", "AveragePooling2D"])
            return f"{kind}({window(2)}, strides={pick([None, pair(3)])}, padding={padding!r})"
        case "norm":
            return draw(norms())
        case "pad":
            return f"ZeroPadding2D({pick([1, (0, 2), ((1, 0), (2, 1))])})"
        case "rescale":
            return "Rescaling(0.5, offset=-0.25)"
    return pick([
        *(f"Activation({name!r})" for name in ACTIVATIONS), "LeakyReLU()", "Softmax()",
        "ReLU(max_value=1.5, negative_slope=0.1, threshold=0.25)",
    ])  # fmt: skip


@st.composite
def vector_layers(draw):
    """The call of a layer that takes vectors."""
    if draw(st.integers(0, 3)) == 0:
        return draw(norms())
    extras = "".join(f", {e}" for e in draw(weight_options()))
    return f"Dense({draw(st.integers(2, 9))}{extras})"


@st.composite
def weight_options(draw):
    """Arguments that Conv2D and Dense share."""
    options = [f"activation={draw(st.sampled_from(ACTIVATIONS))!r}"]
    if draw(st.integers(0, 3)) == 0:
        options.append("use_bias=False")
    if draw(st.integers(0, 5)) == 0:
        options.append(draw(st.sampled_from([
            "kernel_regularizer='l2'",
            "kernel_regularizer=keras.regularizers.L1L2(0.003, 0.01)",
            "activity_regularizer=keras.regularizers.L2(0.01)",
            "kernel_constraint=keras.constraints.MaxNorm(1.0)",
            "kernel_constraint='non_neg'",
        ])))  # fmt: skip
    return options


@st.composite
def norms(draw):
    """A batch normalisation."""
    options = ["momentum=0.8", "epsilon=0.01", "center=False", "scale=False"]
    chosen = draw(st.lists(st.sampled_from(options), unique=True, max_size=2))
    return f"BatchNormalization({', '.join(chosen)})"
