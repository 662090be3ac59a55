"""Which device a stage runs on: context, never part of a key."""

from __future__ import annotations

import os

import torch


def device() -> torch.device:
    """`$XSTILTS_DEVICE`, else a GPU if there is one, else the CPU."""
    wanted = os.environ.get("XSTILTS_DEVICE")
    return torch.device(wanted or ("cuda" if torch.cuda.is_available() else "cpu"))
