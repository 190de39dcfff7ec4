"""Whether this machine can compute on a GPU: asked once, when the backend is imported."""

import cupy

from minicnn.backends.spec import BackendError

_INSTALL = "install it with  pip install 'minicnn[cuda13]'  (or cuda12, for CUDA 12 drivers)"
_OTHER = "or choose another backend with minicnn.config.set_backend(...)"


def require() -> None:
    """Do nothing if all that the backend needs is there.

    Raises:
        minicnn.backends.BackendError: the driver, a device, CUDA's libraries or its headers are
            missing; the message names which, and how to get it.
    """
    try:
        devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        if "NoDevice" in str(error):
            devices = 0
        else:
            raise BackendError(
                f"the 'cupy' backend cannot be used: the NVIDIA driver is missing or too old "
                f"({error}). Install a driver for CUDA 12 or newer and look whether nvidia-smi "
                f"shows the GPU, {_OTHER}"
            ) from error
    if not devices:
        raise BackendError(
            "the 'cupy' backend cannot be used: CUDA finds no GPU (cudaErrorNoDevice). "
            f"Look whether nvidia-smi shows one and whether CUDA_VISIBLE_DEVICES hides it, {_OTHER}"
        )
    # CUDA's compiler, cuBLAS and headers: what ``[ctk]`` adds to CuPy
    try:
        from cuda import pathfinder
    except ImportError as error:
        raise _without_toolkit("cuda-pathfinder", error) from error
    for library in ("nvrtc", "cublas"):
        try:
            pathfinder.load_nvidia_dynamic_lib(library)
        except RuntimeError as error:  # DynamicLibNotFoundError is one
            raise _without_toolkit(f"CUDA's library {library}", error) from error
    # CuPy wants them for every compilation, though our kernels include nothing
    if pathfinder.find_nvidia_header_directory("cudart") is None:
        raise _without_toolkit("CUDA's headers", None)


def _without_toolkit(what: str, error: Exception | None) -> BackendError:
    reason = f" ({str(error).splitlines()[0]})" if error is not None and str(error) else ""
    return BackendError(
        f"the 'cupy' backend cannot be used: {what} cannot be found{reason}. The extra [ctk] of "
        f"CuPy brings it: {_INSTALL}, {_OTHER}"
    )


def describe() -> list[str]:
    """One line for each device: name, memory, compute capability."""
    runtime = cupy.cuda.runtime
    return [
        f"{found['name'].decode()}, {found['totalGlobalMem'] / 2**30:.0f} GiB, "
        f"compute capability {found['major']}.{found['minor']}, "
        f"{found['multiProcessorCount']} multiprocessors"
        for found in map(runtime.getDeviceProperties, range(runtime.getDeviceCount()))
    ]


require()
