"""The embed stage: what it leaves for each format, the layers it means, and that a restart keeps what was finished."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.spoiling import spoil
from transformers import AutoModel, AutoTokenizer

from xstilts.errors import InputError
from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.format import Example
from xstilts.formats.jsonl import write_jsonl
from xstilts.model.embedding import embed
from xstilts.model.encoder import load_encoder
from xstilts.model.tokenizer import load_tokenizer
from xstilts.stages import embed as stage
from xstilts.stages.contracts import EmbedConfig, EmbedInputs
from xstilts.stages.job import Interrupted, Job
from xstilts.stages.vectors import Layout, names, read_ids, read_vectors, resolve_layer, resolve_layers
from xstilts.store.parts import keep_part

pytestmark = pytest.mark.tiny

EmbedJob = Job[EmbedConfig, EmbedInputs[Path]]
TRANSLATIONS = [BitextRetrievalExample(f"x-{i}", "bo " * i + "ka", "mi " * i, f"x-{i}") for i in range(1, 5)]


def query(id: str, text: str) -> PoolExample:
    return PoolExample(id, text, "", "query", ())


def candidate(id: str, text: str, context: str = "") -> PoolExample:
    return PoolExample(id, text, context, "candidate", None)


def job_of(tmp_path: Path, model: Path, task_format: str, texts: dict[str, Sequence[Example]], **changes: Any) -> EmbedJob:
    inputs = {"model": model}
    for name, examples in texts.items():
        inputs[name] = tmp_path / "texts" / name.replace(":", "-")
        inputs[name].mkdir(parents=True, exist_ok=True)
        write_jsonl(inputs[name] / "examples.jsonl", examples)
    for name in ("out", "checkpoint"):
        (tmp_path / name).mkdir(exist_ok=True)
    languages = tuple(name for name in texts if not name.startswith("dev:"))
    config = replace(EmbedConfig("t", task_format, languages, 64, "fp32", "all", ("mean",)), **changes)
    return Job(config, EmbedInputs.read(inputs), tmp_path / "out", tmp_path / "checkpoint")


def vectors_of(model: Path, texts: Sequence[str], max_length: int = 64) -> np.ndarray:
    """Of the last layer, mean pooling."""
    found = np.zeros((1, 1, len(texts), 16), dtype=np.float32)
    trunk = load_encoder(model / "encoder").eval(), load_tokenizer(model / "encoder")
    embed(*trunk, texts, max_length, (2,), ("mean",), 8192, found, lambda _: None)
    return found[0, 0]


def test_translations(tiny_folder: Path, tmp_path: Path) -> None:
    job = job_of(tmp_path, tiny_folder, "embed", {"de": TRANSLATIONS, "fr": TRANSLATIONS[:2]}, poolings=("mean", "cls"))
    stage.run(job)
    assert Layout.read(job.out) == Layout((0, 1, 2), ("mean", "cls"), depth=2, size=16)
    assert np.load(job.out / "de.english.npy").shape == (3, 2, 4, 16)
    assert read_ids(job.out, "de", "text") == read_ids(job.out, "de", "english") == ["x-1", "x-2", "x-3", "x-4"]
    for side in ("text", "english"):
        wanted = vectors_of(tiny_folder, [getattr(e, side) for e in TRANSLATIONS])
        np.testing.assert_allclose(read_vectors(job.out, "de", side, 2, "mean", False), wanted, atol=1e-5)
        np.testing.assert_allclose(read_vectors(job.out, "de", side, 2, "mean", True), wanted - wanted.mean(0), atol=1e-5)
    assert sorted(p.name for p in job.out.iterdir()) == sorted(
        [f"{x}.{side}.{end}" for x in ("de", "fr") for side in ("text", "english") for end in ("npy", "ids.json")]
        + ["vectors.json"]
    )


@pytest.mark.parametrize("prefix", ["", "query: ", "mi ka "])
@pytest.mark.parametrize("encoder", ["tiny", "mini-xlmr"])
def test_prefixed_sentences_are_embedded_as_transformers_does(
    encoder: str, prefix: str, tiny_folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """As E5's authors do: the prefix is part of the text, and the mean is over all tokens of the last layer, the special ones
    too; as BGE-M3's do: the first token of the last layer."""
    model = tmp_path / "model"
    source = tiny_folder / "encoder" if encoder == "tiny" else request.getfixturevalue("mini_xlmr")
    model.mkdir()
    (model / "encoder").symlink_to(source)
    examples = [BitextRetrievalExample("x-1", "bo ka bo", "A sentence.", "x-1"), BitextRetrievalExample("x-2", "ka", "mi", "x-2")]
    poolings = ("mean", "cls")
    job = job_of(tmp_path, model, "embed", {"de": examples}, prefix=prefix, layers="last", poolings=poolings)
    stage.run(job)
    tokenizer = AutoTokenizer.from_pretrained(source)
    trunk = AutoModel.from_pretrained(source, add_pooling_layer=False).eval()
    for side in ("text", "english"):
        batch = tokenizer([prefix + getattr(e, side) for e in examples], return_tensors="pt", padding=True)
        with torch.inference_mode():
            last = trunk(**batch).last_hidden_state
        mask = batch["attention_mask"].bool()
        mean = last.masked_fill(~mask[..., None], 0.0).sum(dim=1) / mask.sum(dim=1)[..., None]
        for pooling, wanted in zip(poolings, (mean, last[:, 0]), strict=True):
            found = read_vectors(job.out, "de", side, trunk.config.num_hidden_layers, pooling, False)
            np.testing.assert_allclose(found, wanted.numpy(), atol=1e-4)


