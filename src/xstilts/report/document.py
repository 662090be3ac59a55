"""The report as a document, before any markup. Each rendering (HTML, PDF, Markdown) sets it in its own way.

The answer comes first, with the gains on the same screen; then what qualifies it, the gains by language, and the scores.
Everything else is an appendix: folded on the page, after the rest in print. A folded section says its gist in its title. Sections
without content are left out, so the report of an unfinished study is short.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from xstilts.analysis import formatting as fmt
from xstilts.analysis.example_choice import TargetExamples
from xstilts.claims.ledger import ClaimResult, describe_numbers
from xstilts.claims.published import describe_population
from xstilts.report.answer.limitations import list_limitations
from xstilts.report.answer.quality import describe_quality, quality_table
from xstilts.report.figures.bars import make_cost_bars
from xstilts.report.figures.budget import make_budget_figure
from xstilts.report.figures.dots import make_language_plots, make_part_plots
from xstilts.report.figures.drawing import PanelFigure, RowFigure
from xstilts.report.figures.forest import make_comparison_forest, make_gain_forest
from xstilts.report.figures.heat_map import HeatMap, make_heat_maps
from xstilts.report.figures.language_map import LanguageMaps, make_language_maps
from xstilts.report.figures.layers import make_layer_figure
from xstilts.report.figures.matrix import make_matrices
from xstilts.report.figures.scale import make_scale_figure, make_scale_forest
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, claim_id
from xstilts.report.references import list_references
from xstilts.report.registration import describe_registration, design_table, list_deviations
from xstilts.report.tables import cost
from xstilts.report.tables.breakdown import best_table, describe_best, gaps_table, parts_table
from xstilts.report.tables.calibration import calibration_table, describe_calibration
from xstilts.report.tables.conditions import ITEMS, items_table, keep_conditions
from xstilts.report.tables.coverage import coverage_table, edits_table
from xstilts.report.tables.data import describe_licences, targets_table, training_table
from xstilts.report.tables.effective import list_unfitted, residuals_table
from xstilts.report.tables.encoders import contrast_table
from xstilts.report.tables.gains import comparisons_table, control_tables
from xstilts.report.tables.language_pairs import describe_matrices, matrices_table
from xstilts.report.tables.learned import learned_table
from xstilts.report.tables.other_tests import TITLE, describe_other_tests, other_tests_table
from xstilts.report.tables.pictures import (
    describe_pictures,
    picture_tables,
    pictures_by_language,
    pictures_table,
)
from xstilts.report.tables.published import describe_published, list_covered_papers, published_table
from xstilts.report.tables.retrieval import best_settings_table, group_sweeps, retrieval_table
from xstilts.report.tables.robustness import (
    areas_table,
    broken_tables,
    controls_table,
    describe_hidden,
    describe_robustness,
    languages_table,
    list_conditions,
    robustness_table,
)
from xstilts.report.tables.scores import scores_table
from xstilts.report.tables.setup import chains_table, describe_method, recipes_table, shared_data_table
from xstilts.report.tables.suites import suite_tables
from xstilts.report.tables.table import Table, make_table
from xstilts.report.tables.truth import describe_truth, truth_table

LONG_MAPS = 300  # names and numbers; maps by language with more are folded
LONG_TABLE = 30  # rows; a longer table is folded if a figure shows the same
GROUPS = (
    "The same gains, averaged over groups of targets and of languages. These averages are not corrected for the number of "
    "comparisons. Treat a difference between groups as a question for another study, not as a result."
)
AVERAGES = (
    "The averages that a leaderboard shows. They include English, so they are not transfer gains: an average can rise "
    "because English rises."
)


@dataclass(frozen=True)
class Text:
    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Bullets:
    kind: ClassVar[str] = "bullets"
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class ExampleBrowser:
    """Examples that a reader filters, on the page only."""

    kind: ClassVar[str] = "examples"
    targets: tuple[TargetExamples, ...]


@dataclass(frozen=True)
class Fold:
    """Details inside a section that most readers skip: folded on the page."""

    kind: ClassVar[str] = "fold"
    title: str
    blocks: tuple[Block, ...]


Block = Text | Bullets | Heading | Table | HeatMap | LanguageMaps | RowFigure | PanelFigure | ExampleBrowser | Fold
Place = Literal["lead", "body", "appendix"]


@dataclass(frozen=True)
class Section:
    """`place`: beside the answer on the first screen; below it; or in the appendix, where `gist` stands beside the folded
    title."""

    title: str
    blocks: tuple[Block, ...]
    place: Place = "appendix"
    gist: str = ""


@dataclass(frozen=True)
class Document:
    findings: Findings
    sections: tuple[Section, ...]
    foot: str


def build_document(findings: Findings) -> Document:
    results = findings.results
    works = [f"{work.entry} [{work.why}]" for work in list_references(findings)] if results.targets else []
    tests = other_tests_table(findings)
    limitations = list_limitations(findings)
    own = any(one.decided and one.comparisons and one.verdict == one.outcome for one in findings.claims)  # by no proxy
    sections = (
        Section("Transfer gains", _gains(findings), "lead"),
        Section(
            f"The truth, which the {results.study} knows", _introduce(describe_truth(findings), truth_table(findings)), "body"
        ),
        Section("What qualifies the answer", _bullets(findings.answer.support), "body"),
        Section("Missing results", _keep([*map(Text, cost.describe_missing(findings)), cost.failed_table(findings)]), "body"),
        Section("Gains by language", _languages(findings), "body"),
        Section(
            "Gains by encoder",
            _keep([make_scale_figure(findings) or make_scale_forest(findings), contrast_table(findings)]),
            "body",
        ),
        Section("Scores", _scores(findings), "body"),
        Section("Pictures", _pictures(keep_conditions(findings, "ablation")), "body"),
        Section("Robustness", _robustness(keep_conditions(findings, "attack")), "body"),
        Section("Minimum functionality", _items(keep_conditions(findings, "items")), "body"),
        Section("Claims", _claims(findings), "body" if own else "appendix", _count_claims(findings)),
        Section("Examples", *_examples(findings)),
        Section("Method", _method(findings), gist=next(iter(describe_method(findings)), "")),
        Section("The study's own comparisons", _comparisons(findings)),
        Section("Frozen design", _registration(findings), gist=next(iter(describe_registration(findings.registration)), "")),
        Section("What the chains learned", _keep([learned_table(findings)])),
        *(Section(title, (Text(text), table)) for title, text, table in control_tables(findings)),
        Section("Gains by group", _introduce(GROUPS, *_groups(findings))),
        _retrieval(findings),
        Section("Benchmark averages", _introduce(AVERAGES, *suite_tables(findings))),
        Section("Published numbers beside ours", tuple(_published(findings))),
        Section("Calibration of this study", _calibration(findings)),
        Section("Limitations", _bullets(limitations)),
        Section(
            "Quality of the evidence",
            _introduce(describe_quality(findings), quality_table(findings)),
            gist=describe_quality(findings),
        ),
        Section("Cost", _cost(findings), gist=cost.describe_savings(findings)),
        Section(TITLE, _introduce(describe_other_tests(findings), tests and Fold("Every gain", (tests,)))),
        Section("Protocol notes", _bullets(results.notes)),
        Section("References", _bullets(works)),
    )
    foot = f"xstilts {results.version} · {results.made} · fingerprint {results.fingerprint}"
    return Document(findings, tuple(section for section in sections if section.blocks), foot)


def _keep(blocks: Iterable[Block | None]) -> tuple[Block, ...]:
    return tuple(block for block in blocks if block is not None)


def _introduce(text: str, *blocks: Block | None) -> tuple[Block, ...]:
    """A text and the blocks that it introduces; nothing without a block."""
    found = _keep(blocks)
    return (Text(text), *found) if found else ()


def _bullets(lines: Sequence[str]) -> tuple[Block, ...]:
    return (Bullets(tuple(lines)),) if lines else ()


def _fold_if_long(title: str, table: Table | None) -> Block | None:
    return Fold(title, (table,)) if table is not None and table.rows > LONG_TABLE else table


def _method(findings: Findings) -> tuple[Block, ...]:
    recipes = recipes_table(findings)
    details = _keep(
        [
            recipes if recipes and len(recipes.columns) > 1 else None,
            targets_table(findings),
            training_table(findings),
            *_bullets([f"{info.name}: {info.notes}" for info in findings.results.targets if info.notes]),
        ]
    )
    return _keep(
        [
            Bullets((*describe_method(findings), *describe_licences(findings))),
            chains_table(findings),
            shared_data_table(findings),
            *details,
        ]
    )


def _registration(findings: Findings) -> tuple[Block, ...]:
    """What was decided before the run, and what deviates from it."""
    found = findings.registration
    said = [Text(sentence) for sentence in describe_registration(found)]
    if found is None:
        return tuple(said)
    table = design_table(found.frozen.design)
    return _keep([*said, *_bullets(list_deviations(found)), Fold("What was frozen", (table,)) if table else None])


def _gains(findings: Findings) -> tuple[Block, ...]:
    """What the answer is about, for the first screen."""
    own = make_comparison_forest(findings)
    return _keep([*([own] if own else []), *make_heat_maps(findings), None if own else make_gain_forest(findings)])


def _languages(findings: Findings) -> tuple[Block, ...]:
    """The maps by language; those of many languages are folded, as they would be most of what stands on the page."""
    maps = make_language_maps(findings)
    if maps is None or sum(len(map.rows) * (1 + len(map.chains)) for map in maps.maps) <= LONG_MAPS:
        return _keep([maps])
    names = {row.name for map in maps.maps for row in map.rows}
    return (Fold(f"Maps of {len(names)} languages", (maps,)),)


def _comparisons(findings: Findings) -> tuple[Block, ...]:
    """The study's own comparisons, if it asks about one chain against another; the gains over no chain are beside them."""
    table = comparisons_table(findings)
    if table is None:
        return ()
    text = (
        "The study asks about one chain against another. Both chains are fine-tuned in the same way and compared seed by seed on "
        "the same examples. Holm's correction covers these comparisons only. Their means over targets are corrected separately."
    )
    if any(len(others) > 1 for _, others in findings.results.compare):
        text += " A chain that is compared with several chains is compared with the mean of their scores, seed by seed."
    return _keep([Text(text), _fold_if_long("Every comparison in numbers", table), make_gain_forest(findings)])


