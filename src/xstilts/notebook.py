"""The Python interface: run a study, get its scores as a table, write its report.

Each function takes a `Study` and a `Store`. Data files are looked for in `data`, else in `$XSTILTS_DATA`, else in ./data.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xstilts.analysis.gather import gather
from xstilts.execution.execute import State, execute
from xstilts.plan.compile import compile_study
from xstilts.store.store import Store
from xstilts.study import Study

if TYPE_CHECKING:
    import pandas


def run(study: Study, store: Store, workers: int | None = None, data: Path | str | None = None) -> State:
    """Run what the store lacks of a study. `errors` of the result has the stages that failed. Raises InputError."""
    return execute(compile_study(study, Path(data) if data else None), store, workers)


def scores(study: Study, store: Store, data: Path | str | None = None) -> pandas.DataFrame:
    """The scores that the store has: a row for each encoder, chain, target, value of the metric, language and seed. `value` is
    between 0 and 1."""
    from xstilts.report.render.csv import scores_frame

    return scores_frame(gather(compile_study(study, Path(data) if data else None), store))


def write_report(study: Study, store: Store, folder: Path | str, data: Path | str | None = None) -> Path:
    """Write the report of a study into a folder, in all formats. Gives the path of the HTML file."""
    from xstilts.report.findings import compute_findings
    from xstilts.report.write import write_report as write

    results = gather(compile_study(study, Path(data) if data else None), store)
    return write(compute_findings(results), Path(folder))
