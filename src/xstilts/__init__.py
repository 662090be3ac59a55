"""xstilts: does an English intermediate task improve zero-shot cross-lingual transfer?

    from xstilts import Study, Store, run, scores

    study = Study.load("demo")            # a built-in study, or the path of a YAML file
    run(study, Store("xstilts-store"))    # runs what the store lacks
    scores(study, Store("xstilts-store")) # a tidy pandas.DataFrame

These names are imported when they are first used, so `import xstilts` is fast.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xstilts.notebook import run, scores, write_report
    from xstilts.store.store import Store
    from xstilts.study import Study

__all__ = ["Store", "Study", "run", "scores", "write_report"]
_MODULES = {
    "Study": "xstilts.study",
    "Store": "xstilts.store.store",
    "run": "xstilts.notebook",
    "scores": "xstilts.notebook",
    "write_report": "xstilts.notebook",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'xstilts' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_MODULES[name]), name)
