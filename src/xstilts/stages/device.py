"""Which device a stage runs on: context, never part of a key."""

import os

import torch


def device(rank: int = 0) -> torch.device:
    """`$XSTILTS_DEVICE`, else a GPU if there is one (of several, the `rank`-th), else the CPU."""
    if wanted := os.environ.get("XSTILTS_DEVICE"):
        return torch.device(wanted)
    return torch.device("cuda", rank % torch.cuda.device_count()) if torch.cuda.is_available() else torch.device("cpu")
