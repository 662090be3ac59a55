"""The nested best chain: honest under the null, where the plain maximum is not; the same where one chain is really best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis.best_chain import BestChain
from xstilts.analysis.results import Results
from xstilts.report.findings import compute_findings
from xstilts.report.tables.breakdown import best_table, describe_best

NAMES = tuple(f"c{i}" for i in range(8))
CHAINS = (chain("none"), *(chain(name, f"task{name}") for name in NAMES))
LANGUAGES = ("en", "de", "sw", "th", "ur")


def results(best: str = "", languages: tuple[str, ...] = LANGUAGES, seeds: tuple[int, ...] = (0, 1), shift: int = 0) -> Results:
    targets = tuple(target(f"t{shift}-{i}", languages=languages) for i in range(4))
    skill = {(c.name, t.name): 0.5 + 0.25 * (c.name == best) for c in CHAINS for t in targets}
    return make_results(chains=CHAINS, targets=targets, skill=skill, seeds=seeds, noise=0.03, n=100)


def found(of: Results) -> tuple[BestChain, ...]:
    return compute_findings(of, 50).best


def test_under_the_null_the_plain_maximum_is_too_large_and_the_nested_one_is_not() -> None:
    rows = found(results())
    plain = float(np.mean([row.plain.estimate for row in rows]))
    nested = float(np.mean([row.nested.estimate for row in rows if row.nested]))
    assert plain > 0.02
    assert abs(nested) < 0.5 * plain
    assert all(1 / 8 < row.probability < 0.9 for row in rows)  # the largest of eight equals is not known to be the best


def test_a_chain_that_is_best_is_chosen_everywhere_and_both_agree() -> None:
    for row in found(results("c3")):
        assert row.best == "c3"
        assert row.probability > 0.8  # two seeds leave a doubt
        assert row.chosen == {"c3": 8}
        assert row.split == "seeds, languages and examples"
        assert row.nested is not None
        assert row.nested.estimate == pytest.approx(row.plain.estimate)


@pytest.mark.parametrize(
    ("languages", "seeds", "split", "choices"),
    [
        (LANGUAGES, (0,), "languages and examples", 4),
        (("en", "de"), (0, 1), "seeds and examples", 4),
        (("en", "de"), (0,), "examples", 2),
        (LANGUAGES, (0, 1, 2), "seeds, languages and examples", 12),
    ],
)
def test_what_can_be_split_is(languages: tuple[str, ...], seeds: tuple[int, ...], split: str, choices: int) -> None:
    for row in found(results("c3", languages, seeds)):
        assert (row.split, sum(row.chosen.values())) == (split, choices)
        assert row.nested is not None


def test_equal_chains_share_the_chance_of_being_the_best() -> None:
    made = results("c3", seeds=(0, 1, 2))
    twin = {(c.target, c.seed): c.languages for c in made.cells if c.chain == "c3"}
    cells = tuple(replace(c, languages=twin[c.target, c.seed]) if c.chain == "c5" else c for c in made.cells)
    for row in found(replace(made, cells=cells)):
        assert row.best in ("c3", "c5")
        assert row.probability <= 0.5


def test_one_candidate_is_no_choice() -> None:
    of = results()
    alone = type(of)(**{**of.__dict__, "chains": of.chains[:2]})
    assert found(alone) == ()
    assert best_table(compute_findings(alone, 50)) is None


def test_the_sentence_quotes_both() -> None:
    text = describe_best(compute_findings(results(), 50))
    assert "4 targets" in text
    assert "Quote the second number." in text
