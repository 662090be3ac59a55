"""A store in whatever state a test needs, written as attempts at stages write it, without running any."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from xstilts.stages.stage import Stage
from xstilts.store.store import Store, write_json

TICK = {"step": 1400, "steps": 2000, "loss": 1.2345, "tokens_per_second": 12345.6, "utilisation": 0.341, "seconds_left": 95.0}


def begin(store: Store, stage: Stage, **run: Any) -> Path:
    """A new attempt, of which the last thing known is `run`; nobody holds the lease."""
    folder = store.folder(stage.kind, stage.slug, stage.key)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "stage.json", stage.record())
    write_json(store.new_run(folder), {"started": time.time(), "outcome": "running", **run})
    return folder


def finish(store: Store, stage: Stage, seconds: float = 3.0) -> Path:
    """A stage that is done, with one output."""
    folder = begin(store, stage, outcome="done", seconds=seconds)
    made = folder / ".attempt-fake"
    made.mkdir()
    (made / "result.json").write_text("{}")
    run = sorted(path.name for path in folder.glob("run-*.json"))[-1]
    store.publish(folder, made, {"key": stage.key, "run": run, "facts": {}})
    return folder
