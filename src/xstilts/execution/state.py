"""The states of a stage, in the words that every part of the program uses.

done       its outputs are in the store
running    this run works on it; to somebody who only looks at the store, some run does
elsewhere  another run works on it
pending    it is still to be made
failed     its last attempt failed
blocked    a stage that it needs failed or is blocked
"""

from __future__ import annotations

from typing import Literal

StageState = Literal["done", "running", "elsewhere", "pending", "failed", "blocked"]
