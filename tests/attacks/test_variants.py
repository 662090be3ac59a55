"""A fixed set of variants: what is asked for, what is refused, what is counted."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from xstilts.attacks.attack import Attack, Pool
from xstilts.attacks.registry import ATTACKS, find_attack
from xstilts.attacks.variants import make_variants
from xstilts.errors import InputError
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.mlm import MlmExample
from xstilts.formats.tag import TagExample

PAIRS = [
    ClassifyExample("a", ("The painter sold a picture.", "A picture was sold."), "1"),
    ClassifyExample("b", ("1 + 1", "NS"), "0"),
    ClassifyExample("c", ("Nobody came.", "Nobody came."), "1"),
]


def variants(name: str, examples: Any = PAIRS, language: str = "en", **more: Any) -> Any:
    return make_variants(find_attack(name), examples, language, **{"seed": 0, **more})


def test_ids_sources_and_what_could_not_be_edited() -> None:
    made = variants("keyboard", count=3)
    assert [v.example.id for v in made.variants] == ["a#0", "a#1", "a#2", "c#0", "c#1", "c#2"]
    assert [v.source for v in made.variants] == ["a"] * 3 + ["c"] * 3
    assert made.untouched == ("b",)


def test_a_variant_that_was_drawn_before_is_left_out() -> None:
    made = variants("symmetry", count=4)
    assert [v.example.id for v in made.variants] == ["a#0"]
    assert made.repeated == 3
    assert made.untouched == ("b", "c"), "a text is missing; both texts are the same"


def test_an_attack_on_the_cut_copies_every_example() -> None:
    """Also one that has no words: the number says which cut is drawn."""
    made = variants("segmentation", count=2)
    assert [(v.example.id, v.draw) for v in made.variants] == [(f"{e.id}#{n}", n) for e in PAIRS for n in (0, 1)]
    assert [v.example.texts for v in made.variants] == [e.texts for e in PAIRS for _ in range(2)]
    assert not made.untouched and not made.repeated and not any(v.edits for v in made.variants)


def test_another_process_makes_the_same_bytes() -> None:
    """The order of sets differs from process to process."""
    code = "from tests.attacks.test_variants import everything; print(everything(), end='')"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**_environment(), "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {everything()}


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONIOENCODING": "utf-8"}


def everything() -> str:
    """Variants of all attacks on the embedded world."""
    from xstilts.tasks.registry import CATALOGUE
    from xstilts.world import WorldConfig, generate

    lines = []
    for task in ("nli", "paraphrase", "squad", "ner"):
        tables = {code: list(generate(WorldConfig(test=12), task, "test", code)) for code in ("en", "l2")}
        parallel = {code: {e.id: e for e in table} for code, table in tables.items()}
        for attack in ATTACKS.values():
            if not attack.misfits(CATALOGUE[f"world/{task}"].format, f"world/{task}"):
                made = make_variants(attack, tables["en"], "en", seed=1, count=2, pool=Pool(tables["en"], parallel))
                lines.append(repr((attack.name, made)))
    return "\n".join(lines)


def test_the_first_variant_stays_what_it_is() -> None:
    """If not, raise the version of the attack: stores hold variants under it."""
    made = variants("characters", [PAIRS[0]], count=2, budget=0.3)
    assert [v.example.texts for v in made.variants] == GOLDEN


GOLDEN = [
    ("The painter soold a picture.", "A picture was ssld."),
    ("The painter sold a picturre.", "A pitcure was sold."),
]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"budget": 0},
            r"attack keyboard: budget 0, expected more than 0 and at most 1 \(share of words, one edit each\); the us",
        ),
        ({"budget": 1.5}, "attack keyboard: budget 1.5, expected more than 0 and at most 1"),
        ({"budget": float("nan")}, "attack keyboard: budget nan, expected more than 0"),
        ({"name": "punctuation", "budget": 1.5}, r"attack punctuation: budget 1.5, expected a whole number \(changes\)"),
        ({"count": 0}, "attack keyboard: 0 variants of each example, expected 1 or more"),
        ({"language": "zh"}, "attack keyboard: language zh is left out: people type sounds and choose the character"),
        ({"language": "iw"}, r"attack keyboard: language iw is left out: unknown language 'iw' \(write 'he', Hebrew\)"),
        ({"examples": [*PAIRS, PAIRS[0]]}, "attack keyboard: the id 'a' occurs twice; ids of examples must be unique"),
        (
            {"examples": [MlmExample("t", ("text",))]},
            "attack keyboard: example t is a MlmExample; it is for classify, choice, tag",
        ),
    ],
)
def test_what_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        variants(**{"name": "keyboard", **change})


def test_examples_of_another_format() -> None:
    with pytest.raises(InputError, match="attack symmetry: example t is a TagExample; it is for classify"):
        variants("symmetry", [TagExample("t", ("a",), ("O",))])


@pytest.mark.parametrize("attack", [a for a in ATTACKS.values() if a.vary], ids=lambda attack: attack.name)
def test_words_are_edited_with_an_empty_pool(attack: Attack) -> None:
    """Nothing but the example is needed. The text has something for each of them."""
    example = ClassifyExample("a", ("Der große Händler verkauft Gemälde", "Café"), "1")
    assert make_variants(attack, [example], "de", seed=0, pool=Pool()).variants
