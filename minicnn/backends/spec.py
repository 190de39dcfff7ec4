"""The contract: every operation a backend offers, with its formula and shapes.

A backend is a *module* of plain functions with these names and these signatures, ``self`` left
out: a module can be an instance of a protocol, and mypy holds all backends to this one. The
bodies here are empty: this file is the place to look up what an operation means. ``reference/``
is the same list written out in plain NumPy.

Words
    ``x, y``            what goes in and what comes out
    ``dx, dy, dw, db``  gradient of the loss with respect to that array
    ``w, b``            kernel (KH, KW, C, F) or (D, U), and bias (F,) or (U,)
    sizes               N images, H W image, C channels, F filters, KH KW window,
                        SH SW strides, OH OW output, D U dense in and out

Rules that hold for every operation
    * The forward call keeps what backward needs with ``ctx.save``; the backward call reads it
      from the same ``ctx``. Large results live in ``ctx.buffer`` memory: they stay valid until
      the same operation runs again with the same ``ctx``.
    * Nobody writes into what was lent (``x``, ``dy``, ``w``). ``dw`` and ``db`` are *assigned*.
    * A backward returns ``dx``, or ``None`` when ``ctx.need_dx`` is false and saving work is
      possible (convolution, dense, batch normalisation). Its type is ``A | Any`` then: whoever
      set ``need_dx`` knows which of the two it is.
    * The dtype (float32 or float64) follows the data; constants never widen it.
    * NaN in, NaN out: no comparison may lose one.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import numpy as np

from minicnn.backends.context import Context

Array = np.ndarray  # or cupy.ndarray on the GPU, which is used in the same way
Pair = tuple[int, int]
Pads = tuple[Pair, Pair]  # ((top, bottom), (left, right))

A = TypeVar("A")  # the arrays of one backend
R = TypeVar("R")


class BackendError(ImportError):
    """A backend was asked for that this machine cannot run, or that lacks an operation."""


class Backend(Protocol[A]):
    """A module with every operation below. Arrays go in and come out where it computes."""

    # -- Memory ------------------------------------------------------------------------------------

    def zeros(self, shape: Sequence[int], dtype: str | np.dtype) -> A:
        """A new array of zeros where this backend computes."""

    def empty(self, shape: Sequence[int], dtype: str | np.dtype) -> A:
        """A new uninitialised array where this backend computes."""

    def asarray(self, array: object) -> A:
        """``array`` where this backend computes, dtype unchanged; no copy if it is there."""

    def to_numpy(self, array: A) -> np.ndarray:
        """``array`` as a ``numpy.ndarray`` (waits for the device, if there is one)."""

    def running(self) -> AbstractContextManager[None]:
        """Held while steps run: one thread at a time, BLAS threads as the backend wants them."""

    def next_rows(self, ctx: Context, order: A, cursor: A, count: int) -> A:
        """The next ``count`` row numbers of an epoch: order[cursor[0]], order[cursor[0] + 1], ...

        order (M,) int64, cursor (1,) int64  ->  index (count,) int64;   cursor[0] += count.
        """

    def advance(self, counter: A) -> None:
        """counter[0] += 1, of uint32 or int64: steps, updates."""

    def gather_batch(self, ctx: Context, name: str, source: A, index: A, dtype: str) -> A:
        """Rows ``source[index]`` cast to ``dtype``, in the buffer ``name``.

        source (M, ...) of any number type, index (N,) int64, both where the backend computes
        ->  (N, ...) of ``dtype``.
        The data set is never copied or cast whole.
        """

    # -- Convolution and pooling -------------------------------------------------------------------

    def conv2d_forward(
        self, ctx: Context, x: A, w: A, b: A | None, strides: Pair, pads: Pads, dilation: Pair,
        groups: int,
    ) -> A:  # fmt: skip
        """Cross-correlation of x (N, H, W, C) and w (KH, KW, C // groups, F)  ->  y (N, OH, OW, F).

        y[n,oh,ow,f] = b[f] + sum_{i,j,c} x_pad[n, oh SH + i DH, ow SW + j DW, c] w[i,j,c,f]
        OH = (H + top + bottom - (KH - 1) DH - 1) // SH + 1.
        With ``groups`` > 1 the channels and the filters are split into that many blocks, and
        filter block g sees channel block g only.

        im2col: the windows become rows of a matrix ``cols`` (N OH OW, KH KW C), y = cols @ w + b.
        Source: Chellapilla, Puri, Simard (2006), "High Performance Convolutional Neural Networks
        for Document Processing"; Dumoulin and Visin (2016), arXiv:1603.07285, for the geometry.

        Where an x, w or b is NaN or infinite, every y that it enters is not finite. A backend that
        computes neighbouring outputs together (Winograd's algorithm) may make the others of their
        2 x 2 outputs NaN as well; the same holds for dy and the gradients.
        """

    def conv2d_backward(self, ctx: Context, dy: A, w: A, dw: A, db: A | None) -> A | Any:
        """Fill ``dw`` (KH, KW, C // groups, F) and ``db`` (F,); return dx (N, H, W, C).

        y = cols @ w + b   gives   dw = cols.T @ dy,   db = sum(dy),   dcols = dy @ w.T,
        and dx = col2im(dcols), the adjoint of im2col: every window is added back to its place.
        """

    def maxpool2d_forward(
        self, ctx: Context, x: A, pool_size: Pair, strides: Pair, pads: Pads
    ) -> A:
        """Largest entry of each window. (N, H, W, C)  ->  (N, OH, OW, C).

        Padding never wins (it counts as minus infinity). On a tie the first entry of the window,
        row by row, is the winner; a NaN in the window wins. Windows may overlap; a remainder that
        no window reaches is dropped.
        """

    def maxpool2d_backward(self, ctx: Context, dy: A) -> A:
        """dx: each dy goes to the winner of its window; where windows overlap the gradients add."""

    def avgpool2d_forward(
        self, ctx: Context, x: A, pool_size: Pair, strides: Pair, pads: Pads
    ) -> A:
        """Mean of each window. (N, H, W, C)  ->  (N, OH, OW, C).

        The mean is over the entries of the image: padding counts neither in the sum nor in the
        divisor. Every window holds at least one entry.
        """

    def avgpool2d_backward(self, ctx: Context, dy: A) -> A:
        """dx: every entry of a window gets dy / (entries in it); where windows overlap they add."""

    def pad2d_forward(self, ctx: Context, x: A, pads: Pads) -> A:
        """Zeros around the image. (N, H, W, C)  ->  (N, top + H + bottom, left + W + right, C)."""

    def pad2d_backward(self, ctx: Context, dy: A) -> A:
        """dx: dy without its borders."""

    # -- Dense, activations, dropout ---------------------------------------------------------------

    def dense_forward(self, ctx: Context, x: A, w: A, b: A | None) -> A:
        """y = x @ w + b.  x (..., D), w (D, U), b (U,)  ->  y (..., U)."""

    def dense_backward(self, ctx: Context, dy: A, w: A, dw: A, db: A | None) -> A | Any:
        """dw = x.T @ dy,   db = sum(dy),   dx = dy @ w.T  (leading axes taken as one)."""

    def relu_forward(
        self, ctx: Context, x: A, negative_slope: float, max_value: float | None, threshold: float
    ) -> A:
        """max_value where x >= max_value, x where x > threshold, else slope (x - threshold).

        The slope is ``negative_slope``. The ordinary ReLU is (0.0, None, 0.0): max(x, 0), whose
        derivative at 0 is taken as 0.
        """

    def relu_backward(self, ctx: Context, dy: A) -> A:
        """dx = dy times 0, 1 or negative_slope, by the branch that forward took."""

    def sigmoid_forward(self, ctx: Context, x: A) -> A:
        """y = 1 / (1 + exp(-x)), computed without overflow for any x."""

    def sigmoid_backward(self, ctx: Context, dy: A) -> A:
        """dx = dy y (1 - y)."""

    def tanh_forward(self, ctx: Context, x: A) -> A:
        """y = tanh(x)."""

    def tanh_backward(self, ctx: Context, dy: A) -> A:
        """dx = dy (1 - y^2)."""

    def softmax_forward(self, ctx: Context, x: A, axis: int) -> A:
        """y = exp(x - max) / sum(exp(x - max)) along ``axis``."""

    def softmax_backward(self, ctx: Context, dy: A) -> A:
        """dx = y (dy - sum(dy y)): the Jacobian diag(y) - y y^T applied to dy."""

    def log_softmax_forward(self, ctx: Context, x: A, axis: int) -> A:
        """y = x - max - log(sum(exp(x - max))) along ``axis``."""

    def log_softmax_backward(self, ctx: Context, dy: A) -> A:
        """dx = dy - exp(y) sum(dy)."""

    def elementwise_forward(self, ctx: Context, x: A, kind: str, alpha: float) -> A:
        """One of the other activations, entry by entry; ``alpha`` is used by elu and celu only.

        kind: elu, celu, selu, gelu (exact), gelu_tanh, silu, softplus, softsign, hard_sigmoid,
        hard_silu, exponential, mish. Formulas: ``backends/reference/activations.py``.
        """

    def elementwise_backward(self, ctx: Context, dy: A) -> A:
        """dx = dy f'(x)."""

    def dropout_forward(
        self, ctx: Context, x: A, rate: float, seed: int, noise_shape: Sequence[int | None] | None
    ) -> A:
        """Zero each entry with probability ``rate``; multiply the others by 1 / (1 - rate).

        Entry i of the mask is kept when bits(i) >= floor(rate 2^32) (rate 1 keeps none), where bits
        is a hash of (seed, ctx.step[0], i), not a random stream: every backend draws the same mask
        and nothing needs to be stored. With 32-bit arithmetic that wraps,

            k0, k1 = keys of (seed, step)       see ``backends/context.py``
            h = i ^ k0;   h ^= h >> 16;   h *= 0x7FEB352D;   h += k1
            h ^= h >> 15;   h *= 0x846CA68B;   h ^= h >> 16

        i counts the entries of the mask in C order. ``noise_shape`` (one entry an axis, or None for
        the shape of x) gives the shape of the mask, which is then broadcast to x; None means all.
        Source: Srivastava et al. (2014), JMLR 15; counter-based draws: Salmon et al. (2011), SC'11.
        """

    def dropout_backward(self, ctx: Context, dy: A) -> A:
        """dx = dy times the same mask and scale."""

    # -- Normalisation and scaling -----------------------------------------------------------------

    def batchnorm_forward(
        self, ctx: Context, x: A, gamma: A | None, beta: A | None, axis: int, epsilon: float
    ) -> tuple[A, A, A]:
        """Normalise each channel by its mean and variance in this batch.

        x (N, ..., C, ...) with the channels along ``axis``; gamma, beta (C,) or None for 1 and 0.
        With M = entries a channel:  mean = sum(x) / M,  variance = sum((x - mean)^2) / M  (biased),
        x_hat = (x - mean) / sqrt(variance + epsilon),   y = gamma x_hat + beta.
        Returns (y, mean (C,), variance (C,)).
        Source: Ioffe and Szegedy (2015), "Batch Normalization", ICML, algorithm 1.
        """

    def batchnorm_backward(
        self, ctx: Context, dy: A, gamma: A | None, dgamma: A | None, dbeta: A | None
    ) -> A | Any:
        """dgamma = sum(dy x_hat),   dbeta = sum(dy)   over all axes but the channels', and

        dx = gamma / sqrt(variance + epsilon) (dy - dbeta / M - x_hat dgamma / M):
        the two means stand for the paths through the variance and the mean.
        """

    def normalize_forward(
        self, ctx: Context, x: A, gamma: A | None, beta: A | None, mean: A, variance: A, axis: int,
        epsilon: float,
    ) -> A:  # fmt: skip
        """The same with a given mean (C,) and variance (C,), as in inference."""

    def normalize_backward(
        self, ctx: Context, dy: A, gamma: A | None, dgamma: A | None, dbeta: A | None
    ) -> A | Any:
        """dgamma and dbeta as above;   dx = dy gamma / sqrt(variance + epsilon)."""

    def moving_average(self, average: A, value: A, momentum: float) -> None:
        """average = momentum average + (1 - momentum) value, in place; both (C,)."""

    def rescale_forward(self, ctx: Context, x: A, scale: float, offset: float) -> A:
        """y = x scale + offset."""

    def rescale_backward(self, ctx: Context, dy: A) -> A:
        """dx = dy scale."""

    # -- Augmentation ------------------------------------------------------------------------------
    # Image n draws the numbers u[2n] and u[2n + 1], u[i] = bits(i) / 2^32 in [0, 1), with the hash
    # of ``dropout_forward``.

    def flip_forward(self, ctx: Context, x: A, seed: int, horizontal: bool, vertical: bool) -> A:
        """Mirror image n left to right if ``horizontal`` and u[2n] >= 1/2, and top to bottom if
        ``vertical`` and u[2n + 1] >= 1/2.  (N, H, W, C), shape unchanged.
        """

    def flip_backward(self, ctx: Context, dy: A) -> A:
        """dx: the same images mirrored back."""

    def translate_forward(
        self, ctx: Context, x: A, seed: int, height_factor: tuple[float, float],
        width_factor: tuple[float, float], fill_mode: str, fill_value: float, interpolation: str,
    ) -> A:  # fmt: skip
        """Shift image n down by (a + (b - a) u[2n]) H for height_factor (a, b), and to the right by
        (a + (b - a) u[2n + 1]) W for width_factor.  (N, H, W, C), shape unchanged.

        y[n,h,w] is x[n] at (h - down, w - right). interpolation: "nearest" takes the nearest pixel
        (half-way: the larger index), "bilinear" weighs the two nearest rows and columns by their
        distance.
        fill_mode says what lies outside the image a b c d:
        "constant" v v | a b c d | v v,   "nearest" a a | a b c d | d d,
        "reflect" b a | a b c d | d c,    "wrap" c d | a b c d | a b.
        Shifts are computed in float64, whatever the dtype of x.
        """

    def translate_backward(self, ctx: Context, dy: A) -> A:
        """dx: each dy goes back to the pixels it was taken from, with the same weights."""

    # -- Losses: one value a sample, then one weighted sum -----------------------------------------

    def softmax_crossentropy_forward(
        self, ctx: Context, logits: A, y: A, label_smoothing: float
    ) -> tuple[A, A]:
        """Cross-entropy of softmax(logits) with target probabilities y, both (..., K).

        With s = label_smoothing, y' = y (1 - s) + s / K:
        loss = logsumexp(z) sum(y') - sum(y' z), max-shifted.  Returns (losses (...), p (..., K)).
        """

    def softmax_crossentropy_backward(self, ctx: Context, dlosses: A) -> A:
        """dlogits = (p - y') dlosses, also if sum(y') != 1.  dlosses (...)  ->  (..., K)."""

    def sparse_softmax_crossentropy_forward(
        self, ctx: Context, logits: A, y: A, ignore_class: int | None
    ) -> tuple[A, A]:
        """The same with integer labels y (...) int64.  Returns (losses (...), p (..., K)).

        Where y == ignore_class, which need not be one of 0 ... K - 1, loss and gradient are 0.
        Other labels that are no class are a fault of the caller: IndexError, on a GPU a loss of
        NaN.
        """

    def sparse_softmax_crossentropy_backward(self, ctx: Context, dlosses: A) -> A:
        """dlogits = (p - onehot(y)) dlosses."""

    def categorical_crossentropy_forward(
        self, ctx: Context, p: A, y: A, label_smoothing: float
    ) -> A:
        """Of probabilities: loss = -sum(y' ln p').

        p' = clip(p / sum(p), eps, 1 - eps);   eps = 1e-7.
        """

    def categorical_crossentropy_backward(self, ctx: Context, dlosses: A) -> A:
        """dp, with gradient 0 through a clipped entry."""

    def sparse_categorical_crossentropy_forward(
        self, ctx: Context, p: A, y: A, ignore_class: int | None
    ) -> A:
        """Of probabilities and integer labels: loss = ln(sum q) - ln q[y].

        q = clip(p, eps, 1 - eps). Where y == ignore_class, loss and gradient are 0, as above.
        """

    def sparse_categorical_crossentropy_backward(self, ctx: Context, dlosses: A) -> A:
        """dp, with gradient 0 through a clipped entry."""

    def sigmoid_crossentropy_forward(
        self, ctx: Context, logits: A, y: A, label_smoothing: float
    ) -> tuple[A, A]:
        """Binary cross-entropy on logits z, mean over the last axis.  Returns (losses (...), p).

        y' = y (1 - s) + s / 2;   loss = mean(max(z, 0) - z y' + log1p(exp(-|z|)));  p = sigmoid(z).
        """

    def sigmoid_crossentropy_backward(self, ctx: Context, dlosses: A) -> A:
        """dlogits = (p - y') dlosses / K."""

    def binary_crossentropy_forward(self, ctx: Context, p: A, y: A, label_smoothing: float) -> A:
        """mean(-(y' ln q + (1 - y') ln(1 - q))) over the last axis; q = clip(p, eps, 1 - eps)."""

    def binary_crossentropy_backward(self, ctx: Context, dlosses: A) -> A:
        """dp, with gradient 0 through a clipped entry."""

    def mean_squared_error_forward(self, ctx: Context, p: A, y: A) -> A:
        """mean((p - y)^2) over the last axis.  (..., K)  ->  (...)."""

    def mean_squared_error_backward(self, ctx: Context, dlosses: A) -> A:
        """dp = 2 (p - y) dlosses / K."""

    def regression_loss_forward(self, ctx: Context, p: A, y: A, kind: str, delta: float) -> A:
        """mean(f(p, y)) over the last axis, of kl_divergence the sum.  (..., K)  ->  (...).

        kind: absolute_error, percentage_error, squared_logarithmic_error, huber, log_cosh, hinge,
        squared_hinge, poisson, kl_divergence. Formulas: ``backends/reference/losses.py``.
        ``delta`` is used by huber only. The two hinges take y = -1 and 1; if all of y is 0 or 1,
        then 0 means -1.
        """

    def regression_loss_backward(self, ctx: Context, dlosses: A) -> A:
        """dp = f'(p) dlosses / K, of kl_divergence without / K."""

    def weighted_sum_forward(self, ctx: Context, values: A, weights: A | None, scale: float) -> A:
        """scale * sum(weights * values), an array of shape (1,).  weights None means ones."""

    def weighted_sum_backward(self, ctx: Context) -> A:
        """dvalues = scale * weights, of the shape of ``values``: where a backward pass begins."""

    # -- Metrics: one value a sample, then a running mean where the batch lives --------------------

    def categorical_hits(self, ctx: Context, y: A, p: A) -> A:
        """1.0 where argmax(y) == argmax(p) over the last axis (a tie: the lowest), else 0.0."""

    def sparse_categorical_hits(self, ctx: Context, y: A, p: A) -> A:
        """1.0 where y == argmax(p), else 0.0.  y (...), p (..., K)  ->  (...)."""

    def sparse_top_k_hits(self, ctx: Context, y: A, p: A, k: int) -> A:
        """1.0 where fewer than k scores exceed that of class y.  y (...), p (..., K)  ->  (...).

        0.0 also where the row has a number that is not finite, or y is not one of 0 ... K - 1.
        """

    def binary_hits(self, ctx: Context, y: A, p: A, threshold: float) -> A:
        """mean over the last axis of (y == (p > threshold))."""

    def mean_update(self, state: A, values: A, weights: A | float | None) -> None:
        """state (2,) float64: state[0] += sum(weights * values), state[1] += sum(weights).

        A plain number as ``weights`` counts every value that many times; None counts each once.
        """

    # -- Optimizers: one call over flat vectors of one length --------------------------------------

    def adam_step(
        self, w: A, g: A, m: A, v: A, iterations: A, learning_rate: A, beta_1: float, beta_2: float,
        epsilon: float,
    ) -> None:  # fmt: skip
        """Adam, in place, as Keras writes it (epsilon outside the bias correction).

        m += (1 - beta_1)(g - m);   v += (1 - beta_2)(g^2 - v);   t = iterations[0] + 1
        w -= alpha m / (sqrt(v) + epsilon);   alpha = lr sqrt(1 - beta_2^t) / (1 - beta_1^t)
        Here and below lr = learning_rate[0], and every operation is in the dtype of the weights.
        ``iterations`` (1,) int64 and ``learning_rate`` (1,) live where the weights do, so that a
        replayed graph sees them advance.  Source: Kingma and Ba (2015), arXiv:1412.6980, section 2.
        """

    def amsgrad_step(
        self, w: A, g: A, m: A, v: A, v_max: A, iterations: A, learning_rate: A, beta_1: float,
        beta_2: float, epsilon: float,
    ) -> None:  # fmt: skip
        """Adam that divides by the largest v so far, in place.

        v_max = max(v_max, v);   w -= alpha m / (sqrt(v_max) + epsilon)
        Source: Reddi, Kale, Kumar (2018), "On the Convergence of Adam and Beyond", ICLR.
        """

    def sgd_step(
        self, w: A, g: A, m: A | None, learning_rate: A, momentum: float, nesterov: bool
    ) -> None:
        """m is None: w -= lr g.   Else m = momentum m - lr g;  w += m, or with Nesterov
        w += momentum m - lr g.  Source: Sutskever et al. (2013), ICML.
        """

    def rmsprop_step(
        self, w: A, g: A, v: A, m: A | None, a: A | None, learning_rate: A, rho: float,
        momentum: float, epsilon: float,
    ) -> None:  # fmt: skip
        """v = rho v + (1 - rho) g^2;   step = lr g / sqrt(v + epsilon);   w -= step.

        With ``a`` (centred): a = rho a + (1 - rho) g, and the root is of v - a^2 + epsilon.
        With ``m`` (momentum): m = momentum m + step;  w -= m.
        Source: Hinton (2012), lecture 6 of "Neural Networks for Machine Learning".
        """

    def decay_weights(self, w: A, learning_rate: A, weight_decay: float) -> None:
        """w -= w weight_decay lr, in place: decay apart from the gradient, before the update.

        Source: Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", ICLR.
        """

    def clip_by_value(self, g: A, limit: float) -> None:
        """Every entry into [-limit, limit], in place."""

    def clip_by_norm(self, gradients: Sequence[A], limit: float) -> None:
        """g *= limit / norm, in place, if norm > limit;  norm = sqrt(sum(g^2)) over all vectors.

        A norm that is NaN makes every entry NaN.  Source: Pascanu et al. (2013), ICML.
        """

    # -- Regularisers and constraints: what else is asked of a weight, of any shape ----------------

    def add_penalty(self, total: A, w: A, l1: float, l2: float) -> None:
        """total[0] += l1 sum(|w|) + l2 sum(w^2).  ``total`` (1,) is the loss of a batch."""

    def add_penalty_gradient(self, dw: A, w: A, l1: float, l2: float) -> None:
        """dw += l1 sign(w) + 2 l2 w, in place, after the backward pass has assigned dw."""

    def limit_norms(
        self, w: A, axes: tuple[int, ...], smallest: float, largest: float, rate: float
    ) -> None:
        """Scale the vectors along ``axes`` towards a norm in [smallest, largest], in place.

        norm = sqrt(sum(w^2, axes));  wanted = rate clip(norm, smallest, largest) + (1 - rate) norm;
        w *= wanted / (norm + 1e-7).  Source: Srivastava et al. (2014), JMLR 15, section 5.1.
        """

    def clip_negative(self, w: A) -> None:
        """w = max(w, 0), in place."""


class DeviceBackend(Backend[A], Protocol[A]):
    """A backend whose device computes while the host goes on: it has these three, too.

    A step is recorded once and then replayed, and nobody waits for it. The host does not see the
    loss of a step before it launches the next one, so a loss that is not finite has to stop the
    updates on the device.

    The promise is the same everywhere: a step whose loss is NaN or infinite leaves weights, moving
    averages and the optimizer's state as the last good step left them.
    """

    def capture(self, step: Callable[[], R]) -> Callable[[], R]:
        """Record what ``step`` launches; the function that comes back runs it again, as a whole.

        ``step`` has run before. It reads nothing back; what changes from run to run (rows,
        counters, learning rate) it reads from arrays. The arrays it uses must stay where they are.
        """

    def refusable(self, refused: A) -> AbstractContextManager[None]:
        """Inside, whatever outlives a step changes only while ``refused[0]`` is 0.

        That is: weights, optimizer state, moving averages, running totals and counters.
        ``refused`` (1,) uint32.
        """

    def refuse_unless_finite(self, loss: A, step: A, refused: A) -> None:
        """refused[0] = step[0] if loss[0] is NaN or infinite and refused[0] is 0.  All (1,)."""


class FusedBackend(Backend[A], Protocol[A]):
    """A backend with fused operations: it may have them, forward and backward together.

    Each *is* the composition in its name, bit for bit where the arithmetic allows, and is tested
    against it. (With ``ctx.forward_only`` the rounding may differ.)
    """

    def conv2d_relu_maxpool2d_forward(
        self, ctx: Context, x: A, w: A, b: A | None, strides: Pair, pads: Pads, pool_size: Pair,
        pool_strides: Pair,
    ) -> A:  # fmt: skip
        """maxpool2d(relu(conv2d(x))) for windows that do not overlap (pool_strides >= pool_size),
        no pooling padding, dilation 1, one group. What backward needs is one byte an output: which
        entry of the window won.
        """

    def conv2d_relu_maxpool2d_backward(
        self, ctx: Context, dy: A, w: A, dw: A, db: A | None
    ) -> A | Any:
        """The three backwards in one pass; dw, db, dx as for ``conv2d_backward``."""

    def conv2d_relu_forward(
        self, ctx: Context, x: A, w: A, b: A | None, strides: Pair, pads: Pads
    ) -> A:
        """relu(conv2d(x)), dilation 1, one group."""

    def conv2d_relu_backward(self, ctx: Context, dy: A, w: A, dw: A, db: A | None) -> A | Any:
        """dw, db, dx as for ``conv2d_backward``, from dy masked where the output was clipped."""

    def dense_relu_forward(self, ctx: Context, x: A, w: A, b: A | None) -> A:
        """relu(x @ w + b)."""

    def dense_relu_backward(self, ctx: Context, dy: A, w: A, dw: A, db: A | None) -> A | Any:
        """dw, db, dx as for ``dense_backward``, from dy masked where the output was clipped."""

    def dense_relu_dropout_forward(
        self, ctx: Context, x: A, w: A, b: A | None, rate: float, seed: int
    ) -> A:
        """dropout(relu(x @ w + b)); without dropout when ``ctx.training`` is false."""

    def dense_relu_dropout_backward(
        self, ctx: Context, dy: A, w: A, dw: A, db: A | None
    ) -> A | Any:
        """dw, db, dx as for ``dense_backward``, from dy masked and scaled."""


def _operations(protocol: type) -> tuple[str, ...]:
    """The names that a protocol itself defines, without those that it inherits."""
    return tuple(name for name in vars(protocol) if not name.startswith("_"))


REQUIRED, BEHIND_THE_HOST, OPTIONAL = map(_operations, (Backend, DeviceBackend, FusedBackend))
