"""The environment of a process that runs stages. It must be set before numpy and torch are imported."""

import os


def worker_environment(threads: int = 1) -> dict[str, str]:
    """The environment of this process, with one thread a worker: workers share the cores best, and results stay bit-equal. A
    process that works alone may have more `threads`."""
    return {**os.environ, **worker_variables(threads)}


def worker_variables(threads: int = 1) -> dict[str, str]:
    """Those of `worker_environment` that a process elsewhere does not have of itself: the program's own, and what it needs."""
    number = os.environ.get("XSTILTS_THREADS", str(threads))
    # oneDNN: each new shape adds an entry to its caches, 2 GiB in minutes.
    defaults = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "64", "TOKENIZERS_PARALLELISM": "false"}
    defaults |= {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    own = {name: value for name, value in os.environ.items() if name in defaults or name.startswith("XSTILTS_")}
    return {**defaults, **own, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), number)}
