"""The model of a finished cell as the victim of a search: the score of the right answer, for each example.

Where a format chooses among answers (classification, choice, tags) the score is the margin of the right answer, so that a search
sees how near it is. For spans it is how far the best answer that counts as right is above the best one that does not, among the
likeliest spans of each window and the gold ones. Elsewhere, and where one of the two is missing, it is the example's own score,
0-1, less `RIGHT`. Translations have a margin too: how much nearer to its English sentence the attacked one is than the nearest of
the others. In all cases a score below 0 is a wrong answer.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self, cast

import numpy as np

from xstilts.attacks.search import Propose
from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.format import Example
from xstilts.formats.jsonl import read_jsonl
from xstilts.formats.prediction import Prediction
from xstilts.formats.ranking import DEPTH
from xstilts.formats.registry import FORMATS
from xstilts.metrics.metric import Metric
from xstilts.metrics.worst import RIGHT, own_scores
from xstilts.model.codecs.codec import Codec
from xstilts.model.codecs.span import Ranked, SpanCodec
from xstilts.model.embedding import embed
from xstilts.model.encoder import load_encoder, max_positions
from xstilts.model.model import trunk_folder
from xstilts.model.tokenizer import load_tokenizer
from xstilts.stages.device import device
from xstilts.stages.embed import TOKENS_A_BATCH
from xstilts.stages.masked_words import MaskedWords
from xstilts.stages.own_inputs import load_predictor
from xstilts.stages.retrieve import compare_with_rivals, find_rivals, nearest, number_layer
from xstilts.stages.stage import Checkpoint, EmbedStage, PredictStage, ScoreStage
from xstilts.stages.vectors import Vectors, find_mean, read_ids, read_vectors
from xstilts.stages.white_box import Flipper, measure_noise
from xstilts.store.store import Store
from xstilts.tasks.catalogue.ranking import merge_gold
from xstilts.tasks.registry import find_task

TIE = 1e-9  # the margin of a right answer that is no less likely than the wrong one before it


def load_victim(store: Store, score: ScoreStage, language: str) -> "CellVictim | RetrievalVictim":
    """The model of a clean score stage, on test data in that language. Raises InputError if the store does not have it."""
    task, made = find_task(score.config.task), score.inputs.predictions
    assert task.metric is not None
    metric = task.metric.for_language(language)
    if isinstance(made, PredictStage):
        return CellVictim(store, made, metric)
    return RetrievalVictim(store, score, metric, language)


class CellVictim:
    """Raises InputError if the store does not have the model of the predict stage. The attacks of `attacks/model_based.py` ask it
    for more than scores."""

    def __init__(self, store: Store, stage: PredictStage, metric: Metric):
        self._predictor, self._metric = load_predictor(store, stage), metric
        self._store, self._stage = store, stage

    def __call__(self, examples: Sequence[Example]) -> list[float]:
        found = self._predictor
        if isinstance(found.codec, SpanCodec):
            return [self._measure(e, ranked) for e, ranked in zip(examples, found.rank(examples), strict=True)]
        if type(found.codec).margins is not Codec.margins:
            return found.margins(examples)
        return [_judge(self._metric, e, p) for e, p in zip(examples, found.answer(examples), strict=True)]

    def _measure(self, example: Example, ranked: Sequence[Ranked]) -> float:
        """The margin of the best right answer. Judges no more answers than it must: those down to the first of the other kind."""
        if not ranked:
            return -RIGHT
        best, answer = ranked[0]
        judged = _judge(self._metric, example, answer)
        seen = {answer.answer}
        for score, other in ranked[1:]:
            if other.answer not in seen and (_judge(self._metric, example, other) >= 0) != (judged >= 0):
                return best - score if judged >= 0 else min(score - best, -TIE)
            seen.add(other.answer)
        return judged

    def cut(self, alpha: float, seed: int) -> Self:
        """The same model with words cut at random by the ids of examples. Raises InputError if its tokenizer cannot."""
        other = copy(self)
        other._predictor = self._predictor.cut(alpha, seed)
        return other

    def propose(self, language: str, blind: bool = False) -> Propose:
        """Replacements of words by the gradients of this model (HotFlip), or at random."""
        return Flipper(self._predictor, language, blind)

    def substitute(self, language: str) -> Propose:
        """Replacements of words by the encoder that this model began as."""
        model = self._stage.inputs.model
        assert isinstance(model, Checkpoint)
        return MaskedWords(self._store, model, language)

    def perturb(self, examples: Sequence[Example], size: float, blind: bool = False) -> list[list[float]]:
        """Of each example its score without noise on the word embeddings, and at each step of projected gradient ascent, or with
        noise drawn at random."""
        return measure_noise(self._predictor, examples, size, blind=blind)


class RetrievalVictim:
    """A model that compares vectors, for translations and ranking. As under a condition of a study, one text is attacked at a
    time: the vectors of all others, and the means that are subtracted, are those that the store has."""

    def __init__(self, store: Store, score: ScoreStage, metric: Metric, language: str):
        made = score.inputs.predictions
        assert isinstance(made, EmbedStage) and isinstance(made.inputs.model, Checkpoint)
        config, model = made.config, made.inputs.model
        folder = store.outputs(made.kind, made.slug, made.key)
        self._config, self._metric = config, metric
        self._encoder, self._tokenizer = _load_encoder(store.outputs(model.kind, model.slug, model.key))
        self._setting = setting = number_layer(score.config.retrieval, folder, config.format)
        self._side, other = FORMATS[config.format].sides

        def read(code: str, side: str, centred: bool = setting.centred) -> Vectors:
            return read_vectors(folder, code, side, int(setting.layer), setting.pooling, centred)

        ids = read_ids(folder, language, self._side)
        self._rows = {id: row for row, id in enumerate(ids) if id is not None}
        self._mean_D = find_mean(read(language, self._side, centred=False)) if setting.centred else None
        self._ranks = FORMATS[config.format].shared_pool
        if self._ranks:
            codes = list(dict.fromkeys((*score.config.languages, *score.inputs.gold)))
            golds = [score.inputs.gold[code] for code in codes]
            files = [store.outputs(gold.kind, gold.slug, gold.key) / "examples.jsonl" for gold in golds]
            self._gold = merge_gold(cast(PoolExample, e) for path in files for e in read_jsonl(path))
            self._pools = [read(code, other) for code in codes]
            self._ids = [id for code in codes for id in read_ids(folder, code, other)]
        else:
            self._english, self._foreign = read(language, other), read(language, self._side)
            self._rivals_N = find_rivals(self._english, self._foreign)

    def __call__(self, examples: Sequence[Example]) -> list[float]:
        if not examples:
            return []
        vectors_VD = self._embed(examples)
        sources = [e.id if e.id in self._rows else e.id.rpartition("#")[0] for e in examples]
        if self._ranks:
            found = nearest(vectors_VD, self._pools, DEPTH).tolist()
            golds = [replace(cast(PoolExample, e), answer=self._gold[id]) for e, id in zip(examples, sources, strict=True)]
            answers = [Prediction(e.id, tuple(self._ids[i] for i in row)) for e, row in zip(examples, found, strict=True)]
            return [_judge(self._metric, e, p) for e, p in zip(golds, answers, strict=True)]
        rows_V = np.array([self._rows[id] for id in sources], dtype=np.int64)
        margin_V, lost_V = compare_with_rivals(self._english, self._foreign, self._rivals_N, rows_V, vectors_VD)
        return [min(m, -TIE) if lost else m for m, lost in zip(margin_V.tolist(), lost_V.tolist(), strict=True)]

    def _embed(self, examples: Sequence[Example]) -> Vectors:
        """(V, D) at the setting that is scored."""
        config, setting, spec = self._config, self._setting, FORMATS[self._config.format]()
        texts = [config.prefix + text for text in spec.side_texts(examples, self._side)[1]]
        length = spec.side_tokens(self._side, min(config.max_length, max_positions(self._encoder)))
        vectors: Vectors = np.zeros((1, 1, len(texts), self._encoder.config.hidden_size), dtype=np.float32)
        how = (length, [int(setting.layer)], [setting.pooling], TOKENS_A_BATCH, vectors, lambda done: None, config.precision)
        embed(self._encoder, self._tokenizer, texts, *how)
        vectors_VD: Vectors = vectors[0, 0]
        return vectors_VD if self._mean_D is None else vectors_VD - self._mean_D


@lru_cache(maxsize=1)
def _load_encoder(model: Path) -> tuple[Any, Any]:
    """The encoder and the tokenizer of a model's folder; those of all languages are one."""
    folder = trunk_folder(model)
    encoder: Any = load_encoder(folder)
    return encoder.to(device()).eval(), load_tokenizer(folder)


def _judge(metric: Metric, example: Example, prediction: Prediction) -> float:
    """The own score less `RIGHT`."""
    tally_1C = np.array([metric.tally(example, prediction)], dtype=np.float64)
    return float(own_scores(metric, tally_1C)[0]) - RIGHT
