"""Models for other programs: ``to_onnx`` writes a file that ONNX runtimes execute."""

import os
from types import ModuleType
from typing import Any

from minicnn import __version__
from minicnn.engine.guard import is_own
from minicnn.engine.plan import lower
from minicnn.engine.stages import Operation, Stage
from minicnn.export.nodes import STAGES, Graph, Value, Writer
from minicnn.layers import Layer
from minicnn.models import Sequential
from minicnn.saving.atomic import replacing

#: widely understood: runtimes since 2021 read them
OPSET, IR_VERSION = 17, 8

__all__ = ["to_onnx"]


def to_onnx(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Write a model's inference to an ONNX file, which needs neither minicnn nor Keras.

    The graph has one input, "input", float32 in the shape the model was trained on,
    (batch, height, width, channels), and one output, "output"; both take any number of samples.
    It computes in float32. The file appears under its name only when it is whole.

    Args:
        model: built; compiled or not.
        path: of the file, by custom with the ending ``.onnx``.

    Raises:
        ImportError: the package onnx is not installed.
        TypeError: not a Sequential model.
        ValueError: the model is not built, or has a layer that ONNX has no nodes for: one of
            your own.
        OSError: the file cannot be written; an existing one is unchanged.

    Example::

        export.to_onnx(model, "digits.onnx")
        session = onnxruntime.InferenceSession("digits.onnx")
        (p,) = session.run(None, {"input": x.astype("float32")})
    """
    onnx = _onnx()
    if not isinstance(model, Sequential):
        raise TypeError(f"to_onnx writes a Sequential model, got {type(model).__name__}")
    if not model.built:
        raise ValueError(
            f"model {model.name!r} is not built yet, so it has no weights to write; give it an "
            "Input or call it on some data first"
        )
    content = _proto(onnx, model).SerializeToString()
    with replacing(path) as file:
        file.write(content)


def _proto(onnx: ModuleType, model: Sequential) -> Any:
    """The checked ``onnx.ModelProto`` of a model."""
    graph = Graph(onnx)
    x = y = Value("input", model.input_shape)
    parts = [part for stage in lower(model.layers) for part in _simple(stage)]
    for stage in parts:
        graph.scope = stage.name
        y = _writer(stage)(graph, stage, y)
    graph.scope = model.name
    y = graph.channels_last(y)
    graph.node("Identity", [y.name])
    graph.nodes[-1].output[0] = "output"
    made = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes, model.name,
            [_described(onnx, x)], [_described(onnx, y._replace(name="output"))], graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="minicnn",
        producer_version=__version__,
    )  # fmt: skip
    onnx.checker.check_model(made, full_check=True)
    return made


def _simple(stage: Layer | Stage) -> list[Layer | Stage]:
    """``stage``, or what it stands for: in ``Dense(9, activation=LeakyReLU())`` a layer is one."""
    stands_for = stage.stages() if is_own(stage) and isinstance(stage, Layer) else [stage]
    return [stage] if stage in stands_for else stands_for


def _writer(stage: Layer | Stage) -> Writer:
    """The function that writes the nodes of ``stage``.

    Raises:
        ValueError: there is none.
    """
    name = stage.kind
    if name == "elementwise" and isinstance(stage, Operation):
        name = stage.arguments["function"]
    if not is_own(stage) or name not in STAGES:
        raise ValueError(
            f"layer {stage.name!r} ({type(stage).__name__}) cannot be written to an ONNX file: "
            "only minicnn's own layers have nodes there. Replace it, or leave it to the program "
            "that runs the file"
        )
    return STAGES[name]


def _described(onnx: ModuleType, value: Value) -> Any:
    """Name, type and shape of an input or output; open sizes have names."""
    sizes = [
        ("batch" if axis == 0 else f"size_{axis}") if n is None else n
        for axis, n in enumerate(value.shape)
    ]
    return onnx.helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, sizes)


def _onnx() -> ModuleType:
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError(
            "ONNX files need the package onnx: pip install 'minicnn[onnx]' (or pip install onnx)"
        ) from error
    return onnx
