"""What this machine can do at best, measured in the same run as what is compared with it."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from measure import times


def sgemm_gflops(seconds: float = 1.0) -> float:
    """Best rate of a large float32 matrix product, all threads, in 1e9 operations a second."""
    n = 2048
    rng = np.random.default_rng(0)
    a, b = (rng.random((n, n), dtype=np.float32) for _ in range(2))
    out = np.empty_like(a)
    best = min(times(lambda: np.matmul(a, b, out=out), seconds=seconds))
    return 2 * n**3 / best / 1e9


def copy_gbytes(threads: int, seconds: float = 0.5) -> float:
    """Best rate of copying memory that no cache holds: 1e9 bytes read and written a second."""
    size = 1 << 26  # float32: 256 MiB
    source, target = np.ones(size, np.float32), np.zeros(size, np.float32)
    bounds = np.linspace(0, size, threads + 1).astype(int)
    parts = [slice(a, b) for a, b in pairwise(bounds)]
    with ThreadPoolExecutor(threads) as pool:

        def copy() -> None:
            list(pool.map(lambda part: np.copyto(target[part], source[part]), parts))

        best = min(times(copy, least=3, seconds=seconds, warm=1))
    return 2 * 4 * size / best / 1e9
