"""Every number of a report has an id: the text of the number carries it, and `origins.py` says what is behind it.

An id is readable, stable from run to run, and made of the place of the number in the study, such as
gain/xlm-roberta-large/squad/tydiqa/sw. An interval and a p value belong to the id of their estimate.
"""

from __future__ import annotations

from xstilts.analysis.best_chain import BestChain
from xstilts.analysis.breakdown import OVERALL, Gap, Part
from xstilts.analysis.encoder_interaction import EncoderInteraction
from xstilts.analysis.gains import Gain
from xstilts.analysis.mean_gains import MeanGain
from xstilts.analysis.scores import NO_CHAIN, Summary

OTHERS = "others"


class Number(str):
    """The text of a number, with its id. Plain text to all that do not ask."""

    id: str

    def __new__(cls, text: str, id: str) -> Number:
        made = super().__new__(cls, text)
        made.id = id
        return made


def _place(*names: str) -> str:
    return "/".join(name for name in names if name)


def gain_id(gain: Gain, language: str = OTHERS, seed: int | None = None) -> str:
    over = f"over-{gain.against}" if gain.against != NO_CHAIN else ""
    one = f"seed-{seed}" if seed is not None else ""
    return _place("gain", gain.encoder, gain.chain, gain.target, over, language, one)


def score_id(encoder: str, chain: str, control: str, target: str, language: str = OTHERS, seed: int | None = None) -> str:
    one = f"seed-{seed}" if seed is not None else ""
    return _place("score", encoder, f"{chain}~{control}" if control else chain, target, language, one)


def summary_id(row: Summary, language: str = OTHERS) -> str:
    return score_id(row.encoder, row.chain, row.control, row.target, language)


def part_id(part: Part, seed: int | None = None) -> str:
    axis = "" if part.axis == OVERALL else part.axis
    one = f"seed-{seed}" if seed is not None else ""
    return _place("mean-gain", part.encoder, part.chain, _word(axis), _word(part.group), one)


def compared_id(average: MeanGain, seed: int | None = None) -> str:
    over = f"over-{'+'.join(average.baseline)}"
    one = f"seed-{seed}" if seed is not None else ""
    return _place("mean-gain", average.encoder, average.chain, over, _word(average.group), one)


def gap_id(gap: Gap, side: str) -> str:
    """`side`: without | with | change."""
    return _place("transfer-gap", gap.encoder, gap.chain, side)


def best_id(best: BestChain, sort: str) -> str:
    """`sort`: plain | probability | nested."""
    return _place("best-chain", best.encoder, best.target, sort)


def contrast_id(contrast: EncoderInteraction, scale: str) -> str:
    return _place("contrast", contrast.encoder, contrast.chain, contrast.target, scale)


def claim_id(name: str) -> str:
    return _place("claim", _word(name))


def setting_id(encoder: str, target: str, chain: str, setting: str) -> str:
    return _place("retrieval", encoder, target, chain, _word(setting))


def average_id(suite: str, encoder: str, chain: str, of: str) -> str:
    return _place("average", suite, encoder, chain, _word(of))


def _word(text: str) -> str:
    return text.replace(",", "").replace(" ", "-").replace("'", "")
