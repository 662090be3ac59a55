"""Tidy rows: one score, one gain or one stage's cost in each row, as dicts and CSV text.

Values are 0-1 (times in seconds, memory in MiB), in full precision. A value that was not recorded is empty, never 0.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from xstilts.analysis.best_setting import BestSetting
from xstilts.analysis.breakdown import OVERALL, Part
from xstilts.analysis.costs import PARTS, read_seconds
from xstilts.analysis.effective_robustness import Residual
from xstilts.analysis.gains import Gain
from xstilts.analysis.mean_gains import MeanGain
from xstilts.analysis.results import Results
from xstilts.analysis.robustness import OTHERS, RobustnessGain
from xstilts.analysis.scores import ENGLISH, NO_CHAIN
from xstilts.analysis.tidy import CURVE_COLUMNS, tidy_curves
from xstilts.data.csv_cells import guard_cell
from xstilts.metrics.significance import Interval
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import (
    OTHER_LANGUAGES,
    attacked_id,
    average_gain_id,
    best_setting_id,
    gain_id,
    part_id,
    published_id,
    robustness_id,
    score_id,
)

Record = dict[str, object]
SCORE_COLUMNS = (
    "study", "encoder", "chain", "control", "target", "metric", "value_name", "language", "seed", "value", "n", "leak",
    "id", "key",
)  # fmt: skip
GAIN_COLUMNS = (
    "study", "encoder", "chain", "target", "against", "language", "seed", "gain", "low", "high", "level", "p", "p_holm",
    "seeds", "verdict", "placebo", "compute", "reuses_target_data", "near_chance", "leak", "note", "id",
    "best_setting_gain", "best_setting_low", "best_setting_high", "best_setting", "best_setting_none", "best_setting_id",
)  # fmt: skip
PART_COLUMNS = (
    "study", "encoder", "chain", "against", "axis", "group", "gain", "low", "high", "level", "p", "p_holm", "seeds", "verdict",
    "targets", "languages", "id",
)  # fmt: skip
TEST_COLUMNS = (
    "study", "encoder", "chain", "target", "gain", "p", "p_holm", "verdict", "p_bh", "p_sign", "least_p_sign", "p_checkpoints",
    "exact", "better", "worse", "superiority", "order", "order_reversed", "languages", "replicated", "named", "disagree", "id",
)  # fmt: skip
COST_FACTS = (
    "steps", "matched_steps", "tokens", "tokens_per_second", "flops", "peak_flops", "utilisation", "micro_tokens", "halved",
    "processes", "packed", "policy", "leak", "stopped_early", "device", "examples", "available", "unlocatable", "untranslated",
)  # fmt: skip
COST_COLUMNS = (
    "study", "kind", "phase", "slug", "status", "runs", "used_by", "made_before", "seconds",
    *(f"{part}_seconds" for part in PARTS), "peak_mib", *COST_FACTS, "vocabulary_kept", "vocabulary_of", "error", "key",
)  # fmt: skip
PUBLISHED_COLUMNS = (
    "study", "published", "quantity", "encoder", "chain", "target", "ours", "low", "high", "level", "theirs", "difference",
    "difference_low", "difference_high", "inside", "seeds", "languages", "verdict", "id",
)  # fmt: skip
ROBUSTNESS_COLUMNS = (
    "study", "encoder", "chain", "target", "condition", "language", "clean", "attacked", "drop", "gap_to_english", "effective",
    "seen",
    "success", "success_shared", "success_shared_none", "consistent", "passed", "edited_words", "edited_characters", "queries",
    "queries_p90", "against", "gain", "low", "high", "level", "p",
    "p_holm", "verdict", "seeds", "residual", "residual_low", "residual_high", "residual_over_none", "residual_over_none_low",
    "residual_over_none_high", "line_points", "line_slope", "id",
)  # fmt: skip
PAIR_COLUMNS = ("study", "encoder", "chain", "target", "condition", "first", "second", "seed", "score", "n", "key")
MEAN = "mean of languages other than English"


def _pick(record: object, *names: str) -> Record:
    return {name: getattr(record, name) for name in names}


def _interval(interval: Interval) -> Record:
    return {"gain": interval.estimate, **_pick(interval, "low", "high", "level")}


def score_rows(results: Results) -> list[Record]:
    """Each value of each language of each cell. The headline value has a row of its own, with `value_name` "headline". Random
    weights are a chain of their own here, `random-init`, so that no control bears the name of a chain."""
    metrics = {info.name: info.metric_name for info in results.targets}
    return [
        {
            "study": results.study,
            **_pick(cell, "encoder", "control", "target", "seed", "leak", "key"),
            "chain": cell.control or cell.chain,
            "metric": metrics.get(cell.target, ""),
            "value_name": name,
            "language": code,
            "value": float(value),
            "n": score.count_examples(name),
            "id": score_id(cell.encoder, cell.chain, cell.control, cell.target, code, cell.seed),
        }
        for cell in results.cells
        for code, score in cell.languages.items()
        for name, value in {"headline": score.headline, **score.values}.items()
    ]


def _write_best_setting(one: BestSetting) -> Record:
    """Of retrieval: the gain with both sides at their best setting, and the setting that each mostly has."""
    return {
        "best_setting_gain": one.gain.estimate,
        "best_setting_low": one.gain.low,
        "best_setting_high": one.gain.high,
        "best_setting": one.treatment.setting.label,
        "best_setting_none": one.control.setting.label,
        "best_setting_id": best_setting_id(one),
    }


def _gain_rows(study: str, gain: Gain, best: BestSetting | None) -> Iterable[Record]:
    shared: Record = {
        "study": study,
        **_pick(gain, "encoder", "chain", "target", "against", "reuses_target_data", "near_chance", "leak"),
        "placebo": gain.control == "placebo",
        "compute": gain.control == "compute",
    }

    def write(language: str, seed: int | None, values: Record) -> Record:
        name = MEAN if language == OTHER_LANGUAGES else language
        id = gain_id(gain, language, seed)
        return {**shared, "language": name, "seed": "all" if seed is None else seed, **values, "id": id}

    if gain.interval is not None:
        values = _interval(gain.interval) | _pick(gain.interval, "p", "seeds", "note") | _pick(gain, "p_holm", "verdict")
        yield write(OTHER_LANGUAGES, None, values | (_write_best_setting(best) if best else {}))
    for row in gain.languages:
        yield write(row.language, None, _interval(row.interval) | _pick(row.interval, "p", "seeds", "note"))
    for seed in gain.seeds:
        for language, value in ((OTHER_LANGUAGES, seed.transfer), (ENGLISH, seed.english)):
            if value is not None:
                yield write(language, seed.seed, {"gain": value, "seeds": 1})


def gain_rows(findings: Findings) -> list[Record]:
    """For each comparison: the mean over languages other than English, each language, and each seed. A gain in retrieval is at
    the study's setting; that at the best setting stands in columns of its own beside the mean over no chain."""
    best = {one.keys: one for one in findings.settings}
    return [
        row
        for gain in findings.gains
        for row in _gain_rows(findings.results.study, gain, best.get(gain.comparison.keys) if gain.over == NO_CHAIN else None)
    ]


