"""From vectors and mined pairs to answers, without torch: what the score stage does for the three formats of retrieval.

embed  each *English* sentence searches the foreign ones, as in XTREME and jiant; the prediction of an example is the id
       of the example whose foreign sentence was found. All layers and poolings that were kept are tried, plain and centred
mine   the threshold with the best F1 on dev gold, applied to the candidate pairs of test
rank   each query searches the candidates of *all* languages of the stage, and finds the 20 nearest

Searches are exact and by cosine; of equal ones the earlier row is nearer.

Under an attack one text at a time is replaced and all others stay clean: embed looks whether an English sentence still finds its
own translation where that is attacked, and rank searches with attacked queries. Means that are subtracted are those of the clean
texts.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrieval
from xstilts.formats.format import Example
from xstilts.formats.jsonl import read_jsonl
from xstilts.formats.prediction import Prediction
from xstilts.formats.ranking import DEPTH
from xstilts.formats.registry import FORMATS
from xstilts.metrics.metric import Metric
from xstilts.metrics.mining import find_threshold
from xstilts.stages.attack import read_variants
from xstilts.stages.contracts import RetrievalSetting, ScoreConfig, ScoreInputs
from xstilts.stages.job import Job
from xstilts.stages.vectors import Layout, Vectors, find_mean, read_ids, read_vectors, resolve_layer
from xstilts.store.store import read_json
from xstilts.tasks.catalogue.ranking import merge_gold

QUERIES, ROWS = 1024, 8192
ScoreJob = Job[ScoreConfig, ScoreInputs[Path]]


@dataclass
class Answers:
    """Of one language: the examples that are scored, their predictions, and what else is known: `facts` stand beside the
    language's values, `sweep` among the rows of `layers`."""

    examples: list[Example]
    predictions: list[Prediction] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    sweep: list[dict[str, Any]] = field(default_factory=list)


def resolve_setting(job: ScoreJob, task_format: str) -> RetrievalSetting:
    """The layer (a number), pooling and centring that are scored."""
    if FORMATS[task_format].mining:
        return RetrievalSetting(**read_json(job.inputs.predictions / "mine.json"))
    return number_layer(job.config.retrieval, job.inputs.predictions, task_format)


def number_layer(setting: RetrievalSetting | None, folder: Path, task_format: str) -> RetrievalSetting:
    """The setting of translations and ranking, with its layer as a number."""
    assert setting is not None
    return replace(setting, layer=resolve_layer(setting.layer, Layout.read(folder).depth, task_format))


def answer_translations(job: ScoreJob, metric: Metric, chosen: RetrievalSetting) -> Iterator[tuple[str, Answers]]:
    """embed: see the module. A row of `sweep` is {layer, pooling, centred, language, accuracy}."""
    folder = job.inputs.predictions
    layout = Layout.read(folder)
    layout.place(int(chosen.layer), chosen.pooling)
    settings = [RetrievalSetting(*one) for one in itertools.product(layout.layers, layout.poolings, (False, True))]
    settings = [chosen] if job.inputs.attacked else settings  # the others are told by the clean score
    for language in job.config.languages:
        answers = Answers(list(read_jsonl(job.inputs.gold[language] / "examples.jsonl")))
        ids = read_ids(folder, language, "text")
        for setting in settings:
            foreign, english = (_read(folder, language, side, setting) for side in BitextRetrieval.sides)
            found = nearest(english, [foreign], 1)[:, 0]
            accuracy = float((found == np.arange(len(found))).mean())
            answers.sweep.append({**asdict(setting), "language": language, "accuracy": accuracy})
            if setting == chosen:
                answers.predictions = [Prediction(e.id, cast(str, ids[i])) for e, i in zip(answers.examples, found, strict=True)]
        yield language, answers


