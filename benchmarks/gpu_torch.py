"""The same network in PyTorch: eager, compiled, and as a CUDA graph of a whole step.

As a careful user would write it: data on the device, channels-last memory, the fused Adam, loss
and hits added up on the device and read once an epoch.
"""

from collections.abc import Callable
from typing import Any

import gpu_common
import programs
import torch
import torch_engine
from torch import nn

DEVICE = "cuda"


class Training:
    """A network, its optimizer, and one step on rows of data that lie on the device."""

    def __init__(self, program: programs.Program, x: Any, y: Any, how: str) -> None:
        torch.manual_seed(0)
        self.batch_size = program.batch_size
        network = torch_engine.network(program).to(DEVICE, memory_format=torch.channels_last)
        self.network: Any = network
        if how == "compile":
            self.network = torch.compile(network, mode="reduce-overhead")
        self.optimizer = torch.optim.Adam(
            network.parameters(), lr=1e-3, eps=1e-7, fused=True, capturable=how == "graph"
        )
        self.x = torch.from_numpy(x).to(DEVICE).permute(0, 3, 1, 2)  # channels last in memory
        self.y = torch.from_numpy(y).to(DEVICE)
        self.totals = torch.zeros(2, device=DEVICE)  # loss, hits
        self.step: Callable[[Any], None] = self.run
        if how == "graph":
            self.step = self.recorded()

    def run(self, index: Any) -> None:
        logits = self.network(self.x[index])
        labels = self.y[index]
        loss = nn.functional.cross_entropy(logits, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.totals[0] += loss.detach() * len(index)
        self.totals[1] += (logits.argmax(1) == labels).sum()

    def recorded(self) -> Callable[[Any], None]:
        """A whole step as one graph, which reads its rows from a fixed place."""
        rows = torch.arange(self.batch_size, device=DEVICE)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                self.run(rows)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.run(rows)

        def step(index: Any) -> None:
            rows.copy_(index)
            graph.replay()

        return step

    def epoch(self, number: int) -> None:
        """Whole batches in random order; the totals are read at the end."""
        self.network.train()
        self.totals.zero_()
        order = torch.randperm(len(self.x), device=DEVICE)
        for index in order.split(self.batch_size):
            if len(index) == self.batch_size:
                self.step(index)
        self.totals.tolist()


def main() -> None:
    args = gpu_common.arguments(__doc__)
    program = programs.PROGRAMS[args.program]
    x, y = gpu_common.data(program, args.samples)
    torch.backends.cudnn.benchmark = True
    for precision in ("float32", "tf32"):
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        for how, name in (
            ("eager", "PyTorch eager"),
            ("compile", "torch.compile, reduce-overhead"),
            ("graph", "PyTorch, CUDA graph by hand"),
        ):
            torch._dynamo.reset()
            seconds = gpu_common.clock(Training(program, x, y, how).epoch, args.epochs)
            gpu_common.report(name, precision, seconds)


if __name__ == "__main__":
    main()
