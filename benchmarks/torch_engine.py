"""The same networks in PyTorch, with the part of Keras's interface that the benchmark calls.

As a careful user would write it: channels-last memory, the fused Adam, batches by index from a
tensor, loss and hits added up without waiting for each batch.
"""

import numpy as np
import torch
from programs import Program
from torch import nn


def build(program: Program, compiled: bool) -> "Model":
    """The model of a program, run eagerly or through ``torch.compile``."""
    return Model(network(program), program, compiled)


class Model:
    """``fit`` and ``predict`` as the benchmark calls them."""

    def __init__(self, network: nn.Module, program: Program, compiled: bool) -> None:
        self.network = network.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7, fused=True)
        self.one_hot = program.one_hot
        # shapes are fixed: the data sets here are whole numbers of batches
        wrap = (lambda f: torch.compile(f, dynamic=False)) if compiled else (lambda f: f)
        self._losses, self._outputs = wrap(self._loss_and_hits), wrap(self._probabilities)

    def fit(self, x: np.ndarray, y: np.ndarray, batch_size: int, verbose: int = 0) -> None:
        """One epoch in random order."""
        self.network.train()
        images, labels = torch.from_numpy(x), torch.from_numpy(y)
        total, hits = torch.zeros(()), torch.zeros(())
        for index in torch.randperm(len(x)).split(batch_size):
            batch = images[index].permute(0, 3, 1, 2)  # NCHW by name, channels last in memory
            loss, right = self._losses(batch, labels[index])
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(index)
            hits += right
        total.item(), hits.item()

    def predict(self, x: np.ndarray, batch_size: int, verbose: int = 0) -> np.ndarray:
        """Probabilities of all images."""
        self.network.eval()
        with torch.inference_mode():
            batches = torch.from_numpy(x).split(batch_size)
            outputs = [self._outputs(batch.permute(0, 3, 1, 2)) for batch in batches]
            return torch.cat(outputs).numpy()

    def _loss_and_hits(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.network(x)
        labels = y.argmax(1) if self.one_hot else y
        return nn.functional.cross_entropy(logits, y), (logits.argmax(1) == labels).sum()

    def _probabilities(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x).softmax(1)


def network(program: Program) -> nn.Module:
    """The layers; shapes are found by running one image through them."""
    x = torch.zeros(1, *program.input_shape).permute(0, 3, 1, 2)  # (1, C, H, W)
    modules: list[nn.Module] = []
    for kind, kw in program.layers:
        for module in _modules(kind, kw, x):
            modules.append(module)
            x = module(x)
    return nn.Sequential(*modules)


def _modules(kind: str, kw: dict, x: torch.Tensor) -> list[nn.Module]:
    activation: list[nn.Module] = [nn.ReLU()] if kw.get("activation") == "relu" else []
    if kind == "Conv2D":
        conv = nn.Conv2d(
            x.shape[1], kw["filters"], kw["kernel_size"], kw.get("strides", 1),
            kw.get("padding", "valid"),
        )  # fmt: skip
        return [conv, *activation]
    if kind == "Dense":  # the softmax at the end belongs to the loss
        return [nn.Linear(x.shape[1], kw["units"]), *activation]
    if kind == "MaxPooling2D":
        return [nn.MaxPool2d(kw["pool_size"], kw.get("strides"))]
    if kind == "Dropout":
        return [nn.Dropout(kw["rate"])]
    return [{"Flatten": nn.Flatten}[kind]()]
