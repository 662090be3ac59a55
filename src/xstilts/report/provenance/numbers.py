"""The ids of a report's numbers. The text of a number carries its id, and `origins.py` says what is behind it.

An id is readable and the same from run to run. It is made of the place of the number in the study, such as
gain/xlm-roberta-large/squad/tydiqa/sw. An interval and a p value have the id of their estimate.
"""

from __future__ import annotations

from typing import Literal

from xstilts.analysis import formatting as fmt
from xstilts.analysis.best_chain import BestChain
from xstilts.analysis.best_setting import BestSetting
from xstilts.analysis.breakdown import OVERALL, Gap, Part
from xstilts.analysis.budget_curves import BudgetCurve
from xstilts.analysis.effective_robustness import Residual
from xstilts.analysis.encoder_interaction import EncoderInteraction
from xstilts.analysis.gains import Gain
from xstilts.analysis.language_matrix import LanguageMatrix
from xstilts.analysis.mean_gains import MeanGain
from xstilts.analysis.robustness import AttackedScore, RobustnessGain
from xstilts.analysis.scores import NO_CHAIN, Summary
from xstilts.claims.published import PublishedComparison
from xstilts.execution.language_pairs import PairScore
from xstilts.metrics.significance import Interval

OTHER_LANGUAGES = "others"  # stands for the mean of the languages other than English


class Number(str):
    """The text of a number, with its id. It behaves as plain text."""

    id: str

    def __new__(cls, text: str, id: str) -> Number:
        made = super().__new__(cls, text)
        made.id = id
        return made


def write_gain(interval: Interval) -> str:
    """+14.2 [11.0, 17.1]"""
    return f"{fmt.points(interval.estimate)} {fmt.bracket(interval.low, interval.high)}"


def write_residual(mean: float, interval: Interval | None) -> str:
    """+0.12 [-0.03, 0.27], in log-odds; without the brackets if there is no interval"""
    text = fmt.decimal(mean)
    return f"{text} [{fmt.decimal(interval.low)},{fmt.JOIN}{fmt.decimal(interval.high)}]" if interval else text


def _join(*names: str) -> str:
    return "/".join(name for name in names if name)


def _of_seed(seed: int | None) -> str:
    return f"seed-{seed}" if seed is not None else ""


def gain_id(gain: Gain, language: str = OTHER_LANGUAGES, seed: int | None = None) -> str:
    over = f"over-{gain.against}" if gain.against != NO_CHAIN else ""
    return _join("gain", gain.encoder, gain.chain, gain.target, over, language, _of_seed(seed))


def score_id(
    encoder: str, chain: str, control: str, target: str, language: str = OTHER_LANGUAGES, seed: int | None = None
) -> str:
    return _join("score", encoder, f"{chain}~{control}" if control else chain, target, language, _of_seed(seed))


def summary_id(row: Summary, language: str = OTHER_LANGUAGES) -> str:
    return score_id(row.encoder, row.chain, row.control, row.target, language)


def part_id(part: Part) -> str:
    axis = "" if part.axis == OVERALL else part.axis
    return _join("mean-gain", part.encoder, part.chain, _clean(axis), _clean(part.group))


def average_gain_id(average: MeanGain) -> str:
    return _join("mean-gain", average.encoder, average.chain, f"over-{'+'.join(average.baseline)}", _clean(average.group))


def gap_id(gap: Gap, side: Literal["without", "with", "change"]) -> str:
    return _join("transfer-gap", gap.encoder, gap.chain, side)


def best_id(best: BestChain, value: Literal["plain", "probability", "nested"]) -> str:
    return _join("best-chain", best.encoder, best.target, value)


def contrast_id(contrast: EncoderInteraction, scale: str) -> str:
    return _join("contrast", contrast.encoder, contrast.chain, contrast.target, scale)


def attacked_id(row: AttackedScore, side: str) -> str:
    return _join("attacked", row.encoder, row.chain, row.target, _clean(row.condition), row.language, side)


def robustness_id(one: RobustnessGain, language: str = OTHER_LANGUAGES) -> str:
    over = f"over-{one.gain.against}" if one.gain.against != NO_CHAIN else ""
    return _join("robustness", one.gain.encoder, one.gain.chain, one.gain.target, over, _clean(one.condition), language)


def area_id(one: BudgetCurve, what: str) -> str:
    """`what`: area, gain or robustness."""
    ladder = _clean(f"{one.ladder.title} by {one.ladder.varied}")
    return _join("curve", one.encoder, one.chain, one.target, ladder, one.language, what)


def residual_id(one: Residual, what: str) -> str:
    """`what`: residual, or over-none."""
    return _join("effective", one.encoder, one.chain, one.line.target, _clean(one.line.condition), what)


def pair_id(one: LanguageMatrix, pair: PairScore) -> str:
    return _join("pair", one.encoder, one.chain, one.target, _clean(one.condition), f"{pair.first}-{pair.second}")


def claim_id(name: str) -> str:
    return _join("claim", _clean(name))


def published_id(one: PublishedComparison) -> str:
    return _join("published", one.encoder, one.chain, one.cell.id)


def setting_id(encoder: str, target: str, chain: str, setting: str) -> str:
    return _join("retrieval", encoder, target, chain, _clean(setting))


def best_setting_id(one: BestSetting, value: Literal["gain", "without", "with"] = "gain") -> str:
    return _join("retrieval", one.encoder, one.target, one.chain, "best-setting", value)


def suite_average_id(suite: str, encoder: str, chain: str, of: str) -> str:
    return _join("average", suite, encoder, chain, _clean(of))


def _clean(text: str) -> str:
    return text.replace(",", "").replace(" ", "-").replace("'", "")
