"""The gradient checker."""

from minicnn.gradcheck.api import assert_gradients, check_gradients
from minicnn.gradcheck.errors import GradientCheckError
from minicnn.gradcheck.report import ArrayReport, Finding, Report

__all__ = [
    "ArrayReport",
    "Finding",
    "GradientCheckError",
    "Report",
    "assert_gradients",
    "check_gradients",
]
