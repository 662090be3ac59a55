"""What is behind every number of a report: how it was made, in words, and the score artefacts it was made from.

`xstilts explain` looks ids up here. The renderings carry only the ids.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from xstilts.analysis import formatting as fmt
from xstilts.analysis.best_chain import BestChain
from xstilts.analysis.best_setting import BestSetting
from xstilts.analysis.breakdown import Gap, Part
from xstilts.analysis.budget_curves import BudgetCurve
from xstilts.analysis.effective_robustness import Residual
from xstilts.analysis.encoder_interaction import SCALES, EncoderInteraction
from xstilts.analysis.gains import Gain
from xstilts.analysis.language_matrix import LanguageMatrix
from xstilts.analysis.mean_gains import MeanGain
from xstilts.analysis.results import Cell
from xstilts.analysis.retrieval_sweep import collect_sweeps
from xstilts.analysis.robustness import AttackedScore, RobustnessGain, find_pairs
from xstilts.analysis.scores import ENGLISH, NO_CHAIN
from xstilts.claims.published import PublishedComparison
from xstilts.report.findings import Findings
from xstilts.report.provenance import numbers
from xstilts.report.provenance.numbers import OTHER_LANGUAGES, write_gain, write_residual
from xstilts.report.tables.suites import compute_suite_averages


@dataclass(frozen=True)
class Origin:
    """A number as text, how it was made, and the keys of its score artefacts."""

    id: str
    text: str
    how: str
    keys: tuple[str, ...]


def find_origins(findings: Findings) -> dict[str, Origin]:
    """Every number that has an id, by id: scores, gains, means of gains, gaps, best chains, retrieval, suites, claims,
    numbers beside published ones."""
    found = [
        *_scores(findings),
        *(origin for gain in findings.gains for origin in _gains(findings, gain)),
        *(_average(findings, average) for average in findings.averages),
        *map(_part, findings.decomposition.parts),
        *(origin for gap in findings.decomposition.gaps for origin in _gaps(gap)),
        *(origin for best in findings.best for origin in _best(best)),
        *(origin for contrast in findings.contrasts for origin in _contrasts(contrast)),
        *_sweeps(findings),
        *(origin for one in findings.settings for origin in _best_setting(one)),
        *_suites(findings),
        *_claims(findings),
        *map(_published, findings.published),
        *(origin for row in findings.attacked for origin in _attacked(findings, row)),
        *(origin for one in findings.robustness for origin in _robustness(findings, one)),
        *(origin for one in findings.curves for origin in _curves(findings, one)),
        *(origin for one in findings.matrices for origin in _pairs(findings, one)),
        *(origin for one in findings.residuals for origin in _residuals(findings, one)),
    ]
    return {origin.id: origin for origin in found}


def _cells(findings: Findings, encoder: str, chain: str, control: str, target: str) -> list[Cell]:
    place = (encoder, chain, control, target)
    return [c for c in findings.results.cells if (c.encoder, c.chain, c.control, c.target) == place and c.languages]


def _keys(cells: Iterable[Cell]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cell.key for cell in cells))


def _scores(findings: Findings) -> Iterable[Origin]:
    for cell in findings.results.cells:
        for code, found in cell.languages.items():
            id = numbers.score_id(cell.encoder, cell.chain, cell.control, cell.target, code, cell.seed)
            where = f"on {cell.target} in {findings.language(code)}"
            how = f"The score of seed {cell.seed} {where}, over {found.count_examples():,} examples."
            yield Origin(id, fmt.score(found.headline), how, (cell.key,))
    for row in findings.summaries:
        keys = _keys(_cells(findings, row.encoder, row.chain, row.control, row.target))
        values = {OTHER_LANGUAGES: row.transfer} | dict(row.languages)
        for code, value in values.items():
            if value is not None:
                many = f"the {sum(code != ENGLISH for code in row.languages)} languages other than English"
                where = many if code == OTHER_LANGUAGES else findings.language(code)
                how = f"The score on {row.target} in {where}, mean over {fmt.count(len(row.seeds), 'seed')}."
                yield Origin(numbers.summary_id(row, code), fmt.score(value), how, keys)


def _gains(findings: Findings, gain: Gain) -> Iterable[Origin]:
    seeds = {seed.seed for seed in gain.seeds}
    treatment, control = _sides(findings, gain)
    keys = _keys([*treatment, *control])
    base = f"the score of {gain.baseline[0]}" if len(gain.baseline) == 1 else f"the mean score of {fmt.listed(gain.baseline)}"
    what = f"The score of {gain.chain} minus {base} on {gain.target}"
    over_seeds = f"over {fmt.count(len(seeds), 'seed')}"
    if gain.interval is not None:
        how = f"{what}, mean over the languages other than English, then {over_seeds}."
        yield Origin(numbers.gain_id(gain), write_gain(gain.interval), how, keys)
    for row in gain.languages:
        how = f"{what} in {findings.language(row.language)}, mean {over_seeds}."
        yield Origin(numbers.gain_id(gain, row.language), write_gain(row.interval), how, keys)
    for seed in gain.seeds:
        base_cells = [c for c in control if c.seed == seed.seed] or control
        own = _keys([*(c for c in treatment if c.seed == seed.seed), *base_cells])
        for language, value in ((OTHER_LANGUAGES, seed.transfer), (ENGLISH, seed.english)):
            if value is not None:
                where = "mean over the languages other than English" if language == OTHER_LANGUAGES else "in English"
                yield Origin(
                    numbers.gain_id(gain, language, seed.seed), fmt.points(value), f"{what}, {where}, seed {seed.seed}.", own
                )


def _sides(findings: Findings, gain: Gain) -> tuple[list[Cell], list[Cell]]:
    """The cells of the treatment and of the control."""
    seeds = {seed.seed for seed in gain.seeds}
    treatment = [c for c in _cells(findings, gain.encoder, gain.chain, "", gain.target) if c.seed in seeds]
    control: list[Cell] = []
    for name in gain.baseline:
        own = _cells(findings, gain.encoder, name, "", gain.target)
        control += [c for c in own if c.seed in seeds] or own
    return treatment, control


def _attacked(findings: Findings, row: AttackedScore) -> Iterable[Origin]:
    pairs = find_pairs(findings.results, row.condition)[row.encoder, row.chain, row.target].values()
    where = f"on {row.target} in {_name(findings, row.language)}, mean over {fmt.count(len(row.seeds), 'seed')}"
    how = f"The score of {row.chain} {where}, on clean test data."
    yield Origin(numbers.attacked_id(row, "clean"), fmt.score(row.clean), how, _keys(clean for clean, _ in pairs))
    how = f"The score of {row.chain} {where}. Each example counts with the worst of its variants under {row.condition}."
    yield Origin(numbers.attacked_id(row, "attacked"), fmt.score(row.attacked), how, _keys(attacked for _, attacked in pairs))


def _robustness(findings: Findings, one: RobustnessGain) -> Iterable[Origin]:
    gain = one.gain
    what = f"The drop (attacked less clean score) of {gain.chain} under {one.condition} on {gain.target}"
    intervals = {row.language: row.interval for row in gain.languages}
    for language, interval in (intervals | ({OTHER_LANGUAGES: gain.interval} if gain.interval else {})).items():
        where = f"in {_name(findings, language)}, mean over {fmt.count(len(gain.seeds), 'seed')}"
        how = f"{what}, less that of {fmt.mean_of(gain.baseline)}, {where}."
        yield Origin(numbers.robustness_id(one, language), write_gain(interval), how, gain.comparison.keys)


def _curves(findings: Findings, one: BudgetCurve) -> Iterable[Origin]:
    over = f"{fmt.listed(('clean', *one.ladder.conditions), 9)}, mean over {fmt.count(len(one.seeds), 'seed')}"
    what = f"The area under the scores of {one.chain} on {one.target} in {_name(findings, one.language)}, {over}"
    yield Origin(numbers.area_id(one, "area"), fmt.score(one.area), f"{what}, divided by the largest strength.", one.keys)
    place = (one.encoder, NO_CHAIN, one.target, one.ladder, one.language)
    none = (x.keys for x in findings.curves if (x.encoder, x.chain, x.target, x.ladder, x.language) == place)
    keys = tuple(dict.fromkeys([*one.keys, *(key for own in none for key in own)]))
    for kind, interval, words in (
        ("gain", one.gain, "less that of no chain"),
        ("robustness", one.robustness, "less that of no chain, without the difference in clean score"),
    ):
        if interval:
            yield Origin(numbers.area_id(one, kind), write_gain(interval), f"{what}, {words}.", keys)


def _pairs(findings: Findings, one: LanguageMatrix) -> Iterable[Origin]:
    for pair in one.pairs:
        texts = f"first text in {findings.language(pair.first)}, second in {findings.language(pair.second)}"
        how = (
            f"The score of {one.chain} on {one.target}, {texts}: {pair.n:,} examples of {one.condition}, mean over "
            f"{fmt.count(len(one.seeds), 'seed')}."
        )
        yield Origin(numbers.pair_id(one, pair), fmt.score(pair.score), how, one.keys)


def _residuals(findings: Findings, one: Residual) -> Iterable[Origin]:
    line, pairs = one.line, find_pairs(findings.results, one.line.condition)
    keys = _keys(cell for pair in pairs[one.encoder, one.chain, line.target].values() for cell in pair)
    what = (
        f"The log-odds of the attacked score of {one.chain} on {line.target} under {line.condition}, less those that the line "
        f"through {line.points} scores with no chain gives for its clean score, mean over the languages other than English and "
        f"{fmt.count(len(one.by_seed), 'seed')}"
    )
    yield Origin(numbers.residual_id(one, "residual"), write_residual(one.mean, one.interval), f"{what}.", keys)
    if one.over_none is not None:
        none = _keys(cell for pair in pairs.get((one.encoder, NO_CHAIN, line.target), {}).values() for cell in pair)
        text = write_residual(one.over_none, one.over_interval)
        yield Origin(numbers.residual_id(one, "over-none"), text, f"{what}, less that of no chain.", (*keys, *none))


def _name(findings: Findings, language: str) -> str:
    return "the languages other than English" if language == OTHER_LANGUAGES else findings.language(language)


def _average(findings: Findings, average: MeanGain) -> Origin:
    keys = _keys(cell for gain in average.gains for side in _sides(findings, gain) for cell in side)
    over = average.baseline[0] if len(average.baseline) == 1 else f"the mean of {fmt.listed(average.baseline)}"
    how = (
        f"The mean over {fmt.count(len(average.targets), 'target')} ({fmt.listed(average.targets, 9)}) of the gain of "
        f"{average.chain} over {over} in the languages other than English, then over {fmt.count(len(average.seeds), 'seed')}."
    )
    return Origin(numbers.average_gain_id(average), write_gain(average.interval), how, keys)


def _part(part: Part) -> Origin:
    how = (
        f"The mean over {fmt.count(len(part.targets), 'target')} ({fmt.listed(part.targets, 9)}) of the gain of {part.chain} "
        f"over no chain in {fmt.count(len(part.languages), 'language')} ({fmt.listed(part.languages, 12)}), then over seeds."
    )
    return Origin(numbers.part_id(part), write_gain(part.interval), how, part.keys)


def _gaps(gap: Gap) -> Iterable[Origin]:
    what, over = "the score in English minus the mean of the other languages", f"mean over {fmt.listed(gap.targets, 9)} and seeds"
    yield Origin(numbers.gap_id(gap, "without"), fmt.score(gap.without), f"With no chain, {what}, {over}.", gap.keys)
    yield Origin(numbers.gap_id(gap, "with"), fmt.score(gap.with_chain), f"With {gap.chain}, {what}, {over}.", gap.keys)
    how = f"The change that {gap.chain} makes to {what}, {over}."
    yield Origin(numbers.gap_id(gap, "change"), fmt.points(gap.with_chain - gap.without), how, gap.keys)


def _best(best: BestChain) -> Iterable[Origin]:
    among = f"of {fmt.count(len(best.candidates), 'chain')} on {best.target}"
    how = f"The gain of {best.best}, the largest gain {among}."
    yield Origin(numbers.best_id(best, "plain"), write_gain(best.plain), how, best.keys)
    how = f"The probability that {best.best} is the best {among} if seeds and examples were drawn again."
    yield Origin(numbers.best_id(best, "probability"), fmt.chance(best.probability), how, best.keys)
    if best.nested is not None:
        how = f"The gain of the best {among}, with the chain chosen on other {best.split}."
        yield Origin(numbers.best_id(best, "nested"), write_gain(best.nested), how, best.keys)


def _contrasts(contrast: EncoderInteraction) -> Iterable[Origin]:
    what = f"The gain of {contrast.chain} on {contrast.target} in {contrast.encoder} minus the gain in {contrast.base}"
    for scale, interval in zip(SCALES, contrast.intervals, strict=True):
        text = f"{interval.estimate:+.4f} [{interval.low:.4f}, {interval.high:.4f}]"
        yield Origin(numbers.contrast_id(contrast, scale), text, f"{what}, on the scale of {scale} (0-1).", contrast.keys)


def _sweeps(findings: Findings) -> Iterable[Origin]:
    for sweep in collect_sweeps(findings.results):
        for setting, value in sweep.scores.items():
            how = f"Retrieval accuracy on {sweep.target} after {sweep.label} at {setting.label}, mean over languages and seeds."
            id = numbers.setting_id(sweep.encoder, sweep.target, sweep.label, setting.label)
            yield Origin(id, fmt.score(value), how, sweep.keys)


def _best_setting(one: BestSetting) -> Iterable[Origin]:
    chosen = f"at the setting that was chosen for it on other {one.split}"
    how = f"The accuracy of {one.chain} minus that of no chain on {one.target}, each {chosen}."
    yield Origin(numbers.best_setting_id(one), write_gain(one.gain), how, one.keys)
    without, with_chain = f"Without {one.chain}, the accuracy on {one.target}", f"With {one.chain}, the accuracy on {one.target}"
    yield Origin(numbers.best_setting_id(one, "without"), fmt.score(one.control.accuracy), f"{without}, {chosen}.", one.keys)
    yield Origin(numbers.best_setting_id(one, "with"), fmt.score(one.treatment.accuracy), f"{with_chain}, {chosen}.", one.keys)


def _suites(findings: Findings) -> Iterable[Origin]:
    for row in compute_suite_averages(findings):
        if row.value is not None:
            how = (
                f"The {row.suite.upper()} average of {row.of} after {row.chain}, English included, mean over seeds. "
                f"Coverage of the benchmark: {row.covers}."
            )
            id = numbers.suite_average_id(row.suite, row.encoder, row.chain, row.of)
            yield Origin(id, fmt.score(row.value), how, row.keys)


def _claims(findings: Findings) -> Iterable[Origin]:
    for one in findings.claims:
        if one.measured:
            yield Origin(numbers.claim_id(one.id), one.measured, f"{one.text} {one.verdict}: {one.reason}", one.evidence)


def _published(one: PublishedComparison) -> Origin:
    what = f"the gain of {one.chain} over no chain" if one.gain else "the score without a chain"
    how = (
        f"Our number for {one.cell.id}: {what} on {one.cell.target}, mean over {fmt.count(len(one.languages), 'language')} "
        f"(English among them, if it has scores), then over {fmt.count(one.ours.seeds, 'run')}."
    )
    return Origin(numbers.published_id(one), write_gain(one.ours) if one.gain else fmt.score(one.ours.estimate), how, one.keys)
