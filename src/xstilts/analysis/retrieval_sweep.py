"""Retrieval at every setting: does a gain or a loss hold at another layer, another pooling, with or without centring?

Retrieval has no training, so its score also depends on which vectors are taken. A comparison says little about what was learned
if it changes its sign, or shrinks below one point, once the vectors are centred or each side has the setting that suits it
best. The sweep has accuracies only, no intervals. The embeddings (layer 0) are left out of the counts: no chain can do much
there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import Cell, Results
from xstilts.analysis.scores import ENGLISH, NO_CHAIN

LITTLE = 0.01
POOLING_WORDS = {"mean": "mean", "mean_content": "mean without special tokens", "cls": "first token"}


@dataclass(frozen=True, order=True)
class SweepSetting:
    """Where sentence vectors are taken from, and whether each language's mean is taken away."""

    layer: int
    pooling: str
    centred: bool

    @property
    def label(self) -> str:
        centring = "centred" if self.centred else "plain"
        return f"layer {self.layer}, {POOLING_WORDS.get(self.pooling, self.pooling)}, {centring}"


@dataclass(frozen=True)
class Sweep:
    """Accuracy (0-1) of one chain or control at every setting, mean over languages and seeds. `label` as in the tables."""

    encoder: str
    target: str
    label: str
    scores: Mapping[SweepSetting, float]
    keys: tuple[str, ...]


def average_accuracies(cells: Sequence[Cell], languages: Collection[str] = ()) -> dict[SweepSetting, float]:
    """Mean over `languages` and over cells, at the settings that all cells have. Without `languages` it is the mean over all but
    English, or English if there is no other."""
    found = []
    for cell in cells:
        values: dict[SweepSetting, list[float]] = {}
        others = languages or {point.language for point in cell.layers} - {ENGLISH} or {ENGLISH}
        for point in cell.layers:
            if point.language in others:
                values.setdefault(SweepSetting(point.layer, point.pooling, point.centred), []).append(point.accuracy)
        found.append({setting: float(np.mean(own)) for setting, own in values.items()})
    shared = set.intersection(*map(set, found)) if found else set()
    return {setting: float(np.mean([own[setting] for own in found])) for setting in sorted(shared)}


def collect_sweeps(results: Results) -> tuple[Sweep, ...]:
    """One for every encoder, retrieval target and chain (or control) that was swept, `none` first, controls last."""
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in sorted(results.cells, key=lambda cell: (cell.control != "", cell.chain != NO_CHAIN)):
        if cell.layers:
            label = f"{cell.chain}, {cell.control} control" if cell.control else cell.chain
            groups.setdefault((cell.encoder, cell.target, label), []).append(cell)
    return tuple(Sweep(*place, average_accuracies(cells), tuple(cell.key for cell in cells)) for place, cells in groups.items())


@dataclass(frozen=True)
class Shift:
    """What becomes of a retrieval gain (0-1) elsewhere. `kept` of `of` settings have its sign and at least one point.
    `other_centring` is the gain if centring is turned on or off, `best` the gain with each side at its own best setting."""

    gain: Gain
    reported: SweepSetting
    kept: int
    of: int
    other_centring: float | None
    best: float

    @property
    def vanishes(self) -> bool:
        """Whether the other centring or the best settings leave less than a point of it, or most settings do."""
        return 2 * self.kept < self.of or any(
            not _same(self._sign, value) for value in (self.other_centring, self.best) if value is not None
        )

    @property
    def _sign(self) -> int:
        return 1 if self.gain.interval is not None and self.gain.interval.estimate > 0 else -1


def _same(sign: int, value: float) -> bool:
    return sign * value >= LITTLE


def find_shift(results: Results, gain: Gain) -> Shift | None:
    """None if nothing was swept, or not at the setting that is reported."""
    if len(gain.baseline) > 1 or gain.interval is None:
        return None
    pair = gain.comparison
    treatment = average_accuracies(pair.treatment)
    control = average_accuracies([cells[0] for cells in pair.control])
    layer = pair.treatment[0].layer
    settings = [setting for setting in treatment if setting in control and setting.layer > 0]
    if layer is None:
        return None
    reported = SweepSetting(layer, results.pooling, results.centred)
    other = SweepSetting(layer, results.pooling, not results.centred)
    if reported not in settings:
        return None
    sign = 1 if gain.interval.estimate > 0 else -1
    return Shift(
        gain=gain,
        reported=reported,
        kept=sum(_same(sign, treatment[setting] - control[setting]) for setting in settings),
        of=len(settings),
        other_centring=treatment[other] - control[other] if other in settings else None,
        best=max(treatment[setting] for setting in settings) - max(control[setting] for setting in settings),
    )


def describe_shift(found: Shift, name: str) -> str:
    """What the answer says of it; `name` is that of the pair."""
    interval = found.gain.interval
    assert interval is not None
    noun = "gain" if interval.estimate > 0 else "loss"
    where = f"{fmt.points(interval.estimate)} points at {found.reported.label}"
    turned = ""
    if found.other_centring is not None:
        other = "plain" if found.reported.centred else "centred"
        turned = f"{other}, at the same layer, it is {fmt.points(found.other_centring)}; "
    rest = (
        f"{turned}with each side at its own best setting {fmt.points(found.best)}; its sign and at least a point of it "
        f"are kept at {found.kept} of {found.of} settings"
    )
    if found.vanishes:
        return f"The retrieval {noun} of {name} ({where}) vanishes at another setting: {rest}."
    return f"The retrieval {noun} of {name} ({where}) does not depend on one setting: {rest}."
