"""The environment of a process that runs stages. It must be set before numpy and torch are imported."""

import os


def worker_environment(threads: int = 1) -> dict[str, str]:
    """The environment of this process, with one thread a worker: workers share the cores best, and results stay bit-equal. A
    process that works alone may have more `threads`."""
    number = os.environ.get("XSTILTS_THREADS", str(threads))
    # oneDNN: each new shape adds an entry to its caches, 2 GiB in minutes.
    defaults = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "64", "TOKENIZERS_PARALLELISM": "false"}
    defaults |= {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    return {**defaults, **os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), number)}
