"""Pre-training from scratch: from a folder of text to a model that plain transformers loads and a study takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import transformers
from tests.conftest import tiny_study
from tests.forking import run_forked

from xstilts.errors import InputError
from xstilts.execution.execute import execute
from xstilts.plan.compile import Plan, compile_study
from xstilts.plan.pretrain import Pretraining, check_free, compile_pretraining, make_pretraining, summarise
from xstilts.stages.export import export_encoder
from xstilts.store.store import Store
from xstilts.tasks.registry import CATALOGUE
from xstilts.world import WorldConfig, generate

pytestmark = [pytest.mark.tiny, pytest.mark.usefixtures("forked_workers")]
SMALL = ["recipes.default.batch=8", "recipes.default.max_length=32", "architectures.own.positions=34", "scratch.own.sample=20000"]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """The embedded world's documents in two languages, under codes that real corpora have."""
    folder = tmp_path / "own"
    folder.mkdir()
    for code, language in (("en", "en"), ("sw", "l2")):
        lines = [example.texts[0] + "\n" for example in generate(WorldConfig(text=150), "text", "train", language)]
        (folder / f"{code}.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture
def translations(tmp_path: Path) -> Path:
    folder = tmp_path / "aligned"
    folder.mkdir()
    pairs = [e.texts for e in generate(WorldConfig(text=150, pair_rate=1.0), "text", "train", "l2") if len(e.texts) == 2]
    (folder / "sw.tsv").write_text("".join(f"{foreign}\t{english}\n" for foreign, english in pairs))
    return folder


def small(text: Path, parallel: Path | None = None, *changes: str) -> Pretraining:
    return make_pretraining(text, parallel, 12, 300, {"layers": 1, "hidden": 16}, changes=[*SMALL, *changes])


def keys(plan: Plan) -> dict[str, str]:
    return {f"{stage.kind} {stage.slug}": stage.key for stage in plan.stages}


def test_the_plan_is_data_tokenizer_encoder_and_one_training(text: Path, translations: Path) -> None:
    plan, trained = compile_pretraining(small(text))
    assert [stage.kind for stage in plan.stages] == ["fetch", "fetch", "tokenizer", "encoder", "train"]
    assert trained is plan.stages[-1]
    assert trained.config.recipe.steps == 12
    assert trained.config.mixture.smoothing == 0.3
    shape = trained.inputs.init.config.source.architecture
    assert shape.model_copy(update={"layers": 1, "heads": 1, "feed_forward": 64, "positions": 34}) == shape
    _, both = compile_pretraining(small(text, translations))
    assert [t.name for t in both.config.tasks] == ["text/own", "parallel/aligned"]
    assert (both.config.mixture.sampling, both.config.mixture.share_heads) == ("uniform", True)


def test_the_same_text_elsewhere_has_the_same_keys(text: Path, tmp_path: Path) -> None:
    before = keys(compile_pretraining(small(text))[0])
    moved = tmp_path / "elsewhere" / "own"
    moved.parent.mkdir()
    text.rename(moved)
    del CATALOGUE["text/own"]  # as in another process
    assert keys(compile_pretraining(small(moved))[0]) == before
    (moved / "sw.txt").write_text("Nyingine kabisa.\n")
    after = keys(compile_pretraining(small(moved))[0])
    assert {name for name in before if before[name] == after[name]} == {"fetch text.own-train-en"}


def test_text_and_translations_become_one_model_that_a_study_takes(text: Path, translations: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    plan, trained = compile_pretraining(small(text, translations))
    state = execute(plan, store, workers=1)
    assert not state.errors
    assert export_encoder(store, trained, tmp_path / "model") == "AutoModelForMaskedLM"
    assert summarise(store, trained).startswith("12 steps, ")
    model, info = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not [name for name in info["missing_keys"] if "position_ids" not in name]
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    assert model.config.vocab_size == len(tokenizer) <= 300
    assert tokenizer.unk_token_id not in tokenizer((text / "sw.txt").read_text()[:500])["input_ids"]
    again, _ = compile_pretraining(small(text, translations))
    assert execute(again, store).cached == {stage.key for stage in plan.stages}
    recipes = {"default": {"max_length": 32, "steps": 10}}
    assert compile_study(tiny_study(encoders=[str(tmp_path / "model")], pretrain=[], recipes=recipes)).cells


def test_what_is_wrong_is_said_before_anything_runs(text: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        small(tmp_path / "nowhere")
    with pytest.raises(
        InputError, match=r"max_length 64 is more than the encoder's 32 positions; --set architectures.own.positions=66"
    ):
        small(text, None, "recipes.default.max_length=64")
    with pytest.raises(InputError, match=r"unknown field 'scratch.own.vocab'"):
        small(text, None, "scratch.own.vocab=300")
    with pytest.raises(InputError, match=r"hidden \(16\) must be a multiple of heads \(3\)"):
        small(text, None, "architectures.own.heads=3")
    with pytest.raises(InputError, match="not an empty folder"):
        check_free(text)


def test_the_command(text: Path, tmp_path: Path) -> None:
    words = ["pretrain", text, "-o", "model", "--steps", "4", "--vocabulary", "200", "--layers", "1", "--hidden", "16"]
    words += [word for change in SMALL for word in ("--set", change)] + ["--workers", "1"]
    for message in ("AutoModelForMaskedLM written to model: 4 steps", "model: not an empty folder"):
        done = run_forked(*words, cwd=tmp_path, env={**os.environ, "COLUMNS": "200"})
        assert message in done.stdout + done.stderr
    assert done.returncode == 2
