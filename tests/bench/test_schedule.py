"""`bench/schedule.py` runs a study in virtual time, and no order beats what no order can beat."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SCHEDULE = Path(__file__).resolve().parents[2] / "bench" / "schedule.py"


def test_each_number_of_workers_has_a_row(tmp_path: Path) -> None:
    words = ["phang2020", "--set", "seeds=[0,1]", "--workers", "4", "64", "--worlds", "2"]
    said = subprocess.run([sys.executable, str(SCHEDULE), *words], check=True, capture_output=True, text=True).stdout
    rows = [line.split("|")[1:-1] for line in said.splitlines() if re.match(r"\| \d", line)]
    assert [int(row[0]) for row in rows] == [4, 64]
    assert float(rows[0][1]) > float(rows[1][1])
    for row in rows:
        times = [float(cell.split()[0]) for cell in row[2:]]
        assert all(1 <= time < 2 for time in times)
        assert times[2] <= times[0] + 0.02, "the longest path first"
