"""What the process keeps of freed memory, and what it gives back."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from xstilts.train.malloc import give_back_memory

pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc")

FREES_A_TENSOR = """
import ctypes, sys
from pathlib import Path
from xstilts.train.malloc import give_back_memory, keep_freed_memory

def resident_mib():
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

if sys.argv[1] == "keep":
    keep_freed_memory()
held = bytearray(20 * 2**20)
full = resident_mib()
del held
print(full - resident_mib())
give_back_memory()
print(full - resident_mib())
"""


@pytest.mark.parametrize("way", ["usual", "keep"])
def test_freed_memory_is_kept_until_it_is_given_back(way: str) -> None:
    run = subprocess.run([sys.executable, "-c", FREES_A_TENSOR, way], capture_output=True, text=True, check=True)
    freed, given_back = map(float, run.stdout.split())
    assert (freed < 2) == (way == "keep")
    assert given_back > 15


def test_free_memory_between_what_is_in_use_is_given_back() -> None:
    def resident_mib() -> float:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    blocks = [b"x" * 60_000 for _ in range(2000)]
    kept = blocks[::20]
    del blocks
    before = resident_mib()
    give_back_memory()
    assert resident_mib() < before - 50
    assert len(kept) == 100
