"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "bf16")
PACKAGES = ("xstilts", "torch", "transformers", "accelerate", "sentence-transformers", "faiss-cpu", "numpy")


def device() -> str:
    """`$BENCH_DEVICE`, or what torch finds."""
    return os.environ.get("BENCH_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")


def threads() -> int:
    """`$BENCH_THREADS`, or as many as there are processors for this process."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(os.environ.get("BENCH_THREADS") or usable or 1)


def memory_gib() -> float:
    """Memory that is free for use."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024**2 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3


def versions() -> dict[str, str]:
    """Of what takes part, as far as it is installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            pass
    return found


def multiplies_bf16(device: str) -> bool:
    """Whether bf16 is worth measuring there."""
    from xstilts.model.neighbours import product_type

    return device == "cuda" or product_type(torch.device(device)) == torch.bfloat16


def facts(device: str) -> dict[str, Any]:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").is_file() else ""
    lines = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in lines.items()}
    has = fields.get("flags", fields.get("Features", "")).split()
    return {
        "processor": fields.get("model name", platform.processor()),
        "flags": [flag for flag in FLAGS if flag in has],
        "threads": threads(),
        "memory_free_gib": round(memory_gib(), 1),
        "load_before": round(os.getloadavg()[0], 1),
        "system": platform.platform(terse=True),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
    }


def line(found: dict[str, Any]) -> str:
    """The processor and what it can, the card, versions and the load at that time, for the head of a table."""
    has = set(found["flags"])
    can = {"AVX2": "avx2", "AVX-512": "avx512f", "AVX-512 bf16": "avx512_bf16", "AMX": "amx_tile"}
    features = ", ".join(name if flag in has else f"no {name}" for name, flag in can.items())
    names = ", ".join(f"{name} {number}" for name, number in versions().items() if name in ("torch", "transformers"))
    card = "" if found["device"] == "cpu" else f", {found['device']}"
    return f"{found['processor']} ({features}), {found['threads']} threads{card}; {names}; load {found['load_before']}"
