"""The same from Python: run a study, get its scores as a tidy table, write its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xstilts.analysis.gather import gather
from xstilts.execution.execute import State, execute
from xstilts.plan.compile import compile_study
from xstilts.store.store import Store
from xstilts.study.study import Study

if TYPE_CHECKING:
    import pandas


def run(study: Study, store: Store, workers: int | None = None, data: Path | str | None = None) -> State:
    """Run what is missing of a study. Data is looked for in `data`, else in `$XSTILTS_DATA`."""
    return execute(compile_study(study, Path(data) if data else None), store, workers)


def scores(study: Study, store: Store, data: Path | str | None = None) -> pandas.DataFrame:
    """One row per encoder, chain, target, metric value, language and seed; `value` is on the 0-1 scale."""
    from xstilts.report.render.csv import scores_frame

    return scores_frame(gather(compile_study(study, Path(data) if data else None), store))


def write_report(study: Study, store: Store, folder: Path | str, data: Path | str | None = None) -> Path:
    """Write HTML, Markdown and CSV, and PDF if Typst is installed. Returns the path of the HTML file."""
    from xstilts.report.findings import compute_findings
    from xstilts.report.write import write_report as write

    results = gather(compile_study(study, Path(data) if data else None), store)
    return write(compute_findings(results), Path(folder))
