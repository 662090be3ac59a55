"""xstilts: does an English intermediate task improve zero-shot cross-lingual transfer?

    from xstilts import cells, examples, gains, plot, run, scores

    run("demo")                                     # runs what the store lacks of a built-in study or a YAML file
    scores("demo")                                  # a pandas.DataFrame: one row for each cell and language
    plot.gains(gains("demo"))                       # a matplotlib figure, with 95 % intervals
    examples(cells("demo")["squad/tydiqa/2"])       # text, gold answer, prediction and score of each example

These names are imported when they are first used, so `import xstilts` is fast.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xstilts import plot
    from xstilts.errors import InputError
    from xstilts.notebook import (
        attack,
        budget_curves,
        cells,
        compare,
        confusion,
        examples,
        gains,
        language_pairs,
        predict,
        run,
        scores,
        write_report,
    )
    from xstilts.store.store import Store
    from xstilts.study import Study

__all__ = [
    "InputError",
    "Store",
    "Study",
    "attack",
    "budget_curves",
    "cells",
    "compare",
    "confusion",
    "examples",
    "gains",
    "language_pairs",
    "plot",
    "predict",
    "run",
    "scores",
    "write_report",
]
_MODULES = {"InputError": "xstilts.errors", "Store": "xstilts.store.store", "Study": "xstilts.study"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'xstilts' has no attribute {name!r}")
    from importlib import import_module

    return (
        import_module("xstilts.plot") if name == "plot" else getattr(import_module(_MODULES.get(name, "xstilts.notebook")), name)
    )


def __dir__() -> list[str]:
    return __all__
