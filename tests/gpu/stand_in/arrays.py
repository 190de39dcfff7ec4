"""``cupy.ndarray`` and the functions that make arrays, on the stand-in's device.

Only what CuPy has too, and refused where CuPy refuses: a NumPy array is not taken in the place of
one on the device, and nothing becomes a NumPy array without being asked to.
"""

import operator

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tests.gpu.stand_in.device import DEVICE, allocate


class _Pointer:
    def __init__(self, ptr):
        self.ptr = ptr


class ndarray(NDArrayOperatorsMixin):
    """An array in device memory. ``_host`` is that memory, which only this file touches."""

    __array_priority__ = 100

    def __init__(self, shape, dtype=float, *, buffer=None, host=None):
        if host is None:
            dtype = np.dtype(dtype)
            shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
            count = int(np.prod(shape, dtype=np.int64))
            buffer = allocate(count * dtype.itemsize)
            host = buffer.host.view(dtype).reshape(shape)
        self.buffer, self._host = buffer, host

    # -- what it is ------------------------------------------------------------------------------

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: self._host.flags)
    data = property(lambda self: _Pointer(self._host.ctypes.data))

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return f"<stand-in array {self.shape} {self.dtype}>"

    # -- views -----------------------------------------------------------------------------------

    def _view(self, host):
        if host.size and not np.shares_memory(host, self._host):
            raise AssertionError("a copy, where a view was meant")
        return ndarray(None, buffer=self.buffer, host=host)

    def reshape(self, *shape):
        shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        if self._host.flags.c_contiguous:
            return self._view(self._host.reshape(shape))
        return _compute(lambda a: a.reshape(shape), self)

    def ravel(self):
        return self.reshape(-1)

    def view(self, dtype):
        return self._view(self._host.view(dtype))

    def transpose(self, *axes):
        return self._view(self._host.transpose(*axes))

    T = property(transpose)

    def __getitem__(self, key):
        if isinstance(key, ndarray) or (
            isinstance(key, tuple) and any(isinstance(k, ndarray) for k in key)
        ):
            return _compute(operator.getitem, self, key)
        host = self._host[key]
        if not isinstance(host, np.ndarray):  # one entry: CuPy gives an array without axes
            key = key if isinstance(key, tuple) else (key,)
            host = self._host[(*key, ...)]
        return self._view(host)

    # -- operations that run on the device -------------------------------------------------------

    def __setitem__(self, key, value):
        if isinstance(value, np.ndarray) and value.ndim:
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        mine, theirs = self._host, value._host if isinstance(value, ndarray) else value
        key = _unwrapped(key)
        self._run(lambda: operator.setitem(mine, key, theirs))

    @staticmethod
    def _run(node):
        node.name = "array operation"
        DEVICE.run(node)

    def fill(self, value):
        self[...] = value

    def copy(self):
        return _compute(np.copy, self)

    def astype(self, dtype, copy=True):
        if not copy and self.dtype == dtype:
            return self
        return _compute(lambda a: a.astype(dtype), self)

    def __getattr__(self, name):
        """sum, mean, max and so on: what NumPy's arrays compute, computed on the device."""
        if name not in ("sum", "mean", "max", "min", "argmax", "var", "prod", "any", "all", "clip"):
            raise AttributeError(f"the stand-in's arrays have no {name!r}")

        def method(*args, **kwargs):
            return _compute(lambda a: np.asarray(getattr(a, name)(*args, **kwargs)), self)

        return method

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if method != "__call__":
            return NotImplemented
        for value in inputs:
            if isinstance(value, np.ndarray) and value.ndim:
                raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        if out is not None:
            (target,) = out
            hosts = [_unwrapped(value) for value in inputs]
            self._run(lambda: ufunc(*hosts, out=target._host, **kwargs))
            return target
        return _compute(lambda *hosts: ufunc(*hosts, **kwargs), *inputs)

    def __array_function__(self, function, types, args, kwargs):
        if any(issubclass(t, np.ndarray) for t in types):
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        return _compute(lambda *hosts: np.asarray(function(*hosts, **kwargs)), *args)

    # -- to the host -----------------------------------------------------------------------------

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct "
            "a NumPy array explicitly."
        )

    def get(self):
        DEVICE.wait()
        DEVICE.counts.read_backs += 1
        return self._host.copy()

    def item(self):
        return self.get().item()

    def __float__(self):
        return float(self.get())

    def __int__(self):
        return int(self.get())

    def __index__(self):
        return operator.index(self.get().item())

    def __bool__(self):
        return bool(self.get())

    def set(self, array):
        """Copy a NumPy array of the same shape and dtype into place."""
        if array.shape != self.shape or array.dtype != self.dtype:
            raise ValueError(f"set: {array.shape} {array.dtype} into {self.shape} {self.dtype}")
        DEVICE.wait()
        DEVICE.counts.uploads += 1
        self._host[...] = array


def _unwrapped(value):
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, (tuple, list)):
        return type(value)(_unwrapped(v) for v in value)
    return value


def _compute(function, *arguments):
    """A new array: ``function`` of the arrays' contents, each time that the node runs."""
    hosts = [_unwrapped(a) for a in arguments]
    with np.errstate(all="ignore"):
        shown = function(*hosts)  # now only for its shape and dtype
    result = ndarray(shown.shape, shown.dtype)
    target = result._host

    def node():
        target[...] = function(*hosts)

    node.name = "array operation"
    DEVICE.run(node)
    return result


def empty(shape, dtype=float):
    return ndarray(shape, dtype)


def zeros(shape, dtype=float):
    array = ndarray(shape, dtype)
    array[...] = 0
    return array


def moveaxis(array, source, destination):
    return array._view(np.moveaxis(array._host, source, destination))


def asarray(value, dtype=None):
    if isinstance(value, ndarray):
        return value if dtype is None else value.astype(dtype, copy=False)
    value = np.asarray(value, dtype)
    array = ndarray(value.shape, value.dtype)
    array.set(value)
    return array


def asnumpy(value):
    return value.get() if isinstance(value, ndarray) else np.asarray(value)
