"""Fake results under attack: conditions that break a given share of each chain's right answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tests.analysis.fake_results import chain, controls, make_results, target
from xstilts.analysis.results import Cell, ConditionInfo, LanguageScore, Results

NLI = chain("nli", "snli")
TARGETS = (target("pawsx", chance=0.5), target("xnli", chance=1 / 3))
ATTACKS = ("noise", "pairs")


def break_share(cell: Cell, share: float, effective: float = 1.0, seen: float | None = 0.8) -> Cell:
    """The cell with that share of its right answers made wrong, spread evenly."""
    languages = {}
    for code, score in cell.languages.items():
        counts_NC = score.counts_NC.copy()
        right = np.flatnonzero(counts_NC[:, 0])
        counts_NC[right[:: max(1, round(1 / share))] if share else [], 0] = 0
        headline = float(counts_NC[:, 0].mean())
        attack = {
            "effective": effective,
            "seen": seen,
            "success": 1 - headline / score.headline,
            "consistent": 0.9,
            "passed": 0.5,
        }
        languages[code] = LanguageScore({"accuracy": headline}, headline, score.ids_N, counts_NC, attack=attack)
    return replace(cell, languages=languages, key=f"{cell.key}~attacked-{share}")


def attacked(
    shares: Mapping[str, float],
    skill: Mapping[str, float] | None = None,
    effective: float = 1.0,
    seen: float | None = 0.8,
) -> Results:
    """Results in which each condition breaks so much of a chain's right answers: `shares` by chain."""
    skill = skill or {"none": 0.7, "nli": 0.75}
    levels = {(name, info.name): level for name, level in skill.items() for info in TARGETS}
    chains = [info for info in (chain("none"), NLI, *controls(NLI)) if info.name in skill]
    results = make_results(chains=chains, targets=TARGETS, skill=levels)
    cells = tuple(break_share(cell, shares[cell.chain], effective, seen) for cell in results.cells if cell.chain in shares)
    words = ("Noise.", "invariance", "1 variant", "")
    infos = tuple(ConditionInfo(name, name, *words, name, "share of words", 0.1, 1, 0) for name in ATTACKS)
    return replace(results, conditions=infos, attacked=dict.fromkeys(ATTACKS, cells))
