"""xstilts: does an English intermediate task improve zero-shot cross-lingual transfer?

    from xstilts import Study, Store, run, scores

    study = Study.load("demo")            # a built-in name or a YAML path
    run(study, Store("xstilts-store"))    # runs what is missing
    scores(study, Store("xstilts-store")) # a tidy pandas.DataFrame

Names are imported when they are first used, so that `import xstilts` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xstilts.notebook import run, scores, write_report
    from xstilts.store.store import Store
    from xstilts.study import Study

__all__ = ["Store", "Study", "run", "scores", "write_report"]
_HOMES = {
    "Study": "xstilts.study",
    "Store": "xstilts.store.store",
    "run": "xstilts.notebook",
    "scores": "xstilts.notebook",
    "write_report": "xstilts.notebook",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'xstilts' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
