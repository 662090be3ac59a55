"""The conditions of a study: how they are written, what they are called, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import tiny_record, tiny_study

from xstilts.errors import InputError
from xstilts.study import load_study

OWN = """
from xstilts.attacks.attack import Attack, Variant
from xstilts.formats.classify import Classify

ATTACK = Attack(
    name="own", title="own", description="Nothing.", level="R0", goal="invariance", formats=(Classify,), cite="",
    compose=lambda example, language, rng, budget, pool: None,
)
"""


def names(*conditions: Any) -> list[str]:
    return [condition.name for condition in tiny_study(conditions=list(conditions)).conditions]


def test_clean_is_always_there_and_no_condition_of_its_own() -> None:
    assert names() == names("clean") == []
    assert names("clean", "keyboard") == names("keyboard") == names({"attack": "keyboard"}) == ["keyboard"]


def test_a_name_says_what_differs_from_the_defaults() -> None:
    assert names({"attack": "keyboard", "budget": 0.5, "count": 8, "seed": 3}, {"attack": "keyboard", "count": 1}) == [
        "keyboard, budget 0.5, count 8, seed 3",
        "keyboard",
    ]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (["keybord"], r"conditions: no attack 'keybord' \(did you mean 'keyboard'\?\)"),
        ([{"attack": "keyboard", "cuont": 3}], r"unknown field 'conditions\.0\.cuont' \(did you mean 'count'\?\)"),
        ([{"budget": 0.1}], r"the field 'conditions\.0\.attack' is missing"),
        ([{"attack": "keyboard", "budget": 0}], r"conditions\.0\.budget: expected a value greater than 0, found 0"),
        (
            [{"attack": "keyboard", "budget": 7}],
            r"conditions: attack keyboard: budget 7, expected more than 0 and at most 1 \(.*words.*\)",
        ),
        ([{"attack": "swap", "budget": 0.5}], r"conditions: attack swap: budget 0.5, expected a whole number"),
        ([{"attack": "keyboard", "count": 0}], r"conditions\.0\.count: expected a value greater than or equal to 1, found 0"),
        (["keyboard", {"attack": "keyboard"}], "conditions: 'keyboard' is given twice; leave one out"),
        (["hotflip"], r"conditions: hotflip asks the victim's model, .*; use `xstilts attack STUDY CELL --with hotflip`"),
        ([3], r"conditions\.0: expected fields"),
        ("keyboard", r"conditions: expected a list"),
    ],
)
def test_bad_input(conditions: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tiny_study(conditions=conditions)


@pytest.mark.parametrize("written", ["own.py", {"attack": "own.py"}])
def test_an_attack_of_ones_own_is_a_file_beside_the_study(written: Any, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(tiny_record(conditions=["clean", written])))
    with pytest.raises(InputError, match=r"conditions: .*own\.py"):
        load_study(str(tmp_path / "study.yaml"))
    (tmp_path / "own.py").write_text(OWN)
    (condition,) = load_study(str(tmp_path / "study.yaml")).conditions
    assert condition.name == "own" and condition.path == str(tmp_path / "own.py")
