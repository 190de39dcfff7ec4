"""Worst relative error of every hand-written gradient, against finite differences.

    python benchmarks/gradient_errors.py [--backend numpy numba] [--examples 100]

Prints op | array | backend | worst relative error of <v, J u> = <J^T v, u> in float64, over
random shapes: the same check as ``tests/ops/test_gradients.py``, which asks for less than 1e-7.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1]))

from minicnn import backends
from tests.helpers import gradient_errors
from tests.ops.cases import FUSED, OPERATIONS, cases, kink_distance


def worst_errors(ops, name, examples):
    """{"x": worst error of dx, ...} over random calls of one operation."""
    worst = {}

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(name), seed=st.integers(0, 2**32 - 1))
    def measure(case, seed):
        if name in FUSED and kink_distance(case) <= 3e-4:
            return  # a finite difference across a kink says nothing
        rng = np.random.default_rng(seed)
        for array, error in gradient_errors(ops, case, rng).items():
            worst[array] = max(worst.get(array, 0.0), error)

    measure()
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", nargs="+", default=["numpy", "numba"])
    parser.add_argument("--examples", type=int, default=100, help="random calls of each operation")
    arguments = parser.parse_args()
    warnings.simplefilter("error")
    print(f"{'operation':42}{'gradient':10}{'backend':10}worst relative error")
    for backend in arguments.backend:
        ops = backends.get(backend)
        for name in OPERATIONS | FUSED:
            if name in FUSED and not hasattr(ops, f"{name}_forward"):
                continue
            for array, error in worst_errors(ops, name, arguments.examples).items():
                print(f"{name:42}{'d' + array:10}{backend:10}{error:.1e}")


if __name__ == "__main__":
    main()
