"""Retrieval at the reported setting and at others, as a table: layer, pooling, centring."""

from collections.abc import Sequence

from xstilts.analysis import formatting as fmt
from xstilts.analysis.best_setting import BestSetting
from xstilts.analysis.retrieval_sweep import POOLING_WORDS, Sweep, SweepSetting, collect_sweeps
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, best_setting_id, setting_id, write_gain
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


def name_columns(findings: Findings, encoder: str, target: str) -> tuple[str, ...]:
    """The headings of a target's gains: for retrieval with a best setting of its own, that setting first and the study's beside
    it."""
    if not any((one.encoder, one.target) == (encoder, target) for one in findings.settings):
        return (target,)
    kind = name_setting(findings.results.pooling, findings.results.centred)
    return f"{target}, best setting", f"{target}, layer {find_layer(findings, encoder, target)}, {kind}"


def describe_best_setting(one: BestSetting) -> str:
    """The gain with both sides at their best setting, in a sentence."""
    sides = (f"{fmt.score(side.accuracy)} at mostly {side.setting.label}" for side in (one.control, one.treatment))
    return f"At the best setting, chosen on other {one.split}: {write_gain(one.gain)} ({' → '.join(sides)})."


def best_settings_table(findings: Findings) -> Table | None:
    """Each chain with both sides at their best setting."""
    rows = [
        (
            findings.label(one.target, one.encoder),
            one.chain,
            Number(fmt.score(one.control.accuracy), best_setting_id(one, "without")),
            one.control.setting.label,
            Number(fmt.score(one.treatment.accuracy), best_setting_id(one, "with")),
            one.treatment.setting.label,
            Number(write_gain(one.gain), best_setting_id(one)),
        )
        for one in findings.settings
    ]
    split = findings.settings[0].split if findings.settings else ""
    caption = (
        f"Both sides at their best setting (the one that is chosen most often is named). It is chosen for each side, half of the "
        f"languages and seed on other {split}, so no score has a part in its own choice. Sentences are not split, which favours "
        "both sides alike. The intervals take the two sides as independent, so they are longer than they need to be."
    )
    columns = ("target", "chain", "without it", "at", "with it", "at", "gain")
    return make_table(caption, columns, rows, (2, 4, 6))


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
