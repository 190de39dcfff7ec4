"""The fully connected layer: cuBLAS products, with bias, ReLU and dropout in one pass behind."""

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu import dropout
from minicnn.backends.cupy_gpu.arguments import contiguous
from minicnn.backends.cupy_gpu.bias import add_bias, bias_gradient
from minicnn.backends.cupy_gpu.blas import gemm
from minicnn.backends.cupy_gpu.runtime import launch
from minicnn.backends.spec import Array


def dense_forward(ctx: Context, x: Array, w: Array, b: Array | None) -> Array:
    """y = x @ w + b."""
    y = _product(ctx, x, w, relu=False)
    add_bias(y, b, relu=False)
    return y


def dense_relu_forward(ctx: Context, x: Array, w: Array, b: Array | None) -> Array:
    """y = relu(x @ w + b)."""
    y = _product(ctx, x, w, relu=True)
    add_bias(y, b, relu=True)
    return y


def dense_relu_dropout_forward(
    ctx: Context, x: Array, w: Array, b: Array | None, rate: float, seed: int
) -> Array:
    """y = dropout(relu(x @ w + b)); without dropout when ``ctx.training`` is false."""
    if not ctx.training:
        return dense_relu_forward(ctx, x, w, b)
    y = _product(ctx, x, w, relu=True)
    draw = dropout.draw_of(rate, seed)
    launch(y.dtype, "bias_relu_dropout", y.size, y, b, ctx.step, *draw, y.size, w.shape[-1])
    ctx.save(scale=draw[-1])
    return y


def dense_backward(ctx: Context, dy: Array, w: Array, dw: Array, db: Array | None) -> Array | None:
    """dw = x.T @ dy,   db = sum(dy),   dx = dy @ w.T.

    Where ReLU follows, from dy scale where y > 0 and 0 elsewhere: y is 0 where dropped, too.
    """
    D, U = w.shape
    x, w = ctx.x, contiguous(ctx, "w", w)
    y = ctx.y if ctx.relu else None
    d = bias_gradient(ctx, contiguous(ctx, "dy", dy), db, y, ctx.scale).reshape(-1, U)
    gemm(x.reshape(-1, D), d, dw, transpose_a=True)
    if not ctx.need_dx:
        return None
    dx = ctx.buffer("dx", x.shape, x.dtype)
    gemm(d, w, dx.reshape(-1, D), transpose_b=True)
    return dx


# forward has kept what follows
dense_relu_backward = dense_relu_dropout_backward = dense_backward


def _product(ctx: Context, x: Array, w: Array, relu: bool) -> Array:
    """y = x @ w, to which bias and so on are added in place; keeps what backward needs."""
    D, U = w.shape
    x = contiguous(ctx, "x", x)
    y = ctx.buffer("y", (*x.shape[:-1], U), x.dtype)
    # every leading axis is taken as one: rows (N, D)
    gemm(x.reshape(-1, D), contiguous(ctx, "w", w), y.reshape(-1, U))
    ctx.save(x=x, y=y, relu=relu, scale=1.0)
    return y
