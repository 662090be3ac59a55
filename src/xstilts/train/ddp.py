"""Data parallel: several processes share the micro-batches of each step and add up their gradients.

Every process draws the same batch, splits it in the same way and takes every n-th micro-batch; dropout is seeded by step
and micro-batch, not by process. So the sum is that of one process but for the order of addition. All take the optimizer's
step; the first process alone keeps averages, looks at dev data, writes checkpoints, and says when to stop.
torch.distributed with gloo (CPU) or nccl (a GPU for each), processes of one machine, which meet in a file: no port, no
launcher. A process that dies is noticed by the others at the next sum (LostProcess).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

TIMEOUT = timedelta(hours=12)  # the others wait while the first looks at dev data; a lost one is noticed at once


class LostProcess(Exception):
    """Another process of the group is gone."""


class Group:
    """`rank` 0 to `size` - 1. A group of one does nothing."""

    def __init__(self, rank: int = 0, size: int = 1, meeting: Path | None = None, device: torch.device | None = None):
        self.rank, self.size = rank, size
        self.device = device or torch.device("cpu")
        if size > 1:
            enough = self.device.type == "cuda" and torch.cuda.device_count() >= size
            backend = "nccl" if enough else "gloo"
            dist.init_process_group(backend, f"file://{meeting}", timeout=TIMEOUT, rank=rank, world_size=size)

    def add(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its sum over all processes. Raises LostProcess."""
        if self.size == 1:
            return
        try:
            for work in [dist.all_reduce(tensor, async_op=True) for tensor in tensors]:
                if work is not None:
                    work.wait()
        except RuntimeError as error:
            raise LostProcess(str(error).splitlines()[0]) from None

    def same(self, value: int) -> int:
        """What the first process says. Raises LostProcess."""
        if self.size == 1:
            return value
        said = torch.tensor([value], device=self.device)
        try:
            dist.broadcast(said, 0)
        except RuntimeError as error:
            raise LostProcess(str(error).splitlines()[0]) from None
        return int(said)

    def close(self) -> None:
        """Leave the group."""
        if self.size > 1:
            dist.destroy_process_group()