def _scores(findings: Findings) -> tuple[Block, ...]:
    others, english = scores_table(findings, english=False), scores_table(findings, english=True)
    details = _keep([english, make_language_plots(findings)])
    return _keep([others, Fold("Scores in English and by language", details) if details else None])


def _pictures(findings: Findings) -> tuple[Block, ...]:
    """What pictures give; nothing in a study without them."""
    table, languages = pictures_table(findings), pictures_by_language(findings)
    examples = tuple(picture_tables(findings))
    return _keep(
        [
            Text(describe_pictures(findings)) if table else None,
            *_bullets(list_conditions(findings) if table else ()),
            _fold_if_long("Every chain, target and condition", table),
            Fold("By language", (languages,)) if languages else None,
            Fold("Examples, and where models look", examples) if examples else None,
        ]
    )


def _robustness(findings: Findings) -> tuple[Block, ...]:
    """What attacks leave of the scores; nothing in a study without conditions."""
    table = robustness_table(findings)
    if table is None:
        return _introduce("The test data were to be attacked:", *_bullets(list_conditions(findings)))
    languages, controls, areas = languages_table(findings), controls_table(findings), areas_table(findings)
    effective = _keep([residuals_table(findings), *_bullets(list_unfitted(findings))])
    edits, (coverage, reasons) = edits_table(findings), coverage_table(findings)
    hidden = describe_hidden(findings)
    broken: tuple[Block, ...] = (*broken_tables(findings), *([Text(hidden)] if hidden else []))
    return _keep(
        [
            Text(describe_robustness(findings)),
            *_bullets(list_conditions(findings)),
            _fold_if_long("Every chain, target and condition", table),
            *_introduce("By the strength of the attack:", make_budget_figure(findings)),
            Fold("Areas under these curves", (areas,)) if areas else None,
            *_pairs(findings),
            Fold("Effective robustness", effective) if effective else None,
            Fold("By language", (languages,)) if languages else None,
            Fold("Over controls and other chains", (controls,)) if controls else None,
            Fold("How much was edited", (edits,)) if edits else None,
            Fold("Where each attack applies, and why not elsewhere", _keep([coverage, *_bullets(reasons)])),
            Fold("Examples that attacks broke", broken) if broken else None,
        ]
    )