def test_only_the_layer_of_a_rule(tiny_folder: Path, tmp_path: Path) -> None:
    job = job_of(tmp_path, tiny_folder, "embed", {"de": TRANSLATIONS}, layers="jiant")
    stage.run(job)
    assert np.load(job.out / "de.text.npy").shape == (1, 1, 4, 16)
    read_vectors(job.out, "de", "text", 1, "mean", False)
    with pytest.raises(InputError, match="no vectors of layer 2 with pooling 'mean' were kept, only layers 1"):
        read_vectors(job.out, "de", "text", 2, "mean", False)
    with pytest.raises(InputError, match="with pooling 'cls'"):
        read_vectors(job.out, "de", "text", 1, "cls", False)


def test_texts_that_occur_more_than_once_are_one_row_without_an_id(tiny_folder: Path, tmp_path: Path) -> None:
    pool = [
        query("a", "bo"),
        candidate("a", "ka ka"),
        query("b", "mi"),
        query("c", " bo "),
        query("d", "ka"),
        candidate("e", "mi"),
    ]
    job = job_of(tmp_path, tiny_folder, "mine", {"de": pool, "dev:de": [query("z", "bo"), candidate("y", "mi")]})
    stage.run(job)
    assert read_ids(job.out, "de", "query") == [None, "b", "d"]
    assert read_ids(job.out, "de", "candidate") == ["a", "e"]
    assert read_ids(job.out, "dev-de", "query") == ["z"]
    found = read_vectors(job.out, "de", "query", 2, "mean", False)
    np.testing.assert_allclose(found, vectors_of(tiny_folder, ["bo", "mi", "ka"]), atol=1e-5)


def test_ranked_queries_are_cut_shorter_than_candidates_which_have_their_context(tiny_folder: Path, tmp_path: Path) -> None:
    long = "bo ka mi " * 40
    job = job_of(tmp_path, tiny_folder, "rank", {"de": [query("q", long), candidate("c", "ka", long)], "fr": []}, max_length=110)
    stage.run(job)
    queries, candidates = (read_vectors(job.out, "de", side, 2, "mean", False) for side in ("query", "candidate"))
    np.testing.assert_allclose(queries, vectors_of(tiny_folder, [long], 96), atol=1e-5)
    np.testing.assert_allclose(candidates, vectors_of(tiny_folder, ["ka" + long], 110), atol=1e-5)
    assert read_vectors(job.out, "fr", "candidate", 2, "mean", True).shape == (0, 16)


def test_progress_is_in_examples(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "TOKENS_A_BATCH", 1)
    job, told = job_of(tmp_path, tiny_folder, "embed", {"de": TRANSLATIONS, "fr": TRANSLATIONS}), []
    job.progress = told.append
    stage.run(job)
    steps = [report["step"] for report in told]
    assert steps == sorted(steps)
    assert set(steps) == set(range(9)), "each of two times four, one side after the other"
    assert {report["saved"] for report in told if report["step"] > 4} == {4}
    assert {(report["steps"], report["unit"]) for report in told} == {(8, "examples")}


