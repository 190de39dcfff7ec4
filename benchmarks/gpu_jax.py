"""The same network in JAX: a compiled step, and a whole epoch as one ``lax.scan``."""

from functools import partial
from typing import Any

import gpu_common
import jax
import jax.numpy as jnp
import numpy as np
import programs
from jax import lax

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def weights(program: programs.Program) -> list[Any]:
    """He-scaled kernels and zero biases, layer by layer."""
    key, shape, made = jax.random.key(0), program.input_shape, []
    for kind, kw in program.layers:
        if kind in ("Conv2D", "Dense"):
            size = kw.get("kernel_size")
            kernel = (size, size, shape[-1], kw["filters"]) if size else (shape[0], kw["units"])
            key, part = jax.random.split(key)
            scale = (2 / np.prod(kernel[:-1])) ** 0.5
            made.append((jax.random.normal(part, kernel) * scale, jnp.zeros(kernel[-1])))
        shape = output_shape(kind, kw, shape)
    return made


def output_shape(kind: str, kw: dict[str, Any], shape: tuple[int, ...]) -> tuple[int, ...]:
    if kind == "Conv2D":
        lost = 0 if kw.get("padding") == "same" else kw["kernel_size"] - 1
        return shape[0] - lost, shape[1] - lost, kw["filters"]
    if kind == "MaxPooling2D":
        return shape[0] // 2, shape[1] // 2, shape[2]
    if kind == "Flatten":
        return (int(np.prod(shape)),)
    return (kw["units"],) if kind == "Dense" else shape


def logits_of(layers: Any, params: Any, x: Any, key: Any, precision: Any) -> Any:
    parameters = iter(params)
    for kind, kw in layers:
        if kind == "Conv2D":
            w, b = next(parameters)
            padding = kw.get("padding", "valid").upper()
            x = lax.conv_general_dilated(
                x, w, (1, 1), padding, dimension_numbers=DIMENSIONS, precision=precision
            )
            x = jax.nn.relu(x + b)
        elif kind == "MaxPooling2D":
            x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        elif kind == "Flatten":
            x = x.reshape(len(x), -1)
        elif kind == "Dropout":
            key, part = jax.random.split(key)
            kept = 1 - kw["rate"]
            x = jnp.where(jax.random.bernoulli(part, kept, x.shape), x / kept, 0)
        else:
            w, b = next(parameters)
            x = jnp.dot(x, w, precision=precision) + b
            x = jax.nn.relu(x) if kw.get("activation") == "relu" else x
    return x


def training_step(layers: Any, precision: Any, data: Any, state: Any, rows: Any) -> Any:
    """Adam as Keras writes it; returns the new state and the loss."""
    (x_all, y_all), (params, m, v, t, key) = data, state
    key, part = jax.random.split(key)

    def loss_of(params: Any) -> Any:
        scores = jax.nn.log_softmax(logits_of(layers, params, x_all[rows], part, precision))
        return -jnp.mean(jnp.take_along_axis(scores, y_all[rows][:, None], 1))

    loss, gradients = jax.value_and_grad(loss_of)(params)
    t += 1
    rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    m = jax.tree.map(lambda a, g: a + 0.1 * (g - a), m, gradients)
    v = jax.tree.map(lambda a, g: a + 0.001 * (g * g - a), v, gradients)
    params = jax.tree.map(lambda p, a, b: p - rate * a / (jnp.sqrt(b) + 1e-7), params, m, v)
    return (params, m, v, t, key), loss


def main() -> None:
    args = gpu_common.arguments(__doc__)
    program = programs.PROGRAMS[args.program]
    x, y = gpu_common.data(program, args.samples)
    data = jnp.asarray(x), jnp.asarray(y, jnp.int32)
    batches = len(x) // program.batch_size
    for name, precision in (("float32", lax.Precision.HIGHEST), ("tf32", None)):
        step = partial(training_step, program.layers, precision)
        one = jax.jit(step, donate_argnums=1)
        whole = jax.jit(
            lambda data, state, order, step=step: lax.scan(partial(step, data), state, order),
            donate_argnums=1,
        )
        for engine in ("JAX, jit a step", "JAX, scan an epoch"):
            params = weights(program)
            m, v = (jax.tree.map(jnp.zeros_like, params) for _ in range(2))
            state = (params, m, v, jnp.float32(0), jax.random.key(1))

            def epoch(
                number: int, engine: str = engine, one: Any = one, whole: Any = whole
            ) -> None:
                nonlocal state
                order = jax.random.permutation(jax.random.key(number), len(x))
                order = order[: batches * program.batch_size].reshape(batches, -1)
                if engine.endswith("epoch"):
                    state, losses = whole(data, state, order)
                    float(losses[-1])
                else:
                    for rows in order:
                        state, loss = one(data, state, rows)
                    float(loss)

            gpu_common.report(engine, name, gpu_common.clock(epoch, args.epochs))


if __name__ == "__main__":
    main()
