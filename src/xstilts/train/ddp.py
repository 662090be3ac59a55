"""Distributed data parallel (DDP): several processes share the micro-batches of each step and sum their gradients.

Every process draws the same batch, splits it in the same way and takes every n-th micro-batch. Dropout is seeded by step and
micro-batch, not by process. So the sum is that of one process, except for the order of addition. All processes take the
optimizer's step. Only the first process averages weights, evaluates, writes checkpoints and decides when to stop. The backend
is torch.distributed with gloo (CPU) or nccl (one GPU for each process). The processes run on one machine and find each other
through a file, so there is no port and no launcher. When a process dies, the others raise LostProcess at the next sum.
"""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

TIMEOUT = timedelta(hours=12)  # the others wait while the first evaluates; a lost process is noticed at once


class LostProcess(Exception):
    """Another process of the group has died."""


class Group:
    """The processes of one training; `rank` is 0 to `size` - 1. A group of one does nothing. `rendezvous` is the file through
    which the processes find each other."""

    def __init__(self, rank: int = 0, size: int = 1, rendezvous: Path | None = None, device: torch.device | None = None):
        self.rank, self.size = rank, size
        self.device = device or torch.device("cpu")
        if size > 1:
            enough = self.device.type == "cuda" and torch.cuda.device_count() >= size
            backend = "nccl" if enough else "gloo"
            dist.init_process_group(backend, f"file://{rendezvous}", timeout=TIMEOUT, rank=rank, world_size=size)

    def all_reduce(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its sum over all processes. Raises LostProcess."""
        if self.size == 1:
            return
        try:
            for work in [dist.all_reduce(tensor, async_op=True) for tensor in tensors]:
                if work is not None:
                    work.wait()
        except RuntimeError as error:
            raise LostProcess(str(error).splitlines()[0]) from None

    def broadcast(self, value: int) -> int:
        """The `value` of the first process. Raises LostProcess."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], device=self.device)
        try:
            dist.broadcast(tensor, 0)
        except RuntimeError as error:
            raise LostProcess(str(error).splitlines()[0]) from None
        return int(tensor)

    def close(self) -> None:
        """Leave the group."""
        if self.size > 1:
            dist.destroy_process_group()
