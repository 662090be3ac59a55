"""Retrieval at the reported setting and at others, as a table: layer, pooling, centring."""

from collections.abc import Sequence

from xstilts.analysis import formatting as fmt
from xstilts.analysis.retrieval_sweep import POOLING_WORDS, Sweep, SweepSetting, collect_sweeps
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, setting_id
from xstilts.report.tables.table import Table, make_table


def group_sweeps(findings: Findings) -> dict[tuple[str, str], list[Sweep]]:
    """The sweeps that have scores, by (encoder, target)."""
    groups: dict[tuple[str, str], list[Sweep]] = {}
    for sweep in collect_sweeps(findings.results):
        if sweep.scores:
            groups.setdefault((sweep.encoder, sweep.target), []).append(sweep)
    return groups


def find_layer(findings: Findings, encoder: str, target: str) -> int | None:
    """The layer whose score is reported; None where no cell records it."""
    cells = (cell for cell in findings.results.cells if (cell.encoder, cell.target) == (encoder, target) and cell.layers)
    return next((cell.layer for cell in cells if cell.layer is not None), None)


def name_setting(pooling: str, centred: bool) -> str:
    return f"{POOLING_WORDS.get(pooling, pooling)}, {'centred' if centred else 'plain'}"


def retrieval_table(findings: Findings, own: Sequence[Sweep]) -> Table | None:
    """For each chain the score at the reported setting, the score with the other centring, and the best score of all settings
    with its name. `own` are the sweeps of one encoder and target."""
    layer = find_layer(findings, own[0].encoder, own[0].target)
    pooling, centred = findings.results.pooling, findings.results.centred
    settings = [SweepSetting(layer, pooling, turned) if layer is not None else None for turned in (centred, not centred)]
    rows = []
    for sweep in own:
        best = max(sweep.scores, key=lambda setting: (sweep.scores[setting], setting))
        numbers = (_write(sweep, setting, "") for setting in settings)
        rows.append((sweep.label, *numbers, _write(sweep, best, f" ({best.label})")))
    reported = name_setting(pooling, centred)
    reported = f"layer {layer}, {reported}" if layer is not None else reported
    columns = ("chain", reported, f"the same, {'not centred' if centred else 'centred'}", "best of all")
    caption = (
        "Scores at the reported setting and at the best setting. The best setting is chosen on these same scores, so its score "
        "is too high."
    )
    return make_table(caption, columns, rows, range(1, 3))


def _write(sweep: Sweep, setting: SweepSetting | None, name: str) -> str:
    if setting is None or setting not in sweep.scores:
        return fmt.NOTHING
    return Number(fmt.score(sweep.scores[setting]) + name, setting_id(sweep.encoder, sweep.target, sweep.label, setting.label))
