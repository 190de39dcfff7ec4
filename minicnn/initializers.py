"""Weight initialisers, as in Keras. They run once, on the host."""

import math
import random

import numpy as np

from minicnn import registry

Shape = tuple[int, ...]


class Initializer(registry.Configured):
    """Base: ``init(shape, dtype="float32")`` returns a NumPy array."""

    def __call__(self, shape: Shape, dtype: str = "float32") -> np.ndarray:
        """An array of ``shape`` and ``dtype``."""
        raise NotImplementedError


class _Seeded(Initializer):
    """Base of the random ones. Without ``seed``, one is taken from Python's ``random`` here, so
    that ``set_random_seed`` fixes it; the same object gives the same values at every call.
    """

    saved_arguments: tuple[str, ...] = ("seed",)

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed
        self._drawn = random.randrange(2**32) if seed is None else int(seed)

    def generator(self) -> np.random.Generator:
        """A fresh stream from the seed."""
        return np.random.default_rng(self._drawn)


class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape: Shape, dtype: str = "float32") -> np.ndarray:
        return np.zeros(shape, dtype)


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Shape, dtype: str = "float32") -> np.ndarray:
        return np.ones(shape, dtype)


class Constant(Initializer):
    """Every entry ``value``."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Shape, dtype: str = "float32") -> np.ndarray:
        return np.full(shape, self.value, dtype)

    def get_config(self) -> dict[str, object]:
        return {"value": np.asarray(self.value).tolist()}


class RandomUniform(_Seeded):
    """Uniform on [minval, maxval)."""

    saved_arguments = ("seed", "minval", "maxval")

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Shape, dtype: str = "float32") -> np.ndarray:
        return self.generator().uniform(self.minval, self.maxval, shape).astype(dtype)


class RandomNormal(_Seeded):
    """Normal with the given mean and standard deviation."""

    saved_arguments = ("seed", "mean", "stddev")

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Shape, dtype: str = "float32") -> np.ndarray:
        return self.generator().normal(self.mean, self.stddev, shape).astype(dtype)


class TruncatedNormal(RandomNormal):
    """Normal cut at two standard deviations: draws outside are drawn again."""

    def __call__(self, shape: Shape, dtype: str = "float32") -> np.ndarray:
        z = _truncated_normal(self.generator(), shape)
        return (self.mean + self.stddev * z).astype(dtype)


class VarianceScaling(_Seeded):
    """Random weights whose variance is scale / n, so that signals keep their size.

    n is the number of inputs ("fan_in"), outputs ("fan_out") or their mean ("fan_avg").
    "uniform" draws from [-L, L] with L = sqrt(3 scale / n); "truncated_normal" from a normal cut
    at two standard deviations and widened so that the result has the intended one.

    Sources: Glorot and Bengio (2010), AISTATS; He et al. (2015), ICCV; LeCun et al. (1998),
    "Efficient BackProp".
    """

    saved_arguments: tuple[str, ...] = ("seed", "scale", "mode", "distribution")

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(seed)
        if scale <= 0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(
                f"Invalid `mode` argument: {mode}. It must be 'fan_in', 'fan_out' or 'fan_avg'"
            )
        distribution = distribution.lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise ValueError(
                f"Invalid `distribution` argument: {distribution}. It must be 'truncated_normal', "
                "'untruncated_normal' or 'uniform'"
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution

    def __call__(self, shape: Shape, dtype: str = "float32") -> np.ndarray:
        fan_in, fan_out = compute_fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        rng = self.generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return rng.uniform(-limit, limit, shape).astype(dtype)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return rng.normal(0.0, stddev, shape).astype(dtype)
        return (stddev / _TRUNCATED_STDDEV * _truncated_normal(rng, shape)).astype(dtype)


class _NamedScaling(VarianceScaling):
    """A VarianceScaling with a name of its own; the seed is the only argument."""

    saved_arguments = ("seed",)
    settings: tuple[float, str, str]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self.settings, seed=seed)


class GlorotUniform(_NamedScaling):
    """Uniform on [-L, L], L = sqrt(6 / (fan_in + fan_out)): Keras's default for kernels."""

    settings = (1.0, "fan_avg", "uniform")


class GlorotNormal(_NamedScaling):
    """Truncated normal of variance 2 / (fan_in + fan_out)."""

    settings = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_NamedScaling):
    """Uniform on [-L, L], L = sqrt(6 / fan_in): for ReLU networks."""

    settings = (2.0, "fan_in", "uniform")


class HeNormal(_NamedScaling):
    """Truncated normal of variance 2 / fan_in: for ReLU networks."""

    settings = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_NamedScaling):
    """Uniform on [-L, L], L = sqrt(3 / fan_in)."""

    settings = (1.0, "fan_in", "uniform")


class LecunNormal(_NamedScaling):
    """Truncated normal of variance 1 / fan_in."""

    settings = (1.0, "fan_in", "truncated_normal")


class Orthogonal(_Seeded):
    """A matrix with orthonormal rows or columns, times ``gain`` (Saxe et al. 2014)."""

    saved_arguments = ("seed", "gain")

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Shape, dtype: str = "float32") -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs a shape of at least two axes, got {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(self.generator().normal(size=tall))
        q *= np.sign(np.diag(r))  # makes the draw uniform over all orthogonal matrices
        if rows < columns:
            q = q.T
        return (self.gain * q).reshape(shape).astype(dtype)


def compute_fans(shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out): how many inputs reach one output, and outputs one input."""
    if len(shape) == 0:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    receptive = math.prod(shape[:-2])
    return shape[-2] * receptive, shape[-1] * receptive


#: standard deviation of a unit normal cut at +-2
_TRUNCATED_STDDEV = 0.87962566103423978


def _truncated_normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    z = rng.standard_normal(shape)
    while (outside := np.abs(z) > 2).any():
        z[outside] = rng.standard_normal(int(outside.sum()))
    return z


_FAMILY = registry.Registry(
    "initializer", "keras.initializers", registry.names_of(
        Zeros, Ones, Constant, RandomUniform, RandomNormal, TruncatedNormal, VarianceScaling,
        GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal, Orthogonal,
    )
    | {"normal": RandomNormal, "uniform": RandomUniform, "zero": Zeros, "one": Ones}
    | {"OrthogonalInitializer": Orthogonal},
)  # fmt: skip
get = _FAMILY.get


def serialize(initializer: object) -> dict | None:
    """Keras's dictionary of an initializer; None of None."""
    return _FAMILY.serialize(initializer)


# Keras offers the short names too
zeros, ones, constant = Zeros, Ones, Constant
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, orthogonal = VarianceScaling, Orthogonal