def part_rows(findings: Findings) -> list[Record]:
    """Mean gains over no chain by group, then means of the study's own comparisons. Only the latter have p values. `targets`
    and `languages` are separated by spaces."""

    def share(row: Part | MeanGain, languages: Iterable[str]) -> Record:
        shared = {"study": findings.results.study, **_pick(row, "encoder", "chain", "group"), **_interval(row.interval)}
        return shared | {"seeds": len(row.seeds), "targets": " ".join(row.targets), "languages": " ".join(languages)}

    parts = [
        {**share(part, part.languages), "against": NO_CHAIN, "axis": part.axis, "id": part_id(part)}
        for part in findings.decomposition.parts
    ]
    own = [
        {
            **share(mean, sorted({row.language for gain in mean.gains for row in gain.languages} - {ENGLISH})),
            "against": "+".join(mean.baseline),
            "axis": OVERALL,
            "p": mean.interval.p,
            **_pick(mean, "p_holm", "verdict"),
            "id": average_gain_id(mean),
        }
        for mean in findings.averages
    ]
    return [*parts, *own]


def other_test_rows(findings: Findings) -> list[Record]:
    """A row for each gain over no chain, with the results of other tests. Values by seed are separated by spaces."""
    rows: list[Record] = []
    for one in findings.tests:
        counted = [check for check in one.checkpoints if check.better is not None]
        rows.append(
            {
                "study": findings.results.study,
                **_pick(one.gain, "encoder", "chain", "target", "p_holm", "verdict"),
                "gain": one.gain.interval.estimate if one.gain.interval else None,
                "p": one.gain.interval.p if one.gain.interval else None,
                **_pick(one, "p_bh", "p_sign", "superiority", "order"),
                "least_p_sign": one.least_sign,
                "order_reversed": one.reverse,
                "p_checkpoints": " ".join(str(check.p) for check in one.checkpoints),
                "exact": all(check.exact for check in one.checkpoints),
                "better": " ".join(str(check.better) for check in counted),
                "worse": " ".join(str(check.worse) for check in counted),
                "languages": sum(row.language != ENGLISH for row in one.gain.languages),
                "replicated": None if one.languages is None else len(one.languages),
                "named": " ".join(one.languages or ()),
                "disagree": "; ".join(one.disagree),
                "id": gain_id(one.gain),
            }
        )
    return rows