def _items(findings: Findings) -> tuple[Block, ...]:
    """What chains get right of items that stand alone; nothing in a study without such conditions."""
    table, (coverage, reasons) = items_table(findings), coverage_table(findings)
    return _keep(
        [
            Text(ITEMS) if findings.results.conditions else None,
            *_bullets(list_conditions(findings)),
            _fold_if_long("Every chain, target, condition and language", table),
            Fold("Where there are items, and why not elsewhere", _keep([coverage, *_bullets(reasons)])) if coverage else None,
        ]
    )


def _pairs(findings: Findings) -> tuple[Block, ...]:
    """Pairs of languages; many matrices are folded."""
    said, table, maps = describe_matrices(findings), matrices_table(findings), make_matrices(findings)
    many = maps is not None and sum(len(map.rows) ** 2 for map in maps.maps) > LONG_MAPS
    folded = _keep([table, maps if many else None])
    return _keep(
        [
            Text(said) if said else None,
            None if many else maps,
            Fold("Pairs of languages: every chain and target", folded) if folded else None,
        ]
    )


def _groups(findings: Findings) -> Iterable[Block | None]:
    yield _fold_if_long("Every group in numbers", parts_table(findings))
    yield make_part_plots(findings)
    yield gaps_table(findings)
    if sentence := describe_best(findings):
        yield Text(sentence)
    yield best_table(findings)


