"""Other tests of the same gains: that each is the test it says it is, when they may speak, and what a reader sees."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.analysis.fake_results import chain, make_results, target
from xstilts.analysis.other_tests import OtherTests
from xstilts.metrics.effects import sign_flip_test, stochastic_order, superiority
from xstilts.metrics.multiplicity import benjamini_hochberg
from xstilts.report.document import build_document
from xstilts.report.findings import Findings, compute_findings
from xstilts.report.render.html import render_html
from xstilts.report.render.latex import render_latex
from xstilts.report.render.markdown import render_markdown
from xstilts.report.tables.other_tests import TITLE, describe_other_tests, other_tests_table
from xstilts.report.write import write_report

CHAINS = (chain("none"), chain("mid", "snli"), chain("bad", "qqp"), replace(chain("mid~p", "snli", placebo=True), of="mid"))
TARGETS = (target("xnli", chance=0.2), target("pos"))


def analysed(seeds: int, *, noise: float = 0.004, mid: float = 0.6) -> Findings:
    skill = {(c.name, t.name): 0.5 for c in CHAINS for t in TARGETS}
    skill |= {("mid", "xnli"): mid, ("bad", "xnli"): 0.42}
    results = make_results(chains=CHAINS, targets=TARGETS, skill=skill, seeds=tuple(range(seeds)), noise=noise, n=200)
    return compute_findings(replace(results, targets=TARGETS), 300)


@pytest.fixture(scope="module")
def six() -> Findings:
    return analysed(6)


def named(analysis: Findings, chain_name: str, target_name: str) -> OtherTests:
    return next(one for one in analysis.tests if (one.gain.chain, one.gain.target) == (chain_name, target_name))


def test_there_is_a_row_for_each_gain_over_none_and_none_for_a_control(six: Findings) -> None:
    assert [one.gain for one in six.tests] == [gain for gain in six.gains_over("none") if not gain.control]
    assert len(six.tests) == 4
    raw = [one.gain.interval.p for one in six.tests if one.gain.interval and one.gain.interval.p]
    assert [one.p_bh for one in six.tests] == benjamini_hochberg(raw)


def test_seeds_are_those_of_the_gain(six: Findings) -> None:
    for one in six.tests:
        by_seed = [seed.transfer for seed in one.gain.seeds if seed.transfer is not None]
        assert one.p_sign == sign_flip_test(by_seed)
        assert [check.gain for check in one.checkpoints] == pytest.approx(by_seed)
        assert one.least_sign == 2 / 64
        scores = [
            [np.mean([cell.languages[c].headline for c in ("de", "sw")]) for cell in six.results.cells if place(cell) == wanted]
            for wanted in ((one.gain.chain, one.gain.target), ("none", one.gain.target))
        ]
        assert one.superiority == superiority(*scores)
        assert one.order == stochastic_order(*scores)
        assert one.reverse == stochastic_order(*reversed(scores))


def place(cell: object) -> tuple[str, str]:
    return cell.chain, cell.target  # type: ignore[attr-defined]


def test_all_tests_find_what_is_there_and_its_direction(six: Findings) -> None:
    up, down, null = (named(six, *names) for names in (("mid", "xnli"), ("bad", "xnli"), ("mid", "pos")))
    assert set(up.says().values()) == {1} and len(up.says()) == 4
    assert set(down.says().values()) == {-1}
    assert up.disagree == down.disagree == ()
    assert up.languages == ("de", "sw")
    assert down.languages == ("de", "sw")
    assert null.languages == ()


def test_what_few_seeds_cannot_say_is_not_said() -> None:
    three, one = analysed(3), analysed(1)
    clear = named(three, "mid", "xnli")
    assert (clear.p_sign, clear.least_sign, clear.order) == (0.25, 0.25, None)
    assert set(clear.says()) == {"Benjamini-Hochberg", "checkpoints"}
    lone = named(one, "mid", "xnli")
    assert (lone.p_sign, lone.superiority, lone.order) == (None, None, None)
    table = other_tests_table(three)
    assert table is not None
    assert "the smallest possible p is 0.250" in table.caption and "needs 5 seeds" in table.caption
    alone = other_tests_table(one)
    assert alone is not None and "sign flips" not in alone.columns


def test_checkpoints_that_all_differ_while_seeds_do_not_agree_are_told() -> None:
    """Seeds that vary by far more than examples explain: single pairs differ clearly, in both directions."""
    one = named(analysed(6, noise=0.15, mid=0.4), "mid", "xnli")
    assert one.gain.verdict == "unclear"
    assert {check.decide(0.05) for check in one.checkpoints} >= {1, -1}
    assert "checkpoints: a gain with one seed, a loss with another" in one.disagree


def test_near_chance_nothing_disagrees(six: Findings) -> None:
    clear = named(six, "mid", "xnli")
    assert replace(clear, gain=replace(clear.gain, verdict="near chance")).disagree == ()
    unclear = replace(clear, gain=replace(clear.gain, verdict="unclear"))
    assert unclear.disagree == (
        "Benjamini-Hochberg: gain",
        "sign flips: gain",
        "checkpoints: gain",
        "stochastic order: gain",
    )
    assert "1 of 4 gains" in describe_other_tests(replace(six, tests=(unclear, *six.tests[1:])))


def test_every_rendering_has_the_table_at_its_end(six: Findings, tmp_path: Path) -> None:
    text = render_markdown(build_document(six))
    assert text.index("## Claims") < text.index(f"## {TITLE}") < text.index("## References")
    assert "6 of 6 (" in text
    assert "<summary>Every gain</summary>" in render_html(build_document(six))
    assert "6 of 6 (" in render_latex(six)["tests"].replace("~", " ")
    write_report(six, tmp_path)
    with (tmp_path / "tests.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["chain"], row["target"]) for row in rows] == [(one.gain.chain, one.gain.target) for one in six.tests]
    for row, one in zip(rows, six.tests, strict=True):
        assert [float(p) for p in row["p_checkpoints"].split()] == [check.p for check in one.checkpoints]
        assert float(row["p_bh"]) == one.p_bh
        assert row["named"] == ("" if one.gain.target == "pos" else "de sw")


def test_nothing_to_test_is_no_table() -> None:
    lone = compute_findings(make_results(chains=[chain("none")], targets=[target("xnli")], skill={("none", "xnli"): 0.5}), 50)
    assert lone.tests == ()
    assert other_tests_table(lone) is None
    assert TITLE not in render_markdown(build_document(lone))
