"""Predictions come as a stream: the same as all at once, whatever the window, and nothing is kept behind it."""

from __future__ import annotations

import gc
import random
import tracemalloc
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.spoiling import HARMS, spoil

from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.jsonl import read_predictions, write_jsonl
from xstilts.formats.prediction import Prediction
from xstilts.formats.ranking import Ranking, RankingExample
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.ranking import MAP_20
from xstilts.metrics.squad import SQUAD
from xstilts.metrics.tag import TAG_ACCURACY
from xstilts.model.codecs.classify import ClassifyCodec
from xstilts.model.codecs.codec import Codec, Feature
from xstilts.model.codecs.registry import CODECS
from xstilts.model.model import Model, fresh_model, save_model
from xstilts.model.tokenizer import load_tokenizer
from xstilts.recipe.recipe import Recipe
from xstilts.stages import predict as predict_stage
from xstilts.stages.contracts import PredictConfig, PredictInputs, PredictRecipe
from xstilts.stages.job import Interrupted, Job
from xstilts.train import evaluate
from xstilts.train.evaluate import evaluate_task, predict

pytestmark = pytest.mark.tiny
RECIPE = Recipe(max_length=24, stride=6)
LABELS = ("x", "y", "z")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads slow batches this small down, on a busy machine many times over."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


WORDS = ("bo", "ka", "mi", "kami")


def words(draw: random.Random, most: int) -> str:
    """Nothing, or so many words; a third is longer than a row."""
    return " ".join(draw.choices(WORDS, k=draw.randint(0, most)))