def _retrieval(findings: Findings) -> Section:
    text = (
        "Retrieval uses sentence vectors without training on the target, so the score also depends on the layer, the pooling and "
        "the centring. Compare a gain at all of these settings, and compare it with an encoder with random weights: that encoder "
        "already matches words that are spelled alike."
    )
    blocks: list[Block] = [Text(text)]
    best = best_settings_table(findings)
    blocks += [best] if best else []
    title = "Retrieval, plain and centred"
    for (encoder, target), own in group_sweeps(findings).items():
        figure = make_layer_figure(findings, own)
        title = "Retrieval by layer" if figure else title
        blocks += _keep([Heading(findings.label(target, encoder)), figure, retrieval_table(findings, own)])
    return Section(title, tuple(blocks) if len(blocks) > 1 else ())


def _examples(findings: Findings) -> tuple[tuple[Block, ...], Place, str]:
    """The browser of examples: blocks, place and gist of its section."""
    if not findings.examples:
        return (), "appendix", ""
    shown, total = (sum(values) for values in zip(*((len(one.examples), one.total) for one in findings.examples), strict=True))
    gist = f"{shown:,} of {total:,} test examples with the answers of every chain, by language, right or wrong, and disagreement."
    text = (
        f"{shown:,} of {total:,} test examples, for each target the same number in each language, of one seed. Up to half of "
        "them are chosen because the scores of chains differ, so they are no sample: count nothing on them."
    )
    hidden = dict.fromkeys(f"{one.target}: ids only, since {one.hidden}." for one in findings.examples if one.hidden)
    where = "“xstilts.examples” shows all of them in Python."
    return (Text(" ".join([text, *hidden, where])), ExampleBrowser(findings.examples)), "appendix", gist


def _claims(findings: Findings) -> tuple[Block, ...]:
    """The claims that this study decides, with their evidence. Those about data sets, which no run decides, are folded."""
    found = findings.claims
    if not found:
        return ()
    decided = [one for one in found if one.decided]
    gains, facts = (_claims_table([one for one in decided if bool(one.comparisons) is about]) for about in (True, False))
    others = [one.verdict for one in found if not one.decided]
    counts = fmt.listed(f"{others.count(verdict)} {verdict}" for verdict in dict.fromkeys(others))
    text = (
        f"{_count_claims(findings)} The others: {counts or 'none'}. “xstilts claims {findings.results.study}” gives the reasons."
    )
    return _keep([gains, Fold("Claims about the data", (facts,)) if facts else None, Text(text)])


def _claims_table(claims: Sequence[ClaimResult]) -> Table | None:
    rows = [
        (
            f"{one.text} ({one.source})",
            one.verdict,
            describe_numbers(one),
            Number(one.measured, claim_id(one.id)) if one.measured else "",
            one.coverage,
            one.reason,
            fmt.listed((key[:12] for key in one.evidence), 2),
        )
        for one in claims
    ]
    columns = ("claim", "verdict", "claimed and published", "measured", "coverage", "why", "evidence")
    caption = "Decided by a fixed rule from the score artefacts of this study, which are named as evidence."
    return make_table(caption, columns, rows)


def _count_claims(findings: Findings) -> str:
    decided = sum(one.decided for one in findings.claims)
    return f"This study decides {decided or 'none'} of {fmt.count(len(findings.claims), 'claim')} in the ledger."


def _published(findings: Findings) -> Iterable[Block]:
    for paper, found in list_covered_papers(findings):
        table = published_table(findings, paper, found)
        yield Text(describe_published(found))
        yield Fold("Every number and the published one", (table,)) if table.rows > LONG_TABLE else table
        yield Text("What differs between theirs and ours:")
        yield Bullets(describe_population(paper, findings.results, found))


def _calibration(findings: Findings) -> tuple[Block, ...]:
    text = describe_calibration(findings)
    return _keep([Text(text) if text else None, calibration_table(findings)])


def _cost(findings: Findings) -> tuple[Block, ...]:
    if not findings.results.costs:
        return ()
    return _keep(
        [
            Text(cost.describe_savings(findings)),
            make_cost_bars(findings.kinds),
            cost.cost_table(findings),
            cost.phases_table(findings) if findings.phases else None,
            *_bullets(findings.anomalies),
            cost.slowest_table(findings),
        ]
    )
