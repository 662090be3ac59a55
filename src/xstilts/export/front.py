"""The front matter of a model card: YAML as the Hugging Face Hub reads it.

Fields that the Hub would misread are left out: a base model or data set that is not on the Hub, the codes of synthetic languages.
The licence of the weights is named only if the encoder and all training data have one and the same; otherwise it is `other`.
"""

from collections.abc import Sequence
from typing import Any

from xstilts.analysis.scores import ENGLISH
from xstilts.data.language import LANGUAGES
from xstilts.export.facts import TRAINING, LanguageRow, Uses
from xstilts.metrics.metric import Metric
from xstilts.plan.cell import PlannedCell
from xstilts.plan.compile import short_name
from xstilts.stages.contracts import HubSource
from xstilts.stages.stage import FetchStage
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import Task

# What the Hub calls them: the task of a format, and metrics.
PIPELINES = {
    "classify": "text-classification",
    "choice": "multiple-choice",
    "tag": "token-classification",
    "span": "question-answering",
}
VECTORS = "feature-extraction"
METRICS = {"em": "exact_match"}
# The licences among those of the Hub that data sets have; any other is described in the text.
LICENSES = {
    *("apache-2.0", "mit", "cc0-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
    *("cc-by-nc-4.0", "cc-by-nc-sa-4.0", "odc-by"),
}


def write_front(cell: PlannedCell, task: Task, rows: Sequence[LanguageRow], uses: Uses, own: str) -> dict[str, Any]:
    """The fields of the front matter. `own`: the licence of the encoder, see `encoder_license`."""
    source = cell.start.config.source
    front: dict[str, Any] = {}
    codes = dict.fromkeys(code for languages in uses.values() for code in languages)
    if languages := [code for code in codes if _on_hub(code)]:
        front["language"] = sorted(languages, key=lambda code: (code != ENGLISH, code))
    trained = {find_task(name).license for name, purpose in uses if purpose == TRAINING}
    licenses = {license.lower() for license in (*trained, own) if license}
    if len(licenses) == 1 and licenses <= LICENSES:
        front["license"] = licenses.pop()
    elif licenses:
        front |= {"license": "other", "license_name": "see-the-model-card", "license_link": "README.md#licences"}
    front["library_name"] = "transformers"
    front["pipeline_tag"] = PIPELINES.get(task.format.name, VECTORS)
    if isinstance(source, HubSource):
        front |= {"base_model": source.id, "base_model_relation": "finetune"}
    if sets := sorted({hub for name, _ in uses for hub in _hub_ids(find_task(name))}):
        front["datasets"] = sets
    assert task.metric is not None
    front["metrics"] = [_metric(value) for value in task.metric.values]
    front["tags"] = ["xstilts", "cross-lingual-transfer"]
    if rows:
        name = f"{short_name(cell.id.encoder)}-{cell.id.arm}-{cell.id.target}-s{cell.id.seed}"
        results = [_result(cell, task, task.metric, row) for row in rows]
        front["model-index"] = [{"name": name.replace("/", "-"), "results": results}]
    return front


def _on_hub(code: str) -> bool:
    """Whether the Hub knows a language: it has no codes that ISO reserves for private use (qaa to qtz)."""
    return not "qaa" <= LANGUAGES[code].iso3 <= "qtz" and len(code) in (2, 3)


def _metric(value: str) -> str:
    return METRICS.get(value, value)


def _hub_ids(task: Task) -> set[str]:
    return {source.hub.id for source in task.splits.values() if source.hub}


def _result(cell: PlannedCell, task: Task, metric: Metric, row: LanguageRow) -> dict[str, Any]:
    """A result of `model-index`: one language. Values are 0-100."""
    scored = cell.score.inputs.gold[row.code]
    assert isinstance(scored, FetchStage)
    kind = PIPELINES.get(task.format.name, VECTORS)
    hub = next(iter(sorted(_hub_ids(task))), task.name)
    name = f"{task.name} ({LANGUAGES[row.code].name})"
    values = [{"type": _metric(v), "name": v, "value": round(100 * row.values[v], 2)} for v in metric.values]
    return {
        "task": {"type": kind, "name": task.format.title},
        "dataset": {"type": hub, "name": name, "config": row.code, "split": scored.config.split},
        "metrics": values,
    }