def test_a_restart_keeps_what_was_finished(tiny_folder: Path, tmp_path: Path) -> None:
    texts: dict[str, Sequence[Example]] = {"de": TRANSLATIONS, "fr": TRANSLATIONS}
    job = job_of(tmp_path, tiny_folder, "embed", texts)

    class StopAtFourth(threading.Event):
        checks = 0

        def is_set(self) -> bool:
            self.checks += 1
            return self.checks > 3

    job.stop = StopAtFourth()  # asked when a part begins, when its texts are tokenized, after each batch and each side
    with pytest.raises(Interrupted):
        stage.run(job)
    kept = job.checkpoint / "de.text.npy"
    assert kept.is_file() and not (job.checkpoint / "fr.text.npy").exists()
    made = np.load(kept)
    spoil(kept, "zeros")
    stage.run(job_of(tmp_path, tiny_folder, "embed", texts))
    np.testing.assert_array_equal(np.load(job.out / "de.text.npy"), made, "made again")
    np.save(job.out / "de.text.npy", np.full_like(made, 7))
    keep_part(job.checkpoint, "de.text", [job.out / name for name in names("de", "text")], len(made))
    stage.run(job_of(tmp_path, tiny_folder, "embed", texts))
    assert (np.load(job.out / "de.text.npy") == 7).all(), "not made again"
    np.testing.assert_allclose(
        read_vectors(job.out, "fr", "text", 2, "mean", False), vectors_of(tiny_folder, [e.text for e in TRANSLATIONS]), atol=1e-5
    )


@pytest.mark.parametrize(
    ("rule", "depth", "task_format", "layer"),
    [
        ("jiant", 24, "embed", 14),
        ("jiant", 24, "mine", 14),
        ("jiant", 12, "embed", 7),
        ("jiant", 2, "embed", 1),
        ("jiant", 1, "mine", 1),
        ("xtreme", 24, "embed", 14),
        ("xtreme", 12, "embed", 8),
        ("xtreme", 6, "embed", 4),
        ("xtreme", 24, "mine", 20),
        ("xtreme", 12, "mine", 8),
        ("xtreme", 6, "mine", 4),
        ("xtreme", 1, "mine", 1),
        ("jiant", 24, "rank", 24),
        ("xtreme", 12, "rank", 12),
        (3, 12, "rank", 3),
        (0, 12, "embed", 0),
        (12, 12, "mine", 12),
    ],
)
def test_layer_rules(rule: Any, depth: int, task_format: str, layer: int) -> None:
    assert resolve_layer(rule, depth, task_format) == layer
    assert resolve_layers(rule, depth, task_format) == (layer,)


@pytest.mark.parametrize("rule", [-1, 13])
def test_a_layer_that_the_encoder_lacks_is_an_error(rule: int) -> None:
    with pytest.raises(InputError, match=f"{rule} is not a layer of this encoder; expected 0 to 12"):
        resolve_layer(rule, 12, "embed")


@given(depth=st.integers(1, 48), task_format=st.sampled_from(["embed", "mine", "rank"]), data=st.data())
def test_every_rule_means_what_it_says(depth: int, task_format: str, data: st.DataObject) -> None:
    assert resolve_layer("first", depth, task_format) == 1
    assert resolve_layer("last", depth, task_format) == depth
    number = data.draw(st.integers(0, depth))
    assert resolve_layer(number, depth, task_format) == number
    jiant, xtreme = (resolve_layer(rule, depth, task_format) for rule in ("jiant", "xtreme"))
    if task_format == "rank":
        assert jiant == xtreme == depth, "as it was trained"
    else:
        assert 1 <= jiant <= depth and abs(jiant - depth * 14 / 24) <= 0.5
        assert 1 <= xtreme <= depth and (depth <= 12 or xtreme == (depth - 4 if task_format == "mine" else jiant))


@pytest.mark.parametrize("task_format", ["embed", "mine", "rank"])
@given(rule=st.text().filter(lambda word: word not in {"jiant", "xtreme", "first", "last"}))
def test_an_unknown_word_is_an_error(task_format: str, rule: str) -> None:
    with pytest.raises(InputError, match=r"unknown layer .*; expected jiant, xtreme, first, last or 0 to 12"):
        resolve_layer(rule, 12, task_format)


def test_all_layers_begin_with_the_embeddings() -> None:
    assert resolve_layers("all", 2, "embed") == (0, 1, 2)