def published_rows(findings: Findings) -> list[Record]:
    """A row for each published number that the study covers. `published` is the id of its cell; `languages` are separated by
    spaces."""
    return [
        {
            "study": findings.results.study,
            "published": one.cell.id,
            "quantity": one.cell.quantity,
            **_pick(one, "encoder", "chain", "difference", "inside"),
            "target": one.cell.target,
            "ours": one.ours.estimate,
            **_pick(one.ours, "low", "high", "level", "seeds"),
            "theirs": one.cell.value,
            "difference_low": one.difference_range[0],
            "difference_high": one.difference_range[1],
            "languages": " ".join(one.languages),
            "verdict": one.gain.verdict if one.gain else "",
            "id": published_id(one),
        }
        for one in findings.published
    ]


def robustness_rows(findings: Findings) -> list[Record]:
    """For each condition: the scores of each chain, target and language, with the gain in robustness over no chain beside them;
    then the gains over controls and other chains, which have no scores of their own."""
    study = findings.results.study
    over_none = {
        (one.condition, one.gain.encoder, one.gain.chain, one.gain.target, language): record
        for one in findings.robustness
        for language, record in _robustness_records(one)
        if one.gain.over == "none"
    }
    residuals = {(one.encoder, one.chain, one.line.target, one.line.condition): one for one in findings.residuals}
    rows: list[Record] = []
    for row in findings.attacked:
        own = over_none.get((row.condition, row.encoder, row.chain, row.target, row.language), {})
        names = (
            "encoder",
            "chain",
            "target",
            "condition",
            "clean",
            "attacked",
            "drop",
            "effective",
            "seen",
            "success",
            "consistent",
            "passed",
            "edited_words",
            "edited_characters",
            "queries",
            "queries_p90",
        )
        record: Record = {"study": study, **_pick(row, *names), "gap_to_english": row.gap, "success_shared": row.shared}
        record |= {"success_shared_none": row.shared_none, "seeds": len(row.seeds), "id": attacked_id(row, "attacked")}
        if row.language == OTHERS and (residual := residuals.get((row.encoder, row.chain, row.target, row.condition))):
            record |= _residual_record(residual)
        rows.append(record | {"language": MEAN if row.language == OTHERS else row.language, **own})
    for one in findings.robustness:
        if one.gain.over != "none":
            shared: Record = {"study": study, "condition": one.condition, **_pick(one.gain, "encoder", "chain", "target")}
            for language, found in _robustness_records(one):
                rows.append({**shared, "language": MEAN if language == OTHERS else language, **found})
    return rows