def answer_mined(job: ScoreJob, metric: Metric, chosen: RetrievalSetting) -> Iterator[tuple[str, Answers]]:
    """mine: see the module. `facts` has the threshold and the F1 that it gives on dev."""
    for language in job.config.languages:
        dev, test = _queries(job.inputs.dev[language]), _queries(job.inputs.gold[language])
        dev_pairs, test_pairs = (_pairs(job.inputs.predictions / f"{part}{language}.jsonl") for part in ("dev-", ""))
        gold = {(e.id, candidate) for e in dev for candidate in e.answer or ()}
        scores, is_gold = [score for _, _, score in dev_pairs], [(query, found) in gold for query, found, _ in dev_pairs]
        threshold = find_threshold(scores, is_gold, len(gold))
        rows = [metric.tally(e, p) for e, p in zip(dev, _apply_threshold(dev, dev_pairs, threshold), strict=True)]
        facts = {"threshold": threshold, "dev_f1": float(metric.headline(np.array(rows, dtype=np.float64).sum(0)))}
        yield language, Answers(list(test), _apply_threshold(test, test_pairs, threshold), facts)


def answer_ranked(job: ScoreJob, metric: Metric, chosen: RetrievalSetting) -> Iterator[tuple[str, Answers]]:
    """rank: see the module. The gold candidates of a query are those of its id in all languages of the stage."""
    folder = job.inputs.predictions
    languages = list(dict.fromkeys((*job.config.languages, *job.inputs.gold)))  # under an attack fewer are scored than searched
    queries = {language: _queries(job.inputs.gold[language]) for language in languages}
    gold = merge_gold(query for found in queries.values() for query in found)
    pools = [_read(folder, language, "candidate", chosen) for language in languages]
    ids = [cast(str, id) for language in languages for id in read_ids(folder, language, "candidate")]
    for language in job.config.languages:
        found = nearest(_read(folder, language, "query", chosen), pools, DEPTH).tolist()
        examples: list[Example] = [replace(e, answer=gold[e.id]) for e in queries[language]]
        predictions = [Prediction(e.id, tuple(ids[i] for i in row)) for e, row in zip(examples, found, strict=True)]
        yield language, Answers(examples, predictions)


def answer_attacked_translations(job: ScoreJob, language: str, chosen: RetrievalSetting, clean: Answers) -> Answers:
    """embed under an attack: the variants, and what the English sentence of each one finds when it stands among the others."""
    folder = job.inputs.predictions
    foreign, english = (_read(folder, language, side, chosen) for side in BitextRetrieval.sides)
    variants, rows_V, vectors_VD = _read_variants(job, language, "text", chosen, read_ids(folder, language, "text"))
    rivals_N = find_rivals(english, foreign)
    _, lost_V = compare_with_rivals(english, foreign, rivals_N, rows_V, vectors_VD)
    ids = [example.id for example in clean.examples]
    found = [ids[rivals_N[row] if lost else row] for row, lost in zip(rows_V, lost_V, strict=True)]
    return Answers(variants, [Prediction(one.id, id) for one, id in zip(variants, found, strict=True)])


def find_rivals(english_ND: Vectors, foreign_ND: Vectors) -> NDArray[np.int64]:
    """Of each English sentence the row of the foreign one that is nearest and not its own translation: (N,)."""
    two_N2 = nearest(english_ND, [foreign_ND], 2)
    rivals_N: NDArray[np.int64] = np.where(two_N2[:, 0] == np.arange(len(two_N2)), two_N2[:, -1], two_N2[:, 0])
    return rivals_N


def compare_with_rivals(
    english_ND: Vectors, foreign_ND: Vectors, rivals_N: NDArray[np.int64], rows_V: NDArray[np.int64], vectors_VD: Vectors
) -> tuple[Vectors, NDArray[np.bool_]]:
    """For V vectors in the place of the foreign sentences of these rows: how much nearer each is to its English sentence than the
    rival (cosine), and whether the rival is found."""
    own_V = (_unit(english_ND[rows_V]) * _unit(vectors_VD)).sum(1)
    rival_V = (_unit(english_ND[rows_V]) * _unit(foreign_ND[rivals_N[rows_V]])).sum(1)
    return own_V - rival_V, (rival_V > own_V) | ((rival_V == own_V) & (rivals_N[rows_V] < rows_V))


