"""Claims as records: the built-in ones are whole, and wrong ones are refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.claims.record import built_in_claims, read_claims
from xstilts.errors import InputError

GOOD: dict[str, Any] = {
    "id": "mine",
    "text": "SQuAD helps TyDiQA.",
    "source": {"document": "a talk", "basis": "recalled"},
    "kind": "comparison",
    "comparisons": [{"treatment": "squad_v1"}],
    "direction": "+",
    "population": {"targets": ["tydiqa"], "min_seeds": 2},
}


def written(folder: Path, *claims: dict[str, Any]) -> Path:
    path = folder / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": list(claims)}), encoding="utf-8")
    return path


def test_fifteen_claims_ship_each_with_its_source() -> None:
    claims = built_in_claims()
    assert len(claims) == len({claim.id for claim in claims}) == 15
    for claim in claims:
        assert claim.source.document
        assert claim.source.basis == "read" or claim.source.note, claim.id  # what was not read says what is known
    repeated = {claim.id for claim in claims if claim.source.basis == "repeated"}
    assert repeated == {"best-tasks-average", "multi-task-average", "robustness-scale-images"}


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    (claim,) = read_claims(written(tmp_path, GOOD))
    assert claim.population.languages_of("tydiqa") == ("ar", "bn", "fi", "id", "ko", "ru", "sw", "te")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tolerence": 2}, "unknown field 'tolerence' (did you mean 'tolerance'?)"),
        ({"population": {"targets": ["tydiqa"], "seeds": 3}}, "unknown field 'population.seeds' (did you mean 'min_seeds'?)"),
        (
            {"comparisons": [{"treatment": "squadv1"}]},
            "treatment: unknown task 'squadv1' (did you mean 'squad_v1'?)",
        ),
        ({"population": {"targets": ["tydiqaa"]}}, "population.targets: unknown task 'tydiqaa'"),
        ({"population": {"targets": ["tydiqa"], "languages": ["xx"]}}, "unknown language 'xx'"),
        ({"population": {"targets": ["tydiqa"], "languages": ["german"]}}, "(did you mean 'de', German?)"),
        ({"source": {"document": "a talk"}}, "the field 'source.basis' is missing"),
        ({"direction": ""}, "a comparison needs '+' or '-'"),
        ({"direction": "0"}, "a comparison needs '+' or '-', found '0'"),
        ({"kind": "null"}, "a null needs '0'"),
        ({"kind": "reported_number"}, "needs a magnitude"),
        ({"kind": "ranking", "comparisons": []}, "best: a ranking needs"),
        ({"population": {}}, "population.targets: a comparison needs"),
        ({"comparisons": [{"treatment": "each"}]}, "population.intermediate: a comparison needs"),
        ({"kind": "dataset_fact"}, "expected: a dataset_fact needs"),
        ({"kind": "dataset_fact", "quantity": "phases", "expected": {"phases": 3}}, "a dataset_fact counts examples"),
        ({"kind": "protocol_fact", "quantity": "phases", "expected": {"phase": 3}}, "{phases: ...}"),
        ({"quantity": "examples"}, "a comparison is about gains"),
        (
            {
                "comparisons": [{"treatment": "best", "control": "placebo"}],
                "population": {"targets": ["tydiqa"], "intermediate": ["qqp"]},
            },
            "is compared with none",
        ),
        (
            {
                "comparisons": [{"treatment": "mean"}],
                "population": {"targets": ["xnli"], "intermediate": ["qqp"], "own_data": "left out"},
            },
            "own_data: of 'mean'",
        ),
        ({"negated": True}, "only a universal statement can be denied"),
        ({"at_least": 10, "direction": "-"}, "only a comparison with direction '+'"),
    ],
)
def test_a_wrong_record_is_one_sentence_that_names_claim_and_field(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        read_claims(written(tmp_path, {**GOOD, **changes}))
    assert words in str(error.value)
    assert "claim mine" in str(error.value)


def test_a_wrong_file_says_what_is_expected(tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text("id: mine\ntext: no list\n", encoding="utf-8")
    with pytest.raises(InputError, match="expected a list under `claims:`"):
        read_claims(path)
    with pytest.raises(InputError, match="two claims have this id"):
        read_claims(written(tmp_path, GOOD, GOOD))
    path.write_text("claims: [3]\n", encoding="utf-8")
    with pytest.raises(InputError, match="claim 1: expected fields"):
        read_claims(path)


def test_the_how_to_shows_a_file_that_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "claim.md").read_text(encoding="utf-8")
    path = tmp_path / "claims.yaml"
    path.write_text(page.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    assert [claim.id for claim in read_claims(path)] == ["squad-helps-tydiqa", "by-its-answers"]
