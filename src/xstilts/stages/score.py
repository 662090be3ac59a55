"""score: predictions against gold, torch-free, redone in seconds. Keeps every example's tally beside the values.

The three formats of retrieval have vectors or mined pairs instead of predictions: `retrieve.py` makes predictions of them,
which are kept as well. Under an attack each example counts with the worst of its clean prediction and those of its variants
(`metrics/worst.py`). If the texts of variants have languages of their own, the pairs of languages are scored too: variants by
their two languages, and clean examples of the same ids for one language twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts.attacks.edits import Edit, measure_edits
from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.formats.jsonl import read_jsonl, read_predictions, write_predictions
from xstilts.formats.prediction import Prediction
from xstilts.metrics.baseline import measure_baseline
from xstilts.metrics.metric import Counts, Metric
from xstilts.metrics.worst import RIGHT, choose_worst, own_scores, success_rate
from xstilts.stages.attack import SEEN, read_variants
from xstilts.stages.retrieve import (
    Answers,
    ScoreJob,
    answer_attacked_queries,
    answer_attacked_translations,
    answer_mined,
    answer_ranked,
    answer_translations,
    resolve_setting,
)
from xstilts.store.store import read_json, write_json
from xstilts.tasks.registry import find_task

Pairs = dict[tuple[str, str], dict[str, Counts]]  # languages of the two texts -> id -> tally
RETRIEVAL = {"embed": answer_translations, "mine": answer_mined, "rank": answer_ranked}
ATTACKED = {"embed": answer_attacked_translations, "rank": answer_attacked_queries}


def run(job: ScoreJob) -> None:
    """Leaves `scores.json` and `tallies.npz` (`<language>.ids`, `<language>.counts`); for retrieval `<language>.jsonl`,
    the predictions at the study's setting, and in `scores.json` that setting and the values of all others. Under an attack
    `<language>.chosen` has the id of each example's worst variant ("": clean), and `scores.json` how the variants fared, with
    the scores of `pairs` of languages if the attack mixes them."""
    task = find_task(job.config.task)
    metric = task.metric
    assert metric is not None
    chosen = None
    answered = _read_predictions(job)
    if task.format.retrieval:
        chosen = resolve_setting(job, task.format.name)
        answered = RETRIEVAL[task.format.name](job, metric, chosen)
    tallies: dict[str, Any] = {}
    languages: dict[str, Any] = {}
    layers: list[dict[str, Any]] = []
    pairs: Pairs = {}
    for number, (language, answers) in enumerate(answered):
        job.progress({"step": number, "steps": len(job.config.languages), "unit": "languages", "doing": language})
        own = metric.for_language(language)
        counts = tally(own, answers.examples, answers.predictions, language)
        if job.inputs.attacked:
            if chosen:
                attacked = ATTACKED[task.format.name](job, language, chosen, answers)
            else:
                attacked = _read_attacked(job, job.inputs.attacked, language)
            counts, tallies[f"{language}.chosen"], answers.facts["attack"] = _attack(
                job, metric, language, answers, counts, attacked, pairs
            )
        sums = counts.sum(0)
        values = dict(zip(metric.values, metric.finish(sums).tolist(), strict=True))
        beside = {"n": len(answers.examples), "baseline": measure_baseline(task.format, own, answers.examples)}
        languages[language] = {"values": values, "headline": float(metric.headline(sums)), **beside, **answers.facts}
        layers += answers.sweep
        tallies[f"{language}.ids"] = np.array([e.id for e in answers.examples])
        tallies[f"{language}.counts"] = counts
        if chosen:
            write_predictions(job.out / f"{language}.jsonl", answers.predictions)
        job.check_stop()
    np.savez_compressed(job.out / "tallies.npz", **tallies)
    record = {"task": job.config.task, "metric": metric.name, "languages": languages, "layers": layers}
    record |= {"pairs": _score_pairs(metric, pairs)} if pairs else {}
    setting = asdict(chosen) if chosen else None
    write_json(job.out / "scores.json", record | {"layer": chosen.layer if chosen else None, "retrieval": setting})


def _read_predictions(job: ScoreJob) -> Iterator[tuple[str, Answers]]:
    """What a predict stage left."""
    for language in job.config.languages:
        examples = list(read_jsonl(job.inputs.gold[language] / "examples.jsonl"))
        yield language, Answers(examples, list(read_predictions(job.inputs.predictions / f"{language}.jsonl")))


def _read_attacked(job: ScoreJob, folder: Path, language: str) -> Answers:
    variants = list(read_jsonl(job.inputs.variants[language] / "examples.jsonl"))
    return Answers(variants, list(read_predictions(folder / f"{language}.jsonl")))


def _attack(
    job: ScoreJob, metric: Metric, language: str, answers: Answers, clean_NC: Counts, attacked: Answers, pairs: Pairs
) -> tuple[Counts, NDArray[np.str_], dict[str, float | None]]:
    """The tallies of the worst predictions, which these are, the ids of their variants ("": clean), and how the variants fared.
    Where the mean of the variants counts, none is the worst: the id is "", and the clean tally stands where there is no variant.

    `effective`, the share of examples that have one; `seen`, the share of variants whose token ids are not the clean ones (None
    if nobody counted); `success` (`success_rate`); the shares of variants whose answer is right (`passed`) or that of the clean
    example (`consistent`); the mean shares of words and characters that were edited (`edits.measure_edits`; None if whole texts
    were exchanged); and the median and 90th percentile of queries, which are the variants of an example that has any. Adds to
    `pairs`."""
    assert job.inputs.attacked
    folder = job.inputs.variants[language]
    variants, predictions = attacked.examples, attacked.predictions
    own_metric = metric.for_language(language)
    counts_VC = tally(own_metric, variants, predictions, language).reshape(len(variants), clean_NC.shape[1])
    records = list(read_variants(folder))
    clean_ids = {record["id"]: record["clean"] for record in records}
    rows: dict[str, list[int]] = {example.id: [] for example in answers.examples}
    for v, variant in enumerate(variants):
        rows[clean_ids[variant.id]].append(v)
    variants_of = [counts_VC[own] for own in rows.values()]
    chosen: list[int | None] = [None] * len(rows)
    if job.config.counts == "mean":
        worst_NC = np.array([own.mean(0) if len(own) else own_C for own, own_C in zip(variants_of, clean_NC, strict=True)])
    else:
        places_N = choose_worst(metric, clean_NC, variants_of)
        chosen = [own[k] if k >= 0 else None for k, own in zip(places_N, rows.values(), strict=True)]
        worst_NC = np.array([counts_VC[v] if v is not None else own_C for v, own_C in zip(chosen, clean_NC, strict=True)])
    before = {prediction.id: prediction.answer for prediction in answers.predictions}
    same = [prediction.answer == before[clean_ids[prediction.id]] for prediction in predictions]
    right = own_scores(metric, counts_VC) >= RIGHT
    edited = _measure_edits(answers.examples, records)
    queries = [len(own) for own in rows.values() if own]
    if any("languages" in record for record in records):
        _add_pairs(pairs, metric, variants, predictions, records)
        pairs[language, language] = {id: clean_NC[n] for n, (id, own) in enumerate(rows.items()) if own}
    facts: dict[str, float | None] = {
        "variants": len(variants),
        "effective": sum(map(bool, rows.values())) / len(rows),
        "seen": (read_json(job.inputs.attacked / SEEN) or {}).get(language),
        "success": success_rate(own_scores(metric, clean_NC), own_scores(metric, worst_NC)),
        "consistent": float(np.mean(same)) if same else None,
        "passed": float(right.mean()) if same else None,
        "edited_words": float(np.mean([words for words, _ in edited])) if edited else None,
        "edited_characters": float(np.mean([characters for _, characters in edited])) if edited else None,
        "queries": float(np.median(queries)) if queries else None,
        "queries_p90": float(np.quantile(queries, 0.9)) if queries else None,
    }
    return worst_NC, np.array([variants[v].id if v is not None else "" for v in chosen]), facts


def _measure_edits(examples: Sequence[Example], records: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """The shares of words and of characters that are edited in each variant that has edits."""
    clean = {example.id: example for example in examples}
    edits = ((clean[record["clean"]], [Edit(**edit) for edit in record["edits"]]) for record in records if record["edits"])
    return [measure_edits(example, own) for example, own in edits]


def _add_pairs(
    pairs: Pairs,
    metric: Metric,
    variants: Sequence[Example],
    predictions: Sequence[Prediction],
    records: Sequence[Mapping[str, Any]],
) -> None:
    """Counts each variant for the languages of its texts. The second one is that of the answer."""
    answers = {prediction.id: prediction for prediction in predictions}
    for variant, record in zip(variants, records, strict=True):
        first, second = record["languages"]
        row_C = np.array(metric.for_language(second).tally(variant, answers[variant.id]), dtype=np.float64)
        pairs.setdefault((first, second), {})[record["clean"]] = row_C  # drawn from both languages it is the same example


def _score_pairs(metric: Metric, pairs: Pairs) -> list[dict[str, Any]]:
    """The headline of each pair of languages, and how many examples it has."""
    return [
        {"first": first, "second": second, "score": float(metric.headline(np.sum(list(rows.values()), axis=0))), "n": len(rows)}
        for (first, second), rows in sorted(pairs.items())
        if rows
    ]


def tally(metric: Metric, examples: list[Example], predictions: list[Prediction], where: str) -> np.ndarray:
    """The metric's rows, shape (N, C), in the order of the examples. Raises InputError if the ids do not pair up."""
    by_id: Mapping[str, Prediction] = {p.id: p for p in predictions}
    missing = [e.id for e in examples if e.id not in by_id]
    if missing or len(by_id) != len(examples):
        raise InputError(
            f"{where}: {len(predictions)} predictions for {len(examples)} examples; first id without one: {missing[:1]}"
        )
    return np.array([metric.tally(e, by_id[e.id]) for e in examples], dtype=np.float64)
