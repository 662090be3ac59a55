"""A study's own comparisons: what they measure, what they answer, and that a study without them is as before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.analysis.fake_results import ACCURACY, chain, make_results, target
from xstilts.analysis.comparison import mean_headline
from xstilts.analysis.gains import compute_chain_gains
from xstilts.analysis.mean_gains import compute_mean_gains
from xstilts.analysis.results import LanguageScore, Results
from xstilts.analysis.scores import collect_tallies
from xstilts.metrics.metric import Counts
from xstilts.metrics.multiplicity import holm
from xstilts.metrics.significance import gain_interval
from xstilts.report.document import build_document
from xstilts.report.figures.drawing import Dot
from xstilts.report.figures.forest import make_comparison_forest
from xstilts.report.findings import Findings, compute_findings
from xstilts.report.provenance.explain import explain
from xstilts.report.provenance.numbers import average_gain_id, gain_id
from xstilts.report.provenance.origins import find_origins
from xstilts.report.render.csv import GAIN_COLUMNS, PART_COLUMNS, gain_rows, part_rows, to_csv
from xstilts.report.render.html import render_html
from xstilts.report.render.latex import render_latex
from xstilts.report.render.markdown import render_markdown
from xstilts.report.tables.gains import comparisons_table

ONE = (("squad_de", ("squad",)),)
TWO = (("both", ("squad", "nli")), ("squad_de", ("squad",)))
SKILL = {"none": 0.4, "squad": 0.5, "nli": 0.44, "squad_de": 0.6, "both": 0.62}


def study(
    compare: Sequence[tuple[str, tuple[str, ...]]] = TWO, skill: Mapping[str, float] = SKILL, seeds: int = 3, **more: Any
) -> Results:
    infos = [target("tydiqa"), target("xquad", languages=("en", "de", "sw", "th")), target("tatoeba", format="embed")]
    made = make_results(
        chains=[chain("none"), *(chain(name, "squad_v1") for name in skill if name != "none")],
        targets=infos,
        skill={(name, info.name): value for name, value in skill.items() for info in infos},
        seeds=range(seeds),
        **more,
    )
    return replace(made, compare=tuple(compare))


@pytest.fixture(scope="module")
def analysis() -> Findings:
    return compute_findings(study(), 1000)


def test_a_chain_over_one_other_is_the_plain_comparison_of_the_two(analysis: Findings) -> None:
    gain = next(g for g in analysis.gains_over("chain") if (g.chain, g.target) == ("squad_de", "tydiqa"))
    cells = {(c.chain, c.seed): c for c in analysis.results.cells if c.target == "tydiqa"}
    ones, twos = ([cells[name, seed] for seed in range(3)] for name in ("squad_de", "squad"))
    for codes, interval in ((("de", "sw"), gain.interval), (("en",), gain.english)):
        plain = gain_interval(collect_tallies(ones, codes), collect_tallies(twos, codes), ACCURACY.headline, resamples=1000)
        assert interval is not None
        assert interval.estimate == pytest.approx(plain.estimate)
        assert (interval.low, interval.high) == pytest.approx((plain.low, plain.high), abs=0.003)  # other draws
        assert interval.p == pytest.approx(plain.p, rel=0.2, abs=1e-6)
        assert interval.note == plain.note
    assert gain.over == "chain"
    assert gain.against == "squad"
    assert gain.verdict == "gain"


def test_the_mean_of_several_is_the_mean_of_their_scores_seed_by_seed(analysis: Findings) -> None:
    gain = next(g for g in analysis.gains_over("chain") if (g.chain, g.target) == ("both", "xquad"))
    score = {
        (c.chain, c.seed, code): s.headline
        for c in analysis.results.cells
        if c.target == "xquad"
        for code, s in c.languages.items()
    }
    codes = ("de", "sw", "th")
    by_seed = [np.mean([score["both", s, c] - (score["squad", s, c] + score["nli", s, c]) / 2 for c in codes]) for s in range(3)]
    assert [seed.transfer for seed in gain.seeds] == pytest.approx(by_seed)
    assert gain.interval is not None
    assert gain.interval.estimate == pytest.approx(np.mean(by_seed))
    assert gain.baseline == ("squad", "nli")
    row = next(row for row in gain.languages if row.language == "th")
    assert row.treatment - row.control == pytest.approx(row.interval.estimate)


def test_what_the_members_of_a_mean_do_alike_is_no_noise_of_their_own() -> None:
    """Over the mean of a chain and itself is over the chain, to the bit."""
    made = study((("squad_de", ("squad", "twin")), ("squad_de", ("squad",))), {**SKILL, "twin": 0.5})
    squad = {(c.target, c.seed): c for c in made.cells if c.chain == "squad"}
    cells = tuple(replace(c, languages=squad[c.target, c.seed].languages) if c.chain == "twin" else c for c in made.cells)
    both = [g for g in compute_findings(replace(made, cells=cells), 500).gains_over("chain") if g.target == "tydiqa"]
    assert [g.baseline for g in both] == [("squad", "twin"), ("squad",)]
    assert both[0].interval == both[1].interval
    assert both[0].languages == both[1].languages


def test_the_headline_of_a_mean_is_the_mean_of_headlines_also_of_f1() -> None:
    def f1(sums: Counts) -> Counts:
        return 2 * sums[..., 0] / np.maximum(2 * sums[..., 0] + sums[..., 1] + sums[..., 2], 1)

    sums = np.random.default_rng(0).integers(1, 50, size=(4, 5, 9)).astype(float)
    expected = (f1(sums[..., :3]) + f1(sums[..., 3:6]) + f1(sums[..., 6:])) / 3
    assert mean_headline(f1, 3)(sums) == pytest.approx(expected)
    assert mean_headline(f1, 1) is f1


def test_rows_are_paired_by_id_whatever_their_order() -> None:
    made = study()
    rng = np.random.default_rng(1)

    def shuffled(score: LanguageScore, keep: int) -> LanguageScore:
        order = rng.permutation(len(score.ids_N))[:keep]
        return replace(score, ids_N=score.ids_N[order], counts_NC=score.counts_NC[order])

    def without(cells: Results, keep: int) -> Results:
        return replace(
            cells,
            cells=tuple(
                replace(c, languages={code: shuffled(s, keep) for code, s in c.languages.items()}) if c.chain == "nli" else c
                for c in cells.cells
            ),
        )

    plain, mixed = (compute_findings(one, 200).gains_over("chain") for one in (made, without(made, 300)))
    for one, other in zip(plain, mixed, strict=True):
        assert one.interval is not None
        assert other.interval is not None
        assert other.interval.estimate == pytest.approx(one.interval.estimate)
        assert (other.interval.low, other.interval.high) == pytest.approx((one.interval.low, one.interval.high), abs=1e-6)
    fewer = next(g for g in compute_findings(without(made, 200), 200).gains_over("chain") if g.chain == "both")
    assert fewer.interval is not None
    assert "paired by id on the intersection" in fewer.interval.note


def test_they_are_a_family_of_their_own(analysis: Findings) -> None:
    own = analysis.gains_over("chain")
    assert [g.p_holm for g in own] == pytest.approx(holm([g.interval.p or 0 for g in own if g.interval]))
    alone = compute_findings(replace(analysis.results, compare=()), 1000)
    assert alone.gains == tuple(g for g in analysis.gains if g.over != "chain")  # and the others do not see them
    assert not alone.gains_over("chain")
    assert not alone.averages
    assert "own comparisons" not in render_markdown(build_document(alone))
    assert alone.answer.sentence.startswith("Yes for")
    assert "over squad" not in alone.answer.sentence


def test_averages_over_targets_with_and_without_retrieval(analysis: Findings) -> None:
    found = {(one.chain, one.group): one for one in analysis.averages}
    assert set(found) == {(name, group) for name in ("both", "squad_de") for group in ("all targets", "without retrieval")}
    whole = found["both", "all targets"]
    assert whole.targets == ("tydiqa", "xquad", "tatoeba")
    gains = [g for g in analysis.gains_over("chain") if g.chain == "both"]
    expected = np.mean([[seed.transfer for seed in g.seeds] for g in gains], axis=0)
    assert whole.seeds == pytest.approx(expected)
    assert whole.interval.estimate == pytest.approx(np.mean(expected))
    assert [one.p_holm for one in analysis.averages] == pytest.approx(holm([one.interval.p or 0 for one in analysis.averages]))
    one_target = tuple(g for g in gains if g.target == "xquad")
    assert compute_mean_gains(analysis.results, one_target) == ()


def test_an_average_of_nothing_is_clear_in_few_of_many_studies() -> None:
    """60 studies without a difference, three seeds: one in twenty would be 3; 8 or more has a chance of 1.0 %."""
    said = []
    for number in range(60):
        made = study(ONE, {"none": 0.4, "squad": 0.5, "squad_de": 0.5}, n=100)
        rng = np.random.default_rng(number)
        cells = []
        for cell in made.cells:
            rows = {}
            for code, score in cell.languages.items():
                right = (rng.random(100) < 0.5).astype(float)
                counts = np.stack([right, np.ones(100)], axis=1)
                rows[code] = replace(score, headline=float(right.mean()), counts_NC=counts)
            cells.append(replace(cell, languages=rows))
        found = analyse_averages(replace(made, cells=tuple(cells)))
        said.append(found)
    assert sum(said) < 8


def analyse_averages(made: Results) -> bool:
    (whole, _) = compute_mean_gains(made, compute_chain_gains(made, (), 200))
    return (whole.interval.p or 0) <= 0.05


def test_the_answer_is_about_them_and_gains_over_none_come_second(analysis: Findings) -> None:
    answer = analysis.answer
    assert answer.verdict == "yes"
    assert answer.sentence.startswith("Yes for 6 of 6 comparisons (largest: both over mean of squad and nli on ")
    said = " ".join(answer.support)
    assert "Means over targets: both over mean of squad and nli +1" in said
    assert "correction over 6 comparisons of chains (the 12 comparisons with no chain are corrected separately)" in said
    assert "Gains over no chain: yes for 12 of 12 chain" in said


def test_a_chain_that_loses_to_the_other_is_told_so_whatever_both_gain() -> None:
    answer = compute_findings(study(ONE, {"none": 0.4, "squad": 0.6, "squad_de": 0.5}), 500).answer
    assert answer.verdict == "no"
    assert answer.sentence.startswith("No for 3 of 3 comparisons: a loss for 3 (largest: squad_de over squad on")


def test_own_data_on_either_side_is_not_counted() -> None:
    made = study(ONE)
    reuse = tuple(replace(info, trains_on="squad_v1") if info.name != "tatoeba" else info for info in made.targets)
    found = compute_findings(replace(made, targets=reuse), 200)
    assert [g.reuses_target_data for g in found.gains_over("chain")] == [True, True, False]
    assert "1 of 1 comparison" in found.answer.sentence
    assert "Not counted: 2 comparisons of chains that reuse the target's own training data" in " ".join(found.answer.support)
    assert found.averages == ()
    none = compute_findings(replace(made, targets=tuple(replace(info, trains_on="squad_v1") for info in made.targets)), 200)
    assert none.answer.sentence.startswith("No answer: in each of the study's own comparisons, a chain reuses")


def test_half_a_plan_says_what_it_has_not() -> None:
    made = study()
    cells = tuple(c for c in made.cells if c.chain != "nli" and not (c.chain == "squad" and c.seed == 0))
    found = compute_findings(replace(made, cells=cells), 200)
    assert {(g.chain, len(g.seeds)) for g in found.gains_over("chain")} == {("squad_de", 2)}
    none = compute_findings(replace(made, cells=tuple(c for c in made.cells if c.chain != "squad")), 200)
    assert none.answer.verdict == "none"
    assert none.answer.sentence == (
        "No answer yet: none of the study's own comparisons has scores on both sides for the same seed."
    )
    assert render_html(build_document(none))


def test_every_rendering_has_them_first_among_results(analysis: Findings) -> None:
    document = build_document(analysis)
    first = document.sections[0]
    assert (first.title, first.place) == ("Transfer gains", "lead")
    assert first.blocks[0] == make_comparison_forest(analysis)
    assert "The study's own comparisons" in [section.title for section in document.sections]  # in numbers
    markdown = render_markdown(build_document(analysis))
    assert "| both | mean of 3 targets | mean of squad and nli | +1" in markdown
    assert "compared with the mean of squad and nli" in markdown
    assert "mean of squad and nli" in render_latex(analysis)["compared"]
    page = render_html(build_document(analysis))
    assert "both over mean of squad and nli" in page
    forest = make_comparison_forest(analysis)
    assert forest is not None
    assert [plot.title for plot in forest.plots] == ["mean over 3 targets", "tydiqa", "xquad", "tatoeba"]
    table = comparisons_table(analysis)
    assert table is not None
    assert table.rows == 4 + 6


def test_numbers_lead_back_to_both_sides(analysis: Findings) -> None:
    known = find_origins(analysis)
    gain = next(g for g in analysis.gains_over("chain") if (g.chain, g.target) == ("both", "tydiqa"))
    assert gain_id(gain) == "gain/mini-xlmr/both/tydiqa/over-squad+nli/others"
    origin = explain(analysis, gain_id(gain)).origin
    assert set(origin.keys) == {f"{name}-tydiqa-{seed}" for name in ("both", "squad", "nli") for seed in range(3)}
    assert "minus the mean score of squad and nli on tydiqa" in origin.how
    average = analysis.averages[0]
    assert average_gain_id(average) == "mean-gain/mini-xlmr/both/over-squad+nli/all-targets"
    assert len(known[average_gain_id(average)].keys) == 3 * 9
    rows = [row for row in gain_rows(analysis) if row["against"] == "squad+nli"]
    assert {row["id"] for row in rows} <= set(known)
    assert {name for row in rows for name in row} <= set(GAIN_COLUMNS)
    means = [row for row in part_rows(analysis) if row["against"] != "none"]
    assert [row["id"] for row in means] == [average_gain_id(one) for one in analysis.averages]
    assert to_csv(part_rows(analysis), PART_COLUMNS).count("squad+nli") == 2 * 2  # against and id


def test_with_very_many_only_the_means_are_drawn(analysis: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xstilts.report.figures.forest.MOST_ROWS", 5)
    forest = make_comparison_forest(analysis)
    assert forest is not None
    assert [plot.title for plot in forest.plots] == ["mean over 3 targets"]


def test_one_seed_decides_nothing() -> None:
    found = compute_findings(study(seeds=1), 500)
    assert {g.verdict for g in found.gains} == {"few seeds"}
    assert {one.verdict for one in found.averages} == {"few seeds"}
    assert found.answer.verdict == "unclear"
    assert found.answer.sentence.startswith(
        "One seed is too few to decide; it takes 3. In these runs, the interval lies above zero for 6 of 6 comparisons (largest:"
    )
    page, markdown = render_html(build_document(found)), render_markdown(build_document(found))
    assert ' clear"' not in page
    assert "Nothing is bold or filled: it takes 3 seeds to decide." in page
    assert "a clear gain" not in page + markdown
    forest = make_comparison_forest(found)
    assert forest is not None
    marks = [mark for plot in forest.plots for row in plot.rows for mark in row.drawing.marks]
    assert {mark.look for mark in marks if isinstance(mark, Dot)} == {"unclear"}
