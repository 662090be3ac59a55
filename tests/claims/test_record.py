"""Claims as records: the built-in ones are whole, and wrong ones are refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.analysis import formatting as fmt
from xstilts.claims.published.tables import read_numbers
from xstilts.claims.record import built_in_claims, read_claims
from xstilts.errors import InputError

GOOD: dict[str, Any] = {
    "id": "mine",
    "text": "SQuAD helps TyDiQA.",
    "source": {"document": "a talk", "basis": "recalled"},
    "kind": "comparison",
    "comparisons": [{"treatment": "squad_v1"}],
    "direction": "+",
    "population": {"targets": ["tydiqa"], "min_seeds": 4},
}


def written(folder: Path, *claims: dict[str, Any]) -> Path:
    path = folder / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": list(claims)}), encoding="utf-8")
    return path


def test_every_claim_ships_with_its_source_and_its_own_tests() -> None:
    claims = built_in_claims()
    assert len(claims) == len({claim.id for claim in claims})
    for claim in claims:
        assert claim.source.document
        assert claim.source.basis == "read" or claim.source.note, claim.id  # what was not read says what is known
        assert {one.gives for one in claim.sets} == set(claim.reachable), claim.id


def test_a_claim_that_rests_on_a_table_names_its_numbers() -> None:
    """Of the first version the tables were read, and what a claim says follows from what is printed."""
    numbers, claims = read_numbers(), {claim.id: claim for claim in built_in_claims()}
    for claim in claims.values():
        if claim.source.version == "v1" and claim.kind != "property":
            assert claim.cells, claim.id
        magnitudes = [one.magnitude for one in claim.comparisons if one.magnitude is not None]
        if claim.cells and magnitudes and claim.source.basis == "read":
            assert [fmt.points(one / 100) for one in magnitudes] == [numbers[id].value for id in claim.cells], claim.id
        if claim.cells and claim.expected:
            assert [f"{count:,}" for count in claim.expected.values()] == [numbers[id].value for id in claim.cells], claim.id
    best, none = (float(numbers[id].value) for id in claims["6-v1-best-per-target"].cells)
    assert best - none == pytest.approx(claims["6-v1-best-per-target"].comparisons[0].magnitude)
    large = [float(numbers[id].value.replace(fmt.MINUS, "-")) >= 10 for id in claims["3-v1-retrieval"].cells]
    assert (len(large), sum(large)) == (14, 13)
    assert all(numbers[id].value.startswith(fmt.MINUS) for id in claims["5-v1-xnli-no-benefit"].cells)


def test_every_statement_that_is_repeated_of_the_paper_is_in_the_ledger() -> None:
    """Ids start with the number of the statement that they test; 1 to 15 are claims, 16 to 20 questions."""
    kinds: dict[int, set[str]] = {}
    for claim in built_in_claims():
        kinds.setdefault(int(claim.id.partition("-")[0]), set()).add(claim.kind)
    assert sorted(kinds) == list(range(1, 21))
    assert all(kinds[number] == {"question"} for number in range(16, 21))
    assert "ranking" in kinds[1] & kinds[2]
    assert kinds[3] == {"comparison", "replication", "property"}
    assert kinds[5] == {"no_benefit"}
    assert kinds[15] == {"dataset_fact"}
    assert {claim.population.split for claim in built_in_claims() if claim.kind == "ranking"} == {"dev"}


def test_two_versions_that_differ_are_two_claims() -> None:
    by_id = {claim.id: claim for claim in built_in_claims()}
    assert by_id["1-v1-squad-average"].comparisons[0].magnitude == 8.3
    assert by_id["1-squad-average"].comparisons[0].magnitude == 8.2
    assert by_id["6-best-per-target"].comparisons[0].magnitude == 5.4
    assert by_id["6-v1-best-per-target"].comparisons[0].magnitude == 8.1
    assert all(
        (claim.source.version == "v1") == ("-v1-" in claim.id) for claim in by_id.values() if claim.id[:2] not in ("15", "16")
    )
    assert by_id["1-v1-squad-average"].source.basis == "read"


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
        ({"direction": "0"}, "direction: expected '', '+' or '-', found '0'"),
        ({"kind": "no_effect"}, "direction: only a reported_number or comparison or replication or question has it"),
        ({"kind": "universal"}, "kind: expected 'reported_number'"),
        (
            {"population": {"targets": ["tydiqa"], "min_seeds": 2}},
            "population.min_seeds: expected a value greater than or equal to 3",
        ),
        ({"kind": "reported_number"}, "needs a magnitude"),
        ({"kind": "ranking", "comparisons": [], "direction": ""}, "best: a ranking needs"),
        ({"kind": "ranking", "direction": "", "best": ["qqp"]}, "comparisons: a ranking makes its own"),
        ({"population": {}}, "population.targets: a comparison needs"),
        ({"comparisons": [{"treatment": "alone"}]}, "population.intermediate: a comparison needs"),
        ({"kind": "dataset_fact", "direction": ""}, "expected: a dataset_fact needs"),
        ({"kind": "dataset_fact", "direction": "", "expected": {"mnlii": 3}}, "unknown task 'mnlii'"),
        ({"kind": "property", "direction": "", "quantity": "phases"}, "says: a property needs"),
        ({"kind": "property", "direction": "", "quantity": "phase"}, "quantity: expected"),
        ({"quantity": "phases"}, "quantity: only a property has it, found a comparison"),
        ({"share": 0.5}, "share: only a replication has it"),
        ({"at_least": 10, "at_most": 5}, "at_most: expected more than at_least (10), found 5"),
        ({"than": "XLM-R", "population": {"targets": ["tydiqa"], "model": "xlm-r"}}, "than: expected another encoder"),
        ({"sets": [{"gives": "yes"}]}, "sets.0.gives: expected"),
        (
            {
                "comparisons": [{"treatment": "best", "control": "placebo"}],
                "population": {"targets": ["tydiqa"], "intermediate": ["qqp"]},
            },
            "is compared with none",
        ),
        (
            {
                "comparisons": [{"treatment": "alone"}],
                "population": {"targets": ["xnli"], "intermediate": ["qqp"], "own_data": "left out"},
            },
            "own_data: of 'alone'",
        ),
        (
            {"cells": ["phang2020-v1/dev/squad/tydiqa"]},
            "no published number is called 'phang2020-v1/dev/squad/tydiqa' (did you mean",
        ),
        (
            {"kind": "hypothesis", "comparisons": [], "direction": "", "cells": ["phang2020-v1/dev/qqp"]},
            "cells: a hypothesis rests on no number",
        ),
        ({"negated": True}, "negated: only a replication has it"),
        ({"at_least": 10, "direction": "-"}, "at_least, at_most: only with direction '+'"),
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
    assert [claim.id for claim in read_claims(path)] == ["squad-helps-tydiqa", "by-its-answers", "most-tasks-help"]
