"""What a recipe's `robust` may say, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import tiny_record, tiny_study

from xstilts.errors import InputError
from xstilts.plan.compile import compile_study
from xstilts.recipe.recipe import Recipe
from xstilts.recipe.robust import check_robust, describe_robust
from xstilts.stages.contracts import write_config
from xstilts.stages.stage import TrainStage
from xstilts.study import Study, load_study


@pytest.mark.parametrize(
    ("robust", "passes"),
    [
        ({"method": "noise", "size": 0.1}, 1),
        ({"method": "r3f"}, 2),
        ({"method": "freelb", "steps": 5}, 5),
        ({"method": "smart"}, 8 / 3),
        ({"method": "segmentation"}, 1),
        (None, 1),
    ],
)
def test_the_control_has_as_many_flops(robust: Any, passes: float) -> None:
    recipe = Recipe(robust=robust, epochs=3)
    assert recipe.passes == passes
    assert recipe.plain() == Recipe(epochs=3 * passes)
    assert Recipe(robust=robust, steps=30).plain() == Recipe(steps=round(30 * passes))


METHODS = "recipes.default.robust: expected a `method` (noise, r3f, freelb, smart, segmentation, code_mix), found "


@pytest.mark.parametrize(
    ("robust", "said"),
    [
        ({"method": "r3f", "nois": 1}, "unknown field 'recipes.default.robust.r3f.nois' (did you mean 'noise'?)"),
        (
            {"method": "free"},
            METHODS + "'free'",
        ),
        ({"steps": 2}, METHODS + "None"),
        ({"method": "noise"}, "the field 'recipes.default.robust.noise.size' is missing"),
        ({"method": "freelb", "radius": 0}, "recipes.default.robust.freelb.radius: expected a value greater than 0, found 0"),
        ("r3f", "recipes.default.robust: expected fields, such as {name: value}, found 'r3f'"),
    ],
)
def test_a_wrong_record_is_named(robust: Any, said: str) -> None:
    with pytest.raises(InputError) as error:
        tiny_study(recipes={"default": {"robust": robust}})
    assert str(error.value) == f"study: {said}"


def test_it_enters_the_key_of_its_own_phase_alone() -> None:
    plain = compile_study(tiny_study())
    null = compile_study(tiny_study(chains={"none": [], "squad": [{"mix": ["world/squad"], "recipe": {"robust": None}}]}))
    assert [stage.key for stage in plain.stages] == [stage.key for stage in null.stages]
    phase = {"mix": ["world/squad"], "recipe": {"robust": {"method": "r3f"}}}
    robust = compile_study(tiny_study(chains={"none": [], "squad": [phase]}))
    first = next(s for s in robust.stages if isinstance(s, TrainStage) and s.config.recipe.robust)
    assert write_config(first.config)["recipe"]["robust"] == {
        "method": "r3f",
        "noise": 1e-05,
        "distribution": "uniform",
        "weight": 1.0,
    }
    moved = {stage.key for stage in robust.stages} - {stage.key for stage in plain.stages}
    assert first.key in moved
    assert all("squad" in stage.slug for stage in robust.stages if stage.key in moved)


def test_ranking_takes_only_segmentation() -> None:
    with pytest.raises(InputError, match="freelb does not fit ranking"):
        check_robust(Recipe(robust={"method": "freelb"}).robust, "rank")
    check_robust(Recipe(robust={"method": "segmentation"}).robust, "rank")
    check_robust(None, "rank")
    robust = Recipe(robust={"method": "freelb"}).robust
    assert robust is not None
    assert describe_robust(robust) == "freelb (steps 2, step 0.1, init 0.1, radius 0.3)"


# -- words of other languages ------------------------------------------------------------------------------------------

TABLE = "en\tsw\tde\nhouse\tnyumba\tHaus\nwater\tmaji\tWasser\n"


def mixed_study(folder: Path, table: str = TABLE, name: str = "words.tsv", chain: Any = "world/squad", **fields: Any) -> Study:
    """Read from a file in the folder, beside its word list."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(table, encoding="utf-8")
    robust = {"method": "code_mix", "words": name, "share": 0.2, **fields}
    record = tiny_record(chains={"none": [], "plain": [chain], "mixed": [{"mix": [chain], "recipe": {"robust": robust}}]})
    (folder / "study.yaml").write_text(yaml.safe_dump(record), encoding="utf-8")
    return load_study(str(folder / "study.yaml"))


