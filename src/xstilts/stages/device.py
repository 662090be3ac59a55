"""Which device a stage runs on: context, never part of a key."""

import os

import torch


def device(rank: int = 0) -> torch.device:
    """`$XSTILTS_DEVICE`, else a GPU if there is one (of several, the `rank`-th), else the CPU.

    On a GPU attention goes by PyTorch's own kernels from here on. cuDNN's plans anew for each shape of a batch, and hardly two
    batches have one shape: a step of a small encoder took 167 ms with it and 53 ms without (docs/performance.md).
    """
    torch.backends.cuda.enable_cudnn_sdp(False)
    if wanted := os.environ.get("XSTILTS_DEVICE"):
        return torch.device(wanted)
    return torch.device("cuda", rank % torch.cuda.device_count()) if torch.cuda.is_available() else torch.device("cpu")