def _residual_record(one: Residual) -> Record:
    """In log-odds."""
    record: Record = {"residual": one.mean, "residual_over_none": one.over_none}
    record |= {"line_points": one.line.points, "line_slope": one.line.slope}
    for name, interval in (("residual", one.interval), ("residual_over_none", one.over_interval)):
        record |= {f"{name}_low": interval.low, f"{name}_high": interval.high} if interval else {}
    return record


def _robustness_records(one: RobustnessGain) -> Iterable[tuple[str, Record]]:
    """(language, what is measured there)."""
    gain = one.gain
    shared: Record = {"against": gain.against, "seeds": len(gain.seeds)}
    if gain.interval is not None:
        judged = _pick(gain, "p_holm", "verdict") | {"p": gain.interval.p}
        yield OTHERS, {**shared, **_interval(gain.interval), **judged, "id": robustness_id(one)}
    for row in gain.languages:
        yield row.language, {**shared, **_interval(row.interval), "p": row.interval.p, "id": robustness_id(one, row.language)}


def pair_rows(results: Results) -> list[Record]:
    """A row for each pair of languages of each cell under a condition that mixes languages."""
    return [
        {"study": results.study, "condition": condition}
        | _pick(cell, "encoder", "chain", "target", "seed", "key")
        | _pick(pair, "first", "second", "score", "n")
        for condition, cells in results.attacked.items()
        for cell in cells
        for pair in cell.pairs
    ]


def cost_rows(results: Results) -> list[Record]:
    """A row for each stage: what its last run took and recorded. Values that it did not record are left out."""
    rows: list[Record] = []
    for cost in results.costs:
        row: Record = {"study": results.study}
        row |= {name: getattr(cost, name, cost.facts.get(name)) for name in COST_COLUMNS if name != "study"}
        row |= {f"{part}_seconds": read_seconds(cost, part) for part in PARTS}
        row |= {f"vocabulary_{name}": value for name, value in (cost.facts.get("vocabulary") or {}).items()}
        rows.append({name: value for name, value in row.items() if value is not None})
    return rows


def render_csv(findings: Findings) -> dict[str, str]:
    """The files that hold every number of a report, by name."""
    results = findings.results
    return {
        "scores.csv": to_csv(score_rows(results), SCORE_COLUMNS),
        "gains.csv": to_csv(gain_rows(findings), GAIN_COLUMNS),
        "tests.csv": to_csv(other_test_rows(findings), TEST_COLUMNS),
        "parts.csv": to_csv(part_rows(findings), PART_COLUMNS),
        **({"robustness.csv": to_csv(robustness_rows(findings), ROBUSTNESS_COLUMNS)} if results.conditions else {}),
        **({"curves.csv": to_csv(tidy_curves(results, findings.curves), CURVE_COLUMNS)} if findings.curves else {}),
        **({"pairs.csv": to_csv(pair_rows(results), PAIR_COLUMNS)} if findings.matrices else {}),
        "published.csv": to_csv(published_rows(findings), PUBLISHED_COLUMNS),
        "costs.csv": to_csv(cost_rows(results), COST_COLUMNS),
    }


def to_csv(rows: Sequence[Record], columns: Sequence[str]) -> str:
    """CSV text with a header. Missing values are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: guard_cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def to_parquet(rows: Sequence[Record], columns: Sequence[str]) -> bytes:
    """The same rows as Parquet. Columns keep their types even without rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"seed": pa.int64(), "value": pa.float64(), "n": pa.int64(), "leak": pa.bool_()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in columns])
    table = pa.Table.from_pylist([{name: row.get(name) for name in columns} for row in rows], schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())