def keys(study: Study) -> list[str]:
    return [stage.key for stage in compile_study(study).stages]


def test_the_bytes_of_a_word_list_enter_the_key_and_its_path_does_not(tmp_path: Path) -> None:
    study = mixed_study(tmp_path / "a")
    plan = compile_study(study)
    stages = [s for s in plan.stages if isinstance(s, TrainStage) and s.config.recipe.robust]
    (written,) = {str(write_config(s.config)["recipe"]["robust"]) for s in stages}
    assert "'words': 'sha256:" in written and "words.tsv" not in written
    assert {s.context.words for s in stages} == {str(tmp_path / "a" / "words.tsv")}
    assert str(tmp_path) not in str([s.fingerprint for s in plan.stages])
    assert "mixed: robust; plain is its control, with as many FLOPs and no robustness" in plan.notes
    assert "robust: code_mix reads words.tsv: 2 lines; left out: 0 with fewer than two words, 0 that" in "\n".join(plan.notes)
    assert keys(study) == keys(mixed_study(tmp_path / "b", name="other.tsv"))
    moved = set(keys(study)) ^ set(keys(mixed_study(tmp_path / "c", TABLE + "big\t\tgroß\n")))
    assert {stage.key for stage in stages} < moved


def test_a_mixed_chain_without_a_plain_one_is_told_its_control(tmp_path: Path) -> None:
    (tmp_path / "words.tsv").write_text(TABLE, encoding="utf-8")
    robust = {"method": "code_mix", "words": str(tmp_path / "words.tsv"), "share": 1}
    study = tiny_study(chains={"none": [], "mixed": [{"mix": ["world/squad"], "recipe": {"robust": robust}}]})
    (said,) = [note for note in compile_study(study).notes if note.startswith("mixed: robust")]
    assert said.endswith("add a chain of the same phases with robust: null and world/squad: steps: 10")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"words": "wrods.tsv"}, r"mixed.*code_mix: .*wrods\.tsv: expected a word list \(No such file"),
        ({"share": 0}, r"share: expected a value greater than 0, found 0"),
        ({"share": 1.5}, r"share: expected a value less than or equal to 1, found 1\.5"),
        ({"languages": ["fr"]}, r"words\.tsv: it has no words of 'fr'; it has en, sw, de"),
        ({"columns": ["en", "sw"]}, r"words\.tsv, line 1: expected 2 columns, found 3"),
        ({"wrods": "x"}, r"unknown field .*code_mix\.wrods' \(did you mean 'words'\?\)"),
        (
            {"languages": ["en"]},
            r"world/squad in English: robust: code_mix replaces nothing: words of no other language are asked",
        ),
        ({"chain": "world/text"}, r"code_mix replaces words in the formats classify, choice, tag, span, and .* format mlm"),
    ],
)
def test_what_is_refused(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compile_study(mixed_study(tmp_path, **fields))


def test_training_data_without_words_of_the_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"in English: robust: code_mix replaces nothing: words\.tsv has no words of it"):
        compile_study(mixed_study(tmp_path, "de\tsw\nHaus\tnyumba\n"))


def test_it_is_described_without_a_path(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("house nyumba\n", encoding="utf-8")
    fields = {"method": "code_mix", "words": str(tmp_path / "words.txt"), "share": 0.2, "columns": ["en", "sw"]}
    robust = Recipe(robust=fields).robust
    assert robust is not None
    assert robust.passes == 1
    assert describe_robust(robust) == "code_mix (words sha256:ccec0e34369a, share 0.2, columns en sw)"