def answer_attacked_queries(job: ScoreJob, language: str, chosen: RetrievalSetting, clean: Answers) -> Answers:
    """rank under an attack: the variants with the gold candidates of their queries, and what they find."""
    folder = job.inputs.predictions
    languages = list(dict.fromkeys((*job.config.languages, *job.inputs.gold)))
    pools = [_read(folder, other, "candidate", chosen) for other in languages]
    ids = [cast(str, id) for other in languages for id in read_ids(folder, other, "candidate")]
    variants, rows_V, vectors_VD = _read_variants(job, language, "query", chosen, read_ids(folder, language, "query"))
    found = nearest(vectors_VD, pools, DEPTH).tolist()
    examples: list[Example] = [
        replace(cast(PoolExample, one), answer=clean.examples[row].answer) for one, row in zip(variants, rows_V, strict=True)
    ]
    return Answers(examples, [Prediction(e.id, tuple(ids[i] for i in row)) for e, row in zip(examples, found, strict=True)])


def _read_variants(
    job: ScoreJob, language: str, side: str, setting: RetrievalSetting, clean_ids: Sequence[str | None]
) -> tuple[list[Example], NDArray[np.int64], Vectors]:
    """The variants of a language, the row of the clean example of each, and their vectors."""
    assert job.inputs.attacked
    folder, place = job.inputs.variants[language], {id: row for row, id in enumerate(clean_ids)}
    rows_V = np.array([place[record["clean"]] for record in read_variants(folder)], dtype=np.int64)
    plain = replace(setting, centred=False)
    vectors_VD = _read(job.inputs.attacked, language, side, plain)
    if setting.centred:
        vectors_VD = vectors_VD - find_mean(_read(job.inputs.predictions, language, side, plain))
    return list(read_jsonl(folder / "examples.jsonl")), rows_V, vectors_VD


def _read(folder: Path, language: str, side: str, setting: RetrievalSetting) -> Vectors:
    return read_vectors(folder, language, side, int(setting.layer), setting.pooling, setting.centred)


def _queries(folder: Path) -> list[PoolExample]:
    examples = cast(Iterator[PoolExample], read_jsonl(folder / "examples.jsonl"))
    return [e for e in examples if e.role == "query"]


def _pairs(path: Path) -> list[tuple[str, str, float]]:
    with path.open(encoding="utf-8") as file:
        return [tuple(json.loads(line)) for line in file]


def _apply_threshold(
    queries: Sequence[PoolExample], pairs: Sequence[tuple[str, str, float]], threshold: float
) -> list[Prediction]:
    """The candidates whose score is at least the threshold, for each query; () for most."""
    found = defaultdict(list)
    for query, candidate, score in pairs:
        if score >= threshold:
            found[query].append(candidate)
    return [Prediction(e.id, tuple(found[e.id])) for e in queries]


def nearest(queries_ND: Vectors, pools: Sequence[Vectors], k: int) -> NDArray[np.int64]:
    """The min(k, M) rows of the pools, counted through, with the highest cosine to each query, best first: (N, k).

    A block of the pool at a time, the first ones small: then few of the later rows are above the k-th so far, and a row
    that only equals it is farther, since it comes later."""
    queries = _unit(queries_ND)
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    rows = np.zeros((len(queries), k), dtype=np.int64)
    begin = 0
    for pool in pools:
        done = 0
        while done < len(pool):
            block = _unit(pool[done : done + min(max(k, begin), ROWS)])
            for start in range(0, len(queries), QUERIES):
                here = slice(start, start + QUERIES)
                scores[here], rows[here] = _merge(scores[here], rows[here], queries[here] @ block.T, begin)
            begin, done = begin + len(block), done + len(block)
    return rows[:, : min(k, begin)]


def _merge(scores_NK: Vectors, rows_NK: NDArray[np.int64], product_NB: Vectors, begin: int) -> tuple[Vectors, NDArray[np.int64]]:
    query, column = np.nonzero(product_NB > scores_NK[:, -1:])
    n, k = scores_NK.shape
    queries = np.concatenate([np.repeat(np.arange(n), k), query])
    scores = np.concatenate([scores_NK.ravel(), product_NB[query, column]])
    rows = np.concatenate([rows_NK.ravel(), column + begin])
    order = np.lexsort((rows, -scores, queries))
    first = np.searchsorted(queries[order], np.arange(n))
    best = order[first[:, None] + np.arange(k)]
    return scores[best], rows[best]


def _unit(vectors_ND: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return np.asarray(vectors_ND / np.maximum(norms, 1e-12), dtype=np.float32)
