"""Means by group are the means of the gains in it, with intervals that fit; axes on which nothing differs are left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis.breakdown import (
    ALL,
    BY_FAMILY,
    BY_SCRIPT,
    BY_SIZE,
    BY_TASK,
    ENGLISH_ONLY,
    NOT_RETRIEVAL,
    OVERALL,
    family,
    script,
)
from xstilts.analysis.results import Results
from xstilts.data.cc100 import CC100_GIB, SIZES, find_size_group
from xstilts.metrics.significance import LEVEL
from xstilts.report.findings import compute_findings
from xstilts.report.tables.breakdown import gaps_table, parts_table

CHAINS = (chain("none"), chain("squad", "squad_v1"), chain("nli", "mnli"))
TARGETS = (
    target("tydiqa", format="span", languages=("en", "sw", "th", "zh", "bn", "hi")),
    target("xnli", languages=("en", "sw", "th", "ur"), trains_on="mnli"),
    target("tatoeba", format="embed", languages=("de", "sw")),
)


def results(seeds: tuple[int, ...] = (0, 1, 2)) -> Results:
    skill = {(c.name, t.name): 0.5 + 0.08 * (c.name == "squad") for c in CHAINS for t in TARGETS}
    return make_results(chains=CHAINS, targets=TARGETS, skill=skill, seeds=seeds, n=150)


def gain_of(found: Results, name: str, on: str, codes: tuple[str, ...], seed: int) -> float:
    cells = {(c.chain, c.target, c.seed): c for c in found.cells if not c.control}
    one, two = cells[name, on, seed], cells["none", on, seed]
    return float(np.mean([one.languages[code].headline - two.languages[code].headline for code in codes]))


def test_a_part_is_the_mean_over_targets_of_the_mean_over_languages() -> None:
    found = results()
    parts = {(p.axis, p.group, p.chain): p for p in compute_findings(found, 200).decomposition.parts}
    groups = {
        (OVERALL, ALL): {"tydiqa": ("sw", "th", "zh", "bn", "hi"), "xnli": ("sw", "th", "ur"), "tatoeba": ("de", "sw")},
        (OVERALL, NOT_RETRIEVAL): {"tydiqa": ("sw", "th", "zh", "bn", "hi"), "xnli": ("sw", "th", "ur")},
        (OVERALL, ENGLISH_ONLY): {"tydiqa": ("en",), "xnli": ("en",)},
        (BY_TASK, "question answering"): {"tydiqa": ("sw", "th", "zh", "bn", "hi")},
        (BY_FAMILY, "Indo-Aryan"): {"tydiqa": ("bn", "hi"), "xnli": ("ur",)},
        (BY_SIZE, "less than 10 GiB"): {"tydiqa": ("sw", "bn"), "xnli": ("sw", "ur"), "tatoeba": ("sw",)},
    }
    for (axis, group), members in groups.items():
        part = parts[axis, group, "squad"]
        expected = [np.mean([gain_of(found, "squad", on, codes, seed) for on, codes in members.items()]) for seed in (0, 1, 2)]
        assert part.targets == tuple(members)
        assert part.seeds == pytest.approx(expected)
        assert part.interval.estimate == pytest.approx(np.mean(expected))
        assert part.interval.low < part.interval.estimate < part.interval.high
        keys = {c.key for c in found.cells if c.target in members and c.chain in ("none", "squad")}
        assert set(part.keys) == keys


def test_a_part_of_one_target_has_the_interval_of_its_gain() -> None:
    found = results()
    analysis = compute_findings(found, 4000)
    part = next(p for p in analysis.decomposition.parts if (p.group, p.chain) == ("question answering", "squad"))
    gain = next(g for g in analysis.gains_over("none") if (g.target, g.chain) == ("tydiqa", "squad"))
    assert gain.interval is not None
    width = gain.interval.high - gain.interval.low
    assert part.interval.estimate == pytest.approx(gain.interval.estimate)
    assert part.interval.high - part.interval.low == pytest.approx(width, rel=0.25)
    assert part.interval.level == LEVEL


def test_what_does_not_count_is_left_out() -> None:
    parts = compute_findings(results(), 200).decomposition.parts
    whole = {part.chain: part.targets for part in parts if (part.axis, part.group) == (OVERALL, ALL)}
    assert whole == {"squad": ("tydiqa", "xnli", "tatoeba"), "nli": ("tydiqa", "tatoeba")}


def test_chains_stand_in_the_order_of_the_study() -> None:
    found = replace(results(), targets=TARGETS[1:], cells=tuple(c for c in results().cells if c.target != "tydiqa"))
    chains = (found.chains[0], found.chains[2], found.chains[1])  # nli, whose first target does not count, before squad
    found = replace(found, chains=chains)
    split = compute_findings(found, 200).decomposition
    assert list(dict.fromkeys(part.chain for part in split.parts)) == ["nli", "squad"]
    assert "squad" in [gap.chain for gap in split.gaps]


def test_axes_on_which_nothing_differs_are_left_out() -> None:
    one = target("tydiqa", format="span", languages=("en", "l1", "l2"))
    skill = {(c.name, "tydiqa"): 0.5 for c in CHAINS}
    found = compute_findings(make_results(chains=CHAINS, targets=(one,), skill=skill, n=60), 100).decomposition
    assert found.axes() == (OVERALL,)
    assert BY_SCRIPT in compute_findings(results(), 100).decomposition.axes()


def test_the_gap_is_english_less_the_others() -> None:
    found = results()
    analysis = compute_findings(found, 100)
    gap = next(gap for gap in analysis.decomposition.gaps if gap.chain == "squad")
    assert gap.targets == ("tydiqa", "xnli")
    assert gap.without == pytest.approx(0.11, abs=0.02)  # English is .1 better in the fake results, and falls by rank
    assert float(np.mean(gap.seeds)) == pytest.approx(gap.with_chain - gap.without)
    assert gaps_table(analysis) is not None


def test_one_seed_and_no_scores() -> None:
    parts = compute_findings(results((0,)), 100).decomposition.parts
    assert all(len(part.seeds) == 1 and part.interval.low <= part.interval.estimate <= part.interval.high for part in parts)
    empty = compute_findings(replace(results(), cells=()), 100)
    assert empty.decomposition.parts == ()
    assert parts_table(empty) is None


def test_languages_have_a_family_a_script_and_a_size() -> None:
    assert (family("de"), family("sw"), family("xx")) == ("Germanic", "Niger-Congo", "not known")
    assert (script("hi"), script("l1"), script("xx")) == ("Devanagari", "Qaaa", "not known")
    assert (find_size_group("ru"), find_size_group("el"), find_size_group("sw"), find_size_group("yo")) == SIZES
    assert min(CC100_GIB.values()) == CC100_GIB["jv"]
