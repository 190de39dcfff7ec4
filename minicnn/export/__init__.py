"""Models for other programs: ``to_onnx`` writes a file that ONNX runtimes execute."""

from minicnn.export.onnx_file import to_onnx

__all__ = ["to_onnx"]