def own(i: int) -> str:
    """Three words that no other number has: two equal texts would tie, and rounding would decide."""
    return " ".join(WORDS[i // power % 4] for power in (1, 4, 16))


def texts(i: int, draw: random.Random) -> Example:
    return ClassifyExample(str(i), (words(draw, 9), words(draw, 30)), draw.choice(LABELS))


def choice(i: int, draw: random.Random) -> Example:
    return ChoiceExample(str(i), words(draw, 30), tuple(f"{own(k)} {words(draw, 5)}" for k in range(3)), draw.randrange(3))


def tagged(i: int, draw: random.Random) -> Example:
    sentence = tuple(words(draw, 40).split())
    return TagExample(str(i), sentence, tuple(draw.choices(LABELS, k=len(sentence))))


def question(i: int, draw: random.Random) -> Example:
    context = words(draw, 40)
    return SpanExample(str(i), words(draw, 12), context, (SpanAnswer(context[:2], 0),))


def pair(i: int, draw: random.Random) -> Example:
    return RankingExample(str(i), f"{own(i)} {words(draw, 5)}", f"{own(i)} {words(draw, 9)}", words(draw, 20))


CASES: dict[str, tuple[Any, Any, Any]] = {
    "classify": (Classify(LABELS), ACCURACY, texts),
    "choice": (Choice(3), ACCURACY, choice),
    "tag": (Tag(LABELS), TAG_ACCURACY, tagged),
    "span": (Span(), SQUAD, question),
    "rank": (Ranking(), MAP_20, pair),
}


def some(name: str, count: int = 30) -> list[Example]:
    draw = random.Random(count)
    return [CASES[name][2](i, draw) for i in range(count)]


def setting(name: str, folder: Path, recipe: Recipe = RECIPE) -> tuple[Model, Codec]:
    codec = CODECS[name](CASES[name][0], load_tokenizer(folder / "encoder"), recipe)
    torch.manual_seed(1)
    model = fresh_model(folder, {"t": codec}, 0.0)
    for weights in model.parameters():  # large ones: answers of a fresh model are so close that rounding decides
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, std=0.5)
    return model, codec


def all_at_once(model: Model, codec: Codec, examples: Sequence[Example]) -> list[Prediction]:
    """The plain way: encode all, predict each feature by itself in its order, keep all outputs, decode."""
    model.eval()
    features = codec.encode(examples, training=False)
    outputs: list[Any] = []
    with torch.inference_mode():
        for feature in features:
            batch = codec.collate([feature])
            outputs += codec.outputs(model.head("t"), codec.hidden(model.encoder, model.head("t"), batch), batch, [feature])
    return list(codec.decode(examples, features, outputs))


@pytest.mark.parametrize("name", CASES)
def test_streamed_is_all_at_once(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    model, codec = setting(name, tiny_folder)
    examples = some(name)
    plain = all_at_once(model, codec, examples)
    assert [p.id for p in plain] == [e.id for e in examples]
    assert len({p.answer for p in plain}) > 1
    for window in (1, 7, 2000):
        assert list(predict(model, "t", codec, iter(examples), window=window)) == plain
    monkeypatch.setattr(evaluate, "EVALUATION_TOKENS", 60)
    assert list(predict(model, "t", codec, iter(examples), window=20)) == plain


@pytest.mark.parametrize("name", CASES)
def test_a_score_is_the_sum_of_its_tallies(tiny_folder: Path, name: str) -> None:
    model, codec = setting(name, tiny_folder)
    examples, metric = some(name), CASES[name][1]
    rows = [metric.tally(e, p) for e, p in zip(examples, all_at_once(model, codec, examples), strict=True)]
    plain = float(metric.headline(np.array(rows).sum(0)))
    assert 0 < plain < 1
    for window in (7, 40):
        assert evaluate_task(model, "t", codec, iter(examples), metric, window) == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_nothing_to_read_has_no_predictions(tiny_folder: Path, name: str) -> None:
    model, codec = setting(name, tiny_folder)
    assert list(predict(model, "t", codec, [])) == []
    assert evaluate_task(model, "t", codec, [], CASES[name][1]) == 0.0


def of_nothing(blank: str) -> dict[str, Example]:
    return {
        "classify": ClassifyExample("a", (blank, blank), None),
        "choice": ChoiceExample("a", blank, (blank,) * 3, None),
        "tag": TagExample("a", (blank,) if blank else (), None),
        "span": SpanExample("a", blank, blank, None),
        "rank": RankingExample("a", blank, blank, blank),
    }


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("blank", ["", " ", "\u200b"])
def test_a_text_of_nothing_has_a_prediction(tiny_folder: Path, name: str, blank: str) -> None:
    model, codec = setting(name, tiny_folder)
    example = of_nothing(blank)[name]
    company = some(name, 5)
    for examples in ([example], [*company, example]):
        found = list(predict(model, "t", codec, examples))[-1]
        assert found.id == "a"
        match name:
            case "classify":
                assert found.answer in LABELS
            case "choice":
                assert found.answer in range(3)
            case "tag":
                assert len(found.answer) == len(example.words)  # type: ignore[arg-type, union-attr]
            case "span":
                assert str(found.answer).strip("\u200b") == ""
            case "rank":
                assert "a" in found.answer  # type: ignore[operator]


# -- Memory -----------------------------------------------------------------------------------------------------------


class Output:
    """An output that can be watched."""

    def __init__(self, value: int):
        self.value = value


class Watched(ClassifyCodec):
    """Keeps an eye on which of its outputs are still there."""

    alive: weakref.WeakSet[Output]
    most = 0

    def outputs(self, head: Any, hidden_BLD: Any, batch: Any, features: Sequence[Feature]) -> list[Any]:
        found = [Output(best) for best in super().outputs(head, hidden_BLD, batch, features)]
        self.alive.update(found)
        self.most = max(self.most, len(self.alive))
        return found

    def decode(self, examples: Sequence[Example], features: Sequence[Feature], outputs: Sequence[Any]) -> Iterator[Prediction]:
        return super().decode(examples, features, [output.value for output in outputs])


def test_nothing_is_kept_behind_the_window_nor_read_beyond_it(tiny_folder: Path) -> None:
    model, plain = setting("classify", tiny_folder)
    codec = Watched(plain.spec, plain.tokenizer, RECIPE)
    codec.alive = weakref.WeakSet()
    read = 0

    def counted() -> Iterator[Example]:
        nonlocal read
        for example in some("classify", 100):
            read += 1
            yield example

    for taken, _ in enumerate(predict(model, "t", codec, counted(), window=10), start=1):
        assert taken <= read <= taken + 9
    assert taken == 100
    assert codec.most <= 20  # a window's, and those of the one before it as long as they are not let go


def test_memory_is_flat_in_the_number_of_examples(tiny_folder: Path) -> None:
    model, codec = setting("classify", tiny_folder)
    examples = some("classify", 25)

    def stream(rounds: int) -> Iterator[Example]:
        for _ in range(rounds):
            gc.collect()  # transformers leaves reference cycles, a little in each batch
            yield from examples

    def peak(rounds: int) -> int:
        tracemalloc.start()
        for _ in predict(model, "t", codec, stream(rounds), window=25):
            pass
        score = evaluate_task(model, "t", codec, stream(rounds), ACCURACY, window=25)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert 0 < score < 1
        return found

    peak(2)  # what is imported and cached once
    assert peak(8) < 1.3 * peak(2)


# -- Batches ----------------------------------------------------------------------------------------------------------


def test_a_sequence_longer_than_a_batch_goes_alone(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, codec = setting("classify", tiny_folder)
    examples = [
        ClassifyExample("short", ("bo", "ka"), None),
        ClassifyExample("long", ("bo " * 20, "ka"), None),
        *some("classify", 3),
    ]
    plain = all_at_once(model, codec, examples)
    monkeypatch.setattr(evaluate, "EVALUATION_TOKENS", 12)
    sizes: list[tuple[int, ...]] = []
    hidden = codec.hidden
    monkeypatch.setattr(
        codec,
        "hidden",
        lambda encoder, head, batch: sizes.append(tuple(batch["input_ids"].shape)) or hidden(encoder, head, batch),
    )
    assert list(predict(model, "t", codec, examples)) == plain
    assert sizes[0] == (1, 24)
    assert all(rows == 1 or rows * width <= 12 for rows, width in sizes)


# -- The stage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", HARMS)
def test_the_stage_streams_and_goes_on_where_it_stopped(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    monkeypatch.setattr(evaluate, "EVALUATION_TOKENS", 60)
    model, codec = setting("classify", tiny_folder)
    for name in ("model", "en", "l1", "out", "checkpoint"):
        (tmp_path / name).mkdir()
    save_model(model, {"t": codec.spec}, tiny_folder / "encoder", tmp_path / "model")
    examples = {"en": some("classify", 12), "l1": some("classify", 15)}
    for language, found in examples.items():
        write_jsonl(tmp_path / language / "examples.jsonl", found)
    recipe = PredictRecipe(RECIPE.max_length, RECIPE.stride, RECIPE.precision)
    config = PredictConfig("t", "t", codec.spec, ("en", "l1"), recipe)
    inputs = PredictInputs(tmp_path / "model", {language: tmp_path / language for language in ("en", "l1")})
    job = Job(config, inputs, tmp_path / "out", tmp_path / "checkpoint")

    def stop_in_the_second_language() -> None:
        if (job.out / "l1.jsonl").exists():
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(job, "check_stop", stop_in_the_second_language)
        with pytest.raises(Interrupted):
            predict_stage.run(job)
    assert not (job.checkpoint / "l1.jsonl").exists()
    written = (job.checkpoint / "en.jsonl").stat().st_ino
    predict_stage.run(job)
    assert (job.out / "en.jsonl").stat().st_ino == written, "not made again"
    (job.out / "en.jsonl").unlink()
    spoil(job.checkpoint / "en.jsonl", harm)
    if harm != "bit":
        spoil(job.checkpoint / "l1.part.json", harm)
    predict_stage.run(job)
    for language, found in examples.items():
        assert list(read_predictions(job.out / f"{language}.jsonl")) == all_at_once(model, codec, found)
