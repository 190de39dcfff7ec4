"""The real Keras, quietly; and what was compared, as a line at the end of the run.

``make test-keras`` has an environment with Keras and TensorFlow; elsewhere these tests are skipped.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

#: what was compared -> [how often, the worst deviation]
COMPARED = {}


def record(what, deviation):
    """Remember that ``what`` deviated by so much."""
    count, worst = COMPARED.get(what, (0, 0.0))
    COMPARED[what] = (count + 1, max(worst, float(deviation)))


def pytest_terminal_summary(terminalreporter):
    for what, (count, worst) in COMPARED.items():
        terminalreporter.write_line(f"{what}: {count} compared with Keras, worst {worst:.1e}")
