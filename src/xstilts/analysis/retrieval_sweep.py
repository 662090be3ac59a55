"""Retrieval at every setting: does a gain or a loss hold at another layer, another pooling, with or without centring?

Retrieval has no training, so its score also depends on which vectors are taken. A comparison says little about what was learned
if it changes its sign, or shrinks below one point, once the vectors are centred or each side has the setting that suits it
best. The sweep has accuracies only, no intervals. The embeddings (layer 0) are left out of the counts: no chain can do much
there.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

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
    `other_centring` is the gain if centring is turned on or off, `best` the gain with each side at its own best setting. It
    `vanishes` if one of these two leaves less than a point of it, or if most settings do."""

    gain: Gain
    reported: SweepSetting
    kept: int
    of: int
    other_centring: float | None
    best: float
    vanishes: bool


def find_shift(results: Results, gain: Gain) -> Shift | None:
    """None if nothing was swept, or not at the setting that is reported."""
    pair = gain.comparison
    layer = pair.treatment[0].layer
    if len(gain.baseline) > 1 or gain.interval is None or layer is None:
        return None
    treatment = average_accuracies(pair.treatment)
    control = average_accuracies([cells[0] for cells in pair.control])
    gains = {at: treatment[at] - control[at] for at in treatment if at in control and at.layer > 0}
    reported = SweepSetting(layer, results.pooling, results.centred)
    if reported not in gains:
        return None
    other_centring = gains.get(replace(reported, centred=not results.centred))
    best = max(treatment[at] for at in gains) - max(control[at] for at in gains)
    sign = 1 if gain.interval.estimate > 0 else -1
    kept = sum(sign * value >= LITTLE for value in gains.values())
    gone = any(sign * value < LITTLE for value in (other_centring, best) if value is not None)
    return Shift(gain, reported, kept, len(gains), other_centring, best, vanishes=gone or 2 * kept < len(gains))


def describe_shift(found: Shift, name: str) -> str:
    """What the answer says of it; `name` is that of the pair."""
    interval = found.gain.interval
    assert interval is not None
    turned = ""
    if found.other_centring is not None:
        other = "plain" if found.reported.centred else "centred"
        turned = f"{other}, at the same layer, it is {fmt.points(found.other_centring)}; "
    return (
        f"The retrieval {'gain' if interval.estimate > 0 else 'loss'} of {name} ({fmt.points(interval.estimate)} points at "
        f"{found.reported.label}) {'vanishes at another setting' if found.vanishes else 'does not depend on one setting'}: "
        f"{turned}with each side at its own best setting {fmt.points(found.best)}; its sign and at least a point of it are kept "
        f"at {found.kept} of {found.of} settings."
    )
